package catalogue

import (
	"testing"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// started is when the loads of these recordings began.
var started = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// instant is a time of a trace, counted from the load's start.
func instant(d time.Duration) int64 { return started.Add(d).UnixNano() }

// holding is a recording of ops in which app-1 took the write lock just before
// the load and gave it back 3 s later, with what else the nodes wrote down.
func holding(attempts []locktrace.Attempt, ops ...history.Op) *run.Recording {
	r := made(ops...)
	r.Started = started
	r.Setup.Fault = run.Hold{Node: "app-1", For: 3 * time.Second}
	r.Attempts = append([]locktrace.Attempt{{
		Node: "app-1", Kind: locktrace.Hold,
		Began: instant(-20 * time.Millisecond), Locked: instant(-10 * time.Millisecond), Ended: instant(3 * time.Second),
	}}, attempts...)
	return r
}

// attempted is an attempt of app-2 to write; locked is 0 where it never had the lock.
func attempted(began, locked, ended time.Duration) []locktrace.Attempt {
	a := locktrace.Attempt{Node: "app-2", Kind: locktrace.Write, Began: instant(began), Ended: instant(ended)}
	if locked != 0 {
		a.Locked = instant(locked)
	}
	return []locktrace.Attempt{a}
}

func wrote(outcome history.Outcome, invoked, returned time.Duration) history.Op {
	op := history.Op{Func: history.Write, Node: "app-2", Outcome: outcome, Intended: invoked, Invoked: invoked, Returned: returned}
	if outcome == history.Failed {
		op.Code = nodeapi.CodeBusy
	}
	return op
}

const ms = time.Millisecond

func TestOneWriter(t *testing.T) {
	early := holding(attempted(5*ms, 2900*ms, 2901*ms), wrote(history.OK, 1*ms, 2910*ms))
	short := holding(attempted(5*ms, 0, 9*ms))
	short.Attempts[0].Ended = instant(2 * time.Second)
	for _, tt := range []struct {
		name string
		r    *run.Recording
		want check.Verdict
	}{
		{"refused", holding(attempted(5*ms, 0, 9*ms)), check.Holds},
		{"let in when the hold was over", holding(attempted(5*ms, 2995*ms, 2999*ms)), check.Holds},
		{"let in before", early, check.Refuted},
		{"it tried after the hold", holding(attempted(2995*ms, 2996*ms, 2999*ms)), check.Inconclusive},
		{"it may have been there before the hold", holding(attempted(-30*ms, 5*ms, 6*ms)), check.Inconclusive},
		{"nobody tried", holding(nil), check.Inconclusive},
		{"the hold was given up", short, check.Inconclusive},
		{"no hold", made(), check.Inconclusive},
	} {
		if j := oneWriter(tt.r); j.Verdict != tt.want || j.Reason == "" {
			t.Errorf("%s: %s because %q, want %s", tt.name, j.Verdict, j.Reason, tt.want)
		}
	}
	if w := oneWriter(early).Witness; len(w) != 1 || len(w[0].Ops) != 1 || w[0].Ops[0].Node != "app-2" {
		t.Errorf("witness %+v, want the write of app-2", w)
	}
}

func TestWaitedOrFailed(t *testing.T) {
	for _, tt := range []struct {
		name string
		ops  []history.Op
		want check.Verdict
	}{
		{"one waits, one fails", []history.Op{wrote(history.OK, 0, 2995*ms), wrote(history.Failed, 0, 1*ms)}, check.Holds},
		{"acknowledged in the midst of it", []history.Op{wrote(history.OK, 0, 2980*ms), wrote(history.Failed, 0, 1*ms)}, check.Refuted},
		{"that weighs more than what is unknown", []history.Op{wrote(history.OK, 0, 10*ms), wrote(history.Unknown, 0, 1*ms)}, check.Refuted},
		{"unknown", []history.Op{wrote(history.Failed, 0, 1*ms), wrote(history.Unknown, 0, 1*ms)}, check.Inconclusive},
		{"asked after it", []history.Op{wrote(history.OK, 2995*ms, 2999*ms)}, check.Inconclusive},
	} {
		j := waitedOrFailed(holding(nil, tt.ops...))
		if j.Verdict != tt.want || j.Reason == "" || (tt.want == check.Refuted) != (len(j.Witness) > 0) {
			t.Errorf("%s: %s because %q, witness %v; want %s", tt.name, j.Verdict, j.Reason, j.Witness, tt.want)
		}
	}
	if j := waitedOrFailed(made(wrote(history.OK, 0, 1))); j.Verdict != check.Inconclusive {
		t.Errorf("no hold: %s, want inconclusive", j.Verdict)
	}
}

func TestWaits(t *testing.T) {
	claims := lockWait(Options{}).Claims
	slow, quick := wrote(history.OK, 0, 5001*ms), wrote(history.Failed, 0, 4*ms)
	for _, tt := range []struct {
		name      string
		r         *run.Recording
		mean, max check.Verdict
	}{
		{"all wait", made(slow, slow), check.Holds, check.Holds},
		{"none waits", made(quick, quick), check.Refuted, check.Refuted},
		{"one waits", made(slow, quick, quick), check.Refuted, check.Holds},
		{"exactly 5 s is not more", made(wrote(history.OK, 0, 5*time.Second)), check.Holds, check.Refuted},
		{"a client that gave up would have waited longer", made(wrote(history.Unknown, 0, 1*ms)), check.Inconclusive, check.Inconclusive},
		{"even if it had not", made(slow, wrote(history.Unknown, 0, 1*ms)), check.Holds, check.Holds},
		{"cut short", cut(made(slow, slow), 1), check.Inconclusive, check.Inconclusive},
	} {
		for id, want := range map[string]check.Verdict{"mean-over-2s": tt.mean, "max-over-5s": tt.max} {
			if j := claimOf(t, claims, id).Check(evidenceOf(trialOf("", 0, tt.r))); j.Verdict != want {
				t.Errorf("%s: %s is %s because %q, want %s", tt.name, id, j.Verdict, j.Reason, want)
			}
		}
	}
}

func TestDefaultPatience(t *testing.T) {
	for timeout, want := range map[store.Milliseconds]check.Verdict{0: check.Refuted, 5000: check.Holds, 10_000: check.Refuted} {
		r := made()
		r.Facts = &run.Facts{DefaultBusyTimeout: timeout}
		if j := defaultPatience(r); j.Verdict != want {
			t.Errorf("%d ms: %s, want %s", timeout, j.Verdict, want)
		}
	}
	if j := defaultPatience(made()); j.Verdict != check.Inconclusive {
		t.Errorf("no facts: %s, want inconclusive", j.Verdict)
	}
}
