package check

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"example.com/contend/history"
)

// A subject is what a checker judges key by key, and its words for reasons.
type subject struct {
	function     string // of the ops that change it: history.Increment
	one, many    string // such ops: "an increment", "increments"
	things, ends string // "counters", "final values"
	pieces       bool   // an op takes Amount pieces downward; else it is one step upward
}

var (
	counters     = subject{history.Increment, "an increment", "increments", "counters", "final values", false}
	items        = subject{history.Purchase, "a purchase", "purchases", "items", "final stocks", true}
	transfers    = subject{history.Transfer, "a transfer", "transfers", "accounts", "final balances", true}
	reservations = subject{history.Reserve, "a reservation", "reservations", "items", "final orders", true}
)

// A part is the judgement on one of several keys.
type part struct {
	acknowledged int64
	verdict      Verdict
	reason       string
}

// together judges a whole history by its keys. A key with nothing to lose
// decides nothing, unless there is no other.
func (s subject) together(parts []part) (Verdict, string) {
	verdict, acknowledged := Holds, int64(0)
	for _, p := range parts {
		acknowledged += p.acknowledged
		if p.acknowledged > 0 || p.verdict == Refuted {
			verdict = Merge(verdict, p.verdict)
		}
	}
	if acknowledged == 0 && verdict == Holds {
		verdict = Inconclusive
	}
	switch {
	case len(parts) == 0:
		return verdict, "the history has no " + s.function
	case len(parts) == 1:
		return verdict, parts[0].reason
	case verdict == Holds:
		return verdict, fmt.Sprintf("all %d acknowledged %s of %d %s are in their %s",
			acknowledged, s.many, len(parts), s.things, s.ends)
	}
	like := slices.DeleteFunc(parts, func(p part) bool { return p.verdict != verdict })
	return verdict, fmt.Sprintf("%d of %d %s are %s; the first: %s", len(like), len(parts), s.things, verdict, like[0].reason)
}

// A frame is the reset before the ops of one key and the final read after them.
// The order of the history must say that the reset came first and the final read
// last, and no time may contradict it: a history may lack the times, and may be
// sorted by either end. Equal times contradict nothing, because a reset and a final
// read are the recorder's word that the load had not begun, and that it was over.
type frame struct {
	subject
	begun                      bool // an op was seen that may have taken effect
	lastReturned               time.Duration
	reset, final               history.Op
	resets, finals, finalEarly bool
	spoilt                     string // why the key cannot be judged; empty where it can
}

// begin notes an op that may have taken effect.
func (f *frame) begin(op *history.Op) {
	f.begun = true
	if f.resets && op.Invoked < f.reset.Returned {
		f.spoil(f.one + " was sent before the reset had returned")
	}
}

// acknowledge notes an op that took effect.
func (f *frame) acknowledge(op *history.Op) {
	f.lastReturned = max(f.lastReturned, op.Returned)
	f.finalEarly = f.finals
}

func (f *frame) addReset(op *history.Op) {
	switch {
	case op.Outcome == history.Failed:
		return
	case op.Outcome != history.OK:
		f.spoil("a reset ended unknown, and may take effect at any time")
	case !op.Value.Valid:
		f.spoil("a reset has no value")
	case f.begun:
		f.spoil("it was reset after " + f.many + " had begun")
	case f.resets && op.Invoked < f.reset.Returned:
		f.spoil("two resets overlap")
	}
	f.reset, f.resets = *op, true
}

func (f *frame) addFinal(op *history.Op) {
	if op.Outcome == history.OK && op.Value.Valid {
		f.final, f.finals = *op, true
		f.finalEarly = op.Invoked < f.lastReturned
	}
}

// spoil keeps the first reason.
func (f *frame) spoil(reason string) { f.spoilt = cmp.Or(f.spoilt, reason) }

// began returns the value of the reset, if it can be trusted.
func (f *frame) began() history.Value {
	if f.resets && f.spoilt == "" {
		return f.reset.Value
	}
	return history.Value{}
}

// ended returns the value of the final read, if it can be trusted.
func (f *frame) ended() history.Value {
	if f.finals && !f.finalEarly {
		return f.final.Value
	}
	return history.Value{}
}

// A ledger holds what a history says of one counter or item. It counts in
// units: the steps of a counter, the pieces of an item.
type ledger struct {
	frame
	key                    string
	acked, failed, unknown int64         // ops
	done, unvalued, open   sum           // units: of acknowledged ops; of those without a value; of unknown ops
	receipts                             // acknowledged ops with a value
	order                  []int32       // of the receipts: by value, then as they returned
	loose                  map[loose]int // unknown ops and those without a value; only of pieces
	proof                  []Witness     // what refutes the claim
}

