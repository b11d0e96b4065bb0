package fault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

// stuck is how long the victim of a round would stay in its transaction before
// it kills itself: longer than it takes to kill it.
const stuck = time.Minute

// beginCrash kills the idle nodes, reads the database before anything is asked of
// them and starts them again, and then begins the rounds. Wait returns when all nodes
// serve again.
func beginCrash(ctx context.Context, c run.Crash, nodes cluster.Killer, chance *rand.Rand) (Wait, error) {
	found, err := crash(context.WithoutCancel(ctx), nodes, nodes.Nodes())
	if err != nil {
		return nil, fmt.Errorf("look before the first crash: %w", err)
	}
	return background(func() ([]run.FaultEvent, error) {
		events := found[:1] // the end of idle nodes is no crash
		for n := 0; cluster.Sleep(ctx, pause(c, chance)) == nil; n++ {
			// A round that has begun is finished all the same: it leaves no node dead.
			found, err := round(context.WithoutCancel(ctx), nodes, n)
			events = append(events, found...)
			if err != nil {
				return events, fmt.Errorf("crash %d: %w", n+1, err)
			}
		}
		return events, nil
	}), nil
}

// pause is the time to the next crash: at least a quarter of Within, so that there is
// something to lose.
func pause(c run.Crash, chance *rand.Rand) time.Duration {
	quarter := int64(c.Within / 4)
	return time.Duration(quarter + chance.Int64N(3*quarter+1))
}

// round is the n-th crash, from 0.
func round(ctx context.Context, nodes cluster.Killer, n int) ([]run.FaultEvent, error) {
	order := nodes.Nodes()
	if n%2 == 0 {
		at := n / 2 % len(order)
		victim := order[at]
		if err := nodeclient.Crash(ctx, victim.URL, stuck); err != nil {
			return nil, fmt.Errorf("%s: %w", victim.Name, err)
		}
		// A node that outlives the victim may recover what it leaves, so none does.
		order = append(append(order[:at:at], order[at+1:]...), victim)
	}
	return crash(ctx, nodes, order)
}

// crash kills all nodes in order, looks, and starts them again, all at once,
// whatever it saw. The look is the first of the events.
func crash(ctx context.Context, nodes cluster.Killer, order []cluster.Node) ([]run.FaultEvent, error) {
	var kills []*run.FaultEvent
	var errs []error
	for _, node := range order {
		kills = append(kills, &run.FaultEvent{Kind: run.KindCrash, Node: node.Name, From: time.Now()})
		errs = append(errs, nodes.Kill(ctx, node.Name)) // an error where the node had ended by itself
	}
	looked, err := look(ctx, nodes)
	errs = append(errs, err)
	patient, cancel := context.WithTimeout(ctx, restartPatience)
	defer cancel()
	errs = append(errs, cluster.Each(kills, func(kill *run.FaultEvent) error {
		err := nodes.Restart(patient, kill.Node)
		kill.To = time.Now()
		return err
	})...)
	events := []run.FaultEvent{looked}
	for _, kill := range kills {
		events = append(events, *kill)
	}
	return events, errors.Join(errs...)
}

// look reads the database. Reading recovers it: the figures are those after recovery.
func look(ctx context.Context, nodes cluster.Killer) (run.FaultEvent, error) {
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
