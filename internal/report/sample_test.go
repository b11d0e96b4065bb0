package report

import (
	"fmt"
	"strings"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// An outcome is what a made-up arm came to.
type outcome struct {
	ok, busy, timeout, other int
	lost, lostMax            int64
	p50, p99, max            float64
}

const increments = 100

// sampleArm makes an arm with figures that fit each other.
func sampleArm(name string, d store.Discipline, arrival run.Arrival, o outcome) run.ArmResult {
	clients := increments
	if arrival == run.Sequence {
		clients = 4
	}
	final := int64(o.ok) - o.lost
	return run.ArmResult{Name: name + "/" + string(arrival), Place: run.Processes, Totals: run.Totals{
		Setup: run.Setup{
			Nodes: 4, Discipline: d, Workload: workload.Increment{Key: "counter"}, Load: run.Load{Arrival: arrival, Clients: clients, Requests: increments},
		},
		Engines:    []run.Engine{{Name: run.SQLite, Version: "3.54.1"}},
		Recordings: []string{"recordings/01-" + string(arrival)}, Seconds: o.max / 1000,
		Ops:        run.OpCounts{Total: increments, OK: o.ok, Failed: o.busy + o.timeout, Unknown: o.other},
		Codes:      map[string]int{"SQLITE_BUSY": o.busy, "SQLITE_TIMEOUT": o.timeout, "CLIENT_TIMEOUT": o.other},
		Extended:   map[string]int{"SQLITE_BUSY": o.busy + o.timeout},
		Attempts:   increments,
		Latency:    measure.Summary{P50: o.p50, P99: o.p99, Max: o.max},
		Throughput: float64(o.ok) / max(o.max, 1) * 1000,
		Final:      &final, Lost: &o.lost, LostMax: &o.lostMax, Integrity: "ok",
	}}
}

func discipline(t store.Transaction, patience store.Milliseconds, journal store.Journal) (string, store.Discipline) {
	d := store.Red()
	d.Transaction, d.BusyTimeout, d.Journal, d.Think = t, patience, journal, 0
	return fmt.Sprintf("%s/%d/%s", t, patience, journal), d
}

// sampleArms are twelve arms in which everything that can be drawn happens once.
func sampleArms() []run.ArmResult {
	arms := []run.ArmResult{
		sampleArm("red", store.Red(), run.Burst, outcome{ok: 2, busy: 98, p50: 4.21, p99: 61.2, max: 63.9}),
		sampleArm("green", store.Green(), run.Burst, outcome{ok: 100, p50: 2104, p99: 5120, max: 7310}),
	}
	for _, row := range []struct {
		t        store.Transaction
		patience store.Milliseconds
		journal  store.Journal
		outcome
	}{
		{store.Separate, 0, store.Delete, outcome{ok: 1, busy: 99, p50: 2.04, p99: 9.96, max: 10.4}},
		{store.Separate, 0, store.WAL, outcome{ok: 3, busy: 97, p50: 1.1, p99: 4.2, max: 4.3}},
		{store.Separate, 5000, store.Delete, outcome{ok: 100, lost: 92, lostMax: 92, p50: 801, p99: 4377, max: 4502}},
		{store.Separate, 5000, store.WAL, outcome{ok: 98, other: 2, lost: 95, lostMax: 97, p50: 310, p99: 30000, max: 30000}},
		{store.Deferred, 5000, store.Delete, outcome{ok: 38, busy: 60, timeout: 2, p50: 12.2, p99: 5004, max: 5013}},
		{store.Deferred, 5000, store.WAL, outcome{ok: 9, busy: 91, p50: 6, p99: 71.3, max: 88.1}},
		{store.Immediate, 0, store.WAL, outcome{ok: 75, busy: 25, p50: 3, p99: 12, max: 14}},
		{store.Immediate, 5000, store.Delete, outcome{ok: 100, p50: 902, p99: 2800, max: 3120}},
		{store.Immediate, 5000, store.WAL, outcome{ok: 100, p50: 290, p99: 704, max: 815}},
	} {
		name, d := discipline(row.t, row.patience, row.journal)
		arms = append(arms, sampleArm(name, d, run.Burst, row.outcome))
	}
	name, d := discipline(store.Atomic, 5000, store.WAL)
	broken := sampleArm(name, d, run.Burst, outcome{})
	broken.Error = "start node app-3: not healthy within 1m0s:\nlast answer 503"
	broken.Ops, broken.Codes, broken.Final, broken.Lost, broken.LostMax = run.OpCounts{}, nil, nil, nil, nil
	return append(arms, broken)
}

// sampleClaim is a claim without its check: the verdicts are made up as well.
type sampleClaim struct {
	id, text, ja, source string
	judge                func(a *run.ArmResult) (check.Verdict, run.Expectation, string, []check.Witness)
}

func holds(yes bool) check.Verdict {
	if yes {
		return check.Holds
	}
	return check.Refuted
}

var sampleBusy = []sampleClaim{
	{"busy-over-30", "More than 30 of 100 simultaneous writes fail with SQLITE_BUSY.",
		"大量のBUSYエラーが発生することを確認", "07_container_shared_filedb.md:122",
		func(a *run.ArmResult) (check.Verdict, run.Expectation, string, []check.Witness) {
			busy := a.Codes["SQLITE_BUSY"]
			expected := run.ExpectRefuted
			if a.Setup.Discipline.BusyTimeout == 0 || a.Setup.Discipline.Transaction == store.Deferred {
				expected = run.ExpectHolds
			}
			return holds(busy > 30), expected, fmt.Sprintf("%d of 100 were refused with SQLITE_BUSY; the claim wants more than 30", busy), nil
		}},
	{"success-under-70", "Fewer than 70 of 100 simultaneous writes succeed.",
		"100個の同時書き込みを試行", "07_container_shared_filedb.md:123",
		func(a *run.ArmResult) (check.Verdict, run.Expectation, string, []check.Witness) {
			return holds(a.Ops.OK < 70), run.Either, fmt.Sprintf("%d of 100 succeeded", a.Ops.OK), nil
		}},
}

var sampleLost = []sampleClaim{
	{"lost-update", "Acknowledged increments are lost.", "Lost updateにより100未満になることを確認", "07_container_shared_filedb.md:152",
		func(a *run.ArmResult) (check.Verdict, run.Expectation, string, []check.Witness) {
			if *a.Lost > 0 {
				return check.Holds, run.ExpectHolds, "", sampleWitnesses()
			}
			return check.Refuted, run.ExpectRefuted, "", nil
		}},
	{"final-above-50", "The counter ends above 50.", "完全な失敗ではない", "07_container_shared_filedb.md:153",
		func(a *run.ArmResult) (check.Verdict, run.Expectation, string, []check.Witness) {
			if *a.LostMax > *a.Lost {
				return check.Inconclusive, run.ExpectRefuted, "2 requests were never answered", nil
			}
			return holds(*a.Final > 50), run.Either, "", nil
		}},
}

func sampleWitnesses() []check.Witness {
	op := func(index int, node string, value int64, invoked, returned time.Duration) history.Op {
		return history.Op{
			Index: index, Process: index, Node: node, Func: history.Increment, Key: "counter", Value: history.Some(value),
			Intended: invoked, Invoked: invoked, Returned: returned, Attempts: 1, Outcome: history.OK, Status: 200,
		}
	}
	const ms = time.Millisecond
	return []check.Witness{
		{Anomaly: "P4 lost update", Reason: "three increments cannot all have made the counter 7", Ops: []history.Op{
			op(11, "app-1", 7, 51*ms, 60*ms), op(12, "app-2", 7, 51*ms, 61*ms), op(14, "app-4", 7, 52*ms, 63*ms)}},
		{Anomaly: "P4 lost update", Reason: "two increments cannot both have made the counter 12", Ops: []history.Op{
			op(40, "app-1", 12, 103200*time.Microsecond, 110900*time.Microsecond),
			op(57, "app-3", 12, 104050*time.Microsecond, 112300*time.Microsecond)}},
	}
}

// judge gives arms the findings of claims.
func judge(arms []run.ArmResult, all []sampleClaim) []run.ArmResult {
	for i := range arms {
		arms[i].Trials = experimentTrials(&arms[i])
		for _, c := range all {
			f := run.Finding{Claim: c.id, Text: c.text, TextJA: c.ja, Source: c.source}
			if arms[i].Error == "" {
				f.Verdict, f.Expected, f.Reason, f.Witness = c.judge(&arms[i])
				f.Measured, _, _ = strings.Cut(f.Reason, ";")
			} else {
				f.Reason = arms[i].Error
			}
			arms[i].Findings = append(arms[i].Findings, f)
		}
	}
	return arms
}

// experimentTrials is the single trial of an arm that compares nothing.
func experimentTrials(arm *run.ArmResult) []run.TrialResult {
	return []run.TrialResult{{Totals: arm.Totals}}
}

// sampleRun is a run of two experiments.
func sampleRun() *run.Run {
	return finish(&run.Run{Experiments: []run.Result{
		{
			Name:     "busy",
			Question: "Of 100 increments over four nodes that share one SQLite file, how many are refused with SQLITE_BUSY?",
			Arms:     judge(sampleArms(), sampleBusy),
		},
		{
			Name:     "lost-update",
			Question: "Does the counter end at the number of increments that were acknowledged?",
			Arms:     judge(sampleArms(), sampleLost),
		},
	}})
}

// wholeRun is a run of 44 arms in which nothing surprises.
func wholeRun() *run.Run {
	arms := crossed()
	for i := range arms {
		a := &arms[i]
		d, o := a.Setup.Discipline, outcome{ok: 100, p50: 904.3, p99: 4812.7, max: 15028.9}
		switch {
		case d.BusyTimeout == 0:
			o = outcome{ok: 2, busy: 98, p50: 3.26, p99: 18.4, max: 21.1}
		case d.Transaction == store.Deferred:
			o = outcome{ok: 31, busy: 66, timeout: 3, p50: 8.88, p99: 5008, max: 5011}
		case d.Transaction == store.Separate:
			o.lost, o.lostMax = 93, 93
		}
		name := a.Name[:len(a.Name)-len(a.Setup.Load.Arrival)-1]
		*a = sampleArm(name, d, a.Setup.Load.Arrival, o)
	}
	doc := &run.Run{Experiments: []run.Result{{
		Name:     "everything",
		Question: "What do four nodes make of 100 increments?",
		Arms:     judge(arms, append(append([]sampleClaim{}, sampleBusy...), sampleLost...)),
	}}}
	return finish(doc)
}

func finish(doc *run.Run) *run.Run {
	doc.Schema = run.Schema
	doc.Contend = run.Versions{Version: "0.1.0", Go: "go1.26.0", SQLite: "3.54.1"}
	doc.Machine = run.Machine{OS: "linux", Arch: "amd64", Kernel: "6.18.0", CPUs: 2, FileSystem: "ext4"}
	doc.Command = []string{"contend", "run", "busy", "lost-update", "--arm", "separate/*", "--seed", "7"}
	doc.Asked = run.Asked{Experiments: []string{"busy", "lost-update"}, Arms: []string{"separate/*"}}
	doc.Places = []string{run.Processes}
	doc.Seed = 7
	doc.Started = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	doc.Seconds = 61.25
	doc.Summary = run.Summarize(doc.Experiments)
	return doc
}
