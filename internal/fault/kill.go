package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/nodeclient"
)

// Kill brings one node into a transaction that has written to the disk, kills it
// there with SIGKILL, and starts it again a while later. The others go on all
// the time: the first of them that wants the database has to recover what the
// dead one left, if it finds it.
type Kill struct {
	Node  string
	After time.Duration // from the beginning of the load to the kill
	For   time.Duration // from the kill to the start
}

// String says what happens to whom.
func (k Kill) String() string {
	return fmt.Sprintf("%s is killed with SIGKILL while it writes", k.Node)
}

// Begin has the kill come After a while, unless the load is over before. Wait
// returns when the node serves again.
func (k Kill) Begin(ctx context.Context, on Target) (wait func() ([]Event, error), err error) {
	nodes, ok := on.Cluster.(cluster.Killer)
	if !ok {
		return nil, errors.New("kill: the nodes of this cluster cannot be killed")
	}
	url, err := urlOf(on.Cluster, k.Node)
	if err != nil {
		return nil, fmt.Errorf("kill: %w", err)
	}
	return later(ctx, k.After, func() (Event, error) { return k.once(ctx, nodes, url) }), nil
}

// later has one event happen after a while, unless ctx is done before. What it
// returns waits for its end.
func later(ctx context.Context, after time.Duration, once func() (Event, error)) (wait func() ([]Event, error)) {
	var events []Event
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
	return func() ([]Event, error) {
		err := <-done
		return events, err
	}
}

// once kills the node and heals it, whatever becomes of ctx.
func (k Kill) once(ctx context.Context, nodes cluster.Killer, url string) (Event, error) {
	always := context.WithoutCancel(ctx)
	event := Event{Kind: KindCrash, Node: k.Node, From: time.Now()}
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
