package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

// Processes is a cluster of processes of this machine: N times `contend node`
// on one database, and `contend balance` before them. They die with the process
// that started them. The database is a file, unless there is a server for it.
type Processes struct {
	binary   string
	dir      string
	service  Server // nil where the database is a file
	database string // the file's path, or its URL at the server
	nodes    []*process
	balancer *process
}

var (
	_ Cluster   = (*Processes)(nil)
	_ Killer    = (*Processes)(nil)
	_ Lookout   = (*Processes)(nil)
	_ Metered   = (*Processes)(nil)
	_ Discarder = (*Processes)(nil)
)

// StartProcesses starts what spec says and waits until every node and the
// balancer are healthy. When anything fails, or ctx is done first, what had
// been started is stopped again.
func StartProcesses(ctx context.Context, spec Spec) (*Processes, error) {
	c, err := newProcesses(ctx, spec)
	if err != nil {
		return nil, fmt.Errorf("start cluster: %w", err)
	}
	if err := c.start(ctx, spec); err != nil {
		for _, p := range c.all() {
			p.kill()
		}
		return nil, errors.Join(err, c.Discard(context.WithoutCancel(ctx)))
	}
	return c, nil
}

func newProcesses(ctx context.Context, spec Spec) (*Processes, error) {
	if spec.Nodes < 1 {
		return nil, fmt.Errorf("want at least 1 node, have %d", spec.Nodes)
	}
	c := &Processes{dir: spec.Dir, service: spec.Service, database: filepath.Join(spec.Dir, Database)}
	var err error
	if c.binary, err = spec.binary(); err != nil {
		return nil, err
	}
	if err := spec.fresh(); err != nil {
		return nil, err
	}
	if c.service != nil {
		if c.database, err = c.service.Fresh(ctx); err != nil {
			return nil, err
		}
	}
	for i := range spec.Nodes {
		c.nodes = append(c.nodes, c.newNode(spec, i))
	}
	return c, nil
}

// newNode is node i. It is told of a server in its environment, which other users
// of the machine cannot read: a URL may hold a password.
func (c *Processes) newNode(spec Spec, i int) *process {
	name := nodeName(i)
	p := &process{name: name, args: []string{"node", "--name", name}, log: filepath.Join(spec.Dir, name+".log")}
	if c.service == nil {
		p.args = append(p.args, "--db", c.database)
	} else {
		p.env = []string{"DB_PATH=" + c.database}
	}
	p.args = append(p.args, spec.flags(i)...)
	if spec.Trace {
		p.trace = filepath.Join(spec.Dir, name+".trace.jsonl")
		p.args = append(p.args, "--trace", p.trace)
	}
	return p
}

// anyPort lets the kernel choose; the child tells which it was.
const anyPort = "127.0.0.1:0"

func (c *Processes) start(ctx context.Context, spec Spec) error {
	if err := each(c.nodes, func(p *process) error {
		return p.start(ctx, c.binary, anyPort)
	}); err != nil {
		return err
	}
	var nodes []string
	for _, p := range c.nodes {
		nodes = append(nodes, p.name+"="+p.addr)
	}
	c.balancer = newBalancer(spec, nodes)
	return c.balancer.start(ctx, c.binary, cmp.Or(spec.Listen, anyPort))
}

// newBalancer is `contend balance` before nodes, each as NAME=ADDRESS.
func newBalancer(spec Spec, nodes []string) *process {
	args := []string{"balance"}
	for _, node := range nodes {
		args = append(args, "--node", node)
	}
	if spec.AllowRemote {
		args = append(args, "--allow-remote")
	}
	if spec.SingleWriter {
		args = append(args, "--single-writer")
	}
	return &process{name: "balancer", args: args, log: filepath.Join(spec.Dir, "balancer.log")}
}

// each calls do for every member at once and returns the first error, by the
// order of the members: what is wrong with one is mostly wrong with all.
func each[M any](members []M, do func(M) error) error {
	return cmp.Or(eachError(members, do)...)
}

