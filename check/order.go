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
// them back, and nothing else touches either. An unknown op may have been cut off
// between its two writes, whichever comes first, and then it leaves Off larger or smaller
// by its pieces. Where some choice of unknown ops that were cut off makes Off what it is,
// the verdict is inconclusive; they are never blamed.
//
// An order that no acknowledged reservation returned must be that of an unknown
// one of the same item and quantity, each of which makes at most one, or of an
// acknowledged one that did not return its order. A mark must
// be that of an acknowledged or unknown cancel. A stock below zero refutes the
// claim, and so does an order of more than there ever was. What
// agrees in all this can have happened: first each order that was cancelled, with its
// cancel behind it, then the others, for which the stock suffices. The times of
// clients' ops are not compared with each other.
//
// Without the final read of "orders", or where an op was acknowledged after the
// reading had begun, nothing is missed and nothing holds, though the final stock
// alone may say that pieces are gone. An item is judged if a reservation or an order is
// of it and ops of another kind do not change it. Where a quantity is above the initial
// stock and ops that were cut off may have added pieces, the verdict is inconclusive
// without a look at Off. In these two cases Order leaves open what could be decided.
func Order(ops iter.Seq[history.Op]) Orders {
	j := orderJudge{
		items: map[string]*orderedItem{}, reserves: map[int64]history.Op{}, cancels: map[int64]history.Op{},
		rows: map[int64]history.Op{}, kinds: map[orderKind]*sameOrders{}, maybeCancelled: map[int64]int{},
	}
	j.Witnesses = []Witness{}
	for op := range ops {
		j.add(&op)
	}
	switch {
	case j.doubt != "":
	case !j.closed:
		j.doubt = "the final orders were not read"
	case j.early:
		j.doubt = "the orders were read before the last acknowledged op had returned"
	case j.late || j.count != j.found:
		j.doubt = fmt.Sprintf("%d orders were found, and %d counted", j.found, j.count)
	default:
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

// An orderKind is what tells the orders of unknown reservations apart.
type orderKind struct {
	item     string
	quantity int64
}

// sameOrders counts reservations of one kind that did not return their order, and the
// orders of that kind that no reservation returned.
type sameOrders struct{ unvalued, unknown, rows int64 }

// An orderedItem is what is known of an item beside its judgement.
type orderedItem struct {
	Ordered
	frame
	reserved bool    // a reservation or an order is of it
	other    bool    // an op of another kind changes it
	most     int64   // the largest quantity of an order that was acknowledged or found
	halves   []int64 // what each unknown op adds to Off if it was cut off between its writes
}

type orderJudge struct {
	Orders
	items             map[string]*orderedItem
	reserves, cancels map[int64]history.Op // the acknowledged ones by order
	rows              map[int64]history.Op
	kinds             map[orderKind]*sameOrders
	maybeCancelled    map[int64]int // how many unknown cancels, by order
	found, count      int64         // final orders, and what the final read counted
	closed            bool
	closing           history.Op
	early             bool // an op was acknowledged after the reading had begun
	late              bool // an order was found after the reading had ended
	reading           bool // it has begun
	lastReturned      time.Duration
	doubt             string
}

func (j *orderJudge) item(key string) *orderedItem {
	if j.items[key] == nil {
		j.items[key] = &orderedItem{Ordered: Ordered{Key: key}, frame: frame{subject: reservations}}
	}
	return j.items[key]
}

func (j *orderJudge) kind(item string, quantity int64) *sameOrders {
	k := orderKind{item, quantity}
	if j.kinds[k] == nil {
		j.kinds[k] = &sameOrders{}
	}
	return j.kinds[k]
}

func (j *orderJudge) add(op *history.Op) {
	switch op.Func {
	case history.Reserve:
		j.addReserve(op)
	case history.Cancel:
		j.addCancel(op)
	case history.Reset:
		j.item(op.Key).addReset(op)
	case history.Increment, history.Purchase:
		j.item(op.Key).other = true
	case history.Transfer:
		j.item(op.Key).other, j.item(op.To).other = true, true
	case history.FinalOrder, history.FinalRead:
		if op.Outcome != history.OK || !op.Value.Valid || op.Key == rowsKey {
			return
		}
		j.reading, j.early = true, j.early || op.Invoked < j.lastReturned
		switch {
		case op.Func == history.FinalOrder:
			j.rows[op.Value.Int64] = *op
			j.found++
			j.late = j.late || j.closed
			j.item(op.Key).reserved = true
		case op.Key == OrdersKey:
			j.closed, j.count, j.closing = true, op.Value.Int64, *op
		default:
			j.item(op.Key).addFinal(op)
		}
	}
}

// acknowledge notes an op that took effect.
func (j *orderJudge) acknowledge(op *history.Op) {
	j.lastReturned = max(j.lastReturned, op.Returned)
	j.early = j.early || j.reading
}

func (j *orderJudge) addReserve(op *history.Op) {
	i := j.item(op.Key)
	i.reserved = true
	if op.Outcome == history.Failed {
		j.Refused++
		return
	}
	i.begin(op)
	if op.Amount <= 0 {
		j.doubt = cmp.Or(j.doubt, fmt.Sprintf("a reservation is of %d pieces", op.Amount))
	}
	if op.Outcome != history.OK {
		j.UnknownReserve++
		j.kind(op.Key, op.Amount).unknown++
		return
	}
	j.Reserved++
	j.acknowledge(op)
	i.most = max(i.most, op.Amount)
	if !op.Value.Valid {
		j.kind(op.Key, op.Amount).unvalued++
		return
	}
	if before, taken := j.reserves[op.Value.Int64]; taken {
		j.Stray++
		j.prove("duplicate order", fmt.Sprintf("two acknowledged reservations returned order %d", op.Value.Int64), before, *op)
	}
	j.reserves[op.Value.Int64] = *op
}

func (j *orderJudge) addCancel(op *history.Op) {
	id, err := strconv.ParseInt(op.Key, 10, 64)
	switch {
	case err != nil:
		j.doubt = cmp.Or(j.doubt, fmt.Sprintf("a cancel has the key %q, which is no order", op.Key))
	case op.Outcome == history.OK:
		j.Cancelled++
		j.acknowledge(op)
		if before, twice := j.cancels[id]; twice {
			j.Twice++
			j.prove("cancelled twice", fmt.Sprintf("two acknowledged cancels gave back the pieces of order %d", id), before, *op)
		}
		j.cancels[id] = *op
	case op.Outcome == history.Failed:
		j.Refused++
	default:
		j.UnknownCancel++
		j.maybeCancelled[id]++
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
		i := j.item(row.Key)
		i.most = max(i.most, row.Amount)
		if _, known := j.reserves[id]; !known {
			kind := j.kind(row.Key, row.Amount)
			if kind.rows++; kind.rows > kind.unvalued+kind.unknown {
				j.Stray++
				j.prove("unexpected order", fmt.Sprintf("no acknowledged or unknown reservation made order %d", id), row)
			}
		}
		_, cancelled := j.cancels[id]
		maybe := j.maybeCancelled[id]
		if row.To != CancelledMark {
			i.Open = plus(i.Open, max(0, row.Amount))
		} else if !cancelled {
			if maybe == 0 {
				j.Stray++
				j.prove("unexpected cancel", fmt.Sprintf("no acknowledged or unknown cancel was of order %d", id), row)
			} else {
				i.halves = append(i.halves, -row.Amount)
				maybe--
			}
		}
		i.halves = append(i.halves, slices.Repeat([]int64{row.Amount}, maybe)...)
	}
	for _, kind := range j.sortedKinds() {
		n := j.kinds[kind]
		j.Lost += max(0, n.unvalued-n.rows)
		made := max(0, n.rows-n.unvalued) // orders of unknown reservations
		i := j.item(kind.item)
		i.halves = append(i.halves, slices.Repeat([]int64{kind.quantity}, int(min(made, n.unknown)))...)
		i.halves = append(i.halves, slices.Repeat([]int64{-kind.quantity}, int(max(0, n.unknown-made)))...)
		if n.unvalued > n.rows {
			j.prove("lost write", fmt.Sprintf("%d acknowledged reservations of %d %q did not return their order, and %d such orders are there",
				n.unvalued, kind.quantity, kind.item, n.rows), j.closing)
		}
	}
}

func (j *orderJudge) sortedKinds() []orderKind {
	return slices.SortedFunc(maps.Keys(j.kinds), func(a, b orderKind) int {
		return cmp.Or(cmp.Compare(a.item, b.item), cmp.Compare(a.quantity, b.quantity))
	})
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
	case j.Reserved == 0:
		blame(Inconclusive, "no reservation was acknowledged")
	}
	for _, kind := range j.sortedKinds() {
		n := j.kinds[kind]
		if n.unvalued > 0 && n.unvalued+n.unknown > n.rows {
			blame(Inconclusive, fmt.Sprintf("%d acknowledged reservations of %d %q did not return their order, and unknown ones may have made those that are there",
				n.unvalued, kind.quantity, kind.item))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(j.items)) {
		if i := j.items[key]; i.reserved {
			blame(j.weighItem(i))
			j.Items = append(j.Items, i.Ordered)
		}
	}
	if verdict == Holds {
		reason = fmt.Sprintf("all %d acknowledged reservations and %d cancels are in %d orders, and the stock agrees", j.Reserved, j.Cancelled, j.Found.Int64)
	}
	j.Verdict, j.Reason = verdict, reason
}

// weighItem judges the stock of i, of which some was reserved: that it did not fall below
// zero, that nobody ordered more than there was, and that with what is ordered it is what
// it was at first.
func (j *orderJudge) weighItem(i *orderedItem) (Verdict, string) {
	if i.other {
		i.spoil("ops of another kind than reservations and cancels change it too")
	}
	if i.Initial = i.began(); i.spoilt == "" && i.finals && !j.early {
		i.Left = i.final.Value
	}
	begin, certain := i.Initial, j.Found.Valid || j.UnknownReserve+j.UnknownCancel == 0
	var most sum // that there can have been, with what ops added that were cut off
	for _, half := range i.halves {
		most.add(max(0, half))
	}
	if !begin.Valid && i.Left.Valid && j.Found.Valid { // it began with what is there in the end
		begin = history.Some(plus(i.Left.Int64, i.Open))
		for _, half := range i.halves {
			most.add(max(0, -half))
		}
	}
	most.add(max(0, begin.Int64))
	switch {
	case i.spoilt != "":
		return Inconclusive, fmt.Sprintf("%q cannot be judged: %s", i.Key, i.spoilt)
	case i.Left.Valid && i.Left.Int64 < 0:
		return Refuted, fmt.Sprintf("the stock of %q fell to %d", i.Key, i.Left.Int64)
	case begin.Valid && certain && i.most > most.n && !most.over:
		return Refuted, fmt.Sprintf("one order has %d of %q, and there were %d", i.most, i.Key, begin.Int64)
	case i.Initial.Valid && !i.Left.Valid && i.Open > most.n && !most.over:
		return Refuted, fmt.Sprintf("%d of %q are ordered, and there were %d", i.Open, i.Key, begin.Int64)
	case !i.Initial.Valid || !i.Left.Valid || !j.Found.Valid:
		return Inconclusive, cmp.Or(j.doubt, fmt.Sprintf("the initial or the final stock of %q is not known", i.Key))
	}
	i.Off = minus(plus(i.Left.Int64, i.Open), i.Initial.Int64)
	why := fmt.Sprintf("of %d %q, %d are left and %d ordered: %+d", i.Initial.Int64, i.Key, i.Left.Int64, i.Open, i.Off)
	switch {
	case i.most > max(0, i.Initial.Int64):
		return Inconclusive, fmt.Sprintf("one order has %d of %q, and there were %d, unless unknown ops added some", i.most, i.Key, i.Initial.Int64)
	case i.Off == 0:
		return Holds, ""
	case addsUp(i.Off, i.halves) == Refuted:
		return Refuted, why
	}
	return Inconclusive, why + ", which unknown ops may explain"
}

// addsUp says whether some of the numbers add up to n: it is inconclusive where there
// are too many sums to try.
func addsUp(n int64, numbers []int64) Verdict {
	sums := map[int64]bool{0: true}
	tries := 0
	for _, number := range numbers {
		for _, s := range slices.Collect(maps.Keys(sums)) {
			if tries++; tries > maxTries {
				return Inconclusive
			}
			if next, fits := added(s, number); fits {
				sums[next] = true
			}
		}
	}
	if sums[n] {
		return Holds
	}
	return Refuted
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
