// Package fault makes things go wrong on purpose while clients are at work:
// one file a fault.
//
// A fault is data, decided before the run, and draws chance only from the
// generator it is given. It tells what it did as events, which become part of
// the ledger; what they prove is for package check.
package fault

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"example.com/contend/internal/cluster"
)

// A Fault is what goes wrong. Its type is comparable, so that it can stand in a setup.
type Fault interface {
	// Begin makes the fault take effect, or starts what will, and returns.
	// Wait ends it: it returns once everything is healed, with what happened.
	// When ctx is done the fault begins nothing new; its cause is ErrOver where
	// nothing but the end of the load is the reason.
	Begin(ctx context.Context, on Target) (wait func() ([]Event, error), err error)
	// String says it in a few words: "app-1 holds the write lock for 5s".
	String() string
}

// Kills reports whether f kills nodes, so that it needs a [cluster.Killer].
func Kills(f Fault) bool {
	switch f.(type) {
	case Crash, Kill, Strike:
		return true
	}
	return false
}

// ErrOver is the cause with which the context of a fault ends when the load is over.
var ErrOver = errors.New("the load is over")

// A Target is what a fault may be done to.
type Target struct {
	Cluster cluster.Cluster
	Chance  *rand.Rand // belongs to the fault
}

// What an event is, the value of [Event.Kind].
const (
	KindHold  = "hold"  // Node held the write lock
	KindCrash = "crash" // Node was killed with SIGKILL at From and serving again at To
	KindLook  = "look"  // the database was read while no node ran
)

// An Event is something that a fault did.
type Event struct {
	Kind     string
	Node     string // empty for a look
	From, To time.Time

	// Of a look: the size of the rollback journal or the WAL that the crash
	// left, whether it was a hot journal, how many rows were found after
	// recovery, and what integrity_check said.
	Journal   int64
	Hot       bool
	Rows      int64
	Integrity string
}
