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

// beginKill kills the node After a while, unless the load is over before. The first other
// node that wants the database has to recover what the dead one left, if it finds it. Wait
// returns when the node serves again.
func beginKill(ctx context.Context, k run.Kill, on Target) (wait func() ([]run.FaultEvent, error), err error) {
	nodes, ok := on.Cluster.(cluster.Killer)
	if !ok {
		return nil, errors.New("kill: the nodes of this cluster cannot be killed")
	}
	url, err := urlOf(on.Cluster, k.Node)
	if err != nil {
		return nil, fmt.Errorf("kill: %w", err)
	}
	return later(ctx, k.After, func() (run.FaultEvent, error) { return killOnce(ctx, k, nodes, url) }), nil
}

// later has one event happen after a while, unless ctx is done before. What it
// returns waits for its end.
func later(ctx context.Context, after time.Duration, once func() (run.FaultEvent, error)) (wait func() ([]run.FaultEvent, error)) {
	var events []run.FaultEvent
	done := make(chan error, 1)
	go func() {
		if !sleep(ctx, after) {
			done <- nil
			return
		}
		event, err := once()
		events = append(events, event)
		done <- err
	}()
	return func() ([]run.FaultEvent, error) {
		err := <-done
		return events, err
	}
}

// killOnce kills the node and heals it, whatever becomes of ctx.
func killOnce(ctx context.Context, k run.Kill, nodes cluster.Killer, url string) (run.FaultEvent, error) {
	always := context.WithoutCancel(ctx)
	event := run.FaultEvent{Kind: run.KindCrash, Node: k.Node, From: time.Now()}
	if err := nodeclient.Crash(always, url, stuck); err != nil {
		return event, fmt.Errorf("kill %s: %w", k.Node, err)
	}
	event.From = time.Now()
	if err := nodes.Kill(always, k.Node); err != nil {
		return event, err
	}
	sleep(ctx, k.For)
	err := revive(always, nodes, k.Node)
	event.To = time.Now()
	return event, err
}

// revive starts again whom a fault has killed.
func revive(ctx context.Context, all cluster.Killer, whom string) error {
	patient, cancel := context.WithTimeout(ctx, restartPatience)
	defer cancel()
	return all.Restart(patient, whom)
}
