package fault

import (
	"context"
	"fmt"

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
	return strike(ctx, run.Strike{Whom: k.Node, After: k.After, For: k.For}, nodes, func(ctx context.Context) error {
		if err := nodeclient.Crash(ctx, url, stuck); err != nil {
			return fmt.Errorf("kill %s: %w", k.Node, err)
		}
		return nil
	}), nil
}
