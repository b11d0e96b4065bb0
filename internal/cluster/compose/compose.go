// Package compose runs a cluster in containers: nodes behind nginx, in a compose
// project of its own, rendered by package deploy. The nodes' image holds this
// program, so that processes and containers run the same code.
//
// Containers, volumes and networks have the mark of this process as a label, by which
// package clean finds and removes them should this process die before it has.
package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"example.com/contend/deploy"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/docker"
	"example.com/contend/internal/nodeclient"
	"example.com/contend/internal/proc"
	"example.com/contend/internal/run"
)

// Cluster is a cluster of containers. Its compose file and nginx configuration
// are in [cluster.Spec].Dir.
//
// Everything goes through nginx, as it does where people deploy such a thing: a
// node's URL is nginx's with /app-N behind it. A node's log and trace are
// written to their paths by Stop.
type Cluster struct {
	cluster.Plain
	docker  *docker.Docker
	project docker.Project
	dir     string
	mount   run.Mount
	address string // nginx's, "127.0.0.1:49153"
	nginx   *container
	nodes   []*container
	stopped bool
}

var _ cluster.Killer = (*Cluster)(nil)

// A container is one member of the project.
type container struct {
	name, id string
	log      string // path
	trace    string // path; "" where it writes none
	engine   string
	killed   bool // by us, so that its end is no error
}

// Containers says what [Start] makes containers of, and with what.
type Containers struct {
	Docker *docker.Docker
	Images map[string]string // of the nodes, by [cluster.Spec].Build; "" is this program
	Nginx  string            // "" means what package deploy has by default

	subnet func() int // the N of a subnet 198.18.N.0/24 to try, again where a network is in the way; nil: any
}

// Start starts what spec says in containers and waits until every node is
// healthy, asked through nginx. When anything fails, or ctx is done first,
// nothing of it is left.
func Start(ctx context.Context, spec cluster.Spec, on Containers) (*Cluster, error) {
	if on.subnet == nil {
		on.subnet = subnet
	}
	c := &Cluster{
		docker:  on.Docker,
		project: docker.Project{Name: docker.NewProjectName(), File: filepath.Join(spec.Dir, composeFile)},
		dir:     spec.Dir,
		mount:   spec.Mount,
		nginx:   &container{name: "nginx", log: filepath.Join(spec.Dir, "nginx.log")},
	}
	for i := range spec.Nodes {
		n := &container{name: cluster.NodeName(i)}
		n.log = filepath.Join(spec.Dir, n.name+".log")
		if spec.Trace {
			n.trace = filepath.Join(c.kept(n), cluster.TraceFile(n.name))
		}
		c.nodes = append(c.nodes, n)
	}
	err := spec.Check()
	var stack deploy.Stack
	if err == nil {
		stack, err = newStack(spec, on)
	}
	if err == nil {
		err = prepare(spec)
	}
	if err != nil {
		return nil, fmt.Errorf("start cluster: %w", err)
	}
	if err = c.up(ctx, stack, on.subnet); err == nil {
		err = c.await(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start cluster: %w", err), c.remove(ctx))
	}
	return c, nil
}

func subnet() int { return rand.IntN(256) }

// up writes the project's files and brings it up.
func (c *Cluster) up(ctx context.Context, stack deploy.Stack, subnet func() int) error {
	const tries = 8
	for try := 1; ; try++ {
		stack.Subnet = fmt.Sprintf("198.18.%d.", subnet())
		if err := writeStack(stack, c.dir); err != nil {
			return err
		}
		err := c.docker.Up(ctx, c.project)
		if !errors.Is(err, docker.ErrOverlap) || try == tries || ctx.Err() != nil {
			return err
		}
		if err := c.docker.Remove(ctx, c.project.Name); err != nil {
			return err
		}
	}
}

// await finds the containers and waits until every node is healthy.
func (c *Cluster) await(ctx context.Context) error {
	ids, err := c.docker.Containers(ctx, c.project.Name)
	if err != nil {
		return err
	}
	for _, n := range c.all() {
		if n.id = ids[n.name]; n.id == "" {
			return fmt.Errorf("start %s: compose made no container for it", n.name)
		}
	}
	if c.address, err = c.docker.Port(ctx, c.nginx.id, nginxPort); err != nil {
		// It is not published where it is not running.
		return errors.Join(c.ended(ctx, c.nginx), err)
	}
	return cmp.Or(cluster.Each(c.nodes, func(n *container) error { return c.awaitHealth(ctx, n) })...)
}

// awaitHealth polls GET /app-N/health until it answers 200. It gives up when ctx
// is done, or when the node or nginx has ended.
func (c *Cluster) awaitHealth(ctx context.Context, n *container) error {
	const pause, between = 20 * time.Millisecond, 400 * time.Millisecond // to look costs a process, an answer does not
	for looked := time.Now(); ; {
		engine, healthy := nodeclient.Healthy(ctx, c.urlOf(n))
		if healthy {
			n.engine = engine
			return nil
		}
		if time.Since(looked) > between {
			looked = time.Now()
			if err := cmp.Or(c.ended(ctx, n), c.ended(ctx, c.nginx)); err != nil {
				return err
			}
		}
		if err := cluster.Sleep(ctx, pause); err != nil {
			return fmt.Errorf("start %s: %w", n.name, err)
		}
	}
}

// ended is an error where n has ended: how, and with which last words.
func (c *Cluster) ended(ctx context.Context, n *container) error {
	state, err := c.docker.State(ctx, n.id)
	if err != nil {
		return fmt.Errorf("start %s: %w", n.name, err)
	}
	if state.Running {
		return nil
	}
	if err := c.docker.Logs(ctx, n.id, n.log); err != nil {
		return fmt.Errorf("start %s: it ended: %s: %w", n.name, state, err)
	}
	return fmt.Errorf("start %s: it ended: %s: %s", n.name, state, proc.LastLine(n.log))
}

// all returns every container in the order in which it is stopped: nginx first,
// so that no request meets a node that is going.
func (c *Cluster) all() []*container { return append([]*container{c.nginx}, c.nodes...) }

// URL is nginx's.
func (c *Cluster) URL() string { return "http://" + c.address }

func (c *Cluster) urlOf(n *container) string { return c.URL() + "/" + n.name }

// Nodes returns every node in order.
func (c *Cluster) Nodes() []cluster.Node {
	var nodes []cluster.Node
	for _, n := range c.nodes {
		nodes = append(nodes, cluster.Node{Name: n.name, URL: c.urlOf(n), Log: n.log, Engine: n.engine, Trace: n.trace})
	}
	return nodes
}

// Kill sends node SIGKILL and waits until it is gone.
func (c *Cluster) Kill(ctx context.Context, node string) error {
	n, err := c.node(node)
	if err != nil {
		return err
	}
	if err := c.docker.Kill(ctx, n.id); err != nil {
		return fmt.Errorf("kill %s: %w", node, err)
	}
	n.killed = true
	return nil
}

// Restart starts node again at its old address and waits until it is healthy.
func (c *Cluster) Restart(ctx context.Context, node string) error {
	n, err := c.node(node)
	if err != nil {
		return err
	}
	state, err := c.docker.State(ctx, n.id)
	switch {
	case err != nil:
		return fmt.Errorf("restart %s: %w", node, err)
	case state.Running:
		return fmt.Errorf("restart %s: it is still running", node)
	}
	if err := c.docker.Start(ctx, n.id); err != nil {
		return fmt.Errorf("restart %s: %w", node, err)
	}
	n.killed = false
	return c.awaitHealth(ctx, n)
}

func (c *Cluster) node(name string) (*container, error) {
	for _, n := range c.nodes {
		if n.name == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("node %q is not in the cluster", name)
}

// removePatience bounds how long taking a project down may take, whatever
// became of the caller's context; see lasting.
const removePatience = time.Minute

func lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), removePatience)
}

