// Package cluster is the system under test as an experiment sees it: nodes that
// share one database, behind a balancer.
//
// A [Cluster] is what may be done to the nodes, wherever they run, and a [Spec]
// says which nodes to start. The packages below it start them: local as processes
// of this machine, compose in containers, and remote borrows nodes that somebody
// else started. This package starts nothing, and opens no database.
package cluster

import (
	"context"
	"sync"
	"time"

	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// A Node is one member of a cluster.
type Node struct {
	Name string // "app-1"
	URL  string // its own address, not the balancer's: "http://127.0.0.1:40001"
	Log  string // path of its log file; "" where it has none here

	// Engine is the version of the SQLite that it runs on, "3.54.1", or another
	// engine with its version; "" where it does not say.
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

// A Metered is a cluster that knows what it costs.
type Metered interface {
	// CPU returns the processor time that its nodes and its database server have
	// had so far, without the balancer's. It is not known once a node has died, and
	// not to be asked while one is killed or restarted.
	CPU() (time.Duration, error)
}

// A Server is a database that nodes reach over the network. Several clusters
// may use it one after another: each gets an empty database of its own.
type Server interface {
	// Fresh makes an empty database and returns the URL that nodes open it by.
	Fresh(ctx context.Context) (url string, err error)
	// Inspect reads what the database at url holds, once no node uses it.
	Inspect(ctx context.Context, url string) (store.Facts, error)
	// Drop removes what Fresh has made.
	Drop(ctx context.Context, url string) error
	// Kill sends SIGKILL to whoever writes the database's file. Servers that
	// somebody else started cannot be killed, and say so.
	Kill(ctx context.Context) error
	// Restart starts again what Kill has ended, and waits until it answers.
	Restart(ctx context.Context) error
	// CPU returns the processor time that it has had so far.
	CPU() (time.Duration, error)
}

// ServerName is the name of the database server, for Kill and Restart.
const ServerName = run.ServerName

// A Mount is how a container comes to the directory that holds the database.
type Mount = run.Mount

// The mounts, see package run.
const (
	MountShared     = run.MountShared
	MountVolume     = run.MountVolume
	MountDirectory  = run.MountDirectory
	MountSingleFile = run.MountSingleFile
	MountTwoVolumes = run.MountTwoVolumes
	MountNone       = run.MountNone
)

// Each calls do for every member at once, and returns what each call returned, in
// the order of the members.
func Each[M any](members []M, do func(M) error) []error {
	errs := make([]error, len(members))
	var group sync.WaitGroup
	for i, m := range members {
		group.Go(func() { errs[i] = do(m) })
	}
	group.Wait()
	return errs
}

// Sleep waits for d, or returns the cause of ctx where that is done first.
func Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
