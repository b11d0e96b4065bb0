package fault

import (
	"context"
	"fmt"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/nodeclient"
	"example.com/contend/internal/run"
)

// beginKill is [beginStrike] on a node that is brought into a transaction that has
// written to the disk. The first other node that wants the database has to recover
// what the dead one left, if it finds it.
func beginKill(ctx context.Context, k run.Kill, nodes cluster.Killer) (Wait, error) {
	url, err := urlOf(nodes, k.Node)
	if err != nil {
		return nil, fmt.Errorf("kill: %w", err)
	}
	return beginStrike(ctx, run.Strike{Whom: k.Node, After: k.After, For: k.For}, nodes, func(ctx context.Context) error {
		if err := nodeclient.Crash(ctx, url, stuck); err != nil {
			return fmt.Errorf("kill %s: %w", k.Node, err)
		}
		return nil
	}), nil
}

// beginStrike has the kill come After a while, unless the load is over before. Wait
// returns when what was killed serves again. What has begun is healed, whatever
// becomes of ctx. Before, where it is not nil, is done just before the kill.
func beginStrike(ctx context.Context, s run.Strike, all cluster.Killer, before func(context.Context) error) Wait {
	return background(func() ([]run.FaultEvent, error) {
		if cluster.Sleep(ctx, s.After) != nil {
			return nil, nil
		}
		always := context.WithoutCancel(ctx)
		event := run.FaultEvent{Kind: run.KindCrash, Node: s.Whom, From: time.Now()}
		var err error
		if before != nil {
			err = before(always)
		}
		if err == nil {
			event.From = time.Now()
			err = all.Kill(always, s.Whom)
		}
		if err != nil {
			return []run.FaultEvent{event}, err
		}
		_ = cluster.Sleep(ctx, s.For) // the end of the load is reason enough to heal
		patient, cancel := context.WithTimeout(always, restartPatience)
		defer cancel()
		err = all.Restart(patient, s.Whom)
		event.To = time.Now()
		return []run.FaultEvent{event}, err
	})
}
