package catalogue

import (
	"fmt"
	"slices"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// lockWait is the source's third test: a long transaction on one node, and writers on the others.
func lockWait(o Options) experiment.Experiment {
	shown := pick(o, "hold-5s/5000/WAL", "hold-2.5s/5000/WAL")
	x := experiment.Experiment{
		Name:     "lock-wait",
		Question: "While one node keeps its write transaction open for seconds, how long do ten writers on the other nodes wait, and what becomes of them?",
		Claims: []experiment.Claim{
			claim("one-writer", source(49, "一度に1つの書き込みトランザクションのみ"),
				"While one node's write transaction is open, no other node gets the write lock.",
				experiment.Each(oneWriter)),
			claim("wait-or-error", source(50, "他のプロセスは待機またはエラー"),
				"Every write that another node is asked for meanwhile waits until the transaction has ended, or fails.",
				experiment.Each(waitedOrFailed)),
			claim("default-5s", source(63, "デフォルト5秒のビジータイムアウト"),
				"A connection of the node's SQLite driver on which nobody sets busy_timeout waits 5 s for a lock.",
				experiment.Each(defaultPatience)),
			timed(claim("mean-over-2s", source(187, "平均2秒以上の待機"),
				"The ten writers wait for more than 2 s on average.",
				waitedLonger("on average", meanWait, 2*time.Second))),
			longestWait,
		},
		Arms: holdArms(o),
		Plots: []experiment.Plot{
			experiment.LanesPlot("Ten writers against one long transaction: "+shown, shown),
			experiment.WaitsPlot("How long a writer waited, whatever came of it, in WAL mode", // in DELETE mode it looks the same
				func(arm *run.Evidence) bool { return wal(arm.Trials[0].Setup) }, run.Mark{From: 5000, To: 5000, Label: "busy_timeout"}),
		},
		Abreast: 12, // nearly all of the time is waiting for one holder that sleeps
		Takes:   pick(o, 9*time.Second, 4*time.Second),
	}
	if o.Quick { // its holder is done before 5 s are over
		x.Claims = slices.DeleteFunc(x.Claims, func(c experiment.Claim) bool { return c.ID == longestWait.ID })
	}
	return x
}

var longestWait = timed(claim("max-over-5s", source(188, "最大5秒以上"),
	"One of the ten writers waits for more than 5 s.",
	waitedLonger("at most", worstWait, 5*time.Second)))

// holdArms are the source's long transaction of 5 s, one that ends long before a
// patience of 5 s does and one that outlasts it. Two seconds stand between,
// for the outcome of 5 s against 5 s hangs on milliseconds.
func holdArms(o Options) (arms []experiment.Arm) {
	holds := pick(o, []time.Duration{3 * time.Second, 5 * time.Second, 7 * time.Second}, []time.Duration{2500 * time.Millisecond})
	for _, hold := range holds {
		for _, timeout := range []store.Milliseconds{0, 5000} {
			for _, journal := range []store.Journal{store.Delete, store.WAL} {
				d := quiet(store.Separate, timeout, journal)
				d.Pool = 4 // of ten writers no node has more
				arm := single(fmt.Sprintf("hold-%s/%d/%s", hold, timeout, journal), outlook{holds: "one-writer wait-or-error"}, run.Setup{
					Nodes: nodes, Discipline: d, Traced: true, Load: burst(10),
					Workload: workload.Write{First: 2, Nodes: nodes - 1}, Fault: run.Hold{Node: "app-1", For: hold},
				})
				arm.Expect["mean-over-2s"] = expectThat(timeout > 0)
				if !o.Quick {
					arm.Expect[longestWait.ID] = expectThat(timeout > 0 && hold > 3*time.Second)
				}
				if timeout == 0 && journal == store.Delete && hold <= 3*time.Second {
					arm.Expect["default-5s"] = run.ExpectRefuted // asked where everything is as SQLite has it by default
				}
				arms = append(arms, arm)
			}
		}
	}
	return arms
}

// held returns the stretch in which the fault's node certainly had the write
// lock, counted from the start of the load: from when it had taken it, for as
// long as the fault lasts. It gave the lock back a moment later.
func held(r *run.Recording) (from, to time.Duration, ok bool) {
	hold, ok := r.Setup.Fault.(run.Hold)
	if !ok {
		return 0, 0, false
	}
	for _, a := range r.Attempts {
		if a.Kind == locktrace.Hold && a.Locked != 0 && a.Ended-a.Locked >= hold.For.Nanoseconds() {
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

var notHeld = undecided("no node is known to have held the lock for as long as it was told to")

// oneWriter looks at the nodes' traces for an attempt that had the write lock while the
// fault's node certainly had it. Its witness is the op that the attempt belongs to.
func oneWriter(r *run.Recording) experiment.Judgement {
	from, to, ok := held(r)
	if !ok {
		return notHeld
	}
	tried := 0
	var witnesses []check.Witness
	for _, a := range r.Attempts {
		began, locked := sinceStart(r, a.Began), sinceStart(r, a.Locked)
		if a.Kind == locktrace.Hold || began < from || began >= to {
			continue
		}
		tried++
		if a.Locked != 0 && locked < to {
			w := check.Witness{
				Anomaly: "two writers at once",
				Reason:  fmt.Sprintf("%s had the write lock %s before %s was to give it back", a.Node, (to - locked).Round(time.Millisecond), r.Setup.Fault.(run.Hold).Node),
			}
			ops := r.ClientOps()
			if i := slices.IndexFunc(ops, func(op history.Op) bool { return op.Node == a.Node && op.Invoked <= began && op.Returned >= locked }); i >= 0 {
				w.Ops = ops[i : i+1]
			}
			witnesses = append(witnesses, w)
		}
	}
	measured := fmt.Sprintf("%d of %d got the lock meanwhile", len(witnesses), tried)
	if tried == 0 {
		return judged(check.Inconclusive, measured, "nobody tried to write while the lock was held")
	}
	j := judged(ruled(len(witnesses) == 0), measured,
		"%d attempts began while the lock was held for %s, and %d got it before that was over", tried, to-from, len(witnesses))
	j.Witness = witnesses
	return j
}

// waitedOrFailed looks at the history for a write that was acknowledged
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
	j := judged(check.Holds, fmt.Sprintf("%d waited, %d failed", waited, failed),
		"of the writes that met the lock %d waited for its end and succeeded, %d failed", waited, failed)
	j.Witness = served
	switch {
	case len(served) > 0:
		j.Verdict, j.Reason = check.Refuted, fmt.Sprintf("%d writes were acknowledged while the lock was held", len(served))
	case unknown > 0 || waited+failed == 0:
		j.Verdict, j.Reason = check.Inconclusive, fmt.Sprintf("%s, and of %d nobody knows", j.Reason, unknown)
	}
	return j
}

// defaultPatience looks at a connection of the nodes' driver on which nobody has set anything.
func defaultPatience(r *run.Recording) experiment.Judgement {
	if r.Facts == nil {
		return undecided("the database could not be read")
	}
	have := r.Facts.DefaultBusyTimeout
	return judged(ruled(have == 5000), fmt.Sprintf("%d ms with driver %s", have, r.Setup.Discipline.Driver),
		"PRAGMA busy_timeout of a fresh connection reads %d (%s, driver %s); where it is 5000, a driver has set it, as mattn/go-sqlite3 and Python's sqlite3 do",
		have, r.Facts.Engine, r.Setup.Discipline.Driver)
}

// waitedLonger returns a check of a wait against a limit. A client that gave up would have waited
// longer; how long one would have waited that was never sent, nobody knows.
func waitedLonger(which string, of experiment.Figure, limit time.Duration) func(*run.Evidence) experiment.Judgement {
	return experiment.Each(func(r *run.Recording) experiment.Judgement {
		n := r.Counts()
		wait, _ := of.Of(r) // ms
		j := judged(check.Inconclusive, fmt.Sprintf("%.3g s %s", wait/1000, which),
			"the %d writers waited %.4g s %s; %d succeeded", n.Total, wait/1000, which, n.OK)
		switch longer := wait > float64(limit.Milliseconds()); {
		case r.Unsent > 0:
			j.Reason += fmt.Sprintf(", and %d were not sent", r.Unsent)
		case longer:
			j.Verdict = check.Holds
		case n.Unknown+n.Unreached > 0:
			j.Reason += fmt.Sprintf(", and of %d nobody knows", n.Unknown+n.Unreached)
		default:
			j.Verdict = check.Refuted
		}
		return j
	})
}
