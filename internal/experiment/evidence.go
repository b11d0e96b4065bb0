package experiment

import (
	"fmt"
	"strings"

	"example.com/contend/check"
	"example.com/contend/internal/measure"
)

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

// Trial returns the evidence of the trial called name, empty where there is none.
func (e *Evidence) Trial(name string) *TrialEvidence {
	for i := range e.Trials {
		if e.Trials[i].Name == name {
			return &e.Trials[i]
		}
	}
	return &TrialEvidence{Name: name}
}

// Spread returns how a figure of the trial spreads over its repeats. It leaves
// out recordings that do not tell.
func (t *TrialEvidence) Spread(of func(*Recording) (float64, bool)) measure.Spread {
	var values []float64
	for _, r := range t.Recordings {
		if r.Told() {
			if v, ok := of(r); ok {
				values = append(values, v)
			}
		}
	}
	return measure.SpreadOf(values)
}

// Each returns a check that puts judge to every recording of an arm. A claim
// holds in the arm if it holds in every recording, and is refuted if it is
// refuted in every one; where repeats disagree, chance decides and the verdict
// is inconclusive.
func Each(judge func(*Recording) Judgement) func(*Evidence) Judgement {
	return func(e *Evidence) Judgement {
		var all []Judgement
		for r := range e.All {
			if r.Told() {
				all = append(all, judge(r))
			}
		}
		return agree(all)
	}
}

// agree puts the judgements on repeats together.
func agree(all []Judgement) Judgement {
	if len(all) == 0 {
		return Judgement{Reason: "nothing was recorded"}
	}
	if len(all) == 1 {
		return all[0]
	}
	first := all[0]
	count := map[check.Verdict]int{}
	var measured []string
	for _, j := range all {
		count[j.Verdict]++
		measured = append(measured, j.Measured)
		if len(first.Witness) == 0 {
			first.Witness = j.Witness
		}
	}
	first.Measured = strings.Join(measured, "; ")
	if count[first.Verdict] == len(all) {
		first.Reason = fmt.Sprintf("in each of %d repeats: %s", len(all), first.Measured)
		return first
	}
	first.Verdict, first.Noise = check.Inconclusive, true
	first.Reason = fmt.Sprintf("%d repeats disagree: holds in %d, refuted in %d, undecided in %d: %s",
		len(all), count[check.Holds], count[check.Refuted], count[check.Inconclusive], first.Measured)
	return first
}
