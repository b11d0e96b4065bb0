package check_test

import (
	"maps"
	"slices"
	"strconv"

	"example.com/contend/check"
	"example.com/contend/history"
)

var orderModel = model{
	name: "orders", history: smallOrders, small: 1, large: 3,
	judge: func(ops []history.Op) (check.Verdict, string) {
		got := check.Order(slices.Values(ops))
		return got.Verdict, got.Reason
	},
	oracle: orderOracle,
	open:   []string{notRead, tooLarge},
}

const (
	notRead  = "orders not read"
	tooLarge = "a quantity above the initial stock, and unknown ops"
)

// smallOrders makes a history of one item. It chooses what unknown ops did, all, nothing
// or half of it, and then what was recorded in the end, which is mostly right.
func smallOrders(c choices, size int) []history.Op {
	begin := 1 + int64(c.of(size+1))
	stock := begin
	clients := -1 // ops, at most size+1: the oracle tries every order of them
	var ops, rows []history.Op
	if c.rarely(2) == 0 {
		ops = append(ops, history.Op{Process: -1, Func: history.Reset, Key: "cup", Value: history.Some(begin), Outcome: history.OK})
	}
	done := func(o history.Outcome) (first, second bool) {
		switch {
		case o == history.Unknown:
			n := c.of(4)
			return n&1 > 0, n&2 > 0
		default:
			return o == history.OK, o == history.OK
		}
	}
	for id := range int64(size) {
		if size > 1 && c.of(4) == 3 {
			continue
		}
		clients++
		op := reserved(1+int64(c.of(2)), id+1)
		op = became(history.Outcome(c.of(3)), op)
		row := ordered(op.Amount, id+1, "")
		take, write := done(op.Outcome)
		if take {
			stock -= op.Amount
		}
		if op.Outcome == history.OK && c.rarely(2) == 1 {
			op.Value = history.Value{}
		}
		ops = append(ops, op)
		for range c.of(min(size, 2) + 1) {
			if clients++; clients > size {
				break
			}
			op := became(history.Outcome(c.of(3)), cancelled(id+1))
			give, mark := done(op.Outcome)
			if give {
				stock += row.Amount
			}
			if mark {
				row.To = check.CancelledMark
			}
			ops = append(ops, op)
		}
		if write {
			rows = append(rows, row)
		}
	}
	switch noise := c.rarely(3); {
	case noise == 1 && len(rows) > 0:
		rows = rows[:len(rows)-1]
	case noise == 2:
		rows = append(rows, ordered(1, 9, ""))
	}
	for i := range rows {
		rows[i].Process = -1
	}
	ops = append(ops, rows...)
	if off := c.rarely(4); off < 3 {
		ops = append(ops, history.Op{Process: -1, Func: history.FinalRead, Key: "cup", Value: history.Some(stock + int64(off%2) - int64(off/2)), Outcome: history.OK})
	}
	if off := c.rarely(3); off < 2 {
		ops = append(ops, history.Op{Process: -1, Func: history.FinalRead, Key: check.OrdersKey, Value: history.Some(int64(len(rows) + off)), Outcome: history.OK})
	}
	return timed(c, ops)
}

// A shop is a state of stock and orders.
type shop struct {
	stock int64
	rows  map[int64]shopRow
}

type shopRow struct {
	quantity  int64
	cancelled bool
}

