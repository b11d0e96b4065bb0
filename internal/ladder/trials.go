package ladder

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/contend/internal/experiment"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
	"example.com/contend/internal/workload"
)

// A job is one of the workloads: what clients ask for, by a name for people.
type job struct {
	name  string
	about string // for help
	asks  workload.Workload
	begin run.Begin
}

// The accounts of the transfers: enough that two seldom meet, and rich enough that nobody is short.
const (
	accounts = 100
	balance  = 1_000_000
	counters = 1000
)

// jobs are the workloads that there are.
var jobs = []job{
	{name: "counter", about: "everybody increments one hot counter", asks: workload.Increment{Key: "counter"}},
	{name: "counters", about: "each increment takes one of 1000 counters", asks: workload.Increment{Key: "counter", Keys: counters}},
	{name: "write", about: "each call adds a row", asks: workload.Write{}},
	{name: "mixed", about: "nine reads of the hot counter to one increment", asks: workload.Mix{A: workload.Read{Key: "counter"}, B: workload.Increment{Key: "counter"}, Share: 10}},
	{name: "transfer", about: "each call moves 1 between two of 100 accounts", asks: workload.Transfer{Accounts: accounts},
		begin: run.Begin{Accounts: accounts, Balance: balance}},
}

// Workloads returns the names of the workloads.
func Workloads() []string {
	var names []string
	for _, j := range jobs {
		names = append(names, j.name)
	}
	return names
}

// AboutWorkloads says what each of them is, a line each, for help.
func AboutWorkloads() string {
	var all []string
	for _, j := range jobs {
		all = append(all, fmt.Sprintf("  %-9s %s", j.name, j.about))
	}
	return strings.Join(all, "\n")
}

// jobNamed returns the job called name, which validate has seen.
func jobNamed(name string) job {
	return jobs[slices.IndexFunc(jobs, func(j job) bool { return j.name == name })]
}

// jobOf returns the name of the workload that s asks for.
func jobOf(s *run.Setup) string {
	return jobs[slices.IndexFunc(jobs, func(j job) bool { return j.asks == s.Workload })].name
}

// openClients are the connections of a load that arrives at a rate.
const openClients = 256

// experiment is the comparison before anything was searched for.
func (l *ladder) experiment() experiment.Experiment {
	x := experiment.Experiment{
		Name:        "compare",
		Question:    "What would fix it, and what does each fix cost?",
		Interleaved: true,
	}
	loads := 0
	for i := range l.rungs {
		r := &l.rungs[i]
		trials := l.trials(r, nil)
		add := func(n int, lasts time.Duration) {
			loads += n
			x.Takes += time.Duration(n) * (lasts + overhead)
		}
		for _, t := range trials {
			add(max(t.Repeats, 1), t.Setup.Load.Duration)
		}
		if r.searched() && l.Steps > 0 {
			add(l.Steps+2*(max(l.Repeats, 1)-1), l.Lasts)
		}
		for _, name := range l.Workloads {
			if n := len(l.sizes(r, jobNamed(name))); n > 1 {
				add(min(n, poolLoads), l.poolLoad().Duration)
			}
		}
		crowded := slices.ContainsFunc(trials, func(t experiment.Trial) bool { return crowd(&t.Setup) })
		struck := slices.ContainsFunc(trials, func(t experiment.Trial) bool { return t.Setup.Fault != nil })
		x.Arms = append(x.Arms, experiment.Arm{Name: r.name, Expect: r.expectations(crowded, struck)})
	}
	for _, c := range claims {
		if slices.ContainsFunc(x.Arms, func(a experiment.Arm) bool { _, asked := a.Expect[c.ID]; return asked }) {
			x.Claims = append(x.Claims, c)
		}
	}
	x.Plots = l.plots()
	x.Next, x.Compare = l.next, l.compare
	x.Grow(nil) // the first of a search, or all where there is none
	for i := range x.Arms {
		for k := range x.Arms[i].Trials {
			loads -= x.Arms[i].Times(&x.Arms[i].Trials[k])
		}
	}
	x.MaxExtra = max(loads, 0)
	return x
}

