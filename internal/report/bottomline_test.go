package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/check"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// said are the sentences of a bottom line, each behind what it is about.
func said(doc *run.Run) (all []string) {
	for _, s := range BottomLine(doc) {
		all = append(all, fmt.Sprintf("%s %s %s", s.About, s.Link, s.Text))
	}
	return all
}

// of is a run of one experiment with arms.
func of(name string, arms ...run.ArmResult) *run.Run {
	return finish(&run.Run{Experiments: []run.Result{{Name: name, Question: "What?", Arms: arms}}})
}

// incrementing is an arm of a crowd's increments under a discipline.
func incrementing(t store.Transaction, patience store.Milliseconds, j store.Journal, o outcome) run.ArmResult {
	name, d := discipline(t, patience, j)
	arm := sampleArm(name, d, run.Burst, o)
	arm.Recordings = []string{"recordings/" + name}
	return arm
}

// Arms in which the worst and the best happen.
var (
	lossyWAL    = incrementing(store.Separate, 5000, store.WAL, outcome{ok: 100, lost: 96, lostMax: 96, max: 388})
	lossyDelete = incrementing(store.Separate, 5000, store.Delete, outcome{ok: 100, lost: 90, lostMax: 90, max: 1110})
	refusing    = incrementing(store.Deferred, 5000, store.WAL, outcome{ok: 4, busy: 96, max: 47})
	hasty       = incrementing(store.Immediate, 0, store.WAL, outcome{ok: 6, busy: 94, max: 56})
	goodWAL     = incrementing(store.Immediate, 5000, store.WAL, outcome{ok: 100, max: 976})
	goodDelete  = incrementing(store.Immediate, 5000, store.Delete, outcome{ok: 100, max: 4406})
	starving    = incrementing(store.Exclusive, 5000, store.WAL, outcome{ok: 91, timeout: 9, max: 5097})
)

// faulty is an arm of writes while something goes wrong.
func faulty(f run.Fault, m run.Mount, ok int, lost int64) run.ArmResult {
	arm := sampleArm("faulty", store.Green(), run.Sequence, outcome{ok: ok, lost: lost, lostMax: lost})
	arm.Setup.Fault, arm.Setup.Mount, arm.Setup.Workload = f, m, workload.Write{}
	return arm
}

