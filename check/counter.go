package check

import (
	"cmp"
	"fmt"
	"iter"
	"math"

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
	Duplicates  int64 `json:"duplicates"`  // acknowledged, with the value of another acknowledged one
	Unexplained int64 `json:"unexplained"` // at least so many steps of the counter were made by no acknowledged or unknown increment

	Verdict   Verdict   `json:"verdict"`
	Reason    string    `json:"reason"`    // one sentence, for people
	Witnesses []Witness `json:"witnesses"` // a few of them, the smallest values first
}

// Counter judges whether every acknowledged increment of a history is in the
// final value of its counter. It reads increments, resets and final reads, and
// skips all other ops.
//
// It reasons from three premises. A failed increment had no effect. Only the
// increments of the history write the counter, after it was reset. And each
// increment that takes effect sets the counter to one more than a value that the
// counter had, and returns the value that it set, not one that it read later.
// Hence the final value rests on a chain of increments, which set initial+1,
// initial+2 and so on up to it. Whatever is not in that chain was lost:
//
//   - Each value is in the chain once. Of the increments that returned the same
//     value, all but one are lost, whatever the final value is: they overwrote
//     each other (P4 lost update).
//   - An increment that returned a value above the final one is not in the
//     chain, whoever made its steps.
//   - An unknown increment may have made any step, or none. An acknowledged one
//     without a value may have made any step, but did make one.
//
// So the chain has room for at most one acknowledged increment for each value
// that was returned and lies in it, and for those without a value in the steps
// that remain; and it needs one for each step that the unknown ones cannot
// have made. This gives [Tally.Lost]. An increment that returned a value above
// the final one had a chain of its own, whose steps count as well. Steps that not
// even the unknown increments can fill are [Tally.Unexplained]: a premise is
// broken, by a failed increment that did take effect, one that was done twice, or
// a writer from outside. They refute the claim too, and then Lost.Max says less.
//
// Where no reset was recorded, the counter is taken to have begun at 0, or above
// where that refutes the claim. A loss proved for 0 is proved for every beginning
// above 0 too. A step unexplained from 0 on refutes the claim only if it is
// unexplained from the highest beginning that the values allow; else the verdict is
// inconclusive. So it is where a value shows that the counter began below 0.
//
// The verdict is inconclusive also where nothing was acknowledged, where a
// reset is in doubt or came in the midst of increments, where ops of another kind
// change the key, where no final read came after the increments, and where unknown
// ones leave it open. In all other cases it is as sharp as can be: a search through
// everything that can have happened comes to the same verdict, and to the same Lost.
func Counter(ops iter.Seq[history.Op]) Counters {
	tallies, parts := []Tally{}, []part{}
	for _, l := range counters.gather(ops) {
		j := counterJudge{ledger: l}
		t := j.judge()
		tallies, parts = append(tallies, t), append(parts, part{t.Acknowledged, t.Verdict, t.Reason})
	}
	verdict, reason := counters.together(parts)
	return Counters{Verdict: verdict, Reason: reason, Counters: tallies}
}

// A counterJudge judges one counter.
type counterJudge struct {
	*ledger
	Tally
	end           int64  // the final value, where it is known
	lowest        int64  // of the returned values; where there is none, the greatest number
	highest       int32  // the receipt of the highest value, of several the first; below 0 where there is none
	top           int64  // the highest value that the counter was seen at
	pairs         []pair // the smallest values that several increments returned
	wrong, strays string // reasons: the final value is below the initial one; some steps are unexplained
	proven        bool   // strays are, wherever the counter began
}

// A pair is the first two of n increments that returned the same value.
type pair struct {
	first, second int32
	n             int
}

func (j *counterJudge) judge() Tally {
	began := j.began()
	j.Tally = Tally{
		Key: j.key, Acknowledged: j.acked, Failed: j.failed, Unknown: j.unknown,
		Initial: began.Int64, InitialKnown: began.Valid, Final: j.ended(), Lost: Range{0, j.acked},
	}
	j.survey()
	if !j.InitialKnown && (j.lowest <= 0 || j.Final.Valid && j.end < 0) {
		j.spoil("its values show that it did not begin at 0, and no reset was recorded")
	}
	if j.spoilt == "" {
		j.bound()
		j.witness()
	}
	j.decide()
	j.Witnesses = j.proof
	return j.Tally
}

// survey looks at the returned values.
func (j *counterJudge) survey() {
	j.top, j.end, j.lowest, j.highest = j.Initial, j.Final.Int64, math.MaxInt64, -1
	if j.Final.Valid {
		j.top = max(j.top, j.end)
	}
	if n := len(j.order); n > 0 {
		j.lowest = j.at(j.order[0]).value
		j.highest = j.order[n-1]
		j.top = max(j.top, j.at(j.highest).value)
	}
	j.taken(math.MinInt64, math.MaxInt64, func(first, r int32) {
		j.Duplicates++
		if last := len(j.pairs) - 1; last >= 0 && j.pairs[last].first == first {
			j.pairs[last].n++
		} else if len(j.pairs) < maxExamples {
			j.pairs = append(j.pairs, pair{first, r, 2})
		}
		if j.at(r).value == j.at(j.highest).value {
			j.highest = first
		}
	})
}

