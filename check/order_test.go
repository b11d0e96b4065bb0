package check_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"example.com/contend/check"
	"example.com/contend/history"
)

func reserved(q, id int64) history.Op {
	return history.Op{Func: history.Reserve, Key: "cup", Amount: q, Value: history.Some(id), Outcome: history.OK}
}

func cancelled(id int64) history.Op {
	return history.Op{Func: history.Cancel, Key: strconv.FormatInt(id, 10), Outcome: history.OK}
}

func became(o history.Outcome, op history.Op) history.Op {
	op.Outcome = o
	if o != history.OK && op.Func == history.Reserve {
		op.Value = history.Value{}
	}
	return op
}

// ordered is a row of the orders in the end.
func ordered(q, id int64, mark string) history.Op {
	return history.Op{Func: history.FinalOrder, Key: "cup", Amount: q, To: mark, Value: history.Some(id), Outcome: history.OK}
}

// orderHistory puts the recorder's ops around those of clients and the rows found.
func orderHistory(initial, left int64, rows []history.Op, ops ...history.Op) []history.Op {
	all := slices.Concat([]history.Op{{Func: history.Reset, Key: "cup", Value: history.Some(initial), Outcome: history.OK}}, ops, rows)
	return append(all,
		history.Op{Func: history.FinalRead, Key: "cup", Value: history.Some(left), Outcome: history.OK},
		history.Op{Func: history.FinalRead, Key: check.OrdersKey, Value: history.Some(int64(len(rows))), Outcome: history.OK})
}

func TestOrder(t *testing.T) {
	const mark = check.CancelledMark
	rows := func(all ...history.Op) []history.Op { return all }
	for name, c := range map[string]struct {
		ops  []history.Op
		want check.Verdict
	}{
		"one order":                    {orderHistory(10, 6, rows(ordered(4, 1, "")), reserved(4, 1)), check.Holds},
		"and its cancel":               {orderHistory(10, 10, rows(ordered(4, 1, mark)), reserved(4, 1), cancelled(1)), check.Holds},
		"a lost update of the stock":   {orderHistory(10, 6, rows(ordered(4, 1, ""), ordered(4, 2, "")), reserved(4, 1), reserved(4, 2)), check.Refuted},
		"given back twice":             {orderHistory(10, 14, rows(ordered(4, 1, mark)), reserved(4, 1), cancelled(1)), check.Refuted},
		"cancelled twice":              {orderHistory(10, 10, rows(ordered(4, 1, mark)), reserved(4, 1), cancelled(1), cancelled(1)), check.Refuted},
		"a second cancel is refused":   {orderHistory(10, 10, rows(ordered(4, 1, mark)), reserved(4, 1), cancelled(1), became(history.Failed, cancelled(1))), check.Holds},
		"no row":                       {orderHistory(10, 10, nil, reserved(4, 1)), check.Refuted},
		"another quantity":             {orderHistory(10, 5, rows(ordered(5, 1, "")), reserved(4, 1)), check.Refuted},
		"one id twice":                 {orderHistory(10, 6, rows(ordered(4, 1, "")), reserved(4, 1), reserved(4, 1)), check.Refuted},
		"no mark":                      {orderHistory(10, 6, rows(ordered(4, 1, "")), reserved(4, 1), cancelled(1)), check.Refuted},
		"a mark that nobody made":      {orderHistory(10, 10, rows(ordered(4, 1, mark)), reserved(4, 1)), check.Refuted},
		"an order that nobody made":    {orderHistory(10, 3, rows(ordered(4, 1, ""), ordered(3, 2, "")), reserved(4, 1)), check.Refuted},
		"the order of a refused one":   {orderHistory(10, 3, rows(ordered(4, 1, ""), ordered(3, 2, "")), reserved(4, 1), became(history.Failed, reserved(3, 2))), check.Refuted},
		"the order of an unknown one":  {orderHistory(10, 3, rows(ordered(4, 1, ""), ordered(3, 2, "")), reserved(4, 1), became(history.Unknown, reserved(3, 2))), check.Holds},
		"an unknown one, not done":     {orderHistory(10, 6, rows(ordered(4, 1, "")), reserved(4, 1), became(history.Unknown, reserved(3, 2))), check.Holds},
		"half of an unknown one":       {orderHistory(10, 3, rows(ordered(4, 1, "")), reserved(4, 1), became(history.Unknown, reserved(3, 2))), check.Inconclusive},
		"more than half of one":        {orderHistory(10, 2, rows(ordered(4, 1, "")), reserved(4, 1), became(history.Unknown, reserved(3, 2))), check.Refuted},
		"half of an unknown cancel":    {orderHistory(10, 10, rows(ordered(4, 1, "")), reserved(4, 1), became(history.Unknown, cancelled(1))), check.Inconclusive},
		"the mark of an unknown one":   {orderHistory(10, 10, rows(ordered(4, 1, mark)), reserved(4, 1), became(history.Unknown, cancelled(1))), check.Holds},
		"below zero":                   {orderHistory(3, -1, rows(ordered(4, 1, "")), reserved(4, 1)), check.Refuted},
		"more than there ever was":     {orderHistory(3, 3, rows(ordered(4, 1, mark)), reserved(4, 1), cancelled(1)), check.Refuted},
		"nothing reserved":             {orderHistory(3, 3, nil), check.Inconclusive},
		"no final reading":             {orderHistory(10, 6, nil, reserved(4, 1))[:2], check.Inconclusive},
		"rows that were not all read":  {slices.Delete(orderHistory(10, 6, rows(ordered(4, 1, "")), reserved(4, 1)), 2, 3), check.Inconclusive},
		"a reservation without its id": {orderHistory(10, 6, rows(ordered(4, 1, "")), history.Op{Func: history.Reserve, Key: "cup", Amount: 4, Outcome: history.OK}), check.Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			got := check.Order(slices.Values(c.ops))
			if got.Verdict != c.want || got.Reason == "" {
				t.Errorf("got %+v, want %v", got, c.want)
			}
		})
	}
	early := orderHistory(10, 6, rows(ordered(4, 1, "")), reserved(4, 1))
	early[1].Returned = 5
	if got := check.Order(slices.Values(early)); got.Verdict != check.Inconclusive {
		t.Errorf("read before it had returned: %+v", got)
	}
}

