package check_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"example.com/contend/check"
	"example.com/contend/history"
)

// A small is a history of one counter, small enough to try everything.
type small struct {
	initial int64
	told    []history.Value // by the acknowledged increments
	unknown int
	final   history.Value
}

func (s small) ops() []history.Op {
	ops := []history.Op{{Func: history.Reset, Key: "k", Value: history.Some(s.initial), Outcome: history.OK}}
	for _, v := range s.told {
		ops = append(ops, history.Op{Func: history.Increment, Key: "k", Value: v, Outcome: history.OK})
	}
	for range s.unknown {
		ops = append(ops, history.Op{Func: history.Increment, Key: "k"})
	}
	if s.final.Valid {
		ops = append(ops, history.Op{Func: history.FinalRead, Key: "k", Value: s.final, Outcome: history.OK})
	}
	return ops
}

const (
	notDone = -2 // an unknown increment that had no effect
	initial = -1 // an increment that read the initial value
)

// oracle tries every way in which the increments can have gone: each reads what
// some other one wrote, or the initial value, and writes one more; an unknown one
// may do nothing. In the end the counter is at what any of them wrote, or where
// it began. Every such tree can happen: all that read a value read it as soon as
// it is written, and write one after the other; and a file can go back.
// It returns the range of lost increments, and false where nothing explains the
// history.
func (s small) oracle() (lost check.Range, possible bool) {
	n := len(s.told) + s.unknown
	parents := make([]int, n)
	var try func(i int)
	try = func(i int) {
		if i == n {
			s.ends(parents, func(n int64) {
				if !possible {
					lost, possible = check.Exactly(n), true
				}
				lost.Min, lost.Max = min(lost.Min, n), max(lost.Max, n)
			})
			return
		}
		from := initial
		if i >= len(s.told) {
			from = notDone
		}
		for parents[i] = from; parents[i] < n; parents[i]++ {
			try(i + 1)
		}
	}
	try(0)
	return lost, possible
}

// ends calls lost with the number of lost increments for each end of one execution.
func (s small) ends(parents []int, lost func(int64)) {
	values := make([]int64, len(parents))
	for i := range parents {
		if parents[i] == notDone {
			continue
		}
		values[i] = s.initial
		steps := 0
		for at := i; at != initial; at = parents[at] {
			if at == notDone || steps > len(parents) {
				return // it read what nobody wrote, or what it wrote itself
			}
			values[i]++
			steps++
		}
		if i < len(s.told) && s.told[i].Valid && s.told[i].Int64 != values[i] {
			return
		}
	}
	if !s.final.Valid || s.final.Int64 == s.initial {
		lost(int64(len(s.told)))
	}
	for i := range parents {
		if parents[i] == notDone || s.final.Valid && s.final.Int64 != values[i] {
			continue
		}
		kept := 0
		for at := i; at != initial; at = parents[at] {
			if at < len(s.told) {
				kept++
			}
		}
		lost(int64(len(s.told) - kept))
	}
}

// compare judges s both ways.
func (s small) compare(t *testing.T) {
	t.Helper()
	got := check.Counter(slices.Values(s.ops())).Counters[0]
	want, possible := s.oracle()
	acked := int64(len(s.told))
	explained := got.Unexplained == 0 && !s.below()
	switch {
	case possible != explained:
		t.Fatalf("%+v: oracle says possible %v, judged %+v", s, possible, got)
	case possible && got.Lost != want:
		t.Fatalf("%+v: lost %v, oracle says %v", s, got.Lost, want)
	case got.Lost.Min < 0 || got.Lost.Max < got.Lost.Min || got.Lost.Max > acked:
		t.Fatalf("%+v: lost %v", s, got.Lost)
	case got.Verdict != wantVerdict(want, possible, s):
		t.Fatalf("%+v: verdict %v, oracle says possible %v, lost %v", s, got.Verdict, possible, want)
	case got.Verdict == check.Refuted && (got.Duplicates > 0) != (len(got.Witnesses) > 0 && len(got.Witnesses[0].Ops) == 2 && got.Witnesses[0].Anomaly == "P4 lost update"):
		t.Fatalf("%+v: duplicates without their witness, or the other way: %+v", s, got)
	}
	// As many unexplained steps as that many unknown increments would explain, and no fewer.
	if n := int(got.Unexplained); n > 0 && !s.below() && len(s.told)+s.unknown+n <= 5 {
		more := s
		more.unknown += n
		_, enough := more.oracle()
		more.unknown--
		if _, fewer := more.oracle(); !enough || fewer {
			t.Fatalf("%+v: unexplained %d; with so many unknown ones possible is %v, with one fewer %v", s, n, enough, fewer)
		}
	}
}

func (s small) below() bool {
	return s.final.Valid && s.final.Int64 < s.initial ||
		slices.ContainsFunc(s.told, func(v history.Value) bool { return v.Valid && v.Int64 <= s.initial })
}

func wantVerdict(lost check.Range, possible bool, s small) check.Verdict {
	switch {
	case !possible || lost.Min > 0:
		return check.Refuted
	case len(s.told) == 0 || !s.final.Valid || lost.Max > 0:
		return check.Inconclusive
	default:
		return check.Holds
	}
}

// optional returns no value for 0, then -1, 0, 1, …
func optional(n int) history.Value {
	if n == 0 {
		return history.Value{}
	}
	return history.Some(int64(n) - 2)
}

func TestCounterAgreesWithOracle(t *testing.T) {
	const values = 6 // none, -1 … 3
	cases := 0
	for acked := range 4 {
		told := make([]history.Value, acked)
		combinations := 1
		for range acked {
			combinations *= values
		}
		for combination := range combinations {
			for i := range told {
				told[i] = optional(combination % values)
				combination /= values
			}
			for final := range values + 1 {
				for unknown := range 2 {
					small{0, told, unknown, optional(final)}.compare(t)
					cases++
				}
			}
		}
	}
	t.Logf("%d histories judged", cases)
}

func FuzzCounterAgreesWithOracle(f *testing.F) {
	f.Add(int64(0), uint8(2), uint8(5), []byte{3, 3, 4})
	f.Add(int64(7), uint8(0), uint8(0), []byte{})
	f.Add(int64(-1), uint8(1), uint8(3), []byte{0, 0, 2, 3})
	f.Fuzz(func(t *testing.T, initial int64, unknown, final uint8, told []byte) {
		if initial < -1<<40 || initial > 1<<40 || len(told) > 5 || len(told)+int(unknown) > 5 {
			return
		}
		s := small{initial: initial, unknown: int(unknown)}
		place := func(n uint8) history.Value { // near the initial value
			v := optional(int(n % 9))
			v.Int64 += initial
			return v
		}
		for _, n := range told {
			s.told = append(s.told, place(n))
		}
		if s.final = place(final); !s.final.Valid {
			s.final = history.Value{}
		}
		s.compare(t)
	})
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
