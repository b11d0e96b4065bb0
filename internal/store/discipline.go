package store

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"example.com/contend/internal/units"
)

// A Transaction is how a read and the write that depends on it are grouped.
type Transaction string

const (
	Separate  Transaction = "separate"  // no transaction: a read, then a write, each committed on its own
	Deferred  Transaction = "deferred"  // BEGIN DEFERRED: the read's lock is upgraded by the write
	Immediate Transaction = "immediate" // BEGIN IMMEDIATE: the write lock before the read
	Exclusive Transaction = "exclusive" // BEGIN EXCLUSIVE: in a rollback journal, it bars readers too
	Atomic    Transaction = "atomic"    // one statement reads and writes

	ReadCommitted Transaction = "read-committed" // PostgreSQL's default: the read and the write in one transaction, and others' commits in between
	ForUpdate     Transaction = "for-update"     // SELECT … FOR UPDATE: the row's lock before the read
	Serializable  Transaction = "serializable"   // ISOLATION LEVEL SERIALIZABLE: refused where no serial order fits
)

// Transactions lists every transaction style of SQLite's, least careful first.
var Transactions = []Transaction{Separate, Deferred, Immediate, Exclusive, Atomic}

// A Journal is SQLite's journal_mode (https://sqlite.org/pragma.html#pragma_journal_mode).
type Journal string

const (
	Delete   Journal = "DELETE"
	Truncate Journal = "TRUNCATE"
	Persist  Journal = "PERSIST"
	WAL      Journal = "WAL"
)

// Journals lists the journal modes that a node can have.
var Journals = []Journal{Delete, Truncate, Persist, WAL}

// A Synchronous is SQLite's synchronous setting (https://sqlite.org/pragma.html#pragma_synchronous).
type Synchronous string

const (
	Off    Synchronous = "OFF"
	Normal Synchronous = "NORMAL"
	Full   Synchronous = "FULL"
	Extra  Synchronous = "EXTRA"
)

// Synchronouses lists the settings in SQLite's own order, so that the index is
// the number that PRAGMA synchronous answers.
var Synchronouses = []Synchronous{Off, Normal, Full, Extra}

// An Engine is a kind of database.
type Engine string

const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres" // PostgreSQL, or an engine that speaks its protocol
	Rqlite   Engine = "rqlite"   // SQLite, replicated by Raft, over HTTP
)

// Drivers of a [Discipline]. Which of SQLite's are built in is for store/sqlite
// to say.
const (
	Modernc    = "modernc" // SQLite translated to Go
	Ncruces    = "ncruces" // SQLite compiled to WebAssembly and that to Go, with a VFS of its own and OFD locks
	Mattn      = "mattn"   // SQLite itself, through cgo; with the build tag cgo_sqlite
	Pgx        = "pgx"     // PostgreSQL's protocol
	RqliteHTTP = "rqlite"  // rqlite's HTTP API
)

// An engineOf is the engine that a driver speaks to, the values that settings can
// have there, none for a setting that it does not have, and the transaction styles
// of a queue of writers.
//
// A queue groups the requests that wait into one transaction, so a style of a
// queue must be one. SQLite's DEFERRED is out because its read would have to be
// upgraded by each batch's first write, which is refused as soon as another node
// has committed in between. PostgreSQL's READ COMMITTED stays: within a node it
// loses nothing under a queue, and other nodes still come in between. rqlite has
// no transaction that spans requests; what waits is sent in one, and each statement
// stands alone.
type engineOf struct {
	engine        Engine
	transactions  []Transaction
	queued        []Transaction
	journals      []Journal
	synchronouses []Synchronous // of PostgreSQL those that synchronous_commit can be
	busyPolicies  []BusyPolicy
}

var ofSQLite = engineOf{SQLite, Transactions, []Transaction{Immediate, Exclusive, Atomic}, Journals, Synchronouses, []BusyPolicy{Stock, Random}}

// drivers are the names of all.
var drivers = []string{Modernc, Ncruces, Mattn, Pgx, RqliteHTTP}

var engines = map[string]engineOf{
	Modernc: ofSQLite, Ncruces: ofSQLite, Mattn: ofSQLite,
	Pgx: {
		engine:        Postgres,
		transactions:  []Transaction{Separate, ReadCommitted, ForUpdate, Serializable, Atomic},
		queued:        []Transaction{ReadCommitted, ForUpdate, Serializable, Atomic},
		synchronouses: []Synchronous{Full, Off},
	},
	RqliteHTTP: {engine: Rqlite, transactions: []Transaction{Separate, Atomic}, queued: []Transaction{Atomic}},
}

