package check_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"example.com/contend/check"
	"example.com/contend/history"
)

// Purchases of one piece each are increments seen from the other side.
func TestStockAgreesWithCounter(t *testing.T) {
	const values = 6 // none, -1 … 3
	for acked := range 4 {
		combinations := int(math.Pow(values, float64(acked)))
		for combination := range combinations * (values + 1) * 2 {
			n := combination
			told := make([]history.Value, acked)
			for i := range told {
				told[i], n = optional(n%values), n/values
			}
			s := small{0, told, n % 2, optional(n / 2)}
			counter := check.Counter(slices.Values(s.ops())).Counters[0]
			stock := check.Stock(slices.Values(asPurchases(s.ops()))).Items[0]
			if stock.Verdict != counter.Verdict || stock.Vanished != counter.Lost || stock.Unexplained != counter.Unexplained ||
				stock.SoldTwice != counter.Duplicates {
				t.Fatalf("%+v: %+v\ncounter: %+v", s, stock, counter)
			}
		}
	}
}

// asPurchases turns a counter that begins at 0 into a stock of 100.
func asPurchases(ops []history.Op) []history.Op {
	for i := range ops {
		if op := &ops[i]; op.Func == history.Increment {
			op.Func, op.Amount = history.Purchase, 1
		}
		ops[i].Value.Int64 = 100 - ops[i].Value.Int64
		if !ops[i].Value.Valid {
			ops[i].Value.Int64 = 0
		}
	}
	return ops
}

// A shop is a history of one item, small enough to try everything.
type shop struct {
	begin, end history.Value
	buys       []history.Op // those that may have taken effect
	parents    []int        // the purchase whose stock each read, initial or notDone
	left       []int64      // the stock that each left

	vanished check.Range
	possible bool
}

// stockOracle tries every way in which purchases can have gone, as the
// counter's oracle does: each read what another one left, or the initial stock,
// and took its amount of that. No stock falls below zero.
func stockOracle(ops []history.Op) (vanished check.Range, possible bool) {
	var s shop
	for _, op := range ops {
		switch {
		case op.Func == history.Reset:
			s.begin = op.Value
		case op.Func == history.FinalRead:
			s.end = op.Value
		case op.Outcome != history.Failed:
			s.buys = append(s.buys, op)
		}
	}
	s.parents, s.left = make([]int, len(s.buys)), make([]int64, len(s.buys))
	s.try(0)
	return s.vanished, s.possible
}

func (s *shop) try(i int) {
	if i == len(s.buys) {
		s.finish()
		return
	}
	from := initial
	if s.buys[i].Outcome == history.Unknown {
		from = notDone
	}
	for s.parents[i] = from; s.parents[i] < len(s.buys); s.parents[i]++ {
		s.try(i + 1)
	}
}

// finish looks at all ends of one execution, if it can have been.
func (s *shop) finish() {
	for i, op := range s.buys {
		s.left[i] = s.begin.Int64
		n := 0
		for at := i; at != initial && s.parents[i] != notDone; at = s.parents[at] {
			if n++; at == notDone || n > len(s.buys) {
				return
			}
			s.left[i] -= s.buys[at].Amount
		}
		if s.left[i] < 0 || op.Value.Valid && op.Value.Int64 != s.left[i] {
			return
		}
	}
	s.endWith(initial, s.begin.Int64)
	for i := range s.buys {
		if s.parents[i] != notDone {
			s.endWith(i, s.left[i])
		}
	}
}

// endWith counts what vanished if the last purchase left the final stock.
func (s *shop) endWith(last int, left int64) {
	if s.end.Valid && s.end.Int64 != left {
		return
	}
	var n int64
	for _, op := range s.buys {
		if op.Outcome == history.OK {
			n += op.Amount
		}
	}
	for at := last; at != initial; at = s.parents[at] {
		if s.buys[at].Outcome == history.OK {
			n -= s.buys[at].Amount
		}
	}
	if !s.possible {
		s.vanished, s.possible = check.Exactly(n), true
	}
	s.vanished.Min, s.vanished.Max = min(s.vanished.Min, n), max(s.vanished.Max, n)
}

// FuzzStockAgreesWithOracle wants every verdict to be right, and, where all
// purchases are of one piece, none to be left out. Only where quantities differ,
// and not all were told, may the sums agree and yet no order of purchases lead there.
func FuzzStockAgreesWithOracle(f *testing.F) {
	f.Add(uint8(5), []byte{0x04, 0x13, 0x25, 0x02}, uint8(4), false)
	f.Add(uint8(3), []byte{0x03, 0x03, 0x60}, uint8(0), true)
	f.Add(uint8(8), []byte{0x12, 0x34, 0x41}, uint8(9), false)
	f.Fuzz(func(t *testing.T, begin uint8, buys []byte, end uint8, ones bool) {
		if len(buys) > 4 {
			return
		}
		words := []string{fmt.Sprintf("=%d", begin%10)}
		for _, b := range buys { // two bits of amount, then what became of it
			amount, told := 1+int(b>>4&3), int(b&15)
			if ones {
				amount = 1
			}
			switch {
			case b >= 0xc0:
				words = append(words, fmt.Sprintf("%d?", amount))
			case told > 11:
				words = append(words, fmt.Sprintf("%d>", amount))
			default:
				words = append(words, fmt.Sprintf("%d>%d", amount, told-1))
			}
		}
		if end%12 > 0 {
			words = append(words, fmt.Sprintf("!%d", int(end%12)-1))
		}
		ops := stockOps(strings.Join(words, " "))
		got := check.Stock(slices.Values(ops)).Items[0]
		vanished, possible := stockOracle(ops)
		bad := !possible || vanished.Min > 0
		good := possible && vanished.Max == 0 && got.Acknowledged > 0 && got.Left.Valid
		untold := slices.ContainsFunc(ops, func(op history.Op) bool { return !op.Value.Valid })
		switch {
		case got.Verdict == check.Refuted && !bad, got.Verdict == check.Holds && !good && (possible || !untold),
			possible && (vanished.Min < got.Vanished.Min || vanished.Max > got.Vanished.Max || got.Unexplained > 0),
			ones && bad && got.Verdict != check.Refuted, ones && good && got.Verdict != check.Holds,
			ones && possible && got.Oversold.Max == 0 && vanished != got.Vanished:
			t.Fatalf("%v: %+v\noracle: possible %v, vanished %v", words, got, possible, vanished)
		}
	})
}
