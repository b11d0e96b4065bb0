package catalogue

import (
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
)

// lasted is a recording in which so many writes succeeded and so many failed, in so long.
func lasted(d time.Duration, ok, failed int) *run.Recording {
	r := crowdOf(ok, failed, 0)
	r.Seconds = d.Seconds()
	return r
}

// modes is the evidence of repeats in both modes.
func modes(rollback, wal []*run.Recording) *run.Evidence {
	return evidenceOf(trialOf("DELETE", 0, rollback...), trialOf("WAL", 0, wal...))
}

// five is five repeats of one recording.
func five(r *run.Recording) []*run.Recording { return slices.Repeat([]*run.Recording{r}, 5) }

func TestWriteClaims(t *testing.T) {
	claims := journalClaims
	unknown := crowdOf(48, 0, 2)
	unknown.Seconds = 0.1
	starved := made(append(answered(48, history.OK, "", 0, ms), answered(2, history.Failed, nodeapi.CodeTimeout, 0, 5*time.Second)...)...)
	starved.Seconds = 5
	second := func(ok, failed int) *run.Recording { return lasted(time.Second, ok, failed) }
	for _, tt := range []struct {
		name                    string
		e                       *run.Evidence
		more, faster, fails, no check.Verdict
	}{
		{"better in everything, and no cure", modes(five(second(2, 48)), five(lasted(time.Second/2, 9, 41))),
			check.Holds, check.Holds, check.Holds, check.Holds},
		{"faster, and a cure", modes(five(second(50, 0)), five(lasted(time.Second/2, 50, 0))),
			check.Refuted, check.Holds, check.Refuted, check.Refuted},
		{"slower, and more of them", modes(five(second(2, 48)), five(lasted(2*time.Second, 3, 47))),
			check.Holds, check.Refuted, check.Holds, check.Holds},
		{"a little faster", modes(five(second(2, 48)), five(lasted(900*ms, 2, 48))),
			check.Refuted, check.Refuted, check.Holds, check.Holds},
		{"half as many fail", modes(five(second(10, 40)), five(second(30, 20))),
			check.Holds, check.Refuted, check.Holds, check.Holds},
		{"fewer than half as many fail", modes(five(second(10, 40)), five(second(31, 19))),
			check.Holds, check.Refuted, check.Holds, check.Refuted},
		{"five failures are not more than five", modes(five(second(45, 5)), five(second(45, 5))),
			check.Refuted, check.Refuted, check.Refuted, check.Holds},
		{"better in four of five repeats", modes(
			five(second(2, 48)),
			append(five(lasted(700*ms, 3, 47))[:4], lasted(2*time.Second, 2, 48))),
			check.Refuted, check.Inconclusive, check.Holds, check.Holds},
		{"four repeats", modes(five(second(2, 48))[:4], five(lasted(700*ms, 3, 47))[:4]),
			check.Inconclusive, check.Inconclusive, check.Holds, check.Holds},
		{"times are compared pair by pair", modes(
			append(five(second(2, 48))[:4], lasted(8*time.Second, 2, 48)),
			append(five(lasted(700*ms, 3, 47))[:4], lasted(4*time.Second, 3, 47))),
			check.Holds, check.Holds, check.Holds, check.Holds},
		{"patience that ran out could have gone either way", modes(five(second(50, 0)), five(starved)),
			check.Refuted, check.Refuted, check.Refuted, check.Inconclusive},
		{"an answer that did not come leaves it open", modes(five(second(49, 1)), five(unknown)),
			check.Inconclusive, check.Inconclusive, check.Refuted, check.Inconclusive},
		{"cut short", modes(five(second(2, 48)), five(cut(lasted(time.Second/2, 0, 10), 40))),
			check.Inconclusive, check.Inconclusive, check.Holds, check.Inconclusive},
		{"only one mode", modes(five(second(2, 48)), nil),
			check.Inconclusive, check.Inconclusive, check.Inconclusive, check.Inconclusive},
	} {
		for id, want := range map[string]check.Verdict{
			"wal-more-successes": tt.more, "wal-faster": tt.faster, "wal-still-fails": tt.fails, "wal-no-cure": tt.no,
		} {
			if j := claimOf(t, claims, id).Check(repeated(tt.e)); j.Verdict != want || j.Reason == "" {
				t.Errorf("%s: %s is %s because %q, want %s", tt.name, id, j.Verdict, j.Reason, want)
			}
		}
	}
}

