package catalogue

import (
	"testing"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
)

// rates is a trial of n nodes whose repeats did so many a second.
func rates(n int, perSecond ...int) run.TrialEvidence {
	var all []*run.Recording
	for _, rate := range perSecond {
		ops := answered(rate, history.OK, "", 0, time.Second/2)
		ops = append(ops, answered(1, history.OK, "", 0, 2*time.Second)...) // too late to count
		r := made(ops...)
		r.Setup.Load = run.Load{Arrival: run.Closed, Clients: 16, Duration: time.Second}
		all = append(all, r)
	}
	return trialOf(units.Plural(n, "node"), float64(n), all...)
}

func TestScaleClaims(t *testing.T) {
	for _, tt := range []struct {
		name, claim string
		e           *run.Evidence
		want        check.Verdict
	}{
		{"the same", "nodes-no-gain", evidenceOf(rates(1, 100, 100, 100, 100, 100), rates(8, 100, 90, 105, 110, 80)), check.Holds},
		{"more in every repeat", "nodes-no-gain", evidenceOf(rates(1, 100, 100, 100, 100, 100), rates(8, 151, 200, 300, 180, 160)), check.Refuted},
		{"more in one repeat is noise", "nodes-no-gain", evidenceOf(rates(1, 100, 100, 100, 100, 100), rates(8, 90, 90, 90, 90, 160)), check.Inconclusive},
		{"one of eight does not decide", "nodes-no-gain",
			evidenceOf(rates(1, 100, 100, 100, 100, 100, 100, 100, 100), rates(8, 90, 90, 90, 90, 90, 90, 90, 160)), check.Holds},
		{"repeats are compared pair by pair", "nodes-no-gain", evidenceOf(rates(1, 100, 1000, 10, 50, 200), rates(8, 140, 1400, 14, 70, 280)), check.Holds},
		{"four repeats decide nothing", "nodes-no-gain", evidenceOf(rates(1, 100, 100, 100, 100), rates(8, 90, 90, 90, 90)), check.Inconclusive},
		{"eight were not recorded", "nodes-no-gain", evidenceOf(rates(1, 100), rates(4, 100)), check.Inconclusive},
		{"half", "throughput-collapses", evidenceOf(rates(1, 100, 100, 100, 100, 100), rates(8, 51, 52, 53, 54, 55)), check.Refuted},
		{"less than half", "throughput-collapses", evidenceOf(rates(1, 100, 100, 100, 100, 100), rates(8, 49, 40, 30, 20, 10)), check.Holds},
	} {
		got := claimOf(t, scaleClaims, tt.claim).Check(tt.e)
		if got.Verdict != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.name, got.Verdict, got.Reason, tt.want)
		}
		if decided := got.Verdict != check.Inconclusive; decided && (got.Interval == nil || got.Interval.Count < 5) {
			t.Errorf("%s: %s without an interval of at least five repeats: %+v", tt.name, got.Verdict, got.Interval)
		}
	}
}

// traced is a trial of n nodes, each repeat with two writes one after the other, that waited and worked for so long.
func traced(n int, waited, worked int64) run.TrialEvidence {
	var all []*run.Recording
	for range 5 {
		r := made(answered(1, history.OK, "", 0, time.Second)...)
		for i := range int64(2) {
			locked := 1000 + (i+1)*(waited+worked)
			r.Attempts = append(r.Attempts, locktrace.Attempt{Kind: locktrace.Write, Began: locked - waited, Locked: locked, Ended: locked + worked})
		}
		r.Attempts = append(r.Attempts, locktrace.Attempt{Kind: locktrace.ReadOnly, Began: 1000, Ended: 9000})
		all = append(all, r)
	}
	return trialOf(units.Plural(n, "node"), float64(n), all...)
}

func TestWaitingForTheLock(t *testing.T) {
	refused := traced(8, 60, 40)
	for _, r := range refused.Recordings {
		for i := range r.Attempts {
			r.Attempts[i].Locked = 0 // it never had the lock: all of its time was waiting
		}
	}
	untraced := trialOf("8 nodes", 8, made(answered(1, history.OK, "", 0, 1)...))
	for _, tt := range []struct {
		name              string
		four, eight       run.TrialEvidence
		bottleneck, worse check.Verdict
	}{
		{"most of it, and more than four", traced(4, 50, 50), traced(8, 60, 40), check.Holds, check.Holds},
		{"less than four", traced(4, 80, 20), traced(8, 60, 40), check.Holds, check.Refuted},
		{"no more than one", traced(4, 1, 99), traced(8, 1, 99), check.Refuted, check.Refuted},
		{"nothing but waiting", traced(4, 50, 50), refused, check.Holds, check.Holds},
		{"nothing was traced", traced(4, 50, 50), untraced, check.Inconclusive, check.Inconclusive},
	} {
		e := evidenceOf(traced(1, 1, 99), tt.four, tt.eight)
		for id, want := range map[string]check.Verdict{"lock-is-the-bottleneck": tt.bottleneck, "nodes-worse": tt.worse} {
			if got := claimOf(t, scaleClaims, id).Check(e); got.Verdict != want {
				t.Errorf("%s: %s is %s (%s), want %s", tt.name, id, got.Verdict, got.Reason, want)
			}
		}
	}
}

func TestWriteLocksHeldAtOnce(t *testing.T) {
	alone := traced(8, 0, 100)
	if n, ok := locksHeld.Of(alone.Recordings[0]); n != 1 || !ok {
		t.Errorf("%g locks, %t; want 1 of writes that follow each other", n, ok)
	}
	together := traced(8, 0, 100)
	for _, r := range together.Recordings {
		r.Attempts = append(r.Attempts, r.Attempts...)
	}
	claim := claimOf(t, scaleClaims, "nodes-as-one")
	if got := claim.Check(evidenceOf(alone)); got.Verdict != check.Holds {
		t.Errorf("one lock: %s (%s)", got.Verdict, got.Reason)
	}
	if got := claim.Check(evidenceOf(together)); got.Verdict != check.Refuted {
		t.Errorf("two locks at once: %s (%s)", got.Verdict, got.Reason)
	}
}

// The control has what the others have, but for the file: a node alone is the same setup, and all
// that is expected of the lock is expected to fail.
func TestOwnFilesAreTheControl(t *testing.T) {
	arms := scale(Options{}).Arms
	shared, own := arms[2], arms[3]
	for i := range own.Trials {
		a, b := shared.Trials[i].Setup, own.Trials[i].Setup
		if same := a.Key() == b.Key(); same != (a.Nodes == 1) {
			t.Errorf("%d nodes: the same setup: %t", a.Nodes, same)
		}
		if b.Mount = a.Mount; a.Key() != b.Key() {
			t.Errorf("%d nodes: more than the file differs", a.Nodes)
		}
	}
	for id, expected := range shared.Expect {
		if expected == run.ExpectHolds && own.Expect[id] != run.ExpectRefuted {
			t.Errorf("%s: expected %s with own files", id, own.Expect[id])
		}
	}
}
