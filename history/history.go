// Package history records the operations of clients and the answers that they got.
//
// A history is the ledger: it is kept outside the database, and checkers look
// at nothing else. It does not say how the operations were produced, so one
// checker serves a live run, a file on disk and a hand-written test.
//
// Two ideas carry the package. An [Op] ends with an [Outcome], and an answer
// that was lost is [Unknown], never [Failed]: it may have taken effect. And an
// op has three times: when it was due (Intended), when it was sent (Invoked)
// and when its client stopped waiting (Returned), so that a late request
// cannot hide the wait that its user had (coordinated omission).
//
// [Writer] and [Reader] store histories as JSON Lines. Package check judges them.
package history

import (
	"fmt"
	"slices"
	"time"
)

// An Outcome is what a client knows about an op once it is over. The zero
// Outcome is Unknown, so that an op nobody filled in can never count as a
// success or as a clean failure.
type Outcome uint8

const (
	Unknown Outcome = iota // no answer, or one that proves nothing: it may have taken effect
	OK                     // acknowledged: it took effect
	Failed                 // refused: it certainly had no effect
)

var outcomes = []string{"unknown", "ok", "failed"}

// String returns "unknown", "ok" or "failed".
func (o Outcome) String() string {
	if o > Failed {
		return outcomes[Unknown]
	}
	return outcomes[o]
}

// MarshalText returns the outcome as in [Outcome.String].
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText accepts exactly what [Outcome.MarshalText] returns.
func (o *Outcome) UnmarshalText(text []byte) error {
	i := slices.Index(outcomes, string(text))
	if i < 0 {
		return fmt.Errorf("outcome %q is none of ok, failed, unknown", text)
	}
	*o = Outcome(i)
	return nil
}

// The operations, values of [Op.Func].
const (
	Increment = "increment" // add one to the counter Key; Value is what the node says it became
	Write     = "write"     // insert one row tagged Key; Value is its row id
	Read      = "read"      // read the counter Key; Value is what it was
	Purchase  = "purchase"  // take Amount of the item Key; Value is the stock left
	Transfer  = "transfer"  // move Amount from the account Key to the account To
	Reserve   = "reserve"   // order Amount of the item Key; Value is the order's id
	Cancel    = "cancel"    // give back the pieces of the order whose id is Key
	Total     = "total"     // add up all balances in one transaction; Key is "balances", Value the sum

	// The recorder's own operations, as process -1.
	Reset      = "reset"       // set the counter, the stock of the item or the balance of the account Key to Value, before the load
	FinalRead  = "final-read"  // read the counter, stock or balance Key after the load, from outside the nodes
	FinalOrder = "final-order" // find an order after the load: Amount of the item Key, To "cancelled" where it is; Value is its id
	FinalRow   = "final-row"   // find the row tagged Key after the load; Value is its row id
	Crash      = "crash"       // the node called Key was killed at Invoked and was serving again at Returned
	Recovered  = "recovered"   // count all rows while no node ran, after a crash; Key is "data", Value how many
)

// A Value is a number that an op may have. 0 is a value like any other.
type Value struct {
	Int64 int64
	Valid bool
}

// Some returns the valid Value n.
func Some(n int64) Value { return Value{Int64: n, Valid: true} }

// An Op is one operation as its client saw it. Times count from the start of
// the recording on a monotonic clock.
type Op struct {
	Index   int    // position in the history, by invocation, from 0
	Process int    // the logical client that issued it; one op at a time each; -1 is the recorder itself
	Node    string // the node that answered or, where none did, the node that the client called; may be empty
	Func    string // the operation: Increment, Write, …
	Key     string // the counter, item, account or row tag
	To      string // the other account of a Transfer
	Amount  int64  // the quantity of a Purchase or the sum of a Transfer
	Value   Value  // in the answer; see the Func

	Intended time.Duration // when it was due
	Invoked  time.Duration // when it was sent
	Returned time.Duration // when its client had the answer or stopped waiting for it

	Attempts int     // how often the node tried, its first try included; 0 where it did not say
	Outcome  Outcome // what the client knows
	Status   int     // HTTP status; 0 where there was no answer
	Code     string  // why it is not OK: SQLITE_BUSY, TIMEOUT, …; empty when OK
	Extended string  // SQLite's extended result code by name (https://sqlite.org/rescode.html); may be empty
}

// Latency is how long the user waited: from the moment the op was due, not from
// the moment an overloaded client sent it.
func (op *Op) Latency() time.Duration { return op.Returned - op.Intended }
