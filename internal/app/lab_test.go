package app_test

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

func TestHold(t *testing.T) {
	path := file(t)
	d := discipline(func(d *store.Discipline) { d.Journal, d.BusyTimeout = store.Delete, 0 })
	db := open(t, path, d, app.Options{})
	must(t, db.Update(t.Context(), set(1)))
	ctx, release := context.WithCancel(t.Context())
	taken, ended := make(chan struct{}), make(chan error)
	go func() { ended <- db.Hold(ctx, time.Hour, func() { close(taken) }) }()
	<-taken
	if e := refusedBy(t, db.Update(t.Context(), set(2))); !e.Refused {
		t.Errorf("got %+v, want a refusal", e)
	}
	if n := counter(t, db); n != 1 {
		t.Errorf("counter reads %d under a RESERVED lock, want 1", n)
	}
	release()
	must(t, <-ended)
	must(t, db.Update(t.Context(), set(3)))
}

func TestCloseEndsAHold(t *testing.T) {
	db := open(t, file(t), discipline(nil), app.Options{})
	taken, ended := make(chan struct{}), make(chan error)
	go func() { ended <- db.Hold(t.Context(), time.Hour, func() { close(taken) }) }()
	<-taken
	must(t, db.Close())
	must(t, <-ended)
	if err := db.Hold(t.Context(), 0, func() {}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("error is %v, want ErrClosed", err)
	}
}

// The crash must leave something behind, or it does not test recovery: in one
// mode a hot journal beside a file already written to, in the other frames in
// the WAL.
func TestCrashLeavesWorkForRecovery(t *testing.T) {
	for journal, sizes := range map[store.Journal]map[string]int64{
		store.Delete: {"": 512 << 10, "-journal": 512},
		store.WAL:    {"-wal": 512 << 10},
	} {
		t.Run(string(journal), func(t *testing.T) {
			path := file(t)
			d := discipline(func(d *store.Discipline) { d.Journal, d.Synchronous = journal, store.Full })
			o := start(t, "crash", path, d)
			err := o.cmd.Wait()
			if status, ok := o.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
				t.Fatalf("child ended with %v, want SIGKILL", err)
			}
			for suffix, least := range sizes {
				info, err := os.Stat(path + suffix)
				must(t, err)
				if info.Size() < least {
					t.Errorf("the database's %q file holds %d bytes, want at least %d", suffix, info.Size(), least)
				}
			}
			facts, err := app.Inspect(t.Context(), sqlite.At(path))
			must(t, err)
			if facts.Integrity != "ok" || facts.Records != 0 {
				t.Errorf("facts are %+v, want no row of the crash", facts)
			}
		})
	}
}

func TestCrashThatIsCalledOff(t *testing.T) {
	db := open(t, file(t), discipline(nil), app.Options{})
	ctx, callOff := context.WithCancel(t.Context())
	must(t, db.Crash(ctx, time.Hour, callOff))
	stats, err := db.Stats(t.Context())
	must(t, err)
	if stats.Records != 0 {
		t.Errorf("%d rows, want none", stats.Records)
	}
}

func TestResetIsPatientWhateverTheDiscipline(t *testing.T) {
	path := file(t)
	d := discipline(func(d *store.Discipline) { d.BusyTimeout = 0 })
	db := open(t, path, d, app.Options{})
	holder := start(t, "hold", path, d)
	holder.awaitReady()
	ended := make(chan error)
	go func() {
		ended <- db.Reset(t.Context(), func(tx *app.Tx) error {
			return errors.Join(tx.SetCounter("k", 4), tx.SetStock("cup", 2))
		})
	}()
	if e := refusedBy(t, db.Update(t.Context(), set(9))); !e.Refused {
		t.Errorf("got %+v, want a refusal", e)
	}
	holder.goOn()
	must(t, <-ended)
	stats, err := db.Stats(t.Context())
	must(t, err)
	if n := counter(t, db); n != 4 || stats != (store.Stats{Counters: 1}) {
		t.Errorf("counter is %d, stats are %+v", n, stats)
	}
	must(t, db.Clear(t.Context()))
	if n := counter(t, db); n != 0 {
		t.Errorf("counter is %d after Clear", n)
	}
}