// Loose ops are of one quantity and one outcome.
type loose struct {
	units int64
	acked bool // else they are unknown
}

// gather returns the ledgers of all keys, sorted by key. A key that ops of another
// subject change is left out if it has none of this one, and cannot be judged if it
// has: its reset and its final read are of both.
func (s subject) gather(ops iter.Seq[history.Op]) []*ledger {
	ledgers := map[string]*ledger{}
	others := map[string]bool{} // keys
	var l *ledger
	for op := range ops {
		switch op.Func {
		case s.function, history.Reset, history.FinalRead:
		case history.Increment, history.Purchase, history.Reserve:
			others[op.Key] = true
			continue
		case history.Transfer:
			others[op.Key], others[op.To] = true, true
			continue
		default:
			continue
		}
		if l == nil || l.key != op.Key { // most histories have one key
			if l = ledgers[op.Key]; l == nil {
				l = &ledger{key: op.Key, frame: frame{subject: s}, proof: []Witness{}}
				ledgers[op.Key] = l
			}
		}
		l.add(&op)
	}
	for key, l := range ledgers {
		if others[key] {
			l.spoil("ops of another kind than " + s.many + " change it too")
			if l.acked+l.failed+l.unknown == 0 {
				delete(ledgers, key)
			}
		}
		l.order = l.sorted()
	}
	return slices.SortedFunc(maps.Values(ledgers), func(a, b *ledger) int { return strings.Compare(a.key, b.key) })
}

func (l *ledger) add(op *history.Op) {
	switch {
	case op.Func == history.Reset:
		l.addReset(op)
		return
	case op.Func == history.FinalRead:
		l.addFinal(op)
		return
	case op.Outcome == history.Failed:
		l.failed++
		return
	}
	l.begin(op)
	units := int64(1)
	if l.pieces {
		units = op.Amount
	}
	if units <= 0 {
		l.spoil(fmt.Sprintf("%s has the amount %d", l.one, units))
	}
	if op.Outcome != history.OK {
		l.unknown++
		l.open.add(units)
		l.addLoose(units, false)
		return
	}
	l.acked++
	l.acknowledge(op)
	l.done.add(units)
	if !op.Value.Valid {
		l.unvalued.add(units)
		l.addLoose(units, true)
		return
	}
	if _, fits := added(op.Value.Int64, units); l.pieces && !fits {
		l.spoil("the stock before " + l.one + " exceeds 64 bits")
	}
	l.receipts.add(op)
}

func (l *ledger) addLoose(units int64, acked bool) {
	if !l.pieces {
		return
	}
	if l.loose == nil {
		l.loose = map[loose]int{}
	}
	l.loose[loose{units, acked}]++
}

// span returns the units of receipt r: those above low, up to high.
func (l *ledger) span(r int32) (low, high int64) {
	t := l.at(r)
	if l.pieces {
		return t.value, t.value + t.amount
	}
	return minus(t.value, 1), t.value
}

// taken returns how many of the units above from, up to to, receipts have, each
// unit counted once. It calls overlap, unless nil, with pairs of receipts that
// have the same unit.
func (l *ledger) taken(from, to int64, overlap func(a, b int32)) (n int64) {
	reach, last := from, int32(-1)
	for _, r := range l.order {
		low, high := l.span(r)
		if last >= 0 && low < reach && overlap != nil {
			overlap(last, r)
		}
		if low, high = max(low, reach), min(high, to); high > low {
			n += high - low
			reach, last = high, r
		}
	}
	return n
}

// untaken returns how many of the units above from, up to to, no receipt has.
func (l *ledger) untaken(from, to int64) int64 { return steps(from, to) - l.taken(from, to, nil) }

// chain returns the most and the fewest units of acknowledged ops that the chain
// from the initial value to the final one can have, and how many units no op can
// have made; see [Counter] for the proof. Receipts have inChain of its units,
// and none has the other gaps. Beyond are the units past the final value that
// receipts show to have been made, and that no receipt has: those who made them
// are not in the chain.
func (l *ledger) chain(inChain, gaps, beyond int64) (most, least, unexplained int64) {
	unvalued, open := l.unvalued.n, l.open.n
	unexplained = max(0, plus(gaps, beyond)-unvalued-open)
	if unexplained > 0 { // whoever made those units may have made any
		return inChain + min(unvalued, gaps), 0, unexplained
	}
	// Units beyond take up ops that the chain can then not have: those without a
	// value where it should have few of them, unknown ones where it should have many.
	most = inChain + min(unvalued-max(0, beyond-open), gaps)
	least = max(0, inChain+gaps-(open-max(0, beyond-unvalued)))
	return most, least, 0
}

