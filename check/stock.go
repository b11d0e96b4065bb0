package check

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"

	"example.com/contend/history"
)

// Stocks is the judgement of [Stock] on a history.
type Stocks struct {
	Verdict Verdict `json:"verdict"` // on all items together
	Reason  string  `json:"reason"`  // one sentence, for people
	Items   []Item  `json:"items"`   // one for each key, sorted by it
}

// An Item is what a history says of the stock of one item. The first three
// counts are of purchases, all others of pieces.
type Item struct {
	Key          string `json:"key"`
	Acknowledged int64  `json:"acknowledged"` // ended ok
	Refused      int64  `json:"refused"`      // failed: sold out, or not done for another reason
	Unknown      int64  `json:"unknown"`

	Initial history.Value `json:"initial"` // the stock at first; null where no reset says so
	Left    history.Value `json:"left"`    // what the final read found; null where there is none to trust

	Sold        Range `json:"sold"`        // acknowledged, and at most with the unknown ones
	Oversold    Range `json:"oversold"`    // sold beyond the initial stock; 0 where that is not known
	Vanished    Range `json:"vanished"`    // acknowledged, and not taken from the final stock
	SoldTwice   int64 `json:"sold_twice"`  // acknowledged, and taken by another acknowledged purchase as well, by the stocks that they returned
	Unexplained int64 `json:"unexplained"` // at least so many went that no acknowledged or unknown purchase took

	Verdict   Verdict   `json:"verdict"`
	Reason    string    `json:"reason"`    // one sentence, for people
	Witnesses []Witness `json:"witnesses"` // a few of them, the smallest values first
}

// Stock judges whether no more pieces of an item were sold than there were, and
// whether every piece that was sold is gone from its final stock. It reads
// purchases, resets and final reads, and skips all other ops.
//
// It reasons as [Counter] does, with pieces for steps. Number the pieces from
// the last one left upward: a purchase of 3 that returned 40, the stock left,
// took the pieces 41, 42 and 43. The final stock rests on a chain of purchases,
// which took all pieces from the initial stock down to it, each of them once.
// Whatever an acknowledged purchase took outside that chain has vanished from
// the books: it was sold, and is still there to be sold again.
//
//   - Of purchases that took the same piece, at most one is in the chain: they
//     overwrote each other (P4 lost update), whatever the final stock is. The
//     chain has room for those that share no piece and weigh most.
//   - An unknown purchase may have taken any of the pieces, or none. So may an
//     acknowledged one without a value, but it did take some.
//
// Unknown purchases, and those without a value, are first counted by their pieces
// together. That gives the ranges, which may be wider than they need to be, and never
// wrong. Where they leave it open whether any piece vanished, Stock tries in which order
// those purchases can have been made: the claim is refuted if no order leads from the
// initial stock to the final one, and nothing vanished if every order has all
// acknowledged purchases in the chain. So the verdict is as sharp as can be, but where
// there are too many orders to try: then it is inconclusive.
//
// Pieces that not even the unknown purchases can have taken are unexplained: a
// premise is broken, as in Counter. They refute the claim, and so does a stock
// below zero or above the initial one. Selling more than the initial stock
// refutes it whatever is left.
//
// The verdict is inconclusive where no purchase was acknowledged, where the
// initial or the final stock is not known or in doubt, where a purchase is not of
// one piece or more, and where unknown purchases leave it open.
func Stock(ops iter.Seq[history.Op]) Stocks {
	judged, parts := []Item{}, []part{}
	for _, l := range items.gather(ops) {
		j := stockJudge{ledger: l, bottom: math.MinInt64, roof: math.MaxInt64}
		i := j.judge()
		judged, parts = append(judged, i), append(parts, part{i.Acknowledged, i.Verdict, i.Reason})
	}
	verdict, reason := items.together(parts)
	return Stocks{Verdict: verdict, Reason: reason, Items: judged}
}

// A stockJudge judges the sales of one item.
type stockJudge struct {
	*ledger
	Item
	lowest       int64 // stock that was seen
	bottom, roof int64 // the final and the initial stock; where not known, as far as numbers go
	overlaps     [][2]int32

	way Verdict // whether some order of purchases leads from the initial stock to the final one

	fell         string // the reason where a stock is below zero
	grew, strays string // reasons: more is left than there was; pieces are unexplained
}

