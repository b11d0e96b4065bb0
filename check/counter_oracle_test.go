package check_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"example.com/contend/check"
	"example.com/contend/history"
)

var counterModel = model{
	name: "counter", history: smallCounter, small: 3, large: 4,
	judge: func(ops []history.Op) (check.Verdict, string) {
		got := check.Counter(slices.Values(ops))
		return got.Verdict, got.Reason
	},
	oracle:  counterOracle,
	differs: counterDiffers,
	open:    []string{belowZero},
}

const belowZero = "values below 0, and no reset"

// smallCounter makes a history of one counter. The order of increments matters to
// nobody, so they are sorted by what became of them.
func smallCounter(c choices, size int) []history.Op {
	var ops []history.Op
	if kind := c.rarely(4); kind < 3 {
		ops = append(ops, history.Op{Process: -1, Func: history.Reset, Key: "k", Value: history.Some(int64(kind % 2)),
			Outcome: []history.Outcome{history.OK, history.OK, history.Unknown}[kind]})
	}
	kind, kinds := 0, size+5 // failed, unknown, ok without a value, with -1 to size
	for range c.of(size + 1) {
		op := history.Op{Func: history.Increment, Key: "k", Outcome: history.OK}
		switch kind += c.of(kinds - kind); kind {
		case 0:
			op.Outcome = history.Failed
		case 1:
			op.Outcome = history.Unknown
		case 2:
		default:
			op.Value = history.Some(int64(kind - 4))
		}
		ops = append(ops, op)
	}
	if end := c.value(-1, int64(size)); end.Valid {
		ops = append(ops, history.Op{Process: -1, Func: history.FinalRead, Key: "k", Value: end, Outcome: history.OK})
	}
	return timed(c, ops)
}

const (
	notDone = -2 // an unknown op that had no effect
	initial = -1 // an op that read the initial value
)

// counterOracle tries every way in which the increments can have gone: each reads what
// some other one wrote, or the initial value, and writes one more; an unknown one
// may do nothing. In the end the counter is at what any of them wrote, or where
// it began. Every such tree can happen: all that read a value read it as soon as
// it is written, and write one after the other; and a file can go back.
func counterOracle(ops []history.Op) (t truth) {
	touches := func(op *history.Op) bool { return op.Func == history.Increment }
	e := endsOf(ops, "k", touches)
	if e.doubt {
		return unjudged
	}
	s := tree{end: e.end}
	for _, op := range ops {
		if touches(&op) && op.Outcome != history.Failed {
			op.Amount = -1
			s.ops = append(s.ops, op)
			s.below = s.below || op.Value.Valid && op.Value.Int64 < 1
		}
	}
	if e.begin.Valid {
		t = s.from(e.begin.Int64)
	} else { // it may have begun anywhere from 0 on, and a pass takes it for 0
		t = s.from(0)
		t.unread = !t.kept
		lowest := int64(0)
		if s.below || e.end.Valid && e.end.Int64 < 0 {
			lowest, t.open = -8, belowZero
		}
		for began := lowest; began < 8 && !t.kept; began++ {
			t.kept = s.from(began).kept
		}
	}
	t.unread = t.unread || !e.end.Valid || !slices.ContainsFunc(s.ops, func(op history.Op) bool { return op.Outcome == history.OK })
	return t
}

// A tree is increments or purchases that may have taken effect. An op takes Amount
// from the value that it read, and returns what it wrote; an increment takes -1.
type tree struct {
	ops     []history.Op
	end     history.Value
	below   bool
	parents []int // the op whose value each read
	begin   int64
	bottom  history.Value // no value is below it
	truth
}

func (s *tree) from(begin int64) truth {
	s.begin, s.parents, s.truth = begin, make([]int, len(s.ops)), truth{}
	s.try(0)
	return s.truth
}

func (s *tree) try(i int) {
	if i == len(s.ops) {
		s.finish()
		return
	}
	from := initial
	if s.ops[i].Outcome == history.Unknown {
		from = notDone
	}
	for s.parents[i] = from; s.parents[i] < len(s.ops); s.parents[i]++ {
		s.try(i + 1)
	}
}

// finish looks at all ends of one execution, if it can have been.
func (s *tree) finish() {
	for i := range s.ops {
		if s.parents[i] == notDone {
			continue
		}
		value, n := s.begin, 0
		for at := i; at != initial; at = s.parents[at] {
			if n++; at == notDone || n > len(s.ops) {
				return // it read what nobody wrote, or what it wrote itself
			}
			value -= s.ops[at].Amount
		}
		if told := s.ops[i].Value; told.Valid && told.Int64 != value || s.bottom.Valid && value < s.bottom.Int64 {
			return
		}
	}
	for last := initial; last < len(s.ops); last++ {
		if last != initial && s.parents[last] == notDone {
			continue
		}
		value, lost := s.begin, int64(0)
		for i := range s.ops {
			if s.ops[i].Outcome == history.OK {
				lost += max(s.ops[i].Amount, -s.ops[i].Amount)
			}
		}
		for at := last; at != initial; at = s.parents[at] {
			value -= s.ops[at].Amount
			if s.ops[at].Outcome == history.OK {
				lost -= max(s.ops[at].Amount, -s.ops[at].Amount)
			}
		}
		if !s.end.Valid || s.end.Int64 == value {
			s.saw(lost)
		}
	}
}

