package check

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"time"

	"example.com/contend/history"
)

// Orders is the judgement of [Order] on a history.
type Orders struct {
	Verdict Verdict `json:"verdict"`
	Reason  string  `json:"reason"` // one sentence, for people

	Reserved       int64 `json:"reserved"` // reservations that ended ok
	Refused        int64 `json:"refused"`  // reservations and cancels that failed
	Cancelled      int64 `json:"cancelled"`
	UnknownReserve int64 `json:"unknown_reserve"`
	UnknownCancel  int64 `json:"unknown_cancel"`

	Found history.Value `json:"found"` // orders that the final reading found; null where there is none to trust
	Lost  int64         `json:"lost"`  // acknowledged reservations and cancels of which no order shows anything
	Twice int64         `json:"twice"` // orders with two acknowledged cancels
	Stray int64         `json:"stray"` // orders, and cancels of one, that no acknowledged or unknown op can have made

	Items     []Ordered `json:"items"`     // one for each key, sorted by it
	Witnesses []Witness `json:"witnesses"` // a few of each anomaly
}

// Ordered is what a history says of the pieces of one item.
type Ordered struct {
	Key     string        `json:"key"`
	Initial history.Value `json:"initial"` // the stock at first; null where no reset says so
	Left    history.Value `json:"left"`    // the final stock; null where there is none to trust
	Open    int64         `json:"open"`    // pieces of orders that are not cancelled
	Off     int64         `json:"off"`     // Left and Open, less Initial; 0 where one is not known

	fewer, more int64 // pieces that unknown reservations may have taken, and unknown cancels given back
	most        int64 // of the largest order, acknowledged or found
}

// Order judges whether stock and orders agree in the end: of each item, the final
// stock and the pieces of its open orders are together what its stock was at first;
// every acknowledged reservation has its order, and every acknowledged cancel
// its mark; and no order was cancelled twice. It reads reservations, whose value
// is the order's id; cancels, whose key is that id; resets and final reads of items;
// and the final orders, with the final read of the key "orders" that counts them.
// It skips all other ops.
//
// The final state shows whether the pieces agree, whatever became of any op. Off is
// what they are off by. If each op is done as a whole or not at all, Off is 0: a
// reservation moves its pieces from the stock to an open order, a cancel moves
// them back, and nothing else touches either. An unknown reservation may have
// been cut off between its two writes and then lacks at most its pieces; an unknown
// cancel may have given back at most those of its order. Where that explains Off the
// verdict is inconclusive; they are never blamed.
//
// An order that no acknowledged reservation returned must be that of an unknown
// one of the same item and quantity, each of which makes at most one. A mark must
// be that of an acknowledged or unknown cancel. A stock below zero refutes the
// claim, and so does an order of more than there ever was. What
// agrees in all this can have happened: first each order that was cancelled, with its
// cancel behind it, then the others, for which the stock suffices.
//
// Without the final read of "orders", or where an op was acknowledged after the
// reading had begun, nothing is missed and nothing holds.
func Order(ops iter.Seq[history.Op]) Orders {
	j := orderJudge{
		items: map[string]*Ordered{}, reserves: map[int64]history.Op{}, cancels: map[int64]history.Op{},
		rows: map[int64]history.Op{}, maybe: map[unknownOrder]int64{}, maybeCancelled: map[int64]bool{},
	}
	j.Witnesses = []Witness{}
	for op := range ops {
		j.add(&op)
	}
	if j.closed && j.began < j.lastReturned {
		j.doubt = "the orders were read before the last acknowledged op had returned"
	} else if !j.closed {
		j.doubt = "the final orders were not read"
	} else if j.count != int64(len(j.rows)) {
		j.doubt = fmt.Sprintf("%d orders were found, and %d counted", len(j.rows), j.count)
	} else {
		j.Found = history.Some(j.count)
		j.compare()
	}
	j.weigh()
	return j.Orders
}

// OrdersKey is the key of the final read that counts the orders.
const OrdersKey = "orders"

// CancelledMark is the To of a final order that is cancelled.
const CancelledMark = "cancelled"

type unknownOrder struct {
	item     string
	quantity int64
}

type orderJudge struct {
	Orders
	items             map[string]*Ordered
	reserves, cancels map[int64]history.Op // the acknowledged ones by order
	rows              map[int64]history.Op
	unvalued          int64                  // acknowledged reservations without an id
	maybe             map[unknownOrder]int64 // orders that unknown reservations may have made
	maybeCancelled    map[int64]bool
	closed            bool
	count             int64
	began             time.Duration // of the final reading
	lastReturned      time.Duration
	doubt             string
}

func (j *orderJudge) item(key string) *Ordered {
	if j.items[key] == nil {
		j.items[key] = &Ordered{Key: key}
	}
	return j.items[key]
}

func (j *orderJudge) add(op *history.Op) {
	switch op.Func {
	case history.Reserve:
		j.addReserve(op)
	case history.Cancel:
		j.addCancel(op)
	case history.FinalOrder:
		j.rows[op.Value.Int64] = *op
		i := j.item(op.Key)
		i.most = max(i.most, op.Amount)
		if op.To != CancelledMark {
			i.Open += op.Amount
		}
	case history.FinalRead:
		if op.Key == OrdersKey {
			j.closed, j.count, j.began = op.Value.Valid, op.Value.Int64, op.Invoked
		} else if i := j.items[op.Key]; i != nil {
			i.Left = op.Value
		}
	case history.Reset:
		j.item(op.Key).Initial = op.Value
	}
}

