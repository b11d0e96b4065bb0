package app_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

// refusedBy returns the store's error, which err must be.
func refusedBy(t *testing.T, err error) *store.Error {
	t.Helper()
	var e *store.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want one of the database", err)
	}
	return e
}

func set(value int64) func(*app.Tx) error {
	return func(tx *app.Tx) error { return tx.SetCounter("k", value) }
}

func counter(t *testing.T, db *app.DB) (n int64) {
	t.Helper()
	must(t, db.View(t.Context(), func(tx *app.Tx) (err error) {
		n, err = tx.Counter("k")
		return err
	}))
	return n
}

func TestSettingsAreReadBack(t *testing.T) {
	for _, journal := range store.Journals {
		for number, synchronous := range store.Synchronouses {
			t.Run(fmt.Sprint(journal, "/", synchronous), func(t *testing.T) {
				d := discipline(func(d *store.Discipline) {
					d.Journal, d.Synchronous, d.BusyTimeout = journal, synchronous, 1234
				})
				got, err := open(t, file(t), d, app.Options{}).Settings(t.Context())
				must(t, err)
				want := map[string]string{
					"journal_mode": strings.ToLower(string(journal)),
					"synchronous":  strconv.Itoa(number), "busy_timeout": "1234",
				}
				for pragma := range want {
					if got[pragma] != want[pragma] {
						t.Errorf("%s is %s, want %s", pragma, got[pragma], want[pragma])
					}
				}
			})
		}
	}
}

func TestEveryStyleCommitsAndRollsBack(t *testing.T) {
	for _, style := range store.Transactions {
		t.Run(string(style), func(t *testing.T) {
			d := discipline(func(d *store.Discipline) { d.Transaction = style; d.Pool = 1 })
			db := open(t, file(t), d, app.Options{})
			for range 3 {
				must(t, db.Update(t.Context(), func(tx *app.Tx) error { return increment(tx, d) }))
			}
			mine := errors.New("mine")
			err := db.Update(t.Context(), func(tx *app.Tx) error {
				_, err := tx.Counter("k")
				return errors.Join(err, mine)
			})
			if !errors.Is(err, mine) {
				t.Fatalf("error is %v, want the application's own", err)
			}
			if n := counter(t, db); n != 3 {
				t.Errorf("counter is %d, want 3", n)
			}
		})
	}
}

func TestAnotherJournalModeIsAnError(t *testing.T) {
	path := file(t)
	holder := start(t, "read", path, discipline(nil))
	holder.awaitReady()
	d := discipline(func(d *store.Discipline) { d.Journal = store.Delete })
	// The holder has it for good, so that nobody waits for as long as that.
	_, err := app.Open(t.Context(), sqlite.At(path), d, app.Options{Patience: time.Hour})
	var setting *store.SettingError
	want := fmt.Sprintf("(process %d)", holder.cmd.Process.Pid)
	if !errors.As(err, &setting) || !setting.InUse || !strings.Contains(err.Error(), "journal_mode: asked for DELETE, got WAL: 1 process has the file open: ") ||
		!strings.HasSuffix(err.Error(), want) {
		t.Errorf("error is %v, want one that names %s", err, want)
	}
	holder.goOn()
	open(t, path, d, app.Options{}) // nobody holds it in WAL any more
}

// Nodes that leave WAL mode together do not take each other for somebody who keeps it.
func TestNodesLeaveWALTogether(t *testing.T) {
	path := file(t)
	must(t, open(t, path, discipline(nil), app.Options{}).Close())
	d := discipline(func(d *store.Discipline) { d.Journal = store.Delete; d.BusyTimeout = 10_000 })
	together(t, "increment", path, d, d, d, d)
	facts, err := app.Inspect(t.Context(), sqlite.At(path))
	must(t, err)
	if facts.Counters["k"] != 100 || facts.Journal != store.Delete {
		t.Errorf("counter is %d in %s, want 100 in DELETE", facts.Counters["k"], facts.Journal)
	}
}

func TestOpenWithoutDirectoryNamesTheCode(t *testing.T) {
	_, err := app.Open(t.Context(), sqlite.At(filepath.Join(t.TempDir(), "none", "shared.db")), discipline(nil), app.Options{})
	if err == nil || !strings.Contains(err.Error(), "SQLITE_CANTOPEN") {
		t.Errorf("error is %v, want SQLITE_CANTOPEN", err)
	}
}

