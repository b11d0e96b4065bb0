package check

import (
	"cmp"
	"slices"
	"time"

	"example.com/contend/history"
)

// A receipt is an acknowledged increment with a value. It holds all of the op
// that a witness shows, in a third of the memory and without a pointer for the
// garbage collector to follow: a history may have millions.
type receipt struct {
	value                       int64
	index, process              int
	intended, invoked, returned time.Duration
	node                        int32 // position in receipts.nodes
	attempts, status            int32
}

// receipts are stored in chunks, since a slice of all would be copied, and
// held twice, each time that it grows.
type receipts struct {
	chunks [][]receipt
	n      int
	nodes  []string
	node   map[string]int32
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
	*last = append(*last, receipt{
		value: op.Value.Int64, index: op.Index, process: op.Process,
		intended: op.Intended, invoked: op.Invoked, returned: op.Returned,
		node: r.nodeOf(op.Node), attempts: int32(op.Attempts), status: int32(op.Status),
	})
	r.n++
}

func (r *receipts) nodeOf(name string) int32 {
	i, ok := r.node[name]
	if !ok {
		if r.node == nil {
			r.node = map[string]int32{}
		}
		i = int32(len(r.nodes))
		r.node[name] = i
		r.nodes = append(r.nodes, name)
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

// op returns the op of a receipt of the counter key.
func (r *receipts) op(key string, i int32) history.Op {
	t := r.at(i)
	return history.Op{
		Index: t.index, Process: t.process, Node: r.nodes[t.node], Func: history.Increment, Key: key,
		Value: history.Some(t.value), Intended: t.intended, Invoked: t.invoked, Returned: t.returned,
		Attempts: int(t.attempts), Outcome: history.OK, Status: int(t.status),
	}
}