func TestSentencesOfTheBottomLine(t *testing.T) {
	busyMachine := of("busy", goodWAL)
	busyMachine.Experiments[0].Arms[0].Others = new(float64)
	*busyMachine.Experiments[0].Arms[0].Others = 0.55
	inMemory := of("journal", goodWAL)
	inMemory.Experiments[0].Arms[0].Findings = []run.Finding{{Claim: "wal-faster", Verdict: check.Holds, Fast: true}}
	cut := of("lost-update", lossyWAL)
	cut.Interrupted = true
	broken := of("busy", run.ArmResult{Name: "red/burst", Totals: run.Totals{Error: "no such luck"}})
	old := faulty(run.Checkpoint{Node: "app-4", Mode: store.CheckpointPassive, Sessions: 1}, run.MountShared, 9120, 7)
	old.Setup.Build, old.Engines = "old-engine", []run.Engine{{Name: run.SQLite, Version: "3.51.2"}}
	sells := lossyWAL
	sells.Setup.Workload = workload.Purchase{Item: "item", Quantity: 1}
	soldOut := goodWAL
	soldOut.Setup.Workload, soldOut.Ops.OK, soldOut.Ops.Failed = sells.Setup.Workload, 60, 40
	soldOut.Codes = map[string]int{"CONFLICT": 40}
	kept := "kept #x Kept: all 100 acknowledged changes."
	served := `kept #x None of 100 requests was refused with SQLITE_BUSY, "database is locked".`
	tests := []struct {
		name string
		doc  *run.Run
		want []string
	}{
		{"nothing", &run.Run{}, nil},
		{"an arm that could not run", broken, nil},
		{"a scene", of("scene", sceneResult().Arms...), nil},
		{"lost, and what does not lose", of("lost-update", lossyWAL, lossyDelete, refusing, hasty, starving, goodWAL, goodDelete), []string{
			"lost #lost-update Lost: 96 of 100 acknowledged increments, with read and write in two transactions and busy_timeout 5000 " +
				"(separate/5000/WAL/burst). No other kind of transaction lost any (5 setups).",
			`refused #lost-update Refused with SQLITE_BUSY, "database is locked": 96 of 100 requests with BEGIN DEFERRED and busy_timeout 5000.`,
			"cure #lost-update Cured by BEGIN IMMEDIATE, with busy_timeout 5000: of 100 requests at once none lost, none refused. " +
				"Price: the slowest took 976 ms to 4.41 s (388 ms where 96 were lost).",
			"same #lost-update No difference: WAL or a rollback journal. Of 2 pairs of setups that differ in nothing else, 1 lost data in both and 1 in neither.",
		}},
		{"refused, without patience and with it", of("busy", incrementing(store.Atomic, 0, store.WAL, outcome{ok: 1, busy: 99, max: 44}), refusing, goodWAL), []string{
			"kept #busy Kept: all 105 acknowledged changes.",
			`refused #busy Refused with SQLITE_BUSY, "database is locked": 99 of 100 requests with busy_timeout 0; ` +
				"96 of 100 with BEGIN DEFERRED and busy_timeout 5000.",
			"cure #busy Cured by BEGIN IMMEDIATE, with busy_timeout 5000: of 100 requests at once none lost, none refused. " +
				"Price: the slowest took 976 ms (44 ms where 99 were refused).",
		}},
		{"what loses anything cures nothing", of("x", lossyWAL, incrementing(store.Separate, 0, store.WAL, outcome{ok: 100, max: 3})), []string{
			"lost #x Lost: 96 of 100 acknowledged increments, with read and write in two transactions and busy_timeout 5000 (separate/5000/WAL/burst).",
			`kept #x None of 200 requests was refused with SQLITE_BUSY, "database is locked".`,
		}},
		{"a rollback journal that loses more than a WAL", of("x", lossyWAL, incrementing(store.Separate, 5000, store.Delete, outcome{ok: 100, max: 3})), []string{
			"lost #x Lost: 96 of 100 acknowledged increments, with read and write in two transactions and busy_timeout 5000 (separate/5000/WAL/burst).",
			`kept #x None of 200 requests was refused with SQLITE_BUSY, "database is locked".`,
		}},
		{"all is well", of("x", goodWAL), []string{kept, served}},
		{"cut short", cut, []string{
			"lost #lost-update Lost: 96 of 100 acknowledged increments, with read and write in two transactions and busy_timeout 5000 " +
				"(separate/5000/WAL/burst).",
			`kept #lost-update None of 100 requests was refused with SQLITE_BUSY, "database is locked".`,
		}},
		{"two transactions lose", of("x", lossyWAL, incrementing(store.Deferred, 5000, store.WAL, outcome{ok: 50, busy: 50, lost: 1, lostMax: 1, max: 9})), []string{
			"lost #x Lost: 96 of 100 acknowledged increments, with read and write in two transactions and busy_timeout 5000 " +
				"(separate/5000/WAL/burst).",
			`refused #x Refused with SQLITE_BUSY, "database is locked": 50 of 100 requests with BEGIN DEFERRED and busy_timeout 5000.`,
		}},
		{"a sold-out stock serves its buyers", of("inventory", sells, soldOut), []string{
			"lost #inventory Lost: 96 of 100 acknowledged purchases, with read and write in two transactions and busy_timeout 5000 " +
				"(separate/5000/WAL/burst). No other kind of transaction lost any (1 setup).",
			`kept #inventory None of 200 requests was refused with SQLITE_BUSY, "database is locked".`,
			"cure #inventory Cured by BEGIN IMMEDIATE, with busy_timeout 5000: of 100 requests at once none lost, none refused. " +
				"Price: the slowest took 976 ms (388 ms where 96 were lost).",
		}},
		{"killed", of("crash", faulty(run.Crash{}, run.MountShared, 262, 0)), []string{
			"kept #crash Kept: all 262 acknowledged writes while every node is killed with SIGKILL, again and again; integrity_check said ok. Power loss was not tried.",
		}},
		{"killed, and lost", of("crash", faulty(run.Crash{}, run.MountShared, 262, 3)), []string{
			"lost #crash Lost: 3 of 262 acknowledged writes while every node is killed with SIGKILL, again and again; integrity_check said ok. Power loss was not tried.",
		}},
		{"mounted wrongly", of("mounts", faulty(nil, run.MountTwoVolumes, 200, 100)), []string{
			"lost #mounts Lost as well: 100 of 200 acknowledged writes, with two volumes, half of the nodes each.",
		}},
		{"an old engine", of("wal-reset", old), []string{
			"lost #wal-reset Lost as well: 7 of 9,120 acknowledged writes, with SQLite 3.51.2.",
		}},
		{"the lock is held", of("lock-wait", func() run.ArmResult {
			arm := hasty
			arm.Setup.Fault = run.Hold{Node: "app-1", For: 3e9}
			return arm
		}()), []string{
			"kept #lock-wait Kept: all 6 acknowledged changes.",
			`refused #lock-wait Refused with SQLITE_BUSY, "database is locked": 94 of 100 requests with busy_timeout 0 while app-1 holds the write lock for 3s.`,
		}},
		{"a busy machine", busyMachine, []string{strings.ReplaceAll(kept, "#x", "#busy"), strings.ReplaceAll(served, "#x", "#busy"),
			"machine  The machine was busy: in 1 of 1 arm, other programs took more than 20 % of its processor time, up to 55 %. What depends on time is not to be trusted there."}},
		{"in memory", inMemory, []string{strings.ReplaceAll(kept, "#x", "#journal"), strings.ReplaceAll(served, "#x", "#journal"),
			"machine  The storage is as fast as memory: writers meet less often there than on a disk, and 1 finding that rests on the time of a commit may come out either way. --dir puts the databases elsewhere."}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, said(tt.doc)); diff != "" {
				t.Errorf("sentences differ (-want +got):\n%s", diff)
			}
		})
	}
}