// counterDiffers wants the same range of lost increments, and as many unexplained
// steps as that many unknown increments would explain, and no fewer.
func counterDiffers(ops []history.Op, t truth) string {
	got := check.Counter(slices.Values(ops)).Counters
	if len(got) == 0 || !got[0].InitialKnown {
		return ""
	}
	explained := got[0].Unexplained == 0 && !slices.ContainsFunc(ops, func(op history.Op) bool {
		begin := got[0].Initial
		return op.Value.Valid && (op.Func == history.Increment && op.Value.Int64 <= begin || got[0].Final.Valid && got[0].Final.Int64 < begin)
	})
	switch {
	case t.possible() != explained:
		return fmt.Sprintf("unexplained %d", got[0].Unexplained)
	case t.possible() && got[0].Lost != t.lost:
		return fmt.Sprintf("lost %v", got[0].Lost)
	case got[0].Lost.Min < 0 || got[0].Lost.Max < got[0].Lost.Min || got[0].Lost.Max > got[0].Acknowledged:
		return fmt.Sprintf("lost %v", got[0].Lost)
	case (got[0].Duplicates > 0) != (len(got[0].Witnesses) > 0 && got[0].Witnesses[0].Anomaly == "P4 lost update"):
		return "duplicates without their witness, or the other way"
	}
	return ""
}

// A simulation knows what really became of each increment.
type simulation struct {
	ops  []history.Op
	lost int64
}

// simulate lets clients read the counter and write one more, each at moments
// of its own, as an application without a transaction does. Some answers are
// lost, some carry no value, and some increments are refused.
func simulate(rng *rand.Rand, clients, ops int, racy bool) simulation {
	type flight struct {
		parent int // the op whose value it read
		value  int64
	}
	var s simulation
	value, owner := int64(0), -1
	chain := map[int]int{}
	var flights []flight
	for started := 0; started < ops || len(flights) > 0; {
		if started < ops && len(flights) < clients && (racy || len(flights) == 0) && rng.IntN(2) == 0 {
			flights = append(flights, flight{owner, value})
			started++
		}
		if len(flights) == 0 || rng.IntN(2) == 0 {
			continue
		}
		i := rng.IntN(len(flights))
		f := flights[i]
		flights = slices.Delete(flights, i, i+1)
		op := history.Op{Index: len(s.ops), Func: history.Increment, Key: "k", Outcome: history.OK}
		switch rng.IntN(8) {
		case 0: // refused
			op.Outcome = history.Failed
			s.ops = append(s.ops, op)
			continue
		case 1: // did nothing, and nobody was told
			op.Outcome = history.Unknown
			s.ops = append(s.ops, op)
			continue
		case 2: // was done, and nobody was told
			op.Outcome = history.Unknown
		case 3: // was done, and told without the value
		default:
			op.Value = history.Some(f.value + 1)
		}
		chain[op.Index] = f.parent
		value, owner = f.value+1, op.Index
		s.ops = append(s.ops, op)
	}
	s.lost = offChain(s.ops, chain, owner)
	s.ops = append(s.ops, history.Op{Index: len(s.ops), Process: -1, Func: history.FinalRead, Key: "k",
		Value: history.Some(value), Outcome: history.OK})
	return s
}

// offChain counts the acknowledged increments that the last one does not rest on.
func offChain(ops []history.Op, parents map[int]int, last int) (lost int64) {
	kept := map[int]bool{}
	for at := last; at >= 0; at = parents[at] {
		kept[at] = true
	}
	for _, op := range ops {
		if op.Outcome == history.OK && !kept[op.Index] {
			lost++
		}
	}
	return lost
}

// No verdict on a counter whose true losses are known is ever wrong; and the
// races are there to be found.
func TestCounterNeverAccusesWrongly(t *testing.T) {
	found := map[string]int{}
	for seed := range uint64(4000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		racy := seed%2 == 0
		s := simulate(rng, 1+rng.IntN(4), 1+rng.IntN(30), racy)
		got := check.Counter(slices.Values(s.ops)).Counters[0]
		if s.lost < got.Lost.Min || s.lost > got.Lost.Max || got.Unexplained > 0 {
			t.Fatalf("seed %d: %d lost in truth, judged %+v", seed, s.lost, got)
		}
		if got.Verdict == check.Refuted && s.lost == 0 || got.Verdict == check.Holds && s.lost > 0 {
			t.Fatalf("seed %d: %d lost in truth, verdict %v", seed, s.lost, got.Verdict)
		}
		found[fmt.Sprintf("racy %v, %v", racy, got.Verdict)]++
	}
	if found["racy true, refuted"] < 1000 || found["racy false, refuted"] > 0 || found["racy false, holds"] == 0 {
		t.Errorf("verdicts: %v", found)
	}
	t.Log(found)
}
