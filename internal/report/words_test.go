package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
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
		{measure.Spread{Count: 3, Min: 2.94, Median: 3.1416, Max: 1234567}, "3.14 (2.94–1,234,567)"},
		{measure.Spread{Count: 2, Min: -0.001234, Median: 0.5, Max: 999.6}, "0.5 (−0.00123–1,000)"},
	} {
		if got := spreadWords(&run.Measured{Spread: tt.spread}); got != tt.want {
			t.Errorf("%+v = %q, want %q", tt.spread, got, tt.want)
		}
	}
}

func TestAnswered(t *testing.T) {
	for _, tt := range []struct {
		step run.StepResult
		want string
	}{
		{run.StepResult{Outcome: "ok"}, "ok"},
		{run.StepResult{Outcome: "ok", Got: history.Some(50)}, "ok, 50"},
		{run.StepResult{Outcome: "ok", Wrote: history.Some(45), Got: history.Some(45)}, "ok"},
		{run.StepResult{Outcome: "failed", Code: "SQLITE_BUSY", Extended: "SQLITE_BUSY"}, "SQLITE_BUSY"},
		{run.StepResult{Outcome: "failed", Code: "SQLITE_BUSY", Extended: "SQLITE_BUSY_SNAPSHOT"}, "SQLITE_BUSY_SNAPSHOT"},
		{run.StepResult{Outcome: "failed", Code: "SQLITE_TIMEOUT", Extended: "SQLITE_BUSY"}, "SQLITE_TIMEOUT (SQLITE_BUSY)"},
		{run.StepResult{Outcome: "failed"}, "failed"},
		{run.StepResult{Outcome: "unknown"}, "unknown"},
		{run.StepResult{Outcome: "unknown", Code: "CLIENT_TIMEOUT"}, "unknown, CLIENT_TIMEOUT"},
		{run.StepResult{Outcome: "ok", Blocked: true, Frames: history.Some(12), Checkpointed: history.Some(3)}, "ok, blocked, 3 of 12 frames"},
	} {
		if got := answerWords(&tt.step); got != tt.want {
			t.Errorf("%+v = %q, want %q", tt.step, got, tt.want)
		}
	}
}

func TestFaultWords(t *testing.T) {
	look := func(hot bool, integrity string) run.FaultResult {
		return run.FaultResult{Kind: "look", Hot: hot, Integrity: integrity}
	}
	crash, hold := run.FaultResult{Kind: "crash"}, run.FaultResult{Kind: "hold", From: 1, To: 3001}
	for _, tt := range []struct {
		faults []run.FaultResult
		want   string
	}{
		{nil, ""},
		{[]run.FaultResult{hold, hold}, "write lock held 2 times, 6 s in all"},
		{[]run.FaultResult{crash, look(true, "ok")}, "1 node killed; hot journal at 1 of 1 look; integrity ok once"},
		{[]run.FaultResult{crash, crash, look(false, "ok"), look(true, "row 3 missing"), look(true, "row 3 missing")},
			"2 nodes killed; hot journal at 2 of 3 looks; integrity ok in 1 of 3, else: row 3 missing"},
		{[]run.FaultResult{{Kind: "flood"}}, "flood once"},
	} {
		if got := faultWords(tt.faults); got != tt.want {
			t.Errorf("%v = %q, want %q", tt.faults, got, tt.want)
		}
	}
}

func TestRepeat(t *testing.T) {
	result := run.Result{Name: "busy", Arms: []run.ArmResult{{Name: "separate/0/WAL/burst"}, {Name: "red/burst"}}}
	for _, tt := range []struct {
		asked run.Asked
		want  string
	}{
		{run.Asked{}, "contend run busy --seed 7"},
		{run.Asked{Experiments: []string{"busy", "lost-update"}}, "contend run busy --seed 7"},
		{run.Asked{Experiments: []string{"lost-update"}, Quick: true}, "contend run busy --quick --seed 7"},
		{run.Asked{Arms: []string{"red", "green", "*/0", "red/burst/more", "["}}, "contend run busy --arm red --arm '*/0' --seed 7"},
		{run.Asked{Levels: []int{10, 500}, Flags: []string{"--on", "compose"}}, "contend run busy --levels 10,500 --on compose --seed 7"},
	} {
		doc := &run.Run{Seed: 7, Asked: tt.asked, Command: []string{"contend", "run", "--seed", "9"}}
		if got := commandLine(again(doc, &result)); got != tt.want {
			t.Errorf("%+v is repeated with %q, want %q", tt.asked, got, tt.want)
		}
	}
}

