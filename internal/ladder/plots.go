package ladder

import (
	"strings"

	"example.com/contend/internal/experiment"
	"example.com/contend/internal/load"
	"example.com/contend/internal/measure"
)

// plots are the pictures of the comparison.
func (l *Ladder) plots() []experiment.Plot {
	first := l.options.Workloads[0]
	main := l.atRest(&rung{}, first, l.mainClients()).Name
	plots := []experiment.Plot{
		bars("Acknowledged a second: "+main, experiment.Axis{Label: "ok", Unit: "1/s"}, main, throughputOf),
		bars("The slowest of a hundred: "+main, experiment.Axis{Label: "p99 of ok requests", Unit: "ms", Log: true}, main, tailOf),
		bars("Acknowledged, and not in the database: "+main, experiment.Axis{Label: "lost", Unit: "%"}, main, lostOf),
	}
	if len(l.options.Clients) > 1 {
		for _, name := range l.options.Workloads {
			plots = append(plots, lines("Throughput against clients: "+name, name))
		}
	}
	return plots
}

// mainClients is the number of clients that the main figures are of: the most
// that are no more than 100, or the fewest there are.
func (l *Ladder) mainClients() int {
	n := l.options.Clients[0]
	for _, clients := range l.options.Clients {
		if clients <= 100 {
			n = clients
		}
	}
	return n
}

// bars is a plot with one bar for each rung: a figure of its trial called name.
func bars(title string, y experiment.Axis, name string, of func(*experiment.Recording) (float64, bool)) experiment.Plot {
	plot := experiment.BarsPlot(title, y, experiment.Figure{Name: y.Label, Unit: y.Unit, Of: of}, nil)
	return func(arms []experiment.Evidence) experiment.Chart {
		return plot(only(arms, func(t *experiment.TrialEvidence) bool { return t.Name == name }))
	}
}

// lines is a plot of throughput against clients with a line for each rung.
func lines(title, workload string) experiment.Plot {
	plot := experiment.LevelPlot(title, experiment.Axis{Label: "clients", Log: true}, experiment.Axis{Label: "ok", Unit: "1/s"},
		experiment.Figure{Name: "throughput", Unit: "1/s", Of: throughputOf})
	return func(arms []experiment.Evidence) experiment.Chart {
		return plot(only(arms, func(t *experiment.TrialEvidence) bool {
			return t.Setup.Load.Arrival == load.Closed && strings.HasPrefix(t.Name, workload+",")
		}))
	}
}

// only returns the evidence of the trials that match.
func only(arms []experiment.Evidence, match func(*experiment.TrialEvidence) bool) []experiment.Evidence {
	var all []experiment.Evidence
	for _, e := range arms {
		var trials []experiment.TrialEvidence
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

func throughputOf(r *experiment.Recording) (float64, bool) {
	return measure.Throughput(r.ClientOps()), true
}

func tailOf(r *experiment.Recording) (float64, bool) {
	s := measure.Latency(succeeded(r.ClientOps()))
	return s.P99, s.Count > 0
}

func lostOf(r *experiment.Recording) (float64, bool) {
	lost, known := r.Deficit()
	n := r.Counts().OK
	if !known || n == 0 {
		return 0, false
	}
	return 100 * float64(lost.Min) / float64(n), true
}