// bound works out Lost and Unexplained; see [Counter] for the reasoning.
func (j *counterJudge) bound() {
	j.Lost, j.Unexplained = j.from(j.Initial)
	if j.proven = j.InitialKnown; !j.proven {
		highest := minus(j.lowest, 1)
		if j.Final.Valid {
			highest = min(highest, j.end)
		}
		_, strays := j.from(min(highest, j.top))
		j.proven = strays > 0
	}
	if j.Unexplained > 0 {
		j.strays = fmt.Sprintf("no acknowledged or unknown increment made at least %d of the steps of %q from %d to %d",
			j.Unexplained, j.key, j.Initial, j.top)
	}
	if j.Final.Valid && j.end < j.Initial {
		j.wrong = fmt.Sprintf("the final value %d of %q is below %d, where it began", j.end, j.key, j.Initial)
	}
}

// from returns the increments lost and the steps unexplained if the counter began there.
func (j *counterJudge) from(began int64) (lost Range, unexplained int64) {
	if !j.Final.Valid {
		lost = Range{j.acked - j.taken(began, math.MaxInt64, nil) - j.unvalued.n, j.acked}
		return lost, max(0, j.untaken(began, j.top)-j.unvalued.n-j.unknown)
	}
	inChain := j.taken(began, j.end, nil)
	most, least, unexplained := j.chain(inChain, steps(began, j.end)-inChain, j.untaken(max(began, j.end), j.top))
	return Range{j.acked - most, j.acked - least}, unexplained
}

// witness collects the ops that prove what is wrong.
func (j *counterJudge) witness() {
	for _, p := range j.pairs {
		value := j.at(p.first).value
		reason := fmt.Sprintf("two acknowledged increments of %q both returned %d", j.key, value)
		if p.n > 2 {
			reason = fmt.Sprintf("%d acknowledged increments of %q returned %d; these are the first two", p.n, j.key, value)
		}
		j.prove("P4 lost update", reason, j.op(j.key, p.first), j.op(j.key, p.second))
	}
	if j.highest >= 0 && j.Final.Valid && j.at(j.highest).value > j.end {
		j.prove("lost write", fmt.Sprintf("an acknowledged increment of %q returned %d, and the final value is %d",
			j.key, j.at(j.highest).value, j.end), j.op(j.key, j.highest), j.final)
	}
	if j.strays != "" && j.proven {
		at := j.final
		if j.highest >= 0 && j.at(j.highest).value == j.top {
			at = j.op(j.key, j.highest)
		}
		j.prove("unexplained increment", j.strays, at)
	}
	if len(j.order) > 0 && j.lowest <= j.Initial {
		j.prove("impossible value", fmt.Sprintf("an acknowledged increment of %q returned %d, and it began at %d",
			j.key, j.lowest, j.Initial), j.op(j.key, j.order[0]))
	}
	if j.wrong != "" {
		j.prove("impossible value", j.wrong, j.final)
	}
}

// decide sets the verdict and its reason, a sentence that names the counter.
func (j *counterJudge) decide() {
	switch {
	case j.spoilt != "":
		j.Reason = fmt.Sprintf("%q cannot be judged: %s", j.key, j.spoilt)
	case j.Lost.Min > 0:
		j.Verdict, j.Reason = Refuted, fmt.Sprintf("%q lost %s of %d acknowledged increments: its final value is %d", j.key, j.Lost, j.acked, j.end)
		if !j.Final.Valid {
			j.Reason = fmt.Sprintf("%q lost at least %d of %d acknowledged increments, whatever its final value: the values that they returned prove it",
				j.key, j.Lost.Min, j.acked)
		}
		if j.strays != "" && j.proven {
			j.Reason += ", and " + j.strays
		}
	case j.strays != "" && !j.proven:
		j.Reason = j.strays + ", unless it did not begin at 0: no reset was recorded"
	case j.strays != "" || j.wrong != "":
		j.Verdict, j.Reason = Refuted, cmp.Or(j.strays, j.wrong)
	case j.acked == 0:
		j.Reason = fmt.Sprintf("no increment of %q was acknowledged, so none could be lost (%d failed, %d unknown)", j.key, j.failed, j.unknown)
	case j.finalEarly:
		j.Reason = fmt.Sprintf("the final value of %q was read before its last acknowledged increment had returned", j.key)
	case !j.Final.Valid:
		j.Reason = fmt.Sprintf("the final value of %q was not read", j.key)
	case j.Lost.Max > 0:
		j.Reason = fmt.Sprintf("%q lost %s of %d acknowledged increments: its final value %d does not tell which unknown ones (%d) took effect",
			j.key, j.Lost, j.acked, j.end, j.unknown)
	default:
		began := ""
		if j.Initial != 0 {
			began = fmt.Sprintf("it began at %d and ", j.Initial)
		}
		j.Verdict, j.Reason = Holds, fmt.Sprintf("%q has all of its %d acknowledged increments: %sits final value is %d", j.key, j.acked, began, j.end)
	}
}
