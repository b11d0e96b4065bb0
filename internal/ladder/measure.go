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
		Nodes: l.Nodes, Rate: l.Rate, Asks: l.Workloads[0], Expect: l.expect.String(),
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

// figures measures each recording of a closed loop.
func (l *ladder) figures(r *rung, e *run.Evidence) []run.Figures {
	all := []run.Figures{}
	for _, t := range l.loops(r, e) {
		for _, r := range t.Recordings {
			n, ops := r.Counts(), r.ClientOps()
			_, _, attempts := r.Codes()
			f := run.Figures{
				Workload: jobOf(&t.Setup), Clients: t.Setup.Load.Clients, Pool: t.Setup.Discipline.Pool, Trial: t.Name,
				OK: n.OK, Refused: n.Refused(), Unknown: n.Unknown, Unreached: n.Unreached,
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
			f.Syncs = syncsOf(e, &t.Setup)
			all = append(all, f)
		}
	}
	return all
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

// rates measures each recording of a trial whose calls arrive at a rate, and returns nothing for
// others. An arrival that no client was free for is an error like any other. A rate of which more
// than one in a hundred reached no node was not tried: it meets no target.
func (l *ladder) rates(t *run.TrialEvidence) (all []run.RateStep) {
	if t.Setup.Load.Arrival != run.Open || t.Setup.Fault != nil {
		return nil
	}
	for _, r := range t.Recordings {
		n := r.Counts()
		step := run.RateStep{
			Rate: t.Setup.Load.Rate, Trial: t.Name,
			Sent: n.Total + r.Dropped, OK: n.OK, Refused: n.Refused(), Unreached: n.Unreached, Latency: measure.Latency(r.ReachedOps()),
		}
		reached := step.Sent - step.Unreached
		if reached > 0 {
			step.Errors = float64(reached-step.OK) / float64(reached)
		}
		step.Lost, _ = deficit(r)
		step.Met = reached > 0 && 100*step.Unreached <= step.Sent && r.Err == "" && l.expect.Met(step.Latency, step.Errors)
		all = append(all, step)
	}
	return all
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
