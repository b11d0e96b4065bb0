package node

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/store"
)

// refusals returns an attempt that is refused so many times, and notes when it
// was made.
func refusals(n int, last error, at *[]time.Duration) func(context.Context, func(*app.Tx) error) error {
	start := time.Now()
	return func(context.Context, func(*app.Tx) error) error {
		*at = append(*at, time.Since(start))
		if len(*at) <= n {
			return &store.Error{Code: "SQLITE_BUSY", Extended: "SQLITE_BUSY", Refused: true, Err: errors.New("locked")}
		}
		return last
	}
}

func TestRetriesKeepTheBackoff(t *testing.T) {
	unsure := &store.Error{Code: "SQLITE_IOERR", Extended: "SQLITE_IOERR_FSYNC", Unsure: true, Err: errors.New("disk")}
	for name, c := range map[string]struct {
		refused  int
		last     error
		attempts []time.Duration
		ok       bool
	}{
		"none refused":          {0, nil, []time.Duration{0}, true},
		"one refused":           {1, nil, []time.Duration{0, time.Second}, true},
		"all but one refused":   {3, nil, []time.Duration{0, 1 * time.Second, 3 * time.Second, 7 * time.Second}, true},
		"all refused":           {9, nil, []time.Duration{0, 1 * time.Second, 3 * time.Second, 7 * time.Second}, false},
		"unsure is not retried": {1, unsure, []time.Duration{0, time.Second}, false},
		"short is not retried":  {0, store.ErrShort, []time.Duration{0}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := New(Config{Name: "app-1", Discipline: store.Green()}, nil)
				var at []time.Duration
				x := &exchange{ctx: t.Context(), on: n.on}
				err := n.try(x, refusals(c.refused, c.last, &at), nil)
				if (err == nil) != c.ok || x.attempts != len(c.attempts) || len(at) != len(c.attempts) {
					t.Fatalf("%d attempts at %v, error %v; want them at %v", x.attempts, at, err, c.attempts)
				}
				for i := range at {
					if at[i] != c.attempts[i] {
						t.Errorf("attempt %d came after %s, want %s", i, at[i], c.attempts[i])
					}
				}
			})
		})
	}
}

func TestNobodyRetriesForAClientThatHasGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{Discipline: store.Green()}, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		var at []time.Duration
		x := &exchange{ctx: ctx, on: n.on}
		err := n.try(x, refusals(9, nil, &at), nil)
		if e, ok := errors.AsType[*store.Error](err); !ok || !e.Refused || x.attempts != 1 {
			t.Errorf("%d attempts, error %v; want one, and its refusal", x.attempts, err)
		}
	})
}

// A node that is stopping does not try again: whoever is between two attempts is answered at once.
func TestStoppingEndsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := store.Green()
		d.Backoff = store.Backoff{Base: time.Hour, Max: time.Hour}
		n := New(Config{Discipline: d}, nil)
		time.AfterFunc(time.Second, func() { close(n.ending) })
		var at []time.Duration
		began := time.Now()
		err := n.try(&exchange{ctx: t.Context(), on: n.on}, refusals(9, nil, &at), nil)
		if e, ok := errors.AsType[*store.Error](err); !ok || !e.Refused || len(at) != 1 || time.Since(began) != time.Second {
			t.Errorf("%d attempts, error %v after %s; want one, and its refusal when the node stops", len(at), err, time.Since(began))
		}
	})
}

func TestJitterComesFromSeedAndName(t *testing.T) {
	b := store.Backoff{Base: time.Second, Max: 5 * time.Second, Jitter: true}
	draw := func(seed uint64, name string) (all [8]time.Duration) {
		n := New(Config{Name: name, Seed: seed}, nil)
		for i := range all {
			all[i] = n.on.jitter.delay(b, i)
		}
		return all
	}
	first, again := draw(1, "app-1"), draw(1, "app-1")
	if first != again {
		t.Error("the same seed and name draw differently")
	}
	if first == draw(2, "app-1") || first == draw(1, "app-2") {
		t.Error("another seed or name draws the same")
	}
}

func TestLongestCoversEveryWait(t *testing.T) {
	d := store.Green()
	rng := rand.New(rand.NewPCG(1, 1))
	worst := time.Duration(0)
	for i := range d.Retries + 1 {
		worst += connectionWait + 6*d.BusyTimeout.Duration() + d.Think.Duration()
		if i < d.Retries {
			worst += d.Backoff.Delay(i, rng)
		}
	}
	if got := longest(d); got <= worst {
		t.Errorf("longest is %s, but handling may take %s", got, worst)
	}
}