// Stop ends every container, keeps logs and data in [cluster.Spec].Dir, and removes the
// project; see [cluster.Cluster].
func (c *Cluster) Stop(ctx context.Context) error {
	if c.stopped {
		return nil
	}
	c.stopped = true
	var errs []error
	for _, n := range c.all() {
		errs = append(errs, c.end(ctx, n))
	}
	// The data is what the recording is about, so it is kept also where ctx is done.
	after, cancel := lasting(ctx)
	defer cancel()
	errs = append(errs, cluster.Each(c.all(), func(n *container) error { return c.fate(after, n) })...)
	errs = append(errs, c.keep(after), c.remove(after))
	return errors.Join(errs...)
}

// end stops n, and kills it when ctx is done first.
func (c *Cluster) end(ctx context.Context, n *container) error {
	if n.killed {
		return nil
	}
	patience := removePatience
	if deadline, ok := ctx.Deadline(); ok {
		patience = time.Until(deadline) + time.Second // ctx is to say it first
	}
	err := c.docker.Stop(ctx, n.id, patience)
	if err == nil {
		return nil
	}
	after, cancel := lasting(ctx)
	defer cancel()
	n.killed = true
	if ctx.Err() == nil {
		return errors.Join(fmt.Errorf("stop %s: %w", n.name, err), c.docker.Kill(after, n.id))
	}
	if err := c.docker.Kill(after, n.id); err != nil {
		return fmt.Errorf("stop %s: %w", n.name, err)
	}
	return fmt.Errorf("stop %s: killed, it had not ended: %w", n.name, context.Cause(ctx))
}

// fate keeps n's log and, where we did not kill it, says if it ended in another
// way than it should.
func (c *Cluster) fate(ctx context.Context, n *container) error {
	if err := c.docker.Logs(ctx, n.id, n.log); err != nil || n.killed {
		return err
	}
	state, err := c.docker.State(ctx, n.id)
	if err == nil && state != (docker.State{}) {
		err = fmt.Errorf("stop %s: %s: %s", n.name, state, proc.LastLine(n.log))
	}
	return err
}

// remove takes down all that there is of the project, also when ctx is done.
func (c *Cluster) remove(ctx context.Context) error {
	ctx, cancel := lasting(ctx)
	defer cancel()
	return c.docker.Remove(ctx, c.project.Name)
}
