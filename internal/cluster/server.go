package cluster

import (
	"context"
	"time"

	"example.com/contend/internal/store"
)

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

// ServerName is what a [Killer] knows the database server by.
const ServerName = "server"

// A Metered is a cluster that knows what it costs.
type Metered interface {
	// CPU returns the processor time that its nodes and its database server have
	// had so far, without the balancer's. It is not known once a node has died, and
	// not to be asked while one is killed or restarted.
	CPU() (time.Duration, error)
}
