package catalogue

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
)

func TestBoundsOfTheTable(t *testing.T) {
	want := [][2]int64{{0, 1}, {7, 20}, {29, 63}, {107, 165}, {369, 460}}
	for i, row := range tableRows {
		if text, want := row.errors().Text, fmt.Sprintf(": %d to %d of them", want[i][0], want[i][1]); !strings.Contains(text, want) {
			t.Errorf("%g %% of %d: %q, want %q", row.percent, row.level, text, want)
		}
	}
}

func TestWhichClaimsLevelsAsk(t *testing.T) {
	for _, tt := range []struct {
		levels []int
		want   []string
	}{
		{[]int{7}, []string{"busy-frequent", "one-after-another"}},
		{[]int{7, 50}, []string{"busy-frequent", "one-after-another", "error-rate-rises", "error-rate-50", "mean-wait-50"}},
	} {
		var got []string
		for _, claim := range loadClaims(tt.levels) {
			got = append(got, claim.ID)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%v: %v, want %v", tt.levels, got, tt.want)
		}
	}
}

// rowOf returns the row of the source's table with this level.
func rowOf(t *testing.T, level int) tableRow {
	t.Helper()
	i := slices.IndexFunc(tableRows, func(row tableRow) bool { return row.level == level })
	if i < 0 {
		t.Fatalf("no row has %d", level)
	}
	return tableRows[i]
}

func TestErrorRateOfARow(t *testing.T) {
	row := rowOf(t, 50) // 7 to 20 of them
	for _, tt := range []struct {
		name string
		r    *run.Recording
		want check.Verdict
	}{
		{"in the middle", crowdOf(38, 12, 0), check.Holds},
		{"just enough", crowdOf(43, 7, 0), check.Holds},
		{"too few", crowdOf(44, 6, 0), check.Refuted},
		{"too many", crowdOf(29, 21, 0), check.Refuted},
		{"one unknown could tip it", crowdOf(43, 6, 1), check.Inconclusive},
		{"one that reached no node could tip it", unreached(crowdOf(43, 6, 0), 1), check.Inconclusive},
		{"none that reached no node fails", unreached(crowdOf(10, 20, 0), 20), check.Inconclusive},
		{"cut short", cut(crowdOf(20, 6, 0), 24), check.Inconclusive},
	} {
		if got := row.errors().Check(evidenceOf(trialOf("50 at once", 50, tt.r))); got.Verdict != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.name, got.Verdict, got.Reason, tt.want)
		}
	}
	if got := row.errors().Check(evidenceOf(trialOf("10 at once", 10, crowdOf(10, 0, 0)))); got.Verdict != check.Inconclusive {
		t.Errorf("another level: %s, want inconclusive", got.Verdict)
	}
}

func TestMeanWaitOfARow(t *testing.T) {
	row := rowOf(t, 50) // 250 to 1000 ms
	after := func(wait time.Duration) *run.Recording {
		return made(answered(50, history.OK, "", 0, wait)...)
	}
	for _, tt := range []struct {
		name string
		r    *run.Recording
		want check.Verdict
	}{
		{"half as long", after(250 * time.Millisecond), check.Holds},
		{"twice as long", after(time.Second), check.Holds},
		{"too short", after(249 * time.Millisecond), check.Refuted},
		{"too long", after(1001 * time.Millisecond), check.Refuted},
		{"one reached no node", unreached(after(500*time.Millisecond), 1), check.Inconclusive},
		{"cut short", cut(after(500*time.Millisecond), 1), check.Inconclusive},
	} {
		if got := row.waits().Check(evidenceOf(trialOf("50 at once", 50, tt.r))); got.Verdict != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.name, got.Verdict, got.Reason, tt.want)
		}
	}
}

func TestTheLastWaitIsATimeout(t *testing.T) {
	waits := rowOf(t, 500).waits()
	some := func(timedOut, ok int, wait time.Duration) *run.Recording {
		ops := answered(timedOut, history.Failed, nodeapi.CodeTimeout, 0, wait)
		return made(append(ops, answered(ok, history.OK, "", 0, wait)...)...)
	}
	for _, tt := range []struct {
		name string
		r    *run.Recording
		want check.Verdict
	}{
		{"long waits without one timeout", some(0, 500, 5*time.Second), check.Holds},
		{"more than half time out", some(251, 249, time.Second), check.Holds},
		{"half time out", some(250, 250, time.Second), check.Refuted},
		{"a lost answer may be another", made(append(answered(250, history.Failed, nodeapi.CodeTimeout, 0, time.Second),
			append(answered(1, history.Unknown, nodeapi.CodeConnLost, 0, time.Second), answered(249, history.OK, "", 0, time.Second)...)...)...), check.Inconclusive},
		{"cut short", cut(some(0, 100, 5*time.Second), 400), check.Inconclusive},
	} {
		if got := waits.Check(evidenceOf(trialOf("500 at once", 500, tt.r))); got.Verdict != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.name, got.Verdict, got.Reason, tt.want)
		}
	}
}

