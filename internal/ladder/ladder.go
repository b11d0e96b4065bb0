// Package ladder compares the ways to share data between nodes: from one SQLite
// file without patience, fix by fix, to a database server. Each is a rung.
//
// It is one experiment whose arms are the rungs, all on the same workload, the
// same disk and through the same balancer, and whose recordings take turns, so
// that what changes on the machine meets every rung. Two things go beyond other
// experiments. How fast the writes of a rung may arrive is searched for, so its
// trials follow from what was recorded. And what all of it comes to is a
// [experiment.Comparison]: figures, and advice that rests on them.
package ladder

import (
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"example.com/contend/internal/experiment"
	"example.com/contend/internal/store"
)

// Options are what a comparison can be told.
type Options struct {
	Nodes     int
	Driver    string             // of SQLite, for all rungs on a file but the mixed one
	Mixed     []string           // the drivers of the mixed one; fewer than two: there is none
	Think     store.Milliseconds // between the read and the write
	Servers   []Server           // what the other rungs run on
	Rungs     []string           // patterns of package path, part by part; none: all
	Workloads []string           // by name, see Workloads; the first is the one that rates are searched for
	Clients   []int              // who never rest, in rising order
	Lasts     time.Duration      // how long each load does
	Rate      float64            // writes a second that are asked about; 0: none
	Steps     int                // of the search for the highest rate; 0: it is not searched for
	Expect    Expect             // what is good enough
	Quick     bool               // kill fewer
}

// A Server is a database server, or a cluster of them, that rungs run on.
type Server struct {
	Name  string // one of Postgres, Given and Rqlite
	Label string // for people: "PostgreSQL"
	Given bool   // somebody else started it, so it cannot be killed
}

// mixedDrivers are the drivers of the mixed rung as a setup has them.
func (o Options) mixedDrivers() string {
	if len(o.Mixed) < 2 {
		return ""
	}
	return strings.Join(o.Mixed, ",")
}

// A Ladder is a comparison to be run. Make one with New.
type Ladder struct {
	Experiment experiment.Experiment
	options    Options
	rungs      []rung             // in the order of the experiment's arms
	searches   map[string]*Search // by rung
}

// New returns the comparison that o asks for, and an error that names the first
// option that cannot be.
func New(o Options) (*Ladder, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	l := &Ladder{options: o, searches: map[string]*Search{}}
	for _, r := range rungs(o) {
		if wanted, err := matches(o.Rungs, r.name); err != nil {
			return nil, err
		} else if wanted {
			l.rungs = append(l.rungs, r)
		}
	}
	l.Experiment = l.experiment()
	return l, nil
}

// Names returns the rungs that there are under o, those that o leaves out too.
func Names(o Options) []string {
	var names []string
	for _, r := range rungs(o) {
		names = append(names, r.name)
	}
	return names
}

// Of returns the rungs that a server called name would have.
func Of(name string) []string {
	var names []string
	for _, r := range onServers(Options{Servers: []Server{{Name: name}}}) {
		names = append(names, r.name)
	}
	return names
}

// Wants reports whether a rung of the server called name matches one of the
// patterns, of which none means all.
func Wants(patterns []string, name string) bool {
	return slices.ContainsFunc(Of(name), func(rung string) bool {
		wanted, _ := matches(patterns, rung) // a bad pattern is New's to tell of
		return wanted
	})
}

// Rungs returns how many rungs there are to run.
func (l *Ladder) Rungs() int { return len(l.rungs) }

// matches reports whether the first parts of name match one of the patterns.
func matches(patterns []string, name string) (bool, error) {
	if len(patterns) == 0 {
		return true, nil
	}
	have := strings.Split(name, "/")
	for _, pattern := range patterns {
		want := strings.Split(pattern, "/")
		if len(want) > len(have) {
			continue
		}
		ok, err := path.Match(pattern, strings.Join(have[:len(want)], "/"))
		if err != nil {
			return false, badPattern(pattern, err)
		}
		if ok {
			return true, nil
		}
	}
	return false, nil
}

// Run records the comparison with e and judges it. When ctx is done it judges
// what there is, and returns it with ctx's cause.
func (l *Ladder) Run(ctx context.Context, e *experiment.Engine) (experiment.Result, *experiment.Comparison, error) {
	e.Prepare([]experiment.Experiment{l.Experiment})
	evidence := e.Record(ctx, &l.Experiment)
	for range l.options.Steps {
		if ctx.Err() != nil || !l.searchOn(evidence) {
			break
		}
		evidence = e.Record(ctx, &l.Experiment)
		l.learn(evidence)
	}
	return experiment.Judge(&l.Experiment, evidence), l.compare(evidence), context.Cause(ctx)
}

// searched reports whether the rung's highest rate is worth knowing: rungs that
// lose what they acknowledge are not asked how fast they can do it, and mixed
// drivers are nobody's choice.
func (r *rung) searched() bool { return r.careful && r.drivers == "" }

// searchOn adds the next step of each rung's search to its arm, and reports
// whether there is any.
func (l *Ladder) searchOn(evidence []experiment.Evidence) bool {
	any := false
	for i := range l.rungs {
		r := &l.rungs[i]
		search := l.search(r, evidence)
		if search == nil {
			continue
		}
		if rate, more := search.Next(); more {
			arm := &l.Experiment.Arms[i]
			if t := l.atRate(r, rate); !slices.ContainsFunc(arm.Trials, func(have experiment.Trial) bool { return have.Name == t.Name }) {
				arm.Trials = append(arm.Trials, t)
			}
			any = true
		}
	}
	return any
}

// search returns the search of rung r, begun with what its clients who never
// rest were given; nil where there is nothing to search for.
func (l *Ladder) search(r *rung, evidence []experiment.Evidence) *Search {
	if !r.searched() {
		return nil
	}
	if s := l.searches[r.name]; s != nil {
		return s
	}
	e := evidenceOf(evidence, r.name)
	if e == nil {
		return nil
	}
	var best float64
	for _, f := range l.figures(e) {
		if f.Workload == l.options.Workloads[0] {
			best = max(best, f.Rate)
		}
	}
	if best == 0 {
		return nil
	}
	s := NewSearch(best, l.options.Steps)
	for _, step := range l.rates(e) {
		s.Saw(step.Rate, step.Met) // that it was asked for anyway
	}
	l.searches[r.name] = &s
	return &s
}

// learn tells each search what came of its latest step.
func (l *Ladder) learn(evidence []experiment.Evidence) {
	for i := range l.rungs {
		search := l.searches[l.rungs[i].name]
		e := evidenceOf(evidence, l.rungs[i].name)
		if search == nil || e == nil {
			continue
		}
		rate, more := search.Next()
		if !more {
			continue
		}
		for _, step := range l.rates(e) {
			if step.Rate == rate {
				search.Saw(rate, step.Met)
			}
		}
	}
}

// evidenceOf returns what was recorded in the arm called name; nil where nothing was.
func evidenceOf(all []experiment.Evidence, name string) *experiment.Evidence {
	for i := range all {
		if all[i].Arm == name {
			return &all[i]
		}
	}
	return nil
}