// orderOracle tries every order in which the ops can have gone: acknowledged ones as a
// whole, unknown ones as a whole, not at all, or one of their two writes without the
// other, which proves nothing against anybody. An acknowledged reservation that did not
// return its order may also have been lost.
func orderOracle(ops []history.Op) (t truth) {
	e := endsOf(ops, "cup", func(op *history.Op) bool { return op.Func == history.Reserve })
	if e.doubt { // of the stock nothing is known, of the orders all
		e = ends{}
	}
	var todo []history.Op
	found := shop{rows: map[int64]shopRow{}}
	read, early, judged, acked, count := false, false, false, false, int64(-1)
	for i, op := range ops {
		switch {
		case op.Func == history.FinalOrder:
			found.rows[op.Value.Int64] = shopRow{op.Amount, op.To != ""}
			judged = true
		case op.Func == history.FinalRead && op.Key == check.OrdersKey:
			count = op.Value.Int64
		case op.Func == history.Reserve, op.Func == history.Cancel:
			judged = judged || op.Func == history.Reserve
			if op.Outcome != history.Failed {
				todo = append(todo, op)
			}
			if op.Outcome == history.OK {
				acked = acked || op.Func == history.Reserve
				for j, final := range ops {
					ends := final.Func == history.FinalOrder || final.Func == history.FinalRead
					early = early || ends && (j < i || final.Invoked < op.Returned)
				}
			}
		}
	}
	read = !early && count == int64(len(found.rows))
	left := e.end
	if early || !judged {
		left = history.Value{}
	}
	t.unread = !read || !left.Valid || !e.begin.Valid || !acked
	if !read {
		t.open = notRead
	}
	ids := []int64{1, 2, 3, 4}
	if read {
		ids = slices.Collect(maps.Keys(found.rows))
	}
	half := false
	mayBeLost := slices.ContainsFunc(todo, func(op history.Op) bool {
		return op.Func == history.Reserve && op.Outcome == history.OK && !op.Value.Valid
	})
	var try func(s shop, todo []history.Op, halves, lost bool)
	try = func(s shop, todo []history.Op, halves, lost bool) {
		if s.stock < 0 || t.kept && (t.broken || !mayBeLost) {
			return
		}
		if len(todo) == 0 {
			switch {
			case left.Valid && s.stock != left.Int64 || read && !maps.Equal(s.rows, found.rows):
			case lost:
				t.broken = true
			case halves:
				half = true
			default:
				t.kept = true
			}
			return
		}
		for i, op := range todo {
			rest := slices.Delete(slices.Clone(todo), i, i+1)
			if op.Outcome != history.OK {
				try(s, rest, halves, lost)
			}
			writes := [][2]bool{{true, true}} // the stock, the order
			if op.Outcome != history.OK {
				writes = append(writes, [2]bool{true, false}, [2]bool{false, true})
			}
			unvalued := op.Func == history.Reserve && !op.Value.Valid
			if unvalued && op.Outcome == history.OK {
				try(s, rest, halves, true)
			}
			for _, w := range writes {
				halves := halves || w != writes[0]
				to := []int64{op.Value.Int64}
				if op.Func == history.Cancel {
					id, _ := strconv.ParseInt(op.Key, 10, 64)
					row, there := s.rows[id]
					if !there || row.cancelled {
						continue
					}
					next := shop{s.stock, s.rows}
					if w[0] {
						next.stock += row.quantity
					}
					if w[1] {
						next.rows = maps.Clone(s.rows)
						next.rows[id] = shopRow{row.quantity, true}
					}
					try(next, rest, halves, lost)
					continue
				}
				if unvalued {
					to = ids
				}
				if !w[1] {
					try(shop{s.stock - op.Amount, s.rows}, rest, halves, lost)
					continue
				}
				for _, id := range to {
					if _, taken := s.rows[id]; taken {
						continue
					}
					next := shop{s.stock, maps.Clone(s.rows)}
					next.rows[id] = shopRow{op.Amount, false}
					if w[0] {
						next.stock -= op.Amount
					}
					try(next, rest, halves, lost)
				}
			}
		}
	}
	from, to, most := e.begin.Int64, e.begin.Int64, e.begin.Int64
	if !e.begin.Valid {
		from, to, most = 0, 9, left.Int64
		for _, row := range found.rows {
			if !row.cancelled {
				most += row.quantity
			}
		}
	}
	for _, op := range ops {
		if op.Amount > most && op.Outcome != history.Failed && t.open == "" {
			t.open = tooLarge
		}
	}
	for begin := to; begin >= from; begin-- {
		try(shop{begin, map[int64]shopRow{}}, todo, false, false)
	}
	if !t.kept && half {
		t.kept, t.broken = true, true
	}
	return t
}
