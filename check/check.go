// Package check decides what a history proves.
//
// A checker is a pure function of ops: it reads no file and no clock. Ops whose
// outcome is unknown widen its answer to a [Range]; they never add to the blame.
// A checker that saw too little answers [Inconclusive], which is also the zero
// [Verdict], so that a check that was skipped, forgotten or cut short can never
// read as a pass.
//
// Each checker is one file, with its proof in the doc comment of its function:
// [Counter], [Stock], [Order], [Bank], [Set], [Durability]. Those that judge key by key
// share keyed.go; layout.go has the search of Stock. The tests compare each with an oracle,
// and the doc comments say where a checker leaves open what its oracle decides.
package check

import (
	"fmt"
	"slices"

	"example.com/contend/history"
)

// A Verdict is the answer to a claim.
type Verdict uint8

const (
	Inconclusive Verdict = iota // it could not be decided
	Holds                       // what was recorded agrees with the claim
	Refuted                     // what was recorded contradicts the claim
)

var verdicts = []string{"inconclusive", "holds", "refuted"}

// String returns "inconclusive", "holds" or "refuted".
func (v Verdict) String() string {
	if v > Refuted {
		return verdicts[Inconclusive]
	}
	return verdicts[v]
}

// MarshalText returns the verdict as in [Verdict.String].
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText accepts exactly what [Verdict.MarshalText] returns.
func (v *Verdict) UnmarshalText(text []byte) error {
	i := slices.Index(verdicts, string(text))
	if i < 0 {
		return fmt.Errorf("verdict %q is none of holds, refuted, inconclusive", text)
	}
	*v = Verdict(i)
	return nil
}

// Merge returns the verdict on a claim that must hold in both parts: refuted
// wins over inconclusive, inconclusive over holds.
func Merge(a, b Verdict) Verdict {
	switch {
	case a == Refuted || b == Refuted:
		return Refuted
	case a == Inconclusive || b == Inconclusive:
		return Inconclusive
	}
	return Holds
}

// Not returns the verdict on the denial of a claim.
func (v Verdict) Not() Verdict {
	switch v {
	case Holds:
		return Refuted
	case Refuted:
		return Holds
	}
	return Inconclusive
}

// A Witness is the fewest ops that prove an anomaly, for a person to look at.
type Witness struct {
	Anomaly string       `json:"anomaly"` // by its name in the literature: "P4 lost update"
	Reason  string       `json:"reason"`  // one sentence: what cannot be
	Ops     []history.Op `json:"ops"`     // in the order in which they returned; a line of history.jsonl each
}

// maxExamples is how many witnesses of one anomaly are shown.
const maxExamples = 3

// A Range is what is known of a count when some ops are unknown: it lies
// between Min and Max, both included.
type Range struct {
	Min int64 `json:"min"`
	Max int64 `json:"max"`
}

// Exactly returns the range that holds only n.
func Exactly(n int64) Range { return Range{Min: n, Max: n} }

// String returns "7", or "7–9" where the count is not known exactly.
func (r Range) String() string {
	if r.Min == r.Max {
		return fmt.Sprint(r.Min)
	}
	return fmt.Sprintf("%d–%d", r.Min, r.Max)
}

// Above judges the claim "the count is greater than limit".
func (r Range) Above(limit int64) Verdict {
	switch {
	case r.Min > limit:
		return Holds
	case r.Max <= limit:
		return Refuted
	}
	return Inconclusive
}

// Below judges the claim "the count is less than limit".
func (r Range) Below(limit int64) Verdict { return r.Above(limit - 1).Not() }
