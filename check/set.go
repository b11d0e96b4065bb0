package check

import (
	"fmt"
	"iter"
	"strings"

	"example.com/contend/history"
)

// Rows is the judgement of [Set] on a history.
type Rows struct {
	Verdict   Verdict   `json:"verdict"`
	Reason    string    `json:"reason"` // one sentence, for people
	RowCounts           // in JSON: its fields
	Witnesses []Witness `json:"witnesses"` // a few of each anomaly, in the order of the history
}

// Set judges whether the row of every acknowledged write of a history is there
// in the end, exactly once. It reads writes, which insert one row with a tag
// that no other has, and the final rows that the recorder found, and passes
// over all other ops.
//
// A final read of the key "data" closes the reading: it says how many rows were
// found, none included. Without it an absent row proves nothing, and neither
// does one whose write was acknowledged after the reading had begun. Rows that
// cannot be there refute the claim all the same: those of a failed write, those
// that were found more often than they were written, and those that nobody
// wrote. Where the closing read and the rows do not agree, nothing is decided.
//
// The row of an unknown write may be there or not. Where several writes share a
// tag, as many rows as were acknowledged must be there, and at most as many
// more as are unknown; which of them is lost may then be left open.
func Set(ops iter.Seq[history.Op]) Rows {
	r := newReading()
	for op := range ops {
		r.add(&op)
	}
	r.sum()
	verdict, reason := r.decide()
	rows := Rows{Verdict: verdict, Reason: reason, RowCounts: r.RowCounts, Witnesses: []Witness{}}
	if verdict == Refuted {
		rows.Witnesses = append(r.lostWitnesses(), r.beyondWitnesses()...)
	}
	return rows
}

// decide returns the verdict and its reason.
func (r *reading) decide() (Verdict, string) {
	complaints := r.complaints()
	switch {
	case r.late:
		return Inconclusive, "nothing can be said: rows were recorded after the final read had closed the reading"
	case r.contradicts():
		return Inconclusive, fmt.Sprintf("nothing can be said: the final read counted %d rows, and %d were recorded",
			r.closing.Value.Int64, r.rows)
	case len(complaints) > 0:
		return Refuted, strings.Join(complaints, ", and ")
	case r.Acknowledged == 0:
		return Inconclusive, fmt.Sprintf("no write was acknowledged, so none could be lost (%d failed, %d unknown)", r.Failed, r.Unknown)
	case !r.closed:
		return Inconclusive, fmt.Sprintf("the final reading is not closed by a count: %d rows were recorded, and there may be more", r.rows)
	case r.early:
		return Inconclusive, "the final rows were read before the last acknowledged write had returned"
	case r.Lost.Max > 0:
		return Inconclusive, fmt.Sprintf("lost %s of %d acknowledged writes: several share a tag, and the rows do not tell whose they are",
			r.Lost, r.Acknowledged)
	default:
		return Holds, fmt.Sprintf("the rows of all %d acknowledged writes are there, once each%s", r.Acknowledged, r.andRecovered())
	}
}

func (r *reading) andRecovered() string {
	if r.Recovered == 0 {
		return ""
	}
	return fmt.Sprintf("; so are %d of %d that ended unknown", r.Recovered, r.Unknown)
}

// complaints says what refutes the claim, in clauses.
func (r *reading) complaints() []string {
	var all []string
	if r.complete() && r.Lost.Min > 0 {
		all = append(all, fmt.Sprintf("lost %s of %d acknowledged writes: the %d rows found in the end are without them",
			r.Lost, r.Acknowledged, r.rows))
	}
	for _, c := range []struct {
		n    int64
		what string
	}{
		{r.Resurrected, "of writes that had failed"},
		{r.Duplicated, "more often than they were written"},
		{r.Unexpected, "that nobody wrote"},
	} {
		if c.n > 0 {
			all = append(all, fmt.Sprintf("rows were found %s: %d", c.what, c.n))
		}
	}
	return all
}

// maxExamples is how many witnesses of one anomaly are shown.
const maxExamples = 3

func (r *reading) lostWitnesses() []Witness {
	witnesses := []Witness{}
	for id := range r.lost {
		witnesses = append(witnesses, Witness{
			Anomaly: "lost write",
			Reason:  fmt.Sprintf("the write of %q was acknowledged, and its row is not there", r.tags[id].name),
			Ops:     []history.Op{r.ops.op(r.tags[id].name, id), r.closing},
		})
		if len(witnesses) == maxExamples {
			break
		}
	}
	return witnesses
}

// beyondWitnesses shows rows that cannot be there, each with its write.
func (r *reading) beyondWitnesses() []Witness {
	if r.contradicts() {
		return nil
	}
	var witnesses []Witness
	shown := map[string]int{}
	seen := map[int32]int32{} // rows of a tag that were gone through
	for i, id := range r.beyondIDs {
		t := &r.tags[id]
		excess := t.rows - t.acked - t.unknown
		if seen[id]++; seen[id] > excess {
			continue // a write came after the row, and accounts for it
		}
		w := Witness{Ops: []history.Op{r.ops.op(t.name, id), r.beyond.op(t.name, int32(i))}}
		switch {
		case t.writes() == 0:
			w.Anomaly, w.Reason = "unexpected row", fmt.Sprintf("a row %q was found, and nobody wrote it", t.name)
			w.Ops = w.Ops[1:]
		case seen[id] <= t.failed:
			w.Anomaly, w.Reason = "resurrected write", fmt.Sprintf("the write of %q failed, and its row is there", t.name)
		default:
			w.Anomaly, w.Reason = "duplicated row", fmt.Sprintf("the row %q was found %d times; the last op shown is one too many", t.name, t.rows)
		}
		if shown[w.Anomaly]++; shown[w.Anomaly] <= maxExamples {
			witnesses = append(witnesses, w)
		}
	}
	return witnesses
}
