package fault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/nodeclient"
	"example.com/contend/internal/run"
)

// In every other round of a [run.Crash], the first included, one node, another one
// each time, is first brought into a transaction that has written to the disk and
// stays open, and is the last to be killed: it certainly leaves something to recover.
//
// Killing a program is not cutting the power: what it handed to the operating
// system survives (https://sqlite.org/pragma.html#pragma_synchronous).

// restartPatience bounds how long nodes may take to come back.
const restartPatience = 30 * time.Second

// A crashable is a cluster whose nodes can be killed, and which can be looked
// at while none of them runs.
type crashable interface {
	cluster.Cluster
	cluster.Killer
	cluster.Lookout
}

// beginCrash looks at the database before anything is asked of the nodes, which it
// kills and starts again for it, and then starts killing. Wait returns when all
// nodes serve again.
func beginCrash(ctx context.Context, c run.Crash, on Target) (wait func() ([]run.FaultEvent, error), err error) {
	nodes, ok := on.Cluster.(crashable)
	if !ok {
		return nil, errors.New("crash: the nodes of this cluster cannot be killed")
	}
	found, err := crash(context.WithoutCancel(ctx), nodes, nodes.Nodes())
	if err != nil {
		return nil, fmt.Errorf("look before the first crash: %w", err)
	}
	events := found[:1] // idle nodes were killed, which is no crash to tell of
	done := make(chan error, 1)
	go func() { done <- rounds(ctx, c, on, nodes, &events) }()
	return func() ([]run.FaultEvent, error) {
		err := <-done
		return events, err
	}, nil
}

// rounds goes on until ctx is done. A round that has begun is finished all the
// same: it leaves no node dead.
func rounds(ctx context.Context, c run.Crash, on Target, nodes crashable, events *[]run.FaultEvent) error {
	for n := 0; ; n++ {
		if !sleep(ctx, pause(c, on.Chance)) {
			return nil
		}
		found, err := round(context.WithoutCancel(ctx), nodes, n)
		*events = append(*events, found...)
		if err != nil {
			return fmt.Errorf("crash %d: %w", n+1, err)
		}
	}
}

// stuck is how long the victim of a round would stay in its transaction before
// it kills itself: longer than it takes to kill it.
const stuck = time.Minute

// round is the n-th crash, from 0.
func round(ctx context.Context, nodes crashable, n int) ([]run.FaultEvent, error) {
	order := nodes.Nodes()
	if n%2 == 0 {
		at := n / 2 % len(order)
		victim := order[at]
		if err := nodeclient.Crash(ctx, victim.URL, stuck); err != nil {
			return nil, fmt.Errorf("%s: %w", victim.Name, err)
		}
		// Whoever outlives it may recover what it leaves, so nobody does.
		order = append(append(order[:at:at], order[at+1:]...), victim)
	}
	return crash(ctx, nodes, order)
}

// crash kills all nodes in order, looks, and starts them again whatever it
// saw. The look is the first of the events.
func crash(ctx context.Context, nodes crashable, order []cluster.Node) ([]run.FaultEvent, error) {
	events := make([]run.FaultEvent, len(order))
	errs := make([]error, len(order))
	for i, node := range order {
		events[i] = run.FaultEvent{Kind: run.KindCrash, Node: node.Name, From: time.Now()}
		errs[i] = nodes.Kill(ctx, node.Name) // a node that had ended by itself
	}
	looked, errLook := look(ctx, nodes)
	errRestart := restart(ctx, nodes, events)
	return append([]run.FaultEvent{looked}, events...), errors.Join(errors.Join(errs...), errLook, errRestart)
}

// look reads the database. Reading recovers it: the figures are those after recovery.
func look(ctx context.Context, nodes crashable) (run.FaultEvent, error) {
	event := run.FaultEvent{Kind: run.KindLook, From: time.Now()}
	left, err := nodes.Left()
	if err != nil {
		return event, fmt.Errorf("look at the journal: %w", err)
	}
	facts, err := nodes.Inspect(ctx)
	if err != nil {
		return event, err
	}
	event.To = time.Now()
	event.Journal = left.Journal + left.WAL
	event.Hot = left.Hot
	event.Rows, event.Integrity = int64(len(facts.Rows)), facts.Integrity
	return event, nil
}

// restart starts all nodes at once and takes down when each served again.
func restart(ctx context.Context, nodes crashable, events []run.FaultEvent) error {
	ctx, cancel := context.WithTimeout(ctx, restartPatience)
	defer cancel()
	errs := make([]error, len(events))
	var group sync.WaitGroup
	for i := range events {
		group.Go(func() {
			errs[i] = nodes.Restart(ctx, events[i].Node)
			events[i].To = time.Now()
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// pause is the time to the next crash: at least a quarter of Within, so that there is
// something to lose.
func pause(c run.Crash, chance *rand.Rand) time.Duration {
	quarter := int64(c.Within / 4)
	return time.Duration(quarter + chance.Int64N(3*quarter+1))
}