// Experiments share recordings. What is added up counts each once.
func TestBottomLineCountsARecordingOnce(t *testing.T) {
	doc := of("busy", goodWAL)
	doc.Experiments = append(doc.Experiments, of("lessons", goodWAL).Experiments...)
	want := []string{
		"kept #busy Kept: all 100 acknowledged changes.",
		`kept #busy None of 100 requests was refused with SQLITE_BUSY, "database is locked".`,
	}
	if diff := cmp.Diff(want, said(doc)); diff != "" {
		t.Errorf("sentences differ (-want +got):\n%s", diff)
	}
}

// A loss links to the experiment that proves it.
func TestBottomLineLinksToTheProof(t *testing.T) {
	proven := lossyWAL
	proven.Findings = []run.Finding{{Claim: "lost-update", Witness: sampleWitnesses()}}
	doc := of("busy", lossyWAL)
	doc.Experiments = append(doc.Experiments, of("lost-update", proven).Experiments...)
	if got := BottomLine(doc)[0].Link; got != "#lost-update" {
		t.Errorf("it links to %s", got)
	}
}

// A comparison's bottom line is its advice.
func TestBottomLineOfAComparison(t *testing.T) {
	doc := compareRun()
	for i, s := range BottomLine(doc) {
		if s.About != run.AboutAdvice || s.Text != doc.Comparison.Advice[i].Text || s.Link != "#ladder" {
			t.Errorf("sentence %d is %+v, want advice %q", i, s, doc.Comparison.Advice[i].Text)
		}
	}
}

// Whatever a run has, the bottom line is short, and its links are anchors of the page.
func TestBottomLineIsShort(t *testing.T) {
	everything := of("lost-update", lossyWAL, lossyDelete, refusing, hasty, goodWAL, goodDelete,
		faulty(run.Crash{}, run.MountShared, 262, 0), faulty(nil, run.MountTwoVolumes, 200, 100))
	busy := 0.55
	everything.Experiments[0].Arms[0].Others = &busy
	everything.Experiments[0].Arms[0].Findings = []run.Finding{{Claim: "wal-faster", Verdict: check.Holds, Fast: true}}
	if n := len(BottomLine(everything)); n != len(rules) {
		t.Errorf("of %d rules %d say something", len(rules), n)
	}
	for name, doc := range map[string]*run.Run{"everything": everything, "sample": sampleRun(), "lab": labRun(), "whole": wholeRun()} {
		all, page := BottomLine(doc), paged(t, doc)
		if len(all) == 0 || len(all) > run.MaxSentences {
			t.Errorf("%s: %d sentences, want 1 to %d", name, len(all), run.MaxSentences)
		}
		for _, s := range all {
			if s.Link != "" && !strings.Contains(page, fmt.Sprintf("id=%q", s.Link[1:])) {
				t.Errorf("%s: the page has no %s", name, s.Link)
			}
		}
	}
	if !slices.ContainsFunc(said(everything), func(s string) bool { return strings.Contains(s, "database is locked") }) {
		t.Error("SQLite's own message, for which people search, is nowhere")
	}
}
