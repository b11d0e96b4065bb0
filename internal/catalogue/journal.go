package catalogue

import (
	"fmt"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/load"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// journal is the seed's fourth test: the same writes in DELETE and in WAL mode.
// They never meet a reader, where WAL differs most, so in three more arms
// clients read beside them.
func journal(o Options) experiment.Experiment {
	return experiment.Experiment{
		Name:     "journal",
		Question: "Of 50 writes over four nodes, how many more succeed in WAL than in a rollback journal, how much sooner are they done, and who keeps whom waiting?",
		Claims:   append(writeClaims(), readClaims()...),
		Arms:     append(writeArms(o), readArms(o)...),
		Figures:  []experiment.Figure{duration, readRate, longestRead},
		Plots: []experiment.Plot{
			experiment.BarsPlot("Until the last write was answered", experiment.Axis{Label: "time", Unit: "ms"}, duration, onlyWrites),
			experiment.BarsPlot("How many writes succeeded", experiment.Axis{Label: "succeeded", Unit: "%"}, successRate, onlyWrites),
			experiment.BarsPlot("Reads beside writes", experiment.Axis{Label: "reads that succeed", Unit: "1/s"}, readRate, readsToo),
			experiment.BarsPlot("The longest that a read beside writes took", experiment.Axis{Label: "wait", Unit: "ms"}, longestRead, readsToo),
		},
		Takes: takes(o, 14*time.Second, 4*time.Second),
	}
}

// writeArms are the seed's 50 writes, and the same one after another at each
// node. Each write is one INSERT and its own transaction.
func writeArms(o Options) []experiment.Arm {
	arrivals := []load.Spec{burst(50), sequence(nodes, 52)}
	if o.Quick {
		arrivals = []load.Spec{burst(16)}
	}
	var arms []experiment.Arm
	for _, arrival := range arrivals {
		for _, timeout := range []store.Milliseconds{0, 5000} {
			name := fmt.Sprintf("%s/%d", arrival.Arrival, timeout)
			arm := experiment.Arm{Name: name, Repeats: repeats(o), Expect: writeOutlooks[name].of(writeClaims())}
			if arrival.Arrival == load.Burst && timeout > 0 {
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

// writeOutlooks say what is expected by arm. Patience is the cure: with it no
// write fails in either mode, as long as nobody of a burst starves.
var writeOutlooks = map[string]outlook{
	"burst/0":       {holds: "wal-still-fails"},
	"burst/5000":    {refuted: "wal-still-fails"}, // the median took 0.4 to 0.8 times as long
	"sequence/0":    {holds: "wal-still-fails"},
	"sequence/5000": {holds: "wal-faster", refuted: "wal-more-successes wal-still-fails wal-no-cure"}, // 0.27 to 0.44 times as long
}

func repeats(o Options) int {
	if o.Quick {
		return 2
	}
	return 3
}

// journalTrial is a trial in journal j. Each client of a node has a connection.
func journalTrial(j store.Journal, timeout store.Milliseconds, arrival load.Spec, w workload.Workload) experiment.Trial {
	d := quiet(store.Separate, timeout, j)
	d.Pool = (arrival.Clients + nodes - 1) / nodes
	return experiment.Trial{Name: string(j), Setup: experiment.Setup{Nodes: nodes, Discipline: d, Load: arrival, Workload: w}}
}

// readArms let clients read and write at once, none of them ever resting: first
// so that only a reader and the writer can refuse each other, then half and half
// and patiently.
func readArms(o Options) []experiment.Arm {
	arrival := load.Spec{Arrival: load.Closed, Clients: 2 * nodes, Duration: takes(o, 300*time.Millisecond, 150*time.Millisecond), Timeout: patience}
	write, read := workload.Write{Nodes: nodes}, workload.Read{Key: "counter", Nodes: nodes}
	one, half := workload.Roles{First: 1, A: write, B: read}, workload.Roles{First: nodes, A: write, B: read}
	both := experiment.Arm{
		Name: "half-read/5000", Repeats: repeats(o),
		Expect: map[string]experiment.Expectation{"wal-more-reads": experiment.ExpectHolds},
	}
	var arms []experiment.Arm
	for _, j := range []store.Journal{store.Delete, store.WAL} {
		arms = append(arms, experiment.Arm{
			Name:   fmt.Sprintf("one-writes/0/%s", j),
			Trials: []experiment.Trial{journalTrial(j, 0, arrival, one)},
			Expect: map[string]experiment.Expectation{"blocks-nobody": expectThat(j == store.WAL)},
		})
		both.Trials = append(both.Trials, journalTrial(j, 5000, arrival, half))
	}
	return append(arms, both)
}

func onlyWrites(e *experiment.Evidence) bool { return !readsToo(e) }

func readsToo(e *experiment.Evidence) bool {
	_, roles := e.Trials[0].Setup.Workload.(workload.Roles)
	return roles
}

// duration is the seed's: from the first request to the last answer.
var duration = experiment.Figure{Name: "duration", Unit: "ms", Of: durationOf}

func durationOf(r *experiment.Recording) (ms float64, ok bool) { return 1000 * r.Seconds, r.Told() }

// readRate is how many reads succeed while the load lasts.
var readRate = experiment.Figure{Name: "reads that succeed", Unit: "1/s", Of: readRateOf}

func readRateOf(r *experiment.Recording) (perSecond float64, ok bool) {
	n, lasts := 0, r.Setup.Load.Duration
	for _, op := range r.ClientOps() {
		if op.Func == history.Read {
			ok = true
			if op.Outcome == history.OK && op.Returned <= lasts {
				n++
			}
		}
	}
	return float64(n) / lasts.Seconds(), ok
}

// longestRead is the longest wait for the answer to a read, whatever it was.
var longestRead = experiment.Figure{Name: "longest read", Unit: "ms", Of: longestReadOf}

func longestReadOf(r *experiment.Recording) (ms float64, ok bool) {
	var longest time.Duration
	for _, op := range r.ClientOps() {
		if op.Func == history.Read {
			longest, ok = max(longest, op.Latency()), true
		}
	}
	return 1000 * longest.Seconds(), ok
}
