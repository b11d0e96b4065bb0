package catalogue

import (
	"fmt"
	"time"

	"example.com/contend/internal/experiment"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// loadLevels is the seed's error rate analysis: ever more requests at once.
func loadLevels(o Options) experiment.Experiment {
	levels := levelsOf(o)
	x := experiment.Experiment{
		Name:     "load",
		Question: "How do the error rate and the wait grow with the number of simultaneous increments?",
		Claims:   loadClaims(levels),
		Arms:     loadArms(o, levels),
		Figures:  []experiment.Figure{errorRate, meanWait, attemptsPerSuccess},
		Plots: []experiment.Plot{
			experiment.LevelPlot("Errors against load", crowdAxis, experiment.Axis{Label: "requests that fail", Unit: "%"}, errorRate, claimedErrors()),
			experiment.LevelPlot("Mean wait against load", crowdAxis, experiment.Axis{Label: "mean wait", Unit: "ms", Log: true}, meanWait, claimedWaits()),
			crowdWaitsPlot(levels[len(levels)-1]),
		},
		// Clients wait for a lock that is held for 10 ms at a time, or between two
		// tries: six recordings at once keep two cores half busy.
		Abreast: 6,
		Takes:   30 * time.Second,
	}
	if o.Quick {
		x.Takes = 4 * time.Second
	}
	return x
}

var crowdAxis = experiment.Axis{Label: "simultaneous requests", Log: true}

func levelsOf(o Options) []int {
	if len(o.Levels) > 0 {
		return o.Levels
	}
	var levels []int
	for _, row := range tableRows {
		levels = append(levels, row.level)
	}
	return levels
}

// loadArms returns the seed's mitigation, and what is left of it without its
// retries, its patience or its transaction. A quick run has an arm that is over
// at once, and a green that is not raised far enough to take long.
func loadArms(o Options, levels []int) []experiment.Arm {
	if o.Quick {
		return []experiment.Arm{
			crowdArm("green", mitigated(5000, 3, exponential), upTo(50, levels)),
			crowdArm("impatient", mitigated(0, 0, exponential), levels),
		}
	}
	deferred := mitigated(5000, 0, exponential)
	deferred.Transaction = store.Deferred
	return []experiment.Arm{
		crowdArm("green", mitigated(5000, 3, exponential), levels),
		crowdArm("green/no-retries", mitigated(5000, 0, exponential), levels),
		crowdArm("one-second", mitigated(1000, 0, exponential), levels),
		crowdArm("deferred", deferred, levels),
		crowdArm("impatient", mitigated(0, 0, exponential), levels),
		crowdArm("impatient/retries", mitigated(0, 3, exponential), levels),
		crowdArm("impatient/jitter", mitigated(0, 3, jittered), levels),
	}
}

// crowdArm is an arm with a trial for each level.
func crowdArm(name string, d store.Discipline, levels []int) experiment.Arm {
	arm := experiment.Arm{Name: name, Expect: loadOutlooks[name].of(loadClaims(levels))}
	for _, n := range levels {
		arm.Trials = append(arm.Trials, experiment.Trial{Name: atOnce(n), Level: float64(n), Setup: crowd(d, n)})
	}
	return arm
}

func atOnce(n int) string { return fmt.Sprintf("%d at once", n) }

// upTo returns the levels that are no higher than highest, but at least one.
func upTo(highest int, levels []int) []int {
	n := 1
	for n < len(levels) && levels[n] <= highest {
		n++
	}
	return levels[:n]
}

// crowd is a burst of n increments. The nodes have a connection to the database
// for each request, so that all of them meet in SQLite and none in a queue
// before it.
func crowd(d store.Discipline, n int) experiment.Setup {
	d.Pool = max(d.Pool, (n+nodes-1)/nodes)
	return experiment.Setup{
		Nodes: nodes, Discipline: d, Load: burst(n),
		Workload: workload.Increment{Key: "counter", Nodes: nodes},
	}
}

// The seed's backoff, and the same with full jitter.
var (
	exponential = store.Green().Backoff
	jittered    = store.Backoff{Base: exponential.Base, Max: exponential.Max, Jitter: true}
)

// mitigated is the seed's green with other patience and other retries.
func mitigated(timeout store.Milliseconds, retries int, b store.Backoff) store.Discipline {
	d := store.Green()
	d.BusyTimeout, d.Retries, d.Backoff = timeout, retries, b
	if retries == 0 {
		d.Backoff = store.Backoff{}
	}
	return d
}
