package catalogue

import (
	"fmt"
	"strings"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/measure"
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
		Question: "In a closed loop of 16 clients, how much more do two, four and eight nodes do than one, each with one connection to the database?",
		Claims:   scaleClaims,
		Arms:     scaleArms(o),
		Figures:  []experiment.Figure{doneRate, errorRate, fairness, worstWait, waitedForLock},
		Plots: []experiment.Plot{
			experiment.LevelPlot("Throughput against nodes", nodesAxis, run.Axis{Label: "requests that succeed", Unit: "1/s", Log: true}, doneRate),
			experiment.LevelPlot("Worst wait against nodes", nodesAxis, run.Axis{Label: "worst wait", Unit: "ms", Log: true}, worstWait),
			experiment.LevelPlot("Fairness between nodes", nodesAxis, run.Axis{Label: "least share over greatest"}, fairness),
		},
		Takes: pick(o, 16*time.Second, 3*time.Second),
	}
}

var scaleClaims = []experiment.Claim{
	claim("lock-is-the-bottleneck", source(634, "単一書き込みロックによるボトルネック"),
		"The single write lock is the bottleneck: with eight containers, writes spend more than half of their time waiting for it.",
		lockIsBottleneck),
	claim("nodes-no-gain", source(644, "コンテナを増やしても性能向上なし"),
		"More containers bring no more throughput: neither four nor eight do more than 1.1 times what one does.",
		unless(doneRate, []int{4, 8}, above(1.1))),
	claim("nodes-worse", source(645, "むしろ競合が増えて悪化"),
		"More containers contend and make it worse: eight do less than 0.9 times what one does.",
		shows(doneRate, 8, below(0.9))),
	claim("nodes-as-one", source(646, "実質的に単一プロセス相当"),
		"Eight containers are as good as a single process: they do 0.8 to 1.25 times what one does.",
		unless(doneRate, []int{8}, below(0.8), above(1.25))),
	claim("throughput-collapses", source(636, "スループットの大幅な低下"),
		"Throughput drops by much: eight containers do less than half of what one does.",
		shows(doneRate, 8, below(0.5))),
	claim("waits-accumulate", source(635, "待機時間の累積"),
		"Waits accumulate: with eight containers the longest is at least twice as long as with one.",
		shows(worstWait, 8, above(2))),
}

// scaleArms returns writes and reads. The trials of an arm take turns, so that each repeat compares
// what the machine did within a few seconds. The outlooks rest on runs on an idle and on a busy
// machine. How much is done hangs on the machine and on what else it does: of that nothing is
// expected. Reads take no write lock, and are not asked about it.
func scaleArms(o Options) []experiment.Arm {
	const throughput = "nodes-no-gain nodes-worse nodes-as-one throughput-collapses waits-accumulate"
	increment := func(n int) workload.Workload { return workload.Increment{Key: counter, Nodes: n} }
	read := func(n int) workload.Workload { return workload.Read{Key: counter, Nodes: n} }
	writes := outlook{holds: "lock-is-the-bottleneck", either: throughput}
	arms := []experiment.Arm{
		scaleArm(o, "increment/DELETE", store.Delete, increment, writes),
		scaleArm(o, "increment/WAL", store.WAL, increment, writes),
		scaleArm(o, "read/WAL", store.WAL, read, outlook{either: throughput}),
	}
	return pick(o, arms, arms[1:2])
}

// scaleArm is an arm with a trial for each count of nodes. A node has one connection, as the
// source's application has: within it requests take their turn, and only nodes contend.
func scaleArm(o Options, name string, journal store.Journal, of func(nodes int) workload.Workload, expected outlook) experiment.Arm {
	d := quiet(store.Immediate, 5000, journal)
	d.Pool = 1
	_, reads := of(1).(workload.Read)
	arm := experiment.Arm{Name: name, Repeats: pick(o, 3, 2), Expect: expected.expect()}
	for _, n := range pick(o, []int{1, 2, 4, 8}, []int{1, 4, 8}) {
		arm.Trials = append(arm.Trials, experiment.Trial{
			Name: units.Plural(n, "node"), Level: float64(n),
			Setup: run.Setup{
				Nodes: n, Discipline: d, Workload: of(n), Traced: !reads,
				Load: run.Load{Arrival: run.Closed, Clients: 16, Duration: pick(o, 250*time.Millisecond, 150*time.Millisecond), Timeout: patience},
			},
		})
	}
	return arm
}

