package measure_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"example.com/contend/history"
	"example.com/contend/internal/measure"
)

// shares is a history in which client i has had shares[i] ok ops. Each has also
// sent one that failed.
func shares(shares ...int) (ops []history.Op) {
	for process, n := range shares {
		ops = append(ops, history.Op{Process: process, Outcome: history.Failed})
		for range n {
			ops = append(ops, history.Op{Process: process, Outcome: history.OK})
		}
	}
	return ops
}

func TestJain(t *testing.T) {
	recorder := history.Op{Process: -1, Func: history.FinalRead, Outcome: history.OK}
	for _, tt := range []struct {
		name string
		ops  []history.Op
		want float64
	}{
		{"nothing", nil, 1},
		{"only the recorder's", []history.Op{recorder}, 1},
		{"one client", shares(7), 1},
		{"all the same", shares(3, 3, 3, 3), 1},
		{"one has everything", shares(0, 0, 9, 0), 0.25},
		{"half share everything", shares(5, 0, 5, 0), 0.5},
		{"uneven", shares(1, 3), 0.8},
		{"nobody has anything", shares(0, 0, 0), 1},
		{"the recorder is no client", append(shares(2, 2), recorder, recorder), 1},
		{"unknown is not had", append(shares(2, 2), history.Op{Process: 0, Outcome: history.Unknown}), 1},
		{"a client that got no answer counts", append(shares(4), history.Op{Process: 1, Outcome: history.Unknown}), 0.5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := measure.Jain(tt.ops); math.Abs(got-tt.want) > 1e-12 {
				t.Errorf("got %g, want %g", got, tt.want)
			}
		})
	}
}

// What the paper promises: the index is within 1/n and 1, and does not hang on
// the unit in which shares are counted.
func TestJainIsBoundedAndScaleFree(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		had := make([]int, 1+rng.IntN(20))
		for i := range had {
			had[i] = rng.IntN(30)
		}
		had[0]++ // somebody had something
		tenfold := make([]int, len(had))
		for i := range had {
			tenfold[i] = 10 * had[i]
		}
		got := measure.Jain(shares(had...))
		if got < 1/float64(len(had))-1e-12 || got > 1+1e-12 {
			t.Errorf("%v: %g is not within 1/%d and 1", had, got, len(had))
		}
		if times := measure.Jain(shares(tenfold...)); math.Abs(got-times) > 1e-12 {
			t.Errorf("%v: %g, and %g with ten times as much for each", had, got, times)
		}
	}
}