// eachError calls do for every member at once and returns what each gave.
func eachError[M any](members []M, do func(M) error) []error {
	errs := make([]error, len(members))
	var group sync.WaitGroup
	for i, m := range members {
		group.Go(func() { errs[i] = do(m) })
	}
	group.Wait()
	return errs
}

// all returns every process in the order in which it is stopped: the balancer
// first, so that no request meets a node that is going.
func (c *Processes) all() []*process {
	if c.balancer == nil {
		return c.nodes
	}
	return append([]*process{c.balancer}, c.nodes...)
}

// URL is the balancer's.
func (c *Processes) URL() string { return "http://" + c.balancer.addr }

// Nodes returns every node in order.
func (c *Processes) Nodes() []Node {
	var nodes []Node
	for _, p := range c.nodes {
		nodes = append(nodes, Node{Name: p.name, URL: "http://" + p.addr, Log: p.log, Engine: p.engine, Trace: p.trace})
	}
	return nodes
}

// Stop ends every process; see [Cluster].
func (c *Processes) Stop(ctx context.Context) error {
	var errs []error
	for _, p := range c.all() {
		errs = append(errs, p.stop(ctx))
	}
	return errors.Join(errs...)
}

// Watch calls ended, with an error that says how, for each process that ends
// while nobody asked it to. It returns nil when ctx is done, and an error when
// nothing is left to ask: the balancer has ended, or every node.
func (c *Processes) Watch(ctx context.Context, ended func(error)) error {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	gone := make(chan *process)
	for _, p := range c.all() {
		group.Go(func() {
			select {
			case <-p.Done():
			case <-ctx.Done():
				return
			}
			select {
			case gone <- p:
			case <-ctx.Done():
			}
		})
	}
	for nodes := len(c.nodes); nodes > 0; {
		select {
		case p := <-gone:
			err := fmt.Errorf("%s ended: %s", p.name, p.fate())
			if p == c.balancer {
				return err
			}
			p.killed = true // by whom is not known, but it has been told of
			ended(err)
			nodes--
		case <-ctx.Done():
			return nil
		}
	}
	return errors.New("no node is left")
}

// Inspect reads the database in this process, in which nobody has it open, or
// asks its server.
func (c *Processes) Inspect(ctx context.Context) (store.Facts, error) {
	if c.service != nil {
		return c.service.Inspect(ctx, c.database)
	}
	return sqlite.Inspect(ctx, c.database)
}

// Discard has the server remove the database. A file stays where it is.
func (c *Processes) Discard(ctx context.Context) error {
	if c.service == nil {
		return nil
	}
	return c.service.Drop(ctx, c.database)
}

// CPU returns the processor time of the nodes and the server; see [Metered].
func (c *Processes) CPU() (sum time.Duration, err error) {
	if c.service != nil {
		if sum, err = c.service.CPU(); err != nil {
			return 0, err
		}
	}
	for _, p := range c.nodes {
		if !p.Running() {
			return 0, fmt.Errorf("processor time of %s: it has ended", p.name)
		}
		used, err := p.CPU()
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// Kill sends node SIGKILL and waits until it is gone. [ServerName] names the
// database server.
func (c *Processes) Kill(ctx context.Context, node string) error {
	if node == ServerName && c.service != nil {
		return c.service.Kill(ctx)
	}
	p, err := c.node(node)
	if err != nil {
		return err
	}
	if !p.Running() {
		return fmt.Errorf("kill %s: it is not running", node)
	}
	p.kill()
	return nil
}

// Restart starts node, or the database server, again at its old address and
// waits until it is healthy.
func (c *Processes) Restart(ctx context.Context, node string) error {
	if node == ServerName && c.service != nil {
		return c.service.Restart(ctx)
	}
	p, err := c.node(node)
	if err != nil {
		return err
	}
	if p.Running() {
		return fmt.Errorf("restart %s: it is still running", node)
	}
	return p.start(ctx, c.binary, p.addr)
}

func (c *Processes) node(name string) (*process, error) {
	for _, p := range c.nodes {
		if p.name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("node %q is not in the cluster", name)
}
