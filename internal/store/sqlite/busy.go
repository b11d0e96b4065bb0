package sqlite

import (
	"math/rand/v2"
	"time"
)

// longestSleep is how long store.Random sleeps at most before it tries again.
const longestSleep = 2 * time.Millisecond

// A waiter waits for locks under store.Random. Not every driver passes
// SQLite's hook for a busy handler on, so SQLite's own has no patience
// (busy_timeout 0), and the waiter tries a refused statement again wherever
// SQLite would have called its handler: where the connection has no lock yet,
// and for a COMMIT. A connection that already reads must not wait for the write
// lock, because its holder may be waiting for the reader
// (https://sqlite.org/c3ref/busy_handler.html).
//
// One thing differs in a rollback journal. SQLite waits for readers to leave
// with its PENDING lock in hand, which lets no new ones in. So does the waiter
// for a COMMIT; but BEGIN EXCLUSIVE, and a write outside a transaction, start
// over and give the lock back in between.
type waiter struct {
	timeout time.Duration // 0 where SQLite waits by itself, or nobody does
	state   txState
}

// A txState is how far a connection is into a transaction.
type txState int

const (
	outside txState = iota // each statement is a transaction of its own
	begun                  // after BEGIN DEFERRED, with no lock and no snapshot yet
	inside                 // with a lock or a snapshot, as far as is known
)

// ownText stands for a statement that is no control. It neither begins nor ends a
// transaction.
const ownText control = -1

// start returns when a statement is first tried. Only a waiter that waits needs
// the clock.
func (w *waiter) start() (now time.Time) {
	if w.timeout > 0 {
		now = time.Now()
	}
	return now
}

// again records the result of a statement that was first tried at start. It
// reports whether to try it once more, after a sleep.
func (w *waiter) again(s control, err error, start time.Time) bool {
	code := codeOK
	if err != nil {
		code = resultCode(err)
	}
	return w.next(s, code) && w.sleep(start)
}

// next records the result of a statement, and reports whether it may succeed
// later in the same transaction.
func (w *waiter) next(s control, code int) bool {
	if code&0xff == codeBusy && (s == commit || w.state != inside) {
		return true
	}
	switch s {
	case beginDeferred, beginImmediate, beginExclusive:
		if code == codeOK && s == beginDeferred {
			w.state = begun
		} else if code == codeOK {
			w.state = inside
		}
	case commit, rollback:
		if code == codeOK {
			w.state = outside
		}
	default: // even where it failed for another reason than a lock, it may have taken one before
		if w.state == begun {
			w.state = inside
		}
	}
	return false
}

// sleep reports whether there was patience left since start, and then has slept
// a random while: never beyond the end of the patience, so that the last try is
// made there.
func (w *waiter) sleep(start time.Time) bool {
	if w.timeout == 0 {
		return false
	}
	left := w.timeout - time.Since(start)
	if left <= 0 {
		return false
	}
	time.Sleep(min(left, rand.N(longestSleep+1))) // chance only keeps those who wait out of step
	return true
}
