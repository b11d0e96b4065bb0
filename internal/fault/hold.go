package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/nodeclient"
)

// Hold is the seed's long transaction: Node takes the write lock before the
// load begins and keeps it For so long, with nothing written.
type Hold struct {
	Node string
	For  time.Duration
}

// String says who holds what for how long.
func (h Hold) String() string { return fmt.Sprintf("%s holds the write lock for %s", h.Node, h.For) }

// Begin returns once the lock has been taken. Where the load is over before
// the hold is, the hold goes on to its end, for how long it lasts is part of the
// setup; where ctx is done for any other reason than [ErrOver], the node gives
// the lock back at once.
func (h Hold) Begin(ctx context.Context, on Target) (wait func() ([]Event, error), err error) {
	url, err := urlOf(on.Cluster, h.Node)
	if err != nil {
		return nil, err
	}
	held, letGo := context.WithCancel(context.WithoutCancel(ctx))
	given, err := nodeclient.Hold(held, url, h.For)
	if err != nil {
		letGo()
		return nil, fmt.Errorf("hold: %w", err)
	}
	event := Event{Kind: KindHold, Node: h.Node, From: time.Now()}
	watched := context.AfterFunc(ctx, func() {
		if !errors.Is(context.Cause(ctx), ErrOver) {
			letGo()
		}
	})
	ended := make(chan error, 1)
	go func() {
		err := given()
		event.To = time.Now()
		if held.Err() != nil {
			err = nil // it was told to give the lock back
		}
		ended <- err
	}()
	return func() ([]Event, error) {
		defer letGo()
		defer watched()
		err := <-ended
		return []Event{event}, err
	}, nil
}

// urlOf returns the address of the node called name.
func urlOf(c cluster.Cluster, name string) (string, error) {
	for _, node := range c.Nodes() {
		if node.Name == name {
			return node.URL, nil
		}
	}
	return "", fmt.Errorf("node %q is not in the cluster", name)
}