func (j *stockJudge) judge() Item {
	j.Item = Item{Key: j.key, Acknowledged: j.acked, Refused: j.failed, Unknown: j.unknown}
	if most, fits := added(j.done.n, j.open.n); !fits || j.done.over || j.open.over {
		j.spoil("the number of pieces sold exceeds 64 bits")
	} else if j.spoilt == "" {
		j.Sold = Range{j.done.n, most}
	}
	j.Initial, j.Left = j.began(), j.ended()
	if j.spoilt == "" {
		j.survey()
		j.bound()
		j.arrange()
		j.witness()
	}
	j.decide()
	j.Witnesses = j.proof
	return j.Item
}

// survey finds the ends of the chain, and what was sold twice.
func (j *stockJudge) survey() {
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
		j.lowest = min(j.lowest, j.at(j.order[0]).value)
	}
	j.SoldTwice = j.done.n - j.unvalued.n - j.taken(math.MinInt64, math.MaxInt64, func(below, above int32) {
		if len(j.overlaps) < maxExamples {
			j.overlaps = append(j.overlaps, [2]int32{below, above})
		}
	})
}

// heaviest returns the most pieces that purchases can have taken which took no
// piece twice and all of theirs between the ends of the chain: going down from
// the top, each is either left out or followed by those that took pieces above
// its own (weighted interval scheduling).
func (j *stockJudge) heaviest() int64 {
	best := make([]int64, len(j.order)+1)
	for i := len(j.order) - 1; i >= 0; i-- {
		best[i] = best[i+1]
		low, high := j.span(j.order[i])
		if low < j.bottom || high > j.roof {
			continue
		}
		next, _ := slices.BinarySearchFunc(j.order[i+1:], high, func(r int32, high int64) int {
			if j.at(r).value < high {
				return -1
			}
			return 1
		})
		best[i] = max(best[i], high-low+best[i+1+next])
	}
	return best[0]
}

// bound works out Vanished and Unexplained, and words what else refutes the claim.
func (j *stockJudge) bound() {
	inChain := j.heaviest()
	most, least := inChain+j.unvalued.n, int64(0) // pieces that acknowledged purchases took in the chain
	switch {
	case j.Initial.Valid && j.Left.Valid:
		most, least, j.Unexplained = j.chain(inChain, steps(j.bottom, j.roof)-inChain, j.untaken(j.lowest, min(j.bottom, j.roof)))
	case j.Initial.Valid:
		j.Unexplained = max(0, j.untaken(j.lowest, j.roof)-j.unvalued.n-j.open.n)
	}
	j.Vanished = Range{j.done.n - most, j.done.n - least}
	j.fell = fmt.Sprintf("the stock of %q fell to %d", j.key, j.lowest)
	if j.Left.Valid && j.bottom > j.roof {
		j.grew = fmt.Sprintf("there were %d %q, and %d are left", j.roof, j.key, j.bottom)
	}
	if j.Unexplained > 0 {
		j.strays = fmt.Sprintf("no acknowledged or unknown purchase took at least %d of the pieces of %q from %d down to %d",
			j.Unexplained, j.key, j.roof, j.lowest)
	}
}

// arrange tries the orders of loose purchases, where the ranges decide nothing.
func (j *stockJudge) arrange() {
	j.way = Holds
	if len(j.loose) == 0 && j.Initial.Valid || j.Oversold.Min > 0 || j.Vanished.Min > 0 || j.lowest < 0 || j.strays != "" || j.grew != "" {
		return
	}
	p := j.layout()
	switch j.way = p.whole(); {
	case j.way == Refuted:
		j.strays = fmt.Sprintf("no order of the purchases of %q, with any of the unknown ones (%d) or none, agrees with the stocks that were seen", j.key, j.unknown)
	case j.way == Holds && j.Initial.Valid && j.Left.Valid && j.Vanished.Max > 0 && p.apart() == Refuted:
		j.Vanished.Max = 0
	}
}

