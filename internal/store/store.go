// Package store says what the application asks of its database, and under
// which discipline; store/sqlite answers.
//
// The application is written once, against [Tx]. How its reads and writes are
// grouped into transactions, how long they wait for a lock and how durable a
// commit is belong to the [Discipline], so that an experiment changes one
// setting and nothing else.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Tx is what the application does to its data inside one attempt. Under
// [Separate] each call is a transaction of its own; otherwise all of them are
// one. A Tx is for one goroutine and dies with the attempt.
type Tx interface {
	// Counter returns the counter key, 0 where there is none.
	Counter(key string) (int64, error)
	// SetCounter makes the counter key value.
	SetCounter(key string, value int64) error
	// AddCounter adds by to the counter key in a single statement and returns the sum.
	AddCounter(key string, by int64) (int64, error)
	// Insert adds one row holding data and returns its id.
	Insert(data string) (int64, error)
	// Stock returns how many of item are left, or ErrNoSuch.
	Stock(item string) (int64, error)
	// SetStock makes the stock of item left.
	SetStock(item string, left int64) error
	// TakeStock takes quantity of item in a single statement and returns what
	// is left, or ErrShort where there is not enough, or ErrNoSuch.
	TakeStock(item string, quantity int64) (int64, error)
	// Balance returns the balance of account, or ErrNoSuch.
	Balance(account string) (int64, error)
	// SetBalance makes the balance of account amount.
	SetBalance(account string, amount int64) error
	// Move takes amount from one account and gives it to another in a single
	// statement, or returns ErrShort or ErrNoSuch.
	Move(from, to string, amount int64) error
	// RecordPayment adds one row to the payment history.
	RecordPayment(from, to string, amount int64) error
	// Total returns the sum of all balances and the number of accounts, read
	// in a single statement.
	Total() (sum, accounts int64, err error)
}

// What a Tx answers when the data forbid what was asked. Neither is the
// database's fault and neither is tried again.
var (
	ErrShort  = errors.New("not enough left")
	ErrNoSuch = errors.New("no such row")
)

// ErrClosed is returned by a Store that is closing or closed; nothing was begun.
var ErrClosed = errors.New("database is closed")

// ErrSessions is returned where a session would be one too many; nothing was begun.
var ErrSessions = errors.New("too many sessions are open")

// A Store runs attempts against one database. It is safe for concurrent use.
type Store interface {
	// Update makes one attempt at fn, a read-and-write, under the discipline's
	// transaction style. It never retries. An error of the database comes as
	// an *Error; any other error is fn's own, and then nothing was changed
	// (under Separate: nothing by the call that failed). The context bounds
	// the wait for a connection; an attempt once begun is never cut short.
	Update(ctx context.Context, fn func(Tx) error) error
	// View makes one attempt at fn, which must only read.
	View(ctx context.Context, fn func(Tx) error) error
	// Close waits for attempts in flight and closes the database.
	Close() error
}

// An Error is an attempt that the database refused or failed.
type Error struct {
	Op       string        // what was being done: "begin immediate", "commit"
	Code     string        // primary result code by name: SQLITE_BUSY
	Extended string        // extended result code by name (https://sqlite.org/rescode.html)
	Refused  bool          // a lock or a snapshot was refused, and the whole attempt was rolled back: it may be tried again
	Waited   time.Duration // how long the refused statement had waited
	TimedOut bool          // Refused, after the whole busy_timeout
	Unsure   bool          // the attempt may have taken effect all the same
	Err      error
}

// Error says what failed and with which extended code.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %v", e.Op, e.Extended, e.Err) }

// Unwrap returns the driver's error.
func (e *Error) Unwrap() error { return e.Err }