// orderPossible tries every order in which whole ops can have gone, each unknown
// one also left out, and reports whether any of them ends in what was found. The
// ids of unknown reservations are those of the rows that no other op claims.
func orderPossible(initial, left int64, rows, ops []history.Op) bool {
	type row struct {
		q    int64
		mark string
	}
	want := map[int64]row{}
	for _, r := range rows {
		want[r.Value.Int64] = row{r.Amount, r.To}
	}
	state, stock := map[int64]row{}, initial
	var try func(rest []history.Op) bool
	try = func(rest []history.Op) bool {
		done := !slices.ContainsFunc(rest, func(op history.Op) bool { return op.Outcome == history.OK })
		if done && stock == left && fmt.Sprint(state) == fmt.Sprint(want) {
			return true
		}
		for i, op := range rest {
			others := slices.Delete(slices.Clone(rest), i, i+1)
			if op.Func == history.Cancel {
				id, _ := strconv.ParseInt(op.Key, 10, 64)
				if was, there := state[id]; there && was.mark == "" {
					state[id], stock = row{was.q, check.CancelledMark}, stock+was.q
					ok := try(others)
					state[id], stock = was, stock-was.q
					if ok {
						return true
					}
				}
				continue
			}
			ids := []int64{op.Value.Int64}
			if !op.Value.Valid {
				ids = []int64{1, 2, 3}
			}
			for _, id := range ids {
				if _, taken := state[id]; taken || stock < op.Amount {
					continue
				}
				state[id], stock = row{op.Amount, ""}, stock-op.Amount
				ok := try(others)
				delete(state, id)
				stock += op.Amount
				if ok {
					return true
				}
			}
		}
		return false
	}
	return try(slices.DeleteFunc(slices.Clone(ops), func(op history.Op) bool { return op.Outcome == history.Failed }))
}

// On small histories nothing that can have happened is refuted, nothing holds
// that cannot, and where every outcome is known the verdict is the oracle's.
func TestOrderAgreesWithOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	outcomes := []history.Outcome{history.OK, history.OK, history.OK, history.Failed, history.Unknown}
	found := map[string]int{}
	for range 20_000 {
		initial := rng.Int64N(4)
		var ops, rows []history.Op
		known, acked := true, false
		for id := range int64(3) {
			if rng.IntN(3) == 0 {
				continue
			}
			op := became(outcomes[rng.IntN(5)], reserved(1+rng.Int64N(2), id+1))
			ops, known, acked = append(ops, op), known && op.Outcome != history.Unknown, acked || op.Outcome == history.OK
			for range rng.IntN(3) {
				op := became(outcomes[rng.IntN(5)], cancelled(id+1))
				ops, known = append(ops, op), known && op.Outcome != history.Unknown
			}
		}
		open := int64(0)
		for _, op := range ops { // what may be found, mostly
			if op.Func == history.Reserve && (op.Outcome == history.OK || rng.IntN(2) == 0) && rng.IntN(12) > 0 {
				id := op.Value.Int64
				if !op.Value.Valid {
					id = 1 + rng.Int64N(3)
				}
				mark := []string{"", check.CancelledMark}[rng.IntN(2)]
				if mark == "" {
					open += op.Amount
				}
				if !slices.ContainsFunc(rows, func(r history.Op) bool { return r.Value.Int64 == id }) {
					rows = append(rows, ordered(op.Amount, id, mark))
				}
			}
		}
		left := initial - open
		if rng.IntN(4) == 0 {
			left += rng.Int64N(5) - 2
		}
		got := check.Order(slices.Values(orderHistory(initial, left, rows, ops...)))
		possible := orderPossible(initial, left, rows, ops)
		switch {
		case got.Verdict == check.Refuted && possible, got.Verdict == check.Holds && !possible,
			known && acked && got.Verdict == check.Inconclusive:
			t.Fatalf("initial %d, left %d\nops %+v\nrows %+v\n%+v\noracle: possible %t", initial, left, ops, rows, got, possible)
		}
		found[fmt.Sprint(got.Verdict, " ", possible)]++
	}
	if found["holds true"] < 500 || found["refuted false"] < 500 || found["inconclusive false"] == 0 {
		t.Errorf("verdicts: %v", found)
	}
	t.Log(found)
}