// A BusyPolicy is how a connection waits for a lock, until busy_timeout is over.
type BusyPolicy string

const (
	// Stock is SQLite's own busy handler, or its driver's: modernc and mattn
	// sleep 1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50 and then always 100 ms, so that
	// the longest waiter tries least often
	// (https://sqlite.org/c3ref/busy_timeout.html, sqliteDefaultBusyCallback).
	Stock BusyPolicy = "stock"
	// Random sleeps a random while of at most 2 ms each time, so that nobody who
	// waits is worse off than another.
	Random BusyPolicy = "random"
)

// A Writer is who writes to the database within a node.
type Writer string

const (
	Direct Writer = "direct" // every request, on a connection of the pool
	Queue  Writer = "queue"  // one goroutine on one connection, several requests to a transaction, acknowledged after its COMMIT
)

// Milliseconds is a duration as it stands in settings and JSON.
type Milliseconds int64

// Duration returns ms as a time.Duration.
func (ms Milliseconds) Duration() time.Duration { return time.Duration(ms) * time.Millisecond }

// A Discipline is everything a node decides about how it uses its database.
// The zero Discipline is not valid; start from [Red] or [Green].
type Discipline struct {
	Driver      string       `json:"driver"`          // "modernc"
	Journal     Journal      `json:"journal"`         // SQLite only, like the busy policy
	Synchronous Synchronous  `json:"synchronous"`     // of PostgreSQL: FULL or OFF, its synchronous_commit
	BusyTimeout Milliseconds `json:"busy_timeout_ms"` // 0: refuse at once; of PostgreSQL, lock_timeout, where 0 waits for ever
	Busy        BusyPolicy   `json:"busy_policy"`
	Transaction Transaction  `json:"transaction"`
	Think       Milliseconds `json:"think_ms"` // between the read and the write
	Retries     int          `json:"retries"`  // further attempts after a refused one
	Backoff     Backoff      `json:"backoff"`
	Writer      Writer       `json:"writer"`
	Pool        int          `json:"pool"` // connections a node opens, at start
}

// Engine returns whose database the discipline's driver speaks to, "" where it
// names none.
func (d Discipline) Engine() Engine { return engines[d.Driver].engine }

// DefaultPool is enough for a quarter of 100 simultaneous requests to have a
// connection each, so that they meet in SQLite and not in a queue before it.
const DefaultPool = 32

// Red is the source's Red phase: what its failing tests ran into. No WAL, no
// patience, no transaction around the read and the write, and the source's own
// 10 ms between them.
func Red() Discipline {
	return Discipline{
		Driver: Modernc, Journal: Delete, Synchronous: Full, BusyTimeout: 0, Busy: Stock,
		Transaction: Separate, Think: 10, Writer: Direct, Pool: DefaultPool,
	}
}

// Green is the source's Green phase: its mitigation, setting by setting, but for two.
// The source's loop makes 3 attempts in all, and green 3 after the first; its container
// has one connection, and a green node [DefaultPool]. [Written] is as the source has it.
func Green() Discipline {
	return Discipline{
		Driver: Modernc, Journal: WAL, Synchronous: Full, BusyTimeout: 5000, Busy: Stock,
		Transaction: Exclusive, Think: 10, Retries: 3,
		Backoff: Backoff{Base: time.Second, Max: 5 * time.Second},
		Writer:  Direct, Pool: DefaultPool,
	}
}

// Written is the source's Green phase with the attempts and the connection that are
// written there.
func Written() Discipline {
	d := Green()
	d.Retries, d.Pool = 2, 1
	return d
}

// Preset returns the discipline called name: "red" or "green".
func Preset(name string) (Discipline, error) {
	switch name {
	case "red":
		return Red(), nil
	case "green":
		return Green(), nil
	}
	return Discipline{}, fmt.Errorf("preset %q is neither red nor green%s", name, units.Like(name, []string{"red", "green"}))
}

// With returns d for another driver. Where that is another engine's, what it
// does not have is left out, and the transaction is one that loses nothing
// there: for-update, or atomic.
func (d Discipline) With(driver string) Discipline {
	d.Driver = driver
	engine := d.Engine()
	if engine == SQLite || engine == "" {
		return d
	}
	d.Journal, d.Busy, d.Writer, d.Transaction = "", "", Direct, ForUpdate
	if engine == Rqlite {
		d.Synchronous, d.Transaction = "", Atomic
	}
	return d
}