func (j *orderJudge) addReserve(op *history.Op) {
	i := j.item(op.Key)
	switch op.Outcome {
	case history.OK:
		j.Reserved++
		j.lastReturned = max(j.lastReturned, op.Returned)
		i.most = max(i.most, op.Amount)
		if !op.Value.Valid {
			j.unvalued++
			j.maybe[unknownOrder{op.Key, op.Amount}]++
			return
		}
		if before, taken := j.reserves[op.Value.Int64]; taken {
			j.Stray++
			j.prove("duplicate order", fmt.Sprintf("two acknowledged reservations returned order %d", op.Value.Int64), before, *op)
		}
		j.reserves[op.Value.Int64] = *op
	case history.Failed:
		j.Refused++
	default:
		j.UnknownReserve++
		i.fewer += op.Amount
		j.maybe[unknownOrder{op.Key, op.Amount}]++
	}
}

func (j *orderJudge) addCancel(op *history.Op) {
	id, err := strconv.ParseInt(op.Key, 10, 64)
	switch {
	case err != nil:
		j.doubt = fmt.Sprintf("a cancel has the key %q, which is no order", op.Key)
	case op.Outcome == history.OK:
		j.Cancelled++
		j.lastReturned = max(j.lastReturned, op.Returned)
		if before, twice := j.cancels[id]; twice {
			j.Twice++
			j.prove("cancelled twice", fmt.Sprintf("two acknowledged cancels gave back the pieces of order %d", id), before, *op)
		}
		j.cancels[id] = *op
	case op.Outcome == history.Failed:
		j.Refused++
	default:
		j.UnknownCancel++
		j.maybeCancelled[id] = true
	}
}

// compare sets what was acknowledged against the orders that were found.
func (j *orderJudge) compare() {
	for _, id := range slices.Sorted(maps.Keys(j.reserves)) {
		op := j.reserves[id]
		if row, found := j.rows[id]; !found || row.Key != op.Key || row.Amount != op.Amount {
			j.Lost++
			j.prove("lost write", fmt.Sprintf("an acknowledged reservation returned order %d, which is not there with its item and quantity", id), op)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(j.cancels)) {
		if j.rows[id].To != CancelledMark {
			j.Lost++
			j.prove("lost write", fmt.Sprintf("order %d is not cancelled, and its cancel was acknowledged", id), j.cancels[id])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(j.rows)) {
		row := j.rows[id]
		if _, known := j.reserves[id]; !known {
			if kind := (unknownOrder{row.Key, row.Amount}); j.maybe[kind] > 0 {
				j.maybe[kind]--
			} else {
				j.Stray++
				j.prove("unexpected order", fmt.Sprintf("no acknowledged or unknown reservation made order %d", id), row)
			}
		}
		_, cancelled := j.cancels[id]
		if row.To == CancelledMark && !cancelled && !j.maybeCancelled[id] {
			j.Stray++
			j.prove("unexpected cancel", fmt.Sprintf("no acknowledged or unknown cancel was of order %d", id), row)
		}
		if j.maybeCancelled[id] {
			j.item(row.Key).more += row.Amount
		}
	}
}

// weigh compares the pieces of each item and decides.
func (j *orderJudge) weigh() {
	j.Items = []Ordered{}
	verdict, reason := Holds, ""
	blame := func(v Verdict, why string) {
		if merged := Merge(verdict, v); merged != verdict {
			verdict, reason = merged, why
		}
	}
	switch broken := j.Lost + j.Twice + j.Stray; {
	case broken > 0:
		blame(Refuted, j.Witnesses[0].Reason)
	case j.doubt != "":
		blame(Inconclusive, j.doubt)
	case j.unvalued > 0:
		blame(Inconclusive, fmt.Sprintf("%d acknowledged reservations did not return their order", j.unvalued))
	case j.Reserved == 0:
		blame(Inconclusive, "no reservation was acknowledged")
	}
	for _, key := range slices.Sorted(maps.Keys(j.items)) {
		i := j.items[key]
		switch known := i.Initial.Valid && i.Left.Valid && j.Found.Valid; {
		case i.Left.Valid && i.Left.Int64 < 0:
			blame(Refuted, fmt.Sprintf("the stock of %q fell to %d", key, i.Left.Int64))
		case i.Initial.Valid && i.most > i.Initial.Int64:
			blame(Refuted, fmt.Sprintf("one order has %d of %q, and there were %d", i.most, key, i.Initial.Int64))
		case !known:
			blame(Inconclusive, cmp.Or(j.doubt, fmt.Sprintf("the initial or the final stock of %q is not known", key)))
		default:
			i.Off = i.Left.Int64 + i.Open - i.Initial.Int64
			why := fmt.Sprintf("of %d %q, %d are left and %d ordered: %+d", i.Initial.Int64, key, i.Left.Int64, i.Open, i.Off)
			if i.Off < -i.fewer || i.Off > i.more {
				blame(Refuted, why)
			} else if i.Off != 0 {
				blame(Inconclusive, why+", which unknown ops may explain")
			}
		}
		j.Items = append(j.Items, *i)
	}
	if verdict == Holds {
		reason = fmt.Sprintf("all %d acknowledged reservations and %d cancels are in %d orders, and the stock agrees", j.Reserved, j.Cancelled, j.Found.Int64)
	}
	j.Verdict, j.Reason = verdict, reason
}

// prove adds a witness, a few of each anomaly.
func (j *orderJudge) prove(anomaly, reason string, ops ...history.Op) {
	n := 0
	for _, w := range j.Witnesses {
		if w.Anomaly == anomaly {
			n++
		}
	}
	if n < maxExamples {
		j.Witnesses = append(j.Witnesses, Witness{anomaly, reason, ops})
	}
}
