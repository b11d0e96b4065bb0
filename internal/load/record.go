package load

import (
	"cmp"
	"slices"
	"time"

	"example.com/contend/history"
)

// A record holds the ops of one process while the load runs. An op is large
// and full of strings that are the same in most ops; whole ops would make the
// garbage collector and the memory show in the latencies. So a record keeps an
// entry without pointers for each op, in blocks that never move, and each
// combination of strings once.
type record struct {
	blocks [][]entry
	words  []words
	n      int
}

// An entry is an op but for its process, its index and its words.
type entry struct {
	intended, invoked, returned time.Duration
	amount, value               int64
	attempts                    int
	words                       uint32 // index into record.words
	status                      uint16
	outcome                     history.Outcome
	valid                       bool // whether there is a value
}

// words are an op's strings.
type words struct{ function, node, key, to, code, extended string }

const (
	blockEntries = 256 // 16 kB
	recentWords  = 8   // how many combinations to look back: an answer for each of a few nodes
)

// newRecord returns a record with room for the expected number of ops, 0 where it is not known.
func newRecord(expected int) record {
	if expected == 0 {
		expected = blockEntries
	}
	return record{blocks: [][]entry{make([]entry, 0, expected)}}
}

func (r *record) add(op *history.Op) {
	last := &r.blocks[len(r.blocks)-1]
	if len(*last) == cap(*last) {
		r.blocks = append(r.blocks, make([]entry, 0, blockEntries))
		last = &r.blocks[len(r.blocks)-1]
	}
	*last = append(*last, entry{
		intended: op.Intended, invoked: op.Invoked, returned: op.Returned,
		amount: op.Amount, value: op.Value.Int64, valid: op.Value.Valid,
		attempts: op.Attempts, status: uint16(op.Status), outcome: op.Outcome,
		words: r.keep(words{op.Func, op.Node, op.Key, op.To, op.Code, op.Extended}),
	})
	r.n++
}

// keep returns the index of w, which it adds unless it is among the last few.
func (r *record) keep(w words) uint32 {
	recent := max(0, len(r.words)-recentWords)
	i := slices.Index(r.words[recent:], w)
	if i < 0 {
		i = len(r.words) - recent
		r.words = append(r.words, w)
	}
	return uint32(recent + i)
}

// A reference says where an op is, and when it was invoked.
type reference struct {
	invoked        time.Duration
	process, index int32
	entry          *entry
}

// merge returns the ops of all records, that of process 0 first, by the time
// they were invoked, and numbers them.
func merge(records []*record) []history.Op {
	var refs []reference
	for process, r := range records {
		refs = slices.Grow(refs, r.n)
		index := int32(0)
		for _, block := range r.blocks {
			for i := range block {
				refs = append(refs, reference{block[i].invoked, int32(process), index, &block[i]})
				index++
			}
		}
	}
	slices.SortFunc(refs, func(a, b reference) int {
		return cmp.Or(cmp.Compare(a.invoked, b.invoked), cmp.Compare(a.process, b.process), cmp.Compare(a.index, b.index))
	})
	ops := make([]history.Op, len(refs))
	for i, ref := range refs {
		e := ref.entry
		w := &records[ref.process].words[e.words]
		ops[i] = history.Op{
			Index: i, Process: int(ref.process), Node: w.node, Func: w.function, Key: w.key, To: w.to, Amount: e.amount,
			Value:    history.Value{Int64: e.value, Valid: e.valid},
			Intended: e.intended, Invoked: e.invoked, Returned: e.returned,
			Attempts: e.attempts, Outcome: e.outcome, Status: int(e.status), Code: w.code, Extended: w.extended,
		}
	}
	return ops
}
