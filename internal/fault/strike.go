package fault

import (
	"context"
	"errors"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/run"
)

// beginStrike has the kill come After a while, unless the load is over before. Wait
// returns when what was killed serves again.
func beginStrike(ctx context.Context, s run.Strike, on Target) (wait func() ([]run.FaultEvent, error), err error) {
	all, ok := on.Cluster.(cluster.Killer)
	if !ok {
		return nil, errors.New("strike: nothing of this cluster can be killed")
	}
	return later(ctx, s.After, func() (run.FaultEvent, error) { return strikeOnce(ctx, s, all) }), nil
}

// strikeOnce kills and heals, whatever becomes of ctx.
func strikeOnce(ctx context.Context, s run.Strike, all cluster.Killer) (run.FaultEvent, error) {
	always := context.WithoutCancel(ctx)
	event := run.FaultEvent{Kind: run.KindCrash, Node: s.Whom, From: time.Now()}
	if err := all.Kill(always, s.Whom); err != nil {
		return event, err
	}
	sleep(ctx, s.For)
	err := revive(always, all, s.Whom)
	event.To = time.Now()
	return event, err
}
