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
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/contend/internal/experiment"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/units"
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
		if wanted, _ := experiment.Matches(o.Rungs, r.name); wanted { // validate found the bad patterns
			l.rungs = append(l.rungs, r)
		}
	}
	return l.experiment(), nil
}

// Of returns the rungs that a server called name would have.
func Of(name string) []string {
	return namesOf(onServers(run.Ladder{Servers: []run.Server{{Name: name}}}))
}

// Names returns every rung that there can be.
func Names() []string {
	names := namesOf(onFile(run.Ladder{Mixed: []string{store.Modernc, store.Modernc}}))
	for _, server := range []string{Postgres, Given, Rqlite} {
		names = append(names, Of(server)...)
	}
	return names
}

func namesOf(rungs []rung) (names []string) {
	for _, r := range rungs {
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

// WantsFile reports whether a rung whose nodes share a file matches one of the patterns, of
// which none means all.
func WantsFile(patterns []string) bool {
	drivers := []string{store.Modernc, store.Modernc} // with mixed drivers, too
	return slices.ContainsFunc(onFile(run.Ladder{Mixed: drivers}), func(r rung) bool {
		wanted, _ := experiment.Matches(patterns, r.name) // New's error names a bad pattern
		return wanted
	})
}

// rung returns the rung called name, which there is.
func (l *ladder) rung(name string) *rung {
	return first(l.rungs, func(r *rung) bool { return r.name == name })
}

// searched reports whether the rung's highest rate is worth knowing: rungs that lose what they
// acknowledge are not asked how fast they can do it, and mixed drivers are nobody's choice.
func (r *rung) searched() bool { return r.careful && r.drivers == nil }

// next returns the next step of each search for a pool and, when all pools are found, the trials
// of each rung and the next step of its search for the highest rate; at last, the loads that decide
// which rung is enough.
func (l *ladder) next(evidence []run.Evidence) map[string][]experiment.Trial {
	further := map[string][]experiment.Trial{}
	of := func(r *rung) *run.Evidence {
		return first(evidence, func(e *run.Evidence) bool { return e.Arm == r.name })
	}
	for i := range l.rungs {
		r := &l.rungs[i]
		for _, name := range l.Workloads {
			if _, size := l.pool(r, name, of(r)).next(); size > 0 {
				further[r.name] = append(further[r.name], l.poolTrial(r, name, size))
			}
		}
	}
	if len(further) > 0 {
		return further
	}
	for i := range l.rungs {
		r, e := &l.rungs[i], of(&l.rungs[i])
		further[r.name] = l.trials(r, e)
		if e == nil || !r.searched() || l.Steps == 0 {
			continue
		}
		search := l.search(r, e)
		if rate, loads := search.next(); loads > 0 {
			further[r.name] = append(further[r.name], l.atRate(r, rate, e, loads))
		}
	}
	l.decide(evidence, further)
	return further
}

// Loads at the rate that is asked about, on the rung that may be enough: the fewest that have an interval, and where
// these disagree as many again, as [experiment.Experiment.Grow] does with figures.
const (
	firstLook  = 5
	secondLook = 10
)

// decide asks for more loads at the rate that is asked about, on the first rung that may be enough: so
// that the answer of a short comparison is sure, too, at a price that is bounded.
func (l *ladder) decide(evidence []run.Evidence, next map[string][]experiment.Trial) {
	if l.Rate == 0 {
		return
	}
	for i := range l.rungs { // those on SQLite come first
		r := &l.rungs[i]
		e := first(evidence, func(e *run.Evidence) bool { return e.Arm == r.name })
		if !r.searched() || e == nil {
			continue
		}
		asked := first(e.Trials, func(t *run.TrialEvidence) bool { return isArrivals(&t.Setup) && t.Setup.Load.Rate == l.Rate })
		if asked == nil || len(asked.Recordings) == 0 { // its first load comes first
			return
		}
		c := l.count(asked)
		switch failed := slices.ContainsFunc(asked.Recordings, func(r *run.Recording) bool { return r.Err != "" }); {
		case failed || c.sure() && !c.leans():
		case !c.sure() && c.loads < firstLook:
			next[r.name] = append(next[r.name], l.atRate(r, l.Rate, e, firstLook))
			return
		case !c.sure() && c.loads < secondLook:
			next[r.name] = append(next[r.name], l.atRate(r, l.Rate, e, secondLook))
			return
		case c.sure():
			return
		}
	}
}

// search returns the search of a rung as far as the evidence takes it: it begins with the
// throughput of a closed loop when the rate that is asked about is known. Before, it is over.
func (l *ladder) search(r *rung, e *run.Evidence) search {
	var best float64
	for _, t := range l.loops(r, e) {
		for _, rec := range t.Recordings {
			if jobOf(&t.Setup) == l.Workloads[0] {
				best = max(best, measure.Throughput(rec.ClientOps()))
			}
		}
	}
	s := newSearch(best, l.Steps, max(l.Repeats, 1))
	s.free = l.Rate
	for i := range e.Trials {
		if t := &e.Trials[i]; isArrivals(&t.Setup) && len(t.Recordings) > 0 {
			s.seen[t.Setup.Load.Rate] = l.count(t)
		}
	}
	if best == 0 || l.Rate > 0 && len(s.seen) == 0 {
		return search{}
	}
	return s
}

// The most that a comparison can be told.
const (
	maxNodes   = 16
	maxClients = 2000
	maxLevels  = 50 // numbers of clients
	maxRate    = 50_000
	maxSteps   = 20
	maxRepeats = 20
	maxPool    = 64 // of each of several nodes, and SQLite's open files and a server's processes are bounded
)

// validate returns o's Expect, and an error that names the first option that cannot be.
func validate(o run.Ladder) (expect Expect, err error) {
	switch {
	case o.Nodes < 2 || o.Nodes > maxNodes:
		return expect, fmt.Errorf("nodes: want 2 to %d, have %d", maxNodes, o.Nodes)
	case o.Think < 0 || o.Think > 1000:
		return expect, fmt.Errorf("think: want 0 to 1000 ms, have %d", o.Think)
	case o.Lasts < 100*time.Millisecond || o.Lasts > time.Minute:
		return expect, fmt.Errorf("for: want 100ms to 1m, have %s", o.Lasts)
	case !(o.Rate >= 0 && o.Rate <= maxRate):
		return expect, fmt.Errorf("rate: want 0 to %d a second, have %g", maxRate, o.Rate)
	case len(o.Pools) == 1 && (o.Pools[0] < 1 || o.Pools[0] > maxPool):
		return expect, fmt.Errorf("pool: want 1 to %d, have %d", maxPool, o.Pools[0])
	case o.Repeats < 0 || o.Repeats > maxRepeats:
		return expect, fmt.Errorf("repeats: want 1 to %d, have %d", maxRepeats, o.Repeats)
	case o.Steps < 0 || o.Steps > maxSteps:
		return expect, fmt.Errorf("steps: want 0 to %d, have %d", maxSteps, o.Steps)
	}
	if store.Green().With(o.Driver).Engine() != store.SQLite {
		return expect, fmt.Errorf("driver: %q is none of SQLite's", o.Driver)
	}
	if expect, err = ParseExpect(o.Expect); err != nil {
		return expect, err
	}
	if err := validateLoads(o); err != nil {
		return expect, err
	}
	// Every pattern has to match a rung of this run, or one that would be there if its server were.
	known := namesOf(onFile(o))
	for _, name := range []string{Postgres, Given, Rqlite} {
		known = append(known, Of(name)...)
	}
	pattern, err := experiment.Unmatched(o.Rungs, known)
	switch {
	case err != nil:
		return expect, fmt.Errorf("rung %w", err)
	case pattern != "":
		return expect, fmt.Errorf("rung %q is none of %s%s", pattern, strings.Join(known, ", "), units.Like(pattern, known))
	}
	return expect, nil
}

func validateLoads(o run.Ladder) error {
	if len(o.Workloads) == 0 || len(o.Clients) == 0 {
		return errors.New("want at least one workload and one number of clients")
	}
	if len(o.Clients) > maxLevels {
		return fmt.Errorf("clients: want at most %d numbers, have %d", maxLevels, len(o.Clients))
	}
	for i, name := range o.Workloads {
		if !slices.Contains(Workloads(), name) {
			return fmt.Errorf("workload %q is none of %s%s", name, strings.Join(Workloads(), ", "), units.Like(name, Workloads()))
		}
		if slices.Contains(o.Workloads[:i], name) {
			return fmt.Errorf("workload %q: listed twice", name)
		}
	}
	for i, n := range o.Clients {
		if n < 1 || n > maxClients || i > 0 && n <= o.Clients[i-1] {
			return fmt.Errorf("clients: want numbers from 1 to %d, each greater than the one before, have %d", maxClients, n)
		}
	}
	return nil
}