// waitedForLock is the part of the time of all writes, from the first wish for
// a lock to the end, in which they did not have the write lock yet.
var waitedForLock = experiment.Figure{Name: "writing time spent waiting for the lock", Unit: "%", Of: func(r *run.Recording) (percent float64, ok bool) {
	var waited, all int64
	for _, a := range r.Attempts {
		if a.Kind != locktrace.Write {
			continue
		}
		got := a.Locked
		if got == 0 {
			got = a.Ended
		}
		waited, all = waited+got-a.Began, all+a.Ended-a.Began
	}
	return 100 * float64(waited) / float64(all), all > 0
}}

var doneRate = rateOf("throughput while the load lasts", func(*history.Op) bool { return true })

// lockIsBottleneck judges by the nodes' traces of each write.
func lockIsBottleneck(e *run.Evidence) experiment.Judgement {
	one, eight := e.Trial("1 node").Spread(waitedForLock.Of), e.Trial("8 nodes").Spread(waitedForLock.Of)
	if eight.Count == 0 {
		return undecided("no write of eight nodes was traced")
	}
	return judged(ruled(eight.Min > 50), fmt.Sprintf("8 nodes: %s %%", eight),
		"with eight nodes %s %% of the writing time is spent waiting for the lock, with one %s %%; the claim wants more than 50 %% in every repeat", eight, one)
}

// A difference is what would set n nodes apart from one: a ratio of their figures beyond a limit.
type difference struct {
	limit float64
	above bool // or below
}

func above(limit float64) difference { return difference{limit, true} }
func below(limit float64) difference { return difference{limit, false} }

// in reports whether every repeat shows the difference, and whether any does.
func (d difference) in(ratios measure.Spread) (all, any bool) {
	if d.above {
		return ratios.Min > d.limit, ratios.Max > d.limit
	}
	return ratios.Max < d.limit, ratios.Min < d.limit
}

func (d difference) String() string {
	if d.above {
		return fmt.Sprintf("above %g", d.limit)
	}
	return fmt.Sprintf("below %g", d.limit)
}

// shows returns the check of a claim that there is a difference: it holds where every repeat shows
// it, and is refuted where none does. Repeats that disagree are noise.
func shows(f experiment.Figure, n int, d difference) func(*run.Evidence) experiment.Judgement {
	return func(e *run.Evidence) experiment.Judgement {
		ratios, j := besideOne(e, f, n)
		if ratios.Count == 0 {
			return j
		}
		all, any := d.in(ratios)
		j.Verdict = ruled(all)
		j.Reason += fmt.Sprintf("; the claim wants it %s in every repeat", d)
		if any && !all {
			j.Verdict, j.Noise = check.Inconclusive, true
			j.Reason += ", and it is so in some only: no difference is shown, nor that there is none"
		}
		return j
	}
}

// unless returns the check of a claim that there is no difference: it is
// refuted where every repeat shows one of those given, at any of the counts, and
// holds where none does. What only some repeats show is noise.
func unless(f experiment.Figure, counts []int, apart ...difference) func(*run.Evidence) experiment.Judgement {
	return func(e *run.Evidence) experiment.Judgement {
		whole := experiment.Judgement{Verdict: check.Holds}
		var measured, reasons []string
		for _, n := range counts {
			ratios, j := besideOne(e, f, n)
			if ratios.Count == 0 {
				return j
			}
			measured, reasons = append(measured, j.Measured), append(reasons, j.Reason)
			for _, d := range apart {
				all, any := d.in(ratios)
				switch {
				case all:
					whole.Verdict = check.Refuted
					reasons = append(reasons, fmt.Sprintf("it is %s in every repeat", d))
				case any:
					whole.Noise = true
					reasons = append(reasons, fmt.Sprintf("it is %s in some repeats only, which is inside the noise", d))
				}
			}
		}
		whole.Measured, whole.Reason = strings.Join(measured, ", "), strings.Join(reasons, "; ")
		if whole.Noise && whole.Verdict == check.Holds {
			whole.Verdict = check.Inconclusive
		}
		return whole
	}
}

// besideOne returns the ratios of a figure with n nodes to that with one, each of
// the same repeat, and a judgement that says so and decides nothing.
func besideOne(e *run.Evidence, f experiment.Figure, n int) (measure.Spread, experiment.Judgement) {
	s := ratios(pairs(e.Trial("1 node"), e.Trial(fmt.Sprintf("%d nodes", n))), f)
	if s.Count == 0 {
		return s, undecided("one node and %d were not both recorded", n)
	}
	return s, judged(check.Inconclusive, fmt.Sprintf("%d nodes: %s ×", n, s), "with %d nodes the %s is %s times that with one", n, f.Name, s)
}