// texts are the sentences of a claim.
func texts(c *claim) []string {
	var all []string
	for _, s := range c.Sentences {
		all = append(all, s.Text)
	}
	return all
}

// An arm that does not have a claim is left out of counts and shown as an empty cell; one
// that could not run is counted as not judged.
func TestNotAskedIsNotUnjudged(t *testing.T) {
	finding := func(v check.Verdict) []run.Finding {
		return []run.Finding{{Claim: "claim", Verdict: v}}
	}
	timeout := func(name string, ms store.Milliseconds, findings []run.Finding) run.ArmResult {
		return run.ArmResult{Name: name, Totals: run.Totals{Setup: run.Setup{Discipline: store.Discipline{BusyTimeout: ms}}}, Findings: findings}
	}
	arms := []run.ArmResult{
		timeout("hasty", 0, finding(check.Holds)), timeout("patient", 5000, finding(check.Refuted)),
		timeout("silent", 9000, nil), timeout("broken", 7000, finding(check.Inconclusive)),
	}
	arms[3].Error = "no such luck"
	told := func(arms ...run.ArmResult) []string {
		c := claims(&run.Result{Arms: arms})[0]
		return append([]string{string(c.Ruling)}, texts(&c)...)
	}
	for _, tt := range []struct{ got, want []string }{
		{told(arms...), []string{"depends", "Holds in 1 of 2 arms that ran: busy_timeout 0.",
			"Refuted in 1 of 2 arms that ran: busy_timeout 5000.", "Not judged in 1 of 3 arms: broken."}},
		{told(arms[0], arms[1], arms[2]), []string{"depends", "Holds in 1 of 2 tested arms: busy_timeout 0.",
			"Refuted in 1 of 2 tested arms: busy_timeout 5000."}},
		{told(arms[0], arms[2]), []string{"holds", "Tested only in hasty: holds."}},
		{told(arms[0], arms[3]), []string{"holds", "Ran only in hasty: holds.", "Not judged in 1 of 2 arms: broken."}},
		{told(arms[3]), []string{"not run", "Not judged in 1 of 1 arm: broken."}},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("sentences differ (-want +got):\n%s", diff)
		}
	}
	result := run.Result{Arms: arms}
	var cells []string
	for _, r := range armTable(&result, claims(&result)).Rows {
		cells = append(cells, r.Cells[len(r.Cells)-1].Text)
	}
	if diff := cmp.Diff([]string{"holds", "refuted", "", "not run"}, cells); diff != "" {
		t.Errorf("cells differ (-want +got):\n%s", diff)
	}
}

// What reached no node has a column of its own, only where there is any, and is named.
func TestWhatReachedNoNodeIsKeptApart(t *testing.T) {
	arm := sampleArm("green", store.Green(), run.Burst, outcome{ok: 60, busy: 40})
	result := run.Result{Arms: []run.ArmResult{arm}}
	find := func(name string) string {
		table := armTable(&result, nil)
		for i, h := range table.Heads {
			if strings.ReplaceAll(h.Name, softHyphen, "") == name {
				return table.Rows[0].Cells[i-1].Text
			}
		}
		return "no column"
	}
	if got := find("unreached"); got != "no column" || strings.Contains(tableWords(&result, 0), "unreached") {
		t.Errorf("where all reached a node, the column is %q", got)
	}
	away := &result.Arms[0]
	away.Ops = run.OpCounts{Total: 100, OK: 20, Failed: 80, Unreached: 70}
	away.Codes = map[string]int{"NO_NODE": 63, "NO_SOCKET": 7, "SQLITE_BUSY": 8, "OVERLOADED": 2}
	if got := find("unreached") + " " + find("other"); got != "70 2" {
		t.Errorf("unreached and other are %q, want 70 2", got)
	}
	if words := tableWords(&result, 0); !strings.Contains(words, "(NO_NODE 63, NO_SOCKET 7)") {
		t.Errorf("the words are %q", words)
	}
}

