package catalogue

import (
	"fmt"
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
			experiment.WaitsPlot("How long a writer waited, whatever came of it, in WAL mode", inWAL, run.Mark{From: 5000, To: 5000, Label: "busy_timeout"}),
		},
		Abreast: 12, // nearly all of the time is waiting for one holder that sleeps
		Takes:   takes(o, 9*time.Second, 4*time.Second),
	}
}

// inWAL picks the arms in WAL mode. Those in DELETE mode look the same.
func inWAL(arm *run.Evidence) bool { return wal(arm.Trials[0].Setup) }

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
		Trials: experiment.Single(run.Setup{
			Nodes: nodes, Discipline: d,
			Load:     burst(10),
			Workload: workload.Write{First: 2, Nodes: nodes - 1},
			Fault:    run.Hold{Node: "app-1", For: hold},
			Traced:   true,
		}),
		Expect: map[string]run.Expectation{
			"one-writer":    run.ExpectHolds,
			"wait-or-error": run.ExpectHolds,
			"mean-over-2s":  expectThat(timeout > 0),
			"max-over-5s":   expectThat(timeout > 0 && hold > 3*time.Second),
		},
	}
	if timeout == 0 && journal == store.Delete && hold <= 3*time.Second {
		arm.Expect["default-5s"] = run.ExpectRefuted // asked where everything is as SQLite has it by default
	}
	return arm
}

// expectThat expects a claim to hold where holds is true, and else to be refuted.
func expectThat(holds bool) run.Expectation {
	if holds {
		return run.ExpectHolds
	}
	return run.ExpectRefuted
}

// lockClaims say what a write lock does.
func lockClaims() []experiment.Claim {
	return []experiment.Claim{{
		ID:     "one-writer",
		Text:   "While one node's write transaction is open, no other node gets the write lock.",
		TextJA: "一度に1つの書き込みトランザクションのみ",
		Source: seed(49),
		Check:  experiment.Each(oneWriter),
	}, {
		ID:     "wait-or-error",
		Text:   "Every write that another node is asked for meanwhile waits until the transaction has ended, or fails.",
		TextJA: "他のプロセスは待機またはエラー",
		Source: seed(50),
		Check:  experiment.Each(waitedOrFailed),
	}, {
		ID:     "default-5s",
		Text:   "A connection on which nobody sets busy_timeout waits 5 s for a lock.",
		TextJA: "デフォルト5秒のビジータイムアウト",
		Source: seed(63),
		Check:  experiment.Each(defaultPatience),
	}}
}

// waitClaims say for how long the ten writers wait.
func waitClaims() []experiment.Claim {
	return []experiment.Claim{{
		ID:     "mean-over-2s",
		Text:   "The ten writers wait for more than 2 s on average.",
		TextJA: "平均2秒以上の待機",
		Source: seed(187),
		Check: experiment.Each(func(r *run.Recording) experiment.Judgement {
			return waitedLonger(r, "on average", measure.Latency(r.ClientOps()).Mean, 2*time.Second)
		}),
	}, {
		ID:     "max-over-5s",
		Text:   "One of the ten writers waits for more than 5 s.",
		TextJA: "最大5秒以上",
		Source: seed(188),
		Check: experiment.Each(func(r *run.Recording) experiment.Judgement {
			return waitedLonger(r, "at most", measure.Latency(r.ClientOps()).Max, 5*time.Second)
		}),
	}}
}

// held returns the stretch in which the fault's node certainly had the write
// lock, counted from the start of the load: from when it had taken it, for as
// long as it was told to keep it. It then gave the lock back a moment later.
func held(r *run.Recording) (from, to time.Duration, ok bool) {
	hold, ok := r.Setup.Fault.(run.Hold)
	if !ok {
		return 0, 0, false
	}
	for _, a := range r.Attempts {
		if a.Kind == trace.Hold && a.Locked != 0 && a.Ended-a.Locked >= hold.For.Nanoseconds() {
			from = sinceStart(r, a.Locked)
			return from, from + hold.For, true
		}
	}
	return 0, 0, false
}

// sinceStart turns a time of a trace into one of the history.
func sinceStart(r *run.Recording, t int64) time.Duration {
	return time.Duration(t - r.Started.UnixNano())
}

var notHeld = experiment.Judgement{Reason: "no node is known to have held the lock for as long as it was told to"}

