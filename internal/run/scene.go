package run

import (
	"time"

	"example.com/contend/history"
)

// A Scene is an exact order of steps on sessions of the nodes, as on a blackboard:
// A reads, B reads, A writes, B is refused.
type Scene struct {
	Name  string `json:"name"`
	Steps []Step `json:"steps"`
}

// A Step is what one session does, once the step before it is over.
type Step struct {
	Session string `json:"session"`         // "A"; it is open before the scene starts
	Node    string `json:"node"`            // the node of the session: "app-1"
	Do      string `json:"do"`              // one of package nodeapi's Do constants
	Name    string `json:"name,omitempty"`  // the counter, item or account
	To      string `json:"to,omitempty"`    // of a payment
	Value   int64  `json:"value,omitempty"` // what a step writes

	// Relative makes a set-… step write what the session has last read of Name
	// plus Value, as an application does. Where it has read nothing, because it
	// was refused, the step is not sent; see [CodeNotRead].
	Relative bool `json:"relative,omitempty"`

	// Apart sends the step without waiting for its answer before the next one
	// goes out. The session's own next step, and the end of the scene, do wait.
	// The next step goes out when this one has left; where the database must
	// have begun with this one first, the next has an After.
	Apart bool `json:"apart,omitempty"`

	// After waits so long before the step is sent.
	After time.Duration `json:"after_ns,omitempty"`

	Say string `json:"say,omitempty"` // the step in the source's own words; may be empty
}

// CodeNotRead is the code of a [Step.Relative] step that was not sent, because
// its session has read nothing that it could be relative to: the read before
// it was refused. An application could not have gone on either.
const CodeNotRead = "NOT_READ"

// A StepEvent is a step and what came of it. Times count from the scene's start,
// which is when every session is open.
type StepEvent struct {
	Step
	Sent     time.Duration   `json:"sent_ns"`
	Answered time.Duration   `json:"answered_ns"`
	Wrote    history.Value   `json:"wrote"` // what a set-… step asked to be written
	Got      history.Value   `json:"got"`   // the answer's value
	Outcome  history.Outcome `json:"outcome"`
	Code     string          `json:"code,omitempty"`
	Extended string          `json:"extended,omitempty"`
	Open     bool            `json:"open"` // a transaction is open on the session afterwards

	// Of a checkpoint: whether it was blocked, frames in the WAL, and how many
	// of them it moved.
	Blocked      bool          `json:"blocked,omitempty"`
	Frames       history.Value `json:"frames"`
	Checkpointed history.Value `json:"checkpointed"`
}
