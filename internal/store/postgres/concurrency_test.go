package postgres_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/postgres"
)

// between has second commit 10 while first is between its read and its write.
func between(t *testing.T, first, second *app.DB) error {
	t.Helper()
	return first.Update(t.Context(), func(tx *app.Tx) error {
		n, err := tx.Counter("k")
		if err != nil {
			return err
		}
		must(t, second.Update(t.Context(), func(tx *app.Tx) error {
			_, err := tx.AddCounter("k", 10)
			return err
		}))
		return tx.SetCounter("k", n+1)
	})
}

// The naive application loses an update, and nobody is told.
func TestNaiveLosesAnUpdate(t *testing.T) {
	for _, style := range []store.Transaction{store.Separate, store.ReadCommitted} {
		t.Run(string(style), func(t *testing.T) {
			url := fresh(t)
			first, second := open(t, url, discipline(style), app.Options{}), open(t, url, discipline(style), app.Options{})
			must(t, between(t, first, second))
			if n := counter(t, first); n != 1 {
				t.Errorf("counter is %d, want 1: the 10 is lost", n)
			}
		})
	}
}

func TestSerializableRefuses(t *testing.T) {
	url := fresh(t)
	d := discipline(store.Serializable)
	first, second := open(t, url, d, app.Options{}), open(t, url, d, app.Options{})
	for _, before := range []int64{0, 10} { // at first there is no row
		certain(t, storeError(t, between(t, first, second)), "SERIALIZATION_FAILURE", "40001")
		if n := counter(t, first); n != before+10 {
			t.Errorf("counter is %d after a refusal, want %d", n, before+10)
		}
	}
	must(t, increment(first, store.Serializable)) // its connection is fit for more
}

// Two that each write what the other has read are refused at the latest commit
// (write skew, G2-item), which REPEATABLE READ would let pass.
func TestSerializableRefusesTheCommit(t *testing.T) {
	url := fresh(t)
	db := open(t, url, discipline(store.Serializable), app.Options{})
	must(t, db.Reset(t.Context(), func(tx *app.Tx) error {
		return errors.Join(tx.SetBalance("a", 1), tx.SetBalance("b", 1))
	}))
	e := storeError(t, db.Update(t.Context(), func(tx *app.Tx) error {
		_, _, err := tx.Total()
		must(t, err)
		must(t, tx.SetBalance("a", 0))
		return db.Update(t.Context(), func(tx *app.Tx) error {
			_, _, err := tx.Total()
			must(t, err)
			return tx.SetBalance("b", 0)
		})
	}))
	certain(t, e, "SERIALIZATION_FAILURE", "40001")
	if e.Op != "commit" {
		t.Errorf("refused at %q, want the commit", e.Op)
	}
}

// Several nodes count at once, from a counter that does not exist: what was
// acknowledged is there, and what was refused is not.
func TestCarefulStylesLoseNothing(t *testing.T) {
	for _, style := range []store.Transaction{store.ForUpdate, store.Serializable, store.Atomic} {
		t.Run(string(style), func(t *testing.T) {
			t.Parallel()
			url := fresh(t)
			done, refused := hammer(t, url, style)
			if style != store.Serializable && refused > 0 {
				t.Errorf("%d refused", refused)
			}
			n := counter(t, open(t, url, discipline(style), app.Options{}))
			if n != done || n == 0 {
				t.Errorf("counter is %d after %d acknowledged and %d refused", n, done, refused)
			}
		})
	}
}

// The positive control: the same load on the naive styles.
func TestNaiveStylesLoseUnderLoad(t *testing.T) {
	for _, style := range []store.Transaction{store.Separate, store.ReadCommitted} {
		t.Run(string(style), func(t *testing.T) {
			t.Parallel()
			url := fresh(t)
			done, _ := hammer(t, url, style)
			if n := counter(t, open(t, url, discipline(style), app.Options{})); n >= done {
				t.Errorf("counter is %d after %d acknowledged: nothing was lost", n, done)
			}
		})
	}
}

// hammer has three nodes count, two at a time each.
func hammer(t *testing.T, url string, style store.Transaction) (done, refused int64) {
	t.Helper()
	var acknowledged, denied atomic.Int64
	var wg sync.WaitGroup
	for range 3 {
		db := open(t, url, discipline(style), app.Options{})
		for range 2 {
			wg.Go(func() {
				for range 40 {
					err := increment(db, style)
					var e *store.Error
					switch {
					case err == nil:
						acknowledged.Add(1)
					case errors.As(err, &e) && e.Refused && !e.Unsure:
						denied.Add(1)
					default:
						t.Errorf("increment: %v", err)
					}
				}
			})
		}
	}
	wg.Wait()
	return acknowledged.Load(), denied.Load()
}