func TestRefusedAtOnceOrAfterBusyTimeout(t *testing.T) {
	for _, journal := range []store.Journal{store.Delete, store.WAL} {
		for _, style := range store.Transactions {
			for _, busyTimeout := range []store.Milliseconds{0, 40} {
				t.Run(fmt.Sprint(journal, "/", style, "/", busyTimeout), func(t *testing.T) {
					path := file(t)
					d := discipline(func(d *store.Discipline) {
						d.Journal, d.Transaction, d.BusyTimeout = journal, style, busyTimeout
					})
					var waits []time.Duration
					db := open(t, path, d, app.Options{LockWait: func(w time.Duration) { waits = append(waits, w) }})
					must(t, db.Update(t.Context(), set(7)))
					holder := start(t, "hold", path, d)
					holder.awaitReady()

					e := refusedBy(t, db.Update(t.Context(), set(8)))
					if e.Code != "SQLITE_BUSY" || e.Extended != "SQLITE_BUSY" || !e.Refused || e.Unsure {
						t.Errorf("got %+v, want a plain certain SQLITE_BUSY", e)
					}
					if e.TimedOut != (busyTimeout > 0) {
						t.Errorf("TimedOut is %t after %s of %d ms", e.TimedOut, e.Waited, busyTimeout)
					}
					if len(waits) != 2 || waits[1] != e.Waited {
						t.Errorf("observed waits %v, want two, the second %s", waits, e.Waited)
					}
					holder.goOn()
					if n := counter(t, db); n != 7 {
						t.Errorf("counter is %d after a refusal, want 7", n)
					}
					must(t, db.Update(t.Context(), set(9)))
				})
			}
		}
	}
}

// A reader that wants to write is refused without the busy handler, whatever
// busy_timeout says (https://sqlite.org/isolation.html, https://sqlite.org/rescode.html#busy_snapshot).
func TestUpgradeIsRefusedWithoutWaiting(t *testing.T) {
	t.Run("WAL, snapshot is stale", func(t *testing.T) {
		path := file(t)
		d := discipline(func(d *store.Discipline) { d.Transaction = store.Deferred })
		db, second := open(t, path, d, app.Options{}), open(t, path, d, app.Options{})
		e := refusedBy(t, db.Update(t.Context(), func(tx *app.Tx) error {
			if _, err := tx.Counter("k"); err != nil {
				return err
			}
			must(t, second.Update(t.Context(), set(5)))
			return tx.SetCounter("k", 1)
		}))
		if e.Code != "SQLITE_BUSY" || e.Extended != "SQLITE_BUSY_SNAPSHOT" || !e.Refused || e.TimedOut || e.Unsure {
			t.Errorf("got %+v, want SQLITE_BUSY_SNAPSHOT at once", e)
		}
		if n := counter(t, db); n != 5 {
			t.Errorf("counter is %d, want 5", n)
		}
	})
	t.Run("rollback journal, another is waiting for readers", func(t *testing.T) {
		path := file(t)
		d := discipline(func(d *store.Discipline) { d.Journal, d.Transaction = store.Delete, store.Deferred })
		db := open(t, path, d, app.Options{})
		must(t, db.Update(t.Context(), set(1)))
		holder := start(t, "hold", path, d)
		holder.awaitReady()
		e := refusedBy(t, db.Update(t.Context(), func(tx *app.Tx) error {
			if _, err := tx.Counter("k"); err != nil {
				return err
			}
			return tx.SetCounter("k", 2)
		}))
		if e.Extended != "SQLITE_BUSY" || !e.Refused || e.TimedOut || e.Unsure {
			t.Errorf("got %+v, want a certain SQLITE_BUSY at once", e)
		}
		holder.goOn()
	})
}

