package experiment

import (
	"fmt"
	"slices"
	"strings"

	"example.com/contend/check"
	"example.com/contend/internal/run"
)

// A Take names a recording within a run: trials with one setup share it.
type Take struct {
	Setup  string // its key
	Repeat int    // from 1
	Place  string // its name
}

// Recordings are those of a run.
type Recordings map[Take]*run.Recording

// Of returns what was recorded of x, arm by arm and place by place. It leaves out an arm
// in a place where nothing was.
func (all Recordings) Of(x *Experiment, places []string) (evidence []run.Evidence) {
	for i := range x.Arms {
		arm := &x.Arms[i]
		for _, place := range places {
			e := run.Evidence{Arm: arm.Name, Place: place}
			any := false
			for k := range arm.Trials {
				trial := &arm.Trials[k]
				t := run.TrialEvidence{Name: trial.Name, Level: trial.Level, Setup: trial.Setup}
				key := trial.Setup.Key()
				for repeat := range arm.Times(trial) {
					if r := all[Take{key, repeat + 1, place}]; r != nil {
						t.Recordings = append(t.Recordings, r)
						any = true
					}
				}
				e.Trials = append(e.Trials, t)
			}
			if any {
				evidence = append(evidence, e)
			}
		}
	}
	return evidence
}

// Repeats of an arm in which a noisy figure is judged: at first, and where these did not decide.
const (
	firstLook  = 5
	secondLook = 10
)

// Grow adds what the evidence calls for and x does not have yet, and reports whether there was
// anything: the trials and repeats of [Experiment.Next], and another five repeats for an arm of five in which
// the interval of a figure has the claim's limit in it.
//
// Each look at a figure may err. Five repeats do so with a chance of 6.3 % and ten with one of
// 2.2 % ([measure.IntervalOf]), so that both together keep to [measure.Confident].
func (x *Experiment) Grow(evidence []run.Evidence) (grown bool) {
	var further map[string][]Trial
	if x.Next != nil {
		further = x.Next(evidence)
	}
	for i := range x.Arms {
		arm := &x.Arms[i]
		for _, trial := range further[arm.Name] {
			at := slices.IndexFunc(arm.Trials, func(have Trial) bool { return have.Name == trial.Name })
			switch {
			case at < 0:
				arm.Trials, grown = append(slices.Clip(arm.Trials), trial), true
			case arm.Trials[at].Repeats < trial.Repeats:
				arm.Trials = slices.Clone(arm.Trials)
				arm.Trials[at].Repeats, grown = trial.Repeats, true
			}
		}
		if arm.Repeats == firstLook && slices.ContainsFunc(evidence, func(e run.Evidence) bool { return e.Arm == arm.Name && x.straddles(arm, &e) }) {
			arm.Repeats, grown = secondLook, true
		}
	}
	return grown
}

// straddles reports whether an interval of e's has the limit in it of a claim that expects a verdict.
func (x *Experiment) straddles(arm *Arm, e *run.Evidence) bool {
	return slices.ContainsFunc(x.Claims, func(claim Claim) bool {
		expected, asked := arm.Expect[claim.ID]
		if !asked {
			return false
		}
		f := find(claim, expected, e)
		return f.Expected != run.Either && f.Noise && f.Interval != nil
	})
}

// Each returns a check that puts judge to every recording of an arm. A claim holds in the arm if it
// holds in every recording, and is refuted if it is refuted in every one; where repeats disagree,
// chance decides and the verdict is inconclusive.
func Each(judge func(*run.Recording) Judgement) func(*run.Evidence) Judgement {
	return func(e *run.Evidence) Judgement {
		var all []Judgement
		for r := range e.All {
			if r.Told() {
				all = append(all, judge(r))
			}
		}
		return agree(all)
	}
}

// Not returns the check of the denial of a claim.
func Not(check func(*run.Evidence) Judgement) func(*run.Evidence) Judgement {
	return func(e *run.Evidence) Judgement {
		j := check(e)
		j.Verdict = j.Verdict.Not()
		return j
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