// repeated numbers the repeats of each trial, each a recording of its own.
func repeated(e *run.Evidence) *run.Evidence {
	for i := range e.Trials {
		for k, r := range e.Trials[i].Recordings {
			one := *r
			one.Repeat = k + 1
			e.Trials[i].Recordings[k] = &one
		}
	}
	return e
}

// mixed is a recording of reads and writes, of which so many were refused a lock.
func mixed(reads, refusedReads, writes, refusedWrites int) *run.Recording {
	of := func(function string, n, refused int) []history.Op {
		ops := append(answered(n-refused, history.OK, "", 0, 10*ms), answered(refused, history.Failed, nodeapi.CodeBusy, 0, 20*ms)...)
		for i := range ops {
			ops[i].Func, ops[i].Node = function, "app-1"
		}
		return ops
	}
	r := made(append(of(history.Read, reads, refusedReads), of(history.Write, writes, refusedWrites)...)...)
	r.Setup.Load = run.Load{Arrival: run.Closed, Clients: 8, Duration: time.Second}
	return r
}

func TestBlocksNobody(t *testing.T) {
	unknown := mixed(10, 0, 5, 0)
	unknown.Ops[0].Outcome = history.Unknown
	for _, tt := range []struct {
		name      string
		r         *run.Recording
		want      check.Verdict
		witnesses int
	}{
		{"nobody", mixed(10, 0, 5, 0), check.Holds, 0},
		{"reads", mixed(10, 3, 5, 0), check.Refuted, 1},
		{"writes", mixed(10, 0, 5, 1), check.Refuted, 1},
		{"both", mixed(10, 2, 5, 2), check.Refuted, 2},
		{"an answer that did not come", unknown, check.Inconclusive, 0},
		{"nobody wrote", mixed(10, 0, 0, 0), check.Inconclusive, 0},
		{"nobody read", mixed(0, 0, 5, 0), check.Inconclusive, 0},
	} {
		if j := blocksNobody(tt.r); j.Verdict != tt.want || len(j.Witness) != tt.witnesses {
			t.Errorf("%s: %s because %q, %d witnesses; want %s and %d", tt.name, j.Verdict, j.Reason, len(j.Witness), tt.want, tt.witnesses)
		}
	}
}

func TestWALMoreReads(t *testing.T) {
	claim := claimOf(t, journalClaims, "wal-more-reads")
	few, many := mixed(10, 0, 5, 0), mixed(50, 0, 5, 0)
	for _, tt := range []struct {
		name         string
		rollback, wa *run.Recording
		want         check.Verdict
	}{
		{"more", few, many, check.Holds},
		{"fewer", many, few, check.Refuted},
		{"as many", many, many, check.Refuted},
		{"refusals are no answers", few, mixed(50, 40, 5, 0), check.Refuted},
	} {
		if j := claim.Check(repeated(modes(five(tt.rollback), five(tt.wa)))); j.Verdict != tt.want {
			t.Errorf("%s: %s because %q, want %s", tt.name, j.Verdict, j.Reason, tt.want)
		}
	}
}

func TestReadFigures(t *testing.T) {
	r := mixed(10, 4, 5, 0)
	r.Ops[0].Returned = 2 * time.Second // after the load's second
	if rate, ok := readRate.Of(r); rate != 5 || !ok {
		t.Errorf("%g reads a second, %t; want 5 that succeeded in time", rate, ok)
	}
	if longest, ok := longestRead.Of(r); longest != 2000 || !ok {
		t.Errorf("the longest read is %g ms, %t; want 2000", longest, ok)
	}
	writes := mixed(0, 0, 5, 0)
	_, rate := readRate.Of(writes)
	_, longest := longestRead.Of(writes)
	if rate || longest {
		t.Error("writes tell of reads")
	}
}

// The plots of the source's writes leave out the arms that read, and the other way round.
func TestJournalPlotsShowTheirArms(t *testing.T) {
	x := journal(Options{})
	var all []run.Evidence
	for _, arm := range x.Arms {
		reads := mixed(10, 0, 5, 0)
		reads.Setup = arm.Trials[0].Setup
		trial := trialOf("", 0, reads)
		trial.Setup = arm.Trials[0].Setup
		all = append(all, run.Evidence{Arm: arm.Name, Trials: []run.TrialEvidence{trial}})
	}
	for i, want := range []int{5, 5, 3, 3} {
		var shown []string
		for _, p := range x.Plots[i](all).Series[0].Points {
			shown = append(shown, p.Label)
		}
		if len(shown) != want || strings.Contains(strings.Join(shown, " "), "read") != (i >= 2) {
			t.Errorf("plot %d shows %v", i, shown)
		}
	}
}
