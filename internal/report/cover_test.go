package report

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// TestCoverAgreesWithMembership compares covers of random spaces, whole and
// with gaps, with the points that they are meant to be about.
func TestCoverAgreesWithMembership(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		sizes, points, in := randomSpace(rng)
		boxes := cover(sizes, points, in)
		for i, p := range points {
			inside := slices.ContainsFunc(boxes, func(b box) bool { return b.contains(p) })
			if want := in[i] && !coincides(points, in, p); inside != want {
				t.Fatalf("point %v is in a box: %v, want %v\npoints %v\nin %v\nboxes %v", p, inside, want, points, in, boxes)
			}
		}
		for _, b := range boxes {
			if gap := missing(b, points); gap != nil {
				t.Fatalf("box %v claims %v, which was never run\npoints %v", b, gap, points)
			}
		}
		if again := cover(sizes, points, in); !reflect.DeepEqual(boxes, again) {
			t.Fatalf("cover of one space differs: %v, then %v", boxes, again)
		}
	}
}

// randomSpace returns some of the points of a space of up to five factors with
// up to four values each, seldom one of them twice. What is in follows now and
// then from few factors, as in life, and is arbitrary otherwise.
func randomSpace(rng *rand.Rand) ([]int, []point, []bool) {
	sizes := make([]int, rng.IntN(6))
	for f := range sizes {
		sizes[f] = 1 + rng.IntN(4)
	}
	density := rng.Float64()
	lawful := rng.IntN(2) == 0
	var points []point
	var in []bool
	everyPoint(sizes, func(p point) {
		for rng.Float64() < density && len(points) < 80 {
			points = append(points, slices.Clone(p))
			verdict := rng.IntN(2) == 0
			if lawful && len(p) > 1 {
				verdict = p[0] == 0 && p[1] > 0
			}
			in = append(in, verdict)
			if rng.IntN(20) > 0 {
				break
			}
		}
	})
	return sizes, points, in
}

func everyPoint(sizes []int, do func(point)) {
	p := make(point, len(sizes))
	for {
		do(p)
		f := len(p) - 1
		for ; f >= 0 && p[f] == sizes[f]-1; f-- {
			p[f] = 0
		}
		if f < 0 {
			return
		}
		p[f]++
	}
}

// coincides reports whether a point that is out lies where p lies.
func coincides(points []point, in []bool, p point) bool {
	for i, q := range points {
		if !in[i] && slices.Equal(p, q) {
			return true
		}
	}
	return false
}

// missing returns a combination of the values that b names that no point has,
// found the slow and obvious way.
func missing(b box, points []point) point {
	sizes := make([]int, len(b))
	for f, allowed := range b {
		sizes[f] = max(1, len(allowed))
	}
	var gap point
	everyPoint(sizes, func(want point) {
		agrees := func(p point) bool {
			for f, allowed := range b {
				if allowed != nil && p[f] != want[f] {
					return false
				}
			}
			return true
		}
		for f, allowed := range b {
			if allowed != nil && !allowed[want[f]] {
				return
			}
		}
		if gap == nil && !slices.ContainsFunc(points, agrees) {
			gap = slices.Clone(want)
		}
	})
	return gap
}

// TestCoverOfManyFactors holds the search to a bound where each of 18 factors
// is needed: every point out differs from the one in by a single factor.
func TestCoverOfManyFactors(t *testing.T) {
	points, in := []point{make(point, 18)}, []bool{true}
	for f := range 18 {
		p := make(point, 18)
		p[f] = 1
		points, in = append(points, p), append(in, false)
	}
	boxes := cover(slices.Repeat([]int{2}, 18), points, in)
	if len(boxes) != 1 || boxes[0].cost() != 1+2*18 {
		t.Errorf("cover = %v, want one box that names all 18 factors", boxes)
	}
}

func TestCoverOfNothing(t *testing.T) {
	if boxes := cover(nil, nil, nil); boxes != nil {
		t.Errorf("cover of no points = %v, want no box", boxes)
	}
	if boxes := cover([]int{2}, []point{{0}, {1}}, []bool{false, false}); boxes != nil {
		t.Errorf("cover of no point that is in = %v, want no box", boxes)
	}
}