// mainWorkloads is how many of the workloads are shown side by side: one hot row, and many.
const mainWorkloads = 2

// overhead is about how long it takes to start and stop what a load is sent to.
const overhead = 600 * time.Millisecond

// poolLoads is about how many loads a search for a pool takes.
const poolLoads = 3

// trials are what is recorded of rung r whatever comes of it, with the best pools that the
// evidence of their searches, which may be nil, knows of.
func (l *ladder) trials(r *rung, e *run.Evidence) []experiment.Trial {
	var all []experiment.Trial
	for i, name := range l.Workloads {
		search := l.pool(r, name, e)
		pool, _ := search.next()
		for _, clients := range l.levels(i) {
			t := l.atRest(r, name, clients, pool)
			if len(search.seen) > 0 && t.Setup.Load == l.poolLoad() {
				t = l.poolTrial(r, name, pool) // the search has made the same loop
			}
			t.Repeats = l.repeats(r, i, clients)
			all = append(all, t)
			if i < mainWorkloads && clients == l.mainClients() && !l.Quick {
				all = append(all, syncing(t))
			}
		}
	}
	if l.Rate > 0 && (r.careful || !l.Quick) { // what loses is not good enough at any rate
		loads := 1
		if r.searched() {
			loads = max(l.Repeats, 1)
		}
		all = append(all, l.atRate(r, l.Rate, e, loads))
	}
	pool, _ := l.pool(r, l.Workloads[0], e).next()
	for _, s := range r.strikes {
		if s.inQuick || !l.Quick {
			all = append(all, l.struck(r, s, pool))
		}
	}
	return all
}

// levels returns the numbers of clients of a workload's closed loops. Beside the first two workloads, whose
// figures are compared, that of the main table is enough.
func (l *ladder) levels(workload int) []int {
	if workload < mainWorkloads {
		return l.Clients
	}
	return []int{l.mainClients()}
}

// repeats returns how often a closed loop is recorded: as often as it takes to compare it where the advice does,
// and once elsewhere. Rungs that lose changes are not compared.
func (l *ladder) repeats(r *rung, workload, clients int) int {
	alone := workload == 0 && clients == 1 && slices.Contains([]string{direct, queued}, r.name)
	if r.careful && workload < mainWorkloads && clients == l.mainClients() || alone {
		return max(l.Repeats, 1)
	}
	return 1
}

// under is rung r with a pool under a load of the workload called name.
func (l *ladder) under(r *rung, name string, pool int, load run.Load) run.Setup {
	j, d := jobNamed(name), r.discipline
	d.Pool = pool
	return run.Setup{
		Nodes: l.Nodes, Discipline: d, Drivers: r.drivers, SingleWriter: r.singleWriter, Server: r.server,
		Workload: j.asks, Begin: j.begin, Load: load,
	}
}

// atRest is the trial of a closed loop.
func (l *ladder) atRest(r *rung, name string, clients, pool int) experiment.Trial {
	load := run.Load{Arrival: run.Closed, Clients: clients, Duration: l.Lasts}
	return experiment.Trial{Name: loopName(name, clients), Level: float64(clients), Setup: l.under(r, name, pool, load)}
}

// syncing is t once more with its syncs counted. Of that load nothing else is told, because the count
// takes processor time, most of it from engines that switch between threads.
func syncing(t experiment.Trial) experiment.Trial {
	t.Name, t.Repeats = t.Name+", syncs counted", 1
	t.Setup.Syncs = true
	return t
}

func loopName(workload string, clients int) string {
	return fmt.Sprintf("%s, %d clients", workload, clients)
}

// atRate is the trial of calls that arrive at a rate, with so many loads, on the best pool that the evidence knows
// of. At the rate that is asked about they arrive for long enough to tell a p99, if that is within a second.
func (l *ladder) atRate(r *rung, rate float64, e *run.Evidence, loads int) experiment.Trial {
	load := run.Load{Arrival: run.Open, Clients: openClients, Rate: rate, Duration: l.Lasts}
	if rate == l.Rate {
		load.Duration = max(l.Lasts, min(time.Second, time.Duration(1.2*enoughForP99/rate*float64(time.Second))))
	}
	pool, _ := l.pool(r, l.Workloads[0], e).next()
	return experiment.Trial{
		Name: fmt.Sprintf("%s, %.0f/s", l.Workloads[0], rate), Level: rate, Repeats: loads, Setup: l.under(r, l.Workloads[0], pool, load),
	}
}

