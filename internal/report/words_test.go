package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/store"
)

func TestShortHead(t *testing.T) {
	for in, want := range map[string]string{
		"arm": "arm", "time\u00adout": "time-|out", "busy-over-30": "busy-|over-30", "attempts per success": "attempts |per |success",
		"error rate": "error |rate", "p50": "p50", "final-above-50": "final-|above-50", "": "", "unbreakable_name": "unbreakable_name",
	} {
		if got := strings.ReplaceAll(shortHead(in), "\n", "|"); strings.TrimRight(got, " ") != want {
			t.Errorf("shortHead(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSpreadWords(t *testing.T) {
	for _, tt := range []struct {
		spread measure.Spread
		want   string
	}{
		{measure.Spread{}, ""},
		{measure.Spread{Count: 1, Min: 0, Median: 0, Max: 0}, "0"},
		{measure.Spread{Count: 3, Min: 2, Median: 2, Max: 2}, "2"},
		{measure.Spread{Count: 3, Min: 2.94, Median: 3.1416, Max: 1234567}, "3.14 (2.94–1234567)"},
		{measure.Spread{Count: 2, Min: -0.001234, Median: 0.5, Max: 999.6}, "0.5 (-0.00123–1000)"},
	} {
		if got := spreadWords(&experiment.Measured{Spread: tt.spread}); got != tt.want {
			t.Errorf("%+v = %q, want %q", tt.spread, got, tt.want)
		}
	}
}

func TestAnswered(t *testing.T) {
	for _, tt := range []struct {
		step experiment.Step
		want string
	}{
		{experiment.Step{Outcome: "ok"}, "ok"},
		{experiment.Step{Outcome: "ok", Got: number(50)}, "ok, 50"},
		{experiment.Step{Outcome: "ok", Wrote: number(45), Got: number(45)}, "ok"},
		{experiment.Step{Outcome: "failed", Code: "SQLITE_BUSY", Extended: "SQLITE_BUSY"}, "SQLITE_BUSY"},
		{experiment.Step{Outcome: "failed", Code: "SQLITE_BUSY", Extended: "SQLITE_BUSY_SNAPSHOT"}, "SQLITE_BUSY_SNAPSHOT"},
		{experiment.Step{Outcome: "failed", Code: "SQLITE_TIMEOUT", Extended: "SQLITE_BUSY"}, "SQLITE_TIMEOUT (SQLITE_BUSY)"},
		{experiment.Step{Outcome: "failed"}, "failed"},
		{experiment.Step{Outcome: "unknown"}, "unknown"},
		{experiment.Step{Outcome: "unknown", Code: "CLIENT_TIMEOUT"}, "unknown, CLIENT_TIMEOUT"},
		{experiment.Step{Outcome: "ok", Blocked: true, Frames: number(12), Checkpointed: number(3)}, "ok, blocked, 3 of 12 frames"},
	} {
		if got := answered(&tt.step); got != tt.want {
			t.Errorf("%+v = %q, want %q", tt.step, got, tt.want)
		}
	}
}

func TestFaultWords(t *testing.T) {
	look := func(hot bool, integrity string) experiment.Fault {
		return experiment.Fault{Kind: "look", Hot: hot, Integrity: integrity}
	}
	crash, hold := experiment.Fault{Kind: "crash"}, experiment.Fault{Kind: "hold", From: 1, To: 3001}
	for _, tt := range []struct {
		faults []experiment.Fault
		want   string
	}{
		{nil, ""},
		{[]experiment.Fault{hold, hold}, "the write lock held 2 times, 6000 ms in all"},
		{[]experiment.Fault{crash, look(true, "ok")}, "1 crash; hot journal after 1 of 1; integrity ok once"},
		{[]experiment.Fault{crash, crash, look(false, "ok"), look(true, "row 3 missing"), look(true, "row 3 missing")},
			"2 crashes; hot journal after 2 of 3; integrity ok in 1 of 3, else: row 3 missing"},
		{[]experiment.Fault{{Kind: "flood"}}, "flood once"},
	} {
		if got := faultWords(tt.faults); got != tt.want {
			t.Errorf("%v = %q, want %q", tt.faults, got, tt.want)
		}
	}
}

func TestRepeat(t *testing.T) {
	result := experiment.Result{Name: "busy", Arms: []experiment.ArmResult{{Name: "separate/0/WAL/burst"}, {Name: "red/burst"}}}
	for _, tt := range []struct{ command, want string }{
		{"contend run --seed 7", "contend run busy --seed 7"},
		{"contend run busy lost-update --seed 7", "contend run busy --seed 7"},
		{"contend run lost-update --quick --seed 7", "contend run busy --quick --seed 7"},
		{"contend run --arm red --arm green --arm */0 --seed 7", "contend run busy --arm red --arm */0 --seed 7"},
		{"contend run --arm red/burst/more --seed 7", "contend run busy --seed 7"},
		{"", "contend run busy --seed 9"},
		{"contend", "contend run busy --seed 9"},
	} {
		run := &experiment.Run{Seed: 9, Command: strings.Fields(tt.command)}
		if got := strings.Join(repeat(run, &result), " "); got != tt.want {
			t.Errorf("%q is repeated with %q, want %q", tt.command, got, tt.want)
		}
	}
}

// An arm that is not asked is left out of counts and shown as an empty cell; one
// that could not run is counted as not judged.
func TestNotAskedIsNotUnjudged(t *testing.T) {
	finding := func(v check.Verdict) []experiment.Finding {
		return []experiment.Finding{{Claim: "claim", Verdict: v}}
	}
	timeout := func(name string, ms store.Milliseconds, findings []experiment.Finding) experiment.ArmResult {
		return experiment.ArmResult{Name: name, Totals: experiment.Totals{Discipline: store.Discipline{BusyTimeout: ms}}, Findings: findings}
	}
	arms := []experiment.ArmResult{
		timeout("hasty", 0, finding(check.Holds)), timeout("patient", 5000, finding(check.Refuted)),
		timeout("silent", 9000, nil), timeout("broken", 7000, finding(check.Inconclusive)),
	}
	arms[3].Error = "no such luck"
	told := func(arms ...experiment.ArmResult) []string {
		c := newClaim(&claims(&experiment.Result{Arms: arms})[0], arms)
		return append([]string{string(c.Ruling)}, c.Sentences()...)
	}
	for _, tt := range []struct{ got, want []string }{
		{told(arms...), []string{"depends", "Holds in 1 of 2 arms that were judged: with busy_timeout 0.",
			"Refuted in 1 of 2 arms that were judged: with busy_timeout 5000.", "Not judged in 1 of 3 arms: broken."}},
		{told(arms[0], arms[1], arms[2]), []string{"depends", "Holds in 1 of the 2 arms that are asked: with busy_timeout 0.",
			"Refuted in 1 of the 2 arms that are asked: with busy_timeout 5000."}},
		{told(arms[0], arms[2]), []string{"holds", "Holds in the only arm that is asked: hasty."}},
		{told(arms[0], arms[3]), []string{"holds", "Holds in the only arm that was judged: hasty.", "Not judged in 1 of 2 arms: broken."}},
		{told(arms[3]), []string{"not run", "Not judged in 1 of 1 arms: broken."}},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("sentences differ (-want +got):\n%s", diff)
		}
	}
	result := experiment.Result{Arms: arms}
	var cells []string
	for _, r := range newSheet(&result, claims(&result)).Rows {
		cells = append(cells, r.Cells[len(r.Cells)-1].Text)
	}
	if diff := cmp.Diff([]string{"holds", "refuted", "", "not run"}, cells); diff != "" {
		t.Errorf("cells differ (-want +got):\n%s", diff)
	}
}

// What the trials of an arm compare does not tell it from other arms.
func TestConditionsLeaveOutWhatTrialsCompare(t *testing.T) {
	arm := func(name string, fault string, v check.Verdict) experiment.ArmResult {
		wal := experiment.Totals{Discipline: store.Discipline{Journal: store.WAL}, Fault: fault}
		old := experiment.Totals{Discipline: store.Discipline{Journal: store.Delete}, Fault: fault}
		a := experiment.ArmResult{Name: name, Totals: wal, Findings: []experiment.Finding{{Claim: "claim", Verdict: v}}}
		if name == "both" {
			a.Trials = []experiment.TrialResult{{Name: "WAL", Totals: wal}, {Name: "DELETE", Totals: old}}
		} else {
			a.Totals = old
		}
		return a
	}
	arms := []experiment.ArmResult{arm("both", "", check.Holds), arm("one", "app-1 holds the write lock for 3s", check.Refuted)}
	c := newClaim(&claims(&experiment.Result{Arms: arms})[0], arms)
	want := []string{"Holds in 1 of 2 arms: where nothing goes wrong.", "Refuted in 1 of 2 arms: where app-1 holds the write lock for 3s."}
	if diff := cmp.Diff(want, c.Sentences()); diff != "" {
		t.Errorf("sentences differ (-want +got):\n%s", diff)
	}
}

func TestOnce(t *testing.T) {
	for _, tt := range []struct {
		in   []string
		want string
	}{
		{[]string{"nothing goes wrong"}, "nothing goes wrong"},
		{[]string{"app-1 holds the write lock for 5s", "app-1 holds the write lock for 7s"}, "app-1 holds the write lock for 5s or 7s"},
		{[]string{"nothing goes wrong", "node app-1 dies", "node app-2 dies"}, "nothing goes wrong, node app-1 dies or node app-2 dies"},
		{[]string{"a b", "a b c"}, "a b or b c"},
		{[]string{"", "x"}, " or x"},
		{nil, ""},
	} {
		if got := once(tt.in, "or"); got != tt.want {
			t.Errorf("once(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

// An arm's engine is SQLite's version alone, or another engine's name and version.
// What an engine does not have is no condition, and leaves no gap in a sentence.
func TestConditionsNameEngines(t *testing.T) {
	arm := func(d store.Discipline, v check.Verdict, engines ...string) experiment.ArmResult {
		return experiment.ArmResult{Name: fmt.Sprintf("%q", d.Busy), Totals: experiment.Totals{Discipline: d, Engines: engines}, Findings: []experiment.Finding{{Claim: "claim", Verdict: v}}}
	}
	plain := store.Discipline{Transaction: store.Atomic}
	stock, random := plain, plain
	stock.Busy, random.Busy = store.Stock, store.Random
	for _, tt := range []struct {
		name      string
		arms      []experiment.ArmResult
		wantFirst string
	}{
		{"SQLite alone", []experiment.ArmResult{arm(plain, check.Holds, "3.54.1"), arm(plain, check.Holds, "3.44.6"), arm(plain, check.Refuted, "3.40.1")},
			"Holds in 2 of 3 arms: with SQLite 3.54.1 or 3.44.6."},
		{"two versions in an arm", []experiment.ArmResult{arm(plain, check.Holds, "3.54.1", "3.40.1"), arm(plain, check.Refuted, "3.54.1")},
			"Holds in 1 of 2 arms: with SQLite 3.54.1 and 3.40.1."},
		{"another engine", []experiment.ArmResult{arm(plain, check.Holds, "PostgreSQL 15.18"), arm(plain, check.Refuted, "3.54.1")},
			"Holds in 1 of 2 arms: with PostgreSQL 15.18."},
		{"the others", []experiment.ArmResult{arm(plain, check.Refuted, "PostgreSQL 15.18"), arm(plain, check.Holds, "3.54.1"), arm(plain, check.Holds, "rqlite v10.0.1")},
			"Holds in 2 of 3 arms: with SQLite 3.54.1 or rqlite v10.0.1."},
		{"busy policy", []experiment.ArmResult{arm(random, check.Holds, "3.54.1"), arm(stock, check.Refuted, "3.54.1")},
			"Holds in 1 of 2 arms: with busy policy random."},
		{"no busy policy", []experiment.ArmResult{arm(plain, check.Holds), arm(stock, check.Holds), arm(random, check.Refuted)},
			"Holds in 2 of 3 arms: in \"\" and \"stock\"."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClaim(&claims(&experiment.Result{Arms: tt.arms})[0], tt.arms)
			if got := c.Sentences()[0]; got != tt.wantFirst {
				t.Errorf("condition = %q, want %q", got, tt.wantFirst)
			}
		})
	}
}

// Scenes are named as such, and where an arm has none, as workloads.
func TestConditionsNameScenes(t *testing.T) {
	arm := func(workload string, v check.Verdict) experiment.ArmResult {
		return experiment.ArmResult{Name: workload, Totals: experiment.Totals{Workload: workload}, Findings: []experiment.Finding{{Claim: "claim", Verdict: v}}}
	}
	for _, tt := range []struct {
		other, want string
	}{
		{"the scene no transaction", `Holds in 1 of 2 arms: in the scene "B waits".`},
		{"insert small rows", "Holds in 1 of 2 arms: where the workload is the scene B waits."},
	} {
		arms := []experiment.ArmResult{arm("the scene B waits", check.Holds), arm(tt.other, check.Refuted)}
		c := newClaim(&claims(&experiment.Result{Arms: arms})[0], arms)
		if got := c.Sentences()[0]; got != tt.want {
			t.Errorf("condition = %q, want %q", got, tt.want)
		}
	}
}
