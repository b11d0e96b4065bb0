// Package store holds the words that a database and its users share: under
// which [Discipline] a node uses its database, what an error of the database
// proves, what the database holds in the end, and, for those who run statements, the
// contract between the application and an engine. It links no driver.
//
// The application is written once, in internal/app. The engines in
// store/sqlite, store/postgres and store/rqlite know connections, transactions,
// statements and errors, and no table. How reads and writes are grouped into
// transactions, how long they wait for a lock and how durable a commit is belong
// to the discipline, so that an experiment changes one setting and nothing else.
package store

import (
	"errors"
	"fmt"
	"time"
)

// What an attempt ends with where the data forbid it. None is the database's
// fault and none is tried again.
var (
	ErrShort     = errors.New("not enough left")
	ErrNoSuch    = errors.New("no such row")
	ErrCancelled = errors.New("the order is cancelled already")
)

// ErrClosed is the error of an attempt on a database that is closing or closed;
// nothing was begun.
var ErrClosed = errors.New("database is closed")

// ErrSessions is returned where a session would be one too many; nothing was begun.
var ErrSessions = errors.New("too many sessions are open")

// An Error is an attempt that the database refused or failed.
type Error struct {
	Op       string        // the step that failed: "begin immediate", "commit"
	Code     string        // primary result code by name: SQLITE_BUSY
	Extended string        // extended result code by name (https://sqlite.org/rescode.html), or the SQLSTATE
	Refused  bool          // a lock or a snapshot was refused, and the whole attempt was rolled back: it may be tried again
	Waited   time.Duration // how long the refused statement had waited
	TimedOut bool          // Refused, after the whole busy_timeout
	Unsure   bool          // the attempt may have taken effect all the same
	Err      error
}

// Error names the step that failed, the extended code and the cause.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %v", e.Op, e.Extended, e.Err) }

// Unwrap returns the driver's error.
func (e *Error) Unwrap() error { return e.Err }

// BecomeUnsure takes back the claim that the attempt had no effect.
func (e *Error) BecomeUnsure() { e.Refused, e.TimedOut, e.Unsure = false, false, true }