// In a rollback journal a COMMIT is refused while someone still reads.
func TestRefusedCommitIsCertain(t *testing.T) {
	path := file(t)
	d := discipline(func(d *store.Discipline) { d.Journal, d.BusyTimeout, d.Pool = store.Delete, 40, 1 })
	db := open(t, path, d, app.Options{})
	must(t, db.Update(t.Context(), set(1)))
	reader := start(t, "read", path, discipline(func(d *store.Discipline) { d.Journal = store.Delete }))
	reader.awaitReady()
	e := refusedBy(t, db.Update(t.Context(), set(2)))
	if e.Op != "commit" || !e.Refused || !e.TimedOut || e.Unsure {
		t.Errorf("got %+v, want a certain refusal of the commit", e)
	}
	if n := counter(t, db); n != 1 {
		t.Errorf("counter is %d, want 1: the refused attempt was not rolled back", n)
	}
	reader.goOn()
	must(t, db.Update(t.Context(), set(3)))
}

// A refusal after a write that already stands is not a refusal of the attempt.
func TestRefusalHalfWayIsUnsure(t *testing.T) {
	for _, style := range []store.Transaction{store.Separate, store.Atomic} {
		t.Run(string(style), func(t *testing.T) {
			path := file(t)
			d := discipline(func(d *store.Discipline) { d.Transaction, d.BusyTimeout = style, 0 })
			db := open(t, path, d, app.Options{})
			e := refusedBy(t, db.Update(t.Context(), func(tx *app.Tx) error {
				must(t, tx.SetBalance("a", 1))
				holder := start(t, "hold", path, d)
				holder.awaitReady()
				defer holder.goOn()
				return tx.RecordPayment("a", "b", 1)
			}))
			if e.Refused || e.TimedOut || !e.Unsure || e.Code != "SQLITE_BUSY" {
				t.Errorf("got %+v, want an unsure SQLITE_BUSY", e)
			}
		})
	}
}

func TestFailedCommitIsUnsure(t *testing.T) {
	for _, style := range []store.Transaction{store.Immediate, store.Separate} {
		t.Run(string(style), func(t *testing.T) {
			path := file(t)
			d := discipline(func(d *store.Discipline) { d.Transaction, d.Pool = style, 1 })
			said := start(t, "disk-error", path, d).goOn()
			if !strings.HasSuffix(said, "refused=false unsure=true") || strings.Contains(said, "BUSY") {
				t.Errorf("child said %q, want an unsure error of the disk", said)
			}
			facts, err := app.Inspect(t.Context(), sqlite.At(path))
			must(t, err)
			if facts.Integrity != "ok" || facts.Records < 2 {
				t.Errorf("facts are %+v, want both acknowledged rows", facts)
			}
		})
	}
}

// TestLostUpdate is the source's second test, and its own positive control: the
// style that loses must lose, or the styles that do not prove nothing.
func TestLostUpdate(t *testing.T) {
	for _, style := range store.Transactions {
		t.Run(string(style), func(t *testing.T) {
			path := file(t)
			d := discipline(func(d *store.Discipline) {
				d.Transaction, d.BusyTimeout, d.Think = style, 10_000, 1
			})
			var acknowledged int64 // of four, all at once on a file that is not there yet
			for _, said := range together(t, "increment", path, d, d, d, d) {
				acknowledged += said[0]
			}
			facts, err := app.Inspect(t.Context(), sqlite.At(path))
			must(t, err)
			lost := acknowledged - facts.Counters["k"]
			t.Logf("acknowledged %d, final %d", acknowledged, facts.Counters["k"])
			if style == store.Separate && lost <= 0 {
				t.Errorf("lost %d of %d updates, want some", lost, acknowledged)
			}
			if style != store.Separate && lost != 0 {
				t.Errorf("lost %d of %d updates, want none", lost, acknowledged)
			}
			if style != store.Separate && style != store.Deferred && acknowledged != 100 {
				t.Errorf("acknowledged %d, want 100", acknowledged)
			}
		})
	}
}

func TestSQLIsData(t *testing.T) {
	path := file(t)
	db := open(t, path, discipline(nil), app.Options{})
	const key = `k'; DROP TABLE counters; --"`
	must(t, db.Update(t.Context(), func(tx *app.Tx) error {
		_, err := tx.Insert(key)
		return errors.Join(err, tx.SetCounter(key, 3), tx.SetStock(key, 4), tx.SetBalance(key, 5),
			tx.RecordPayment(key, key, 6))
	}))
	must(t, db.Close())
	facts, err := app.Inspect(t.Context(), sqlite.At(path))
	must(t, err)
	if facts.Counters[key] != 3 || facts.Stock[key] != 4 || facts.Balances[key] != 5 || facts.Records != 1 || facts.Payments != 1 {
		t.Errorf("facts are %+v", facts)
	}
}

