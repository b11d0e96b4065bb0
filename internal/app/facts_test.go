package app_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

// defaultBusyTimeouts are in milliseconds, as the drivers' sources have them.
var defaultBusyTimeouts = map[string]store.Milliseconds{store.Modernc: 0, store.Ncruces: 60_000, store.Mattn: 5000}

func TestFactsWhileInUse(t *testing.T) {
	for _, journal := range store.Journals {
		t.Run(string(journal), func(t *testing.T) {
			path := file(t)
			db := open(t, path, discipline(func(d *store.Discipline) { d.Journal, d.BusyTimeout = journal, 1234 }), app.Options{})
			must(t, db.Update(t.Context(), set(7)))
			must(t, db.Update(t.Context(), func(tx *app.Tx) error {
				_, err := tx.Insert("a row")
				return err
			}))
			facts, err := db.Facts(t.Context(), true)
			must(t, err)
			bare, err := db.Facts(t.Context(), false)
			must(t, err)
			if len(bare.Rows) != 0 || bare.Records != 1 {
				t.Errorf("without rows: %+v", bare)
			}
			must(t, db.Close())
			after, err := app.Inspect(t.Context(), sqlite.At(path))
			must(t, err)
			// Inspect is always the default driver's.
			if want := defaultBusyTimeouts[underTest]; facts.DefaultBusyTimeout != want {
				t.Errorf("a connection that was told nothing waits %d ms, want %d", facts.DefaultBusyTimeout, want)
			}
			if want := "SQLite " + first(sqlite.VersionOf(underTest)); facts.Engine != want {
				t.Errorf("engine is %q, want %q", facts.Engine, want)
			}
			facts.Engine, facts.DefaultBusyTimeout = after.Engine, after.DefaultBusyTimeout
			if fmt.Sprint(facts) != fmt.Sprint(after) || facts.Counters["k"] != 7 || len(facts.Rows) != 1 || facts.Integrity != "ok" {
				t.Errorf("in use %+v, afterwards %+v", facts, after)
			}
			if _, err := db.Facts(t.Context(), true); !errors.Is(err, store.ErrClosed) {
				t.Errorf("closed: error is %v, want ErrClosed", err)
			}
		})
	}
}

// All figures are of one moment: transfers go on, and no money is under way.
func TestFactsAreOfOneMoment(t *testing.T) {
	db := open(t, file(t), discipline(nil), app.Options{})
	must(t, db.Reset(t.Context(), func(tx *app.Tx) error {
		return errors.Join(tx.SetBalance("ann", 1_000_000), tx.SetBalance("bob", 0))
	}))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			err := db.Update(context.Background(), func(tx *app.Tx) error {
				_, err := tx.AddCounter("transfers", 1)
				return errors.Join(err, tx.Move("ann", "bob", 1), tx.RecordPayment("ann", "bob", 1))
			})
			if err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	var last store.Facts
	for range 100 {
		facts, err := db.Facts(t.Context(), false)
		must(t, err)
		if facts.Balances["ann"]+facts.Balances["bob"] != 1_000_000 || facts.Balances["bob"] != facts.Payments || facts.Counters["transfers"] != facts.Payments {
			t.Errorf("%v, balances %v and %d payments are not of one moment", facts.Counters, facts.Balances, facts.Payments)
		}
		last = facts
	}
	stop()
	must(t, <-ended)
	if last.Payments == 0 {
		t.Error("nothing was transferred meanwhile: this test wants a load")
	}
}

// Closing any descriptor of a file drops the POSIX locks that the process holds
// on it, unless SQLite itself keeps them: a lock held here must still bar
// another process after the facts have been read.
func TestFactsDropNobodysLock(t *testing.T) {
	for _, journal := range []store.Journal{store.Delete, store.WAL} {
		t.Run(string(journal), func(t *testing.T) {
			path := file(t)
			d := discipline(func(d *store.Discipline) { d.Journal, d.BusyTimeout, d.Transaction = journal, 0, store.Atomic })
			db := open(t, path, d, app.Options{})
			other := start(t, "increment", path, d)
			other.awaitReady()
			ctx, release := context.WithCancel(t.Context())
			taken, ended := make(chan struct{}), make(chan error, 1)
			go func() { ended <- db.Hold(ctx, time.Hour, func() { close(taken) }) }()
			<-taken
			facts, err := db.Facts(t.Context(), true)
			must(t, err)
			if facts.Integrity != "ok" {
				t.Errorf("facts are %+v", facts)
			}
			if ok := other.goOn(); ok != "0" {
				t.Errorf("another process wrote %s times under the lock", ok)
			}
			release()
			must(t, <-ended)
		})
	}
}

func TestFactsAreRefusedAsAnAttemptIs(t *testing.T) {
	path := file(t)
	d := discipline(func(d *store.Discipline) { d.Journal, d.Transaction = store.Delete, store.Exclusive })
	db := open(t, path, d, app.Options{Patience: 50 * time.Millisecond})
	must(t, db.Update(t.Context(), func(tx *app.Tx) error { // in a rollback journal it bars readers
		_, err := db.Facts(t.Context(), true)
		if e := refusedBy(t, err); !e.Refused || !e.TimedOut || e.Extended != "SQLITE_BUSY" {
			t.Errorf("got %+v, want a refusal after the whole patience", e)
		}
		return nil
	}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.Facts(ctx, true); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want that of the context", err)
	}
}
