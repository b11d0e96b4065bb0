package check_test

import (
	"fmt"
	"slices"

	"example.com/contend/check"
	"example.com/contend/history"
)

var stockModel = model{
	name: "stock", history: smallStock, small: 2, large: 4,
	judge: func(ops []history.Op) (check.Verdict, string) {
		got := check.Stock(slices.Values(ops))
		return got.Verdict, got.Reason
	},
	oracle:  stockOracle,
	differs: stockDiffers,
}

// smallStock makes a history of one item. It chooses a quantity and a place for each
// purchase, mostly behind the one before; an unknown one may not have been done.
func smallStock(c choices, size int) []history.Op {
	begin := int64(2 * size)
	own := func(f string, value int64) history.Op {
		return history.Op{Process: -1, Func: f, Key: "k", Value: history.Some(value), Outcome: history.OK}
	}
	var ops []history.Op
	if kind := c.rarely(3); kind < 2 {
		ops = append(ops, own(history.Reset, begin))
		ops[len(ops)-1].Outcome = []history.Outcome{history.OK, history.Unknown}[kind]
	}
	left := begin
	for range c.of(size + 1) {
		op := history.Op{Func: history.Purchase, Key: "k", Amount: 1 + int64(c.of(size)), Outcome: history.Outcome(c.of(3))}
		before := left
		if c.rarely(2) == 1 {
			before = begin - int64(c.of(2*size-3)) // it did not see those before it
		}
		done := op.Outcome == history.OK || op.Outcome == history.Unknown && c.of(2) == 1
		if done {
			left = before - op.Amount
			if op.Outcome == history.OK && c.of(2) == 0 {
				op.Value = history.Some(left)
			}
		}
		ops = append(ops, op)
	}
	if off := c.rarely(4); off < 3 {
		ops = append(ops, own(history.FinalRead, left+int64(off%2)-int64(off/2)))
	}
	return timed(c, ops)
}

// stockOracle tries every way in which purchases can have gone, as the counter's oracle
// does with increments. No stock falls below zero.
func stockOracle(ops []history.Op) (t truth) {
	touches := func(op *history.Op) bool { return op.Func == history.Purchase }
	e := endsOf(ops, "k", touches)
	if e.doubt {
		return unjudged
	}
	s := tree{end: e.end, bottom: history.Some(0)}
	for _, op := range ops {
		if touches(&op) && op.Outcome != history.Failed {
			s.ops = append(s.ops, op)
		}
	}
	if e.begin.Valid {
		t = s.from(e.begin.Int64)
	} else {
		for begin := int64(0); begin < 20 && !t.kept; begin++ {
			t.kept = s.from(begin).kept
		}
	}
	t.unread = !e.begin.Valid || !e.end.Valid || !slices.ContainsFunc(s.ops, func(op history.Op) bool { return op.Outcome == history.OK })
	return t
}

// stockDiffers wants the pieces that vanished within the range that is given.
func stockDiffers(ops []history.Op, t truth) string {
	got := check.Stock(slices.Values(ops)).Items
	if len(got) == 0 || !t.possible() || t.unread {
		return ""
	}
	if got[0].Vanished.Min > t.lost.Min || got[0].Vanished.Max < t.lost.Max || got[0].Unexplained > 0 {
		return fmt.Sprintf("vanished %v, unexplained %d", got[0].Vanished, got[0].Unexplained)
	}
	return ""
}
