package check

import (
	"cmp"
	"slices"
	"time"

	"example.com/contend/history"
)

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

// receipts are stored in chunks, since a slice of all would be copied, and
// held twice, each time that it grows.
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
	*r.at(i) = receipt{
		value: op.Value.Int64, amount: op.Amount, index: op.Index,
		intended: op.Intended, invoked: op.Invoked, returned: op.Returned,
		process: int32(op.Process), attempts: int32(op.Attempts), status: int32(op.Status),
		kind: r.kindOf(op),
	}
}

func (r *receipts) kindOf(op *history.Op) int32 {
	k := kind{op.Func, op.Node, op.Code, op.Extended, op.Outcome, op.Value.Valid}
	i, ok := r.kind[k]
	if !ok {
		if r.kind == nil {
			r.kind = map[kind]int32{}
		}
		i = int32(len(r.kinds))
		r.kind[k] = i
		r.kinds = append(r.kinds, k)
	}
	return i
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
