package fault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/nodeclient"
)

// Crash kills every node with SIGKILL in the midst of the load, looks at the
// database while nobody has it open, starts the nodes again, and so on until
// the load is over. In every other round, the first included, one node, another
// one each time, is first brought into a transaction that has written to the
// disk and stays open, and is the last to be killed: it certainly leaves
// something to recover.
//
// Killing a program is not cutting the power: what it handed to the operating
// system survives (https://sqlite.org/pragma.html#pragma_synchronous).
type Crash struct {
	Within time.Duration // the nodes work for up to so long between two crashes, and at least a quarter of it; chance says how long
}

// String says what happens to the nodes.
func (c Crash) String() string { return "every node is killed with SIGKILL, again and again" }

// restartPatience bounds how long nodes may take to come back.
const restartPatience = 30 * time.Second

// A crashable is a cluster whose nodes can be killed, and which can be looked
// at while none of them runs.
type crashable interface {
	cluster.Cluster
	cluster.Killer
	cluster.Lookout
}

// Begin looks at the database before anything is asked of the nodes, which it
// kills and starts again for it, and then starts killing. Wait returns when all
// nodes serve again.
func (c Crash) Begin(ctx context.Context, on Target) (wait func() ([]Event, error), err error) {
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
	go func() { done <- c.rounds(ctx, on, nodes, &events) }()
	return func() ([]Event, error) {
		err := <-done
		return events, err
	}, nil
}

// rounds goes on until ctx is done. A round that has begun is finished all the
// same: it leaves no node dead.
func (c Crash) rounds(ctx context.Context, on Target, nodes crashable, events *[]Event) error {
	for n := 0; ; n++ {
		if !sleep(ctx, c.pause(on)) {
			return nil
		}
		found, err := round(context.WithoutCancel(ctx), nodes, n)
		*events = append(*events, found...)
		if err != nil {
			return fmt.Errorf("crash %d: %w", n+1, err)
		}
	}
}

// pause is at least a quarter of Within, so that there is something to lose.
func (c Crash) pause(on Target) time.Duration {
	quarter := int64(c.Within / 4)
	return time.Duration(quarter + on.Chance.Int64N(3*quarter+1))
}

// stuck is how long the victim of a round would stay in its transaction before
// it kills itself: longer than it takes to kill it.
const stuck = time.Minute

// round is the n-th crash, from 0.
func round(ctx context.Context, nodes crashable, n int) ([]Event, error) {
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
func crash(ctx context.Context, nodes crashable, order []cluster.Node) ([]Event, error) {
	events := make([]Event, len(order))
	errs := make([]error, len(order))
	for i, node := range order {
		events[i] = Event{Kind: KindCrash, Node: node.Name, From: time.Now()}
		errs[i] = nodes.Kill(ctx, node.Name) // a node that had ended by itself
	}
	looked, errLook := look(ctx, nodes)
	errRestart := restart(ctx, nodes, events)
	return append([]Event{looked}, events...), errors.Join(errors.Join(errs...), errLook, errRestart)
}

// look reads the database. Reading recovers it: the figures are those after recovery.
func look(ctx context.Context, nodes crashable) (Event, error) {
	event := Event{Kind: KindLook, From: time.Now()}
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
func restart(ctx context.Context, nodes crashable, events []Event) error {
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