func TestStockAndBalances(t *testing.T) {
	db := open(t, file(t), discipline(nil), app.Options{})
	must(t, db.Update(t.Context(), func(tx *app.Tx) error {
		return errors.Join(tx.SetStock("cup", 5), tx.SetBalance("ann", 10), tx.SetBalance("bob", 0))
	}))
	take := func(item string, quantity, left int64) func(tx *app.Tx) error {
		return func(tx *app.Tx) error {
			got, err := tx.TakeStock(item, quantity)
			if err == nil && got != left {
				t.Errorf("%d left, want %d", got, left)
			}
			return err
		}
	}
	move := func(from, to string, amount int64) func(tx *app.Tx) error {
		return func(tx *app.Tx) error { return tx.Move(from, to, amount) }
	}
	for name, c := range map[string]struct {
		fn   func(*app.Tx) error
		want error
	}{
		"enough":               {take("cup", 3, 2), nil},
		"sold out":             {take("cup", 6, 0), store.ErrShort},
		"no such item":         {take("pen", 1, 0), store.ErrNoSuch},
		"funds":                {move("ann", "bob", 4), nil},
		"short of funds":       {move("ann", "bob", 11), store.ErrShort},
		"no such sender":       {move("eve", "bob", 1), store.ErrNoSuch},
		"no such recipient":    {move("ann", "eve", 1), store.ErrNoSuch},
		"to the same account":  {move("ann", "ann", 1), store.ErrShort},
		"no such item to read": {func(tx *app.Tx) error { _, err := tx.Stock("pen"); return err }, store.ErrNoSuch},
	} {
		t.Run(name, func(t *testing.T) {
			if err := db.Update(t.Context(), c.fn); !errors.Is(err, c.want) {
				t.Errorf("error is %v, want %v", err, c.want)
			}
		})
	}
	must(t, db.View(t.Context(), func(tx *app.Tx) error {
		ann, errAnn := tx.Balance("ann")
		bob, errBob := tx.Balance("bob")
		sum, accounts, errTotal := tx.Total()
		if ann != 6 || bob != 4 || sum != 10 || accounts != 2 {
			t.Errorf("ann has %d, bob %d and all %d accounts %d; want 6, 4 and 2 of 10", ann, bob, accounts, sum)
		}
		return errors.Join(errAnn, errBob, errTotal)
	}))
}

func TestOverlookedErrorCannotCommit(t *testing.T) {
	path := file(t)
	d := discipline(func(d *store.Discipline) { d.Transaction, d.BusyTimeout = store.Deferred, 0 })
	db, second := open(t, path, d, app.Options{}), open(t, path, d, app.Options{})
	e := refusedBy(t, db.Update(t.Context(), func(tx *app.Tx) error {
		_, _ = tx.Counter("k")
		must(t, second.Update(t.Context(), set(5)))
		_ = tx.SetCounter("k", 1)
		return nil
	}))
	if !e.Refused {
		t.Errorf("got %+v, want a refusal", e)
	}
}

func TestNothingComesAfterTheLast(t *testing.T) {
	db := open(t, file(t), discipline(nil), app.Options{})
	err := db.Update(t.Context(), func(tx *app.Tx) error {
		if err := tx.Last().SetCounter("k", 1); err != nil {
			return err
		}
		_, err := tx.Counter("k")
		return err
	})
	if err == nil || count(t, db, "k") != 0 {
		t.Errorf("a statement after the last: %v, and the counter is %d", err, count(t, db, "k"))
	}
}

func TestViewCannotWrite(t *testing.T) {
	db := open(t, file(t), discipline(nil), app.Options{})
	if err := db.View(t.Context(), set(1)); !errors.Is(err, app.ErrReadOnly) {
		t.Errorf("error is %v, want %v", err, app.ErrReadOnly)
	}
}

func TestPanicGivesBackTheLock(t *testing.T) {
	db := open(t, file(t), discipline(func(d *store.Discipline) { d.Pool = 1 }), app.Options{})
	func() {
		defer func() { _ = recover() }()
		_ = db.Update(t.Context(), func(tx *app.Tx) error {
			must(t, tx.SetCounter("k", 1))
			panic("on purpose")
		})
	}()
	if n := counter(t, db); n != 0 {
		t.Errorf("counter is %d, want 0: the transaction was not rolled back", n)
	}
	must(t, db.Update(t.Context(), set(2)))
}

