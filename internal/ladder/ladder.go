// Package ladder compares the ways to share data between nodes: from one SQLite
// file without patience, fix by fix, to a database server. Each is a rung.
//
// It is one experiment whose arms are the rungs, all on the same workload, the
// same disk and through the same balancer, and whose recordings take turns, so
// that what changes on the machine meets every rung. The highest rate at which the
// writes of a rung may arrive is searched for, so some of its trials follow from what
// was recorded. Figures and advice, the [run.Comparison], are a view of the evidence.
package ladder

import (
	"fmt"
	"slices"

	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
)

// A ladder is a comparison: what was asked for, and the rungs that it has.
type ladder struct {
	run.Ladder
	expect Expect
	rungs  []rung // in the order of the experiment's arms
}

// New returns the comparison that o asks for as an experiment. The error names the first
// option that cannot be.
func New(o run.Ladder) (experiment.Experiment, error) {
	expect, err := validate(o)
	if err != nil {
		return experiment.Experiment{}, err
	}
	l := &ladder{Ladder: o, expect: expect}
	for _, r := range rungs(o) {
		if wanted, err := experiment.Matches(o.Rungs, r.name); err != nil {
			return experiment.Experiment{}, fmt.Errorf("rung %w", err)
		} else if wanted {
			l.rungs = append(l.rungs, r)
		}
	}
	return l.experiment(), nil
}

// Names returns the rungs that there are under o, those that o leaves out too.
func Names(o run.Ladder) []string {
	var names []string
	for _, r := range rungs(o) {
		names = append(names, r.name)
	}
	return names
}

// Of returns the rungs that a server called name would have.
func Of(name string) []string {
	var names []string
	for _, r := range onServers(run.Ladder{Servers: []run.Server{{Name: name}}}) {
		names = append(names, r.name)
	}
	return names
}

// Wants reports whether a rung of the server called name matches one of the
// patterns, of which none means all.
func Wants(patterns []string, name string) bool {
	return slices.ContainsFunc(Of(name), func(rung string) bool {
		wanted, _ := experiment.Matches(patterns, rung) // New's error names a bad pattern
		return wanted
	})
}

// searched reports whether the rung's highest rate is worth knowing: rungs that
// lose what they acknowledge are not asked how fast they can do it, and mixed
// drivers are nobody's choice.
func (r *rung) searched() bool { return r.careful && r.drivers == nil }

// next returns the next step of each rung's search for its highest rate.
func (l *ladder) next(evidence []run.Evidence) map[string][]experiment.Trial {
	further := map[string][]experiment.Trial{}
	for i := range l.rungs {
		r := &l.rungs[i]
		e := evidenceOf(evidence, r.name)
		if e == nil || !r.searched() || l.Steps == 0 {
			continue
		}
		search := l.search(e)
		if rate, more := search.Next(); more {
			further[r.name] = []experiment.Trial{l.atRate(r, rate)}
		}
	}
	return further
}

// search returns the search of a rung as far as the evidence takes it: it begins with
// the throughput of clients who never rest, and saw the rates in the order in which they
// were recorded.
func (l *ladder) search(e *run.Evidence) (s Search) {
	var best float64
	for _, f := range figures(e) {
		if f.Workload == l.Workloads[0] {
			best = max(best, f.Rate)
		}
	}
	if best == 0 {
		return Search{}
	}
	s = NewSearch(best, l.Steps)
	for i := range e.Trials {
		for _, step := range l.rates(&e.Trials[i]) {
			s.Saw(step.Rate, step.Met)
		}
	}
	return s
}

// evidenceOf returns what was recorded in the arm called name; nil where nothing was.
func evidenceOf(all []run.Evidence, name string) *run.Evidence {
	for i := range all {
		if all[i].Arm == name {
			return &all[i]
		}
	}
	return nil
}
