package ladder

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/run"
)

// compare puts the evidence of all rungs together.
func (l *ladder) compare(evidence []run.Evidence) *run.Comparison {
	c := &run.Comparison{
		Nodes: l.Nodes, Rate: l.Rate, Asks: l.Workloads[0], Expect: l.expect.String(),
		Decides: l.Decides, Quick: l.Quick, Lasts: l.Lasts.Seconds(), Rungs: []run.Rung{}, Servers: l.Servers, Missing: l.Missing,
	}
	for i := range l.rungs {
		r := &l.rungs[i]
		if e := first(evidence, func(e *run.Evidence) bool { return e.Arm == r.name }); e != nil {
			c.Rungs = append(c.Rungs, l.measure(r, e))
		}
	}
	a := newAdviser(c)
	c.Met, c.Open, c.Advice = a.met != nil, a.met == nil && len(a.open) > 0, Advise(c)
	return c
}

// measure says what came of rung r.
func (l *ladder) measure(r *rung, e *run.Evidence) run.Rung {
	rung := run.Rung{
		Name: r.name, Server: r.label, Title: r.title, Called: r.title, Means: r.means, Careful: r.careful,
		Pools: []run.PoolStep{}, Figures: l.figures(r, e), Rates: []run.RateStep{}, Survives: r.survives(e),
	}
	for _, name := range l.Workloads {
		rung.Pools = append(rung.Pools, l.poolSteps(r, name, e)...)
	}
	if r.label != "" {
		rung.Called = rung.String()
	}
	if r.adds {
		rung.Title = "+ " + r.title
	}
	var engines []string
	for rec := range e.All {
		for _, engine := range rec.Engines {
			if !slices.Contains(engines, engine.String()) {
				engines = append(engines, engine.String())
			}
			rung.Kind = cmp.Or(rung.Kind, engine.Name)
		}
	}
	rung.Engine = strings.Join(engines, ", ")
	if changed, known := changedLines[r.lines]; known {
		rung.Lines = &run.Lines{Changed: changed, Of: redLines}
		if r.singleWriter {
			rung.Lines.Balancer = balancerLines
		}
	}
	for i := range e.Trials {
		if step := l.atOneRate(&e.Trials[i]); step != nil {
			if step.Rate == l.Rate {
				rung.Asked = step
			}
			if r.searched() && l.Steps > 0 { // else nothing was searched for
				rung.Rates = append(rung.Rates, *step)
			}
		}
	}
	slices.SortStableFunc(rung.Rates, func(a, b run.RateStep) int { return cmp.Compare(a.Rate, b.Rate) })
	rung.Highest, rung.Between = highestOf(&rung)
	return rung
}

// highestOf says where the highest rate of a rung lies: the highest that met the target in most loads with no lower
// one that did not, and what is sure of it.
func highestOf(r *run.Rung) (highest float64, between *run.Between) {
	for _, s := range r.Rates { // by rate
		if !s.Met {
			break
		}
		highest = s.Rate
	}
	for _, s := range r.Rates {
		switch {
		case s.Sure && s.Met:
			between = &run.Between{Low: s.Rate}
		case s.Sure && between != nil:
			between.High = &s.Rate
			return highest, between
		case s.Sure:
			return highest, nil // the lowest that is sure missed it
		}
	}
	return highest, between
}

//go:generate go test ../../exhibits/ladder -run TestTable -update

// loops returns the closed loops of rung r that figures are made of, workload by workload and the fewest
// clients first: those with the best pool, and not the shorter ones of the search for it.
func (l *ladder) loops(r *rung, e *run.Evidence) (all []run.TrialEvidence) {
	for _, name := range l.Workloads {
		pool, _ := l.pool(r, name, e).next()
		from := len(all)
		for _, t := range e.Trials {
			if s := &t.Setup; !s.Syncs && s.Load.Arrival == run.Closed && s.Load.Duration == l.Lasts && jobOf(s) == name && s.Discipline.Pool == pool {
				all = append(all, t)
			}
		}
		slices.SortStableFunc(all[from:], func(a, b run.TrialEvidence) int { return cmp.Compare(a.Setup.Load.Clients, b.Setup.Load.Clients) })
	}
	return all
}

