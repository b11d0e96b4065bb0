package store

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// A Program is everything that an application asks of a database: its tables
// and its statements, fixed before the database is opened. An engine prepares
// the statements on its connections and addresses them by number, so that no
// text of a request ever reaches SQL.
type Program struct {
	Tables     []Table
	Statements []*Statement
}

// A Table is one table and the statement that creates it where it is missing.
// In Create and in the texts of statements a word in braces is a table's name, as
// in {counters}, or a word that the engines spell differently: see [Dialect].
type Table struct {
	Name   string
	Create string
}

// A Statement is one text of a Program. Its parameters are ?1, ?2, …; their
// values are int64 or string.
type Statement struct {
	Op       string // what an error calls it: "read counter"
	Text     string
	Postgres string // the text for PostgreSQL, where Text will not do
	Lock     bool   // a read whose row a later write of the same attempt depends on: FOR UPDATE, under that style
	Cold     bool   // for the lab: prepared only when it is first used

	Rows *Statement // reads, and locks, each of the rows that this one changes; nil where it changes one row
	Keys int        // how many of its first parameters name these rows

	// NewProgram sets the rest.

	Index   int  // its number in the Program
	Locking int  // the number of the variant that locks the row it reads; Index where Lock is false
	Writes  bool // it is no SELECT
	Returns bool // it writes and returns rows
}

// NewProgram numbers the statements. A statement belongs to one Program.
func NewProgram(tables []Table, statements ...*Statement) *Program {
	p := &Program{Tables: tables}
	for _, s := range statements {
		s.Index, s.Locking = len(p.Statements), len(p.Statements)
		s.Writes = !strings.HasPrefix(s.Text, "SELECT")
		s.Returns = strings.Contains(s.Text, "RETURNING ")
		p.Statements = append(p.Statements, s)
		if s.Lock {
			s.Locking++
			locked := *s
			locked.Index, locked.Text = s.Locking, s.Text+"{lock}"
			p.Statements = append(p.Statements, &locked)
		}
	}
	return p
}

// A Dialect is how an engine spells what a Program leaves open.
type Dialect struct {
	Prefix    string            // of every table's name
	Words     map[string]string // {integer}, {id} and {created} of a table; {lock} is FOR UPDATE, where an engine has it
	Parameter string            // what begins a parameter before its number: "?", "$"
	Postgres  bool              // a statement's text for PostgreSQL is preferred
}

var (
	braces     = regexp.MustCompile(`\{(\w+)\}`)
	parameters = regexp.MustCompile(`\?\b`) // before a number
)

// Spell returns text in the dialect.
func (d Dialect) Spell(text string) string {
	text = braces.ReplaceAllStringFunc(text, func(word string) string {
		word = word[1 : len(word)-1]
		if own, known := d.Words[word]; known {
			return own
		}
		return d.Prefix + word
	})
	return parameters.ReplaceAllLiteralString(text, d.Parameter)
}

// Texts returns the texts of all statements in the dialect, by their numbers.
func (p *Program) Texts(d Dialect) (texts []string) {
	for _, s := range p.Statements {
		text := s.Text
		if d.Postgres && s.Postgres != "" {
			text = s.Postgres
		}
		texts = append(texts, d.Spell(text))
	}
	return texts
}

// A Source opens a database of one engine for a discipline and a program. It
// makes no connection. patience bounds the waits that belong to no request:
// making a connection, and everything for the lab; 0 means DefaultPatience. The
// error names the database, without a password.
type Source func(d Discipline, p *Program, patience time.Duration) (Database, error)

// DefaultPatience is enough for a cluster to start on one file or server, and as
// long as rqlite itself tries to hand a write to Raft (-raft-apply-timeout).
const DefaultPatience = 10 * time.Second

// A Database makes connections to one database of one engine. It is safe for
// concurrent use.
type Database interface {
	// Dial makes a connection for a use. The first one of use Probe creates the
	// tables that are missing. The context bounds the dialing; of use Look and
	// Lab, all that is done on the connection.
	Dial(ctx context.Context, use Use) (Conn, error)
	// Pool returns how many connections a node may keep for requests. It is
	// called after the first Dial, which may have learned that the server has
	// room for fewer than the discipline asks for.
	Pool() int
	// Absent returns the refusal of an attempt for which no connection is there,
	// since none could be made because of cause. nil means that the attempt shall
	// wait for one.
	Absent(cause error) error
	// Engine returns the engine and its version: "PostgreSQL 15.18".
	Engine() string
	// String names the database for people, without a password.
	String() string
	// Close frees what the connections shared. They are closed before.
	Close() error
}

// A Use is what a connection is for.
type Use int

const (
	Requests Use = iota // attempts, under the discipline's own settings, with every statement prepared that is not Cold
	Probe               // questions about the node itself: it waits a second at most, so that health does not hang behind contention
	Session             // a session of the lab, under the discipline's own settings
	Lab                 // a transaction of the lab, with patience whatever the discipline says
	Look                // what the database holds, with patience; it changes nothing, creates nothing, and needs no discipline
)

