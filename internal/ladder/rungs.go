package ladder

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// Names of the database servers that rungs use, as [run.Setup] has them.
const (
	Postgres = "postgres" // a private cluster of this run
	Given    = "given"    // whatever speaks PostgreSQL's protocol at a URL
	Rqlite   = "rqlite"
)

// A rung is one way to share the data. It is an arm of the experiment.
type rung struct {
	name  string
	title string
	adds  bool   // one thing to the rung before, which the title names: a "+" stands before it
	means string // one sentence

	discipline   store.Discipline
	singleWriter bool
	drivers      []string
	server       string // its name; empty: the nodes share a file
	label        string // of the server: "PostgreSQL 15.18"

	// careful: the read and the write are one transaction or one statement, so
	// that nothing may be lost. naive: they are not, and clients are served, so
	// that something must be. Of a rung that is neither, anything may come.
	careful, naive bool

	lines     string // of which application the changed lines are counted; "" where nobody has written it
	strikes   []strike
	documents []run.Survival // what is not measured here
}

// A strike is who is killed to find out what the rung survives.
type strike struct {
	whom    string
	mishaps []string // that it stands for
	inQuick bool
	slow    bool // it takes seconds until somebody writes again: an election, a recovery
}

// patience is the busy_timeout of every rung but the first: SQLite's documents
// recommend none, the lab that contend started from has 5 s.
const patience = 5000

// refusalRetries are the further attempts of the rungs whose engine refuses what
// does not fit a serial order, and leaves it to the application to try again.
const refusalRetries = 20

// electionRetries are those that outlast the election of a leader, with the
// backoff beside them: about two seconds.
const electionRetries = 8

// rungs returns the ladder for nodes on o.Driver, the least careful first.
func rungs(o run.Ladder) []rung {
	return append(onFile(o), onServers(o)...)
}

// onFile returns the rungs whose nodes share a SQLite file. Each adds one thing
// to the one before, but for mixed drivers, which is the same as immediate.
func onFile(o run.Ladder) []rung {
	red := store.Red()
	red.Think, red.Driver = o.Think, o.Driver
	busy := red
	busy.BusyTimeout = patience
	wal := busy
	wal.Journal = store.WAL
	immediate := wal
	immediate.Transaction = store.Immediate
	fair := immediate
	fair.Busy = store.Random
	queue := fair
	queue.Writer = store.Queue

	node := []strike{{whom: "app-2", mishaps: []string{run.MishapNode, run.MishapWriter}}}
	all := []rung{
		{name: "red", title: "red: busy_timeout 0", means: "Each node reads, then writes, and gives up at the first lock.", discipline: red},
		{name: "busy-timeout", title: "busy_timeout", adds: true, means: "A node waits up to 5 s for a lock.", discipline: busy, naive: true},
		{name: "wal", title: "WAL", adds: true, means: "Readers and the writer no longer keep each other waiting.", discipline: wal, naive: true},
		{name: "immediate", title: "BEGIN IMMEDIATE", adds: true, means: "The write lock is taken before the read.", discipline: immediate, careful: true, strikes: node},
		{name: "fair", title: "fair busy policy", adds: true, means: "Who waits for a lock sleeps a random while of up to 2 ms, and not longer the longer it has waited.", discipline: fair, careful: true, strikes: node},
		{name: "queue", title: "queue", adds: true, means: "One connection of each node writes; requests are grouped into a transaction, each in a savepoint, and acknowledged after its COMMIT.",
			discipline: queue, careful: true, strikes: lastInQuick(node)},
		{name: "single-writer", title: "single writer", adds: true, means: "The balancer sends writes to one node and reads to all; the next node takes over when that one cannot be reached.",
			discipline: queue, singleWriter: true, careful: true, strikes: []strike{
				{whom: "app-2", mishaps: []string{run.MishapNode}}, {whom: "app-1", mishaps: []string{run.MishapWriter}, inQuick: true},
			}},
	}
	if len(o.Mixed) >= 2 {
		all = append(all, rung{name: "mixed-drivers", title: "BEGIN IMMEDIATE, mixed drivers",
			means:      fmt.Sprintf("The nodes open the file by different drivers in turns: %s.", strings.Join(o.Mixed, ",")),
			discipline: immediate, drivers: o.Mixed, careful: true})
	}
	for i := range all {
		r := &all[i]
		if r.lines = r.name; r.singleWriter {
			r.lines = "queue" // the nodes are the same
		}
		r.documents = fileDocuments(r.discipline)
	}
	return all
}

// lastInQuick returns strikes with the last of them in a quick comparison too.
func lastInQuick(strikes []strike) []strike {
	all := slices.Clone(strikes)
	all[len(all)-1].inQuick = true
	return all
}

// onServers returns the rungs of the comparison's database servers.
func onServers(o run.Ladder) (all []rung) {
	for _, s := range o.Servers {
		protocol, its := Postgres, onPostgres(s, o)
		if s.Name == Rqlite {
			protocol, its = Rqlite, onRqlite(s, o)
		}
		for i := range its {
			r := &its[i]
			r.lines = protocol + "-" + r.name
			r.name, r.server, r.label = s.Name+"/"+r.name, s.Name, s.Label
			r.documents = serverDocuments[protocol]
		}
		all = append(all, its...)
	}
	return all
}