func (l *ledger) prove(anomaly, reason string, ops ...history.Op) {
	l.proof = append(l.proof, Witness{Anomaly: anomaly, Reason: reason, Ops: ops})
}

// A receipt is an op of a known key. It holds all of the op that a witness
// shows, but for To, in a third of the memory and without a pointer for the
// garbage collector to follow: a history may have millions.
type receipt struct {
	value, amount                   int64
	index                           int
	intended, invoked, returned     time.Duration
	process, attempts, status, kind int32 // kind: position in receipts.kinds
}

// A kind is what many receipts have in common.
type kind struct {
	function, node, code, extended string
	outcome                        history.Outcome
	valued                         bool
}

// receipts are stored in chunks: one slice of all would be copied, and held
// twice, each time that it grows.
type receipts struct {
	chunks [][]receipt
	n      int
	kinds  []kind
	kind   map[kind]int32
}

const chunk = 1 << 12

func (r *receipts) add(op *history.Op) {
	if r.n%chunk == 0 {
		// The first chunk grows as it needs to: a history may have many counters.
		var next []receipt
		if r.n > 0 {
			next = make([]receipt, 0, chunk)
		}
		r.chunks = append(r.chunks, next)
	}
	last := &r.chunks[len(r.chunks)-1]
	*last = append(*last, receipt{})
	r.n++
	r.set(int32(r.n-1), op)
}

// set puts op in the place of receipt i.
func (r *receipts) set(i int32, op *history.Op) {
	k := kind{op.Func, op.Node, op.Code, op.Extended, op.Outcome, op.Value.Valid}
	position, ok := r.kind[k]
	if !ok {
		if r.kind == nil {
			r.kind = map[kind]int32{}
		}
		position = int32(len(r.kinds))
		r.kind[k] = position
		r.kinds = append(r.kinds, k)
	}
	*r.at(i) = receipt{
		value: op.Value.Int64, amount: op.Amount, index: op.Index,
		intended: op.Intended, invoked: op.Invoked, returned: op.Returned,
		process: int32(op.Process), attempts: int32(op.Attempts), status: int32(op.Status),
		kind: position,
	}
}

func (r *receipts) at(i int32) *receipt { return &r.chunks[i/chunk][i%chunk] }

// sorted returns the positions of all receipts by value and, where that is the
// same, in the order in which they returned.
func (r *receipts) sorted() []int32 {
	order := make([]int32, r.n)
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(i, j int32) int {
		a, b := r.at(i), r.at(j)
		return cmp.Or(
			cmp.Compare(a.value, b.value), cmp.Compare(a.returned, b.returned),
			cmp.Compare(a.index, b.index), cmp.Compare(i, j))
	})
	return order
}

// op returns the op of a receipt of key.
func (r *receipts) op(key string, i int32) history.Op {
	t := r.at(i)
	k := r.kinds[t.kind]
	return history.Op{
		Index: t.index, Process: int(t.process), Node: k.node, Func: k.function, Key: key, Amount: t.amount,
		Value: history.Value{Int64: t.value, Valid: k.valued}, Intended: t.intended, Invoked: t.invoked, Returned: t.returned,
		Attempts: int(t.attempts), Outcome: k.outcome, Status: int(t.status), Code: k.code, Extended: k.extended,
	}
}

// A sum adds whole numbers, and remembers when they did not fit 64 bits.
type sum struct {
	n    int64
	over bool
}

func (s *sum) add(n int64) {
	total := s.n + n
	s.over = s.over || (total > s.n) != (n > 0) && n != 0
	s.n = total
}

// added returns the sum of numbers, and whether it fits 64 bits.
func added(numbers ...int64) (n int64, fits bool) {
	var s sum
	for _, n := range numbers {
		s.add(n)
	}
	return s.n, !s.over
}

// plus returns a+b for b of at least 0; where that overflows, the greatest number.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// minus returns a-b; where that overflows, the greatest number or the smallest.
func minus(a, b int64) int64 {
	switch n := a - b; {
	case a > b && n < 0:
		return math.MaxInt64
	case a < b && n > 0:
		return math.MinInt64
	default:
		return n
	}
}

// steps returns how many units lead from one value up to another, 0 where it is
// not above; where that overflows, the greatest number.
func steps(from, to int64) int64 { return max(0, minus(to, from)) }
