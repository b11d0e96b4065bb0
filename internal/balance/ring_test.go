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

func TestRingElectsOneWriter(t *testing.T) {
	at := func(d time.Duration) time.Time { return start.Add(d) }
	fallen := func(r *ring, i int) {
		for range fallRefused {
			r.saw(i, refused)
		}
	}
	for _, c := range []struct {
		name   string
		happen func(*ring)
		want   int
	}{
		{"the first", func(*ring) {}, 0},
		{"the first, though others are out", func(r *ring) { r.eject(1, at(time.Hour)); fallen(r, 2) }, 0},
		{"the second where the first is ejected", func(r *ring) { r.eject(0, at(time.Hour)) }, 1},
		{"the second where the first is down by the checks", func(r *ring) { fallen(r, 0) }, 1},
		{"the third where both are out", func(r *ring) { r.eject(0, at(time.Hour)); fallen(r, 1) }, 2},
		{"it stays when the one before is back", func(r *ring) { r.eject(0, at(0)); r.elect(at(-1)) }, 1},
		{"the first again when that one goes", func(r *ring) {
			r.eject(0, at(0))
			r.elect(at(-1))
			r.eject(1, at(time.Hour))
		}, 0},
		{"nobody takes over where all are out", func(r *ring) {
			for i := range r.members {
				r.eject(i, at(time.Hour))
			}
		}, 0},
		{"refused by one check alone", func(r *ring) { r.saw(0, refused) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRing(3)
			c.happen(&r)
			for range 2 { // asking changes nothing
				if got := r.elect(start); got != c.want {
					t.Errorf("writer %d, want %d", got, c.want)
				}
			}
		})
	}
}

func TestRingTriesTheWriterThenEachOther(t *testing.T) {
	for _, c := range []struct {
		name string
		out  []int
		want []int
	}{
		{"all are there", nil, []int{0, 1, 2, 3}},
		{"the first is out", []int{0}, []int{1, 2, 3, 0}},
		{"two are out", []int{0, 2}, []int{1, 3, 0, 2}},
		{"all are out", []int{0, 1, 2, 3}, []int{0, 1, 2, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRing(4)
			for _, i := range c.out {
				r.eject(i, start.Add(time.Second))
			}
			var tried set
			var order []int
			for i, ok := r.pickWriter(start, tried); ok; i, ok = r.pickWriter(start, tried) {
				order = append(order, i)
				tried.add(i)
			}
			if !slices.Equal(order, c.want) {
				t.Errorf("order %v, want %v", order, c.want)
			}
		})
	}
}

func TestRingsTurnsGoOnBesideTheWriter(t *testing.T) {
	r := newRing(3)
	var got []int
	for range 6 {
		i, _ := r.pick(start, 0)
		got = append(got, i)
		if w, _ := r.pickWriter(start, 0); w != 0 {
			t.Fatalf("writer %d", w)
		}
	}
	if want := []int{0, 1, 2, 0, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("reads go to %v, want %v", got, want)
	}
}
