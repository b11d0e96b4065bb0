package check_test

import (
	"fmt"
	"slices"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
)

var setModel = model{
	name: "set", history: smallRows, small: 2, large: 5,
	judge: func(ops []history.Op) (check.Verdict, string) {
		got := check.Set(slices.Values(ops))
		return got.Verdict, got.Reason
	},
	oracle: func(ops []history.Op) truth {
		r := rowsOracle(ops)
		if r.contradicts {
			return unjudged
		}
		return r.truth
	},
	differs: func(ops []history.Op, _ truth) string {
		return rowsDiffer(ops, check.Set(slices.Values(ops)).RowCounts)
	},
	open: []string{readEarly},
}

var durabilityModel = model{
	name: "durability", history: smallCrash, small: 1, large: 5,
	judge: func(ops []history.Op) (check.Verdict, string) {
		got := check.Durability(slices.Values(ops))
		return got.Verdict, got.Reason
	},
	oracle: durabilityOracle,
	differs: func(ops []history.Op, _ truth) string {
		got := check.Durability(slices.Values(ops))
		if got.Missing > 0 {
			return ""
		}
		return rowsDiffer(ops, got.RowCounts)
	},
	open: []string{readEarly},
}

const readEarly = "a write was acknowledged while rows were read"

// smallRows makes a history of writes with two tags and the rows that were found.
// The closing read may be absent, right, wrong or unknown; a write may come after the
// first row, and a row after the closing read.
func smallRows(c choices, size int) []history.Op {
	var writes, rows []history.Op
	row := func(key string) {
		rows = append(rows, history.Op{Process: -1, Func: history.FinalRow, Key: key, Value: history.Some(1), Outcome: history.OK})
	}
	kind := 0
	for range c.of(size + 1) {
		kind += c.of(6 - kind)
		op := history.Op{Func: history.Write, Key: "ab"[kind/3:][:1], Outcome: history.Outcome(kind % 3)}
		writes = append(writes, op)
		found := 0
		switch op.Outcome {
		case history.OK:
			found = []int{1, 0, 2}[c.rarely(3)]
		case history.Failed:
			found = c.rarely(2)
		default:
			found = c.of(3)
		}
		for range found {
			row(op.Key)
		}
	}
	for range c.rarely(2) {
		row("x")
	}
	if kind := c.rarely(4); kind < 3 {
		closing := history.Op{Process: -1, Func: history.FinalRead, Key: "data", Value: history.Some(int64(len(rows))), Outcome: history.OK}
		switch kind {
		case 1:
			closing.Value.Int64++
		case 2:
			closing.Outcome = history.Unknown
		}
		rows = append(rows, closing)
	}
	ops := slices.Concat(writes, rows)
	if n := len(writes); n > 0 && len(rows) > 1 {
		switch c.rarely(3) {
		case 1:
			ops[n-1], ops[n] = ops[n], ops[n-1]
		case 2:
			n = len(ops)
			ops[n-1], ops[n-2] = ops[n-2], ops[n-1]
		}
	}
	return timed(c, ops)
}

// smallCrash puts a crash and a count of all rows among the writes, or behind them.
func smallCrash(c choices, size int) []history.Op {
	ops := smallRows(c, size)
	kind := 2 - c.rarely(3)
	if kind == 0 {
		return ops
	}
	crash := history.Op{Process: -1, Func: history.Crash, Key: "app-1", Outcome: []history.Outcome{history.Unknown, history.OK}[kind-1]}
	events := []history.Op{crash}
	if kind == 2 {
		if n := c.value(-1, 1); n.Valid {
			events = append(events, history.Op{Process: -1, Func: history.Recovered, Key: "data", Value: history.Some(n.Int64 + 1), Outcome: history.OK})
		}
	}
	writes := 0
	for writes < len(ops) && ops[writes].Func == history.Write {
		writes++
	}
	if writes > 0 {
		writes -= c.of(2)
	}
	// The count begins a tick before or after a write returns, or just then.
	from := time.Duration(1)
	if writes > 0 {
		from = ops[writes-1].Returned
	}
	if from > 0 {
		from += time.Duration(c.of(3) - 1)
	}
	for i := range events {
		events[i].Intended, events[i].Invoked, events[i].Returned = from, from, from
	}
	return slices.Insert(ops, writes, events...)
}