// oneWriter asks the nodes: it looks for an attempt that had the write lock
// while the fault's node certainly had it.
func oneWriter(r *run.Recording) experiment.Judgement {
	from, to, ok := held(r)
	if !ok {
		return notHeld
	}
	tried := 0
	var witnesses []check.Witness
	for _, a := range r.Attempts {
		began, locked := sinceStart(r, a.Began), sinceStart(r, a.Locked)
		if a.Kind == trace.Hold || began < from || began >= to {
			continue
		}
		tried++
		if a.Locked != 0 && locked < to {
			witnesses = append(witnesses, intruder(r, a, to-locked))
		}
	}
	j := experiment.Judgement{
		Verdict:  check.Holds,
		Measured: fmt.Sprintf("%d of %d got the lock meanwhile", len(witnesses), tried),
		Witness:  witnesses,
	}
	j.Reason = fmt.Sprintf("%d attempts began while the lock was held for %s, and %d got it before that was over", tried, to-from, len(witnesses))
	switch {
	case len(witnesses) > 0:
		j.Verdict = check.Refuted
	case tried == 0:
		j.Verdict, j.Reason = check.Inconclusive, "nobody tried to write while the lock was held"
	}
	return j
}

// intruder is the witness of an attempt that had the lock too early, with the
// op that it belongs to.
func intruder(r *run.Recording, a trace.Attempt, early time.Duration) check.Witness {
	w := check.Witness{
		Anomaly: "two writers at once",
		Reason:  fmt.Sprintf("%s had the write lock %s before %s was to give it back", a.Node, early.Round(time.Millisecond), r.Setup.Fault.(run.Hold).Node),
	}
	for _, op := range r.ClientOps() {
		if op.Node == a.Node && op.Invoked <= sinceStart(r, a.Began) && op.Returned >= sinceStart(r, a.Locked) {
			w.Ops = []history.Op{op}
			break
		}
	}
	return w
}

// waitedOrFailed asks the clients: it looks for a write that was acknowledged
// while the lock was certainly held.
func waitedOrFailed(r *run.Recording) experiment.Judgement {
	_, to, ok := held(r)
	if !ok {
		return notHeld
	}
	var waited, failed, unknown int
	var served []check.Witness
	for _, op := range r.ClientOps() {
		switch {
		case op.Invoked >= to:
			// It met no lock.
		case op.Outcome == history.OK && op.Returned < to:
			served = append(served, check.Witness{
				Anomaly: "two writers at once", Ops: []history.Op{op},
				Reason: fmt.Sprintf("%s acknowledged a write %s before the lock was to be given back", op.Node, (to - op.Returned).Round(time.Millisecond)),
			})
		case op.Outcome == history.OK:
			waited++
		case op.Outcome == history.Failed:
			failed++
		default:
			unknown++
		}
	}
	j := experiment.Judgement{
		Verdict:  check.Holds,
		Measured: fmt.Sprintf("%d waited, %d failed", waited, failed),
		Reason:   fmt.Sprintf("of the writes that met the lock %d waited for its end and succeeded, %d failed", waited, failed),
		Witness:  served,
	}
	switch {
	case len(served) > 0:
		j.Verdict, j.Reason = check.Refuted, fmt.Sprintf("%d writes were acknowledged while the lock was held", len(served))
	case unknown > 0 || waited+failed == 0:
		j.Verdict, j.Reason = check.Inconclusive, fmt.Sprintf("%s, and of %d nobody knows", j.Reason, unknown)
	}
	return j
}

// defaultPatience asks a connection of the nodes' driver that nobody has told anything.
func defaultPatience(r *run.Recording) experiment.Judgement {
	if r.Facts == nil {
		return experiment.Judgement{Reason: "the database could not be read"}
	}
	const claimed = store.Milliseconds(5000)
	have := r.Facts.DefaultBusyTimeout
	j := experiment.Judgement{
		Verdict:  check.Refuted,
		Measured: fmt.Sprintf("%d ms", have),
		Reason: fmt.Sprintf("PRAGMA busy_timeout of a fresh connection reads %d (%s, driver %s); where it is 5000, a driver has set it, as mattn/go-sqlite3 and Python's sqlite3 do",
			have, r.Facts.Engine, r.Setup.Discipline.Driver),
	}
	if have == claimed {
		j.Verdict = check.Holds
	}
	return j
}

// waitedLonger judges a wait, in ms, against a limit. A client that gave up
// would have waited longer; one that was never sent, nobody knows how long.
func waitedLonger(r *run.Recording, which string, wait float64, limit time.Duration) experiment.Judgement {
	n := r.Counts()
	j := experiment.Judgement{
		Measured: fmt.Sprintf("%.3g s %s", wait/1000, which),
		Reason:   fmt.Sprintf("the %d writers waited %.4g s %s; %d succeeded", n.Total, wait/1000, which, n.OK),
	}
	switch longer := wait > float64(limit.Milliseconds()); {
	case r.Unsent > 0:
		j.Reason += fmt.Sprintf(", and %d were not sent", r.Unsent)
	case longer:
		j.Verdict = check.Holds
	case n.Unknown > 0:
		j.Reason += fmt.Sprintf(", and of %d nobody knows", n.Unknown)
	default:
		j.Verdict = check.Refuted
	}
	return j
}
