package catalogue

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
)

// reset is a recording of three writes, two of them acknowledged, after 10 and
// 20 ms, and one refused, under an engine. In the end the rows with these tags
// are there.
func reset(engine, integrity string, found ...string) *run.Recording {
	var ops []history.Op
	for i, tag := range []string{"first", "second", "refused"} {
		at := time.Duration(i+1) * 10 * ms
		op := history.Op{Process: i, Func: history.Write, Key: tag, Value: history.Some(int64(i + 1)), Invoked: at - ms, Returned: at, Outcome: history.OK}
		if tag == "refused" {
			op.Outcome, op.Code, op.Value = history.Failed, "SQLITE_TIMEOUT", history.Value{}
		}
		ops = append(ops, op)
	}
	r := made(ops...)
	r.Started, r.Seconds = started, 0.03
	r.Engines = []run.Engine{{Name: run.SQLite, Version: engine}}
	r.Facts = &run.Facts{Integrity: integrity}
	for i, tag := range found {
		r.Ops = append(r.Ops, own(history.FinalRow, tag, int64(i+1), time.Second))
	}
	r.Ops = append(r.Ops, own(history.FinalRead, "data", int64(len(found)), time.Second))
	return r
}

const (
	fixedEngine  = "3.51.3"
	brokenEngine = "3.51.2"
	malformed    = "SQLITE_CORRUPT: database disk image is malformed (11)"
)

func TestWALResetClaims(t *testing.T) {
	const holds, refuted, open = check.Holds, check.Refuted, check.Inconclusive
	unread := func() *run.Recording {
		r := reset(brokenEngine, "ok")
		r.Facts, r.Ops = nil, r.Ops[:3]
		return r
	}
	answered := reset(brokenEngine, "ok", "first", "second")
	answered.Ops[2].Outcome, answered.Ops[2].Code = history.Unknown, "SQLITE_CORRUPT"
	nobodyTold := reset(brokenEngine, "ok", "first")
	for i := range 3 {
		nobodyTold.Ops[i].Outcome, nobodyTold.Ops[i].Code = history.Unknown, "CLIENT_TIMEOUT"
	}
	whole := func() *run.Recording { return reset(brokenEngine, "ok", "first", "second") }
	lost := func() *run.Recording { return reset(brokenEngine, "ok", "first") }
	for _, tt := range []struct {
		name           string
		repeats        []*run.Recording
		vanish, silent check.Verdict
	}{
		{"all there", []*run.Recording{whole()}, refuted, open},
		{"all there, every time", []*run.Recording{whole(), whole(), whole()}, refuted, open},
		{"one is gone", []*run.Recording{lost()}, holds, refuted},
		{"one is gone in one of three", []*run.Recording{whole(), whole(), lost()}, holds, refuted},
		{"one is gone, and integrity_check sees it", []*run.Recording{reset(brokenEngine, "row 2 missing", "first")}, holds, holds},
		{"integrity_check sees one of two", []*run.Recording{reset(brokenEngine, "row 2 missing", "first"), lost()}, holds, refuted},
		{"damaged, and nothing is gone", []*run.Recording{reset(brokenEngine, "row 9 missing", "first", "second")}, holds, open},
		{"damaged, and nobody can read the rows", []*run.Recording{reset(brokenEngine, malformed)}, holds, open},
		{"a node was told that the file is malformed", []*run.Recording{answered}, holds, open},
		{"the refused write is there", []*run.Recording{reset(brokenEngine, "ok", "first", "second", "refused")}, holds, open},
		{"not read in the end", []*run.Recording{unread()}, open, open},
		{"not read in one of two", []*run.Recording{whole(), unread()}, open, open},
		{"not read in one of two, and lost in the other", []*run.Recording{lost(), unread()}, holds, refuted},
		{"nothing was acknowledged", []*run.Recording{nobodyTold}, open, open},
	} {
		for i := range tt.repeats {
			tt.repeats[i].Setup.Build = OldEngine
		}
		e := evidenceOf(trialOf("", 0, tt.repeats...))
		for id, want := range map[string]check.Verdict{"writes-vanish": tt.vanish, "integrity-tells": tt.silent} {
			if j := claimOf(t, walResetClaims, id).Check(e); j.Verdict != want || j.Reason == "" {
				t.Errorf("%s: %s is %s because %q, want %s", tt.name, id, j.Verdict, j.Reason, want)
			}
		}
		// The same recordings under an engine that has the fix.
		for i := range tt.repeats {
			tt.repeats[i].Setup.Build, tt.repeats[i].Engines = "", []run.Engine{{Name: run.SQLite, Version: fixedEngine}}
		}
		want := map[check.Verdict]check.Verdict{holds: refuted, refuted: holds, open: open}[tt.vanish]
		if j := claimOf(t, walResetClaims, "fix-suffices").Check(e); j.Verdict != want {
			t.Errorf("%s: fix-suffices is %s because %q, want %s", tt.name, j.Verdict, j.Reason, want)
		}
	}
}

