package ladder

import (
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/run"
)

// plots are the pictures of the comparison.
func (l *ladder) plots() []experiment.Plot {
	first := l.Workloads[0]
	main := l.atRest(&rung{}, first, l.mainClients()).Name
	plots := []experiment.Plot{
		bars("Acknowledged a second: "+main, run.Axis{Label: "ok", Unit: "1/s"}, main, throughputOf),
		bars("The slowest of a hundred: "+main, run.Axis{Label: "p99 of ok requests", Unit: "ms", Log: true}, main, tailOf),
		bars("Acknowledged, and not in the database: "+main, run.Axis{Label: "lost", Unit: "%"}, main, lostOf),
	}
	if len(l.Clients) > 1 {
		for _, name := range l.Workloads {
			plots = append(plots, lines("Throughput against clients: "+name, name))
		}
	}
	return plots
}

// mainClients is the number of clients that the main figures are of: the most
// that are no more than 100, or the fewest there are.
func (l *ladder) mainClients() int {
	n := l.Clients[0]
	for _, clients := range l.Clients {
		if clients <= 100 {
			n = clients
		}
	}
	return n
}

// bars is a plot with one bar for each rung: a figure of its trial called name.
func bars(title string, y run.Axis, name string, of func(*run.Recording) (float64, bool)) experiment.Plot {
	plot := experiment.BarsPlot(title, y, experiment.Figure{Name: y.Label, Unit: y.Unit, Of: of}, nil)
	return func(arms []run.Evidence) run.Chart {
		return plot(only(arms, func(t *run.TrialEvidence) bool { return t.Name == name }))
	}
}

// lines is a plot of throughput against clients with a line for each rung.
func lines(title, workload string) experiment.Plot {
	plot := experiment.LevelPlot(title, run.Axis{Label: "clients", Log: true}, run.Axis{Label: "ok", Unit: "1/s"},
		experiment.Figure{Name: "throughput", Unit: "1/s", Of: throughputOf})
	return func(arms []run.Evidence) run.Chart {
		return plot(only(arms, func(t *run.TrialEvidence) bool {
			return t.Setup.Load.Arrival == run.Closed && jobOf(&t.Setup) == workload
		}))
	}
}

// only returns the evidence of the trials that match.
func only(arms []run.Evidence, match func(*run.TrialEvidence) bool) []run.Evidence {
	var all []run.Evidence
	for _, e := range arms {
		var trials []run.TrialEvidence
		for i := range e.Trials {
			if match(&e.Trials[i]) {
				trials = append(trials, e.Trials[i])
			}
		}
		e.Trials = trials
		all = append(all, e)
	}
	return all
}

func throughputOf(r *run.Recording) (float64, bool) {
	return measure.Throughput(r.ClientOps()), true
}

func tailOf(r *run.Recording) (float64, bool) {
	s := measure.Latency(succeeded(r.ClientOps()))
	return s.P99, s.Count > 0
}

func lostOf(r *run.Recording) (float64, bool) {
	lost, known := r.Deficit()
	n := r.Counts().OK
	if !known || n == 0 {
		return 0, false
	}
	return 100 * float64(lost.Min) / float64(n), true
}
