package catalogue

import (
	"testing"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/run"
)

// written is a recording of n acknowledged writes, of 100 ns each, of which they waited so long for
// the lock. So many of them share a transaction.
func written(n, waited, together int) *run.Recording {
	r := made(answered(n, history.OK, "", 0, time.Millisecond)...)
	for i := range n {
		began := int64(1000 * (i / together))
		r.Attempts = append(r.Attempts, locktrace.Attempt{
			Node: "app-1", Kind: locktrace.Write, Began: began, Locked: began + int64(waited), Ended: began + 100,
		})
	}
	return r
}

func TestLessonsOfSharing(t *testing.T) {
	waits := claimOf(t, lessonClaims(Options{}), "sharing-waits")
	commits := claimOf(t, lessonClaims(Options{}), "sharing-commits-more")
	refuses := claimOf(t, lessonClaims(Options{}), "sharing-refuses")
	type repeats = []*run.Recording
	for _, tt := range []struct {
		name      string
		claim     experiment.Claim
		one, four repeats
		want      check.Verdict
	}{
		{"four wait", waits, five(written(9, 2, 1)), five(written(9, 60, 1)), check.Holds},
		{"one waits too", waits, five(written(9, 40, 1)), five(written(9, 70, 1)), check.Refuted},
		{"nobody waits", waits, five(written(9, 1, 1)), five(written(9, 50, 1)), check.Refuted},
		{"in one repeat four wait less", waits, five(written(9, 1, 1)), append(five(written(9, 70, 1))[:4], written(9, 40, 1)), check.Inconclusive},
		{"four repeats", waits, five(written(9, 2, 1))[:4], five(written(9, 60, 1))[:4], check.Inconclusive},
		{"not traced", waits, five(written(9, 1, 1)), five(crowdOf(9, 0, 0)), check.Inconclusive},
		{"more transactions", commits, five(written(60, 1, 12)), five(written(60, 1, 5)), check.Holds},
		{"half as many again", commits, five(written(60, 1, 15)), five(written(60, 1, 10)), check.Refuted},
		{"as many", commits, five(written(60, 1, 1)), five(written(60, 1, 1)), check.Refuted},
		{"four refuse", refuses, repeats{crowdOf(90, 0, 0)}, repeats{crowdOf(89, 11, 0)}, check.Holds},
		{"four refuse few", refuses, repeats{crowdOf(90, 0, 0)}, repeats{crowdOf(90, 10, 0)}, check.Refuted},
		{"one refuses as well", refuses, repeats{crowdOf(89, 1, 0)}, repeats{crowdOf(50, 50, 0)}, check.Refuted},
		{"of one nobody knows", refuses, repeats{crowdOf(89, 0, 1)}, repeats{crowdOf(50, 50, 0)}, check.Inconclusive},
		{"four were not recorded", refuses, repeats{crowdOf(89, 0, 0)}, nil, check.Inconclusive},
	} {
		got := tt.claim.Check(repeated(evidenceOf(trialOf(oneProcess, 1, tt.one...), trialOf(fourProcesses, nodes, tt.four...))))
		if got.Verdict != tt.want || got.Reason == "" {
			t.Errorf("%s: %s (%s), want %s", tt.name, got.Verdict, got.Reason, tt.want)
		}
	}
}

// The arms that stand for WAL and for SQLite are arms of busy, so that they cost no recording.
func TestLessonsShareRecordings(t *testing.T) {
	for size, o := range sizes {
		recorded := map[string]bool{}
		for _, arm := range busy(o).Arms {
			recorded[arm.Trials[0].Setup.Key()] = true
		}
		shared := 0
		for _, arm := range lessons(o).Arms {
			if recorded[arm.Trials[0].Setup.Key()] {
				shared++
			}
		}
		if want := pick(o, 6, 5); shared != want {
			t.Errorf("%s: %d arms are shared, want %d", size, shared, want)
		}
	}
}
