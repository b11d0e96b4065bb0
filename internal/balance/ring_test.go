package balance

import (
	"slices"
	"testing"
	"time"
)

var start = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// picks returns the next n members in turn.
func picks(r *ring, now time.Time, n int) []int {
	got := make([]int, n)
	for i := range got {
		got[i], _ = r.pick(now, 0)
	}
	return got
}

func TestRingTakesTurns(t *testing.T) {
	r := newRing(3)
	if got, want := picks(&r, start, 7), []int{0, 1, 2, 0, 1, 2, 0}; !slices.Equal(got, want) {
		t.Errorf("picks %v, want %v", got, want)
	}
}

func TestRingPassesTheEjectedOver(t *testing.T) {
	r := newRing(3)
	r.eject(1, start.Add(2*time.Second))
	if got, want := picks(&r, start, 4), []int{0, 2, 0, 2}; !slices.Equal(got, want) {
		t.Errorf("while ejected: picks %v, want %v", got, want)
	}
	if got, want := picks(&r, start.Add(2*time.Second-1), 2), []int{0, 2}; !slices.Equal(got, want) {
		t.Errorf("at the last moment: picks %v, want %v", got, want)
	}
	if got, want := picks(&r, start.Add(2*time.Second), 6), []int{1, 0, 2, 1, 0, 2}; !slices.Equal(got, want) {
		t.Errorf("after it: picks %v, want %v: one turn to catch up, and no burst", got, want)
	}
}

func TestRingTriesEachMemberOnce(t *testing.T) {
	r := newRing(3)
	r.eject(0, start.Add(time.Second))
	var tried set
	var order []int
	for {
		i, ok := r.pick(start, tried)
		if !ok {
			break
		}
		order = append(order, i)
		tried.add(i)
	}
	if want := []int{1, 2, 0}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v: the ejected one last, but tried", order, want)
	}
}

func TestRingTriesTheEjectedWhenAllAre(t *testing.T) {
	r := newRing(2)
	r.eject(0, start.Add(time.Second))
	r.eject(1, start.Add(time.Second))
	if got, want := picks(&r, start, 3), []int{0, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("picks %v, want %v", got, want)
	}
}

func TestRingBelievesChecks(t *testing.T) {
	many := func(s sight, n int) []sight { return slices.Repeat([]sight{s}, n) }
	for _, c := range []struct {
		name   string
		sights []sight
		up     bool
	}{
		{"never checked", nil, true},
		{"refused once", many(refused, 1), true},
		{"refused twice", many(refused, fallRefused), false},
		{"refused twice, but not in a row", []sight{refused, answered, refused}, true},
		{"silent through a busy_timeout", many(silent, fallSilent-1), true},
		{"silent for longer", many(silent, fallSilent), false},
		{"silence and refusal do not add up", append(many(silent, fallSilent-1), refused), true},
		{"one answer is not yet a recovery", append(many(refused, fallRefused), answered), false},
		{"two are", append(many(refused, fallRefused), many(answered, rise)...), true},
		{"silent after being refused stays down", append(many(refused, fallRefused), silent), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRing(1)
			for _, s := range c.sights {
				r.saw(0, s)
			}
			if up := r.members[0].available(start); up != c.up {
				t.Errorf("available %t, want %t", up, c.up)
			}
		})
	}
}

func TestRingTellsEachChangeOnce(t *testing.T) {
	r := newRing(2)
	if got := r.changes(start); got != nil {
		t.Errorf("at the start: %v changed", got)
	}
	r.eject(1, start.Add(time.Second))
	for i, want := range [][]int{{1}, nil} {
		if got := r.changes(start); !slices.Equal(got, want) {
			t.Errorf("look %d after the ejection: %v changed, want %v", i, got, want)
		}
	}
	if got := r.changes(start.Add(time.Second)); !slices.Equal(got, []int{1}) {
		t.Errorf("when it is over: %v changed, want [1]", got)
	}
}
