package catalogue

import (
	"fmt"
	"testing"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
)

// needing is a trial of so many retries, in which a request that needs them all waits so long and
// another needs none; nobody needs them where that is 0.
func needing(retries int, wait time.Duration) run.TrialEvidence {
	ops := answered(1, history.OK, "", 0, time.Millisecond)
	ops[0].Attempts = 1
	if retries == 0 || wait > 0 {
		ops = append(ops, answered(1, history.Failed, nodeapi.CodeBusy, 0, wait)...)
		ops[len(ops)-1].Attempts = retries + 1
	}
	if retries == 0 {
		ops = ops[1:]
	}
	r := made(ops...)
	r.Setup.Discipline.Retries = retries
	return trialOf(retried(retries), float64(retries), r)
}

func TestWaitQuadruples(t *testing.T) {
	for _, tt := range []struct {
		name  string
		waits []time.Duration // of none to three retries, in ms
		want  check.Verdict
	}{
		{"the source's own numbers", []time.Duration{50, 200, 800, 3200}, check.Holds},
		{"twice and eight times", []time.Duration{50, 100, 200, 1600}, check.Holds},
		{"from none to one is not asked", []time.Duration{5, 200, 800, 3200}, check.Holds},
		{"a step too small", []time.Duration{50, 200, 390, 1600}, check.Refuted},
		{"a step too great", []time.Duration{50, 200, 1700, 5000}, check.Refuted},
		{"nobody needed two", []time.Duration{50, 200, 0, 800}, check.Inconclusive},
	} {
		var e run.Evidence
		for n, wait := range tt.waits {
			e.Trials = append(e.Trials, needing(n, wait*time.Millisecond))
		}
		if got := quadruples(&e); got.Verdict != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.name, got.Verdict, got.Reason, tt.want)
		}
	}
	if got := quadruples(evidenceOf(needing(0, 50), trialOf(retried(1), 1))); got.Verdict != check.Inconclusive {
		t.Errorf("one retry was not recorded: %s, want inconclusive", got.Verdict)
	}
}

// The mean response is that of the requests that need all their attempts.
func TestMeanWaitOfRetries(t *testing.T) {
	for _, tt := range []struct {
		retries int
		wait    time.Duration
		want    check.Verdict
	}{
		{0, 25, check.Holds}, {0, 24, check.Refuted},
		{3, 1600, check.Holds}, {3, 6400, check.Holds}, {3, 6401, check.Refuted}, {3, 1599, check.Refuted},
		{3, 0, check.Inconclusive}, // nobody needed three
	} {
		claim := claimOf(t, retryClaims(), fmt.Sprintf("mean-wait-%d-retries", tt.retries))
		if got := claim.Check(evidenceOf(needing(tt.retries, tt.wait*time.Millisecond))); got.Verdict != tt.want {
			t.Errorf("%d retries, %d ms: %s (%s), want %s", tt.retries, tt.wait, got.Verdict, got.Reason, tt.want)
		}
	}
}

// What retry asks at 100 requests, load has asked: they share the recordings.
func TestRetryAndLoadShareRecordings(t *testing.T) {
	known := map[string]bool{}
	for _, arm := range loadLevels(Options{}).Arms {
		for _, trial := range arm.Trials {
			known[trial.Setup.Key()] = true
		}
	}
	shared := map[string]int{}
	for _, arm := range retries(Options{}).Arms {
		for _, trial := range arm.Trials {
			if known[trial.Setup.Key()] {
				shared[trial.Name]++
			}
		}
	}
	if shared["no retries"] != 5 || shared["3 retries"] != 3 {
		t.Errorf("shared: %v; want no retries in every arm, and 3 with the source's backoff, with its jitter and in green", shared)
	}
}
