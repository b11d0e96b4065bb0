package fault

import (
	"context"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/run"
)

// beginStrike has the kill come After a while, unless the load is over before. Wait
// returns when what was killed serves again.
func beginStrike(ctx context.Context, s run.Strike, all cluster.Killer) Wait {
	return strike(ctx, s, all, func(context.Context) error { return nil })
}

// strike is beginStrike with something done just before the kill. What has begun is
// healed, whatever becomes of ctx.
func strike(ctx context.Context, s run.Strike, all cluster.Killer, before func(context.Context) error) Wait {
	return background(func() ([]run.FaultEvent, error) {
		if cluster.Sleep(ctx, s.After) != nil {
			return nil, nil
		}
		always := context.WithoutCancel(ctx)
		event := run.FaultEvent{Kind: run.KindCrash, Node: s.Whom, From: time.Now()}
		err := before(always)
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
