package experiment

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/fault"
	"example.com/contend/internal/nodeclient"
	"example.com/contend/internal/workload"
)

// own is an op of the recorder itself.
func own(f, key string, value int64, at time.Duration) history.Op {
	return history.Op{
		Process: -1, Func: f, Key: key, Value: history.Some(value),
		Intended: at, Invoked: at, Returned: at, Outcome: history.OK,
	}
}

// begin lays down b through the first node, and returns the resets that it made.
func begin(ctx context.Context, c cluster.Cluster, b Begin) ([]history.Op, error) {
	var resets []history.Op
	if b.Item != "" {
		if err := nodeclient.SetStock(ctx, c.Nodes()[0].URL, b.Item, b.Stock); err != nil {
			return nil, fmt.Errorf("set stock: %w", err)
		}
		resets = append(resets, own(history.Reset, b.Item, b.Stock, 0))
	}
	for i := range b.Accounts {
		account := workload.Account(i)
		if err := nodeclient.SetBalance(ctx, c.Nodes()[0].URL, account, b.Balance); err != nil {
			return nil, fmt.Errorf("set balance: %w", err)
		}
		resets = append(resets, own(history.Reset, account, b.Balance, 0))
	}
	return resets, nil
}

// inherited reads the counters that a workload is going to change, where the
// database was used before.
func inherited(ctx context.Context, c cluster.Cluster, w workload.Workload) (map[string]int64, error) {
	db, used := c.(cluster.Inherited)
	if !used {
		return nil, nil
	}
	keys, _ := workload.Counters(w)
	before := map[string]int64{}
	for _, key := range keys {
		value, err := db.Counter(ctx, key)
		if err != nil {
			return nil, fmt.Errorf("read counter %q beforehand: %w", key, err)
		}
		before[key] = value
	}
	return before, nil
}

// readViews asks what each node took for the database, where they may differ.
func (r *Recording) readViews(ctx context.Context, c cluster.Cluster) (err error) {
	viewer, can := c.(cluster.Viewer)
	if !can || r.Setup.Mount == cluster.MountShared {
		return nil
	}
	if r.Views, err = viewer.Views(ctx); err != nil {
		return fmt.Errorf("read what each node has: %w", err)
	}
	return nil
}

// readDatabase asks the stopped cluster for the facts, and puts what they say
// around the clients' ops: what the database began with, what the faults did,
// and what was there at the end.
func (r *Recording) readDatabase(ctx context.Context, c cluster.Cluster) error {
	facts, err := c.Inspect(ctx)
	if err != nil {
		return fmt.Errorf("read database: %w", err)
	}
	r.Facts = &facts
	var end time.Duration
	for i := range r.Ops {
		end = max(end, r.Ops[i].Returned)
	}
	for i := range r.Faults {
		end = max(end, r.Faults[i].To.Sub(r.Started))
	}
	keys := r.counterKeys()
	var resets []history.Op
	for _, key := range keys {
		resets = append(resets, own(history.Reset, key, r.before[key], 0))
	}
	r.Ops = slices.Concat(resets, r.Ops, r.faultOps(), r.finalOps(keys, end))
	for i := range r.Ops {
		r.Ops[i].Index = i
	}
	return nil
}

// finalOps are the reads after the load: of every counter that was asked for,
// every item and every account, and of every row where rows were written.
func (r *Recording) finalOps(counters []string, at time.Duration) []history.Op {
	var ops []history.Op
	read := func(key string, value int64) { ops = append(ops, own(history.FinalRead, key, value, at)) }
	for _, key := range counters {
		read(key, r.Facts.Counters[key])
	}
	for _, values := range []map[string]int64{r.Facts.Stock, r.Facts.Balances} {
		for _, key := range slices.Sorted(maps.Keys(values)) {
			read(key, values[key])
		}
	}
	if r.wrote() {
		for _, row := range r.Facts.Rows {
			ops = append(ops, own(history.FinalRow, workload.Tag(row.Content), row.ID, at))
		}
		read("data", int64(len(r.Facts.Rows)))
	}
	return ops
}

// wrote reports whether clients wrote rows.
func (r *Recording) wrote() bool {
	for op := range r.clientOps {
		if op.Func == history.Write {
			return true
		}
	}
	return false
}

// faultOps are the crashes, and what was found after them.
func (r *Recording) faultOps() []history.Op {
	var ops []history.Op
	for _, event := range r.Faults {
		var op history.Op
		switch event.Kind {
		case fault.KindCrash:
			op = own(history.Crash, event.Node, 0, 0)
			op.Value, op.Node = history.Value{}, event.Node
		case fault.KindLook:
			op = own(history.Recovered, "data", event.Rows, 0)
		default:
			continue
		}
		op.Intended = max(event.From.Sub(r.Started), 0)
		op.Invoked, op.Returned = op.Intended, max(event.To.Sub(r.Started), 0)
		ops = append(ops, op)
	}
	return ops
}

// counterKeys returns every counter that was asked to be incremented, sorted.
// One that nobody managed to create reads 0.
func (r *Recording) counterKeys() []string {
	keys := map[string]bool{}
	for op := range r.clientOps {
		if op.Func == history.Increment {
			keys[op.Key] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}
