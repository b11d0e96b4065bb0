package cluster

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"example.com/contend/internal/nodeclient"
	"example.com/contend/internal/store"
)

// A labCluster is a recording on given nodes whose paths under /lab/ are open:
// a fresh database beside the nodes' own, made for it and removed after it.
type labCluster struct {
	*part
	database string // name of its file, beside each node's own database
	made     bool   // a node has opened it

	facts    store.Facts // read by Stop
	factsErr error       // why they could not be read
	stopped  bool
}

var _ Cluster = (*labCluster)(nil)

// open closes every node's own database and opens the recording's on the first
// ones: on one node first, which makes it and sets its journal mode, for that
// can change only while nobody else has the file open
// (https://sqlite.org/pragma.html#pragma_journal_mode).
func (c *labCluster) open(ctx context.Context, d store.Discipline) error {
	if err := closeAll(ctx, c.given.nodes); err != nil {
		return err
	}
	open := func(n *givenNode) error {
		if err := nodeclient.Open(ctx, n.url, c.database, &d); err != nil {
			return fmt.Errorf("open %s on %s (%s): %w", c.database, n.name, n.url, err)
		}
		return nil
	}
	if err := open(&c.nodes[0]); err != nil {
		return err
	}
	c.made = true
	return together(c.nodes[1:], open)
}

// closeAll closes whatever database each of nodes has open.
func closeAll(ctx context.Context, nodes []givenNode) error {
	return together(nodes, func(n *givenNode) error {
		if err := nodeclient.Close(ctx, n.url, false); err != nil {
			return fmt.Errorf("close the database of %s (%s): %w", n.name, n.url, err)
		}
		return nil
	})
}

// restorePatience is how long the nodes may take to get their own database
// back, whatever the context says: nobody else would give it to them. What they
// have begun they finish first.
const restorePatience = time.Minute

// Stop ends the balancer, where it is contend's own, and stops no node: it has
// one of them tell the facts while no other has the database open, removes the
// database, and opens each node's own again under the discipline that it had.
// It does so also when ctx is done; only the facts are then missing. The error
// names each node that could not be given back, and says how to do it by hand.
func (c *labCluster) Stop(ctx context.Context) (err error) {
	c.stopping.Do(func() {
		err = c.leave(ctx)
		c.facts, c.factsErr = c.read(ctx)
		err = errors.Join(err, c.release(ctx))
		c.stopped = true
		c.given.free()
	})
	return err
}

// Inspect returns the facts that Stop has read.
func (c *labCluster) Inspect(context.Context) (store.Facts, error) {
	if !c.stopped {
		return store.Facts{}, errors.New("inspect given nodes: they are in use: stop the recording first")
	}
	return c.facts, c.factsErr
}

// read has the first node tell what the database holds, with all others closed.
// A node that is gone, or has another database open by now, may have been
// started anew: what it has acknowledged since then is in its own database, and
// the facts would accuse SQLite of losing it.
func (c *labCluster) read(ctx context.Context) (store.Facts, error) {
	for _, s := range seeAll(ctx, c.nodes) {
		switch n := s.node; {
		case s.health == nil:
			return store.Facts{}, fmt.Errorf("%s (%s) went away in the middle of the recording: %w", n.name, n.url, s.err)
		case path.Base(s.health.DBPath) != c.database:
			return store.Facts{}, fmt.Errorf("%s (%s) was started anew in the middle of the recording, and has used %s since", n.name, n.url, s.health.DBPath)
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
func (c *labCluster) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restorePatience)
	defer cancel()
	var errs []error
	var there []givenNode
	for _, s := range seeAll(ctx, c.given.nodes) {
		switch n := s.node; {
		case s.health == nil:
			errs = append(errs, fmt.Errorf("%s (%s) is gone: %w. It has its own database again once it is started anew; if it still runs: %s",
				n.name, n.url, s.err, n.advice()))
		case borrowed(s.health) && path.Base(s.health.DBPath) != c.database:
			errs = append(errs, fmt.Errorf("%s (%s) has %s of another run by now, and is left to it", n.name, n.url, s.health.DBPath))
		default:
			there = append(there, *n)
		}
	}
	_ = closeAll(ctx, there) // giveBack closes again, and tells
	errs = append(errs, c.remove(ctx, there), together(there, func(n *givenNode) error { return n.giveBack(ctx) }))
	return errors.Join(errs...)
}

// remove has one of nodes, which have all closed it, remove the recording's
// database. One that no node is known to have opened may be there all the same.
func (c *labCluster) remove(ctx context.Context, nodes []givenNode) error {
	why := errors.New("no node that had it open is left to do so")
	for _, s := range seeAll(ctx, nodes) {
		if s.health == nil || path.Base(s.health.DBPath) != c.database {
			continue
		}
		if why = nodeclient.Close(ctx, s.node.url, true); why == nil {
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
// that was asked for before the recording was given up may only now come to its
// end.
func (n *givenNode) giveBack(ctx context.Context) (err error) {
	for range 3 {
		if err = n.reopen(ctx); err == nil {
			return nil
		}
		if pause(ctx, 200*time.Millisecond) != nil {
			break
		}
	}
	return fmt.Errorf("%s (%s) does not have its own database back: %w: %s", n.name, n.url, err, n.advice())
}

func (n *givenNode) reopen(ctx context.Context) error {
	if err := nodeclient.Close(ctx, n.url, false); err != nil {
		return err
	}
	return nodeclient.Open(ctx, n.url, "", &n.discipline)
}
