// Package fault makes things go wrong on purpose while clients are at work.
//
// A fault is data, a [run.Fault] of the setup, and draws chance only from the
// generator of its [Target]. It returns what it did as events, which become part of
// the ledger; package check judges what they prove.
package fault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/run"
)

// ErrOver is the cause with which the context of a fault ends when the load is over.
var ErrOver = errors.New("the load is over")

// A Target is what a fault may be done to.
type Target struct {
	Cluster cluster.Cluster
	Chance  *rand.Rand // belongs to the fault
}

// A Wait ends a fault: it returns once everything is healed, with what happened.
type Wait func() ([]run.FaultEvent, error)

// Begin makes the fault take effect, or starts what will, and returns. When ctx is
// done the fault begins nothing new; its cause is [ErrOver] where nothing but the end
// of the load is the reason. It is an error where f kills nodes and those
// of the cluster cannot be killed.
func Begin(ctx context.Context, f run.Fault, on Target) (Wait, error) {
	nodes, can := on.Cluster.(cluster.Killer)
	if run.Kills(f) && !can {
		return nil, fmt.Errorf("%s: the nodes of this cluster cannot be killed", f)
	}
	switch f := f.(type) {
	case run.Hold:
		return beginHold(ctx, f, on.Cluster)
	case run.Crash:
		return beginCrash(ctx, f, nodes, on.Chance)
	case run.Kill:
		return beginKill(ctx, f, nodes)
	case run.Strike:
		return beginStrike(ctx, f, nodes, nil), nil
	case run.Checkpoint:
		return beginCheckpoint(ctx, f, on.Cluster)
	}
	return nil, fmt.Errorf("no fault is a %T", f)
}

// background starts work, and returns what waits for its end.
func background(work func() ([]run.FaultEvent, error)) Wait {
	var events []run.FaultEvent
	done := make(chan error, 1)
	go func() {
		var err error
		events, err = work()
		done <- err
	}()
	return func() ([]run.FaultEvent, error) {
		err := <-done
		return events, err
	}
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
