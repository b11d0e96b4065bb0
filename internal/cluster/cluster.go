// Package cluster starts, kills and awaits the nodes of a system under test.
//
// A [Cluster] is what an experiment may do to its nodes, wherever they run.
// [StartProcesses] runs them as processes of this machine.
package cluster

import (
	"context"

	"example.com/contend/internal/store"
)

// A Node is one member of a cluster.
type Node struct {
	Name string // "app-1"
	URL  string // its own address, not the balancer's
	Log  string // path of its log file; "" where it has none here
}

// A Cluster is a running system: nodes that share one database, behind a balancer.
type Cluster interface {
	// URL is the balancer's.
	URL() string
	// Nodes returns every node, dead or alive, in order.
	Nodes() []Node
	// Stop ends every node in order, waits for each, and returns the first
	// thing that went wrong. Nothing of the cluster runs after it.
	Stop(ctx context.Context) error
}

// A Killer is a cluster that can lose a node and get it back.
type Killer interface {
	// Kill sends the node SIGKILL and waits until it is gone.
	Kill(ctx context.Context, node string) error
	// Restart starts a node that is gone, at its old address, and waits until it is healthy.
	Restart(ctx context.Context, node string) error
}

// A Spec says what to start.
type Spec struct {
	Nodes      int
	Discipline store.Discipline
	Dir        string // holds the database (shared.db) and one log file a node; must exist and be empty
	Seed       uint64 // for the nodes' jitter
	Lab        bool   // open the nodes' /lab/ paths
}
