package check

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"example.com/contend/history"
)

// Rows is the judgement of [Set] on a history.
type Rows struct {
	Verdict   Verdict   `json:"verdict"`
	Reason    string    `json:"reason"` // one sentence, for people
	RowCounts           // in JSON: its fields
	Witnesses []Witness `json:"witnesses"` // a few of each anomaly, in the order of the history
}

// RowCounts is what a history says of the rows that its writes inserted. Of
// the rows that were found, each is counted once: under Present, Recovered,
// Resurrected, Duplicated or Unexpected.
type RowCounts struct {
	Acknowledged int64 `json:"acknowledged"` // writes that ended ok
	Failed       int64 `json:"failed"`
	Unknown      int64 `json:"unknown"`

	Found       history.Value `json:"found"`       // rows that the final reading found; null where there is none to trust
	Present     int64         `json:"present"`     // rows of acknowledged writes
	Lost        Range         `json:"lost"`        // acknowledged writes whose row is absent
	Recovered   int64         `json:"recovered"`   // rows of unknown writes: committed without an acknowledgement
	Resurrected int64         `json:"resurrected"` // rows of failed writes
	Duplicated  int64         `json:"duplicated"`  // rows of a tag beyond as many as were written with it
	Unexpected  int64         `json:"unexpected"`  // rows with a tag that nobody wrote
}

