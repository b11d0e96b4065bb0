package catalogue

import (
	"math"
	"slices"
	"testing"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
)

// surged is a recording of an overload of 100 a second for a second and of ten
// a second for calm; answer says what becomes of a request that is due then.
func surged(calm time.Duration, answer func(due time.Duration) (history.Outcome, time.Duration)) *run.Recording {
	spec := run.Load{
		Arrival: run.Open, Rate: 100, Duration: time.Second,
		Then: run.Phase{Rate: 10, Duration: calm},
	}
	var ops []history.Op
	add := func(due time.Duration) {
		outcome, wait := answer(due)
		code := ""
		if outcome != history.OK {
			code = nodeapi.CodeBusy
		}
		ops = append(ops, answered(1, outcome, code, due, wait)...)
	}
	for due := time.Duration(0); due < spec.Duration; due += 10 * time.Millisecond {
		add(due)
	}
	for due := spec.Duration; due < spec.Duration+calm; due += 100 * time.Millisecond {
		add(due)
	}
	r := made(ops...)
	r.Setup.Load = spec
	return r
}

// promptly, refusing and slowly are ways to answer what is due at a time.
func promptly(time.Duration) (history.Outcome, time.Duration) {
	return history.OK, 10 * time.Millisecond
}
func refusing(time.Duration) (history.Outcome, time.Duration) {
	return history.Failed, 10 * time.Millisecond
}

func slowly(wait time.Duration) func(time.Duration) (history.Outcome, time.Duration) {
	return func(time.Duration) (history.Outcome, time.Duration) { return history.OK, wait }
}

// refusingUntil refuses what is due before end.
func refusingUntil(end time.Duration) func(time.Duration) (history.Outcome, time.Duration) {
	return func(due time.Duration) (history.Outcome, time.Duration) {
		if due < end {
			return refusing(due)
		}
		return promptly(due)
	}
}

func TestRecovery(t *testing.T) {
	const calm = 8 * time.Second
	for _, tt := range []struct {
		name   string
		answer func(time.Duration) (history.Outcome, time.Duration)
		want   float64
		ok     bool
	}{
		{"never down", promptly, 0, true},
		{"down in the overload only", refusingUntil(time.Second), 0, true},
		// The window that begins at 3.6 s has 4 refused of 20.
		{"down until 4 s", refusingUntil(4 * time.Second), 2.6, true},
		{"a second relapse", func(due time.Duration) (history.Outcome, time.Duration) {
			if due >= 5*time.Second && due < 6*time.Second {
				return refusing(due)
			}
			return promptly(due)
		}, 4.6, true},
		{"too slow to be of use", slowly(2 * time.Second), 0, false},
		{"down to the end", refusing, 0, false},
	} {
		got, ok := recovery.Of(surged(calm, tt.answer))
		if ok != tt.ok || ok && math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s: %g, %t; want %g, %t", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

func TestInFlight(t *testing.T) {
	r := surged(4*time.Second, slowly(500*time.Millisecond))
	if got, _ := peakInFlight.Of(r); got != 50 {
		t.Errorf("peak %g, want 50: a hundred a second for half a second each", got)
	}
	if got, _ := leftInFlight.Of(r); got != 5 {
		t.Errorf("left %g, want 5", got)
	}
	points := inFlightPlot([]run.Evidence{*evidenceOf(trialOf(withRetries, 3, r))}).Series[0].Points
	if last := points[len(points)-1]; last.Y != 0 || last.X < 5 {
		t.Errorf("ends with %+v, want none in flight after the last answer", last)
	}
}

func TestSilence(t *testing.T) {
	if got, _ := silence.Of(surged(4*time.Second, refusing)); got != 5 {
		t.Errorf("no success at all: %g s, want the 5 s of the load", got)
	}
	if got, _ := silence.Of(surged(4*time.Second, refusingUntil(3*time.Second))); got != 3.01 {
		t.Errorf("none before 3 s: %g s, want 3.01", got)
	}
}

func TestServiceStops(t *testing.T) {
	const calm = 8 * time.Second
	fine := surged(calm, promptly)
	for _, tt := range []struct {
		name          string
		without, with *run.Recording
		want          check.Verdict
	}{
		{"it serves all along", fine, surged(calm, promptly), check.Refuted},
		{"it is silent for less than two", fine, surged(calm, refusingUntil(1900*time.Millisecond)), check.Refuted},
		{"silent for two seconds", fine, surged(calm, refusingUntil(2*time.Second)), check.Holds},
		{"silent without retries too", surged(calm, refusingUntil(2*time.Second)), surged(calm, refusingUntil(2*time.Second)), check.Refuted},
		{"nearly silent without retries", surged(calm, refusingUntil(1500*time.Millisecond)), surged(calm, refusingUntil(2*time.Second)), check.Inconclusive},
		{"slow, but never silent", fine, surged(calm, slowly(1500*time.Millisecond)), check.Refuted},
		{"cut short", fine, cut(surged(calm, promptly), 1), check.Inconclusive},
		{"cut short without retries", cut(surged(calm, promptly), 1), fine, check.Inconclusive},
	} {
		e := evidenceOf(trialOf(withoutRetries, 0, tt.without), trialOf(withRetries, 3, tt.with))
		if got := retriesStop(e); got.Verdict != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.name, got.Verdict, got.Reason, tt.want)
		}
	}
	if got := retriesStop(evidenceOf(trialOf(withRetries, 3, fine))); got.Verdict != check.Inconclusive {
		t.Errorf("without retries was not recorded: %s, want inconclusive", got.Verdict)
	}
}