// A Conn is one connection. It serves one attempt at a time and belongs to one
// goroutine at a time.
type Conn interface {
	// Begin begins a transaction. Snapshot sees one moment's data and writes
	// nothing; Atomic is what the engine groups atomic statements with. Where it is
	// refused, no transaction is open.
	Begin(style Transaction) error
	// Do controls the open transaction. A Rollback that returns nil, or leaves the
	// connection idle, leaves nothing of the transaction.
	Do(Control) error
	// Run runs a statement of the program to its end, and calls row, unless it is
	// nil, with every row. The values are int64, string or of another type of the
	// engine's; they are the callee's only until it returns. Where the connection
	// waits for a lock and tries again, row is called again from the first row.
	Run(statement int, args []any, row func([]any) error) error
	// Explain returns what err proves, an error of the connection that op met after
	// waited. committing means that op may have committed something.
	Explain(op string, err error, waited time.Duration, committing bool) *Error
	// Idle reports whether the connection is open and outside any transaction.
	Idle() bool
	// Alive reports whether the other side may still be listening. The caller checks
	// it before it risks an attempt on an idle connection.
	Alive() bool
	// Examine fills in what the engine reports of the database as a whole:
	// Integrity, Journal, Engine and DefaultBusyTimeout.
	Examine(*Facts) error
	// Settings returns the settings that the connection has now, as the engine
	// spells them.
	Settings() (map[string]string, error)
	// Close closes the connection whatever state it is in. What is open is rolled
	// back.
	Close() error
}

// A Sender is a Conn that sends several statements in one round trip.
type Sender interface {
	Conn
	// Send runs steps in their order. Where each statement stands alone, it is
	// committed by itself and its error is in its step. Otherwise all are in one
	// transaction: the open one, or else one that Send begins; with whole, Send also
	// commits it. An error that Send returns is that of all steps.
	Send(steps []*Step, whole bool) error
	// Alone reports whether each statement stands alone.
	Alone() bool
}

// A Step is a statement for [Sender.Send]. Its fields are those of [Conn.Run].
type Step struct {
	Statement int
	Args      []any
	Row       func([]any) error
	Err       error
}

// A Checkpointer is a Conn of an engine that has a write-ahead log to look after.
type Checkpointer interface {
	// Checkpoint runs a checkpoint of the WAL.
	Checkpoint(mode CheckpointMode) (Checkpoint, error)
	// WALSize returns the size of the WAL file in bytes, 0 where there is none.
	WALSize() (int64, error)
}

// Snapshot is the style of a transaction that only reads.
const Snapshot Transaction = "snapshot"

// A Control ends a transaction or a part of it.
type Control int

const (
	Commit     Control = iota // where it is refused, the transaction stays open and Commit may be tried again
	Rollback                  // the whole transaction
	Savepoint                 // begins a part that can be rolled back alone
	RollbackTo                // undoes what was done since the savepoint, which stays
	Release                   // forgets the savepoint
)

// A CheckpointMode is how hard a checkpoint tries
// (https://sqlite.org/pragma.html#pragma_wal_checkpoint).
type CheckpointMode string

// The modes, least insistent first.
const (
	CheckpointPassive  CheckpointMode = "PASSIVE"  // as much as can be done without waiting
	CheckpointFull     CheckpointMode = "FULL"     // waits for writers, and for readers of old snapshots
	CheckpointRestart  CheckpointMode = "RESTART"  // waits for all readers too, so that the next writer starts the WAL again
	CheckpointTruncate CheckpointMode = "TRUNCATE" // and makes the file empty
)

// CheckpointModes lists every mode.
var CheckpointModes = []CheckpointMode{CheckpointPassive, CheckpointFull, CheckpointRestart, CheckpointTruncate}

// A Checkpoint is what came of one. Frames and Moved are -1 where the file is
// not in WAL mode.
type Checkpoint struct {
	Blocked bool  // somebody kept it from doing all of its work
	Frames  int64 // in the WAL
	Moved   int64 // of these, in the database by now
}

// LabID is the application id of the databases that nodes make for the lab: "cLab". Those of nodes
// themselves have none.
const LabID = 0x634c6162

// A SettingError is a connection whose setting has another value than wanted.
type SettingError struct {
	Setting string // "journal_mode", "lock_timeout"
	Wanted  string
	Got     string
	InUse   bool // SQLite refused the change because another connection has the file open
}

// Error names the setting, the value wanted and the value that the connection has.
func (e *SettingError) Error() string {
	return fmt.Sprintf("%s: asked for %s, got %s", e.Setting, e.Wanted, e.Got)
}

// Need returns an error unless d is valid and its driver speaks to engine.
func (d Discipline) Need(engine Engine) error {
	if err := d.Validate(); err != nil {
		return err
	}
	if d.Engine() != engine {
		return fmt.Errorf("driver %s does not speak to %s", d.Driver, engine)
	}
	return nil
}

// QuotedTables returns the names of the tables in the dialect, as a list of SQL
// strings. They are the program's own words.
func (p *Program) QuotedTables(d Dialect) string {
	var names []string
	for _, t := range p.Tables {
		names = append(names, "'"+d.Prefix+t.Name+"'")
	}
	return strings.Join(names, ", ")
}
