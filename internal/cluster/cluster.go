// Package cluster starts, kills and awaits the nodes of a system under test.
//
// A [Cluster] is what an experiment may do to its nodes, wherever they run.
// [StartProcesses] runs them as processes of this machine: nodes must be
// separate processes, because POSIX locks belong to the process and would not
// exclude two nodes of one (https://sqlite.org/howtocorrupt.html, section 2.2).
// [StartCompose] runs them in containers behind nginx, and [Discover] finds nodes
// that somebody else started.
package cluster

import (
	"context"

	"example.com/contend/internal/store"
)

// A Node is one member of a cluster.
type Node struct {
	Name string // "app-1"
	URL  string // its own address, not the balancer's: "http://127.0.0.1:40001"
	Log  string // path of its log file; "" where it has none here

	// Engine is the version of the SQLite that it said it runs on, "3.54.1", or
	// another engine with its version; "" where it has not said.
	Engine string

	// Trace is the path of the file that it writes its attempts to, for package
	// trace to read once it has ended; "" where it writes none.
	Trace string
}

// A Cluster is a running system: nodes that share one database, behind a balancer.
type Cluster interface {
	// URL is the balancer's.
	URL() string
	// Nodes returns every node, dead or alive, in order.
	Nodes() []Node
	// Stop ends the balancer, then every node in order, each by SIGTERM, and
	// waits for each; what is still there when ctx is done is killed. Nothing
	// of the cluster runs after it. It returns everything that went wrong, and
	// does nothing the second time.
	Stop(ctx context.Context) error
	// Inspect reads the database from outside the nodes, while none of them
	// runs: after Stop, or when every one has been killed. As the next node to
	// start would, it recovers what a crash has left, of containers in a copy.
	Inspect(ctx context.Context) (store.Facts, error)
}

// A Killer is a cluster that can lose a node and get it back.
type Killer interface {
	// Kill sends the node SIGKILL and waits until it is gone.
	Kill(ctx context.Context, node string) error
	// Restart starts a node that is gone, at its old address, and waits until it is healthy.
	Restart(ctx context.Context, node string) error
}

// A Lookout is a cluster whose files can be looked at while no node runs.
type Lookout interface {
	// Left says what the nodes left beside the database. It opens no database.
	Left() (Left, error)
}

// A Viewer is a cluster whose nodes may not all see one and the same database,
// because their volumes are mounted wrongly.
type Viewer interface {
	// Views returns what each node's own database holds, in the order of the
	// nodes, once none of them runs.
	Views(ctx context.Context) ([]store.Facts, error)
}

// A Discarder is a cluster whose database is kept elsewhere than in [Spec].Dir.
type Discarder interface {
	// Discard removes it, once it has been inspected.
	Discard(ctx context.Context) error
}

// An Inherited is a cluster whose database other hands have made, and used
// before. What it holds can only be asked for, counter by counter.
type Inherited interface {
	// Counter reads the counter key from a node.
	Counter(ctx context.Context, key string) (int64, error)
}

// A Mount is how a container comes to the directory that holds the database.
// The zero Mount is the right one: one directory for all.
type Mount string

const (
	MountShared     Mount = ""            // one directory for all nodes: the named volume of containers
	MountVolume     Mount = "volume"      // the same where it is what is asked about, so that only containers can have it
	MountDirectory  Mount = "directory"   // one directory of the host, bound into all nodes
	MountSingleFile Mount = "single-file" // of that directory the database file alone: each node has a journal, WAL and wal-index of its own
	MountTwoVolumes Mount = "two-volumes" // a named volume for the odd nodes and another for the even ones
	MountNone       Mount = "none"        // nothing is mounted: each node writes to the layer of its own container
)

// Left is what lies beside a database that nobody has open.
type Left struct {
	Journal int64 // size of the rollback journal, in bytes; 0 where there is none
	Hot     bool  // the journal has to be rolled back (https://sqlite.org/lockingv3.html#hot_journals)
	WAL     int64 // size of the WAL, in bytes; 0 where there is none
}

// A Spec says what to start. The zero value of an optional field is its default.
type Spec struct {
	Nodes       int
	Discipline  store.Discipline
	Mount       Mount  // how containers come to the database; processes can only share it
	Build       string // which build of the node; "" is this program. Whoever starts the cluster knows the others
	Dir         string // holds the database and one log file a node; must exist, and have no database yet
	Seed        uint64 // for the nodes' jitter
	Lab         bool   // open the nodes' /lab/ paths
	Trace       bool   // have each node write its attempts to <name>.trace.jsonl in Dir
	Listen      string // the balancer's address; "" means a free port of 127.0.0.1
	AllowRemote bool   // let Listen be an address that other machines can reach
	Binary      string // the contend to run; "" means this program's own file

	Drivers      string // of SQLite, with commas between, which the nodes take in turns; "" means the discipline's for all
	SingleWriter bool   // the balancer sends what may write to one node only
	Server       string // which database server the nodes use; "": none, they share a file
	Service      Server // that one; whoever starts the cluster knows them by name
}

// Database is the name of the shared file within [Spec].Dir.
const Database = "shared.db"