// witness collects the ops that prove what is wrong.
func (j *stockJudge) witness() {
	for _, pair := range j.overlaps {
		a, b := j.at(pair[0]), j.at(pair[1])
		reason := fmt.Sprintf("two acknowledged purchases of %q both left %d", j.key, a.value)
		if a.value != b.value {
			reason = fmt.Sprintf("two acknowledged purchases sold one piece twice: one of %d left %d of %q, and one of %d left %d",
				a.amount, a.value, j.key, b.amount, b.value)
		}
		j.prove("P4 lost update", reason, j.op(j.key, pair[0]), j.op(j.key, pair[1]))
	}
	if len(j.order) > 0 {
		lowest := j.op(j.key, j.order[0])
		if left := lowest.Value.Int64; j.Left.Valid && left < j.bottom {
			j.prove("lost write", fmt.Sprintf("an acknowledged purchase of %q left %d, and the final stock is %d",
				j.key, left, j.bottom), lowest, j.final)
		}
		if lowest.Value.Int64 < 0 {
			j.prove("stock below zero", j.fell, lowest)
		}
	}
	for _, r := range j.order {
		if low, high := j.span(r); high > j.roof {
			j.prove("impossible value", fmt.Sprintf("an acknowledged purchase took %q from %d to %d, and there were only %d",
				j.key, high, low, j.roof), j.op(j.key, r))
			break
		}
	}
	switch {
	case j.Left.Valid && j.bottom < 0:
		j.prove("stock below zero", j.fell, j.final)
	case j.grew != "":
		j.prove("impossible value", j.grew, j.final)
	case j.Left.Valid && j.strays != "":
		j.prove("unexplained purchase", j.strays, j.final)
	}
}

// decide sets the verdict and its reason, a sentence that names the item.
func (j *stockJudge) decide() {
	switch {
	case j.spoilt != "":
		j.Reason = fmt.Sprintf("%q cannot be judged: %s", j.key, j.spoilt)
	case j.Initial.Valid && j.Oversold.Min > 0:
		j.Verdict, j.Reason = Refuted, fmt.Sprintf("sold %d of %d %q", j.done.n, j.roof, j.key)
		if j.Left.Valid {
			j.Reason += fmt.Sprintf(", and %d are left", j.bottom)
		}
	case j.Vanished.Min > 0 && j.Initial.Valid && j.Left.Valid:
		j.Verdict, j.Reason = Refuted, fmt.Sprintf("of %d pieces of %q sold, %s vanished: there were %d, and %d are left",
			j.done.n, j.key, j.Vanished, j.roof, j.bottom)
	case j.Vanished.Min > 0:
		j.Verdict, j.Reason = Refuted, fmt.Sprintf("of %d pieces of %q sold, at least %d vanished, whatever is left: the stocks that purchases returned prove it",
			j.done.n, j.key, j.Vanished.Min)
	case j.lowest < min(0, j.roof):
		j.Verdict, j.Reason = Refuted, j.fell
	case j.strays != "" || j.grew != "":
		j.Verdict, j.Reason = Refuted, cmp.Or(j.strays, j.grew)
	case j.acked == 0:
		j.Reason = fmt.Sprintf("no purchase of %q was acknowledged, so none could vanish (%d refused, %d unknown)",
			j.key, j.failed, j.unknown)
	case !j.Initial.Valid:
		j.Reason = fmt.Sprintf("the initial stock of %q is not known: no reset was recorded", j.key)
	case j.finalEarly:
		j.Reason = fmt.Sprintf("the final stock of %q was read before its last acknowledged purchase had returned", j.key)
	case !j.Left.Valid:
		j.Reason = fmt.Sprintf("the final stock of %q was not read", j.key)
	case j.way == Inconclusive:
		j.Reason = fmt.Sprintf("there are too many purchases of %q without a known stock to try all their orders: %d ended unknown", j.key, j.unknown)
	case j.Vanished.Max > 0:
		j.Reason = fmt.Sprintf("of %d pieces of %q sold, %s vanished: the %d left do not tell which unknown purchases (%d) took effect",
			j.done.n, j.key, j.Vanished, j.bottom, j.unknown)
	case j.unknown > 0:
		j.Verdict, j.Reason = Holds, fmt.Sprintf("sold %d of %d %q, %d of them by unknown purchases, and %d are left",
			steps(j.bottom, j.roof), j.roof, j.key, steps(j.bottom, j.roof)-j.done.n, j.bottom)
	default:
		j.Verdict, j.Reason = Holds, fmt.Sprintf("sold %s of %d %q, and %d are left", j.Sold, j.roof, j.key, j.bottom)
	}
}
