package check

import (
	"cmp"
	"iter"
	"slices"

	"example.com/contend/history"
)

// Counters is the judgement of [Counter] on a history.
type Counters struct {
	Verdict  Verdict `json:"verdict"`  // on all counters together
	Reason   string  `json:"reason"`   // one sentence, for people
	Counters []Tally `json:"counters"` // one for each key, sorted by it
}

// A Tally is what a history says of one counter. Counts are of increments.
type Tally struct {
	Key          string `json:"key"`
	Acknowledged int64  `json:"acknowledged"` // ended ok
	Failed       int64  `json:"failed"`
	Unknown      int64  `json:"unknown"`

	Initial      int64         `json:"initial"`       // where the counter began
	InitialKnown bool          `json:"initial_known"` // an acknowledged reset says so; else Initial is 0, assumed
	Final        history.Value `json:"final"`         // what the last acknowledged final-read found; null where there is none to trust

	Lost        Range `json:"lost"`        // acknowledged, and not in the final value
	Duplicates  int64 `json:"duplicates"`  // acknowledged, and told a value that another one was told
	Unexplained int64 `json:"unexplained"` // at least so many steps of the counter were made by no acknowledged or unknown increment

	Verdict   Verdict   `json:"verdict"`
	Reason    string    `json:"reason"`    // one sentence, for people
	Witnesses []Witness `json:"witnesses"` // a few of them, the smallest values first
}

// Counter judges whether every acknowledged increment of a history is in the
// final value of its counter. It reads increments, resets and final reads, and
// passes over all other ops.
//
// It reasons from three premises. A failed increment had no effect. Only the
// increments of the history write the counter, after it was reset. And each
// increment that takes effect sets the counter to one more than a value the
// counter had, and is told the value that it set, not one that it read later.
// Hence the final value rests on a chain of increments, which set initial+1,
// initial+2 and so on up to it. Whatever is not in that chain was lost:
//
//   - Each value is in the chain once. Of the increments that were told one
//     and the same value, all but one are lost, without a look at the final
//     value: they overwrote each other (P4 lost update).
//   - An increment that was told a value above the final one is not in the
//     chain, whoever made its steps.
//   - An unknown increment may have made any step, or none. An acknowledged one
//     without a value may have made any step, but did make one.
//
// So the chain has room for at most one acknowledged increment for each value
// that was told and lies in it, and for those without a value in the steps
// that remain; and it needs one for each step that the unknown ones cannot
// have made. This gives [Tally.Lost]. Whoever was told a value above the final
// one had a chain of its own, whose steps count as well. Steps that not even
// the unknown increments can fill are [Tally.Unexplained]: a premise is broken,
// by a failed increment that did take effect, one that was done twice, or a
// writer from outside. They refute the claim too, and then Lost.Max says less.
//
// Where no reset was recorded, the counter is taken to have begun at 0. A loss
// proved so is proved for every beginning above 0 too; an unexplained step is
// not, and leaves the verdict inconclusive.
//
// The verdict is inconclusive also where nothing was acknowledged, where a
// reset is in doubt or came in the midst of increments, where no final read
// came after them, and where unknown increments leave it open.
func Counter(ops iter.Seq[history.Op]) Counters {
	counts := map[string]*count{}
	var last *count
	for op := range ops {
		switch op.Func {
		case history.Increment, history.Reset, history.FinalRead:
		default:
			continue
		}
		if last == nil || last.key != op.Key { // most histories have one counter
			if last = counts[op.Key]; last == nil {
				last = &count{key: op.Key, frame: frame{ops: increments}}
				counts[op.Key] = last
			}
		}
		last.add(&op)
	}
	tallies := []Tally{}
	for _, c := range counts {
		tallies = append(tallies, c.judge())
	}
	slices.SortFunc(tallies, func(a, b Tally) int { return cmp.Compare(a.Key, b.Key) })
	var parts []part
	for _, t := range tallies {
		parts = append(parts, part{t.Acknowledged, t.Verdict, t.Reason})
	}
	verdict, reason := together(words{"increment", "counters", "final values"}, parts)
	return Counters{Verdict: verdict, Reason: reason, Counters: tallies}
}
