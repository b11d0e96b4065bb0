package catalogue

import (
	"fmt"
	"slices"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// cascade asks whether retries turn an overload that passes into one that
// stays. Increments come faster than they can be done for a while, and then
// much more slowly, once where a refused one is given up and once where it is
// tried again.
func cascade(o Options) experiment.Experiment {
	x := experiment.Experiment{
		Name:     "cascade",
		Question: "When the load is too high for a while, do retries pile requests up and keep the service down after it is over?",
		Claims:   cascadeClaims(),
		Arms:     cascadeArms(o),
		Figures:  []experiment.Figure{peakInFlight, leftInFlight, meanWait, recovery, silence, errorRate, attemptsPerSuccess},
		Plots:    []experiment.Plot{goodputPlot, inFlightPlot},
		// Clients wait for a lock or between two tries, and the atomic arm hardly
		// works. More at once would leave the overload short of processor time, and
		// that is not what is asked.
		Abreast: 6,
		Takes:   11 * time.Second,
	}
	if o.Quick {
		x.Takes = 4 * time.Second
	}
	return x
}

// The trials of an arm, which its claims compare.
const (
	withoutRetries = "without retries"
	withRetries    = "with 3 retries"
)

// cascadeArms returns the pairs to compare. In all but the last an increment
// takes the seed's 10 ms; the last is one statement, which nothing can pile up
// behind. A quick run has the pair that needs no backoff to be over.
func cascadeArms(o Options) []experiment.Arm {
	spec := surge(o)
	green := cascadeArm("green", mitigated(5000, 3, exponential), spec)
	if o.Quick {
		return []experiment.Arm{green}
	}
	atomic := mitigated(5000, 3, exponential)
	atomic.Transaction, atomic.Think = store.Atomic, 0
	return []experiment.Arm{
		green,
		cascadeArm("impatient", mitigated(0, 3, exponential), spec),
		cascadeArm("atomic", atomic, spec),
	}
}

// cascadeArm is an arm with d, and with d but for its retries.
func cascadeArm(name string, d store.Discipline, spec run.Load) experiment.Arm {
	d.Pool = (spec.Clients + nodes - 1) / nodes // as in crowd: all meet in SQLite
	setup := func(d store.Discipline) run.Setup {
		return run.Setup{
			Nodes: nodes, Discipline: d, Load: spec,
			Workload: workload.Increment{Key: "counter", Nodes: nodes},
		}
	}
	once := d
	once.Retries, once.Backoff = 0, store.Backoff{}
	return experiment.Arm{
		Name: name, Expect: cascadeOutlooks[name].of(cascadeClaims()),
		Trials: []experiment.Trial{
			{Name: withoutRetries, Setup: setup(once)},
			{Name: withRetries, Level: 3, Setup: setup(d)},
		},
	}
}

// surge is the load: an overload and the calm after it. Each increment keeps
// the write lock for 10 ms, so that no machine can do more than 100 a second:
// 150 are too many everywhere, and 10 are few. The calm lasts until the last
// retry of the overload is over, which comes 7 s after its first try. There
// are as many clients as arrivals, so that none waits for a client, and each
// has the patience of the seed's (line 171).
func surge(o Options) run.Load {
	spec := run.Load{
		Arrival: run.Open, Rate: 150, Duration: 2 * time.Second,
		Then: run.Phase{Rate: 10, Duration: 7500 * time.Millisecond}, Timeout: 10 * time.Second,
	}
	if o.Quick {
		spec.Duration, spec.Then.Duration = 500*time.Millisecond, 2500*time.Millisecond
	}
	spec.Clients = int(spec.Rate*spec.Duration.Seconds() + spec.Then.Rate*spec.Then.Duration.Seconds())
	return spec
}

var (
	peakInFlight = experiment.Figure{Name: "peak in flight", Of: peakInFlightOf}
	leftInFlight = experiment.Figure{Name: "in flight a second after the overload", Of: leftInFlightOf}
	recovery     = experiment.Figure{Name: "recovered after", Unit: "s", Of: recoveryOf}
	silence      = experiment.Figure{Name: "longest time without a success", Unit: "s", Of: silenceOf}
)

// underWay is how many clients were waiting for an answer at a time.
func underWay(ops []history.Op, at time.Duration) int {
	n := 0
	for i := range ops {
		if ops[i].Intended <= at && at < ops[i].Returned {
			n++
		}
	}
	return n
}

// peakInFlightOf is the most of them. Their number rises only when a request comes.
func peakInFlightOf(r *run.Recording) (requests float64, ok bool) {
	ops, most := r.ClientOps(), 0
	for i := range ops {
		most = max(most, underWay(ops, ops[i].Intended))
	}
	return float64(most), len(ops) > 0
}

// leftInFlightOf is how many there were when the overload had been over for a
// second: enough for a machine that was short of processor time to catch up,
// so that what is left waits for the database, or for its next try.
func leftInFlightOf(r *run.Recording) (requests float64, ok bool) {
	return float64(underWay(r.ClientOps(), r.Setup.Load.Duration+time.Second)), r.Told()
}

// A service serves while, of the requests that come within a window, at least
// servedShare are ok within prompt.
const (
	window      = 2 * time.Second
	servedShare = 0.8
	prompt      = time.Second
	step        = 100 * time.Millisecond // by which the window moves
)

// recoveryOf is how long after the overload the service begins to serve for
// good: it does so in every window from then on. ok is false where it does not
// even in the last.
func recoveryOf(r *run.Recording) (seconds float64, ok bool) {
	over := r.Setup.Load.Duration
	last := over + r.Setup.Load.Then.Duration - window
	ops := r.ClientOps()
	recovered := over
	for from := over; from <= last; from += step {
		if !serves(ops, from) {
			recovered = from + step
		}
	}
	return (recovered - over).Seconds(), recovered <= last
}

// serves reports whether the service serves in the window that begins at from.
func serves(ops []history.Op, from time.Duration) bool {
	came, served := 0, 0
	for i := range ops {
		op := &ops[i]
		if op.Intended < from || op.Intended >= from+window {
			continue
		}
		came++
		if op.Outcome == history.OK && op.Latency() <= prompt {
			served++
		}
	}
	return float64(served) >= servedShare*float64(came)
}

// silenceOf is the longest time in which no request succeeded, while some came.
func silenceOf(r *run.Recording) (seconds float64, ok bool) {
	spec := r.Setup.Load
	end := spec.Duration + spec.Then.Duration
	var answers []time.Duration
	for _, op := range r.ClientOps() {
		if op.Outcome == history.OK && op.Returned < end {
			answers = append(answers, op.Returned)
		}
	}
	slices.Sort(answers)
	var last, longest time.Duration
	for _, at := range append(answers, end) {
		longest = max(longest, at-last)
		last = at
	}
	return longest.Seconds(), r.Told()
}

// cascadeOutlooks rest on runs alone and abreast, on an idle and on a busy machine.
var cascadeOutlooks = map[string]outlook{
	"green":     {refuted: "retries-pile-up retries-slow-all"},
	"impatient": {holds: "retries-pile-up retries-slow-all"},
	"atomic":    {}, // 150 a second are no overload, unless the machine is busy with something else
}

func cascadeClaims() []experiment.Claim {
	return []experiment.Claim{{
		ID:     "retries-pile-up",
		Text:   "Retries pile requests up: a second after the overload at least twice as many are in flight as without them, and at least ten more.",
		TextJA: "リトライによるリクエストの蓄積",
		Source: seed(694),
		Check: func(e *run.Evidence) experiment.Judgement {
			return twice(e, leftInFlight, 10, "requests in flight a second after the overload")
		},
	}, {
		ID:     "retries-slow-all",
		Text:   "With retries the whole system answers more slowly: clients wait at least twice as long on average as without them, and at least 100 ms longer.",
		TextJA: "システム全体のレスポンス低下",
		Source: seed(695),
		Check: func(e *run.Evidence) experiment.Judgement {
			return twice(e, meanWait, 100, "ms of mean wait")
		},
	}, {
		ID: "service-stops",
		Text: "Retries finally stop the service, which without them goes on: for two seconds no request succeeds, or five seconds after the " +
			"overload it still does not answer four in five of those that come within a second.",
		TextJA: "最終的なサービス停止",
		Source: seed(696),
		Check:  retriesStop,
	}}
}

// twice judges the claim that a figure is at least twice as great with retries
// as without, and greater by at least least: twice next to nothing is nothing.
func twice(e *run.Evidence, f experiment.Figure, least float64, what string) experiment.Judgement {
	for r := range e.All {
		if j := whole(r, experiment.Judgement{}); j.Reason != "" {
			return j
		}
	}
	without, with := e.Trial(withoutRetries).Spread(f.Of), e.Trial(withRetries).Spread(f.Of)
	if without.Count == 0 || with.Count == 0 {
		return experiment.Judgement{Reason: "with and without retries were not both recorded"}
	}
	return experiment.Judgement{
		Verdict:  ruled(with.Median >= 2*without.Median && with.Median-without.Median >= least),
		Measured: fmt.Sprintf("%.0f with retries, %.0f without", with.Median, without.Median),
		Reason:   fmt.Sprintf("%.0f %s with retries and %.0f without; the claim wants twice as many, and at least %g more", with.Median, what, without.Median, least),
	}
}

// A service has stopped when it is silent for so long, or still down so long
// after the overload, which is the patience that the seed gives a node.
const (
	stopSilence = 2 * time.Second
	stopDown    = 5 * time.Second
)

// retriesStop judges the claim that the service stops with retries and goes on
// without. Where it stops in both, something else has stopped it.
func retriesStop(e *run.Evidence) experiment.Judgement {
	without, with := e.Trial(withoutRetries).Recordings, e.Trial(withRetries).Recordings
	if len(without) == 0 || len(with) == 0 {
		return experiment.Judgement{Reason: "with and without retries were not both recorded"}
	}
	stopped, how := stops(with[0])
	alsoStopped, alsoHow := stops(without[0])
	j := experiment.Judgement{
		Verdict:  check.Merge(stopped, opposite(alsoStopped)),
		Measured: "with retries " + how,
		Reason:   fmt.Sprintf("with retries: %s; without: %s; the claim wants %s of silence, or %s to recover, with retries only", how, alsoHow, stopSilence, stopDown),
	}
	// A machine that is busy with something else may not recover in a short calm,
	// retries or none: then chance decides.
	j.Noise = j.Verdict == check.Inconclusive
	return whole(with[0], whole(without[0], j))
}

// stops judges whether the service stops in a recording, and says how it went.
// A calm that ends before it could have been down for long enough leaves it open.
func stops(r *run.Recording) (check.Verdict, string) {
	silent, _ := silenceOf(r)
	after, recovered := recoveryOf(r)
	how := fmt.Sprintf("%.1f s without a success", silent)
	switch {
	case recovered:
		how += fmt.Sprintf(", recovered after %.1f s", after)
	default:
		how += fmt.Sprintf(", not recovered within %s", r.Setup.Load.Then.Duration)
	}
	switch {
	case silent >= stopSilence.Seconds(), recovered && after >= stopDown.Seconds(),
		!recovered && r.Setup.Load.Then.Duration >= stopDown+window:
		return check.Holds, how
	case !recovered:
		return check.Inconclusive, how
	default:
		return check.Refuted, how
	}
}

// opposite is the verdict on the denial of a claim.
func opposite(v check.Verdict) check.Verdict {
	switch v {
	case check.Holds:
		return check.Refuted
	case check.Refuted:
		return check.Holds
	default:
		return check.Inconclusive
	}
}

// bin is the stretch of time that a point of the charts over time stands for.
const bin = 500 * time.Millisecond

// goodputPlot shows how many requests succeed as the overload comes and goes,
// beside how many come.
func goodputPlot(arms []run.Evidence) run.Chart {
	c := run.Chart{
		Kind: run.ChartTime, Title: "Requests that succeed, through an overload and after it",
		X: run.Axis{Label: "time", Unit: "s"}, Y: run.Axis{Label: "requests", Unit: "1/s"},
	}
	succeeded := func(op *history.Op) (time.Duration, bool) { return op.Returned, op.Outcome == history.OK }
	came := func(op *history.Op) (time.Duration, bool) { return op.Intended, true }
	c.Series = overTime(arms, func(r *run.Recording) []run.Point { return perSecond(r, succeeded) })
	if len(c.Series) > 0 {
		r := firstOf(arms)
		c.Series = append(c.Series, run.Series{Name: "arrivals", Points: perSecond(r, came)})
		c.Marks = overload(r)
	}
	return c
}

// inFlightPlot shows how many requests clients are waiting for.
func inFlightPlot(arms []run.Evidence) run.Chart {
	c := run.Chart{
		Kind: run.ChartTime, Title: "Requests in flight, through an overload and after it",
		X: run.Axis{Label: "time", Unit: "s"}, Y: run.Axis{Label: "requests in flight"},
	}
	if c.Series = overTime(arms, inFlight); len(c.Series) > 0 {
		c.Marks = overload(firstOf(arms))
	}
	return c
}

// overTime returns a line for each different recording: arms may share one.
func overTime(arms []run.Evidence, points func(*run.Recording) []run.Point) []run.Series {
	var all []run.Series
	drawn := map[*run.Recording]bool{}
	for i := range arms {
		for _, t := range arms[i].Trials {
			if len(t.Recordings) == 0 || drawn[t.Recordings[0]] {
				continue
			}
			r := t.Recordings[0]
			drawn[r] = true
			if p := points(r); len(p) > 0 {
				all = append(all, run.Series{Name: arms[i].Arm + ", " + t.Name, Points: p})
			}
		}
	}
	return all
}

func firstOf(arms []run.Evidence) *run.Recording {
	for i := range arms {
		for r := range arms[i].All {
			return r
		}
	}
	return nil
}

func overload(r *run.Recording) []run.Mark {
	return []run.Mark{{From: 0, To: r.Setup.Load.Duration.Seconds(), Label: "overload"}}
}

// perSecond counts, bin by bin, the ops that when has a time for, as a rate.
func perSecond(r *run.Recording, when func(*history.Op) (time.Duration, bool)) []run.Point {
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
	var points []run.Point
	for i, n := range counts {
		rate := float64(n) / bin.Seconds()
		middle := (time.Duration(i)*bin + bin/2).Seconds()
		points = append(points, run.Point{X: middle, Y: rate, Low: rate, High: rate, Count: n})
	}
	return points
}

// inFlight counts the requests under way, twice in each bin.
func inFlight(r *run.Recording) []run.Point {
	ops := r.ClientOps()
	var points []run.Point
	for at := time.Duration(0); ; at += bin / 2 {
		n := float64(underWay(ops, at))
		points = append(points, run.Point{X: at.Seconds(), Y: n, Low: n, High: n, Count: int(n)})
		if !slices.ContainsFunc(ops, func(op history.Op) bool { return op.Returned > at }) {
			return points
		}
	}
}