// figures measures what came of each closed loop.
func (l *ladder) figures(r *rung, e *run.Evidence) []run.Figures {
	all := []run.Figures{}
	for _, t := range l.loops(r, e) {
		if len(t.Recordings) > 0 {
			all = append(all, figuresOf(&t))
			all[len(all)-1].Syncs = syncsOf(e, &t.Setup)
		}
	}
	return all
}

// figuresOf adds up the repeats of a closed loop. Its rate is their median, and so is its fairness.
func figuresOf(t *run.TrialEvidence) run.Figures {
	f := run.Figures{Workload: jobOf(&t.Setup), Clients: t.Setup.Load.Clients, Pool: t.Setup.Discipline.Pool, Trial: t.Name, Repeats: len(t.Recordings)}
	var ok []history.Op
	var rates, shares []float64
	var attempts int
	var cpu time.Duration
	cpuKnown, lostKnown := true, true
	var lost check.Range
	for _, r := range t.Recordings {
		n, ops := r.Counts(), r.ClientOps()
		f.OK, f.Refused, f.Unknown, f.Unreached = f.OK+n.OK, f.Refused+n.Refused(), f.Unknown+n.Unknown, f.Unreached+n.Unreached
		ok = append(ok, succeeded(ops)...)
		rates, shares = append(rates, measure.Throughput(ops)), append(shares, measure.Jain(ops))
		_, _, tries := r.Codes()
		attempts += tries
		if r.CPU == nil {
			cpuKnown = false
		} else {
			cpu += *r.CPU
		}
		missing, known := r.Deficit()
		lost.Min, lost.Max, lostKnown = lost.Min+missing.Min, lost.Max+missing.Max, lostKnown && known
	}
	f.Rate, f.Fairness, f.Latency = measure.SpreadOf(rates).Median, measure.SpreadOf(shares).Median, measure.Latency(ok)
	if spread := measure.IntervalOf(rates); spread.Count > 0 {
		f.Spread = &spread
	}
	if lostKnown {
		f.Lost, f.LostMax = &lost.Min, &lost.Max
	}
	if f.OK > 0 {
		f.Attempts = float64(attempts) / float64(f.OK)
		if cpuKnown {
			each := cpu.Seconds() * 1000 / float64(f.OK)
			f.CPU = &each
		}
	}
	return f
}