// Set judges whether the row of every acknowledged write of a history is there
// in the end, exactly once. It reads writes, which insert one row with a tag
// that no other has, and the final rows that the recorder found, and skips all
// other ops.
//
// A final read of the key "data" closes the reading: it says how many rows were
// found, none included. Without it an absent row proves nothing. Neither does any
// where one write was acknowledged after the reading had begun, though others may have
// been acknowledged before: that is where Set leaves open what could be decided. Rows that
// cannot be there refute the claim all the same: those of a failed write, those
// that were found more often than they were written, and those that nobody
// wrote. Where the closing read and the rows do not agree, nothing is decided.
//
// The row of an unknown write may be there or not. Where several writes share a
// tag, as many rows as were acknowledged must be there, and at most as many
// more as are unknown; which of them is lost may then be left open.
func Set(ops iter.Seq[history.Op]) Rows {
	r := reading{ids: map[string]int32{}}
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

// rowsKey is the key of the ops that count all rows: a final read, a recovered.
const rowsKey = "data"

// A tag counts the writes and the rows that have it. There should be one write.
type tag struct {
	name                         string
	acked, unknown, failed, rows int32
}

func (t *tag) writes() int32 { return t.acked + t.unknown + t.failed }

// A reading holds what a history says of writes and rows.
type reading struct {
	RowCounts
	ids          map[string]int32 // by name: the position in tags and ops
	tags         []tag
	ops          receipts // of each tag its first acknowledged write, or else its first op
	beyond       receipts // rows that no write seen before accounts for
	beyondIDs    []int32
	rows         int64
	closing      history.Op // the final read of rowsKey
	closed       bool
	early        bool // a write was acknowledged after the reading had begun
	late         bool // a row was found after it had ended
	lastReturned time.Duration
}

func (r *reading) add(op *history.Op) {
	switch {
	case op.Func == history.Write:
		r.addWrite(op)
	case op.Outcome != history.OK: // it found nothing
	case op.Func == history.FinalRow:
		id := r.id(op)
		t := &r.tags[id]
		r.rows++
		if t.rows++; t.rows > t.acked+t.unknown {
			r.beyond.add(op)
			r.beyondIDs = append(r.beyondIDs, id)
		}
		r.late = r.late || r.closed
		r.early = r.early || op.Invoked < r.lastReturned
	case op.Func == history.FinalRead && op.Key == rowsKey && op.Value.Valid:
		r.closing, r.closed = *op, true
		r.early = r.early || op.Invoked < r.lastReturned
	}
}

func (r *reading) addWrite(op *history.Op) {
	id := r.id(op)
	t := &r.tags[id]
	if t.writes() == 0 || t.acked == 0 && op.Outcome == history.OK {
		r.ops.set(id, op)
	}
	switch op.Outcome {
	case history.OK:
		r.Acknowledged++
		t.acked++
		r.lastReturned = max(r.lastReturned, op.Returned)
		r.early = r.early || r.closed || r.rows > 0
	case history.Failed:
		r.Failed++
		t.failed++
	default:
		r.Unknown++
		t.unknown++
	}
}

// id returns the position of op's tag, a new one at first sight.
func (r *reading) id(op *history.Op) int32 {
	id, ok := r.ids[op.Key]
	if !ok {
		id = int32(len(r.tags))
		r.ids[op.Key] = id
		r.tags = append(r.tags, tag{name: op.Key})
		r.ops.add(op)
	}
	return id
}

// contradicts reports whether the reading does not agree with itself.
func (r *reading) contradicts() bool {
	return r.closed && (r.late || r.closing.Value.Int64 != r.rows)
}

// complete reports whether a row that is not there was lost.
func (r *reading) complete() bool { return r.closed && !r.early && !r.contradicts() }

// sum fills in the counts of rows, once all ops have come by. It gives the rows
// of a tag to its acknowledged writes first, then to the unknown and the failed
// ones. Where several writes have one tag, an absent row may be that of any.
func (r *reading) sum() {
	for i := range r.tags {
		t := &r.tags[i]
		present := min(t.rows, t.acked)
		recovered := min(t.rows-present, t.unknown)
		resurrected := min(t.rows-present-recovered, t.failed)
		rest := int64(t.rows - present - recovered - resurrected)
		r.Present += int64(present)
		r.Recovered += int64(recovered)
		r.Resurrected += int64(resurrected)
		if t.writes() > 0 {
			r.Duplicated += rest
		} else {
			r.Unexpected += rest
		}
		r.Lost.Min += int64(t.acked - present)
		r.Lost.Max += int64(t.acked - min(t.acked, max(0, t.rows-t.unknown)))
	}
	if r.complete() {
		r.Found = r.closing.Value
	} else {
		r.Lost.Min = 0
	}
}

// lost yields the tags that certainly lost a row, in the order in which they
// were written, and how many.
func (r *reading) lost(yield func(id int32, n int64) bool) {
	if !r.complete() {
		return
	}
	for id := range r.tags {
		t := &r.tags[id]
		if n := t.acked - t.rows; n > 0 && !yield(int32(id), int64(n)) {
			return
		}
	}
}

// decide returns the verdict and its reason.
func (r *reading) decide() (Verdict, string) {
	var complaints []string // what refutes the claim, in clauses
	if r.complete() && r.Lost.Min > 0 {
		complaints = append(complaints, fmt.Sprintf("lost %s of %d acknowledged writes: they are not among the rows found at the end (%d)",
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
			complaints = append(complaints, fmt.Sprintf("rows were found %s: %d", c.what, c.n))
		}
	}
	switch {
	case r.late:
		return Inconclusive, "the history cannot be judged: rows were recorded after the final read"
	case r.contradicts():
		return Inconclusive, fmt.Sprintf("the history cannot be judged: the final read counted %d rows, and %d were recorded",
			r.closing.Value.Int64, r.rows)
	case len(complaints) > 0:
		return Refuted, strings.Join(complaints, ", and ")
	case r.Acknowledged == 0:
		return Inconclusive, fmt.Sprintf("no write was acknowledged, so none could be lost (%d failed, %d unknown)", r.Failed, r.Unknown)
	case !r.closed:
		return Inconclusive, fmt.Sprintf("no final read counted the rows: %d were recorded, and there may be more", r.rows)
	case r.early:
		return Inconclusive, "the final rows were read before the last acknowledged write had returned"
	case r.Lost.Max > 0:
		return Inconclusive, fmt.Sprintf("lost %s of %d acknowledged writes: several share a tag, and the rows do not tell whose they are",
			r.Lost, r.Acknowledged)
	}
	reason := fmt.Sprintf("the rows of all %d acknowledged writes are there, once each", r.Acknowledged)
	if r.Recovered > 0 {
		reason += fmt.Sprintf("; so are %d of %d that ended unknown", r.Recovered, r.Unknown)
	}
	return Holds, reason
}

// lostWitnesses shows writes whose rows are certainly lost.
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
