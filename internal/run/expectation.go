package run

import (
	"fmt"

	"example.com/contend/check"
)

// An Expectation is what an arm says that a claim's verdict will be. The zero
// Expectation expects nothing: both verdicts have been seen, or the outcome
// hangs on the machine's timing, and neither is a surprise.
type Expectation uint8

const (
	Either Expectation = iota
	ExpectHolds
	ExpectRefuted
)

// String returns "either", "holds" or "refuted".
func (e Expectation) String() string {
	switch e {
	case ExpectHolds:
		return "holds"
	case ExpectRefuted:
		return "refuted"
	default:
		return "either"
	}
}

// MarshalText returns the expectation as in [Expectation.String].
func (e Expectation) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText accepts exactly what [Expectation.MarshalText] returns.
func (e *Expectation) UnmarshalText(text []byte) error {
	switch string(text) {
	case "either":
		*e = Either
	case "holds":
		*e = ExpectHolds
	case "refuted":
		*e = ExpectRefuted
	default:
		return fmt.Errorf("expectation %q is none of holds, refuted, either", text)
	}
	return nil
}

// Met reports whether v is no surprise. An inconclusive verdict surprises
// nobody: it is counted on its own.
func (e Expectation) Met(v check.Verdict) bool {
	switch {
	case v == check.Inconclusive || e == Either:
		return true
	case v == check.Holds:
		return e == ExpectHolds
	default:
		return e == ExpectRefuted
	}
}
