package check

import (
	"math"

	"example.com/contend/history"
)

// maxPairs is how many pairs of duplicates become witnesses.
const maxPairs = 3

// A judging is a count on its way to a Tally.
type judging struct {
	*count
	Tally
	order    []int32 // of the receipts: by value, then as they returned
	distinct int64   // values above the initial one
	inFinal  int64   // of these, values up to the final one
	pairs    []pair  // the smallest duplicates
}

// A pair is the first two of the n increments that were told the same value.
type pair struct {
	first, second int32
	n             int
}

func (c *count) judge() Tally {
	j := judging{count: c, order: c.told.sorted(), Tally: Tally{
		Key: c.key, Acknowledged: c.acked, Failed: c.failed, Unknown: c.unknown,
		Lost: Range{0, c.acked}, Witnesses: []Witness{},
	}}
	began := c.began()
	j.Initial, j.InitialKnown = began.Int64, began.Valid
	j.Final = c.ended()
	j.survey()
	if !j.InitialKnown && j.below() {
		c.spoil("its values show that it did not begin at 0, and no reset was recorded")
	}
	if c.spoilt == "" {
		j.bound()
		j.witness()
	}
	j.decide()
	return j.Tally
}

// survey goes through the receipts by value.
func (j *judging) survey() {
	for start := 0; start < len(j.order); {
		value := j.told.at(j.order[start]).value
		end := start + 1
		for end < len(j.order) && j.told.at(j.order[end]).value == value {
			end++
		}
		if end-start > 1 {
			j.Duplicates += int64(end - start - 1)
			if len(j.pairs) < maxPairs {
				j.pairs = append(j.pairs, pair{j.order[start], j.order[start+1], end - start})
			}
		}
		if value > j.Initial {
			j.distinct++
			if value <= j.Final.Int64 {
				j.inFinal++
			}
		}
		start = end
	}
}

// below reports whether the counter was seen where no increment can lead.
func (j *judging) below() bool {
	lowest, ok := j.lowest()
	return ok && lowest.value <= j.Initial || j.Final.Valid && j.Final.Int64 < j.Initial
}

func (j *judging) lowest() (*receipt, bool) {
	if len(j.order) == 0 {
		return nil, false
	}
	return j.told.at(j.order[0]), true
}

// highest returns the receipt of the highest value, and of several the first.
func (j *judging) highest() (r int32, ok bool) {
	if len(j.order) == 0 {
		return 0, false
	}
	i := len(j.order) - 1
	for i > 0 && j.told.at(j.order[i-1]).value == j.told.at(j.order[i]).value {
		i--
	}
	return j.order[i], true
}

// top returns the highest value that the counter was seen at.
func (j *judging) top() int64 {
	top := j.Initial
	if r, ok := j.highest(); ok {
		top = max(top, j.told.at(r).value)
	}
	if j.Final.Valid {
		top = max(top, j.Final.Int64)
	}
	return top
}

// bound works out Lost and Unexplained; see [Counter] for the reasoning.
func (j *judging) bound() {
	all := steps(j.Initial, j.top()) - j.distinct // steps that nobody is known to have made
	j.Unexplained = max(0, all-j.unvalued-j.unknown)
	most, least := j.distinct+j.unvalued, int64(0) // acknowledged increments in the final chain
	if j.Final.Valid {
		most, least = j.chain(all)
	}
	j.Lost = Range{j.acked - most, j.acked - least}
}

// chain returns how many acknowledged increments the chain that leads to the
// final value holds at most and at least. Of the steps that nobody is known to
// have made, those above the final value take up increments that the chain can
// then not have: unvalued ones where it should have few, unknown ones where it
// should have many.
func (j *judging) chain(all int64) (most, least int64) {
	length := steps(j.Initial, j.Final.Int64)
	open := length - j.inFinal
	if j.Unexplained > 0 { // whoever made those steps may have made any
		return j.inFinal + min(j.unvalued, open), 0
	}
	above := all - open
	most = j.inFinal + min(j.unvalued-max(0, above-j.unknown), open)
	least = max(0, length-(j.unknown-max(0, above-j.unvalued)))
	return most, least
}

// steps returns how many increments lead from one value up to another; where
// that overflows, the greatest number.
func steps(from, to int64) int64 {
	switch n := to - from; {
	case to <= from:
		return 0
	case n < 0:
		return math.MaxInt64
	default:
		return n
	}
}

// witness collects the ops that prove what is wrong.
func (j *judging) witness() {
	for _, p := range j.pairs {
		j.prove("P4 lost update", j.sameValue(p), j.told.op(j.key, p.first), j.told.op(j.key, p.second))
	}
	highest, told := j.highest()
	if told && j.Final.Valid && j.told.at(highest).value > j.Final.Int64 {
		j.prove("lost write", j.aboveFinal(), j.told.op(j.key, highest), j.final)
	}
	if j.Unexplained > 0 && j.InitialKnown {
		at := j.final
		if told && j.told.at(highest).value == j.top() {
			at = j.told.op(j.key, highest)
		}
		j.prove("unexplained increment", j.unexplained(), at)
	}
	if lowest, ok := j.lowest(); ok && lowest.value <= j.Initial {
		j.prove("impossible value", j.toldBelow(), j.told.op(j.key, j.order[0]))
	}
	if j.Final.Valid && j.Final.Int64 < j.Initial {
		j.prove("impossible value", j.finalBelow(), j.final)
	}
}

func (j *judging) prove(anomaly, reason string, ops ...history.Op) {
	j.Witnesses = append(j.Witnesses, Witness{Anomaly: anomaly, Reason: reason, Ops: ops})
}

// decide sets the verdict and its reason.
func (j *judging) decide() {
	switch {
	case j.spoilt != "":
		j.Reason = j.spoiltReason()
	case j.Lost.Min > 0:
		j.Verdict, j.Reason = Refuted, j.lostReason()
		if j.Unexplained > 0 && j.InitialKnown {
			j.Reason += ", and " + j.unexplained()
		}
	case j.Unexplained > 0 && j.InitialKnown:
		j.Verdict, j.Reason = Refuted, j.unexplained()
	case j.Unexplained > 0:
		j.Reason = j.unexplained() + ", unless it did not begin at 0: no reset was recorded"
	case j.Final.Valid && j.Final.Int64 < j.Initial:
		j.Verdict, j.Reason = Refuted, j.finalBelow()
	case j.acked == 0:
		j.Reason = j.nothingReason()
	case !j.Final.Valid:
		j.Reason = j.noFinalReason()
	case j.Lost.Max > 0:
		j.Reason = j.openReason()
	default:
		j.Verdict, j.Reason = Holds, j.holdsReason()
	}
}
