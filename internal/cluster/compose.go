package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"example.com/contend/deploy"
	"example.com/contend/internal/docker"
	"example.com/contend/internal/nodeclient"
)

// Compose is a cluster of containers: nodes behind nginx, in a compose project
// of its own. The compose file and the nginx configuration are in [Spec].Dir.
//
// Everything goes through nginx, as it does where people deploy such a thing: a
// node's URL is nginx's with /app-N behind it. A node's log and trace are
// written to their paths by Stop.
type Compose struct {
	docker  *docker.Docker
	project docker.Project
	guard   *guard
	dir     string
	mount   Mount
	address string // nginx's, "127.0.0.1:49153"
	nginx   *container
	nodes   []*container
	stopped bool
}

var (
	_ Cluster = (*Compose)(nil)
	_ Killer  = (*Compose)(nil)
	_ Lookout = (*Compose)(nil)
	_ Viewer  = (*Compose)(nil)
)

// A container is one member of the project.
type container struct {
	name, id string
	log      string // path
	trace    string // path; "" where it writes none
	engine   string
	killed   bool // by us, so that its end is no error
}

// Containers says what [StartCompose] makes containers of, and with what.
type Containers struct {
	Docker *docker.Docker
	Image  string            // of the nodes: this program's
	Images map[string]string // of the nodes that run another build, by [Spec].Build
	Nginx  string            // "" means what package deploy has by default
}

// StartCompose starts what spec says in containers and waits until every node
// is healthy, asked through nginx. When anything fails, or ctx is done first,
// nothing of it is left. Should this process die, however it dies, a guard
// takes the containers, volumes and networks down; see [GuardCompose].
func StartCompose(ctx context.Context, spec Spec, on Containers) (*Compose, error) {
	return startCompose(ctx, spec, on, subnet)
}

// subnet is the N of a subnet to try.
func subnet() int { return rand.IntN(256) }

// startCompose starts on the subnet 198.18.N.0/24, or on the next N that it is
// given where a network is in the way.
func startCompose(ctx context.Context, spec Spec, on Containers, subnet func() int) (_ *Compose, err error) {
	stack, err := newStack(spec, on)
	if err != nil {
		return nil, fmt.Errorf("start cluster: %w", err)
	}
	if err := prepare(spec); err != nil {
		return nil, fmt.Errorf("start cluster: %w", err)
	}
	c := newCompose(spec, on)
	if c.guard, err = startGuard(ctx, spec, c.project.Name); err != nil {
		return nil, fmt.Errorf("start cluster: %w", err)
	}
	err = c.up(ctx, stack, subnet)
	if err == nil {
		err = c.await(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start cluster: %w", err), c.remove(ctx))
	}
	return c, nil
}

func newCompose(spec Spec, on Containers) *Compose {
	c := &Compose{
		docker: on.Docker,
		project: docker.Project{
			Name: projectName(),
			File: filepath.Join(spec.Dir, composeFile),
		},
		dir:   spec.Dir,
		mount: spec.Mount,
		nginx: &container{name: "nginx", log: filepath.Join(spec.Dir, "nginx.log")},
	}
	for i := range spec.Nodes {
		n := &container{name: nodeName(i)}
		n.log = filepath.Join(spec.Dir, n.name+".log")
		if spec.Trace {
			n.trace = filepath.Join(c.kept(n), traceFile(n.name))
		}
		c.nodes = append(c.nodes, n)
	}
	return c
}

// up writes the project's files and brings it up.
func (c *Compose) up(ctx context.Context, stack deploy.Stack, subnet func() int) error {
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
func (c *Compose) await(ctx context.Context) error {
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
	return each(c.nodes, func(n *container) (err error) {
		n.engine, err = c.awaitHealth(ctx, n)
		return err
	})
}

// awaitHealth polls GET /app-N/health until it answers 200, and returns the
// version of SQLite that it tells. It gives up when ctx is done, or when the
// node or nginx has ended.
func (c *Compose) awaitHealth(ctx context.Context, n *container) (engine string, err error) {
	const pause, between = 20 * time.Millisecond, 400 * time.Millisecond // a look costs a process, an answer does not
	for looked := time.Now(); ; {
		engine, healthy := nodeclient.Healthy(ctx, c.urlOf(n))
		if healthy {
			return engine, nil
		}
		if time.Since(looked) > between {
			looked = time.Now()
			if err := cmp.Or(c.ended(ctx, n), c.ended(ctx, c.nginx)); err != nil {
				return "", err
			}
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("start %s: %w", n.name, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// ended is an error where n has ended: how, and with which last words.
func (c *Compose) ended(ctx context.Context, n *container) error {
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
	return fmt.Errorf("start %s: it ended: %s: %s", n.name, state, lastWords(n.log))
}

// all returns every container in the order in which it is stopped: nginx first,
// so that no request meets a node that is going.
func (c *Compose) all() []*container { return append([]*container{c.nginx}, c.nodes...) }

// URL is nginx's.
func (c *Compose) URL() string { return "http://" + c.address }

func (c *Compose) urlOf(n *container) string { return c.URL() + "/" + n.name }

// Nodes returns every node in order.
func (c *Compose) Nodes() []Node {
	var nodes []Node
	for _, n := range c.nodes {
		nodes = append(nodes, Node{Name: n.name, URL: c.urlOf(n), Log: n.log, Engine: n.engine, Trace: n.trace})
	}
	return nodes
}

// Kill sends node SIGKILL and waits until it is gone.
func (c *Compose) Kill(ctx context.Context, node string) error {
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
func (c *Compose) Restart(ctx context.Context, node string) error {
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
	_, err = c.awaitHealth(ctx, n)
	return err
}

func (c *Compose) node(name string) (*container, error) {
	for _, n := range c.nodes {
		if n.name == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("node %q is not in the cluster", name)
}

// removePatience bounds how long taking a project down may take, whatever
// became of the caller's context.
const removePatience = time.Minute

// Stop ends every container, keeps logs and data in [Spec].Dir, and removes the
// project; see [Cluster].
func (c *Compose) Stop(ctx context.Context) error {
	if c.stopped {
		return nil
	}
	c.stopped = true
	var errs []error
	for _, n := range c.all() {
		errs = append(errs, c.end(ctx, n))
	}
	// The data is what the recording is about, so it is kept also where ctx is done.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), removePatience)
	defer cancel()
	errs = append(errs, eachError(c.all(), func(n *container) error { return c.fate(after, n) })...)
	errs = append(errs, c.keep(after), c.remove(after))
	return errors.Join(errs...)
}

// end stops n, and kills it when ctx is done first.
func (c *Compose) end(ctx context.Context, n *container) error {
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
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), removePatience)
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
func (c *Compose) fate(ctx context.Context, n *container) error {
	if err := c.docker.Logs(ctx, n.id, n.log); err != nil || n.killed {
		return err
	}
	state, err := c.docker.State(ctx, n.id)
	if err == nil && state != (docker.State{}) {
		err = fmt.Errorf("stop %s: %s: %s", n.name, state, lastWords(n.log))
	}
	return err
}

// remove takes down all that there is of the project, also when ctx is done,
// and lets the guard go. Where something could not be removed, the guard is
// left to try again.
func (c *Compose) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removePatience)
	defer cancel()
	if err := c.docker.Remove(ctx, c.project.Name); err != nil {
		return errors.Join(err, c.guard.leave())
	}
	return c.guard.dismiss()
}
