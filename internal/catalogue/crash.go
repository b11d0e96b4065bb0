package catalogue

import (
	"fmt"
	"time"

	"example.com/contend/internal/experiment"
	"example.com/contend/internal/fault"
	"example.com/contend/internal/load"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// crash is the seed's fifth test: containers die in the midst of writing. The
// seed lets chance say when each dies once; here all die together, again and
// again, and chance says when.
func crash(o Options) experiment.Experiment {
	arms := crashArms(o)
	return experiment.Experiment{
		Name:     "crash",
		Question: "When every node is killed with SIGKILL in the midst of writing, again and again, is the file damaged, and is an acknowledged write lost?",
		Claims:   crashClaims(),
		Arms:     arms,
		Figures:  []experiment.Figure{crashes, hotJournals, unacknowledged, downtime},
		Plots: []experiment.Plot{
			survivalPlot(arms[0].Name),
			figureBars("What crashes left behind", experiment.Axis{Label: "in one recording"}, func(*experiment.Evidence) bool { return true }, crashes, hotJournals, unacknowledged, lostWrites),
		},
		Abreast: 2, // a killed node works for nobody until it is back
		Takes:   takes(o, 8*time.Second, 2*time.Second),
	}
}

// crashArms are the two journals, each as careful and as careless as it can be.
// A quick run has of each only what is most at risk.
func crashArms(o Options) []experiment.Arm {
	lasts := 2 * time.Second
	levels := []store.Synchronous{store.Off, store.Normal, store.Full}
	if o.Quick {
		lasts, levels = 1200*time.Millisecond, levels[:1]
	}
	var arms []experiment.Arm
	for _, synchronous := range levels {
		for _, j := range []store.Journal{store.Delete, store.WAL} {
			arms = append(arms, crashArm(j, synchronous, lasts))
		}
	}
	return arms
}

func crashArm(j store.Journal, synchronous store.Synchronous, lasts time.Duration) experiment.Arm {
	d := quiet(store.Separate, 1000, j)
	d.Synchronous, d.Pool = synchronous, 8
	return experiment.Arm{
		Name: fmt.Sprintf("%s/%s", j, synchronous),
		Trials: experiment.Single(experiment.Setup{
			Nodes: nodes, Discipline: d,
			// An open load: while no node lives, clients do not ask more often.
			Load:     load.Spec{Arrival: load.Open, Clients: 32, Rate: 150, Duration: lasts, Timeout: 5 * time.Second},
			Workload: workload.Write{},
			Fault:    fault.Crash{Within: 400 * time.Millisecond},
		}),
		Expect: map[string]experiment.Expectation{
			"ok-before":      experiment.ExpectHolds,
			"damaged-after":  experiment.ExpectRefuted,
			"writes-lost":    experiment.ExpectRefuted,
			"data-safe":      experiment.ExpectHolds,
			"all-or-nothing": experiment.ExpectHolds,
		},
	}
}

// crashes is how often all nodes were killed.
var crashes = experiment.Figure{Name: "crashes", Of: func(r *experiment.Recording) (n float64, ok bool) {
	_, after := looks(r)
	return float64(len(after)), r.Told()
}}

// hotJournals is how many of them left a rollback journal that had to be rolled back.
var hotJournals = experiment.Figure{Name: "hot journals", Of: func(r *experiment.Recording) (n float64, ok bool) {
	_, after := looks(r)
	for _, look := range after {
		if look.Hot {
			n++
		}
	}
	return n, r.Told()
}}

// unacknowledged is how many rows were committed without their clients ever hearing of it.
var unacknowledged = experiment.Figure{Name: "committed, not acknowledged", Of: func(r *experiment.Recording) (n float64, ok bool) {
	return float64(r.Durability().Recovered), r.Facts != nil
}}

// lostWrites is how many acknowledged writes are certainly gone.
var lostWrites = experiment.Figure{Name: "lost", Of: func(r *experiment.Recording) (n float64, ok bool) {
	return float64(r.Durability().Lost.Min), r.Facts != nil
}}

// downtime is the longest that a node took from being killed to serving again.
var downtime = experiment.Figure{Name: "longest from killed to serving", Unit: "s", Of: func(r *experiment.Recording) (seconds float64, ok bool) {
	for _, c := range r.Durability().Crashes {
		seconds, ok = max(seconds, (c.Serving-c.Killed).Seconds()), true
	}
	return seconds, ok
}}

// looks returns what was found before the load began, and after each crash.
func looks(r *experiment.Recording) (before *fault.Event, after []fault.Event) {
	for i, event := range r.Faults {
		switch {
		case event.Kind != fault.KindLook:
		case before == nil:
			before = &r.Faults[i]
		default:
			after = append(after, event)
		}
	}
	return before, after
}
