package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/contend/internal/cluster"
)

// Strike kills one node, or the database server, with SIGKILL in the midst of
// whatever it is doing, and starts it again a while later.
type Strike struct {
	Whom  string        // a node's name, or cluster.ServerName
	After time.Duration // from the beginning of the load to the kill
	For   time.Duration // from the kill to the start
}

// String says what happens to whom.
func (s Strike) String() string { return fmt.Sprintf("%s is killed with SIGKILL", s.Whom) }

// Begin has the kill come After a while, unless the load is over before. Wait
// returns when what was killed serves again.
func (s Strike) Begin(ctx context.Context, on Target) (wait func() ([]Event, error), err error) {
	all, ok := on.Cluster.(cluster.Killer)
	if !ok {
		return nil, errors.New("strike: nothing of this cluster can be killed")
	}
	return later(ctx, s.After, func() (Event, error) { return s.once(ctx, all) }), nil
}

// once kills and heals, whatever becomes of ctx.
func (s Strike) once(ctx context.Context, all cluster.Killer) (Event, error) {
	always := context.WithoutCancel(ctx)
	event := Event{Kind: KindCrash, Node: s.Whom, From: time.Now()}
	if err := all.Kill(always, s.Whom); err != nil {
		return event, err
	}
	sleep(ctx, s.For)
	err := revive(always, all, s.Whom)
	event.To = time.Now()
	return event, err
}
