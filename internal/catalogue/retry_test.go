package catalogue

import (
	"testing"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/run"
)

func TestWaitQuadruples(t *testing.T) {
	for _, tt := range []struct {
		name  string
		waits []time.Duration
		want  check.Verdict
	}{
		{"the source's own numbers", []time.Duration{50, 200, 800, 3200}, check.Holds},
		{"twice and eight times", []time.Duration{50, 100, 800}, check.Holds},
		{"a step too small", []time.Duration{50, 200, 390}, check.Refuted},
		{"a step too great", []time.Duration{50, 500, 2000}, check.Refuted},
		{"one was not recorded", []time.Duration{50, 0, 800}, check.Inconclusive},
	} {
		var e run.Evidence
		for n, wait := range tt.waits {
			trial := trialOf(retried(n), float64(n))
			if wait > 0 {
				trial = trialOf(retried(n), float64(n), made(answered(1, history.OK, "", 0, wait*time.Millisecond)...))
			}
			e.Trials = append(e.Trials, trial)
		}
		if got := quadruples(&e); got.Verdict != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.name, got.Verdict, got.Reason, tt.want)
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
