package check

import (
	"cmp"
	"fmt"
	"iter"
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
	SoldTwice   int64 `json:"sold_twice"`  // acknowledged, and taken by another acknowledged purchase as well, by the stock they were told
	Unexplained int64 `json:"unexplained"` // at least so many went that no acknowledged or unknown purchase took

	Verdict   Verdict   `json:"verdict"`
	Reason    string    `json:"reason"`    // one sentence, for people
	Witnesses []Witness `json:"witnesses"` // a few of them, the smallest values first
}

// Stock judges whether no more pieces of an item were sold than there were, and
// whether every piece that was sold is gone from its final stock. It reads
// purchases, resets and final reads, and passes over all other ops.
//
// It reasons as [Counter] does, with pieces for steps. Number the pieces from
// the last one left upward: a purchase of 3 that was told that 40 are left took
// the pieces 41, 42 and 43. The final stock rests on a chain of purchases, which
// took all pieces from the initial stock down to it, each of them once.
// Whatever an acknowledged purchase took outside that chain has vanished from
// the books: it was sold, and is still there to be sold again.
//
//   - Of purchases that took the same piece, at most one is in the chain: they
//     overwrote each other (P4 lost update), whatever the final stock is. The
//     chain has room for those that are told apart and weigh most.
//   - An unknown purchase may have taken any of the pieces, or none. So may an
//     acknowledged one that was not told what is left, but it did take some.
//
// Unknown purchases, and those that were not told, are counted by their pieces
// together: in which order they can have been made, if their quantities differ,
// is not tried. That makes the ranges wider, never wrong.
//
// Pieces that not even the unknown purchases can have taken are unexplained: a
// premise is broken, as in Counter. They refute the claim, and so does a stock
// below zero or above the initial one. Selling more than the initial stock
// refutes it without a look at what is left.
//
// The verdict is inconclusive where no purchase was acknowledged, where the
// initial or the final stock is not known or in doubt, where a purchase is not of
// one piece or more, and where unknown purchases leave it open.
func Stock(ops iter.Seq[history.Op]) Stocks {
	sales := map[string]*sales{}
	for op := range ops {
		switch op.Func {
		case history.Purchase, history.Reset, history.FinalRead:
		default:
			continue
		}
		s := sales[op.Key]
		if s == nil {
			s = newSales(op.Key)
			sales[op.Key] = s
		}
		s.add(&op)
	}
	items := []Item{}
	for _, s := range sales {
		items = append(items, s.judge())
	}
	slices.SortFunc(items, func(a, b Item) int { return cmp.Compare(a.Key, b.Key) })
	var parts []part
	for _, i := range items {
		parts = append(parts, part{i.Acknowledged, i.Verdict, i.Reason})
	}
	verdict, reason := together(words{"purchase", "items", "final stocks"}, parts)
	return Stocks{Verdict: verdict, Reason: reason, Items: items}
}

// Sales gather the ops of one item as they come by.
type sales struct {
	frame
	key                     string
	acked, refused, unknown int64
	sold, unvalued, open    sum      // pieces: acked; of these, without a value; unknown
	told                    receipts // acked, with a value
}

func newSales(key string) *sales {
	return &sales{key: key, frame: frame{ops: noun{"a purchase", "purchases"}}}
}

func (s *sales) add(op *history.Op) {
	switch op.Func {
	case history.Purchase:
		s.addPurchase(op)
	case history.Reset:
		s.addReset(op)
	case history.FinalRead:
		s.addFinal(op)
	}
}

func (s *sales) addPurchase(op *history.Op) {
	if op.Outcome == history.Failed {
		s.refused++
		return
	}
	s.begin(op)
	if op.Amount <= 0 {
		s.spoil(fmt.Sprintf("a purchase was of %d pieces", op.Amount))
	}
	if op.Outcome != history.OK {
		s.unknown++
		s.open.add(op.Amount)
		return
	}
	s.acked++
	s.acknowledge(op)
	s.sold.add(op.Amount)
	if op.Value.Valid {
		if _, fits := added(op.Value.Int64, op.Amount); !fits {
			s.spoil("a purchase began with more pieces than 64 bits can count")
		}
		s.told.add(op)
	} else {
		s.unvalued.add(op.Amount)
	}
}
