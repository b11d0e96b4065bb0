package ladder

import (
	"cmp"
	"slices"
	"strings"

	"example.com/contend/history"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/run"
)

// compare puts the evidence of all rungs together.
func (l *ladder) compare(evidence []run.Evidence) *run.Comparison {
	c := &run.Comparison{
		Nodes: l.Nodes, Rate: l.Rate, Expect: l.expect.String(),
		Decides: l.Decides, Rungs: []run.Rung{}, Servers: l.Servers, Missing: l.Missing,
	}
	for i := range l.rungs {
		if e := evidenceOf(evidence, l.rungs[i].name); e != nil {
			c.Rungs = append(c.Rungs, l.measure(&l.rungs[i], e))
		}
	}
	a := adviser{Comparison: c}
	a.choose()
	c.Met = a.base != nil
	c.Advice = Advise(c)
	return c
}

// measure says what came of rung r.
func (l *ladder) measure(r *rung, e *run.Evidence) run.Rung {
	rung := run.Rung{
		Name: r.name, Server: r.label, Title: r.title, Means: r.means, Engine: engine(e), Careful: r.careful,
		Figures: figures(e), Rates: []run.RateStep{}, Survives: l.survives(r, e), Lines: r.changed(),
	}
	for i := range e.Trials {
		for _, step := range l.rates(&e.Trials[i]) {
			if step.Rate == l.Rate {
				rung.Asked = &step
			}
			if r.searched() {
				rung.Rates = append(rung.Rates, step)
			}
		}
	}
	slices.SortStableFunc(rung.Rates, func(a, b run.RateStep) int { return cmp.Compare(a.Rate, b.Rate) })
	if best := top(&rung); best != nil {
		rung.Highest = best.Rate
	}
	return rung
}

// engine is what the nodes ran on.
func engine(e *run.Evidence) string {
	var all []string
	for r := range e.All {
		for _, engine := range r.Engines {
			if !slices.Contains(all, engine.String()) {
				all = append(all, engine.String())
			}
		}
	}
	return strings.Join(all, ", ")
}

//go:generate go test ../../exhibits/ladder -run TestTable -update

// changed returns how many lines of an application the rung takes, or nil where
// no service shows that.
func (r *rung) changed() *run.Lines {
	changed, known := changedLines[r.lines]
	if !known {
		return nil
	}
	lines := &run.Lines{Changed: changed, Of: redLines}
	if r.singleWriter {
		lines.Balancer = balancerLines
	}
	return lines
}

// figures are those of the trials whose clients never rest.
func figures(e *run.Evidence) []run.Figures {
	all := []run.Figures{}
	for i := range e.Trials {
		t := &e.Trials[i]
		if t.Setup.Load.Arrival != run.Closed {
			continue
		}
		for _, r := range t.Recordings {
			f := figuresOf(r)
			f.Workload, f.Clients, f.Trial = jobOf(&t.Setup), t.Setup.Load.Clients, t.Name
			all = append(all, f)
		}
	}
	return all
}

// figuresOf measures one recording of clients who never rest.
func figuresOf(r *run.Recording) run.Figures {
	n := r.Counts()
	ops := r.ClientOps()
	_, _, attempts := r.Codes()
	f := run.Figures{
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

func deficit(r *run.Recording) (least, most *int64) {
	lost, known := r.Deficit()
	if !known {
		return nil, nil
	}
	return &lost.Min, &lost.Max
}

// rates measures a trial whose calls arrive at a rate; it returns nothing for others.
func (l *ladder) rates(t *run.TrialEvidence) (all []run.RateStep) {
	if t.Setup.Load.Arrival != run.Open || t.Setup.Fault != nil {
		return nil
	}
	for _, r := range t.Recordings {
		step := stepOf(r)
		step.Rate, step.Trial = t.Setup.Load.Rate, t.Name
		step.Met = step.Sent > 0 && r.Err == "" && l.expect.Met(step.Latency, step.Errors)
		all = append(all, step)
	}
	return all
}

// stepOf measures one recording of calls that arrive at a rate. An arrival that
// no client was free for is an error like any other.
func stepOf(r *run.Recording) run.RateStep {
	n := r.Counts()
	step := run.RateStep{Sent: n.Total + r.Dropped, OK: n.OK, Refused: n.Failed, Latency: measure.Latency(r.ClientOps())}
	if step.Sent > 0 {
		step.Errors = float64(step.Sent-step.OK) / float64(step.Sent)
	}
	step.Lost, _ = deficit(r)
	return step
}