// syncsOf returns the syncs of an ok op in the recording that is like s but counts them; nil where there is none.
func syncsOf(e *run.Evidence, s *run.Setup) *float64 {
	counted := *s
	counted.Syncs = true
	for _, t := range e.Trials {
		if !t.Setup.Syncs || t.Setup.Key() != counted.Key() {
			continue
		}
		for _, r := range t.Recordings {
			if n := r.Counts().OK; r.Syncs != nil && n > 0 {
				each := float64(*r.Syncs) / float64(n)
				return &each
			}
		}
	}
	return nil
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

// isArrivals reports whether calls arrive at a rate, and nobody is killed.
func isArrivals(s *run.Setup) bool { return s.Load.Arrival == run.Open && s.Fault == nil }

// count counts the loads of a trial whose calls arrive at a rate, and those that met the target. An arrival that no
// client was free for is an error like any other. A load of which more than one in a hundred reached no node was
// not tried: it meets no target.
func (l *ladder) count(t *run.TrialEvidence) count {
	c := count{loads: len(t.Recordings)}
	for _, r := range t.Recordings {
		n := r.Counts()
		reached := n.Reached() + r.Dropped
		tried := r.Err == "" && reached > 0 && 100*n.Unreached <= n.Total+r.Dropped
		if tried && l.expect.Met(measure.Latency(r.ReachedOps()), notOK(reached, n.OK)) {
			c.met++
		}
	}
	return c
}

// atOneRate measures a trial whose calls arrive at a rate, all its loads together; nil for others and where
// nothing was recorded.
func (l *ladder) atOneRate(t *run.TrialEvidence) *run.RateStep {
	if !isArrivals(&t.Setup) || len(t.Recordings) == 0 {
		return nil
	}
	c := l.count(t)
	step := &run.RateStep{Rate: t.Setup.Load.Rate, Trial: t.Name, Loads: c.loads, LoadsMet: c.met, Met: c.leans(), Sure: c.sure()}
	var waits []measure.Summary
	lost, known := int64(0), true
	for _, r := range t.Recordings {
		n := r.Counts()
		step.Sent, step.OK, step.Refused, step.Unreached = step.Sent+n.Total+r.Dropped, step.OK+n.OK, step.Refused+n.Refused(), step.Unreached+n.Unreached
		waits = append(waits, measure.Latency(r.ReachedOps()))
		if least, _ := deficit(r); least != nil {
			lost += *least
		} else {
			known = false
		}
	}
	if known {
		step.Lost = &lost
	}
	// All waits together would have the p99 of the worst load, and the target is met load by load.
	slices.SortFunc(waits, func(a, b measure.Summary) int { return cmp.Compare(a.P99, b.P99) })
	step.Errors, step.Latency = notOK(step.Sent-step.Unreached, step.OK), waits[len(waits)/2]
	return step
}

// notOK is the share of requests that were not ok, from 0 to 1.
func notOK(of, ok int) float64 {
	if of <= 0 {
		return 0
	}
	return float64(of-ok) / float64(of)
}

// survives says what rung r survives: as measured, and then as documented.
func (r *rung) survives(e *run.Evidence) []run.Survival {
	all := []run.Survival{}
	for _, s := range r.strikes {
		for rec := range e.All {
			strike, struck := rec.Setup.Fault.(run.Strike)
			if !struck || strike.Whom != s.whom || len(rec.Faults) == 0 { // without events: the run was cut short
				continue
			}
			for _, mishap := range s.mishaps {
				all = append(all, survivalOf(rec, mishap))
			}
		}
	}
	return append(all, r.documents...)
}

// survivalOf says how the rung of a recording in which somebody was killed came through a mishap.
func survivalOf(r *run.Recording, mishap string) run.Survival {
	n := r.Counts()
	failed := n.Failed + n.Unknown + r.Dropped
	gap := longestGap(r).Seconds()
	lost, most := deficit(r)
	s := run.Survival{Mishap: mishap, Measured: true, Answer: "yes", Failed: failed, Gap: &gap, Lost: lost}
	var what string
	switch {
	case lost == nil:
		s.Answer, what = "?", "the database could not be read afterwards"
	case *lost > 0:
		s.Answer, what = "no", fmt.Sprintf("%d of %d acknowledged changes were lost", *lost, n.OK)
	case *most > 0:
		what = fmt.Sprintf("of %d acknowledged changes none is certainly lost", n.OK)
	default:
		what = fmt.Sprintf("none of %d acknowledged changes was lost", n.OK)
	}
	whom := r.Faults[0].Node
	if whom == run.ServerName {
		whom = "the database server"
	}
	s.Says = fmt.Sprintf("%s was killed: %d of %d requests failed, for at most %.2f s nothing was done; %s", whom, failed, n.Total+r.Dropped, gap, what)
	if r.Err != "" {
		s.Answer, s.Says = "?", s.Says+", and it did not come back: "+r.Err
	}
	return s
}

// longestGap is the longest time without a success, from the load's beginning to the last answer.
func longestGap(r *run.Recording) time.Duration {
	ops := r.ClientOps()
	var end time.Duration
	for i := range ops {
		end = max(end, ops[i].Returned)
	}
	return measure.Silence(ops, end)
}