// A rowsTruth is what an oracle finds out about rows.
type rowsTruth struct {
	truth
	surplus     int64 // rows that no write accounts for
	contradicts bool  // the reading contradicts itself
	partial     bool  // an absent row may have been there
}

// rowsOracle gives the rows to acknowledged and unknown writes in every way, and
// counts the acknowledged writes that are left without one, among the ways that place
// as many rows as possible.
func rowsOracle(ops []history.Op) (r rowsTruth) {
	var writes, rows []history.Op
	var during []bool // of the writes: acknowledged after the reading had begun
	closed, first, began := false, -1, time.Duration(1<<62)
	count := int64(0)
	for i, op := range ops {
		row := op.Func == history.FinalRow
		closing := op.Func == history.FinalRead && op.Outcome == history.OK
		if row || closing {
			if first < 0 {
				first = i
			}
			began = min(began, op.Invoked)
		}
		if row {
			rows = append(rows, op)
			r.contradicts = r.contradicts || closed
		}
		if closing {
			closed, count = true, op.Value.Int64
		}
	}
	r.contradicts = r.contradicts || closed && count != int64(len(rows))
	acked := false
	for i, op := range ops {
		if op.Func == history.Write && op.Outcome != history.Failed {
			ok := op.Outcome == history.OK
			late := ok && first >= 0 && (i > first || op.Returned > began)
			acked = acked || ok
			if late {
				r.open = readEarly
			}
			writes, during = append(writes, op), append(during, late)
		}
	}
	r.partial = !closed || r.open != ""
	used := make([]bool, len(writes))
	r.surplus = int64(len(rows)) + 1
	var place func(i int, left int64)
	place = func(i int, left int64) {
		if i < len(rows) {
			for w := range writes {
				if !used[w] && writes[w].Key == rows[i].Key {
					used[w] = true
					place(i+1, left)
					used[w] = false
				}
			}
			place(i+1, left+1)
			return
		}
		if left > r.surplus {
			return
		}
		if left < r.surplus {
			r.surplus, r.truth = left, truth{open: r.open}
		}
		var lost, perhaps int64
		for w := range writes {
			switch {
			case writes[w].Outcome != history.OK || used[w]:
			case !closed || during[w]:
				perhaps++
			default:
				lost++
			}
		}
		r.saw(lost)
		r.saw(lost + perhaps)
	}
	place(0, 0)
	if r.surplus > 0 {
		r.kept = false
	}
	r.unread = !closed || !acked
	return r
}

func durabilityOracle(ops []history.Op) truth {
	crashed := slices.ContainsFunc(ops, func(op history.Op) bool { return op.Func == history.Crash && op.Outcome == history.OK })
	if !crashed {
		return unjudged
	}
	r := rowsOracle(ops)
	if r.contradicts {
		r.truth = unjudged
	}
	for i, count := range ops {
		if count.Func != history.Recovered {
			continue
		}
		least := int64(0) // rows that were certainly there
		for _, op := range ops[:i] {
			timeless := op.Returned == 0 && count.Invoked == 0
			if op.Func == history.Write && op.Outcome == history.OK && (op.Returned < count.Invoked || timeless) {
				least++
			}
		}
		if count.Value.Int64 < least {
			r.kept, r.broken = false, true
		}
	}
	return r.truth
}

func rowsDiffer(ops []history.Op, got check.RowCounts) string {
	r := rowsOracle(ops)
	rows := int64(0)
	for _, op := range ops {
		if op.Func == history.FinalRow {
			rows++
		}
	}
	n := got.Present + got.Recovered + got.Resurrected + got.Duplicated + got.Unexpected
	switch {
	case n != rows:
		return fmt.Sprintf("%d of %d rows are accounted for", n, rows)
	case got.Resurrected+got.Duplicated+got.Unexpected != r.surplus:
		return fmt.Sprintf("%d rows too many, not %d", got.Resurrected+got.Duplicated+got.Unexpected, r.surplus)
	case !r.partial && !r.contradicts && got.Lost != r.lost:
		return fmt.Sprintf("lost %v", got.Lost)
	}
	return ""
}
