package ladder

import (
	"cmp"
	"slices"
	"strings"

	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/load"
	"example.com/contend/internal/measure"
)

// compare puts the evidence of all rungs together.
func (l *Ladder) compare(evidence []experiment.Evidence) *experiment.Comparison {
	c := &experiment.Comparison{
		Nodes: l.options.Nodes, Rate: l.options.Rate, Expect: l.options.Expect.String(),
		Rungs: []experiment.Rung{}, Missing: []experiment.Missing{}, Advice: []experiment.Advice{},
	}
	for i := range l.rungs {
		if e := evidenceOf(evidence, l.rungs[i].name); e != nil {
			c.Rungs = append(c.Rungs, l.measure(&l.rungs[i], e))
		}
	}
	a := adviser{Comparison: c}
	a.choose()
	c.Met = a.base != nil
	return c
}

// measure says what came of rung r.
func (l *Ladder) measure(r *rung, e *experiment.Evidence) experiment.Rung {
	rung := experiment.Rung{
		Name: r.name, Title: r.title, Means: r.means, Engine: engine(e), Careful: r.careful,
		Figures: l.figures(e), Rates: []experiment.RateStep{}, Survives: l.survives(r, e), Lines: r.changed(),
	}
	for _, step := range l.rates(e) {
		if step.Rate == l.options.Rate {
			rung.Asked = &step
		}
		if r.searched() {
			rung.Rates = append(rung.Rates, step)
		}
	}
	if best := top(&rung); best != nil {
		rung.Highest = best.Rate
	}
	return rung
}

// engine is what the nodes said they ran on.
func engine(e *experiment.Evidence) string {
	var all []string
	for r := range e.All {
		for _, version := range r.Engines {
			if bare := strings.TrimLeft(version, "0123456789."); bare == "" {
				version = "SQLite " + version
			}
			if !slices.Contains(all, version) {
				all = append(all, version)
			}
		}
	}
	return strings.Join(all, ", ")
}

//go:generate go test ../../exhibits/ladder -run TestTable -update

// changed returns how many lines of an application the rung takes, or nil where
// no service shows that.
func (r *rung) changed() *experiment.Lines {
	changed, known := changedLines[r.lines]
	if !known {
		return nil
	}
	lines := &experiment.Lines{Changed: changed, Of: redLines}
	if r.singleWriter {
		lines.Balancer = balancerLines
	}
	return lines
}

// figures are those of the trials whose clients never rest.
func (l *Ladder) figures(e *experiment.Evidence) []experiment.Figures {
	all := []experiment.Figures{}
	for i := range e.Trials {
		t := &e.Trials[i]
		if t.Setup.Load.Arrival != load.Closed {
			continue
		}
		for _, r := range t.Recordings {
			name, _, _ := strings.Cut(t.Name, ",")
			f := figuresOf(r)
			f.Workload, f.Clients, f.Trial = name, t.Setup.Load.Clients, t.Name
			all = append(all, f)
		}
	}
	return all
}

// figuresOf measures one recording of clients who never rest.
func figuresOf(r *experiment.Recording) experiment.Figures {
	n := r.Counts()
	ops := r.ClientOps()
	_, _, attempts := r.Codes()
	f := experiment.Figures{
		OK: n.OK, Refused: n.Failed, Unknown: n.Unknown,
		Rate: measure.Throughput(ops), Latency: measure.Latency(succeeded(ops)), Fairness: measure.Jain(ops),
	}
	f.Lost, f.LostMax = deficit(r)
	if n.OK > 0 {
		f.Attempts = float64(attempts) / float64(n.OK)
		if r.CPU != nil {
			each := r.CPU.Seconds() * 1000 / float64(n.OK)
			f.CPU = &each
		}
	}
	return f
}

func succeeded(ops []history.Op) []history.Op {
	return slices.DeleteFunc(slices.Clone(ops), func(op history.Op) bool { return op.Outcome != history.OK })
}

func deficit(r *experiment.Recording) (least, most *int64) {
	lost, known := r.Deficit()
	if !known {
		return nil, nil
	}
	return &lost.Min, &lost.Max
}

// rates are the trials whose calls arrive at a rate, by rate.
func (l *Ladder) rates(e *experiment.Evidence) []experiment.RateStep {
	all := []experiment.RateStep{}
	for i := range e.Trials {
		t := &e.Trials[i]
		if t.Setup.Load.Arrival != load.Open || t.Setup.Fault != nil {
			continue
		}
		for _, r := range t.Recordings {
			step := stepOf(r)
			step.Rate, step.Trial = t.Setup.Load.Rate, t.Name
			step.Met = step.Sent > 0 && r.Err == nil && l.options.Expect.Met(step.Latency, step.Errors)
			all = append(all, step)
		}
	}
	slices.SortStableFunc(all, func(a, b experiment.RateStep) int { return cmp.Compare(a.Rate, b.Rate) })
	return all
}

// stepOf measures one recording of calls that arrive at a rate. An arrival that
// no client was free for is an error like any other.
func stepOf(r *experiment.Recording) experiment.RateStep {
	n := r.Counts()
	step := experiment.RateStep{Sent: n.Total + r.Dropped, OK: n.OK, Refused: n.Failed, Latency: measure.Latency(r.ClientOps())}
	if step.Sent > 0 {
		step.Errors = float64(step.Sent-step.OK) / float64(step.Sent)
	}
	step.Lost, _ = deficit(r)
	return step
}
