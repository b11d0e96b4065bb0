package catalogue

import (
	"fmt"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/units"
	"example.com/contend/internal/workload"
)

// scale asks what more containers are good for.
func scale(o Options) experiment.Experiment {
	nodesAxis := run.Axis{Label: "nodes", Log: true}
	return experiment.Experiment{
		Name:     "scale",
		Question: "In a closed loop of 16 clients, how much more do four and eight nodes do than one, each with one connection to the database, on one file and on a file each?",
		Claims:   scaleClaims,
		Arms:     scaleArms(o),
		Figures:  []experiment.Figure{doneRate, errorRate, fairness, worstWait, waitedForLock, locksHeld, costOfWrite},
		Plots: []experiment.Plot{
			experiment.LevelPlot("Throughput against nodes", nodesAxis, run.Axis{Label: "requests that succeed", Unit: "1/s", Log: true}, doneRate),
			experiment.LevelPlot("Worst wait against nodes", nodesAxis, run.Axis{Label: "worst wait", Unit: "ms", Log: true}, worstWait),
			experiment.LevelPlot("Write locks held at once, against nodes", nodesAxis, run.Axis{Label: "write locks held at once"}, locksHeld),
			experiment.LevelPlot("Fairness between nodes", nodesAxis, run.Axis{Label: "least share over greatest"}, fairness),
		},
		Takes: pick(o, 26*time.Second, 6*time.Second),
	}
}

// scaleClaims compare eight nodes with one, repeat by repeat, so that what the machine did to both
// is not in it.
var scaleClaims = []experiment.Claim{
	claim("lock-is-the-bottleneck", source(634, "単一書き込みロックによるボトルネック"),
		"The single write lock is the bottleneck: with eight containers, writes spend more than half of their time waiting for it.",
		func(e *run.Evidence) experiment.Judgement {
			return above(50).judge(waitedForLock.Name+", 8 nodes, in %", e.Trial("8 nodes").Values(waitedForLock.Of))
		}),
	timed(claim("nodes-no-gain", source(644, "コンテナを増やしても性能向上なし"),
		"More containers bring no more throughput: eight do less than 1.5 times what one does.",
		beside(doneRate, 1, 8, below(1.5)))),
	claim("nodes-worse", source(645, "むしろ競合が増えて悪化"),
		"More containers contend more and make it worse: with eight, writes spend more than 1.5 times as large a part of their time waiting for the lock as with one, and a larger part than with four.",
		func(e *run.Evidence) experiment.Judgement {
			return both(beside(waitedForLock, 1, 8, above(1.5))(e), beside(waitedForLock, 4, 8, above(1))(e))
		}),
	timed(claim("writes-cost-more", source(645, "むしろ競合が増えて悪化"),
		"Contention costs processor time: with eight containers an acknowledged write takes more than 1.2 times as much as with one.",
		beside(costOfWrite, 1, 8, above(1.2)))),
	claim("nodes-as-one", source(646, "実質的に単一プロセス相当"),
		"Eight containers write like a single process: together they hold fewer than 1.5 write locks at a time.",
		func(e *run.Evidence) experiment.Judgement {
			return below(1.5).judge(locksHeld.Name+", 8 nodes", e.Trial("8 nodes").Values(locksHeld.Of))
		}),
	synced(timed(claim("throughput-collapses", source(636, "スループットの大幅な低下"),
		"Throughput drops by much: eight containers do less than half of what one does.",
		beside(doneRate, 1, 8, below(0.5))))),
	timed(claim("waits-accumulate", source(635, "待機時間の累積"),
		"Waits accumulate: with eight containers the longest is at least twice as long as with one.",
		beside(worstWait, 1, 8, above(2)))),
}

// scaleArms returns increments that are as short as they can be, in both journals, and increments
// that keep the write lock for the source's 10 ms. Of those no machine can do more than 100 a second
// on one file, while eight nodes with a file each have eight locks to keep: the control, in which
// the claims about the lock must fail on any machine.
func scaleArms(o Options) []experiment.Arm {
	const lock = "lock-is-the-bottleneck nodes-no-gain nodes-worse nodes-as-one waits-accumulate"
	shared := outlook{holds: lock, refuted: "throughput-collapses"} // 0.7 to 1 times as much
	costly := shared
	costly.holds += " writes-cost-more" // 1.5 times and more: most of it is looking whether the lock is free
	arms := []experiment.Arm{
		scaleArm(o, "short/DELETE", store.Delete, 0, run.MountShared, shared),
		scaleArm(o, "short/WAL", store.WAL, 0, run.MountShared, shared),
		scaleArm(o, "10ms/WAL", store.WAL, 10, run.MountShared, costly),
		scaleArm(o, "10ms/WAL/own files", store.WAL, 10, run.MountOwnFile, outlook{refuted: lock + " writes-cost-more throughput-collapses"}),
	}
	return pick(o, arms, arms[2:])
}

