package catalogue

import (
	"fmt"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// journal is the source's fourth test: the same writes in DELETE and in WAL mode. They never meet a
// reader, where WAL differs most, so in three more arms clients read beside them.
func journal(o Options) experiment.Experiment {
	readsToo := func(e *run.Evidence) bool { _, roles := e.Trials[0].Setup.Workload.(workload.Roles); return roles }
	onlyWrites := func(e *run.Evidence) bool { return !readsToo(e) }
	return experiment.Experiment{
		Name:     "journal",
		Question: pick(o, "Of 50", "Of 16 to 52") + " writes over four nodes, how many more succeed in WAL than in a rollback journal, how much sooner are they done, and who keeps whom waiting?",
		Claims:   journalClaims,
		Arms:     append(writeArms(o), readArms(o)...),
		Figures:  []experiment.Figure{duration, readRate, longestRead},
		Plots: []experiment.Plot{
			experiment.BarsPlot("Until the last write was answered", run.Axis{Label: "time", Unit: "ms"}, duration, onlyWrites),
			experiment.BarsPlot("How many writes succeeded", run.Axis{Label: "succeeded", Unit: "%"}, successRate, onlyWrites),
			experiment.BarsPlot("Reads beside writes", run.Axis{Label: "reads that succeed", Unit: "1/s"}, readRate, readsToo),
			experiment.BarsPlot("The longest that a read beside writes took", run.Axis{Label: "wait", Unit: "ms"}, longestRead, readsToo),
		},
		Takes: pick(o, 18*time.Second, 8*time.Second),
	}
}

// journalClaims compare DELETE with WAL mode, repeat by repeat. The first four are about the
// source's writes, the others about what a reader and a writer do to each other.
var journalClaims = []experiment.Claim{
	timed(claim("wal-more-successes", source(216, "WALモードの方が若干良い"),
		"More writes succeed in WAL than in DELETE mode, in every repeat.",
		compared(journals.succeededMore, succeeded))),
	synced(timed(claim("wal-faster", source(217, "WALモードの方が若干良い"),
		"Writes that all succeed take less than 0.8 times as long in WAL as in DELETE mode.",
		ratioOf(duration, below(0.8))))),
	timed(claim("wal-still-fails", source(220, "それでも失敗は発生する"),
		"More than one write in ten fails in WAL mode all the same.",
		compared(func(j journals) check.Verdict {
			return j.failed(pair.wal).Above(10 * j.planned() / 100)
		}, succeeded))),
	claim("wal-no-cure", source(215, "WALモードの方が若干良いが、根本解決にはならない"),
		"WAL mode is no cure: some writes fail, and at least half as many as in DELETE mode.",
		compared(func(j journals) check.Verdict {
			with, without := j.failed(pair.wal), j.failed(pair.delete)
			half := check.Range{Min: 2*with.Min - without.Max, Max: 2*with.Max - without.Min}
			return check.Merge(with.Above(0), half.Above(-1))
		}, succeeded)),
	claim("blocks-nobody", sqlite("wal.html"),
		"Readers do not block writers and a writer does not block readers: without patience, none of them is refused a lock.",
		experiment.Each(blocksNobody)),
	timed(claim("wal-more-reads", sqlite("wal.html"),
		"WAL provides more concurrency: beside four writers, four readers get more answers than in DELETE mode.",
		ratioOf(readRate, above(1)))),
}

// writeArms are the source's 50 writes, and the same one after another at each
// node. Each write is one INSERT and its own transaction. Patience is the cure: with it
// no write fails in either mode, as long as none of a burst starves.
//
// How many fail at once hangs on how long a write takes: of those on a disk nearly all, of those in memory
// (tmpfs) few in WAL mode. So one more burst is of increments that keep the write lock for 10 ms.
//
// How long 50 writes take is asked where all of them succeed and none sleeps for long: where
// most are refused at once it is the time of the refusals, and a crowd of waiters sleeps longer than it writes.
func writeArms(o Options) (arms []experiment.Arm) {
	expected := map[string]outlook{
		// On a disk 1 to 5 of 50 succeed in DELETE mode and 1 to 11 in WAL, on tmpfs 14 to 28 and 34 to 50.
		"burst/0":       {either: "wal-more-successes wal-still-fails wal-no-cure"},
		"burst/5000":    {refuted: "wal-more-successes wal-still-fails wal-no-cure"},
		"sequence/0":    {either: "wal-more-successes wal-still-fails wal-no-cure"},
		"sequence/5000": {holds: "wal-faster", refuted: "wal-more-successes wal-still-fails wal-no-cure"}, // 0.26 to 0.63 times as long
	}
	for _, arrival := range []run.Load{burst(pick(o, 50, 16)), sequence(nodes, 52)} {
		for _, timeout := range []store.Milliseconds{0, 5000} {
			name := fmt.Sprintf("%s/%d", arrival.Arrival, timeout)
			if o.Quick && name == "sequence/0" {
				continue // it asks what the burst asks
			}
			arm := experiment.Arm{Name: name, Repeats: 5, Expect: expected[name].expect()}
			if arrival.Arrival == run.Burst && timeout > 0 {
				arm.Repeats = 2 // of seconds each
			}
			if _, timed := arm.Expect["wal-faster"]; timed {
				arm.Repeats = 15 // on a busy machine two of ten pairs were above 0.8, and their interval with them
			}
			for _, j := range []store.Journal{store.Delete, store.WAL} {
				arm.Trials = append(arm.Trials, journalTrial(j, timeout, arrival, workload.Write{Nodes: nodes}))
			}
			arms = append(arms, arm)
		}
	}
	long := experiment.Arm{Name: "burst/0/10ms", Repeats: 5, Expect: outlook{holds: "wal-still-fails wal-no-cure", refuted: "wal-more-successes"}.expect()}
	for _, j := range []store.Journal{store.Delete, store.WAL} {
		t := journalTrial(j, 0, burst(50), workload.Increment{Key: counter, Nodes: nodes})
		t.Setup.Discipline.Transaction, t.Setup.Discipline.Think = store.Immediate, 10
		long.Trials = append(long.Trials, t)
	}
	return append(arms, long)
}

// journalTrial is a trial in journal j. Each client of a node has a connection.
func journalTrial(j store.Journal, timeout store.Milliseconds, arrival run.Load, w workload.Workload) experiment.Trial {
	d := quiet(store.Separate, timeout, j)
	d.Pool = (arrival.Clients + nodes - 1) / nodes
	return experiment.Trial{Name: string(j), Setup: run.Setup{Nodes: nodes, Discipline: d, Load: arrival, Workload: w}}
}

// readArms let clients read and write at once, none of them ever resting: first so that only a
// reader and the writer can refuse each other, then half and half and patiently.
func readArms(o Options) (arms []experiment.Arm) {
	arrival := run.Load{Arrival: run.Closed, Clients: 2 * nodes, Duration: pick(o, 300*time.Millisecond, 150*time.Millisecond), Timeout: patience}
	write, read := workload.Write{Nodes: nodes}, workload.Read{Key: counter, Nodes: nodes}
	both := experiment.Arm{Name: "half-read/5000", Repeats: 5, Expect: outlook{holds: "wal-more-reads"}.expect()}
	for _, j := range []store.Journal{store.Delete, store.WAL} {
		arms = append(arms, experiment.Arm{
			Name:   fmt.Sprintf("one-writes/0/%s", j),
			Trials: []experiment.Trial{journalTrial(j, 0, arrival, workload.Roles{First: 1, A: write, B: read})},
			Expect: map[string]run.Expectation{"blocks-nobody": expectThat(j == store.WAL)},
		})
		both.Trials = append(both.Trials, journalTrial(j, 5000, arrival, workload.Roles{First: nodes, A: write, B: read}))
	}
	return append(arms, both)
}

// duration is the source's: from the first request to the last answer.
var duration = experiment.Figure{Name: "duration", Unit: "ms", Of: func(r *run.Recording) (ms float64, ok bool) {
	return 1000 * r.Seconds, r.Told()
}}

// succeeded is how many requests succeeded.
var succeeded = experiment.Figure{Name: "succeeded", Of: func(r *run.Recording) (n float64, ok bool) {
	return float64(r.Counts().OK), r.Told()
}}

var readRate = rateOf("reads that succeed", func(op *history.Op) bool { return op.Func == history.Read })

// longestRead is the longest wait for the answer to a read, whatever it was.
var longestRead = experiment.Figure{Name: "longest read", Unit: "ms", Of: func(r *run.Recording) (ms float64, ok bool) {
	var longest time.Duration
	for _, op := range r.ClientOps() {
		if op.Func == history.Read {
			longest, ok = max(longest, op.Latency()), true
		}
	}
	return 1000 * longest.Seconds(), ok
}}

// journals are the repeats of an arm, first in DELETE and then in WAL mode.
type journals []pair

func (p pair) delete() *run.Recording { return p.base }
func (p pair) wal() *run.Recording    { return p.other }

func journalsOf(e *run.Evidence) journals {
	return pairs(e.Trial(string(store.Delete)), e.Trial(string(store.WAL)))
}

var notInBoth = undecided("no repeat was recorded in both modes")

// ratioOf returns the check of a claim on how many times as great a figure is in WAL mode. Requests
// that were not sent, or of which nobody knows, could make any difference.
func ratioOf(f experiment.Figure, l limit) func(*run.Evidence) experiment.Judgement {
	return func(e *run.Evidence) experiment.Judgement {
		all := journalsOf(e)
		if len(all) == 0 {
			return notInBoth
		}
		j := l.judge(f.Name+", WAL over DELETE", ratios(all, f))
		j.Reason = all.side(f) + "; " + j.Reason
		if !all.known() {
			j.Verdict, j.Noise = check.Inconclusive, false
		}
		return j
	}
}

// compared returns a check that judges how many ops of both modes met an end. The figure says how they came out.
func compared(judge func(journals) check.Verdict, f experiment.Figure) func(*run.Evidence) experiment.Judgement {
	return func(e *run.Evidence) experiment.Judgement {
		all := journalsOf(e)
		if len(all) == 0 {
			return notInBoth
		}
		j := judged(judge(all), all.side(f), "%s", all.side(f))
		j.Noise = j.Verdict == check.Inconclusive && all.known()
		return j
	}
}

// side puts the figure of the two modes side by side.
func (j journals) side(f experiment.Figure) string {
	var base, other run.TrialEvidence
	for _, p := range j {
		base.Recordings, other.Recordings = append(base.Recordings, p.base), append(other.Recordings, p.other)
	}
	text := fmt.Sprintf("%s in DELETE %s, in WAL %s", f.Name, base.Spread(f.Of), other.Spread(f.Of))
	if f.Unit != "" {
		text += " " + f.Unit
	}
	return text
}

// known reports whether every request reached a node and was answered.
func (j journals) known() bool {
	for _, p := range j {
		if missed(p.base)+missed(p.other) != "" || p.base.Counts().Unknown+p.other.Counts().Unknown > 0 {
			return false
		}
	}
	return true
}

// succeededMore judges whether more succeed in WAL mode in every repeat. One repeat in which they
// certainly do not refutes it.
func (j journals) succeededMore() check.Verdict {
	v := check.Holds
	for _, p := range j {
		more := p.other.Succeeded()
		less := p.base.Succeeded()
		v = check.Merge(v, check.Range{Min: more.Min - less.Max, Max: more.Max - less.Min}.Above(0))
	}
	if v == check.Holds && len(j) < 5 {
		return check.Inconclusive // so few could agree by chance
	}
	return v
}

// planned is how many requests all repeats of a mode were to send.
func (j journals) planned() int64 { return int64(len(j)) * planned(j[0].other) }

// failed is how many writes of a mode fail in all repeats. Those that wait out their whole busy_timeout
// could have gone either way: whether they do hangs on how fast the machine writes.
func (j journals) failed(mode func(pair) *run.Recording) (sum check.Range) {
	for _, p := range j {
		n := failures(mode(p))
		sum.Min, sum.Max = sum.Min+n.Min-outwaited(mode(p)), sum.Max+n.Max
	}
	return sum
}

// blocksNobody judges a load of readers and a single writer.
func blocksNobody(r *run.Recording) experiment.Judgement {
	count := map[string]int{}   // of ops, by function
	refused := map[string]int{} // of these, for a lock
	var witness []check.Witness
	for _, op := range r.ClientOps() {
		count[op.Func]++
		if op.Code != nodeapi.CodeBusy && op.Code != nodeapi.CodeTimeout {
			continue
		}
		if refused[op.Func]++; refused[op.Func] == 1 {
			witness = append(witness, check.Witness{
				Anomaly: "blocked " + op.Func, Ops: []history.Op{op},
				Reason: fmt.Sprintf("%s refused a %s with %s", op.Node, op.Func, op.Extended),
			})
		}
	}
	reads, writes := count[history.Read], count[history.Write]
	total := int64(refused[history.Read] + refused[history.Write])
	j := experiment.Judgement{
		Verdict:  check.Range{Min: total, Max: total + int64(r.Counts().Unknown)}.Below(1),
		Measured: fmt.Sprintf("refused: %d of %d reads, %d of %d writes", refused[history.Read], reads, refused[history.Write], writes),
		Witness:  witness,
	}
	j.Reason = j.Measured
	if j.Verdict == check.Holds && (reads == 0 || writes == 0) {
		j.Verdict, j.Reason = check.Inconclusive, "nobody read, or nobody wrote: "+j.Measured
	}
	return j
}
