package record

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/nodeclient"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
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
func begin(ctx context.Context, c cluster.Cluster, b run.Begin) ([]history.Op, error) {
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

// readDatabase reads the stopped cluster's database into the recording, and each
// node's own, where they may differ.
func (rec *recorder) readDatabase(ctx context.Context, c cluster.Cluster) error {
	r := rec.recording
	facts, err := c.Inspect(ctx)
	if err != nil {
		err = fmt.Errorf("read database: %w", err)
	} else {
		closeLedger(r, rec.before, facts)
	}
	if r.Setup.Mount != run.MountShared {
		var errViews error
		if r.Views, errViews = c.Views(ctx); errViews != nil {
			err = errors.Join(err, fmt.Errorf("read what each node has: %w", errViews))
		}
	}
	return err
}

// closeLedger puts ops of the recorder around the clients': what the database began
// with (before, where it was not fresh), what the faults did, and what was there at the end.
func closeLedger(r *run.Recording, before map[string]int64, facts store.Facts) {
	r.Facts = &run.Facts{
		Records: facts.Records, Payments: facts.Payments, Integrity: facts.Integrity, Journal: facts.Journal,
		Engine: facts.Engine, DefaultBusyTimeout: facts.DefaultBusyTimeout,
	}
	var end time.Duration
	for i := range r.Ops {
		end = max(end, r.Ops[i].Returned)
	}
	for i := range r.Faults {
		end = max(end, r.Faults[i].To.Sub(r.Started))
	}
	// Every counter that a client asked to increment: one that nobody managed to
	// create reads 0. A fresh database begins with 0.
	counters := map[string]bool{}
	wrote, ordered := false, false
	for _, op := range r.ClientOps() {
		ordered = ordered || op.Func == history.Reserve || op.Func == history.Cancel
		wrote = wrote || op.Func == history.Write
		if op.Func == history.Increment {
			counters[op.Key] = true
		}
	}
	var resets, finals []history.Op
	for _, key := range slices.Sorted(maps.Keys(counters)) {
		resets = append(resets, own(history.Reset, key, before[key], 0))
		finals = append(finals, own(history.FinalRead, key, facts.Counters[key], end))
	}
	for _, values := range []map[string]int64{facts.Stock, facts.Balances} {
		for _, key := range slices.Sorted(maps.Keys(values)) {
			finals = append(finals, own(history.FinalRead, key, values[key], end))
		}
	}
	if wrote {
		finals = append(finals, finalRows(facts, end)...)
	}
	if ordered {
		finals = append(finals, finalOrders(facts, end)...)
	}
	r.Ops = slices.Concat(resets, r.Ops, faultOps(r), finals)
	for i := range r.Ops {
		r.Ops[i].Index = i
	}
}

func finalRows(facts store.Facts, at time.Duration) (ops []history.Op) {
	for _, row := range facts.Rows {
		ops = append(ops, own(history.FinalRow, workload.Tag(row.Content), row.ID, at))
	}
	return append(ops, own(history.FinalRead, "data", int64(len(facts.Rows)), at))
}

func finalOrders(facts store.Facts, at time.Duration) (ops []history.Op) {
	for _, o := range facts.Orders {
		op := own(history.FinalOrder, o.Item, o.ID, at)
		if op.Amount = o.Quantity; o.Cancelled != 0 {
			op.To = check.CancelledMark
		}
		ops = append(ops, op)
	}
	return append(ops, own(history.FinalRead, check.OrdersKey, int64(len(facts.Orders)), at))
}

// faultOps are the crashes, and what was found after them.
func faultOps(r *run.Recording) []history.Op {
	var ops []history.Op
	for _, event := range r.Faults {
		var op history.Op
		switch event.Kind {
		case run.KindCrash:
			op = own(history.Crash, event.Node, 0, 0)
			op.Value, op.Node = history.Value{}, event.Node
		case run.KindLook:
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
