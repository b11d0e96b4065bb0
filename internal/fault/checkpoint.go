package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/nodeclient"
	"example.com/contend/internal/run"
)

// checkpointPatience bounds a single checkpoint.
const checkpointPatience = 30 * time.Second

// beginCheckpoint returns once every session is open. Wait returns when the checkpoints
// in progress are over and the sessions are closed. A checkpoint that the
// database refuses or fails is no error of the fault: a damaged file is what an
// experiment may be looking for.
func beginCheckpoint(ctx context.Context, c run.Checkpoint, on cluster.Cluster) (Wait, error) {
	node, err := urlOf(on, c.Node)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	if c.Sessions < 1 {
		return nil, fmt.Errorf("checkpoint: want at least 1 session, have %d", c.Sessions)
	}
	var names []string
	for i := range c.Sessions {
		names = append(names, fmt.Sprintf("checkpointer-%d", i+1))
	}
	sessions := nodeclient.NewSessions(c.Sessions)
	do := func(request nodeapi.SessionRequest) error {
		// Its answer is waited for also when ctx is done.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkpointPatience)
		defer cancel()
		_, err := sessions.Do(ctx, node, request, nil)
		return err
	}
	each := func(do func(session string) error) error { return errors.Join(cluster.Each(names, do)...) }
	end := func() error {
		defer sessions.CloseIdle()
		return each(func(name string) error { return do(nodeapi.SessionRequest{Session: name, Do: nodeapi.DoClose}) })
	}
	if err := each(func(name string) error { return do(nodeapi.SessionRequest{Session: name, Do: nodeapi.DoOpen}) }); err != nil {
		return nil, fmt.Errorf("checkpoint: %w", errors.Join(err, end()))
	}
	event := run.FaultEvent{Kind: run.KindCheckpoint, Node: c.Node, From: time.Now()}
	return background(func() ([]run.FaultEvent, error) {
		err := each(func(name string) error {
			request := nodeapi.SessionRequest{Session: name, Do: nodeapi.DoCheckpoint, Name: string(c.Mode), Value: int64(c.Times)}
			for ctx.Err() == nil {
				if err := do(request); err != nil {
					return err
				}
			}
			return nil
		})
		event.To = time.Now()
		if err = errors.Join(err, end()); err != nil {
			err = fmt.Errorf("checkpoint: %w", err)
		}
		return []run.FaultEvent{event}, err
	}), nil
}
