// Package fault makes things go wrong on purpose while clients are at work:
// one file a fault.
//
// A fault is data, a [run.Fault] of the setup, and draws chance only from the
// generator that its [Target] has. It returns what it did as events, which become part of
// the ledger; what they prove is for package check.
package fault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/run"
)

// Begin makes the fault take effect, or starts what will, and returns. Wait ends
// it: it returns once everything is healed, with what happened. When ctx is done the
// fault begins nothing new; its cause is [ErrOver] where nothing but the end of the
// load is the reason.
func Begin(ctx context.Context, f run.Fault, on Target) (wait func() ([]run.FaultEvent, error), err error) {
	switch f := f.(type) {
	case run.Hold:
		return beginHold(ctx, f, on)
	case run.Crash:
		return beginCrash(ctx, f, on)
	case run.Kill:
		return beginKill(ctx, f, on)
	case run.Strike:
		return beginStrike(ctx, f, on)
	case run.Checkpoint:
		return beginCheckpoint(ctx, f, on)
	}
	return nil, fmt.Errorf("no fault is a %T", f)
}

// ErrOver is the cause with which the context of a fault ends when the load is over.
var ErrOver = errors.New("the load is over")

// A Target is what a fault may be done to.
type Target struct {
	Cluster cluster.Cluster
	Chance  *rand.Rand // belongs to the fault
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

// sleep waits for d and reports whether it waited to the end: ctx may be done before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
