// Package watch attaches to the locks of a live SQLite database and says who holds them, who waits for
// them and what goes wrong.
//
// A [Session] reads the kernel's trace of file locks (package locktap), or, without the right to do so, the list of locks again
// and again. It turns them into holds and waits (package lockstate), and looks up in /proc which process that is and what it does while
// it holds a lock. The rules in rules.go turn holds and waits into findings; they are pure.
//
// It never opens the database through SQLite, and takes none of SQLite's locks. A process that uses the database itself must not run
// a Session: the Session opens and closes the file, and that would drop the process's own locks
// (https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).
package watch

import (
	"fmt"
	"time"

	"example.com/contend/internal/display"
	"example.com/contend/internal/lockstate"
	"example.com/contend/internal/units"
)

// Options are what a session is to do.
type Options struct {
	Database string        // its path
	Slow     time.Duration // a hold or wait that lasts as long is reported
	SQL      string        // how statements are shown: SQLOff, SQLFingerprint or SQLText
	Poll     bool          // read the list of locks even where the kernel's trace could be read

	Container func(id string) string // returns the name of a container; nil: no names
}

// How statements are shown.
const (
	SQLOff         = "off"
	SQLFingerprint = "fingerprint" // without literals
	SQLText        = "text"
)

// A Process is one that takes locks. Its texts are those of the program itself.
type Process struct {
	PID       int    `json:"pid"`                 // 0: the lock's process is not known
	Command   string `json:"command,omitempty"`   // its command line, at most 200 bytes; empty where it had ended before it was looked up
	Container string `json:"container,omitempty"` // name or id of its container
}

// String is the process for a person: "python3 worker.py (4242 in api-1)". A long command line is cut off.
func (p Process) String() string {
	p.Command = display.Cut(p.Command, 60)
	switch {
	case p.PID == 0:
		return "a process that cannot be seen"
	case p.Command == "":
		return fmt.Sprintf("process %d (ended)", p.PID)
	case p.Container != "":
		return fmt.Sprintf("%s (%d in %s)", p.Command, p.PID, p.Container)
	}
	return fmt.Sprintf("%s (%d)", p.Command, p.PID)
}

// A Hold is a lock that a process has or had.
type Hold struct {
	Type    string         `json:"type"` // "hold"
	Process Process        `json:"process"`
	Lock    lockstate.Kind `json:"lock"`
	Began   time.Time      `json:"began"`
	MS      float64        `json:"ms"`       // how long, in ms
	AtLeast bool           `json:"at_least"` // its beginning was not seen
	Ended   bool           `json:"ended"`    // false: it still holds the lock
	Doing   []Share        `json:"doing"`    // what it did meanwhile, the most frequent first; empty for a short hold
	WAL     *Growth        `json:"wal,omitempty"`
	Dropped bool           `json:"-"`             // the process lost it by closing a descriptor of the file, and went on
	SQL     *SQL           `json:"sql,omitempty"` // its transaction, where statements can be seen

	kind Doing // the most frequent
}

// A Share is how often a process was seen doing something.
type Share struct {
	What  string  `json:"what"`
	Share float64 `json:"share"` // from 0 to 1
}

// A Growth is what became of the WAL during a hold, from the moment that the hold was slow.
type Growth struct {
	From int64 `json:"from"` // bytes
	To   int64 `json:"to"`
}

// An SQL is what a connection did from BEGIN on, or in one statement without BEGIN, up to the end of the hold.
type SQL struct {
	First   string  `json:"first"`
	Last    string  `json:"last"`
	Steps   int     `json:"steps"`    // calls of sqlite3_step
	PauseMS float64 `json:"pause_ms"` // the longest time from one step to the next
	After   string  `json:"after"`    // the statement before that
}

// String is the transaction for a person.
func (q *SQL) String() string {
	text := q.First
	if q.Last != q.First {
		text += " … " + q.Last
	}
	text += ", " + units.Plural(q.Steps, "step")
	if q.After != "" {
		text += fmt.Sprintf(", longest pause %s after %s", since(q.PauseMS), q.After)
	}
	return text
}

// A Wait is a row of attempts at a lock that were refused.
type Wait struct {
	Type       string         `json:"type"` // "wait"
	Process    Process        `json:"process"`
	Lock       lockstate.Kind `json:"lock"`
	Began      time.Time      `json:"began"`    // the first refusal
	MS         float64        `json:"ms"`       // up to the grant, or to the last refusal
	Refusals   int            `json:"refusals"` // attempts that were refused
	Outcome    string         `json:"outcome"`  // granted, gave up or still waiting
	Behind     []Blame        `json:"behind"`   // who held the lock, the most frequent first
	HeldMS     float64        `json:"held_ms"`  // how long the oldest of those had held it at the last refusal
	Passed     int            `json:"passed"`   // how often the lock went to others that had come later
	Upgrade    bool           `json:"upgrade"`  // the process had begun to read before it wanted to write
	Checkpoint bool           `json:"checkpoint"`
	Statement  string         `json:"statement,omitempty"` // that was refused, where statements can be seen
}

// A Blame is who held a lock when another was refused it.
type Blame struct {
	Process  Process `json:"process"`
	Refusals int     `json:"refusals"`
}

// The outcomes of a wait.
const (
	Granted = "granted"
	GaveUp  = "gave up"
	Waiting = "still waiting"
)

// A Usage is what a process did with the database's locks.
type Usage struct {
	Process  Process `json:"process"`
	Writes   int     `json:"write_holds"` // holds of RESERVED or WAL_WRITE
	WriteMS  float64 `json:"write_ms"`    // all together
	LongMS   float64 `json:"longest_ms"`
	Waits    int     `json:"waits"` // those that were granted in the end
	WaitMS   float64 `json:"wait_ms"`
	MostMS   float64 `json:"longest_wait_ms"`
	Refusals int     `json:"refusals"`
	GaveUp   int     `json:"gave_up"`
}

// Schema is the number of the documents' form; docs/watch.md has its fields.
const Schema = 1

// A Start says what a session watches, and how much of it it can see.
type Start struct {
	Type     string    `json:"type"` // "start"
	Schema   int       `json:"schema"`
	Database string    `json:"database"`
	Trace    bool      `json:"trace"`  // the kernel's trace is read, otherwise lists of locks
	SQL      string    `json:"sql"`    // how statements are shown: off, fingerprint or text
	Unseen   []string  `json:"unseen"` // what cannot be seen, a sentence each
	Began    time.Time `json:"began"`
}

// A Report is what a session has found.
type Report struct {
	Type     string    `json:"type"` // "report"
	Schema   int       `json:"schema"`
	Database string    `json:"database"`
	Trace    bool      `json:"trace"`
	SQL      string    `json:"sql"`
	Unseen   []string  `json:"unseen"` // what could not be seen, a sentence each
	Began    time.Time `json:"began"`
	Seconds  float64   `json:"seconds"`
	Events   int64     `json:"events"` // attempts at SQLite's locks
	Refused  int64     `json:"refused"`
	Lost     int64     `json:"lost"` // events that the kernel had no room for
	Usage    []Usage   `json:"processes"`
	Held     []Hold    `json:"held"` // what is held at the end, without what idle connections always hold
	Findings []Finding `json:"findings"`
}

// since writes a time span for people.
func since(ms float64) string { return units.Milliseconds(ms) }
