package sqlite

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/contend/internal/store"
)

// What came of a statement, and whether to try it again.
type step struct {
	control
	code  int // 0 where it succeeded
	again bool
}

// The waiter waits where SQLite would have called its busy handler, and nowhere
// else.
func TestWaiterWaitsWhereSQLiteWould(t *testing.T) {
	const snapshot, recovery, locked, constraint = 517, 261, 6, 19
	for name, steps := range map[string][]step{
		"outside a transaction":              {{ownText, codeBusy, true}, {ownText, codeBusy, true}, {ownText, 0, false}, {ownText, codeBusy, true}},
		"text of its own":                    {{ownText, codeBusy, true}, {ownText, 0, false}},
		"BEGIN that takes the lock":          {{beginImmediate, codeBusy, true}, {beginExclusive, codeBusy, true}, {beginImmediate, 0, false}, {ownText, codeBusy, false}},
		"first statement of a deferred one":  {{beginDeferred, 0, false}, {ownText, recovery, true}, {ownText, codeBusy, true}},
		"upgrade":                            {{beginDeferred, 0, false}, {ownText, 0, false}, {ownText, codeBusy, false}, {ownText, snapshot, false}},
		"upgrade after another failure":      {{beginDeferred, 0, false}, {ownText, constraint, false}, {ownText, codeBusy, false}},
		"COMMIT":                             {{beginImmediate, 0, false}, {ownText, 0, false}, {commit, codeBusy, true}, {commit, 0, false}, {ownText, codeBusy, true}},
		"after a rollback":                   {{beginExclusive, 0, false}, {rollback, 0, false}, {beginExclusive, codeBusy, true}},
		"after a rollback that failed":       {{beginExclusive, 0, false}, {rollback, codeError, false}, {ownText, codeBusy, false}},
		"BEGIN within a transaction":         {{beginDeferred, 0, false}, {ownText, 0, false}, {beginDeferred, codeError, false}, {ownText, codeBusy, false}},
		"a lock of the same process's cache": {{ownText, locked, false}},
		"lost too many races in the WAL":     {{ownText, codeProtocol, false}},
	} {
		t.Run(name, func(t *testing.T) {
			var w waiter
			for i, s := range steps {
				if got := w.next(s.control, s.code); got != s.again {
					t.Errorf("step %d, code %s: again is %t", i, CodeName(s.code), got)
				}
			}
		})
	}
}

func TestWaiterWaitsNoLongerThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, start, tries := waiter{timeout: 40 * time.Millisecond}, time.Now(), 1
		for w.sleep(start) {
			tries++
		}
		if took := time.Since(start); took != 40*time.Millisecond || tries < 21 {
			t.Errorf("gave up after %s and %d tries, want 40 ms and at least 21", took, tries)
		}
		if impatient := (waiter{}); impatient.sleep(time.Now()) {
			t.Error("it waits without any patience")
		}
	})
}

// quick is a discipline of the driver that is under test in package app as well.
func quick(busy store.BusyPolicy, busyTimeout store.Milliseconds) store.Discipline {
	return store.Discipline{
		Driver: cmp.Or(os.Getenv("CONTEND_SQLITE_TEST_DRIVER"), store.Modernc), Busy: busy, Journal: store.WAL, Synchronous: store.Off,
		Transaction: store.Immediate, BusyTimeout: busyTimeout, Writer: store.Direct, Pool: 2,
	}
}

// program has one table and the statements given.
func program(texts ...string) *store.Program {
	var all []*store.Statement
	for _, text := range texts {
		all = append(all, &store.Statement{Op: "test", Text: text})
	}
	return store.NewProgram([]store.Table{{Name: "t", Create: "CREATE TABLE IF NOT EXISTS {t} (id {id}, n {integer}{created})"}}, all...)
}

// Under Random SQLite itself must refuse at once, or both would wait, the one
// inside the other.
func TestOnlyOneOfTheTwoWaits(t *testing.T) {
	for busy, want := range map[store.BusyPolicy]string{store.Stock: "1234", store.Random: "0"} {
		f, err := At(filepath.Join(t.TempDir(), "x.db"))(quick(busy, 1234), program(), time.Second)
		must(t, err)
		dialed, err := f.Dial(t.Context(), store.Requests)
		must(t, err)
		c := dialed.(*conn)
		got, err := c.get(t.Context(), "busy_timeout")
		must(t, err)
		if ours := c.waits.timeout != 0; got != want || ours != (busy == store.Random) {
			t.Errorf("%s: SQLite waits %s ms, want %s; the waiter waits %s", busy, got, want, c.waits.timeout)
		}
		must(t, c.Close())
		must(t, f.Close())
	}
}

// A statement that SQLite does not take is an error of dialing, and leaves
// nothing open. The program's words are spelled as SQLite has them.
func TestStatementThatCannotBePrepared(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT nothing FROM nowhere":            "prepare: SQLITE_ERROR",
		"INSERT INTO {t} (id, n) VALUES (?1, 2)": "",
	} {
		f, err := At(filepath.Join(t.TempDir(), "x.db"))(quick(store.Stock, 0), program(text), time.Second)
		must(t, err)
		c, err := f.Dial(t.Context(), store.Requests)
		if want == "" {
			must(t, err)
			must(t, c.Run(0, []any{int64(7)}, nil))
			must(t, c.Close())
		} else if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want one of prepare", text, err)
		}
		must(t, f.Close())
	}
}
