package chart

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestSpread(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		n := rng.IntN(9)
		var wanted, heights []float64
		total := 0.0
		for range n {
			wanted = append(wanted, math.Floor(rng.Float64()*14)*20-20) // ties, and some outside
			heights = append(heights, 15+15*float64(rng.IntN(3)))
			total += heights[len(heights)-1]
		}
		top, bottom := 10.0, 10+total+math.Floor(rng.Float64()*3)*100
		checkSpread(t, wanted, heights, top, bottom)
	}
}

func checkSpread(t *testing.T, wanted, heights []float64, top, bottom float64) {
	t.Helper()
	got := spread(wanted, heights, top, bottom)
	order := make([]int, len(got))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(math.Copysign(1, got[a]-got[b])) })
	edge := top
	for at, i := range order {
		if got[i]-heights[i]/2 < edge-1e-6 {
			t.Fatalf("label %d overlaps or leaves the top: wanted %v, heights %v, got %v", i, wanted, heights, got)
		}
		if at > 0 && wanted[order[at-1]] > wanted[i] {
			t.Fatalf("order changed: wanted %v, got %v", wanted, got)
		}
		edge = got[i] + heights[i]/2
	}
	if edge > bottom+1e-6 {
		t.Fatalf("labels leave the bottom %v: wanted %v, heights %v, got %v", bottom, wanted, heights, got)
	}
}

func TestSpreadLeavesAloneWhatDoesNotCollide(t *testing.T) {
	wanted := []float64{80, 20, 50}
	if got := spread(wanted, []float64{20, 20, 20}, 0, 100); !slices.Equal(got, wanted) {
		t.Errorf("got %v, want %v", got, wanted)
	}
}

func FuzzSpread(f *testing.F) {
	f.Add([]byte{10, 10, 250, 0})
	f.Fuzz(func(t *testing.T, places []byte) {
		var wanted, heights []float64
		for _, b := range places {
			wanted, heights = append(wanted, float64(b)), append(heights, 20)
		}
		checkSpread(t, wanted, heights, 0, max(256, 20*float64(len(places))))
	})
}

func FuzzWrap(f *testing.F) {
	f.Add("busy_timeout 5000, full jitter", 80.0)
	f.Add("SQLITE_BUSY_SNAPSHOT_OF_A_LONG_WORD", 40.0)
	f.Fuzz(func(t *testing.T, text string, width float64) {
		if math.IsNaN(width) {
			width = 0
		}
		lines := wrap(text, width)
		bare := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if got, want := bare(strings.Join(lines, "")), bare(strings.ToValidUTF8(text, "\uFFFD")); strings.ToValidUTF8(text, "") == text && got != want {
			t.Errorf("text changed from %q to %q", want, got)
		}
		for _, line := range lines {
			if textWidth(line) > width && len([]rune(line)) > 1 {
				t.Errorf("%q is wider than %v", line, width)
			}
		}
	})
}

func TestShortened(t *testing.T) {
	if got := shortened("one two three four", 60, 2); len(got) != 2 || !strings.HasSuffix(got[1], "…") {
		t.Errorf("got %q, want two lines and an ellipsis", got)
	}
	if got := shortened("one", 60, 2); !slices.Equal(got, []string{"one"}) {
		t.Errorf("got %q", got)
	}
}

func TestPacked(t *testing.T) {
	rows, count := packed([]interval{{0, 10}, {5, 8}, {12, 20}, {9, 30}}, 1)
	if want := []int{0, 1, 0, 1}; !slices.Equal(rows, want) || count != 2 {
		t.Errorf("got rows %v of %d, want %v of 2", rows, count, want)
	}
}
