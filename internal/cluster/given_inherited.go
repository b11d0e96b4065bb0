package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"example.com/contend/internal/nodeclient"
	"example.com/contend/internal/store"
)

// An inheritedCluster is a recording on given nodes as they are: on their own
// database, which others may have used before, under their own discipline.
type inheritedCluster struct {
	*part
	journal store.Journal

	mu   sync.Mutex
	keys map[string]bool // the counters that were asked for
}

var (
	_ Cluster   = (*inheritedCluster)(nil)
	_ Inherited = (*inheritedCluster)(nil)
)

// Stop ends the balancer, where it is contend's own, and nothing else. It is an
// error where a node is gone, or is not what it was.
func (c *inheritedCluster) Stop(ctx context.Context) (err error) {
	c.stopping.Do(func() {
		err = errors.Join(c.leave(ctx), c.given.unchanged(ctx))
		c.given.free()
	})
	return err
}

// Counter reads the counter key from the first node, and has it among the facts
// that Inspect returns. It asks again while the database is busy.
func (c *inheritedCluster) Counter(ctx context.Context, key string) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil {
		c.keys = map[string]bool{}
	}
	c.keys[key] = true
	return c.nodes[0].counter(ctx, key)
}

// Inspect reads the counters again that were asked for, from the first node.
// That and the version of its SQLite is all that can be known from outside:
// Integrity is empty.
func (c *inheritedCluster) Inspect(ctx context.Context) (store.Facts, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := c.nodes[0]
	facts := store.Facts{Counters: map[string]int64{}, Journal: c.journal, Engine: "SQLite " + first.engine}
	for _, key := range slices.Sorted(maps.Keys(c.keys)) {
		value, err := first.counter(ctx, key)
		if err != nil {
			return store.Facts{}, err
		}
		facts.Counters[key] = value
	}
	return facts, nil
}

// counter reads the counter key from n.
func (n *givenNode) counter(ctx context.Context, key string) (int64, error) {
	value, err := nodeclient.Counter(ctx, n.url, key)
	if err != nil {
		err = fmt.Errorf("read counter %q from %s: %w", key, n.name, err)
	}
	return value, err
}
