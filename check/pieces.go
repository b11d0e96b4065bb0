package check

import (
	"math"
	"slices"

	"example.com/contend/history"
)

// A shelving is the sales of one item on their way to an Item.
type shelving struct {
	*sales
	Item
	order        []int32 // of the receipts: by value, then as they returned
	lowest       int64   // stock that was seen
	bottom, roof int64   // the final and the initial stock; where not known, as far as numbers go
	overlaps     [][2]int32
}

func (s *sales) judge() Item {
	j := shelving{sales: s, order: s.told.sorted(), bottom: math.MinInt64, roof: math.MaxInt64, Item: Item{
		Key: s.key, Acknowledged: s.acked, Refused: s.refused, Unknown: s.unknown, Witnesses: []Witness{},
	}}
	if most, fits := added(s.sold.n, s.open.n); !fits || s.sold.over || s.open.over {
		j.spoil("the pieces sold are more than 64 bits can count")
	} else if s.spoilt == "" {
		j.Sold = Range{s.sold.n, most}
	}
	j.Initial, j.Left = s.began(), s.ended()
	if s.spoilt == "" {
		j.survey()
		j.bound()
		j.witness()
	}
	j.decide()
	return j.Item
}

// survey finds the ends of the chain, and what was sold twice.
func (j *shelving) survey() {
	if j.Initial.Valid {
		j.roof = j.Initial.Int64
		j.Oversold = Range{max(0, j.Sold.Min-max(0, j.roof)), max(0, j.Sold.Max-max(0, j.roof))}
	}
	j.lowest = j.roof
	if j.Left.Valid {
		j.bottom = j.Left.Int64
		j.lowest = min(j.lowest, j.bottom)
	}
	if len(j.order) > 0 {
		j.lowest = min(j.lowest, j.told.at(j.order[0]).value)
	}
	j.SoldTwice = j.sold.n - j.unvalued.n - j.taken(math.MinInt64, math.MaxInt64, func(below, above int32) {
		if len(j.overlaps) < maxPairs {
			j.overlaps = append(j.overlaps, [2]int32{below, above})
		}
	})
}

// pieces returns what receipt r took: the pieces above low, up to high.
func (j *shelving) pieces(r int32) (low, high int64) {
	t := j.told.at(r)
	return t.value, t.value + t.amount
}

// taken returns how many of the pieces above from, up to to, were taken by
// whoever was told what is left, and hands over pairs of purchases that took
// the same piece.
func (j *shelving) taken(from, to int64, overlap func(a, b int32)) (n int64) {
	reach, last := from, int32(-1)
	for _, r := range j.order {
		low, high := j.pieces(r)
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

// apart returns the most pieces that purchases can have taken which took no
// piece twice and all of theirs between the ends of the chain: going down from
// the top, each is either left out or followed by those that took pieces above
// its own (weighted interval scheduling).
func (j *shelving) apart() int64 {
	best := make([]int64, len(j.order)+1)
	for i := len(j.order) - 1; i >= 0; i-- {
		best[i] = best[i+1]
		low, high := j.pieces(j.order[i])
		if low < j.bottom || high > j.roof {
			continue
		}
		next, _ := slices.BinarySearchFunc(j.order[i+1:], high, func(r int32, high int64) int {
			if j.told.at(r).value < high {
				return -1
			}
			return 1
		})
		best[i] = max(best[i], j.told.at(j.order[i]).amount+best[i+1+next])
	}
	return best[0]
}

// bound works out Vanished and Unexplained; compare [judging.bound].
func (j *shelving) bound() {
	inChain := j.apart()
	most, least := inChain+j.unvalued.n, int64(0) // pieces that acknowledged purchases took in the chain
	switch {
	case j.Initial.Valid && j.Left.Valid:
		most, least = j.chain(inChain)
	case j.Initial.Valid:
		j.Unexplained = max(0, j.untaken(j.roof)-j.unvalued.n-j.open.n)
	}
	j.Vanished = Range{j.sold.n - most, j.sold.n - least}
}

// chain returns how many pieces acknowledged purchases took in a chain between
// two known ends, at most and at least; compare [judging.chain].
func (j *shelving) chain(inChain int64) (most, least int64) {
	length := steps(j.bottom, j.roof)
	gaps, below := length-inChain, j.untaken(min(j.bottom, j.roof))
	j.Unexplained = max(0, plus(gaps, below)-j.unvalued.n-j.open.n)
	if j.Unexplained > 0 { // whoever took those may have taken any
		return inChain + min(j.unvalued.n, gaps), 0
	}
	most = inChain + min(j.unvalued.n-max(0, below-j.open.n), gaps)
	least = max(0, length-(j.open.n-max(0, below-j.unvalued.n)))
	return most, least
}

// untaken returns how many of the pieces up to top, and above the lowest stock
// that was seen, nobody was told to have taken.
func (j *shelving) untaken(top int64) int64 {
	return steps(j.lowest, top) - j.taken(j.lowest, top, nil)
}

// witness collects the ops that prove what is wrong.
func (j *shelving) witness() {
	for _, p := range j.overlaps {
		j.prove("P4 lost update", j.samePiece(p), j.told.op(j.Key, p[0]), j.told.op(j.Key, p[1]))
	}
	if len(j.order) > 0 {
		lowest := j.told.op(j.Key, j.order[0])
		if j.Left.Valid && lowest.Value.Int64 < j.bottom {
			j.prove("lost write", j.toldLess(lowest.Value.Int64), lowest, j.final)
		}
		if lowest.Value.Int64 < 0 {
			j.prove("stock below zero", j.fell(), lowest)
		}
	}
	for _, r := range j.order {
		if low, high := j.pieces(r); high > j.roof {
			j.prove("impossible value", j.toldMore(low, high), j.told.op(j.Key, r))
			break
		}
	}
	switch {
	case j.Left.Valid && j.bottom < 0:
		j.prove("stock below zero", j.fell(), j.final)
	case j.Left.Valid && j.bottom > j.roof:
		j.prove("impossible value", j.grew(), j.final)
	case j.Left.Valid && j.Unexplained > 0:
		j.prove("unexplained purchase", j.unexplained(), j.final)
	}
}

func (j *shelving) prove(anomaly, reason string, ops ...history.Op) {
	j.Witnesses = append(j.Witnesses, Witness{Anomaly: anomaly, Reason: reason, Ops: ops})
}
