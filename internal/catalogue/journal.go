package catalogue

import (
	"fmt"
	"strings"
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
		Question: "Of 50 writes over four nodes, how many more succeed in WAL than in a rollback journal, how much sooner are they done, and who keeps whom waiting?",
		Claims:   journalClaims,
		Arms:     append(writeArms(o), readArms(o)...),
		Figures:  []experiment.Figure{duration, readRate, longestRead},
		Plots: []experiment.Plot{
			experiment.BarsPlot("Until the last write was answered", run.Axis{Label: "time", Unit: "ms"}, duration, onlyWrites),
			experiment.BarsPlot("How many writes succeeded", run.Axis{Label: "succeeded", Unit: "%"}, successRate, onlyWrites),
			experiment.BarsPlot("Reads beside writes", run.Axis{Label: "reads that succeed", Unit: "1/s"}, readRate, readsToo),
			experiment.BarsPlot("The longest that a read beside writes took", run.Axis{Label: "wait", Unit: "ms"}, longestRead, readsToo),
		},
		Takes: pick(o, 14*time.Second, 4*time.Second),
	}
}

// journalClaims compare DELETE with WAL mode, repeat by repeat: a difference is one
// that every pair shows. The first four are about the source's writes, the others about
// what a reader and a writer do to each other.
var journalClaims = []experiment.Claim{
	claim("wal-more-successes", source(216, "WALモードの方が若干良い"),
		"More of 50 writes succeed in WAL than in DELETE mode, in every repeat.",
		compared(journals.succeededMore, succeeded)),
	claim("wal-faster", source(217, "WALモードの方が若干良い"),
		"50 writes take less than 0.8 times as long in WAL as in DELETE mode, in every repeat.",
		compared(func(j journals) check.Verdict { return j.tookLess(0.8) }, duration)),
	claim("wal-still-fails", source(220, "それでも失敗は発生する"),
		"More than 5 of 50 writes fail in WAL mode all the same.",
		compared(func(j journals) check.Verdict { return j.stillFail(10) }, succeeded)),
	claim("wal-no-cure", source(215, "WALモードの方が若干良いが、根本解決にはならない"),
		"WAL mode does better than DELETE, with more successes or in less time, and yet some of 50 writes fail.",
		compared(func(j journals) check.Verdict {
			better := j.tookLess(1)
			if j.succeededMore() == check.Holds {
				better = check.Holds
			}
			return check.Merge(better, j.stillFail(0))
		}, succeeded, duration)),
	claim("blocks-nobody", sqlite("wal.html"),
		"Readers do not block writers and a writer does not block readers: without patience, none of them is refused a lock.",
		experiment.Each(blocksNobody)),
	claim("wal-more-reads", sqlite("wal.html"),
		"WAL provides more concurrency: beside four writers, four readers get more answers than in DELETE mode, in every repeat.",
		compared(func(j journals) check.Verdict {
			return j.every(readRate, func(ratio float64) bool { return ratio > 1 })
		}, readRate, longestRead)),
}