// Validate returns an error that names the first setting that is not valid.
// What an engine does not have must be empty.
func (d Discipline) Validate() error {
	known, ok := engines[d.Driver]
	if !ok {
		return fmt.Errorf("driver %q is none of %s%s", d.Driver, list(drivers), units.Like(d.Driver, drivers))
	}
	first := cmp.Or(
		among("transaction", d.Transaction, known.transactions, ", which driver "+d.Driver+" has"),
		within("busy_timeout", int64(d.BusyTimeout), " ms", 0, 3_600_000),
		within("think", int64(d.Think), " ms", 0, 60_000),
		within("retries", int64(d.Retries), "", 0, 100),
		within("pool", int64(d.Pool), "", 1, 1024),
		among("journal", d.Journal, known.journals, ""),
		among("synchronous", d.Synchronous, known.synchronouses, ""),
		among("busy_policy", d.Busy, known.busyPolicies, ""),
		among("writer", d.Writer, []Writer{Direct, Queue}, ""),
	)
	switch {
	case first != "":
		return errors.New(first)
	case d.Writer == Queue && !slices.Contains(known.queued, d.Transaction):
		return fmt.Errorf("transaction %q: the queue's are %s", d.Transaction, list(known.queued))
	}
	return d.Backoff.validate()
}

// among returns what is wrong with a value that is none of all. An engine without
// the setting has no values: then it must be empty.
func among[T ~string](name string, value T, all []T, which string) string {
	switch {
	case slices.Contains(all, value), len(all) == 0 && value == "":
		return ""
	case len(all) == 0:
		return fmt.Sprintf("%s %q: the driver's engine has no such setting", name, value)
	}
	return fmt.Sprintf("%s %q is none of %s%s%s", name, value, list(all), which, units.Like(string(value), words(all)))
}

// within returns what is wrong with a number that is not within low and high.
func within(name string, n int64, unit string, low, high int64) string {
	if n >= low && n <= high {
		return ""
	}
	return fmt.Sprintf("%s %d%s is not within %d and %d", name, n, unit, low, high)
}

func list[T ~string](all []T) string { return strings.Join(words(all), ", ") }

func words[T ~string](all []T) (texts []string) {
	for _, x := range all {
		texts = append(texts, string(x))
	}
	return texts
}

// A Backoff is how long to wait before a retry: Base·2ⁱ before retry i (from
// 0), never more than Max, and with Jitter a uniform choice between 0 and
// that ("full jitter", Brooker, https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
// The zero Backoff does not wait.
type Backoff struct {
	Base, Max time.Duration
	Jitter    bool
}

// Delay returns the wait before retry i, drawing its jitter from rng.
func (b Backoff) Delay(i int, rng *rand.Rand) time.Duration {
	d := b.Base
	for ; i > 0 && d < b.Max; i-- {
		d *= 2
	}
	d = min(d, b.Max)
	if b.Jitter && d > 0 {
		d = time.Duration(rng.Int64N(int64(d) + 1))
	}
	return d
}

// String returns "none", or BASE..MAX as in "1s..5s", with "+jitter" behind it.
func (b Backoff) String() string {
	if b == (Backoff{}) {
		return "none"
	}
	s := b.Base.String() + ".." + b.Max.String()
	if b.Jitter {
		s += "+jitter"
	}
	return s
}

// MarshalText returns the backoff as in [Backoff.String].
func (b Backoff) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText accepts what [Backoff.String] returns.
func (b *Backoff) UnmarshalText(text []byte) error {
	var parsed Backoff
	s := string(text)
	if s != "none" {
		s, parsed.Jitter = strings.CutSuffix(s, "+jitter")
		base, limit, ok := strings.Cut(s, "..")
		var errBase, errMax error
		parsed.Base, errBase = time.ParseDuration(base)
		parsed.Max, errMax = time.ParseDuration(limit)
		if !ok || errBase != nil || errMax != nil {
			return fmt.Errorf(`backoff %q is not "none" or like "1s..5s" or "1s..5s+jitter"`, text)
		}
	}
	if err := parsed.validate(); err != nil {
		return err
	}
	*b = parsed
	return nil
}

func (b Backoff) validate() error {
	if b.Base < 0 || b.Max < b.Base || b.Max > time.Hour {
		return fmt.Errorf("backoff %s: want 0 ≤ base ≤ max ≤ 1h", b)
	}
	return nil
}
