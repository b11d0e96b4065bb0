package sqlite

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"example.com/contend/internal/store"
)

// What came of a statement, and whether to try it again.
type step struct {
	statement
	code  int // 0 where it succeeded
	again bool
}

// The waiter waits where SQLite would have called its busy handler, and nowhere
// else.
func TestWaiterWaitsWhereSQLiteWould(t *testing.T) {
	const snapshot, recovery, locked, constraint = 517, 261, 6, 19
	for name, steps := range map[string][]step{
		"outside a transaction":              {{getCounter, codeBusy, true}, {setCounter, codeBusy, true}, {addCounter, 0, false}, {setCounter, codeBusy, true}},
		"text of its own":                    {{ownText, codeBusy, true}, {ownText, 0, false}},
		"BEGIN that takes the lock":          {{beginImmediate, codeBusy, true}, {beginExclusive, codeBusy, true}, {beginImmediate, 0, false}, {getCounter, codeBusy, false}},
		"first statement of a deferred one":  {{beginDeferred, 0, false}, {getCounter, recovery, true}, {setCounter, codeBusy, true}},
		"upgrade":                            {{beginDeferred, 0, false}, {getCounter, 0, false}, {setCounter, codeBusy, false}, {setCounter, snapshot, false}},
		"upgrade after another failure":      {{beginDeferred, 0, false}, {setCounter, constraint, false}, {setCounter, codeBusy, false}},
		"COMMIT":                             {{beginImmediate, 0, false}, {setCounter, 0, false}, {commit, codeBusy, true}, {commit, 0, false}, {setCounter, codeBusy, true}},
		"after a rollback":                   {{beginExclusive, 0, false}, {rollback, 0, false}, {beginExclusive, codeBusy, true}},
		"after a rollback that failed":       {{beginExclusive, 0, false}, {rollback, codeError, false}, {setCounter, codeBusy, false}},
		"BEGIN within a transaction":         {{beginDeferred, 0, false}, {getCounter, 0, false}, {beginDeferred, codeError, false}, {setCounter, codeBusy, false}},
		"a lock of the same process's cache": {{getCounter, locked, false}},
		"lost too many races in the WAL":     {{getCounter, codeProtocol, false}},
	} {
		t.Run(name, func(t *testing.T) {
			var w waiter
			for i, s := range steps {
				if got := w.next(s.statement, s.code); got != s.again {
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

// Under Random SQLite itself must refuse at once, or both would wait, the one
// inside the other.
func TestOnlyOneOfTheTwoWaits(t *testing.T) {
	for busy, want := range map[store.BusyPolicy]string{store.Stock: "1234", store.Random: "0"} {
		db := open(t, file(t), discipline(func(d *store.Discipline) { d.Busy, d.BusyTimeout = busy, 1234 }), Options{})
		c, err := db.take(t.Context(), db.pool)
		must(t, err)
		got, err := c.get(t.Context(), "busy_timeout")
		must(t, err)
		db.pool.put(c)
		if ours := c.waits.timeout != 0; got != want || ours != (busy == store.Random) {
			t.Errorf("%s: SQLite waits %s ms, want %s; the waiter waits %s", busy, got, want, c.waits.timeout)
		}
	}
}

// Random is there to be fairer. SQLite's own schedule is measured in the same
// minute, or the figure says nothing.
func TestRandomIsFairer(t *testing.T) {
	if underTest == store.Ncruces {
		t.Skip("the stock policy of ncruces sleeps random whiles as well: nothing to compare")
	}
	if busyUnderTest == store.Random {
		t.Skip("compared already, where the stock policy is under test")
	}
	shares := map[store.BusyPolicy][]float64{}
	for range 3 {
		for _, busy := range []store.BusyPolicy{store.Stock, store.Random} {
			d := discipline(func(d *store.Discipline) { d.Busy, d.Pool = busy, 1 })
			var counts []int64
			for _, said := range together(t, "compete", file(t), slices.Repeat([]store.Discipline{d}, 6)...) {
				counts = append(counts, said[0])
				if said[1] != 0 && busy == store.Random {
					t.Errorf("%d refusals within busy_timeout %d ms", said[1], d.BusyTimeout)
				}
			}
			t.Logf("%s: %d", busy, counts)
			shares[busy] = append(shares[busy], float64(slices.Min(counts))/float64(slices.Max(counts)))
		}
	}
	stock, random := median(shares[store.Stock]), median(shares[store.Random])
	t.Logf("median of least share to greatest: stock %.2f, random %.2f", stock, random)
	if random <= stock {
		t.Errorf("the least share is %.2f of the greatest, and %.2f with the stock policy; want more", random, stock)
	}
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}
