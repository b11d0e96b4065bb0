// Package cluster is the system under test as an experiment sees it: nodes that
// share one database, behind a balancer.
//
// A [Cluster] is what may be done to the nodes, wherever they run, and a [Spec]
// says which nodes to start. The packages below it start them: local as processes
// of this machine, compose in containers, and remote borrows nodes that somebody
// else started. This package starts nothing, and opens no database.
package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/contend/internal/proc"
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
	// Discard removes the database, once it has been inspected, where it is kept
	// elsewhere than in [Spec].Dir.
	Discard(ctx context.Context) error

	// Before returns what the counters hold before a load, where other hands have
	// used the database before: from then on Inspect reads these counters, and can
	// read nothing else. It returns nil where the database is fresh.
	Before(ctx context.Context, counters []string) (map[string]int64, error)
	// Views returns what each node's own database holds, in the order of the nodes,
	// once none of them runs: with a wrong [run.Mount] they are not one and the same.
	Views(ctx context.Context) ([]store.Facts, error)
	// CPU returns the processor time that the nodes and the database server have
	// had so far, without the balancer's. It is an error where they are unknown, as
	// after the death of a node. Do not call it while one is killed or restarted.
	CPU() (time.Duration, error)
	// CountSyncs counts how often the nodes and the database server have a file brought
	// to the disk from now on.
	CountSyncs() (*proc.Syncs, error)
}

// A Plain is embedded by clusters with a fresh database in [Spec].Dir that all nodes
// share, and answers what such a cluster has nothing to say to.
type Plain struct{}

// Discard does nothing.
func (Plain) Discard(context.Context) error { return nil }

// Before returns nil.
func (Plain) Before(context.Context, []string) (map[string]int64, error) { return nil, nil }

// Views returns [errors.ErrUnsupported].
func (Plain) Views(context.Context) ([]store.Facts, error) {
	return nil, fmt.Errorf("read each node's own database: %w", errors.ErrUnsupported)
}

// CPU returns [errors.ErrUnsupported].
func (Plain) CPU() (time.Duration, error) {
	return 0, fmt.Errorf("processor time: %w", errors.ErrUnsupported)
}

// CountSyncs returns [errors.ErrUnsupported].
func (Plain) CountSyncs() (*proc.Syncs, error) {
	return nil, fmt.Errorf("count syncs: %w", errors.ErrUnsupported)
}

// A Killer is a cluster that can lose nodes and get them back. Those that somebody
// else started are none.
type Killer interface {
	Cluster
	// Kill sends the node SIGKILL and waits until it is gone. [run.ServerName] names
	// the database server.
	Kill(ctx context.Context, node string) error
	// Restart starts a node that is gone, at its old address, and waits until it is healthy.
	Restart(ctx context.Context, node string) error
	// Left says what the nodes left beside the database, while none of them runs.
	// It opens no database.
	Left() (Left, error)
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
	// Kill sends SIGKILL to whoever writes the database's file. Remote
	// servers cannot be killed: that is an error.
	Kill(ctx context.Context) error
	// Restart starts again what Kill has ended, and waits until it answers.
	Restart(ctx context.Context) error
	// CPU returns the processor time that it has had so far.
	CPU() (time.Duration, error)
	// Processes returns the ids of its processes, without those that they have started.
	Processes() ([]int, error)
}

// Left is what lies beside a database that no process has open.
type Left struct {
	Journal int64 // size of the rollback journal, in bytes; 0 where there is none
	Hot     bool  // the journal has to be rolled back (https://sqlite.org/lockingv3.html#hot_journals)
	WAL     int64 // size of the WAL, in bytes; 0 where there is none
}

// journalMagic begins the header of a rollback journal that is in force
// (https://sqlite.org/fileformat2.html#the_rollback_journal). A journal that was
// finished with is deleted, truncated or has zeros there.
var journalMagic = []byte{0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7}

// LeftBeside returns what lies beside the database at path. No process may have
// it open: then none can hold the RESERVED lock, and a journal whose header is
// in force is hot.
func LeftBeside(path string) (left Left, err error) {
	if left.Journal, err = size(path + "-journal"); err != nil {
		return left, err
	}
	if left.WAL, err = size(path + "-wal"); err != nil || left.Journal < int64(len(journalMagic)) {
		return left, err
	}
	journal, err := os.Open(path + "-journal")
	if err != nil {
		return left, err
	}
	defer journal.Close()
	head := make([]byte, len(journalMagic))
	_, err = io.ReadFull(journal, head)
	left.Hot = bytes.Equal(head, journalMagic)
	return left, err
}

// size returns the size of the file at path, 0 where there is none.
func size(path string) (int64, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, err
	}
	return info.Size(), nil
}

// A Spec says what to start. The zero value of an optional field is its default.
type Spec struct {
	Nodes       int
	Discipline  store.Discipline
	Mount       run.Mount // how nodes come to the database; processes share it, under one name or under several, or each has its own
	Build       string    // which build of the node; "" is this program
	Dir         string    // holds the database and one log file a node; must exist, and have no database yet
	Seed        uint64    // for the nodes' jitter
	Lab         bool      // open the nodes' /lab/ paths
	Trace       bool      // have each node write its attempts to <name>.trace.jsonl in Dir
	Listen      string    // the balancer's address; "" means a free port of 127.0.0.1
	AllowRemote bool      // let Listen be an address that other machines can reach
	AllowHosts  []string  // names in a Host field that the balancer takes; see http1.NewGuard
	Binary      string    // the contend to run; "" means this program's own file

	Drivers      string // of SQLite, with commas between, which the nodes take in turns; "" means the discipline's for all
	SingleWriter bool   // the balancer sends what may write to one node only
	Server       string // which database server the nodes use; "": none, they share a file
	Service      Server // that one
}

// Names within [Spec].Dir.
const Database = "shared.db"

// TraceFile is the name of a node's trace.
func TraceFile(node string) string { return node + ".trace.jsonl" }

// AnyPort lets the kernel choose the balancer's port.
const AnyPort = "127.0.0.1:0"

// NodeName is the name of node i, from 0: "app-1".
func NodeName(i int) string { return "app-" + strconv.Itoa(i+1) }

// Flags are the arguments of `contend node` wherever node i, from 0, runs: its
// discipline and what an experiment needs of it.
func (s Spec) Flags(i int) []string {
	d := s.Discipline
	if s.Drivers != "" {
		drivers := strings.Split(s.Drivers, ",")
		d.Driver = drivers[i%len(drivers)]
	}
	flags := append(d.Args(), "--seed", strconv.FormatUint(s.Seed, 10))
	if s.Lab {
		flags = append(flags, "--lab")
	}
	return flags
}

// Program is the path of the contend to run.
func (s Spec) Program() (string, error) {
	if s.Binary != "" {
		return s.Binary, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	return self, nil
}

// Check refuses a cluster without nodes, and a directory that has a database: a
// path that had one before could pair the new one with an old journal or WAL
// (https://sqlite.org/howtocorrupt.html, section 1.4).
func (s Spec) Check() error {
	if s.Nodes < 1 {
		return fmt.Errorf("want at least 1 node, have %d", s.Nodes)
	}
	leftovers, err := filepath.Glob(filepath.Join(s.Dir, Database+"*"))
	if err != nil || len(leftovers) > 0 {
		return fmt.Errorf("%s is not fresh: %q is there", s.Dir, leftovers)
	}
	return nil
}

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

// Sleep waits for d or until ctx is done, and returns the cause of ctx where that is
// done.
func Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
	return context.Cause(ctx) // nil where it is not done
}
