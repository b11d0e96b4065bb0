package catalogue

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
)

// looked is a look that found so many rows.
func looked(from time.Duration, rows int64, integrity string, journal int64) run.FaultEvent {
	return run.FaultEvent{
		Kind: run.KindLook, From: started.Add(from), To: started.Add(from + ms),
		Rows: rows, Integrity: integrity, Journal: journal, Hot: journal > 0,
	}
}

func killed(node string, from, to time.Duration) run.FaultEvent {
	return run.FaultEvent{Kind: run.KindCrash, Node: node, From: started.Add(from), To: started.Add(to)}
}

// own is an op of the recorder.
func own(function, key string, value int64, invoked time.Duration) history.Op {
	return history.Op{Process: -1, Func: function, Key: key, Value: history.Some(value), Invoked: invoked, Returned: invoked, Outcome: history.OK}
}

// crashed is a recording of three writes, acknowledged, unanswered and refused,
// and of a crash after them. In the end the rows with these tags are there.
func crashed(found ...string) *run.Recording {
	var ops []history.Op
	for i, outcome := range []history.Outcome{history.OK, history.Unknown, history.Failed} {
		ops = append(ops, history.Op{Process: i, Func: history.Write, Key: []string{"told", "untold", "refused"}[i], Outcome: outcome, Returned: 10 * ms})
	}
	r := made(ops...)
	r.Started = started
	r.Faults = []run.FaultEvent{looked(-500*ms, 0, "ok", 0), looked(20*ms, int64(len(found)), "ok", 512), killed("app-1", 15*ms, 80*ms)}
	r.Facts = &run.Facts{Integrity: "ok"}
	crash := own(history.Crash, "app-1", 0, 15*ms)
	crash.Value, crash.Returned = history.Value{}, 80*ms
	r.Ops = append(r.Ops, crash, own(history.Recovered, "data", int64(len(found)), 20*ms))
	for i, tag := range found {
		r.Ops = append(r.Ops, own(history.FinalRow, tag, int64(i+1), time.Second))
	}
	r.Ops = append(r.Ops, own(history.FinalRead, "data", int64(len(found)), time.Second))
	return r
}

func TestCrashClaims(t *testing.T) {
	unread := crashed("told")
	unread.Facts, unread.Ops = nil, unread.Ops[:3]
	notLooked := crashed("told")
	notLooked.Faults, notLooked.Ops = nil, notLooked.Ops[:3]
	damagedFirst := crashed("told")
	damagedFirst.Faults[0].Integrity = "row 1 missing from index"
	damagedThen := crashed("told")
	damagedThen.Faults[1].Integrity = "row 1 missing from index"
	damagedLast := crashed("told")
	damagedLast.Facts.Integrity = "row 1 missing from index"
	nothingLeft := crashed("told")
	nothingLeft.Faults[1].Journal, nothingLeft.Faults[1].Hot = 0, false
	const holds, refuted, open = check.Holds, check.Refuted, check.Inconclusive
	for _, tt := range []struct {
		name                               string
		r                                  *run.Recording
		before, damaged, lost, safe, whole check.Verdict
	}{
		{"all there", crashed("told"), holds, refuted, refuted, holds, holds},
		{"committed, and nobody told", crashed("told", "untold"), holds, refuted, refuted, holds, holds},
		{"lost", crashed("untold"), holds, refuted, holds, refuted, holds},
		{"the refused write is there", crashed("told", "refused"), holds, refuted, refuted, refuted, refuted},
		{"a row of a transaction that was cut off", crashed("told", "never committed 00"), holds, refuted, refuted, refuted, refuted},
		{"damaged before", damagedFirst, refuted, refuted, refuted, holds, holds},
		{"damaged after the crash", damagedThen, holds, holds, refuted, refuted, holds},
		{"damaged in the end", damagedLast, holds, holds, refuted, refuted, holds},
		{"no crash left anything", nothingLeft, holds, refuted, refuted, holds, open},
		{"not read in the end", unread, holds, refuted, open, open, open},
		{"no crash", notLooked, open, open, open, open, open},
	} {
		for id, want := range map[string]check.Verdict{
			"ok-before": tt.before, "damaged-after": tt.damaged, "writes-lost": tt.lost, "data-safe": tt.safe, "all-or-nothing": tt.whole,
		} {
			if j := claimOf(t, crashClaims, id).Check(evidenceOf(trialOf("", 0, tt.r))); j.Verdict != want || j.Reason == "" {
				t.Errorf("%s: %s is %s because %q, want %s", tt.name, id, j.Verdict, j.Reason, want)
			}
		}
	}
}

func TestCrashFigures(t *testing.T) {
	r := crashed("told", "untold")
	for _, tt := range []struct {
		figure experiment.Figure
		want   float64
	}{{crashes, 1}, {hotJournals, 1}, {unacknowledged, 1}, {lostWrites, 0}, {downtime, 0.065}} {
		if got, ok := tt.figure.Of(r); got != tt.want || !ok {
			t.Errorf("%s is %g, %t; want %g", tt.figure.Name, got, ok, tt.want)
		}
	}
	if n, _ := lostWrites.Of(crashed()); n != 1 {
		t.Errorf("%g writes are lost, want 1", n)
	}
	if _, ok := downtime.Of(made()); ok {
		t.Error("nothing was killed, and there is a time until it served")
	}
}

func TestSurvivalPlot(t *testing.T) {
	r := crashed("told")
	r.Faults = append(r.Faults, killed("app-2", 12*ms, 70*ms), looked(200*ms, 2, "ok", 0), killed("app-1", 190*ms, 260*ms))
	e := evidenceOf(trialOf("", 0, r))
	c := survivalPlot("arm")([]run.Evidence{*e})
	point := func(x, y float64) run.Point {
		return run.Point{X: x, Y: y, Low: y, High: y, Count: int(y)}
	}
	want := []run.Series{
		{Name: "acknowledged", Points: []run.Point{point(10, 1)}},
		{Name: "found after a crash", Points: []run.Point{point(20, 1), point(200, 2)}},
	}
	if diff := cmp.Diff(want, c.Series); diff != "" {
		t.Error("want -, got +\n" + diff)
	}
	marks := []run.Mark{{From: 12, To: 80, Label: "killed"}, {From: 190, To: 260, Label: "killed"}}
	if diff := cmp.Diff(marks, c.Marks); diff != "" {
		t.Error("marks: want -, got +\n" + diff)
	}
	if c := survivalPlot("another")([]run.Evidence{*e}); len(c.Series) != 0 {
		t.Error("an arm that was not recorded is drawn")
	}
}
