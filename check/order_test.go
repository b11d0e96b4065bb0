package check_test

import (
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
		"a reservation without its id": {orderHistory(10, 6, rows(ordered(4, 1, "")), history.Op{Func: history.Reserve, Key: "cup", Amount: 4, Outcome: history.OK}), check.Holds},
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