// scaleArm is an arm with a trial for each count of nodes. A node has one connection, as the
// source's application has: within it requests take their turn, and only nodes contend. Each node has
// a counter of its own, so that nothing but the file is shared.
func scaleArm(o Options, name string, journal store.Journal, think store.Milliseconds, m run.Mount, expected outlook) experiment.Arm {
	d := quiet(store.Immediate, 5000, journal)
	d.Pool, d.Think = 1, think
	arm := experiment.Arm{Name: name, Repeats: 5, Expect: expected.expect()}
	for _, n := range []int{1, 4, 8} {
		s := run.Setup{
			Nodes: n, Discipline: d, Workload: workload.Increment{Key: counter, Nodes: n, Own: true}, Traced: true,
			Load: run.Load{Arrival: run.Closed, Clients: 16, Duration: pick(o, 300*time.Millisecond, 150*time.Millisecond), Timeout: patience},
		}
		if n > 1 {
			s.Mount = m // a node alone shares its file with nobody: both arms have its recordings
		}
		arm.Trials = append(arm.Trials, experiment.Trial{Name: units.Plural(n, "node"), Level: float64(n), Setup: s})
	}
	return arm
}

// Figures of writes, from the nodes' traces.
var (
	// waitedForLock is the part of the time of all writes, from the first wish for
	// a lock to the end, in which they did not have the write lock yet.
	waitedForLock = experiment.Figure{Name: "writing time spent waiting for the lock", Unit: "%", Of: func(r *run.Recording) (percent float64, ok bool) {
		var waited, all int64
		for _, a := range attemptsToWrite(r) {
			got := a.Locked
			if got == 0 {
				got = a.Ended
			}
			waited, all = waited+got-a.Began, all+a.Ended-a.Began
		}
		return 100 * float64(waited) / float64(all), all > 0
	}}
	// locksHeld is how many write locks were held at a time, on average from the first to the last.
	// An attempt is over a moment after its lock is, so that even one lock may seem to be held by two.
	locksHeld = experiment.Figure{Name: "write locks held at once", Of: func(r *run.Recording) (n float64, ok bool) {
		var held, first, last int64
		for _, a := range attemptsToWrite(r) {
			if a.Locked == 0 {
				continue
			}
			if first == 0 || a.Locked < first {
				first = a.Locked
			}
			held, last = held+a.Ended-a.Locked, max(last, a.Ended)
		}
		return float64(held) / float64(last-first), last > first
	}}
)

// attemptsToWrite are the attempts of the application to write.
func attemptsToWrite(r *run.Recording) (all []locktrace.Attempt) {
	for _, a := range r.Attempts {
		if a.Kind == locktrace.Write {
			all = append(all, a)
		}
	}
	return all
}

// costOfWrite is the nodes' processor time for each acknowledged request.
var costOfWrite = experiment.Figure{Name: "processor time of an acknowledged write", Unit: "ms", Of: func(r *run.Recording) (ms float64, ok bool) {
	n := r.Counts().OK
	if r.CPU == nil || n == 0 {
		return 0, false
	}
	return 1000 * r.CPU.Seconds() / float64(n), true
}}

var doneRate = rateOf("throughput while the load lasts", func(*history.Op) bool { return true })

// beside returns the check of a claim on how many times as great a figure is with n nodes as with
// fewer, in the median of the repeats.
func beside(f experiment.Figure, fewer, n int, l limit) func(*run.Evidence) experiment.Judgement {
	return func(e *run.Evidence) experiment.Judgement {
		both := pairs(e.Trial(units.Plural(fewer, "node")), e.Trial(units.Plural(n, "node")))
		return l.judge(fmt.Sprintf("%s, %d nodes over %d", f.Name, n, fewer), ratios(both, f))
	}
}