// What an arm says of an engine is decided only by nodes that ran it.
func TestWALResetAsksWhichEngineRan(t *testing.T) {
	swapped := reset(fixedEngine, "ok", "first")
	swapped.Setup.Build = OldEngine
	silent := reset("", "ok", "first")
	silent.Setup.Build, silent.Engines = OldEngine, nil
	for _, tt := range []struct {
		name, claim string
		r           *run.Recording
		want        check.Verdict
	}{
		{"the old engine has the fix", "writes-vanish", swapped, check.Inconclusive},
		{"the old engine does not say what it is", "writes-vanish", silent, check.Holds},
		{"this engine lacks the fix, and nothing happened", "fix-suffices", reset(brokenEngine, "ok", "first", "second"), check.Inconclusive},
		{"this engine lacks the fix, and it happened", "writes-vanish", reset(brokenEngine, "ok", "first"), check.Holds},
		{"this engine does not say what it is", "fix-suffices", silent, check.Inconclusive},
		{"one that cannot be read", "fix-suffices", reset("unknown", "ok", "first", "second"), check.Inconclusive},
	} {
		if j := claimOf(t, walResetClaims, tt.claim).Check(evidenceOf(trialOf("", 0, tt.r))); j.Verdict != tt.want || j.Reason == "" {
			t.Errorf("%s: %s because %q, want %s", tt.name, j.Verdict, j.Reason, tt.want)
		}
	}
}

func TestWALResetFigures(t *testing.T) {
	lost, whole := reset(brokenEngine, "ok", "first"), reset(brokenEngine, "ok", "first", "second")
	unreadable := reset(brokenEngine, malformed)
	unreadable.Ops[2].Code = "SQLITE_CORRUPT"
	for _, tt := range []struct {
		figure experiment.Figure
		r      *run.Recording
		want   float64
		ok     bool
	}{
		{firstVanished, lost, 0.02, true}, {firstVanished, whole, 0, false}, {firstVanished, unreadable, 0, false},
		{toldCorrupt, lost, 0, true}, {toldCorrupt, unreadable, 1, true},
	} {
		if got, ok := tt.figure.Of(tt.r); got != tt.want && tt.ok || ok != tt.ok {
			t.Errorf("%s is %g, %t; want %g, %t", tt.figure.Name, got, ok, tt.want, tt.ok)
		}
	}
}

func TestVanishedPlot(t *testing.T) {
	point := func(x, y float64) run.Point {
		return run.Point{X: x, Y: y, Low: y, High: y, Count: int(y)}
	}
	unread := reset(brokenEngine, "ok")
	unread.Facts = nil
	c := vanishedPlot([]run.Evidence{*evidenceOf(trialOf("", 0, reset(brokenEngine, "ok", "first"), unread, reset(brokenEngine, "ok", "first", "second")))})
	want := []run.Series{
		{Name: "arm, no. 1", Points: []run.Point{point(0, 0), point(20, 1), point(30, 1)}},
		{Name: "arm, no. 3", Points: []run.Point{point(0, 0), point(30, 0)}},
	}
	if diff := cmp.Diff(want, c.Series); diff != "" {
		t.Error("want -, got +\n" + diff)
	}
}

// The arms differ in nothing but the engine, and a quick run leaves the old one as it is.
func TestWALResetArms(t *testing.T) {
	arms := walResetArms(Options{})
	this, old := arms[0].Trials[0].Setup, arms[1].Trials[0].Setup
	if old.Build != OldEngine || this.Build != "" {
		t.Errorf("the arms run %q and %q", this.Build, old.Build)
	}
	if old.Build = ""; old.Key() != this.Key() || arms[0].Repeats != arms[1].Repeats {
		t.Errorf("more than the engine differs: %+v and %+v", this, old)
	}
	quick := walResetArms(Options{Quick: true})
	if !slices.EqualFunc(quick[1].Trials, arms[1].Trials, func(a, b experiment.Trial) bool { return a.Setup.Key() == b.Setup.Key() }) {
		t.Error("a quick run asks less of the old engine, which may then show nothing")
	}
}

// The engine of this program has the fix: a real recording shows no harm. And
// where a row is taken away behind its back, it shows that.
func TestWALResetOnThisEngine(t *testing.T) {
	for _, tt := range []struct {
		name   string
		tamper string
		vanish check.Verdict
	}{
		{"left alone", "SELECT 1", check.Refuted},
		{"an acknowledged row is gone", "DELETE FROM data WHERE id = (SELECT min(id) FROM data)", check.Holds},
	} {
		found := verdictsOf(t, walReset(Options{Quick: true}), "this engine", statement(tt.tamper))
		if f := found["writes-vanish"]; f.Verdict != tt.vanish {
			t.Errorf("%s: writes-vanish is %s because %q, want %s", tt.name, f.Verdict, f.Reason, tt.vanish)
		}
	}
}
