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
	claims := scaleClaims
	for _, tt := range []struct {
		name, claim string
		e           *run.Evidence
		want        check.Verdict
	}{
		{"the same", "nodes-no-gain", evidenceOf(rates(1, 100, 100), rates(4, 100, 105), rates(8, 100, 90)), check.Holds},
		{"more in every repeat", "nodes-no-gain", evidenceOf(rates(1, 100, 100), rates(4, 100, 100), rates(8, 120, 130)), check.Refuted},
		{"more with four only", "nodes-no-gain", evidenceOf(rates(1, 100, 100), rates(4, 120, 130), rates(8, 100, 100)), check.Refuted},
		{"more in one repeat is noise", "nodes-no-gain", evidenceOf(rates(1, 100, 100), rates(4, 100, 100), rates(8, 90, 130)), check.Inconclusive},
		{"repeats are compared pair by pair", "nodes-no-gain", evidenceOf(rates(1, 100, 1000), rates(4, 120, 1200), rates(8, 120, 1200)), check.Refuted},
		{"eight were not recorded", "nodes-no-gain", evidenceOf(rates(1, 100), rates(4, 100)), check.Inconclusive},
		{"no repeat of both", "nodes-worse", evidenceOf(rates(1), rates(8, 100)), check.Inconclusive},
		{"worse in every repeat", "nodes-worse", evidenceOf(rates(1, 100, 100), rates(8, 89, 50)), check.Holds},
		{"worse in one repeat is noise", "nodes-worse", evidenceOf(rates(1, 100, 100), rates(8, 95, 50)), check.Inconclusive},
		{"not worse", "nodes-worse", evidenceOf(rates(1, 100, 100), rates(8, 100, 95)), check.Refuted},
		{"as one", "nodes-as-one", evidenceOf(rates(1, 100, 100), rates(8, 81, 120)), check.Holds},
		{"less in every repeat", "nodes-as-one", evidenceOf(rates(1, 100, 100), rates(8, 79, 70)), check.Refuted},
		{"more in every repeat, as one", "nodes-as-one", evidenceOf(rates(1, 100, 100), rates(8, 130, 140)), check.Refuted},
		{"now less, now more", "nodes-as-one", evidenceOf(rates(1, 100, 100), rates(8, 70, 140)), check.Inconclusive},
		{"half", "throughput-collapses", evidenceOf(rates(1, 100), rates(8, 50)), check.Refuted},
		{"less than half", "throughput-collapses", evidenceOf(rates(1, 100), rates(8, 49)), check.Holds},
	} {
		if got := claimOf(t, claims, tt.claim).Check(tt.e); got.Verdict != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.name, got.Verdict, got.Reason, tt.want)
		}
	}
}

// traced is a recording of writes that waited and worked for so long.
func traced(waited, worked int64) *run.Recording {
	r := made(answered(1, history.OK, "", 0, time.Second)...)
	r.Attempts = []locktrace.Attempt{
		{Kind: locktrace.Write, Began: 1000, Locked: 1000 + waited, Ended: 1000 + waited + worked},
		{Kind: locktrace.ReadOnly, Began: 1000, Ended: 9000},
	}
	return r
}

func TestTheLockIsTheBottleneck(t *testing.T) {
	refused := traced(0, 1)
	refused.Attempts[0].Locked = 0 // it never had the lock: all of its time was waiting
	for _, tt := range []struct {
		name  string
		eight run.TrialEvidence
		want  check.Verdict
	}{
		{"most of it", trialOf("8 nodes", 8, traced(60, 40), traced(51, 49)), check.Holds},
		{"half of it in one repeat", trialOf("8 nodes", 8, traced(60, 40), traced(50, 50)), check.Refuted},
		{"nothing but waiting", trialOf("8 nodes", 8, refused), check.Holds},
		{"nothing was traced", trialOf("8 nodes", 8, made(answered(1, history.OK, "", 0, 1)...)), check.Inconclusive},
	} {
		if got := lockIsBottleneck(evidenceOf(trialOf("1 node", 1, traced(1, 99)), tt.eight)); got.Verdict != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.name, got.Verdict, got.Reason, tt.want)
		}
	}
}

// Reads take no write lock: the claim about it is put to writes alone.
func TestReadsAreNotAskedAboutTheWriteLock(t *testing.T) {
	for _, arm := range scale(Options{}).Arms {
		_, asked := arm.Expect["lock-is-the-bottleneck"]
		if want := arm.Name != "read/WAL"; asked != want {
			t.Errorf("%s: asked %t, want %t", arm.Name, asked, want)
		}
	}
}
