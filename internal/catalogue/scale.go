package catalogue

import (
	"fmt"
	"slices"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/load"
	"example.com/contend/internal/store"
	"example.com/contend/internal/trace"
	"example.com/contend/internal/workload"
)

// scale asks what more containers are good for.
func scale(o Options) experiment.Experiment {
	nodesAxis := experiment.Axis{Label: "nodes", Log: true}
	x := experiment.Experiment{
		Name:     "scale",
		Question: "Of 16 clients who never rest, how much more is done by two, four and eight nodes than by one, each with one connection to the database?",
		Claims:   scaleClaims(),
		Arms:     scaleArms(o),
		Figures:  []experiment.Figure{doneRate, errorRate, fairness, worstWait, waitedForLock},
		Plots: []experiment.Plot{
			experiment.LevelPlot("Throughput against nodes", nodesAxis, experiment.Axis{Label: "requests that succeed", Unit: "1/s", Log: true}, doneRate),
			experiment.LevelPlot("Worst wait against nodes", nodesAxis, experiment.Axis{Label: "worst wait", Unit: "ms", Log: true}, worstWait),
			experiment.LevelPlot("Fairness between nodes", nodesAxis, experiment.Axis{Label: "least share over greatest"}, fairness),
		},
		Takes: 16 * time.Second,
	}
	if o.Quick {
		x.Takes = 3 * time.Second
	}
	return x
}

// scaleArms returns writes and reads. The trials of an arm take turns, so that
// each repeat compares what the machine did within a few seconds.
func scaleArms(o Options) []experiment.Arm {
	increment := func(n int) workload.Workload { return workload.Increment{Key: "counter", Nodes: n} }
	read := func(n int) workload.Workload { return workload.Read{Key: "counter", Nodes: n} }
	if o.Quick {
		return []experiment.Arm{scaleArm("increment/WAL", store.WAL, increment, 2, 1, 4, 8)}
	}
	return []experiment.Arm{
		scaleArm("increment/DELETE", store.Delete, increment, 3, 1, 2, 4, 8),
		scaleArm("increment/WAL", store.WAL, increment, 3, 1, 2, 4, 8),
		scaleArm("read/WAL", store.WAL, read, 3, 1, 2, 4, 8),
	}
}

// scaleArm is an arm with a trial for each count of nodes. A node has one
// connection, as the seed's application has: within it requests take their
// turn, and only nodes contend.
func scaleArm(name string, journal store.Journal, of func(nodes int) workload.Workload, repeats int, counts ...int) experiment.Arm {
	d := quiet(store.Immediate, 5000, journal)
	d.Pool = 1
	claims := scaleClaims()
	_, reads := of(1).(workload.Read)
	if reads {
		claims = slices.DeleteFunc(claims, func(c experiment.Claim) bool { return c.ID == lockBottleneck.ID })
	}
	arm := experiment.Arm{Name: name, Repeats: repeats, Expect: scaleOutlooks[name].of(claims)}
	for _, n := range counts {
		arm.Trials = append(arm.Trials, experiment.Trial{
			Name: nodeCount(n), Level: float64(n),
			Setup: experiment.Setup{
				Nodes: n, Discipline: d, Workload: of(n), Traced: !reads,
				Load: load.Spec{Arrival: load.Closed, Clients: 16, Duration: 250 * time.Millisecond, Timeout: patience},
			},
		})
	}
	return arm
}

func nodeCount(n int) string {
	if n == 1 {
		return "1 node"
	}
	return fmt.Sprintf("%d nodes", n)
}

// waitedForLock is the part of the time of all writes, from the first wish for
// a lock to the end, in which they did not have the write lock yet.
var waitedForLock = experiment.Figure{Name: "writing time spent waiting for the lock", Unit: "%", Of: waitedForLockOf}

func waitedForLockOf(r *experiment.Recording) (percent float64, ok bool) {
	var waited, all int64
	for _, a := range r.Attempts {
		if a.Kind != trace.Write {
			continue
		}
		got := a.Locked
		if got == 0 {
			got = a.Ended
		}
		waited, all = waited+got-a.Began, all+a.Ended-a.Began
	}
	return 100 * float64(waited) / float64(all), all > 0
}

// doneRate is the throughput while the load lasts. What is done after its end
// does not count, for then fewer and fewer clients are left to contend.
var doneRate = experiment.Figure{Name: "throughput while the load lasts", Unit: "1/s", Of: doneRateOf}

func doneRateOf(r *experiment.Recording) (perSecond float64, ok bool) {
	lasts, n := r.Setup.Load.Duration, 0
	for _, op := range r.ClientOps() {
		if op.Outcome == history.OK && op.Returned <= lasts {
			n++
		}
	}
	return float64(n) / lasts.Seconds(), r.Told()
}
