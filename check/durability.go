package check

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"

	"example.com/contend/history"
)

// Survival is the judgement of [Durability] on a history.
type Survival struct {
	Verdict   Verdict `json:"verdict"`
	Reason    string  `json:"reason"` // one sentence, for people
	RowCounts         // in JSON: its fields

	Missing   int64     `json:"missing"`    // at least so many acknowledged rows were missing when they were counted after a crash
	LostAfter int64     `json:"lost_after"` // lost, with no crash after their acknowledgement
	Crashes   []Crash   `json:"crashes"`    // in the order in which they were made
	Witnesses []Witness `json:"witnesses"`  // a few of each anomaly, in the order of the history
}

// A Crash is one kill of a node.
type Crash struct {
	Node    string        `json:"node"`
	Killed  time.Duration `json:"killed"`  // ns since the start of the recording
	Serving time.Duration `json:"serving"` // ns; when the node served again
	Lost    int64         `json:"lost"`    // writes certainly lost for which this was the first crash after their acknowledgement

	op   history.Op
	tags int32 // that were seen before it
}

// Durability judges whether every acknowledged write of a history outlived the
// crashes in it. It judges the ops that [Set] reads as Set does; it also reads
// crashes, and the counts of all rows that the recorder made while no node ran.
//
// Such a count (a recovered op) that is smaller than the number of writes
// acknowledged before it proves a loss, whatever was found in the end: rows
// are never deleted, and others can only add to it. A count that is too large proves
// nothing. A write was acknowledged before it if both the order of the history and its times
// say so: one that returned at the very time at which the count began is concurrent
// with it, because a clock may be coarse. Each lost write is counted for the first
// crash that came after its acknowledgement, or at the same time. That does not prove
// which crash took it.
//
// Crashes that did not end ok are skipped. Without one that did the verdict is
// inconclusive, whatever was lost: nothing crashed. In all other cases the verdict is
// as sharp as that of Set.
func Durability(ops iter.Seq[history.Op]) Survival {
	s := survival{reading: reading{ids: map[string]int32{}}, crashes: []Crash{}}
	for op := range ops {
		s.add(&op)
	}
	s.sum()
	if !s.complete() {
		s.Lost.Min = min(s.Lost.Max, s.missing)
	}
	slices.SortStableFunc(s.crashes, func(a, b Crash) int { return cmp.Compare(a.Killed, b.Killed) })
	after := int64(0)
	for id, n := range s.lost {
		if c := s.crashAfter(id); c != nil {
			c.Lost += n
		} else {
			after += n
		}
	}
	verdict, reason := s.decide()
	judged := Survival{
		Verdict: verdict, Reason: reason, RowCounts: s.RowCounts,
		Missing: s.missing, LostAfter: after, Crashes: s.crashes, Witnesses: []Witness{},
	}
	if verdict != Refuted {
		return judged
	}
	if s.missing > 0 {
		judged.Witnesses = append(judged.Witnesses, Witness{"lost write", s.missingReason(), []history.Op{s.counted}})
	}
	for _, w := range s.lostWitnesses() {
		if c := s.crashAfter(s.ids[w.Ops[0].Key]); c != nil {
			w.Ops = slices.Insert(w.Ops, 1, c.op)
			w.Reason += fmt.Sprintf("; %q crashed after it", c.Node)
		}
		judged.Witnesses = append(judged.Witnesses, w)
	}
	judged.Witnesses = append(judged.Witnesses, s.beyondWitnesses()...)
	return judged
}

// A survival is a reading with crashes.
type survival struct {
	reading
	crashes  []Crash
	returned []time.Duration // of each acknowledged write
	missing  int64
	counted  history.Op // the recovered op that shows most missing
	before   int64      // writes acknowledged before it
}

func (s *survival) add(op *history.Op) {
	switch {
	case op.Func == history.Crash && op.Outcome == history.OK:
		s.crashes = append(s.crashes, Crash{
			Node: op.Key, Killed: op.Invoked, Serving: op.Returned, op: *op, tags: int32(len(s.tags)),
		})
	case op.Func == history.Recovered && op.Outcome == history.OK && op.Key == rowsKey && op.Value.Valid:
		before := int64(0)
		for _, returned := range s.returned {
			if returned < op.Invoked || returned == 0 && op.Invoked == 0 { // without times the order decides
				before++
			}
		}
		if missing := before - max(0, op.Value.Int64); missing > s.missing {
			s.missing, s.counted, s.before = missing, *op, before
		}
	default:
		if op.Func == history.Write && op.Outcome == history.OK {
			s.returned = append(s.returned, op.Returned)
		}
		s.reading.add(op)
	}
}

// crashAfter returns the first crash that may have come after the write of a tag was
// acknowledged: equal times do not prove that nothing crashed after it.
func (s *survival) crashAfter(id int32) *Crash {
	returned := s.ops.at(id).returned
	for i := range s.crashes {
		if c := &s.crashes[i]; id < c.tags && returned <= c.Killed {
			return c
		}
	}
	return nil
}

func (s *survival) decide() (Verdict, string) {
	verdict, reason := s.reading.decide()
	switch {
	case len(s.crashes) == 0:
		return Inconclusive, "nothing crashed"
	case s.missing > 0 && verdict != Refuted:
		verdict, reason = Refuted, s.missingReason()
	case s.missing > 0:
		reason += ", and " + s.missingReason()
	}
	if len(s.crashes) == 1 {
		return verdict, "1 crash: " + reason
	}
	return verdict, fmt.Sprintf("%d crashes: %s", len(s.crashes), reason)
}

func (s *survival) missingReason() string {
	return fmt.Sprintf("at least %d rows were missing after a crash: %d were counted, and %d writes had been acknowledged",
		s.missing, s.counted.Value.Int64, s.before)
}