// struck is the trial in which somebody is killed after a third of the load, for a sixth of it.
// Its clients write rows, which can be told apart: whether one was lost is then certain, whatever
// became of the requests that were under way. The rate is low enough for every rung, so that what
// fails does so for the kill.
func (l *ladder) struck(r *rung, whom strike, pool int) experiment.Trial {
	const rate = 200
	lasts := max(l.Lasts, 1500*time.Millisecond)
	if whom.slow {
		lasts = max(lasts, 4500*time.Millisecond) // long enough to see writes again
	}
	s := l.under(r, "write", pool, run.Load{Arrival: run.Open, Clients: openClients, Rate: rate, Duration: lasts})
	s.Fault = run.Strike{Whom: whom.whom, After: lasts / 3, For: lasts / 6}
	return experiment.Trial{Name: "write, " + whom.whom + " is killed", Level: rate, Setup: s}
}

// plots are the pictures of the comparison: bars of the main trials, one for each rung and each of
// the first two workloads, and lines of the throughput against clients.
func (l *ladder) plots() []experiment.Plot {
	shown := l.Workloads[:min(len(l.Workloads), mainWorkloads)]
	bars := func(title string, y run.Axis, of func(*run.Recording) (float64, bool)) experiment.Plot {
		return l.ofFigures(func(s *run.Setup) bool { return s.Load.Clients == l.mainClients() && slices.Contains(shown, jobOf(s)) },
			experiment.BarsPlot(title+": "+loopName(units.List(shown, "and"), l.mainClients()), y, experiment.Figure{Name: y.Label, Unit: y.Unit, Of: of}, nil))
	}
	plots := []experiment.Plot{
		bars("Acknowledged a second", run.Axis{Label: "ok", Unit: "1/s"}, throughputOf),
		bars("The slowest of a hundred", run.Axis{Label: "p99 of ok requests", Unit: "ms", Log: true}, func(r *run.Recording) (float64, bool) {
			s := measure.Latency(succeeded(r.ClientOps()))
			return s.P99, s.Count > 0
		}),
		experiment.OfHarm(run.AboutLost, bars("Acknowledged, and not in the database", run.Axis{Label: "lost", Unit: "%"}, func(r *run.Recording) (float64, bool) {
			lost, known := r.Deficit()
			n := r.Counts().OK
			return 100 * float64(lost.Min) / float64(max(n, 1)), known && n > 0
		})),
	}
	if len(l.Clients) == 1 {
		return plots
	}
	for _, name := range shown {
		plots = append(plots, l.ofFigures(
			func(s *run.Setup) bool { return jobOf(s) == name },
			experiment.LevelPlot("Throughput against clients: "+name, run.Axis{Label: "clients", Log: true}, run.Axis{Label: "ok", Unit: "1/s"},
				experiment.Figure{Name: "throughput", Unit: "1/s", Of: throughputOf})))
	}
	return plots
}

// ofFigures returns a plot of the loops that figures are made of, those that match alone.
func (l *ladder) ofFigures(match func(*run.Setup) bool, plot experiment.Plot) experiment.Plot {
	return func(arms []run.Evidence) run.Chart {
		arms = slices.Clone(arms)
		for i := range arms {
			var loops []run.TrialEvidence
			for _, t := range l.loops(l.rung(arms[i].Arm), &arms[i]) {
				if match(&t.Setup) {
					t.Name, t.Level = loopName(jobOf(&t.Setup), t.Setup.Load.Clients), float64(t.Setup.Load.Clients)
					loops = append(loops, t)
				}
			}
			arms[i].Trials = loops
		}
		return plot(arms)
	}
}

func throughputOf(r *run.Recording) (float64, bool) {
	return measure.Throughput(r.ClientOps()), true
}
