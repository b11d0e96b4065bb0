// Package experiment describes experiments as data, records what happens in
// their arms, and judges their claims by what was recorded.
//
// An [Experiment] asks one question. It is put in several arms, each a [Setup]
// under which the same claims are judged, because a claim that is true under
// one setting is false under another and the product's worth is saying which.
// The [Engine] turns a Setup into a [Recording]; a [Claim] turns a Recording
// into a [Finding] and touches nothing else, so that a stored recording can be
// judged again.
//
// Arms with one Setup share one Recording within a run, also across
// experiments: it is one event, seen through several claims.
package experiment

import (
	"fmt"

	"example.com/contend/check"
	"example.com/contend/internal/load"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// An Experiment asks one question of a running system.
type Experiment struct {
	Name     string // kebab-case; the name on the command line
	Question string // one sentence ending in a question mark
	Claims   []Claim
	Arms     []Arm
}

// An Arm is one setting under which an experiment runs, and what is expected there.
type Arm struct {
	Name   string                 // unique in the experiment: "separate/5000/WAL/burst"
	Setup  Setup                  // what is run
	Expect map[string]Expectation // by claim ID, one for every claim
}

// A Setup is everything that is decided before an arm runs. Setups are
// comparable, and equal ones are the same experiment.
type Setup struct {
	Nodes      int
	Discipline store.Discipline
	Load       load.Spec
	Workload   workload.Workload // of a comparable type
}

// A Claim is a falsifiable sentence and the check that could refute it.
type Claim struct {
	ID     string // stable: runs of different versions are compared by it
	Text   string // one sentence, in English
	TextJA string // the source's own sentence, where that is Japanese
	Source string // where it stands: "07_container_shared_filedb.md:131"
	Check  func(*Recording) Judgement
}

// A Judgement is what a claim's check makes of one recording.
type Judgement struct {
	Verdict  check.Verdict
	Measured string          // the figure that decided: "97 refused"
	Reason   string          // one sentence, for people
	Witness  []check.Witness // the fewest ops that prove it; may be empty
}

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

// Validate returns an error that names what is wrong with e. The catalogue's
// test calls it on every experiment.
func (e *Experiment) Validate() error {
	if e.Name == "" || e.Question == "" || len(e.Claims) == 0 || len(e.Arms) == 0 {
		return fmt.Errorf("experiment %q: want a name, a question, claims and arms", e.Name)
	}
	seen := map[string]bool{}
	for _, claim := range e.Claims {
		if claim.ID == "" || claim.Text == "" || claim.Source == "" || claim.Check == nil || seen[claim.ID] {
			return fmt.Errorf("claim %q: want an ID of its own, a text, a source and a check", claim.ID)
		}
		seen[claim.ID] = true
	}
	names := map[string]bool{}
	for _, arm := range e.Arms {
		if err := arm.validate(e.Claims); err != nil {
			return fmt.Errorf("arm %q: %w", arm.Name, err)
		}
		if names[arm.Name] {
			return fmt.Errorf("arm %q: listed twice", arm.Name)
		}
		names[arm.Name] = true
	}
	return nil
}

func (a *Arm) validate(claims []Claim) error {
	if a.Name == "" || a.Setup.Nodes < 1 || a.Setup.Workload == nil {
		return fmt.Errorf("want a name, nodes and a workload")
	}
	if err := a.Setup.Discipline.Validate(); err != nil {
		return err
	}
	if err := a.Setup.Load.Validate(); err != nil {
		return err
	}
	for _, claim := range claims {
		if _, ok := a.Expect[claim.ID]; !ok {
			return fmt.Errorf("expects nothing of claim %q, not even either", claim.ID)
		}
	}
	return nil
}