// Two transfers that lock two accounts in opposite order: the server ends one.
func TestDeadlockIsRefused(t *testing.T) {
	url := fresh(t)
	db := open(t, url, discipline(store.ForUpdate), app.Options{})
	must(t, db.Reset(t.Context(), func(tx *app.Tx) error {
		return errors.Join(tx.SetBalance("a", 100), tx.SetBalance("b", 100))
	}))
	both := sync.WaitGroup{}
	both.Add(2)
	transfer := func(from, to string) error {
		return db.Update(context.Background(), func(tx *app.Tx) error {
			n, err := tx.Balance(from)
			both.Done()
			both.Wait()
			if err != nil {
				return err
			}
			m, err := tx.Balance(to)
			if err != nil {
				return err
			}
			return errors.Join(tx.SetBalance(from, n-1), tx.SetBalance(to, m+1))
		})
	}
	errs := make(chan error, 2)
	go func() { errs <- transfer("a", "b") }()
	go func() { errs <- transfer("b", "a") }()
	first, second := <-errs, <-errs
	if (first == nil) == (second == nil) {
		t.Fatalf("got %v and %v, want one refused", first, second)
	}
	certain(t, storeError(t, errors.Join(first, second)), "DEADLOCK_DETECTED", "40P01")
	must(t, db.View(t.Context(), func(tx *app.Tx) error {
		if sum, accounts, err := tx.Total(); sum != 200 || accounts != 2 || err != nil {
			t.Errorf("total is %d in %d accounts, %v", sum, accounts, err)
		}
		return nil
	}))
}

func TestLockTimeout(t *testing.T) {
	for _, style := range []store.Transaction{store.Separate, store.ReadCommitted, store.ForUpdate, store.Serializable, store.Atomic} {
		t.Run(string(style), func(t *testing.T) {
			t.Parallel()
			url := fresh(t)
			d := discipline(style)
			d.BusyTimeout = 30
			holder := open(t, url, discipline(store.ForUpdate), app.Options{})
			var waits []time.Duration
			db := open(t, url, d, app.Options{LockWait: func(w time.Duration) { waits = append(waits, w) }})
			must(t, increment(holder, store.ForUpdate))
			must(t, holder.Update(t.Context(), func(tx *app.Tx) error {
				if _, err := tx.Counter("k"); err != nil {
					return err
				}
				e := storeError(t, increment(db, style))
				certain(t, e, "LOCK_NOT_AVAILABLE", "55P03")
				if !e.TimedOut {
					t.Error("it is not said to have timed out")
				}
				if len(waits) != 1 || waits[0] != e.Waited || waits[0] < 30*time.Millisecond {
					t.Errorf("observed waits %v, want %s", waits, e.Waited)
				}
				return nil
			}))
			if n := counter(t, db); n != 1 {
				t.Errorf("counter is %d, want 1", n)
			}
			must(t, increment(db, style))
		})
	}
}

// In a single statement, nobody can spend what another has spent already, and
// opposite transfers do not deadlock.
func TestMoveNeverOverdraws(t *testing.T) {
	url := fresh(t)
	var dbs []*app.DB
	for range 3 {
		dbs = append(dbs, open(t, url, discipline(store.Atomic), app.Options{}))
	}
	must(t, dbs[0].Reset(t.Context(), func(tx *app.Tx) error {
		return errors.Join(tx.SetBalance("a", 20), tx.SetBalance("b", 0))
	}))
	var wg sync.WaitGroup
	for i, db := range dbs {
		for j := range 2 {
			from, to := "a", "b"
			if j == 1 && i > 0 {
				from, to = to, from
			}
			wg.Go(func() {
				for range 60 {
					err := db.Update(context.Background(), func(tx *app.Tx) error { return tx.Move(from, to, 7) })
					if err != nil && !errors.Is(err, store.ErrShort) {
						t.Error(err)
					}
				}
			})
		}
	}
	var low atomic.Int64
	stop := make(chan struct{})
	watch := sync.WaitGroup{}
	watch.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			_ = dbs[0].View(context.Background(), func(tx *app.Tx) error {
				a, _ := tx.Balance("a")
				b, _ := tx.Balance("b")
				low.Store(min(low.Load(), a, b))
				return nil
			})
		}
	})
	wg.Wait()
	close(stop)
	watch.Wait()
	facts, err := app.Inspect(t.Context(), postgres.At(url))
	must(t, err)
	if low.Load() < 0 || facts.Balances["a"]+facts.Balances["b"] != 20 {
		t.Errorf("lowest balance %d, in the end %v", low.Load(), facts.Balances)
	}
}

// Nodes that start together on an empty schema all get their tables.
func TestOpenTogether(t *testing.T) {
	url := fresh(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			db, err := app.Open(context.Background(), postgres.At(url), discipline(store.Atomic), app.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(increment(db, store.Atomic), db.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
