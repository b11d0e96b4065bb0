package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/contend/internal/nodeclient"
	"example.com/contend/internal/run"
)

// beginHold returns once the lock has been taken. Where the load is over before
// the hold is, the hold goes on to its end, for how long it lasts is part of the
// setup; where ctx is done for any other reason than [ErrOver], the node gives
// the lock back at once.
func beginHold(ctx context.Context, h run.Hold, on Target) (wait func() ([]run.FaultEvent, error), err error) {
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
	event := run.FaultEvent{Kind: run.KindHold, Node: h.Node, From: time.Now()}
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
	return func() ([]run.FaultEvent, error) {
		defer letGo()
		defer watched()
		err := <-ended
		return []run.FaultEvent{event}, err
	}, nil
}
