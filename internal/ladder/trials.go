package ladder

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/contend/internal/experiment"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/run"
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
	var takes time.Duration
	for i := range l.rungs {
		arm := l.arm(&l.rungs[i])
		for _, t := range arm.Trials {
			takes += t.Setup.Load.Duration + overhead
		}
		if l.rungs[i].searched() {
			x.MaxExtra += l.Steps
		}
		x.Arms = append(x.Arms, arm)
	}
	for _, c := range claims {
		if slices.ContainsFunc(x.Arms, func(a experiment.Arm) bool { _, asked := a.Expect[c.ID]; return asked }) {
			x.Claims = append(x.Claims, c)
		}
	}
	x.Takes = takes + time.Duration(x.MaxExtra)*(l.Lasts+overhead)
	x.Plots = l.plots()
	x.Next, x.Compare = l.next, l.compare
	return x
}

// arm is rung r as an arm of the experiment.
func (l *ladder) arm(r *rung) experiment.Arm {
	trials := l.trials(r)
	crowded := slices.ContainsFunc(trials, func(t experiment.Trial) bool { return crowd(&t.Setup) })
	struck := slices.ContainsFunc(trials, func(t experiment.Trial) bool { return t.Setup.Fault != nil })
	return experiment.Arm{Name: r.name, Trials: trials, Expect: r.expectations(crowded, struck)}
}

// overhead is about how long it takes to start and stop what a load is sent to.
const overhead = 600 * time.Millisecond

// trials are what is recorded of rung r whatever comes of it.
func (l *ladder) trials(r *rung) []experiment.Trial {
	var all []experiment.Trial
	for _, name := range l.Workloads {
		for _, clients := range l.Clients {
			all = append(all, l.atRest(r, name, clients))
		}
	}
	if l.Rate > 0 {
		all = append(all, l.atRate(r, l.Rate))
	}
	for _, s := range r.strikes {
		if s.inQuick || !l.Quick {
			all = append(all, l.struck(r, s))
		}
	}
	return all
}

// under is rung r under a load of the workload called name, which validate has seen.
func (l *ladder) under(r *rung, name string, load run.Load) run.Setup {
	j := jobs[slices.IndexFunc(jobs, func(j job) bool { return j.name == name })]
	return run.Setup{
		Nodes: l.Nodes, Discipline: r.discipline, Drivers: r.drivers, SingleWriter: r.singleWriter, Server: r.server,
		Workload: j.asks, Begin: j.begin, Load: load,
	}
}

// atRest is the trial of a closed loop.
func (l *ladder) atRest(r *rung, name string, clients int) experiment.Trial {
	load := run.Load{Arrival: run.Closed, Clients: clients, Duration: l.Lasts}
	return experiment.Trial{Name: fmt.Sprintf("%s, %d clients", name, clients), Level: float64(clients), Setup: l.under(r, name, load)}
}

// atRate is the trial of calls that arrive at a rate.
func (l *ladder) atRate(r *rung, rate float64) experiment.Trial {
	load := run.Load{Arrival: run.Open, Clients: openClients, Rate: rate, Duration: l.Lasts}
	return experiment.Trial{Name: fmt.Sprintf("%s, %.0f/s", l.Workloads[0], rate), Level: rate, Setup: l.under(r, l.Workloads[0], load)}
}

// struck is the trial in which somebody is killed after a third of the load, for a sixth of it.
// Its clients write rows, which can be told apart: whether one was lost is then certain, whatever
// became of the requests that were under way. The rate is low enough for every rung, so that what
// fails does so for the kill.
func (l *ladder) struck(r *rung, whom strike) experiment.Trial {
	const rate = 200
	lasts := max(l.Lasts, 1500*time.Millisecond)
	if whom.slow {
		lasts = max(lasts, 4500*time.Millisecond) // long enough to see writes again
	}
	s := l.under(r, "write", run.Load{Arrival: run.Open, Clients: openClients, Rate: rate, Duration: lasts})
	s.Fault = run.Strike{Whom: whom.whom, After: lasts / 3, For: lasts / 6}
	return experiment.Trial{Name: "write, " + whom.whom + " is killed", Level: rate, Setup: s}
}

// plots are the pictures of the comparison: bars of the main trials, one for each rung,
// and lines of the throughput against clients.
func (l *ladder) plots() []experiment.Plot {
	clients := l.Clients[0] // of the main trials: the most that are no more than 100, or the fewest there are
	for _, n := range l.Clients {
		if n <= 100 {
			clients = n
		}
	}
	main := l.atRest(&rung{}, l.Workloads[0], clients).Name
	bars := func(title string, y run.Axis, of func(*run.Recording) (float64, bool)) experiment.Plot {
		return experiment.OfTrials(func(t *run.TrialEvidence) bool { return t.Name == main },
			experiment.BarsPlot(title+": "+main, y, experiment.Figure{Name: y.Label, Unit: y.Unit, Of: of}, nil))
	}
	plots := []experiment.Plot{
		bars("Acknowledged a second", run.Axis{Label: "ok", Unit: "1/s"}, throughputOf),
		bars("The slowest of a hundred", run.Axis{Label: "p99 of ok requests", Unit: "ms", Log: true}, func(r *run.Recording) (float64, bool) {
			s := measure.Latency(succeeded(r.ClientOps()))
			return s.P99, s.Count > 0
		}),
		bars("Acknowledged, and not in the database", run.Axis{Label: "lost", Unit: "%"}, func(r *run.Recording) (float64, bool) {
			lost, known := r.Deficit()
			n := r.Counts().OK
			return 100 * float64(lost.Min) / float64(max(n, 1)), known && n > 0
		}),
	}
	if len(l.Clients) == 1 {
		return plots
	}
	for _, name := range l.Workloads {
		plots = append(plots, experiment.OfTrials(
			func(t *run.TrialEvidence) bool { return t.Setup.Load.Arrival == run.Closed && jobOf(&t.Setup) == name },
			experiment.LevelPlot("Throughput against clients: "+name, run.Axis{Label: "clients", Log: true}, run.Axis{Label: "ok", Unit: "1/s"},
				experiment.Figure{Name: "throughput", Unit: "1/s", Of: throughputOf})))
	}
	return plots
}

func throughputOf(r *run.Recording) (float64, bool) {
	return measure.Throughput(r.ClientOps()), true
}
