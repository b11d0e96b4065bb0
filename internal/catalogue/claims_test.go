package catalogue

import (
	"testing"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
)

// made is a recording of ops that are all there, of a load that fits them.
func made(ops ...history.Op) *run.Recording {
	return &run.Recording{
		Repeat: 1, Ops: ops,
		Setup: run.Setup{Load: run.Load{Arrival: run.Burst, Clients: len(ops), Requests: len(ops)}},
	}
}

// answered is n ops due at the same time, with one end, that took so long.
func answered(n int, outcome history.Outcome, code string, due, wait time.Duration) []history.Op {
	var ops []history.Op
	for range n {
		ops = append(ops, history.Op{
			Func: history.Increment, Outcome: outcome, Code: code, Attempts: 1,
			Intended: due, Invoked: due, Returned: due + wait,
		})
	}
	return ops
}

// crowdOf is a burst of which so many were ok, refused and left without an answer, after a second each.
func crowdOf(ok, refused, unknown int) *run.Recording {
	ops := answered(ok, history.OK, "", 0, time.Second)
	ops = append(ops, answered(refused, history.Failed, nodeapi.CodeBusy, 0, time.Second)...)
	return made(append(ops, answered(unknown, history.Unknown, nodeapi.CodeClientTimeout, 0, time.Second)...)...)
}

// trialOf is the evidence of a trial with these repeats.
func trialOf(name string, level float64, repeats ...*run.Recording) run.TrialEvidence {
	for i, r := range repeats {
		r.Repeat = i + 1
	}
	return run.TrialEvidence{Name: name, Level: level, Recordings: repeats}
}

func evidenceOf(trials ...run.TrialEvidence) *run.Evidence {
	return &run.Evidence{Arm: "arm", Trials: trials}
}

// cut is r of a load of which some requests were never sent.
func cut(r *run.Recording, unsent int) *run.Recording {
	r.Unsent = unsent
	r.Setup.Load.Requests += unsent
	return r
}

// unreached is r with so many requests more that reached no node, after ten seconds each.
func unreached(r *run.Recording, n int) *run.Recording {
	r.Ops = append(r.Ops, answered(n, history.Failed, nodeapi.CodeNoNode, 0, 10*time.Second)...)
	r.Setup.Load.Requests += n
	return r
}

func TestFigures(t *testing.T) {
	nothing := made()
	mixed := crowdOf(2, 1, 1)
	away := unreached(crowdOf(2, 1, 1), 6)
	for _, tt := range []struct {
		figure experiment.Figure
		r      *run.Recording
		want   float64
		ok     bool
	}{
		{errorRate, mixed, 50, true},
		{errorRate, nothing, 0, false},
		{successRate, mixed, 50, true},
		{errorRate, away, 50, true},
		{errorRate, unreached(made(), 6), 0, false},
		{successRate, away, 50, true},
		{meanWait, away, 1000, true},
		{worstWait, away, 1000, true},
		{meanWait, unreached(made(), 6), 0, false},
		{meanWait, mixed, 1000, true},
		{meanWait, nothing, 0, false},
		{tailWait, mixed, 1000, true},
		{worstWait, mixed, 1000, true},
		{attemptsPerSuccess, mixed, 2, true},
		{attemptsPerSuccess, crowdOf(0, 3, 0), 0, false},
		{fairness, mixed, 1, true},
		{fairness, crowdOf(0, 3, 0), 0, false},
	} {
		got, ok := tt.figure.Of(tt.r)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("%s of %+v: %g, %t; want %g, %t", tt.figure.Name, tt.r.Counts(), got, ok, tt.want, tt.ok)
		}
	}
}

func TestFailuresLeaveRoomForWhatIsUnknown(t *testing.T) {
	for _, tt := range []struct {
		name         string
		r            *run.Recording
		failed, busy check.Range
	}{
		{"all known", crowdOf(7, 3, 0), check.Exactly(3), check.Exactly(3)},
		{"two without an answer", crowdOf(7, 1, 2), check.Range{Min: 1, Max: 3}, check.Range{Min: 1, Max: 3}},
		{"two that reached no node", unreached(crowdOf(7, 1, 0), 2), check.Range{Min: 1, Max: 3}, check.Range{Min: 1, Max: 3}},
		{"four never sent", cut(crowdOf(5, 1, 0), 4), check.Range{Min: 1, Max: 5}, check.Range{Min: 1, Max: 5}},
	} {
		if got := failures(tt.r); got != tt.failed {
			t.Errorf("%s: %s failed, want %s", tt.name, got, tt.failed)
		}
		if got := withCode(tt.r, nodeapi.CodeBusy); got != tt.busy {
			t.Errorf("%s: %s were refused, want %s", tt.name, got, tt.busy)
		}
	}
}

// What an outlook names must be a claim: load asks its arms about those of their levels
// alone, so a name that is spelt wrong would expect nothing.
func TestLoadOutlooksNameClaims(t *testing.T) {
	for i, arm := range loadLevels(Options{}).Arms[:len(loadTable)] {
		for id := range loadTable[i].expected.expect() {
			if _, asked := arm.Expect[id]; !asked {
				t.Errorf("%s: expects something of %q, which it is not asked", arm.Name, id)
			}
		}
	}
}
