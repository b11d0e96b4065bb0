package catalogue

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/trace"
	"example.com/contend/internal/workload"
)

// scale asks what more containers are good for.
func scale(o Options) experiment.Experiment {
	nodesAxis := run.Axis{Label: "nodes", Log: true}
	x := experiment.Experiment{
		Name:     "scale",
		Question: "Of 16 clients who never rest, how much more is done by two, four and eight nodes than by one, each with one connection to the database?",
		Claims:   scaleClaims(),
		Arms:     scaleArms(o),
		Figures:  []experiment.Figure{doneRate, errorRate, fairness, worstWait, waitedForLock},
		Plots: []experiment.Plot{
			experiment.LevelPlot("Throughput against nodes", nodesAxis, run.Axis{Label: "requests that succeed", Unit: "1/s", Log: true}, doneRate),
			experiment.LevelPlot("Worst wait against nodes", nodesAxis, run.Axis{Label: "worst wait", Unit: "ms", Log: true}, worstWait),
			experiment.LevelPlot("Fairness between nodes", nodesAxis, run.Axis{Label: "least share over greatest"}, fairness),
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
		return []experiment.Arm{scaleArm("increment/WAL", store.WAL, increment, 150*time.Millisecond, 2, 1, 4, 8)}
	}
	return []experiment.Arm{
		scaleArm("increment/DELETE", store.Delete, increment, 250*time.Millisecond, 3, 1, 2, 4, 8),
		scaleArm("increment/WAL", store.WAL, increment, 250*time.Millisecond, 3, 1, 2, 4, 8),
		scaleArm("read/WAL", store.WAL, read, 250*time.Millisecond, 3, 1, 2, 4, 8),
	}
}

// scaleArm is an arm with a trial for each count of nodes. A node has one
// connection, as the seed's application has: within it requests take their
// turn, and only nodes contend.
func scaleArm(name string, journal store.Journal, of func(nodes int) workload.Workload, lasts time.Duration, repeats int, counts ...int) experiment.Arm {
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
			Setup: run.Setup{
				Nodes: n, Discipline: d, Workload: of(n), Traced: !reads,
				Load: run.Load{Arrival: run.Closed, Clients: 16, Duration: lasts, Timeout: patience},
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

func waitedForLockOf(r *run.Recording) (percent float64, ok bool) {
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

func doneRateOf(r *run.Recording) (perSecond float64, ok bool) {
	lasts, n := r.Setup.Load.Duration, 0
	for _, op := range r.ClientOps() {
		if op.Outcome == history.OK && op.Returned <= lasts {
			n++
		}
	}
	return float64(n) / lasts.Seconds(), r.Told()
}

// scaleOutlooks rest on runs on an idle and on a busy machine. How much is done
// hangs on the machine and on what else it does: of that nothing is expected.
var scaleOutlooks = map[string]outlook{
	"increment/DELETE": {holds: "lock-is-the-bottleneck"},
	"increment/WAL":    {holds: "lock-is-the-bottleneck"},
	"read/WAL":         {},
}

func scaleClaims() []experiment.Claim {
	return []experiment.Claim{lockBottleneck, {
		ID:     "nodes-no-gain",
		Text:   "More containers bring no more throughput: neither four nor eight do more than 1.1 times what one does.",
		TextJA: "コンテナを増やしても性能向上なし",
		Source: seed(644),
		Check:  unless(doneRate, []int{4, 8}, above(1.1)),
	}, {
		ID:     "nodes-worse",
		Text:   "More containers contend and make it worse: eight do less than 0.9 times what one does.",
		TextJA: "むしろ競合が増えて悪化",
		Source: seed(645),
		Check:  shows(doneRate, 8, below(0.9)),
	}, {
		ID:     "nodes-as-one",
		Text:   "Eight containers are as good as a single process: they do 0.8 to 1.25 times what one does.",
		TextJA: "実質的に単一プロセス相当",
		Source: seed(646),
		Check:  unless(doneRate, []int{8}, below(0.8), above(1.25)),
	}, {
		ID:     "throughput-collapses",
		Text:   "Throughput drops by much: eight containers do less than half of what one does.",
		TextJA: "スループットの大幅な低下",
		Source: seed(636),
		Check:  shows(doneRate, 8, below(0.5)),
	}, {
		ID:     "waits-accumulate",
		Text:   "Waits accumulate: with eight containers the longest is at least twice as long as with one.",
		TextJA: "待機時間の累積",
		Source: seed(635),
		Check:  shows(worstWait, 8, above(2)),
	}}
}

// lockBottleneck is judged by what the nodes wrote down of each write.
var lockBottleneck = experiment.Claim{
	ID:     "lock-is-the-bottleneck",
	Text:   "The single write lock is the bottleneck: with eight containers, writes spend more than half of their time waiting for it.",
	TextJA: "単一書き込みロックによるボトルネック",
	Source: seed(634),
	Check: func(e *run.Evidence) experiment.Judgement {
		one, eight := e.Trial(nodeCount(1)).Spread(waitedForLockOf), e.Trial(nodeCount(8)).Spread(waitedForLockOf)
		if eight.Count == 0 {
			return experiment.Judgement{Reason: "no write of eight nodes was traced"}
		}
		return experiment.Judgement{
			Verdict:  ruled(eight.Min > 50),
			Measured: fmt.Sprintf("8 nodes: %s %%", eight),
			Reason:   fmt.Sprintf("with eight nodes %s %% of the writing time is spent waiting for the lock, with one %s %%; the claim wants more than 50 %% in every repeat", eight, one),
		}
	},
}

// A difference is what would set n nodes apart from one: a ratio of their
// figures beyond a limit.
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

// shows returns the check of a claim that there is a difference: it holds where
// every repeat shows it, and is refuted where none does. Repeats that disagree
// are noise.
func shows(f experiment.Figure, n int, d difference) func(*run.Evidence) experiment.Judgement {
	return func(e *run.Evidence) experiment.Judgement {
		ratios, j := compare(e, f, n)
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
			ratios, j := compare(e, f, n)
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

// compare returns the ratios of a figure with n nodes to that with one, each of
// the same repeat, and a judgement that says so and decides nothing.
func compare(e *run.Evidence, f experiment.Figure, n int) (measure.Spread, experiment.Judgement) {
	one, many := e.Trial(nodeCount(1)), e.Trial(nodeCount(n))
	var ratios []float64
	for _, a := range one.Recordings {
		for _, b := range many.Recordings {
			x, known := f.Of(a)
			y, alsoKnown := f.Of(b)
			if a.Repeat == b.Repeat && known && alsoKnown && x > 0 {
				ratios = append(ratios, y/x)
			}
		}
	}
	s := measure.SpreadOf(ratios)
	if s.Count == 0 {
		return s, experiment.Judgement{Reason: fmt.Sprintf("one node and %d were not both recorded", n)}
	}
	measured := fmt.Sprintf("%d nodes: %s ×", n, s)
	return s, experiment.Judgement{
		Measured: measured,
		Reason:   fmt.Sprintf("with %s the %s is %s times that with one", nodeCount(n), f.Name, s),
	}
}
