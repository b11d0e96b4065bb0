package load

import (
	"cmp"
	"time"

	"example.com/contend/history"
)

// A record holds the ops of one process while the load runs. An op is large
// and full of strings that are the same in most ops; to keep each whole would
// have the garbage collector and the memory show in the latencies. So a
// record keeps an entry without pointers for each op, in blocks that never
// move, and each combination of strings once.
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
	for i := len(r.words) - 1; i >= 0 && i >= len(r.words)-recentWords; i-- {
		if r.words[i] == w {
			return uint32(i)
		}
	}
	r.words = append(r.words, w)
	return uint32(len(r.words) - 1)
}

// op returns the op of process that e is the entry of.
func (r *record) op(process int, e *entry) history.Op {
	w := &r.words[e.words]
	return history.Op{
		Process: process, Node: w.node, Func: w.function, Key: w.key, To: w.to, Amount: e.amount,
		Value:    history.Value{Int64: e.value, Valid: e.valid},
		Intended: e.intended, Invoked: e.invoked, Returned: e.returned,
		Attempts: e.attempts, Outcome: e.outcome, Status: int(e.status), Code: w.code, Extended: w.extended,
	}
}

// at returns the i-th entry.
func (r *record) at(i int) *entry {
	if first := r.blocks[0]; i < len(first) {
		return &first[i]
	}
	i -= len(r.blocks[0])
	return &r.blocks[1+i/blockEntries][i%blockEntries]
}

// A reference says where an op is, and when it was invoked.
type reference struct {
	invoked        time.Duration
	process, index int32
}

func (a reference) compare(b reference) int {
	if a.invoked != b.invoked {
		return cmp.Compare(a.invoked, b.invoked)
	}
	return cmp.Or(cmp.Compare(a.process, b.process), cmp.Compare(a.index, b.index))
}

// merge returns the ops of all records, that of process 0 first, by the time
// they were invoked, and numbers them.
func merge(records []*record) []history.Op {
	var runs [][]reference
	total := 0
	for process, r := range records {
		run := make([]reference, 0, r.n)
		for i := range r.n {
			run = append(run, reference{r.at(i).invoked, int32(process), int32(i)})
		}
		runs = append(runs, run)
		total += r.n
	}
	ops := make([]history.Op, total)
	for i, ref := range mergeRuns(runs) {
		r := records[ref.process]
		ops[i] = r.op(int(ref.process), r.at(int(ref.index)))
		ops[i].Index = i
	}
	return ops
}

// mergeRuns puts sorted runs together, two and two: a process makes its calls
// one after another, so its own are in order already.
func mergeRuns(runs [][]reference) []reference {
	switch n := len(runs); n {
	case 0:
		return nil
	case 1:
		return runs[0]
	default:
		return mergeTwo(mergeRuns(runs[:n/2]), mergeRuns(runs[n/2:]))
	}
}

func mergeTwo(a, b []reference) []reference {
	merged := make([]reference, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if b[0].compare(a[0]) < 0 {
			merged, b = append(merged, b[0]), b[1:]
		} else {
			merged, a = append(merged, a[0]), a[1:]
		}
	}
	return append(append(merged, a...), b...)
}
