package check

import (
	"time"

	"example.com/contend/history"
)

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
	Recovered   int64         `json:"recovered"`   // rows of unknown writes: committed, and nobody was told
	Resurrected int64         `json:"resurrected"` // rows of failed writes
	Duplicated  int64         `json:"duplicated"`  // rows of a tag beyond as many as were written with it
	Unexpected  int64         `json:"unexpected"`  // rows with a tag that nobody wrote
}

// rowsKey is the key of the ops that count all rows: a final read, a recovered.
const rowsKey = "data"

// A tag counts the writes and the rows that have it. There should be one write.
type tag struct {
	name                         string
	acked, unknown, failed, rows int32
}

func (t *tag) writes() int32 { return t.acked + t.unknown + t.failed }

// A reading gathers the writes and the rows of a history as they come by.
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

func newReading() *reading { return &reading{ids: map[string]int32{}} }

func (r *reading) add(op *history.Op) {
	switch {
	case op.Func == history.Write:
		r.addWrite(op)
	case op.Outcome != history.OK: // it found nothing
	case op.Func == history.FinalRow:
		r.addRow(op)
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

func (r *reading) addRow(op *history.Op) {
	id := r.id(op)
	t := &r.tags[id]
	r.rows++
	if t.rows++; t.rows > t.acked+t.unknown {
		r.beyond.add(op)
		r.beyondIDs = append(r.beyondIDs, id)
	}
	r.late = r.late || r.closed
	r.early = r.early || op.Invoked < r.lastReturned
}

// id returns the position of the tag of op, which it gives one at first sight.
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

// sum fills in the counts of rows, once all ops have come by.
func (r *reading) sum() {
	for i := range r.tags {
		r.sumTag(&r.tags[i])
	}
	if r.complete() {
		r.Found = r.closing.Value
	} else {
		r.Lost.Min = 0
	}
}

// sumTag gives the rows of one tag to its acknowledged writes first, then to
// the unknown and the failed ones. Where several writes have one tag, an absent
// row may be that of any.
func (r *reading) sumTag(t *tag) {
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
