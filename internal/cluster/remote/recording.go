package remote

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sync"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/cluster/local"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/nodeclient"
	"example.com/contend/internal/store"
)

// A recording is what both kinds of recording have: some of the nodes, and a
// balancer before them.
type recording struct {
	cluster.Plain
	all      *Nodes
	nodes    []*node
	url      string         // of the balancer
	balancer *local.Process // nil where it was given
	stopping sync.Once
}

// URL is the balancer's.
func (r *recording) URL() string { return r.url }

// Nodes returns the nodes that the recording uses, in order.
func (r *recording) Nodes() (all []cluster.Node) {
	for _, n := range r.nodes {
		all = append(all, cluster.Node{Name: n.name, URL: n.url, Engine: n.engine})
	}
	return all
}

// leave ends the balancer, where it is contend's own.
func (r *recording) leave(ctx context.Context) error {
	if r.balancer == nil {
		return nil
	}
	return r.balancer.Stop(ctx)
}

// An inherited recording takes the nodes as they are: on their own database,
// which others may have used before, under their own discipline.
type inherited struct {
	*recording
	journal store.Journal

	mu       sync.Mutex
	counters []string // of Before
}

var _ cluster.Cluster = (*inherited)(nil)

// Stop ends the balancer, where it is contend's own, and nothing else. It is an
// error where a node is gone, or is not what it was.
func (c *inherited) Stop(ctx context.Context) (err error) {
	c.stopping.Do(func() {
		err = errors.Join(c.leave(ctx), c.all.unchanged(ctx))
		c.all.free()
	})
	return err
}

// Before reads the counters from the first node, which Inspect reads again.
func (c *inherited) Before(ctx context.Context, counters []string) (map[string]int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counters = counters
	return c.read(ctx)
}

// Inspect reads the counters of Before again. They and the version of the node's
// SQLite are all that can be known from outside: Integrity is empty.
func (c *inherited) Inspect(ctx context.Context) (facts store.Facts, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	facts = store.Facts{Journal: c.journal, Engine: "SQLite " + c.nodes[0].engine}
	facts.Counters, err = c.read(ctx)
	return facts, err
}

func (c *inherited) read(ctx context.Context) (map[string]int64, error) {
	first, all := c.nodes[0], map[string]int64{}
	for _, key := range c.counters {
		value, err := nodeclient.Counter(ctx, first.url, key)
		if err != nil {
			return nil, fmt.Errorf("read counter %q from %s: %w", key, first.name, err)
		}
		all[key] = value
	}
	return all, nil
}

// labPrefix begins the names of databases that recordings make.
const labPrefix = "lab-"

// A fresh recording, on nodes whose paths under /lab/ are open, has a database
// beside the nodes' own, made for it and removed after it.
type fresh struct {
	*recording
	database string // name of its file, beside each node's own database
	made     bool   // a node has opened it

	facts    store.Facts // read by Stop
	factsErr error       // why they could not be read
	stopped  bool
}

var _ cluster.Cluster = (*fresh)(nil)

// open closes every node's own database and opens the recording's on the first
// ones: on one node first, which makes it and sets its journal mode, for that
// can change only while nobody else has the file open
// (https://sqlite.org/pragma.html#pragma_journal_mode).
func (c *fresh) open(ctx context.Context, d store.Discipline) error {
	if err := closeAll(ctx, c.all.nodes); err != nil {
		return err
	}
	open := func(n *node) error {
		if err := nodeclient.Open(ctx, n.url, c.database, &d); err != nil {
			return fmt.Errorf("open %s on %s (%s): %w", c.database, n.name, n.url, err)
		}
		return nil
	}
	if err := open(c.nodes[0]); err != nil {
		return err
	}
	c.made = true
	return errors.Join(cluster.Each(c.nodes[1:], open)...)
}

// closeAll closes whatever database each of nodes has open.
func closeAll(ctx context.Context, nodes []*node) error {
	return errors.Join(cluster.Each(nodes, func(n *node) error {
		if err := nodeclient.Close(ctx, n.url, false); err != nil {
			return fmt.Errorf("close the database of %s (%s): %w", n.name, n.url, err)
		}
		return nil
	})...)
}

// restorePatience is how long the nodes may take to get their own database
// back, whatever becomes of the context: nothing else would give it to them. They
// finish first what they have begun.
const restorePatience = time.Minute

// Stop ends the balancer, where it is contend's own, and stops no node: it reads
// the facts from one of them while no other has the database open, removes the
// database, and opens each node's own again under the discipline that it had.
// It does so also when ctx is done; only the facts are then missing. The error
// names each node that could not be given back, and says how to do it by hand.
func (c *fresh) Stop(ctx context.Context) (err error) {
	c.stopping.Do(func() {
		err = c.leave(ctx)
		c.facts, c.factsErr = c.read(ctx)
		err = errors.Join(err, c.release(ctx))
		c.stopped = true
		c.all.free()
	})
	return err
}

