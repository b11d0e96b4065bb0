package experiment

import (
	"slices"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/api"
	"example.com/contend/internal/store"
)

// A Recording is what happened when a [Setup] was run: all that a claim may
// look at. It is stored in Dir, so that it can be judged again.
type Recording struct {
	Setup   Setup
	Dir     string       // relative to the run's directory; holds history.jsonl, the database and the logs
	Ops     []history.Op // by Invoked, the final reads behind them
	Unsent  int          // ops that were planned and not sent, because the run was cut short
	Dropped int          // open loop: arrivals that no client was free for
	Seconds float64      // from the first op to the last answer
	Facts   *store.Facts // of the database afterwards; nil where it could not be read
	Err     error        // why it could not be run to its end; the rest is what there is
}

// clientOps yields the ops that clients made, without the recorder's own.
func (r *Recording) clientOps(yield func(*history.Op) bool) {
	for i := range r.Ops {
		if r.Ops[i].Process >= 0 && !yield(&r.Ops[i]) {
			return
		}
	}
}

// Counts counts the clients' ops by outcome.
func (r *Recording) Counts() OpCounts {
	var n OpCounts
	for op := range r.clientOps {
		n.Total++
		switch op.Outcome {
		case history.OK:
			n.OK++
		case history.Failed:
			n.Failed++
		default:
			n.Unknown++
		}
	}
	return n
}

// undecided is how many ops could still have ended in any way: those whose
// outcome is unknown and those that were never sent.
func (r *Recording) undecided() int64 { return int64(r.Counts().Unknown + r.Unsent) }

// Succeeded is how many of the planned ops took effect, as far as is known.
func (r *Recording) Succeeded() check.Range {
	ok := int64(r.Counts().OK)
	return check.Range{Min: ok, Max: ok + r.undecided()}
}

// RefusedAtOnce is how many of the planned ops were refused with SQLITE_BUSY:
// without a wait, or long before the node's busy_timeout was over.
func (r *Recording) RefusedAtOnce() check.Range {
	var busy int64
	for op := range r.clientOps {
		if op.Code == api.CodeBusy {
			busy++
		}
	}
	return check.Range{Min: busy, Max: busy + r.undecided()}
}

// Codes counts the clients' ops that were not ok, by code and by SQLite's
// extended code, and the attempts that the nodes made for all of them.
func (r *Recording) Codes() (codes, extended map[string]int, attempts int) {
	codes, extended = map[string]int{}, map[string]int{}
	for op := range r.clientOps {
		attempts += op.Attempts
		if op.Code != "" {
			codes[op.Code]++
		}
		if op.Extended != "" {
			extended[op.Extended]++
		}
	}
	return codes, extended, attempts
}

// Counters judges the increments of the recording.
func (r *Recording) Counters() check.Counters { return check.Counter(slices.Values(r.Ops)) }

// Final is the sum of the counters after the load. Where the database could
// not be read it lies anywhere between nothing and all that was planned.
func (r *Recording) Final() check.Range {
	planned := int64(r.Counts().Total + r.Unsent)
	if r.Facts == nil {
		return check.Range{Max: planned}
	}
	var sum int64
	for _, key := range r.counterKeys() {
		sum += r.Facts.Counters[key]
	}
	return check.Range{Min: sum, Max: sum + int64(r.Unsent)}
}

// Lost is how many acknowledged increments are not in the final value.
func (r *Recording) Lost() check.Range {
	var lost check.Range
	for _, tally := range r.Counters().Counters {
		lost.Min += tally.Lost.Min
		lost.Max += tally.Lost.Max
	}
	return lost
}

// LostWitnesses are the fewest ops that prove a loss, a few of them.
func (r *Recording) LostWitnesses() []check.Witness {
	var witnesses []check.Witness
	for _, tally := range r.Counters().Counters {
		witnesses = append(witnesses, tally.Witnesses...)
	}
	return witnesses
}
