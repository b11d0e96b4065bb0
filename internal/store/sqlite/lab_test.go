package sqlite

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	sqlite3 "modernc.org/sqlite"

	"example.com/contend/internal/store"
)

func TestHold(t *testing.T) {
	path := file(t)
	d := discipline(func(d *store.Discipline) { d.Journal, d.BusyTimeout = store.Delete, 0 })
	db := open(t, path, d, Options{})
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
	db := open(t, file(t), discipline(nil), Options{})
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
			facts, err := Inspect(t.Context(), path)
			must(t, err)
			if facts.Integrity != "ok" || facts.Records != 0 {
				t.Errorf("facts are %+v, want no row of the crash", facts)
			}
		})
	}
}

func TestCrashThatIsCalledOff(t *testing.T) {
	db := open(t, file(t), discipline(nil), Options{})
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
	db := open(t, path, d, Options{})
	holder := start(t, "hold", path, d)
	holder.awaitReady()
	ended := make(chan error)
	go func() {
		ended <- db.Reset(t.Context(), func(tx store.Tx) error {
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

func TestCodeNames(t *testing.T) {
	for code, want := range map[int]string{
		5: "SQLITE_BUSY", 517: "SQLITE_BUSY_SNAPSHOT", 261: "SQLITE_BUSY_RECOVERY", 5898: "SQLITE_IOERR_DELETE_NOENT",
		5386: "SQLITE_IOERR_SHMMAP", 3850: "SQLITE_IOERR_LOCK", 15: "SQLITE_PROTOCOL", 99999: "SQLITE_(99999)",
	} {
		if got := CodeName(code); got != want {
			t.Errorf("code %d is %s, want %s", code, got, want)
		}
	}
	for code, text := range sqlite3.ErrorCodeString { // the default driver's own, shorter list
		if name := CodeName(code); !strings.HasSuffix(text, "("+name+")") {
			t.Errorf("code %d is %s, and %q to the driver", code, name, text)
		}
	}
	for code, name := range names {
		primary := names[code&0xff]
		if code > 255 && !strings.HasPrefix(name, primary+"_") {
			t.Errorf("code %d is %s, but its primary code is %s", code, name, primary)
		}
	}
}

func TestRefusalIsAboutLocksOnly(t *testing.T) {
	for code, name := range names {
		family := strings.HasPrefix(name, "SQLITE_BUSY") || strings.HasPrefix(name, "SQLITE_LOCKED") || name == "SQLITE_PROTOCOL"
		if refusal(code) != family {
			t.Errorf("refusal(%s) is %t", name, refusal(code))
		}
	}
}
