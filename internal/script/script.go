// Package script plays a scene on lab sessions of real nodes, step by step, as
// a seminar would on a blackboard: container A reads, container B reads, A
// writes, B is refused. The steps are exact and their order is fixed, so a
// scene shows what SQLite does in it and not what happened to happen.
//
// A [Step] says what one session is told to do; an [Event] says what came of
// it. The package judges nothing.
package script

import (
	"time"

	"example.com/contend/history"
)

// A Script is a scene. Two are the same only if they are one and the same
// value, so that a pointer to it can stand in a comparable setup.
type Script struct {
	Name  string
	Steps []Step
}

// A Step is what one session is told to do, once the step before it is over.
type Step struct {
	Session string // "A"; it is open before the scene starts
	Node    string // where it lives: "app-1"
	Do      string // one of package api's Do constants
	Name    string // the counter, item or account
	To      string // of a payment
	Value   int64

	// Relative makes a set-… step write what the session has last read of Name
	// plus Value, as an application does. Where it has read nothing, because it
	// was refused, the step is not sent; see [CodeNotRead].
	Relative bool

	// Apart sends the step without waiting for its answer before the next one
	// goes out. The session's own next step, and the end of the scene, do wait.
	// The next step goes out when this one has left; where the database must
	// have begun with this one first, the next has an After.
	Apart bool

	// After waits so long before the step is sent.
	After time.Duration

	Say string // the step in the source's own words; may be empty
}

// An Event is a step and what came of it. Times count from the scene's start,
// which is when every session is open.
type Event struct {
	Step
	Sent, Answered time.Duration
	Wrote          history.Value // what a set-… step asked to be written
	Got            history.Value // the answer's value
	Outcome        history.Outcome
	Code, Extended string
	Open           bool // a transaction is open on the session afterwards

	// Of a checkpoint: whether it was blocked, frames in the WAL, and how many
	// of them it moved.
	Blocked              bool
	Frames, Checkpointed history.Value
}