func TestWaitForAConnectionEndsWithTheContext(t *testing.T) {
	db := open(t, file(t), discipline(func(d *store.Discipline) { d.Pool = 1 }), app.Options{})
	must(t, db.Update(t.Context(), func(*app.Tx) error {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := db.Update(ctx, set(1)); !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v, want context.Canceled", err)
		}
		return db.Check(t.Context()) // needs no connection of the pool
	}))
	must(t, db.Close())
	if err := db.Update(t.Context(), set(1)); !errors.Is(err, store.ErrClosed) {
		t.Errorf("error is %v, want ErrClosed", err)
	}
	must(t, db.Close())
}

func TestInspect(t *testing.T) {
	t.Run("a missing file is not created", func(t *testing.T) {
		path := file(t)
		if _, err := app.Inspect(t.Context(), sqlite.At(path)); err == nil {
			t.Error("no error")
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("stat: %v, want no such file", err)
		}
	})
	t.Run("rows, by id and cut to 64 bytes", func(t *testing.T) {
		path := file(t)
		db := open(t, path, discipline(nil), app.Options{})
		for _, data := range []string{"1-2-tag:payload", strings.Repeat("x", 63) + "é" + "x", "在"} {
			must(t, db.Update(t.Context(), func(tx *app.Tx) error { _, err := tx.Insert(data); return err }))
		}
		must(t, db.Close())
		facts, err := app.Inspect(t.Context(), sqlite.At(path))
		must(t, err)
		want := []store.Row{{ID: 1, Content: "1-2-tag:payload"}, {ID: 2, Content: strings.Repeat("x", 63) + "\xc3"}, {ID: 3, Content: "在"}}
		if !slices.Equal(facts.Rows, want) || facts.Records != 3 {
			t.Errorf("%d rows: %+v", facts.Records, facts.Rows)
		}
	})
	t.Run("the default patience, which is none, and not that of the nodes", func(t *testing.T) {
		path := file(t)
		must(t, open(t, path, discipline(func(d *store.Discipline) { d.BusyTimeout = 1234 }), app.Options{}).Close())
		facts, err := app.Inspect(t.Context(), sqlite.At(path))
		must(t, err)
		if facts.DefaultBusyTimeout != 0 {
			t.Errorf("a connection that was told nothing waits %d ms, want 0", facts.DefaultBusyTimeout)
		}
	})
	t.Run("a path that looks like a URI", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a?mode=memory&b#c%41.db")
		db := open(t, path, discipline(nil), app.Options{})
		must(t, db.Update(t.Context(), set(3)))
		must(t, db.Close())
		if _, err := os.Stat(path); err != nil {
			t.Fatal(err)
		}
		facts, err := app.Inspect(t.Context(), sqlite.At(path))
		must(t, err)
		if facts.Counters["k"] != 3 || facts.Journal != store.WAL || facts.Engine != "SQLite "+sqlite.Version() {
			t.Errorf("facts are %+v", facts)
		}
	})
	t.Run("a damaged file", func(t *testing.T) {
		path := file(t)
		db := open(t, path, discipline(func(d *store.Discipline) { d.Journal = store.Delete }), app.Options{})
		must(t, db.Update(t.Context(), func(tx *app.Tx) error {
			_, err := tx.Insert(strings.Repeat("x", 100_000))
			return err
		}))
		must(t, db.Close())
		content, err := os.ReadFile(path)
		must(t, err)
		for i := 4096; i < len(content); i += 512 {
			content[i] ^= 0xff
		}
		must(t, os.WriteFile(path, content, 0o600))
		facts, err := app.Inspect(t.Context(), sqlite.At(path))
		must(t, err)
		if facts.Integrity == "ok" {
			t.Error("integrity is ok")
		}
	})
	t.Run("no database", func(t *testing.T) {
		path := file(t)
		must(t, os.WriteFile(path, slices.Repeat([]byte("not a database. "), 100), 0o600))
		if facts, err := app.Inspect(t.Context(), sqlite.At(path)); err == nil && facts.Integrity == "ok" {
			t.Error("integrity is ok")
		}
	})
}