// What the trials of an arm compare does not tell it from other arms.
func TestConditionsLeaveOutWhatTrialsCompare(t *testing.T) {
	arm := func(name string, fault run.Fault, v check.Verdict) run.ArmResult {
		wal := run.Totals{Setup: run.Setup{Discipline: store.Discipline{Journal: store.WAL}, Fault: fault}}
		old := run.Totals{Setup: run.Setup{Discipline: store.Discipline{Journal: store.Delete}, Fault: fault}}
		a := run.ArmResult{Name: name, Totals: wal, Findings: []run.Finding{{Claim: "claim", Verdict: v}}}
		if name == "both" {
			a.Trials = []run.TrialResult{{Name: "WAL", Totals: wal}, {Name: "DELETE", Totals: old}}
		} else {
			a.Totals = old
		}
		return a
	}
	arms := []run.ArmResult{arm("both", nil, check.Holds), arm("one", run.Hold{Node: "app-1", For: 3 * time.Second}, check.Refuted)}
	want := []string{"Holds in 1 of 2 arms: no fault.", "Refuted in 1 of 2 arms: app-1 holds the write lock for 3s."}
	if diff := cmp.Diff(want, texts(&claims(&run.Result{Arms: arms})[0])); diff != "" {
		t.Errorf("sentences differ (-want +got):\n%s", diff)
	}
}

// An arm's engine is SQLite's version alone, or another engine's name and version.
// What an engine does not have is no condition, and leaves no gap in a sentence.
func TestConditionsNameEngines(t *testing.T) {
	arm := func(d store.Discipline, v check.Verdict, engines ...run.Engine) run.ArmResult {
		return run.ArmResult{Name: fmt.Sprintf("%q", d.Busy), Totals: run.Totals{Setup: run.Setup{Discipline: d}, Engines: engines}, Findings: []run.Finding{{Claim: "claim", Verdict: v}}}
	}
	plain := store.Discipline{Transaction: store.Atomic}
	stock, random := plain, plain
	stock.Busy, random.Busy = store.Stock, store.Random
	for _, tt := range []struct {
		name      string
		arms      []run.ArmResult
		wantFirst string
	}{
		{"SQLite alone", []run.ArmResult{arm(plain, check.Holds, run.Engine{Name: run.SQLite, Version: "3.54.1"}), arm(plain, check.Holds, run.Engine{Name: run.SQLite, Version: "3.44.6"}), arm(plain, check.Refuted, run.Engine{Name: run.SQLite, Version: "3.40.1"})},
			"Holds in 2 of 3 arms: SQLite 3.54.1 or SQLite 3.44.6."},
		{"two versions in an arm", []run.ArmResult{arm(plain, check.Holds, run.Engine{Name: run.SQLite, Version: "3.54.1"}, run.Engine{Name: run.SQLite, Version: "3.40.1"}), arm(plain, check.Refuted, run.Engine{Name: run.SQLite, Version: "3.54.1"})},
			"Holds in 1 of 2 arms: SQLite 3.54.1 and SQLite 3.40.1."},
		{"another engine", []run.ArmResult{arm(plain, check.Holds, run.Engine{Name: "PostgreSQL", Version: "15.18"}), arm(plain, check.Refuted, run.Engine{Name: run.SQLite, Version: "3.54.1"})},
			"Holds in 1 of 2 arms: PostgreSQL 15.18."},
		{"the others", []run.ArmResult{arm(plain, check.Refuted, run.Engine{Name: "PostgreSQL", Version: "15.18"}), arm(plain, check.Holds, run.Engine{Name: run.SQLite, Version: "3.54.1"}), arm(plain, check.Holds, run.Engine{Name: "rqlite", Version: "v10.0.1"})},
			"Holds in 2 of 3 arms: SQLite 3.54.1 or rqlite v10.0.1."},
		{"busy policy", []run.ArmResult{arm(random, check.Holds, run.Engine{Name: run.SQLite, Version: "3.54.1"}), arm(stock, check.Refuted, run.Engine{Name: run.SQLite, Version: "3.54.1"})},
			"Holds in 1 of 2 arms: busy policy random."},
		{"no busy policy", []run.ArmResult{arm(plain, check.Holds), arm(stock, check.Holds), arm(random, check.Refuted)},
			"Holds in 2 of 3 arms: \"\" and \"stock\"."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := claims(&run.Result{Arms: tt.arms})[0].Sentences[0].Text; got != tt.wantFirst {
				t.Errorf("condition = %q, want %q", got, tt.wantFirst)
			}
		})
	}
}

