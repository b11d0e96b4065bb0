package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/nodeclient"
	"example.com/contend/internal/run"
)

// beginHold returns once the lock has been taken. Where the load is over before
// the hold is, the hold goes on to its end, for how long it lasts is part of the
// setup; where ctx is done for any other reason than [ErrOver], the node releases
// the lock at once.
func beginHold(ctx context.Context, h run.Hold, c cluster.Cluster) (Wait, error) {
	url, err := urlOf(c, h.Node)
	if err != nil {
		return nil, err
	}
	held, letGo := context.WithCancel(context.WithoutCancel(ctx))
	released, err := nodeclient.Hold(held, url, h.For)
	if err != nil {
		letGo()
		return nil, fmt.Errorf("hold: %w", err)
	}
	event := run.FaultEvent{Kind: run.KindHold, Node: h.Node, From: time.Now()}
	watched := context.AfterFunc(ctx, func() {
		if !errors.Is(context.Cause(ctx), ErrOver) {
			letGo()
		}
	})
	wait := background(func() ([]run.FaultEvent, error) {
		err := released()
		event.To = time.Now()
		if held.Err() != nil {
			err = nil // we let go
		}
		return []run.FaultEvent{event}, err
	})
	return func() ([]run.FaultEvent, error) {
		defer letGo()
		defer watched()
		return wait()
	}, nil
}
