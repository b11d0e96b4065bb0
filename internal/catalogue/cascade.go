package catalogue

import (
	"slices"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/load"
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
func cascadeArm(name string, d store.Discipline, spec load.Spec) experiment.Arm {
	d.Pool = (spec.Clients + nodes - 1) / nodes // as in crowd: all meet in SQLite
	setup := func(d store.Discipline) experiment.Setup {
		return experiment.Setup{
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
func surge(o Options) load.Spec {
	spec := load.Spec{
		Arrival: load.Open, Rate: 150, Duration: 2 * time.Second,
		Then: load.Phase{Rate: 10, Duration: 7500 * time.Millisecond}, Timeout: 10 * time.Second,
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
func peakInFlightOf(r *experiment.Recording) (requests float64, ok bool) {
	ops, most := r.ClientOps(), 0
	for i := range ops {
		most = max(most, underWay(ops, ops[i].Intended))
	}
	return float64(most), len(ops) > 0
}

// leftInFlightOf is how many there were when the overload had been over for a
// second: enough for a machine that was short of processor time to catch up,
// so that what is left waits for the database, or for its next try.
func leftInFlightOf(r *experiment.Recording) (requests float64, ok bool) {
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
func recoveryOf(r *experiment.Recording) (seconds float64, ok bool) {
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
func silenceOf(r *experiment.Recording) (seconds float64, ok bool) {
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