// writeArms are the source's 50 writes, and the same one after another at each
// node. Each write is one INSERT and its own transaction. Patience is the cure: with it
// no write fails in either mode, as long as none of a burst starves.
func writeArms(o Options) (arms []experiment.Arm) {
	expected := map[string]outlook{
		"burst/0":       {holds: "wal-still-fails", either: "wal-more-successes wal-faster wal-no-cure"},
		"burst/5000":    {refuted: "wal-still-fails", either: "wal-more-successes wal-faster wal-no-cure"}, // the median took 0.4 to 0.8 times as long
		"sequence/0":    {holds: "wal-still-fails", either: "wal-more-successes wal-faster wal-no-cure"},
		"sequence/5000": {refuted: "wal-more-successes wal-still-fails wal-no-cure", either: "wal-faster"}, // 0.27 to 0.44 times as long
	}
	for _, arrival := range pick(o, []run.Load{burst(50), sequence(nodes, 52)}, []run.Load{burst(16)}) {
		for _, timeout := range []store.Milliseconds{0, 5000} {
			name := fmt.Sprintf("%s/%d", arrival.Arrival, timeout)
			arm := experiment.Arm{Name: name, Repeats: pick(o, 3, 2), Expect: expected[name].expect()}
			if arrival.Arrival == run.Burst && timeout > 0 {
				arm.Repeats-- // of seconds each: a crowd of waiters sleeps longer than it writes
			}
			for _, j := range []store.Journal{store.Delete, store.WAL} {
				arm.Trials = append(arm.Trials, journalTrial(j, timeout, arrival, workload.Write{Nodes: nodes}))
			}
			arms = append(arms, arm)
		}
	}
	return arms
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
	both := experiment.Arm{Name: "half-read/5000", Repeats: pick(o, 3, 2), Expect: outlook{holds: "wal-more-reads"}.expect()}
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

// compared returns a check that judges both modes side by side. The figures say how they came out.
func compared(judge func(journals) check.Verdict, figures ...experiment.Figure) func(*run.Evidence) experiment.Judgement {
	return func(e *run.Evidence) experiment.Judgement {
		both := journals(pairs(e.Trial(string(store.Delete)), e.Trial(string(store.WAL))))
		if len(both) == 0 {
			return undecided("no repeat was recorded in both modes")
		}
		var sides []string
		for _, f := range figures {
			sides = append(sides, both.side(f))
		}
		measured := strings.Join(sides, "; ")
		j := experiment.Judgement{Verdict: judge(both), Measured: measured, Reason: measured}
		if j.Verdict == check.Inconclusive && both.known() {
			j.Noise = true
			j.Reason += "; the repeats disagree, so no difference is shown"
		}
		return j
	}
}

// side puts the figure of the two modes side by side, with their ratio.
func (j journals) side(f experiment.Figure) string {
	var base, other run.TrialEvidence
	for _, p := range j {
		base.Recordings, other.Recordings = append(base.Recordings, p.base), append(other.Recordings, p.other)
	}
	text := fmt.Sprintf("%s in DELETE %s, in WAL %s", f.Name, base.Spread(f.Of), other.Spread(f.Of))
	if f.Unit != "" {
		text += " " + f.Unit
	}
	if r := ratios(j, f); r.Count > 0 {
		text += fmt.Sprintf(": %s times", r)
	}
	return text
}

// known reports whether every request was sent and answered.
func (j journals) known() bool {
	for _, p := range j {
		if p.base.Unsent+p.base.Counts().Unknown+p.other.Unsent+p.other.Counts().Unknown > 0 {
			return false
		}
	}
	return true
}

// every judges the ratios of a figure, pair by pair: a claim on them holds where
// every pair fits, and is refuted where none does.
func (j journals) every(f experiment.Figure, fits func(ratio float64) bool) check.Verdict {
	ratio := ratios(j, f)
	if ratio.Count == 0 || !j.known() || fits(ratio.Min) != fits(ratio.Max) {
		return check.Inconclusive
	}
	return ruled(fits(ratio.Median))
}

func (j journals) succeededMore() check.Verdict {
	more := 0
	for _, p := range j {
		if p.other.Succeeded().Min > p.base.Succeeded().Max {
			more++
		}
	}
	if !j.known() || more > 0 && more < len(j) {
		return check.Inconclusive
	}
	return ruled(more == len(j))
}

func (j journals) tookLess(times float64) check.Verdict {
	return j.every(duration, func(ratio float64) bool { return ratio < times })
}

// stillFail judges whether more than so many in a hundred writes fail in WAL.
func (j journals) stillFail(percent int64) check.Verdict {
	var failed check.Range
	for _, p := range j {
		n := failures(p.other)
		failed.Min, failed.Max = failed.Min+n.Min, failed.Max+n.Max
	}
	return failed.Above(percent * int64(len(j)) * planned(j[0].other) / 100)
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
