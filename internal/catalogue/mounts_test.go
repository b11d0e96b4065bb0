package catalogue

import (
	"testing"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// mounted is a recording of three acknowledged writes, of which the database
// holds those with these tags, and whose nodes find these rows, a letter each.
func mounted(integrity string, views []string, found ...string) *run.Recording {
	var ops []history.Op
	for i, tag := range []string{"a", "b", "c"} {
		ops = append(ops, history.Op{Process: i, Func: history.Write, Key: tag, Outcome: history.OK, Returned: 10 * ms})
	}
	r := made(ops...)
	r.Setup.Mount = run.MountSingleFile
	r.Facts = &run.Facts{Integrity: integrity, Records: int64(len(found))}
	for _, content := range views {
		view := store.Facts{Integrity: "ok", Records: int64(len(content))}
		for i, c := range content {
			view.Rows = append(view.Rows, store.Row{ID: int64(i + 1), Content: string(c)})
		}
		r.Views = append(r.Views, view)
	}
	for i, tag := range found {
		r.Ops = append(r.Ops, own(history.FinalRow, tag, int64(i+1), 20*ms))
	}
	r.Ops = append(r.Ops, own(history.FinalRead, "data", int64(len(found)), 20*ms))
	return r
}

func TestMountClaims(t *testing.T) {
	unread := mounted("ok", nil, "a")
	unread.Facts, unread.Ops = nil, unread.Ops[:3]
	const holds, refuted, open = check.Holds, check.Refuted, check.Inconclusive
	for _, tt := range []struct {
		name                         string
		r                            *run.Recording
		fatal, differ, tells, onHost check.Verdict
	}{
		{"all there, one directory", mounted("ok", nil, "a", "b", "c"), refuted, refuted, holds, holds},
		{"all there, in every view", mounted("ok", []string{"abc", "abc"}, "a", "b", "c"), refuted, refuted, holds, holds},
		{"one gone, and integrity ok", mounted("ok", []string{"ac", "ac"}, "a", "c"), holds, refuted, refuted, refuted},
		{"one gone, and damage found", mounted("row 2 missing from index", []string{"ac", "ac"}, "a", "c"), holds, refuted, holds, refuted},
		{"each has its own", mounted("ok", []string{"a", "bc"}, "a"), holds, holds, refuted, refuted},
		{"each has as many of its own", mounted("ok", []string{"a", "b"}, "a"), holds, holds, refuted, refuted},
		{"not read", unread, open, open, open, open},
	} {
		for i, want := range []check.Verdict{tt.fatal, tt.differ, tt.tells, tt.onHost} {
			claim := mountClaims[i]
			if j := claim.Check(&run.Evidence{Trials: []run.TrialEvidence{{Recordings: []*run.Recording{tt.r}}}}); j.Verdict != want {
				t.Errorf("%s: %s is %s because %q, want %s", tt.name, claim.ID, j.Verdict, j.Reason, want)
			}
		}
	}
}

func TestMountPlotShowsEveryView(t *testing.T) {
	r := mounted("ok", []string{"a", "bc"}, "a")
	r.Setup.Nodes = 2
	c := mountPlot([]run.Evidence{{Arm: "x", Trials: []run.TrialEvidence{{Recordings: []*run.Recording{r}}}}})
	var got []float64
	for _, s := range c.Series {
		got = append(got, s.Points[0].Y)
	}
	if len(got) != 3 || got[0] != 3 || got[1] != 1 || got[2] != 2 {
		t.Errorf("bars %v, want 3 acknowledged, and 1 and 2 found", got)
	}
}
