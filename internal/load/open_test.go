package load

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"example.com/contend/internal/run"
)

// Both phases arrive on time, and a surge that the clients cannot serve shows
// as latency from the moment it begins and not before.
func TestSecondPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{service: 100 * time.Millisecond} // 40/s with 4 clients
		spec := run.Load{Arrival: run.Open, Clients: 4, Rate: 20, Duration: 2 * time.Second, Then: run.Phase{Rate: 80, Duration: 2 * time.Second}}
		res, err := runOn(t, t.Context(), s, spec, counter)
		if err != nil || len(res.Ops) != 200 || res.Dropped != 0 {
			t.Fatalf("%d ops, %d dropped, error %v; want 200 and 0", len(res.Ops), res.Dropped, err)
		}
		for k, op := range res.Ops { // answered in the order they came
			want := time.Duration(k) * 50 * time.Millisecond
			if k >= 40 {
				want = 2*time.Second + time.Duration(k-40)*12500*time.Microsecond
			}
			if (op.Intended - want).Abs() > time.Nanosecond {
				t.Fatalf("arrival %d was due at %s, want %s", k, op.Intended, want)
			}
			if late := op.Invoked - op.Intended; k < 40 && late != 0 {
				t.Errorf("arrival %d, of the first phase, was sent late by %s", k, late)
			}
		}
		if last := res.Ops[199]; last.Invoked-last.Intended < 1500*time.Millisecond {
			t.Errorf("the last arrival waited %s for a client: the surge does not show", last.Invoked-last.Intended)
		}
	})
}

// The grace for what waits counts from the end of the second phase.
func TestSecondPhaseCountsWhatItDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{service: time.Second}
		spec := run.Load{Arrival: run.Open, Clients: 1, Rate: 1, Duration: 3 * time.Second, Then: run.Phase{Rate: 10, Duration: 2 * time.Second}, Timeout: 2 * time.Second}
		res, err := runOn(t, t.Context(), s, spec, counter)
		if err != nil || len(res.Ops) != 7 || res.Dropped != 16 {
			t.Fatalf("%d ops, %d dropped, error %v; want 7, one a second for 5 s and 2 s of grace, and 16", len(res.Ops), res.Dropped, err)
		}
	})
}

// A load that is cancelled in its first phase never comes to its second.
func TestCancelBeforeTheSecondPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stopped := errors.New("the user has seen enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(1050*time.Millisecond, func() { cancel(stopped) })
		spec := run.Load{Arrival: run.Open, Clients: 1, Rate: 10, Duration: 2 * time.Second, Then: run.Phase{Rate: 1000, Duration: time.Second}}
		res, err := runOn(t, ctx, &server{}, spec, counter)
		if !errors.Is(err, stopped) || len(res.Ops) != 11 || res.Dropped != 0 {
			t.Errorf("%d ops, %d dropped, error %v; want 11, 0 and the cause", len(res.Ops), res.Dropped, err)
		}
	})
}