// onPostgres are the ways to increment with PostgreSQL's protocol. A server
// that was given may be a distributed engine, which refuses any transaction
// that it cannot order, so everything careful is tried again there.
func onPostgres(s run.Server, o run.Ladder) []rung {
	d := store.Discipline{
		Driver: store.Pgx, Synchronous: store.Full, BusyTimeout: patience, Transaction: store.Separate,
		Think: o.Think, Writer: store.Direct, Pool: store.DefaultPool,
	}
	naive, update, queue, forUpdate, serializable, committed := d, d, d, d, d, d
	committed.Transaction = store.ReadCommitted
	update.Transaction = store.Atomic
	queue.Transaction, queue.Writer = store.Atomic, store.Queue
	forUpdate.Transaction = store.ForUpdate
	serializable.Transaction = store.Serializable
	for _, careful := range []*store.Discipline{&update, &queue, &forUpdate, &serializable} {
		if s.Name == Given || careful == &serializable {
			careful.Retries = refusalRetries
			careful.Backoff = store.Backoff{Base: time.Millisecond, Max: 50 * time.Millisecond, Jitter: true}
		}
	}
	strikes := []strike{{whom: "app-2", mishaps: []string{run.MishapNode}}, {whom: run.ServerName, mishaps: []string{run.MishapWriter}, slow: true}}
	if s.Name == Given {
		strikes = strikes[:1] // it is not ours to kill
	}
	return []rung{
		{name: "naive", title: "naive", means: "Each node reads, then writes.", discipline: naive, naive: true},
		{name: "read-committed", title: "naive, in a transaction", means: "The same between BEGIN and COMMIT, at PostgreSQL's default isolation level, READ COMMITTED.", discipline: committed, naive: true},
		{name: "update", title: "one UPDATE", means: "The row is updated in place by one statement.", discipline: update, careful: true, strikes: lastInQuick(strikes)},
		{name: "queue", title: "one UPDATE, queue", means: "One connection of each node writes; the UPDATEs that wait are sent in one round trip, are one transaction, and are acknowledged after its COMMIT.",
			discipline: queue, careful: true, strikes: strikes},
		{name: "for-update", title: "SELECT … FOR UPDATE", means: "The row's lock is taken before the read.", discipline: forUpdate, careful: true, strikes: strikes},
		{name: "serializable", title: "SERIALIZABLE + retry", means: "The engine refuses what fits no serial order, and the application tries it again.", discipline: serializable, careful: true},
	}
}

func onRqlite(s run.Server, o run.Ladder) []rung {
	d := store.Discipline{Driver: store.RqliteHTTP, BusyTimeout: patience, Transaction: store.Separate, Think: o.Think, Writer: store.Direct, Pool: store.DefaultPool}
	update := d
	update.Transaction = store.Atomic
	update.Retries, update.Backoff = electionRetries, store.Backoff{Base: 100 * time.Millisecond, Max: time.Second, Jitter: true}
	queue := update
	queue.Writer = store.Queue
	strikes := []strike{{whom: "app-2", mishaps: []string{run.MishapNode}}, {whom: run.ServerName, mishaps: []string{run.MishapWriter}, slow: true}}
	if s.Given {
		strikes = strikes[:1] // it is not ours to kill
	}
	return []rung{
		{name: "naive", title: "naive", means: "Each node reads, then writes.", discipline: d, naive: true},
		{name: "update", title: "one UPDATE", means: "One statement reads and writes, and Raft replicates it.", discipline: update, careful: true, strikes: lastInQuick(strikes)},
		{name: "queue", title: "one UPDATE, queue", means: "Each node has one request under way; the UPDATEs that wait go in it, and are one entry of the Raft log.",
			discipline: queue, careful: true, strikes: strikes},
	}
}

// What the engines' documents say of mishaps that are not tried here. It is
// shown as what it is: nobody has measured it in this run.

// fileDocuments is what SQLite's documents say of a file under discipline d.
func fileDocuments(d store.Discipline) []run.Survival {
	host := run.Survival{Mishap: run.MishapHost, Answer: "no", Source: "https://sqlite.org/whentouse.html, https://sqlite.org/wal.html",
		Says: "All processes must be on one host in WAL mode, and over a network file system locks often do not work."}
	power := run.Survival{Mishap: run.MishapPower, Answer: "yes", Source: "https://sqlite.org/pragma.html#pragma_synchronous",
		Says: "With synchronous FULL the WAL is synced at every commit, so a commit is durable."}
	if d.Journal != store.WAL {
		power.Answer, power.Says = "?", "With synchronous FULL the file stays whole, but in DELETE mode the last commit may be rolled back after a power loss; EXTRA syncs the directory too."
	}
	return []run.Survival{host, power}
}

// serverDocuments is what the documents of PostgreSQL and rqlite say.
var serverDocuments = map[string][]run.Survival{
	Postgres: {
		{Mishap: run.MishapHost, Answer: "yes", Source: "https://www.postgresql.org/docs/current/high-availability.html",
			Says: "Clients connect over the network, and a standby can take over."},
		{Mishap: run.MishapPower, Answer: "yes", Source: "https://www.postgresql.org/docs/current/wal-reliability.html",
			Says: "With fsync and synchronous_commit on, a commit is on the disk before it is acknowledged."},
	},
	Rqlite: {
		{Mishap: run.MishapHost, Answer: "yes", Source: "https://rqlite.io/docs/clustering/",
			Says: "Every node has a copy, and a majority goes on without the rest."},
		{Mishap: run.MishapPower, Answer: "yes", Source: "https://rqlite.io/docs/design/",
			Says: "The Raft log is synced before a write is acknowledged."},
	},
}
