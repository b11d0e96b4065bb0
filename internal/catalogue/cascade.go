package catalogue

import (
	"fmt"
	"slices"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// cascade asks whether retries turn an overload that passes into one that
// stays. Increments come faster than they can be done for a while, and then
// much more slowly, once without retries and once with three.
func cascade(o Options) experiment.Experiment {
	return experiment.Experiment{
		Name:     "cascade",
		Question: "When the load is too high for a while, do retries pile requests up and keep the service down after it is over?",
		Claims: []experiment.Claim{
			timed(claim("retries-pile-up", source(694, "リトライによるリクエストの蓄積"),
				"Retries pile requests up: a second after the overload at least twice as many are in flight as without them, and at least ten more.",
				twice(leftInFlight, 10, "requests in flight a second after the overload"))),
			timed(claim("retries-slow-all", source(695, "システム全体のレスポンス低下"),
				"With retries the whole system answers more slowly: clients wait at least twice as long on average as without them, and at least 100 ms longer.",
				twice(meanWait, 100, "ms of mean wait"))),
			timed(claim("service-stops", source(696, "最終的なサービス停止"),
				"Retries finally stop the service, which without them goes on: for two seconds no request succeeds.",
				retriesStop)),
		},
		Arms:    cascadeArms(o),
		Figures: []experiment.Figure{peakInFlight, leftInFlight, meanWait, recovery, silence, errorRate, attemptsPerSuccess},
		Plots:   []experiment.Plot{goodputPlot, inFlightPlot},
		// Clients wait for a lock or between two attempts, and the atomic arm hardly works. With
		// more at once the overload would lack processor time, which is another question.
		Abreast: 6,
		Takes:   pick(o, 11*time.Second, 4*time.Second),
	}
}

// The trials of an arm, which its claims compare.
const (
	withoutRetries = "without retries"
	withRetries    = "with 3 retries"
)

// cascadeArms returns the pairs to compare. In all but the last an increment
// takes the source's 10 ms; the last is one statement, behind which nothing can pile up.
// A quick run has the pair that needs no backoff to be over. The outlooks rest on runs
// alone and abreast, on an idle and on a busy machine.
func cascadeArms(o Options) []experiment.Arm {
	atomic := mitigated(5000, 3, exponential)
	atomic.Transaction, atomic.Think = store.Atomic, 0
	arms := []experiment.Arm{
		cascadeArm(o, "green", mitigated(5000, 3, exponential), outlook{refuted: "retries-pile-up retries-slow-all service-stops"}),
		cascadeArm(o, "impatient", mitigated(0, 3, exponential), outlook{holds: "retries-pile-up retries-slow-all", refuted: "service-stops"}),
		// 150 a second are no overload of it, and if they are one no attempt is refused that could be retried.
		cascadeArm(o, "atomic", atomic, outlook{refuted: "retries-pile-up retries-slow-all service-stops"}),
	}
	return pick(o, arms, arms[:1])
}

// cascadeArm is an arm with d, and with d but for its retries.
//
// Its load is an overload and the calm after it. Each increment keeps the write lock for 10 ms, so
// that no machine can do more than 100 a second: 150 are too many everywhere, and 10 are few. The
// calm lasts until the last retry of the overload is over, which comes 7 s after its first attempt.
// There are as many clients as arrivals, so that none waits for a client, and each has the patience
// of the source's (line 171).
func cascadeArm(o Options, name string, d store.Discipline, expected outlook) experiment.Arm {
	load := run.Load{
		Arrival: run.Open, Rate: 150, Duration: pick(o, 2*time.Second, 500*time.Millisecond),
		Then:    run.Phase{Rate: 10, Duration: pick(o, 7500*time.Millisecond, 2500*time.Millisecond)},
		Timeout: 10 * time.Second,
	}
	load.Clients = int(load.Rate*load.Duration.Seconds() + load.Then.Rate*load.Then.Duration.Seconds())
	d.Pool = (load.Clients + nodes - 1) / nodes // as in crowd: all meet in SQLite
	once := d
	once.Retries, once.Backoff = 0, store.Backoff{}
	setup := func(d store.Discipline) run.Setup {
		return run.Setup{Nodes: nodes, Discipline: d, Load: load, Workload: workload.Increment{Key: counter, Nodes: nodes}}
	}
	return experiment.Arm{
		Name: name, Expect: expected.expect(),
		Trials: []experiment.Trial{{Name: withoutRetries, Setup: setup(once)}, {Name: withRetries, Level: 3, Setup: setup(d)}},
	}
}

// peakInFlight is the most clients that waited for an answer at once. Their number rises
// only when a request comes.
var peakInFlight = experiment.Figure{Name: "peak in flight", Of: func(r *run.Recording) (requests float64, ok bool) {
	ops, most := r.ClientOps(), 0
	for i := range ops {
		most = max(most, underWay(ops, ops[i].Intended))
	}
	return float64(most), len(ops) > 0
}}

// leftInFlight is how many waited when the overload had been over for a
// second: enough for a machine that was short of processor time to catch up,
// so that what is left waits for the database, or for its next attempt.
var leftInFlight = experiment.Figure{Name: "in flight a second after the overload", Of: func(r *run.Recording) (requests float64, ok bool) {
	return float64(underWay(r.ClientOps(), r.Setup.Load.Duration+time.Second)), r.Told()
}}

// underWay is how many clients were waiting for an answer at a time.
func underWay(ops []history.Op, at time.Duration) (n int) {
	for i := range ops {
		if ops[i].Intended <= at && at < ops[i].Returned {
			n++
		}
	}
	return n
}

// A service serves while, of the requests that come within a window, at least
// servedShare are ok within prompt.
const (
	window      = 2 * time.Second
	servedShare = 0.8
	prompt      = time.Second
	step        = 100 * time.Millisecond // by which the window moves
)

// recovery is how long after the overload the service begins to serve for
// good: in every window from then on. ok is false where it does not serve in the last.
var recovery = experiment.Figure{Name: "recovered after", Unit: "s", Of: func(r *run.Recording) (seconds float64, ok bool) {
	over := r.Setup.Load.Duration
	last := over + r.Setup.Load.Then.Duration - window
	ops := r.ClientOps()
	recovered := over
	for from := over; from <= last; from += step {
		came, served := 0, 0
		for i := range ops {
			if op := &ops[i]; op.Intended >= from && op.Intended < from+window {
				came++
				if op.Outcome == history.OK && op.Latency() <= prompt {
					served++
				}
			}
		}
		if float64(served) < servedShare*float64(came) {
			recovered = from + step
		}
	}
	return (recovered - over).Seconds(), recovered <= last
}}

// silence is the longest time in which no request succeeded, while some came.
var silence = experiment.Figure{Name: "longest time without a success", Unit: "s", Of: func(r *run.Recording) (seconds float64, ok bool) {
	return measure.Silence(r.ClientOps(), r.Setup.Load.Span()).Seconds(), r.Told()
}}

var notBothRecorded = undecided("with and without retries were not both recorded")

// twice returns the check of the claim that a figure is at least twice as great with
// retries as without, and greater by at least least: twice next to nothing is nothing.
func twice(f experiment.Figure, least float64, what string) func(*run.Evidence) experiment.Judgement {
	return func(e *run.Evidence) experiment.Judgement {
		for r := range e.All {
			if missed(r) != "" {
				return whole(r, experiment.Judgement{})
			}
		}
		without, with := e.Trial(withoutRetries).Spread(f.Of), e.Trial(withRetries).Spread(f.Of)
		if without.Count == 0 || with.Count == 0 {
			return notBothRecorded
		}
		return judged(ruled(with.Median >= 2*without.Median && with.Median-without.Median >= least),
			fmt.Sprintf("%.0f with retries, %.0f without", with.Median, without.Median),
			"%.0f %s with retries and %.0f without; the claim wants twice as many, and at least %g more", with.Median, what, without.Median, least)
	}
}

// A service has stopped when it is silent for stopSilence, and goes on while it is silent for no more than
// stillServes. How soon it serves again after
// an overload is measured as well, and hangs on the machine: after 0.5 to 5.4 s without patience.
const (
	stopSilence = 2 * time.Second
	stillServes = time.Second
)

// retriesStop judges the claim that the service stops with retries and goes on without. Where it is
// silent in both, something else keeps it, and the retries are not to blame.
func retriesStop(e *run.Evidence) experiment.Judgement {
	without, with := e.Trial(withoutRetries).Recordings, e.Trial(withRetries).Recordings
	if len(without) == 0 || len(with) == 0 {
		return notBothRecorded
	}
	still, how := silent(with[0])
	alsoStill, alsoHow := silent(without[0])
	v := ruled(still >= stopSilence && alsoStill < stopSilence)
	if v == check.Holds && alsoStill > stillServes {
		v = check.Inconclusive
	}
	return whole(with[0], whole(without[0], judged(v, "with retries "+how,
		"with retries: %s; without: %s; the claim wants %s of silence with retries, and no more than %s without", how, alsoHow, stopSilence, stillServes)))
}

// silent returns how long the service was silent in a recording, and says how it went.
func silent(r *run.Recording) (still time.Duration, how string) {
	seconds, _ := silence.Of(r)
	how = fmt.Sprintf("%.1f s without a success, ", seconds)
	if after, recovered := recovery.Of(r); recovered {
		how += fmt.Sprintf("recovered after %.1f s", after)
	} else {
		how += fmt.Sprintf("not recovered within %s", r.Setup.Load.Then.Duration)
	}
	return time.Duration(seconds * float64(time.Second)), how
}

// bin is the stretch of time that a point of the charts over time stands for.
const bin = 500 * time.Millisecond

// goodputPlot shows how many requests succeed as the overload comes and goes, beside how many come.
func goodputPlot(arms []run.Evidence) run.Chart {
	c, first := overTime("Requests that succeed, through an overload and after it", run.Axis{Label: "requests", Unit: "1/s"}, arms,
		func(r *run.Recording) []run.Point {
			return perSecond(r, func(op *history.Op) (time.Duration, bool) { return op.Returned, op.Outcome == history.OK })
		})
	if len(c.Series) > 0 {
		c.Series = append(c.Series, run.Series{Name: "arrivals", Points: perSecond(first, func(op *history.Op) (time.Duration, bool) { return op.Intended, true })})
	}
	return c
}

// inFlightPlot shows how many requests clients are waiting for, twice in each bin.
func inFlightPlot(arms []run.Evidence) run.Chart {
	c, _ := overTime("Requests in flight, through an overload and after it", run.Axis{Label: "requests in flight"}, arms,
		func(r *run.Recording) (points []run.Point) {
			ops := r.ClientOps()
			for at := time.Duration(0); ; at += bin / 2 {
				n := underWay(ops, at)
				points = append(points, exact(at.Seconds(), float64(n), n))
				if !slices.ContainsFunc(ops, func(op history.Op) bool { return op.Returned > at }) {
					return points
				}
			}
		})
	return c
}

// overTime draws a line for the first recording of each trial; arms may share one, which is
// drawn once. It marks the overload, and returns the first recording of all.
func overTime(title string, y run.Axis, arms []run.Evidence, points func(*run.Recording) []run.Point) (c run.Chart, first *run.Recording) {
	c = run.Chart{Kind: run.ChartTime, Title: title, X: run.Axis{Label: "time", Unit: "s"}, Y: y}
	drawn := map[*run.Recording]bool{}
	for i := range arms {
		for _, t := range arms[i].Trials {
			if len(t.Recordings) == 0 || drawn[t.Recordings[0]] {
				continue
			}
			r := t.Recordings[0]
			drawn[r] = true
			if first == nil {
				first = r
			}
			if p := points(r); len(p) > 0 {
				c.Series = append(c.Series, run.Series{Name: arms[i].Arm + ", " + t.Name, Points: p})
			}
		}
	}
	if len(c.Series) > 0 {
		c.Marks = []run.Mark{{To: first.Setup.Load.Duration.Seconds(), Label: "overload"}}
	}
	return c, first
}

// perSecond counts, bin by bin, the ops that when has a time for, as a rate.
func perSecond(r *run.Recording, when func(*history.Op) (time.Duration, bool)) (points []run.Point) {
	ops := r.ClientOps()
	var counts []int
	for i := range ops {
		at, counted := when(&ops[i])
		for n := int(at / bin); len(counts) <= n; {
			counts = append(counts, 0)
		}
		if counted {
			counts[at/bin]++
		}
	}
	for i, n := range counts {
		points = append(points, exact((time.Duration(i)*bin+bin/2).Seconds(), float64(n)/bin.Seconds(), n))
	}
	return points
}
