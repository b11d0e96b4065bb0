package ladder

import (
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// What the engines' documents say of mishaps that are not tried here. It is
// shown as what it is: nobody has measured it in this run.

// oneHost is what SQLite's documents say of sharing a file between machines.
var oneHost = run.Survival{
	Mishap: run.MishapHost, Answer: "no",
	Says:   "All processes must be on one host in WAL mode, and over a network file system locks often do not work.",
	Source: "https://sqlite.org/whentouse.html, https://sqlite.org/wal.html",
}

// fileDocuments is what SQLite's documents say of a file under discipline d.
func fileDocuments(d store.Discipline) []run.Survival {
	power := run.Survival{
		Mishap: run.MishapPower, Answer: "yes",
		Says:   "With synchronous FULL the WAL is synced at every commit, so a commit is durable.",
		Source: "https://sqlite.org/pragma.html#pragma_synchronous",
	}
	if d.Journal != store.WAL {
		power.Answer, power.Says = "?", "With synchronous FULL the file stays whole, but in DELETE mode the last commit may be rolled back after a power loss; EXTRA syncs the directory too."
	}
	return []run.Survival{oneHost, power}
}

// postgresDocuments is what PostgreSQL's documents say.
var postgresDocuments = []run.Survival{
	{
		Mishap: run.MishapHost, Answer: "yes",
		Says:   "Clients connect over the network, and a standby can take over.",
		Source: "https://www.postgresql.org/docs/current/high-availability.html",
	},
	{
		Mishap: run.MishapPower, Answer: "yes",
		Says:   "With fsync and synchronous_commit on, a commit is on the disk before it is acknowledged.",
		Source: "https://www.postgresql.org/docs/current/wal-reliability.html",
	},
}

// rqliteDocuments is what rqlite's documents say.
var rqliteDocuments = []run.Survival{
	{
		Mishap: run.MishapHost, Answer: "yes",
		Says:   "Every node has a copy, and a majority goes on without the rest.",
		Source: "https://rqlite.io/docs/clustering/",
	},
	{
		Mishap: run.MishapPower, Answer: "yes",
		Says:   "The Raft log is synced before a write is acknowledged.",
		Source: "https://rqlite.io/docs/design/",
	},
}