// Inspect returns the facts that Stop has read.
func (c *fresh) Inspect(context.Context) (store.Facts, error) {
	if !c.stopped {
		return store.Facts{}, errors.New("inspect given nodes: they are in use: stop the recording first")
	}
	return c.facts, c.factsErr
}

// A sight is a node's health at one moment, or why there was none.
type sight struct {
	*node
	health *nodeapi.HealthResponse // nil where there is none
	err    error
}

// has reports whether the node had the database called name open last.
func (s *sight) has(name string) bool {
	return s.health != nil && path.Base(s.health.DBPath) == name
}

// see reads the health of all nodes at once.
func see(ctx context.Context, nodes []*node) []*sight {
	var sights []*sight
	for _, n := range nodes {
		sights = append(sights, &sight{node: n})
	}
	cluster.Each(sights, func(s *sight) error {
		a, err := nodeclient.Look(ctx, s.url)
		if err == nil {
			if s.health = a.Health(); s.health == nil {
				err = a.Unlike()
			}
		}
		s.err = err
		return nil
	})
	return sights
}

// read reads from the first node what the database holds, with all others closed.
// A node that is gone, or has another database open by now, may have been
// started anew: what it has acknowledged since then is in its own database, and
// the facts would accuse SQLite of losing it.
func (c *fresh) read(ctx context.Context) (store.Facts, error) {
	for _, s := range see(ctx, c.nodes) {
		switch {
		case s.health == nil:
			return store.Facts{}, fmt.Errorf("%s (%s) went away in the middle of the recording: %w", s.name, s.url, s.err)
		case !s.has(c.database):
			return store.Facts{}, fmt.Errorf("%s (%s) was started anew in the middle of the recording, and has used %s since", s.name, s.url, s.health.DBPath)
		}
	}
	if err := closeAll(ctx, c.nodes[1:]); err != nil {
		return store.Facts{}, err
	}
	facts, err := nodeclient.Facts(ctx, c.nodes[0].url)
	if err != nil {
		return store.Facts{}, fmt.Errorf("ask %s (%s): %w", c.nodes[0].name, c.nodes[0].url, err)
	}
	return facts, nil
}

// release gives every node its own database back, and removes the recording's
// between the closing and the opening. A node that seems to have its own open
// is treated as all others: a request to close it may still be on its way.
func (c *fresh) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restorePatience)
	defer cancel()
	var errs []error
	var there []*node
	for _, s := range see(ctx, c.all.nodes) {
		switch {
		case s.health == nil:
			errs = append(errs, fmt.Errorf("%s (%s) is gone: %w. It has its own database again once it is started anew; if it still runs: %s",
				s.name, s.url, s.err, s.advice()))
		case borrowed(s.health) && !s.has(c.database):
			errs = append(errs, fmt.Errorf("%s (%s) has %s of another run by now, and is left to it", s.name, s.url, s.health.DBPath))
		default:
			there = append(there, s.node)
		}
	}
	_ = closeAll(ctx, there) // giveBack closes again, and has the error
	errs = append(errs, c.remove(ctx, there))
	errs = append(errs, cluster.Each(there, func(n *node) error { return n.giveBack(ctx) })...)
	return errors.Join(errs...)
}

// remove has one of nodes, which have all closed it, remove the recording's
// database. One that no node is known to have opened may be there all the same.
func (c *fresh) remove(ctx context.Context, nodes []*node) error {
	why := errors.New("no node that had it open is left to do so")
	for _, s := range see(ctx, nodes) {
		if !s.has(c.database) {
			continue
		}
		if why = nodeclient.Close(ctx, s.url, true); why == nil {
			return nil
		}
		c.made = true
	}
	if !c.made {
		return nil
	}
	return fmt.Errorf("remove %s: %w: it stays beside the nodes' own database", c.database, why)
}

// giveBack opens the node's own database again. It tries a few times: an open
// of the recording's that was given up may only now come to its end.
func (n *node) giveBack(ctx context.Context) (err error) {
	for range 3 {
		if err = nodeclient.Close(ctx, n.url, false); err == nil {
			err = nodeclient.Open(ctx, n.url, "", &n.discipline)
		}
		if err == nil {
			return nil
		}
		if cluster.Sleep(ctx, 200*time.Millisecond) != nil {
			break
		}
	}
	return fmt.Errorf("%s (%s) does not have its own database back: %w: %s", n.name, n.url, err, n.advice())
}