func TestPilingUpIsTwiceAsMany(t *testing.T) {
	left := func(n int) *run.Recording { // n and the one that comes just then
		return surged(4*time.Second, func(due time.Duration) (history.Outcome, time.Duration) {
			if due >= time.Second {
				return promptly(due)
			}
			if due < time.Duration(n)*10*time.Millisecond {
				return history.OK, 3 * time.Second
			}
			return refusing(due)
		})
	}
	claim := claimOf(t, cascade(Options{}).Claims, "retries-pile-up")
	for _, tt := range []struct {
		name          string
		without, with run.TrialEvidence
		want          check.Verdict
	}{
		{"twice", trialOf(withoutRetries, 0, left(20)), trialOf(withRetries, 3, left(41)), check.Holds},
		{"not quite", trialOf(withoutRetries, 0, left(20)), trialOf(withRetries, 3, left(40)), check.Refuted},
		{"many times next to nothing", trialOf(withoutRetries, 0, left(0)), trialOf(withRetries, 3, left(9)), check.Refuted},
		{"one is missing", trialOf(withoutRetries, 0), trialOf(withRetries, 3, left(40)), check.Inconclusive},
		{"one was cut short", trialOf(withoutRetries, 0, cut(left(20), 1)), trialOf(withRetries, 3, left(41)), check.Inconclusive},
	} {
		if got := claim.Check(evidenceOf(tt.without, tt.with)); got.Verdict != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.name, got.Verdict, got.Reason, tt.want)
		}
	}
}

func claimOf(t *testing.T, claims []experiment.Claim, id string) experiment.Claim {
	t.Helper()
	i := slices.IndexFunc(claims, func(c experiment.Claim) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("no claim is called %s", id)
	}
	return claims[i]
}

// The lines over time say when; arms that share a recording draw it once.
func TestGoodputPlot(t *testing.T) {
	r := surged(4*time.Second, refusingUntil(time.Second))
	other := surged(4*time.Second, promptly)
	c := goodputPlot([]run.Evidence{
		*evidenceOf(trialOf(withoutRetries, 0, r), trialOf(withRetries, 3, other)),
		*evidenceOf(trialOf(withoutRetries, 0, r)),
	})
	if len(c.Series) != 3 {
		t.Fatalf("%d series, want two recordings and the arrivals", len(c.Series))
	}
	for i, want := range [][]float64{{0, 0, 10, 10}, {98, 100, 12, 10}, {100, 100, 10, 10}} {
		for bin, y := range want {
			if got := c.Series[i].Points[bin].Y; got != y {
				t.Errorf("%s: %g/s in bin %d, want %g", c.Series[i].Name, got, bin, y)
			}
		}
	}
}

// The overload is more than the write lock lets through on any machine.
func TestTheSurgeIsAnOverload(t *testing.T) {
	for size, o := range sizes {
		for _, arm := range cascade(o).Arms {
			for _, trial := range arm.Trials {
				s := trial.Setup
				if s.Discipline.Think == 0 {
					continue
				}
				most := 1000 / float64(s.Discipline.Think)
				if s.Load.Rate < 1.4*most || s.Load.Then.Rate > 0.2*most {
					t.Errorf("%s, %s: %g/s and %g/s, where the lock lets at most %g/s through", size, arm.Name, s.Load.Rate, s.Load.Then.Rate, most)
				}
			}
		}
	}
}