// Scenes are named as such, and where an arm has none, as workloads.
func TestConditionsNameScenes(t *testing.T) {
	arm := func(s run.Setup, v check.Verdict) run.ArmResult {
		return run.ArmResult{Name: s.Asked(), Totals: run.Totals{Setup: s}, Findings: []run.Finding{{Claim: "claim", Verdict: v}}}
	}
	scene := func(name string) run.Setup { return run.Setup{Scene: &run.Scene{Name: name}} }
	for _, tt := range []struct {
		other run.Setup
		want  string
	}{
		{scene("no transaction"), `Holds in 1 of 2 arms: scene "B waits".`},
		{run.Setup{Workload: workload.Write{}}, `Holds in 1 of 2 arms: scene "B waits".`},
	} {
		arms := []run.ArmResult{arm(scene("B waits"), check.Holds), arm(tt.other, check.Refuted)}
		if got := claims(&run.Result{Arms: arms})[0].Sentences[0].Text; got != tt.want {
			t.Errorf("condition = %q, want %q", got, tt.want)
		}
	}
}

// A factor is never read from a name: arms that are renamed to nonsense have the same
// conditions.
func TestNamesAreNoFactors(t *testing.T) {
	sentencesOf := func(name func(i int, arm *run.ArmResult) string) []string {
		var all []string
		for _, result := range labRun().Experiments {
			for i := range result.Arms {
				result.Arms[i].Name = name(i, &result.Arms[i])
				for j := range result.Arms[i].Trials {
					result.Arms[i].Trials[j].Name += "nonsense"
				}
			}
			for _, c := range claims(&result) {
				for _, s := range texts(&c) {
					if !strings.HasPrefix(s, "Not judged") && !strings.HasPrefix(s, "Tested only") { // they do name arms
						all = append(all, s)
					}
				}
			}
		}
		return all
	}
	want := sentencesOf(func(_ int, arm *run.ArmResult) string { return arm.Name })
	got := sentencesOf(func(i int, _ *run.ArmResult) string { return fmt.Sprintf("green/%d/WAL/sequence", i) })
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Errorf("%d sentences; renamed, they differ (-want +got):\n%s", len(want), diff)
	}
}

// A new setting of a discipline must not be forgotten among the factors.
func TestEverySettingIsAFactor(t *testing.T) {
	for _, s := range store.Settings {
		if !slices.ContainsFunc(factors, func(f factor) bool { return f.name == s.Title }) {
			t.Errorf("setting %s is no factor", s.Name)
		}
	}
}

func TestPreset(t *testing.T) {
	pooled, slow := store.Green(), store.Green()
	pooled.Pool, pooled.Driver, slow.Think = 500, store.Ncruces, 11
	for want, d := range map[string]store.Discipline{"red": store.Red(), "green": pooled, "": slow} {
		if got := preset(d); got != want {
			t.Errorf("preset of %+v = %q, want %q", d, got, want)
		}
	}
}