func TestErrorRateRises(t *testing.T) {
	for _, tt := range []struct {
		name   string
		trials []*run.Recording
		want   check.Verdict
	}{
		{"at each", []*run.Recording{crowdOf(10, 0, 0), crowdOf(19, 1, 0), crowdOf(30, 10, 0)}, check.Holds},
		{"by too little", []*run.Recording{crowdOf(10, 0, 0), crowdOf(48, 2, 0)}, check.Refuted},
		{"the same twice", []*run.Recording{crowdOf(9, 1, 0), crowdOf(18, 2, 0), crowdOf(20, 20, 0)}, check.Refuted},
		{"it falls at the end", []*run.Recording{crowdOf(9, 1, 0), crowdOf(10, 10, 0), crowdOf(30, 10, 0)}, check.Refuted},
		{"a fall after a doubt", []*run.Recording{crowdOf(9, 0, 1), crowdOf(9, 0, 1), crowdOf(20, 0, 0)}, check.Refuted},
		{"an unknown could tip it", []*run.Recording{crowdOf(9, 1, 0), crowdOf(16, 2, 2)}, check.Inconclusive},
		{"it rises by those that reached no node alone", []*run.Recording{crowdOf(9, 1, 0), unreached(crowdOf(9, 1, 0), 10)}, check.Inconclusive},
		{"a level is missing", []*run.Recording{crowdOf(9, 1, 0), nil}, check.Inconclusive},
	} {
		var e run.Evidence
		for i, r := range tt.trials {
			trial := trialOf(atOnce(i), float64(i))
			if r != nil {
				trial = trialOf(atOnce(i), float64(i), r)
			}
			e.Trials = append(e.Trials, trial)
		}
		if got := rises(&e); got.Verdict != tt.want {
			t.Errorf("%s: %s (%s; %s), want %s", tt.name, got.Verdict, got.Measured, got.Reason, tt.want)
		}
	}
}

func TestBusyIsFrequentAtTheHighestLevel(t *testing.T) {
	for _, tt := range []struct {
		name    string
		highest *run.Recording
		want    check.Verdict
	}{
		{"one in ten", crowdOf(90, 10, 0), check.Refuted},
		{"more", crowdOf(89, 11, 0), check.Holds},
		{"an unknown could tip it", crowdOf(89, 10, 1), check.Inconclusive},
	} {
		e := evidenceOf(trialOf("10 at once", 10, crowdOf(5, 5, 0)), trialOf("100 at once", 100, tt.highest))
		if got := claimOf(t, loadClaims([]int{10, 100}), "busy-frequent").Check(e); got.Verdict != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.name, got.Verdict, got.Reason, tt.want)
		}
	}
}

func TestOneAfterAnother(t *testing.T) {
	after := func(n int, last time.Duration) *run.Recording {
		r := made(append(answered(n, history.OK, "", 0, last), answered(9, history.Failed, nodeapi.CodeBusy, 0, time.Second)...)...)
		r.Setup.Discipline.Think = 10
		return r
	}
	for _, tt := range []struct {
		name string
		r    *run.Recording
		want check.Verdict
	}{
		{"just long enough", after(20, 200*time.Millisecond), check.Holds},
		{"two had the lock at once", after(20, 199*time.Millisecond), check.Refuted},
		{"none succeeded", after(0, 0), check.Holds},
	} {
		if got := oneAfterAnother(tt.r); got.Verdict != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.name, got.Verdict, got.Reason, tt.want)
		}
	}
}

// With levels of their own, the claims about the highest and about all of them may go either way.
func TestOtherLevelsAreNoSurprise(t *testing.T) {
	for _, arm := range loadLevels(Options{Levels: []int{7, 70}}).Arms {
		if arm.Name == "source" {
			continue // it refuses nobody, whatever the level
		}
		for _, id := range []string{"busy-frequent", "error-rate-rises"} {
			if arm.Expect[id] != run.Either {
				t.Errorf("%s: %s is expected: %s", arm.Name, id, arm.Expect[id])
			}
		}
	}
}
