package run

import (
	"fmt"
	"time"

	"example.com/contend/internal/store"
	"example.com/contend/internal/tagged"
	"example.com/contend/internal/units"
)

// A Fault is what goes wrong on purpose while clients are at work: one of the types
// below. Package fault makes it happen.
type Fault interface {
	// String says it in a few words: "app-1 holds the write lock for 5s".
	String() string
}

// faults names the faults in JSON.
var faults = tagged.Table[Fault]{
	{Name: "hold", Type: Hold{}}, {Name: "crash", Type: Crash{}}, {Name: "kill", Type: Kill{}},
	{Name: "strike", Type: Strike{}}, {Name: "checkpoint", Type: Checkpoint{}},
}

// Hold is the source's long transaction: Node takes the write lock before the load
// begins and keeps it For so long, with nothing written.
type Hold struct {
	Node string        `json:"node"`
	For  time.Duration `json:"for_ns"`
}

// String says who holds what for how long.
func (h Hold) String() string { return fmt.Sprintf("%s holds the write lock for %s", h.Node, h.For) }

// Crash kills every node with SIGKILL during the load, reads the database while no
// node has it open, starts the nodes again, and so on until the load is over.
type Crash struct {
	Within time.Duration `json:"within_ns"` // the longest time that the nodes work between two crashes; a quarter of it is the shortest
}

// String says what happens to the nodes.
func (Crash) String() string { return "every node is killed with SIGKILL, again and again" }

// Kill brings Node into a transaction that has written to the disk, kills it there
// with SIGKILL, and starts it again. The other nodes go on.
type Kill struct {
	Node  string        `json:"node"`
	After time.Duration `json:"after_ns"` // from the beginning of the load to the kill
	For   time.Duration `json:"for_ns"`   // from the kill to the start
}

// String says what happens to whom.
func (k Kill) String() string { return k.Node + " is killed with SIGKILL while it writes" }

// Strike kills a node, or the database server, with SIGKILL whatever it is doing, and
// starts it again.
type Strike struct {
	Whom  string        `json:"whom"`     // a node's name, or ServerName
	After time.Duration `json:"after_ns"` // from the beginning of the load to the kill
	For   time.Duration `json:"for_ns"`   // from the kill to the start
}

// ServerName is the name of the database server in a [Strike] and in its event.
const ServerName = "server"

// String says what happens to whom.
func (s Strike) String() string { return s.Whom + " is killed with SIGKILL" }

// Checkpoint has Node checkpoint the WAL again and again while clients write, as a
// background job or a backup does. SQLite allows a checkpoint at any time, from any
// connection (https://sqlite.org/c3ref/wal_checkpoint_v2.html).
type Checkpoint struct {
	Node     string               `json:"node"`
	Mode     store.CheckpointMode `json:"mode"`
	Sessions int                  `json:"sessions"` // connections that checkpoint at once, each back to back; at least 1
	Times    int                  `json:"times"`    // checkpoints in one request; 0 means 1
}

// String says who does it, and how.
func (c Checkpoint) String() string {
	return fmt.Sprintf("%s keeps asking for a %s checkpoint on %s", c.Node, c.Mode, units.Plural(c.Sessions, "connection"))
}

// Kills reports whether f kills nodes or the database server.
func Kills(f Fault) bool {
	switch f.(type) {
	case Crash, Kill, Strike:
		return true
	}
	return false
}

// Kinds of events, the value of [FaultEvent.Kind].
const (
	KindHold       = "hold"          // Node held the write lock
	KindCrash      = "crash"         // Node was killed with SIGKILL at From and serving again at To
	KindLook       = "look"          // the database was read while no node ran
	KindCheckpoint = "checkpointing" // Node kept checkpointing
)

// A FaultEvent is something that a fault did.
type FaultEvent struct {
	Kind string    `json:"kind"`
	Node string    `json:"node,omitempty"` // empty for a look
	From time.Time `json:"from"`
	To   time.Time `json:"to"`

	// Of a look: the size of the rollback journal or the WAL that the crash
	// left, whether it was a hot journal, how many rows were found after
	// recovery, and what integrity_check said.
	Journal   int64  `json:"journal_bytes,omitempty"`
	Hot       bool   `json:"hot_journal,omitempty"`
	Rows      int64  `json:"rows,omitempty"`
	Integrity string `json:"integrity,omitempty"`
}
