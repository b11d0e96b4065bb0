package catalogue

import (
	"fmt"
	"time"

	"example.com/contend/internal/experiment"
	"example.com/contend/internal/fault"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// lockWait is the seed's third test: a long transaction on one node, and
// writers on the others.
func lockWait(o Options) experiment.Experiment {
	shown := "hold-5s/5000/WAL"
	if o.Quick {
		shown = "hold-2.5s/5000/WAL"
	}
	return experiment.Experiment{
		Name:     "lock-wait",
		Question: "While one node keeps its write transaction open for seconds, how long do ten writers on the other nodes wait, and what becomes of them?",
		Claims:   append(lockClaims(), waitClaims()...),
		Arms:     holdArms(o),
		Plots: []experiment.Plot{
			experiment.LanesPlot("Ten writers against one long transaction: "+shown, shown),
			experiment.WaitsPlot("How long a writer waited, whatever came of it, in WAL mode", inWAL, experiment.Mark{From: 5000, To: 5000, Label: "busy_timeout"}),
		},
		Abreast: 12, // nearly all of the time is waiting for one holder that sleeps
		Takes:   takes(o, 9*time.Second, 4*time.Second),
	}
}

// inWAL picks the arms in WAL mode. Those in DELETE mode look the same.
func inWAL(arm *experiment.Evidence) bool { return wal(arm.Trials[0].Setup) }

// takes is how long an experiment runs, whole or quick.
func takes(o Options, whole, quick time.Duration) time.Duration {
	if o.Quick {
		return quick
	}
	return whole
}

// holdArms are the seed's long transaction of 5 s, one that ends long before a
// patience of 5 s does and one that outlasts it. Two seconds stand between,
// for the outcome of 5 s against 5 s hangs on milliseconds.
func holdArms(o Options) []experiment.Arm {
	holds := []time.Duration{3 * time.Second, 5 * time.Second, 7 * time.Second}
	if o.Quick {
		holds = []time.Duration{2500 * time.Millisecond}
	}
	var arms []experiment.Arm
	for _, hold := range holds {
		for _, timeout := range []store.Milliseconds{0, 5000} {
			for _, journal := range []store.Journal{store.Delete, store.WAL} {
				arms = append(arms, holdArm(hold, timeout, journal))
			}
		}
	}
	return arms
}

func holdArm(hold time.Duration, timeout store.Milliseconds, journal store.Journal) experiment.Arm {
	d := quiet(store.Separate, timeout, journal)
	d.Pool = 4 // of ten writers no node has more
	arm := experiment.Arm{
		Name: fmt.Sprintf("hold-%s/%d/%s", hold, timeout, journal),
		Trials: experiment.Single(experiment.Setup{
			Nodes: nodes, Discipline: d,
			Load:     burst(10),
			Workload: workload.Write{First: 2, Nodes: nodes - 1},
			Fault:    fault.Hold{Node: "app-1", For: hold},
			Traced:   true,
		}),
		Expect: map[string]experiment.Expectation{
			"one-writer":    experiment.ExpectHolds,
			"wait-or-error": experiment.ExpectHolds,
			"mean-over-2s":  expectThat(timeout > 0),
			"max-over-5s":   expectThat(timeout > 0 && hold > 3*time.Second),
		},
	}
	if timeout == 0 && journal == store.Delete && hold <= 3*time.Second {
		arm.Expect["default-5s"] = experiment.ExpectRefuted // asked where everything is as SQLite has it by default
	}
	return arm
}

// expectThat expects a claim to hold where holds is true, and else to be refuted.
func expectThat(holds bool) experiment.Expectation {
	if holds {
		return experiment.ExpectHolds
	}
	return experiment.ExpectRefuted
}
