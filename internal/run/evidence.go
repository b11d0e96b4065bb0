package run

import "example.com/contend/internal/measure"

// Evidence is all that was recorded in one arm in one place: what a claim may look at.
type Evidence struct {
	Arm    string
	Place  string
	Trials []TrialEvidence // in the arm's order
}

// TrialEvidence is what was recorded of one trial: a recording for each repeat.
// Where the run was cut short there may be fewer than the arm asks for.
type TrialEvidence struct {
	Name       string
	Level      float64
	Setup      Setup
	Recordings []*Recording
}

// All yields every recording of the arm.
func (e *Evidence) All(yield func(*Recording) bool) {
	for i := range e.Trials {
		for _, r := range e.Trials[i].Recordings {
			if !yield(r) {
				return
			}
		}
	}
}

// Others returns the most that other programs took of the machine during one of the
// recordings, a share of 0 to 1; 0 where it is not known.
func (e *Evidence) Others() (most float64) {
	for r := range e.All {
		if r.Others != nil {
			most = max(most, *r.Others)
		}
	}
	return most
}

// Fast reports whether the storage under one of the recordings keeps what it is given as fast as
// memory does; false where that is not known. See [FastSync].
func (e *Evidence) Fast() bool {
	for r := range e.All {
		if r.SyncTime != nil && *r.SyncTime < FastSync {
			return true
		}
	}
	return false
}

// First returns the first recording of the arm, nil where there is none.
func (e *Evidence) First() *Recording {
	for r := range e.All {
		return r
	}
	return nil
}

// Trial returns the evidence of the trial called name, empty where there is none.
func (e *Evidence) Trial(name string) *TrialEvidence {
	for i := range e.Trials {
		if e.Trials[i].Name == name {
			return &e.Trials[i]
		}
	}
	return &TrialEvidence{Name: name}
}

// Spread returns how a figure of the trial spreads over its repeats.
func (t *TrialEvidence) Spread(of func(*Recording) (float64, bool)) measure.Spread {
	return measure.SpreadOf(t.Values(of))
}

// Values returns a figure of each repeat. It leaves out recordings that do not tell.
func (t *TrialEvidence) Values(of func(*Recording) (float64, bool)) (values []float64) {
	for _, r := range t.Recordings {
		if r.Told() {
			if v, ok := of(r); ok {
				values = append(values, v)
			}
		}
	}
	return values
}
