package check_test

import (
	"slices"

	"example.com/contend/check"
	"example.com/contend/history"
)

var bankModel = model{
	name: "bank", history: smallBank, small: 1, large: 4,
	judge: func(ops []history.Op) (check.Verdict, string) {
		got := check.Bank(slices.Values(ops))
		return got.Verdict, got.Reason
	},
	oracle: bankOracle,
	open:   []string{totalsAlone},
}

const totalsAlone = "totals, and an account without a reset"

// smallBank makes a history of two accounts, or of three. It chooses where each began
// and which unknown transfers were done, and then what was recorded of all that: the
// final balances and the totals are mostly right.
func smallBank(c choices, size int) []history.Op {
	keys := []string{"a", "b", "c"}[:2+size/4]
	own := func(f, key string, value int64) history.Op {
		return history.Op{Process: -1, Func: f, Key: key, Value: history.Some(value), Outcome: history.OK}
	}
	balance, all := map[string]int64{}, int64(0)
	var ops []history.Op
	for i, key := range keys {
		balance[key] = int64(1 - 2*i)
		if size > 2 {
			balance[key] = int64(c.of(6)) - 1
		}
		all += balance[key]
		if kind := c.rarely(3); kind < 2 {
			ops = append(ops, own(history.Reset, key, balance[key]))
			ops[len(ops)-1].Outcome = []history.Outcome{history.OK, history.Unknown}[kind]
		}
	}
	total := func() {
		if kind := c.rarely(3); kind > 0 {
			ops = append(ops, history.Op{Func: history.Total, Key: "balances", Value: history.Some(all + int64(kind) - 1), Outcome: history.OK})
		}
	}
	total()
	for range c.of(size + 1) {
		op := history.Op{Func: history.Transfer, Outcome: history.Outcome(c.of(3)), Amount: 1}
		op.Key, op.To = keys[c.of(len(keys))], keys[c.of(len(keys))]
		if size > 2 {
			op.Amount += int64(c.of(3))
		}
		if op.Outcome == history.OK || op.Outcome == history.Unknown && c.of(2) == 1 {
			balance[op.Key] -= op.Amount
			balance[op.To] += op.Amount
		}
		ops = append(ops, op)
	}
	if size > 1 {
		total()
	}
	for _, key := range keys {
		if off := c.rarely(4); off < 3 {
			ops = append(ops, own(history.FinalRead, key, balance[key]+int64(off%2)-int64(off/2)))
		}
	}
	return timed(c, ops)
}

// bankOracle makes every choice of unknown transfers and, for accounts that were not
// reset, of where they began, and looks whether one of them gives all that was read.
func bankOracle(ops []history.Op) (t truth) {
	type account struct {
		key string
		ends
	}
	var accounts []account
	var transfers []history.Op
	var totals []int64
	acked := false
	for i, op := range ops {
		switch op.Func {
		case history.Transfer:
			if op.Outcome != history.Failed {
				transfers, acked = append(transfers, op), acked || op.Outcome == history.OK
			}
		case history.Total:
			totals = append(totals, op.Value.Int64)
			for j, reset := range ops {
				if reset.Func == history.Reset && (j > i || reset.Returned > op.Invoked) {
					return unjudged
				}
			}
		}
	}
	for _, key := range []string{"a", "b", "c"} {
		about := func(op *history.Op) bool { return op.Func == history.Transfer && (op.Key == key || op.To == key) }
		known := slices.ContainsFunc(ops, func(op history.Op) bool {
			return op.Key == key && op.Func != history.Transfer || op.Outcome != history.Failed && about(&op)
		})
		e := endsOf(ops, key, about)
		if e.doubt {
			return unjudged
		}
		if known {
			accounts = append(accounts, account{key, e})
		}
		t.unread = t.unread || known && !(e.begin.Valid && e.end.Valid)
		if known && !e.begin.Valid && len(totals) > 0 {
			t.open = totalsAlone
		}
	}
	net := map[string]int64{}
	var try func(i int, sum int64)
	try = func(i int, sum int64) { // over accounts: where did each begin?
		if i == len(accounts) {
			for _, total := range totals {
				if total != sum {
					return
				}
			}
			t.kept = true
			return
		}
		c := accounts[i]
		from, to := c.begin.Int64, c.begin.Int64
		if !c.begin.Valid {
			from, to = -30, 30
			if c.end.Valid {
				from = c.end.Int64 - net[c.key]
				to = from
			}
		}
		for begin := from; begin <= to && !t.kept; begin++ {
			end := begin + net[c.key]
			if (!c.end.Valid || c.end.Int64 == end) && (end >= 0 || begin < 0) {
				try(i+1, sum+begin)
			}
		}
	}
	for choice := range 1 << len(transfers) {
		clear(net)
		possible := true
		for i, op := range transfers {
			switch done := choice>>i&1 == 1; {
			case done:
				net[op.Key] -= op.Amount
				net[op.To] += op.Amount
			case op.Outcome == history.OK:
				possible = false
			}
		}
		if possible {
			try(0, 0)
		}
	}
	t.broken = !t.kept
	t.unread = t.unread || !acked
	return t
}
