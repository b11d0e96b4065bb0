package ladder

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

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
		r := &l.rungs[i]
		if e := first(evidence, func(e *run.Evidence) bool { return e.Arm == r.name }); e != nil {
			c.Rungs = append(c.Rungs, l.measure(r, e))
		}
	}
	c.Met, c.Advice = newAdviser(c).base != nil, Advise(c)
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

// survives says what rung r survives: as measured, and then as documented.
func (l *ladder) survives(r *rung, e *run.Evidence) []run.Survival {
	all := []run.Survival{}
	for _, s := range r.strikes {
		for rec := range e.All {
			strike, struck := rec.Setup.Fault.(run.Strike)
			if !struck || strike.Whom != s.whom || len(rec.Faults) == 0 { // without events: the run was cut short
				continue
			}
			for _, mishap := range s.mishaps {
				survival := survivalOf(rec)
				survival.Mishap = mishap
				all = append(all, survival)
			}
		}
	}
	return append(all, r.documents...)
}

// survivalOf says what became of a recording in which somebody was killed.
func survivalOf(r *run.Recording) run.Survival {
	n := r.Counts()
	failed := n.Failed + n.Unknown + r.Dropped
	gap := longestGap(r).Seconds()
	s := run.Survival{Measured: true, Answer: "yes", Failed: failed, Gap: &gap}
	lost, most := deficit(r)
	s.Lost = lost
	event := r.Faults[0]
	whom := event.Node
	if whom == run.ServerName {
		whom = "the database server"
	}
	s.Says = fmt.Sprintf("%s was killed: %d of %d requests failed, for at most %.2f s nothing was done; %s", whom, failed, n.Total+r.Dropped, gap, lostWords(lost, most, n.OK))
	switch {
	case r.Err != "":
		s.Answer, s.Says = "?", s.Says+", and it did not come back: "+r.Err
	case lost == nil:
		s.Answer = "?"
	case *lost > 0:
		s.Answer = "no"
	}
	return s
}

func lostWords(least, most *int64, ok int) string {
	switch {
	case least == nil:
		return "the database could not be read afterwards"
	case *least > 0:
		return fmt.Sprintf("%d of %d acknowledged changes were lost", *least, ok)
	case *most > 0:
		return fmt.Sprintf("of %d acknowledged changes none is certainly lost", ok)
	}
	return fmt.Sprintf("none of %d acknowledged changes was lost", ok)
}

// longestGap is the longest time without a success, from the load's beginning to
// the last answer.
func longestGap(r *run.Recording) time.Duration {
	moments := []time.Duration{0}
	var end time.Duration
	for _, op := range r.ClientOps() {
		end = max(end, op.Returned)
		if op.Outcome == history.OK {
			moments = append(moments, op.Returned)
		}
	}
	moments = append(moments, end)
	slices.Sort(moments)
	var longest time.Duration
	for i := 1; i < len(moments); i++ {
		longest = max(longest, moments[i]-moments[i-1])
	}
	return longest
}
