// Package local runs a cluster as processes of this machine: N times `contend
// node` on one database, and `contend balance` before them. Nodes are separate
// processes, because POSIX locks belong to the process and would not exclude two
// nodes of one (https://sqlite.org/howtocorrupt.html, section 2.2).
package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/http1"
	"example.com/contend/internal/proc"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

// Cluster is a cluster of processes, which die with the process that started
// them. The database is a file, unless there is a server for it.
type Cluster struct {
	cluster.Plain
	binary   string
	dir      string
	service  cluster.Server // nil where the database is a file
	database string         // the file's path, or its URL at the server
	mount    run.Mount
	nodes    []*Process
	balancer *Process
}

var _ cluster.Killer = (*Cluster)(nil)

// Start starts what spec says and waits until every node and the balancer are
// healthy. When anything fails, or ctx is done first, what had been started is
// stopped again.
func Start(ctx context.Context, spec cluster.Spec) (*Cluster, error) {
	c := &Cluster{dir: spec.Dir, service: spec.Service, database: filepath.Join(spec.Dir, cluster.Database), mount: spec.Mount}
	err := spec.Check()
	if err == nil {
		c.binary, err = spec.Program()
	}
	if err == nil && c.service != nil {
		c.database, err = c.service.Fresh(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("start cluster: %w", err)
	}
	for i := range spec.Nodes {
		c.nodes = append(c.nodes, c.newNode(spec, i))
	}
	if err := c.link(); err != nil {
		return nil, fmt.Errorf("start cluster: %w", err)
	}
	if err := c.start(ctx, spec); err != nil {
		for _, p := range c.all() {
			p.Kill()
		}
		return nil, errors.Join(err, c.Discard(context.WithoutCancel(ctx)))
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, spec cluster.Spec) error {
	// What is wrong with one node is mostly wrong with all: the first error is enough.
	if err := cmp.Or(cluster.Each(c.nodes, func(p *Process) error {
		return p.Start(ctx, c.binary, cluster.AnyPort)
	})...); err != nil {
		return err
	}
	var nodes []string
	for _, p := range c.nodes {
		nodes = append(nodes, p.Name+"="+p.addr)
	}
	c.balancer = NewBalancer(spec, nodes)
	return c.balancer.Start(ctx, c.binary, cmp.Or(spec.Listen, cluster.AnyPort))
}

// newNode is node i. It finds a server's URL in its environment, which other
// users of the machine cannot read: a URL may hold a password.
func (c *Cluster) newNode(spec cluster.Spec, i int) *Process {
	name := cluster.NodeName(i)
	p := &Process{Name: name, Args: []string{"node", "--name", name}, Log: filepath.Join(spec.Dir, name+".log")}
	if c.service == nil {
		p.Args = append(p.Args, "--db", c.file(name))
	} else {
		p.Env = []string{"DB_PATH=" + c.database}
	}
	p.Args = append(p.Args, spec.Flags(i)...)
	// The balancer passes the Host on: what it takes, the nodes must take.
	if spec.AllowRemote && len(spec.AllowHosts) == 0 {
		p.Args = append(p.Args, allowHosts([]string{http1.AnyHost})...)
	}
	p.Args = append(p.Args, allowHosts(spec.AllowHosts)...)
	if spec.Trace {
		p.trace = filepath.Join(spec.Dir, cluster.TraceFile(name))
		p.Args = append(p.Args, "--trace", p.trace)
	}
	return p
}

// all returns every process in the order in which it is stopped: the balancer
// first, so that no request meets a node that is going.
func (c *Cluster) all() []*Process {
	if c.balancer == nil {
		return c.nodes
	}
	return append([]*Process{c.balancer}, c.nodes...)
}

// URL is the balancer's.
func (c *Cluster) URL() string { return c.balancer.URL() }

// Nodes returns every node in order.
func (c *Cluster) Nodes() []cluster.Node {
	var nodes []cluster.Node
	for _, p := range c.nodes {
		nodes = append(nodes, cluster.Node{Name: p.Name, URL: p.URL(), Log: p.Log, Engine: p.engine, Trace: p.trace})
	}
	return nodes
}

// Stop ends every process; see [cluster.Cluster].
func (c *Cluster) Stop(ctx context.Context) error {
	var errs []error
	for _, p := range c.all() {
		errs = append(errs, p.Stop(ctx))
	}
	return errors.Join(errs...)
}

// Left returns what the nodes left beside the database, while none of them runs.
func (c *Cluster) Left() (cluster.Left, error) {
	return cluster.LeftBeside(filepath.Join(c.dir, cluster.Database))
}

// Watch calls ended, with an error that says how, for each process that ends
// unasked. It returns nil when ctx is done, and an error when no
// request can be answered any more: the balancer has ended, or every node.
func (c *Cluster) Watch(ctx context.Context, ended func(error)) error {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	all := c.all()
	gone := make(chan *Process, len(all))
	for _, p := range all {
		group.Go(func() {
			select {
			case <-p.Done():
				gone <- p
			case <-ctx.Done():
			}
		})
	}
	for nodes := len(c.nodes); nodes > 0; {
		select {
		case p := <-gone:
			err := fmt.Errorf("%s ended: %s", p.Name, p.fate())
			if p == c.balancer {
				return err
			}
			p.expected = true // by now
			ended(err)
			nodes--
		case <-ctx.Done():
			return nil
		}
	}
	return errors.New("no node is left")
}

// apart reports whether each node has a directory of its own.
func (c *Cluster) apart() bool { return c.mount == run.MountLinked || c.mount == run.MountOwnFile }

// file is the path by which a node opens the database.
func (c *Cluster) file(node string) string {
	if c.apart() {
		return filepath.Join(c.dir, node, cluster.Database)
	}
	return c.database
}

// link makes the nodes' own directories, where the mount says so, with a name for the one file in each or
// with nothing in them.
func (c *Cluster) link() (err error) {
	if c.mount == run.MountLinked {
		err = os.WriteFile(c.database, nil, 0o600)
	}
	for _, p := range c.nodes {
		name := c.file(p.Name)
		if c.apart() {
			err = cmp.Or(err, os.Mkdir(filepath.Dir(name), 0o700))
		}
		if c.mount == run.MountLinked {
			err = cmp.Or(err, os.Link(c.database, name))
		}
	}
	return err
}

// Views returns what each node finds by its own name for the file, or in its own file. It reads copies: whoever
// opens a name moves the WAL beside it into the file, and the other names would show that.
func (c *Cluster) Views(ctx context.Context) (all []store.Facts, err error) {
	if !c.apart() {
		return c.Plain.Views(ctx)
	}
	for _, p := range c.nodes {
		at := filepath.Join(c.dir, p.Name+".view")
		if err := os.CopyFS(at, os.DirFS(filepath.Dir(c.file(p.Name)))); err != nil {
			return nil, err
		}
		facts, err := app.Inspect(ctx, sqlite.At(filepath.Join(at, cluster.Database)))
		if err := errors.Join(err, os.RemoveAll(at)); err != nil {
			return nil, fmt.Errorf("what %s has: %w", p.Name, err)
		}
		all = append(all, facts)
	}
	return all, nil
}

// Inspect reads the database in this process, which never had it open, or
// through its server. Of nodes with files of their own it reads the first node's file, and
// adds the counters of the others: together they hold what the clients have counted.
func (c *Cluster) Inspect(ctx context.Context) (store.Facts, error) {
	if c.service != nil {
		return c.service.Inspect(ctx, c.database)
	}
	if c.mount != run.MountOwnFile {
		return app.Inspect(ctx, sqlite.At(c.database))
	}
	views, err := c.Views(ctx)
	if err != nil {
		return store.Facts{}, err
	}
	facts := views[0]
	facts.Counters = map[string]int64{}
	for _, view := range views {
		for key, n := range view.Counters {
			facts.Counters[key] += n
		}
		if view.Integrity != "ok" {
			facts.Integrity = view.Integrity
		}
	}
	return facts, nil
}

// Discard has the server remove the database. A file stays where it is.
func (c *Cluster) Discard(ctx context.Context) error {
	if c.service == nil {
		return nil
	}
	return c.service.Drop(ctx, c.database)
}

// CPU returns the processor time of the nodes and the server; see [cluster.Cluster].
func (c *Cluster) CPU() (sum time.Duration, err error) {
	if c.service != nil {
		if sum, err = c.service.CPU(); err != nil {
			return 0, err
		}
	}
	var nodes []*proc.Process
	for _, p := range c.nodes {
		if !p.Running() {
			return 0, fmt.Errorf("processor time of %s: it has ended", p.Name)
		}
		nodes = append(nodes, p.Process)
	}
	used, err := proc.CPU(nodes...)
	return sum + used, err
}

// CountSyncs counts those of the nodes and the server; see [cluster.Cluster].
func (c *Cluster) CountSyncs() (*proc.Syncs, error) {
	var pids []int
	if c.service != nil {
		var err error
		if pids, err = c.service.Processes(); err != nil {
			return nil, err
		}
	}
	for _, p := range c.nodes {
		pids = append(pids, p.PID())
	}
	return proc.CountSyncs(pids)
}

// Kill sends node SIGKILL and waits until it is gone. [run.ServerName] names
// the database server.
func (c *Cluster) Kill(ctx context.Context, node string) error {
	if node == run.ServerName && c.service != nil {
		return c.service.Kill(ctx)
	}
	p, err := c.node(node)
	if err != nil {
		return err
	}
	if !p.Running() {
		return fmt.Errorf("kill %s: it is not running", node)
	}
	p.Kill()
	return nil
}

// Restart starts node, or the database server, again at its old address and
// waits until it is healthy.
func (c *Cluster) Restart(ctx context.Context, node string) error {
	if node == run.ServerName && c.service != nil {
		return c.service.Restart(ctx)
	}
	p, err := c.node(node)
	if err != nil {
		return err
	}
	if p.Running() {
		return fmt.Errorf("restart %s: it is still running", node)
	}
	return p.Start(ctx, c.binary, p.addr)
}

func (c *Cluster) node(name string) (*Process, error) {
	for _, p := range c.nodes {
		if p.Name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("node %q is not in the cluster", name)
}
