package experiment

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// recording is n increments with the given outcomes over a counter that reads final.
func recording(final int64, outcomes ...history.Outcome) *run.Recording {
	r := &run.Recording{
		Setup: run.Setup{
			Nodes: 1, Discipline: store.Red(), Workload: workload.Increment{Key: "k"},
			Load: run.Load{Arrival: run.Burst, Clients: len(outcomes), Requests: len(outcomes)},
		},
		Facts: &run.Facts{Integrity: "ok"},
	}
	r.Ops = append(r.Ops, own(history.Reset, "k", 0, 0))
	for i, outcome := range outcomes {
		op := history.Op{
			Index: i + 1, Process: i, Func: history.Increment, Key: "k", Outcome: outcome,
			Attempts: 1, Returned: time.Duration(i+1) * time.Millisecond,
		}
		if outcome == history.Failed {
			op.Code, op.Extended = nodeapi.CodeBusy, "SQLITE_BUSY_SNAPSHOT"
		}
		r.Ops = append(r.Ops, op)
	}
	r.Ops = append(r.Ops, own(history.FinalRead, "k", final, time.Second))
	return r
}

// own is an op of the recorder itself.
func own(f, key string, value int64, at time.Duration) history.Op {
	return history.Op{
		Process: -1, Func: f, Key: key, Value: history.Some(value),
		Intended: at, Invoked: at, Returned: at, Outcome: history.OK,
	}
}

const (
	ok      = history.OK
	failed  = history.Failed
	unknown = history.Unknown
)

func TestRanges(t *testing.T) {
	for _, tt := range []struct {
		name                           string
		r                              *run.Recording
		unsent                         int
		succeeded, refused, final, los check.Range
	}{
		{"all there", recording(2, ok, ok), 0, check.Exactly(2), check.Exactly(0), check.Exactly(2), check.Exactly(0)},
		{"one lost", recording(1, ok, ok), 0, check.Exactly(2), check.Exactly(0), check.Exactly(1), check.Exactly(1)},
		{"one refused", recording(1, ok, failed), 0, check.Exactly(1), check.Exactly(1), check.Exactly(1), check.Exactly(0)},
		{"an unknown one may hide a loss", recording(1, ok, unknown), 0,
			check.Range{Min: 1, Max: 2}, check.Range{Min: 0, Max: 1}, check.Exactly(1), check.Range{Min: 0, Max: 1}},
		{"what was not sent could have gone either way", recording(1, ok), 3,
			check.Range{Min: 1, Max: 4}, check.Range{Min: 0, Max: 3}, check.Range{Min: 1, Max: 4}, check.Exactly(0)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.r.Unsent = tt.unsent
			for _, got := range []struct {
				name      string
				got, want check.Range
			}{
				{"succeeded", tt.r.Succeeded(), tt.succeeded}, {"refused", tt.r.RefusedAtOnce(), tt.refused},
				{"final", tt.r.Final(), tt.final}, {"lost", tt.r.Lost(), tt.los},
			} {
				if got.got != got.want {
					t.Errorf("%s = %s, want %s", got.name, got.got, got.want)
				}
			}
		})
	}
}

func TestAnUnreadDatabaseDecidesNothing(t *testing.T) {
	r := recording(0, ok, ok)
	r.Facts, r.Ops = nil, r.Ops[1:3]
	if got := r.Final(); got != (check.Range{Min: 0, Max: 2}) {
		t.Errorf("final = %s, want 0–2", got)
	}
	result := judgeOne(nil, run.Either, r)
	if result.Final != nil || result.Lost != nil {
		t.Errorf("final = %v, lost = %v, want neither", result.Final, result.Lost)
	}
}

func claimOf(judge func(*run.Recording) Judgement) Claim {
	return Claim{ID: "c", Text: "It is so.", Source: "here:1", Check: Each(judge)}
}

// judgeOne judges recordings, the repeats of one trial, in an arm of their own.
func judgeOne(claims []Claim, expect run.Expectation, all ...*run.Recording) run.ArmResult {
	x := Experiment{Name: "x", Claims: claims, Arms: []Arm{{
		Name: "a", Trials: Single(all[0].Setup), Repeats: len(all), Expect: map[string]run.Expectation{"c": expect},
	}}}
	trial := run.TrialEvidence{Setup: all[0].Setup, Recordings: all}
	return Judge(&x, []run.Evidence{{Arm: "a", Trials: []run.TrialEvidence{trial}}}).Arms[0]
}

func says(v check.Verdict) Claim {
	return claimOf(func(*run.Recording) Judgement { return Judgement{Verdict: v} })
}

func TestJudgeAgainstTheExpectation(t *testing.T) {
	for _, tt := range []struct {
		name    string
		claim   Claim
		expect  run.Expectation
		r       *run.Recording
		verdict check.Verdict
		want    run.Summary
	}{
		{"as expected", says(check.Holds), run.ExpectHolds, recording(1, ok), check.Holds, run.Summary{AsExpected: 1}},
		{"a surprise", says(check.Refuted), run.ExpectHolds, recording(1, ok), check.Refuted, run.Summary{Surprises: 1}},
		{"either way", says(check.Refuted), run.Either, recording(1, ok), check.Refuted, run.Summary{AsExpected: 1}},
		{"inconclusive is neither", says(check.Inconclusive), run.ExpectHolds, recording(1, ok), check.Inconclusive, run.Summary{Inconclusive: 1}},
		{"no op, no verdict", says(check.Holds), run.ExpectHolds, recording(0), check.Inconclusive, run.Summary{Inconclusive: 1}},
		{"a check that panics", claimOf(func(*run.Recording) Judgement { panic("oh") }), run.ExpectHolds, recording(1, ok), check.Inconclusive, run.Summary{Inconclusive: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			result := judgeOne([]Claim{tt.claim}, tt.expect, tt.r)
			if got := result.Findings[0].Verdict; got != tt.verdict {
				t.Errorf("verdict = %s, want %s", got, tt.verdict)
			}
			if got := run.Summarize([]run.Result{{Arms: []run.ArmResult{result}}}); !cmp.Equal(got, tt.want) {
				t.Errorf("summary = %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestJudgeCounts(t *testing.T) {
	r := recording(1, ok, failed, unknown)
	r.Ops[3].Code = nodeapi.CodeClientTimeout
	result := judgeOne(nil, run.Either, r)
	if want := (run.OpCounts{Total: 3, OK: 1, Failed: 1, Unknown: 1}); result.Ops != want {
		t.Errorf("ops = %+v, want %+v: the recorder's own are not clients'", result.Ops, want)
	}
	if result.Codes[nodeapi.CodeBusy] != 1 || result.Codes[nodeapi.CodeClientTimeout] != 1 || result.Extended["SQLITE_BUSY_SNAPSHOT"] != 1 {
		t.Errorf("codes = %v, extended = %v", result.Codes, result.Extended)
	}
	if result.Latency.Count != 3 || result.Latency.Max != 3 {
		t.Errorf("latency = %+v, want 3 ops, at most 3 ms", result.Latency)
	}
}

// What a verdict rests on stands in the finding as data.
func TestAFindingHasItsInterval(t *testing.T) {
	of := &run.Interval{Of: "ratio", Interval: measure.IntervalOf([]float64{1, 2, 3, 4, 5})}
	claim := claimOf(func(*run.Recording) Judgement { return Judgement{Verdict: check.Holds, Interval: of} })
	if f := judgeOne([]Claim{claim}, run.ExpectHolds, recording(1, ok)).Findings[0]; f.Interval == nil || *f.Interval != *of {
		t.Errorf("interval %+v, want %+v", f.Interval, of)
	}
}

// Five repeats that leave a claim's limit in the interval call for five more, once; five that decide do not,
// and neither does a claim that may go either way.
func TestAnIntervalThatDoesNotDecideCallsForMoreRepeats(t *testing.T) {
	half := claimOf(nil)
	half.Check = func(e *run.Evidence) Judgement {
		finals := e.Trials[0].Values(func(r *run.Recording) (float64, bool) { return float64(r.Final().Min), true })
		of := measure.IntervalOf(finals)
		j := Judgement{Verdict: check.Holds, Interval: &run.Interval{Interval: of}}
		if of.Low <= 2 && 2 <= of.High {
			j.Verdict, j.Noise = check.Inconclusive, true
		}
		return j
	}
	for _, tt := range []struct {
		name   string
		finals []int64
		expect run.Expectation
		want   int
	}{
		{"decided", []int64{3, 4, 5, 6, 7}, run.ExpectHolds, 5},
		{"not decided", []int64{1, 4, 5, 6, 7, 4, 5, 6, 7, 8}, run.ExpectHolds, 10},
		{"not decided in the end either", []int64{1, 4, 5, 6, 7, 1, 1, 1, 1, 1}, run.ExpectHolds, 10},
		{"either is expected", []int64{1, 4, 5, 6, 7}, run.Either, 5},
	} {
		setup := recording(0).Setup
		x := Experiment{Claims: []Claim{half}, Arms: []Arm{{Name: "a", Repeats: 5, Trials: Single(setup), Expect: map[string]run.Expectation{"c": tt.expect}}}}
		all := Recordings{}
		for i, final := range tt.finals {
			all[Take{setup.Key(), i + 1, run.Processes}] = recording(final, ok)
		}
		rounds := 0
		evidence := all.Of(&x, []string{run.Processes})
		for x.Grow(evidence) && rounds < 3 {
			rounds++
			evidence = all.Of(&x, []string{run.Processes})
		}
		if got := x.Arms[0].Repeats; got != tt.want || rounds != tt.want/5-1 || len(evidence[0].Trials[0].Recordings) != tt.want {
			t.Errorf("%s: %d repeats after %d rounds, want %d", tt.name, got, rounds, tt.want)
		}
	}
}

func TestValidateNamesWhatIsMissing(t *testing.T) {
	whole := func() Experiment {
		return Experiment{
			Name: "x", Question: "What?", Claims: []Claim{says(check.Holds)},
			Arms: []Arm{{Name: "a", Trials: Single(recording(0, ok).Setup), Expect: map[string]run.Expectation{"c": run.Either}}},
		}
	}
	if x := whole(); x.Validate() != nil {
		t.Fatalf("whole: %v", x.Validate())
	}
	for _, tt := range []struct {
		name  string
		spoil func(*Experiment)
		want  string
	}{
		{"no claims", func(x *Experiment) { x.Claims = nil }, `"x"`},
		{"two claims of one ID", func(x *Experiment) { x.Claims = append(x.Claims, x.Claims[0]) }, `"c"`},
		{"an arm that is asked nothing", func(x *Experiment) { x.Arms[0].Expect = nil }, `"a"`},
		{"a claim that no arm is asked", func(x *Experiment) { x.Arms[0].Expect = map[string]run.Expectation{"d": run.Either} }, `"c"`},
		{"an arm that is asked what is no claim", func(x *Experiment) { x.Arms[0].Expect["d"] = run.Either }, `"d"`},
		{"two trials of one name", func(x *Experiment) { x.Arms[0].Trials = append(x.Arms[0].Trials, x.Arms[0].Trials[0]) }, `""`},
		{"an arm twice", func(x *Experiment) { x.Arms = append(x.Arms, x.Arms[0]) }, `"a"`},
		{"a discipline that is none", func(x *Experiment) { x.Arms[0].Trials[0].Setup.Discipline.Journal = "WALL" }, `"WALL"`},
		{"a load that is none", func(x *Experiment) { x.Arms[0].Trials[0].Setup.Load.Arrival = "often" }, `"often"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := whole()
			tt.spoil(&x)
			if err := x.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want one that names %s", err, tt.want)
			}
		})
	}
}

func TestRepeatsMustAgree(t *testing.T) {
	below := claimOf(func(r *run.Recording) Judgement {
		return Judgement{Verdict: r.Final().Below(2), Measured: r.Final().String()}
	})
	for _, tt := range []struct {
		name   string
		finals []int64
		want   check.Verdict
	}{
		{"all hold", []int64{0, 1, 1}, check.Holds},
		{"all refute", []int64{2, 2}, check.Refuted},
		{"chance decides", []int64{1, 2, 1}, check.Inconclusive},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var all []*run.Recording
			for _, final := range tt.finals {
				all = append(all, recording(final, ok, ok))
			}
			result := judgeOne([]Claim{below}, run.Either, all...)
			if f := result.Findings[0]; f.Verdict != tt.want {
				t.Errorf("%s because %s, want %s", f.Verdict, f.Reason, tt.want)
			}
			if n := len(tt.finals); result.Ops.Total != 2*n || len(result.Recordings) != n {
				t.Errorf("%d ops in %d recordings, want %d in %d", result.Ops.Total, len(result.Recordings), 2*n, n)
			}
		})
	}
}

func TestAClaimIsJudgedOnlyWhereItIsAsked(t *testing.T) {
	other := says(check.Holds)
	other.ID = "d"
	result := judgeOne([]Claim{says(check.Holds), other}, run.ExpectHolds, recording(1, ok))
	if len(result.Findings) != 1 || result.Findings[0].Claim != "c" {
		t.Errorf("findings = %+v, want one, of c", result.Findings)
	}
}

// Repeats that disagree answer the question only where either answer was expected.
func TestChanceIsAnAnswerWhereEitherWasExpected(t *testing.T) {
	below := claimOf(func(r *run.Recording) Judgement { return Judgement{Verdict: r.Final().Below(2)} })
	for _, tt := range []struct {
		expect run.Expectation
		claim  Claim
		want   run.Summary
	}{
		{run.Either, below, run.Summary{Chance: 1}},
		{run.ExpectHolds, below, run.Summary{Inconclusive: 1}},
		{run.Either, says(check.Inconclusive), run.Summary{Inconclusive: 1}},
	} {
		result := judgeOne([]Claim{tt.claim}, tt.expect, recording(1, ok, ok), recording(2, ok, ok))
		if got := run.Summarize([]run.Result{{Arms: []run.ArmResult{result}}}); !cmp.Equal(got, tt.want) {
			t.Errorf("expecting %s: %+v, want %+v", tt.expect, got, tt.want)
		}
	}
}

// What depends on time decides nothing on a busy machine, unless it is as expected all the same.
// A loss is a loss however busy the machine is.
func TestABusyMachineDecidesNothingAboutTime(t *testing.T) {
	timed := says(check.Refuted)
	timed.Timed = true
	quiet, busy := run.BusyShare/2, 2*run.BusyShare
	for _, tt := range []struct {
		name   string
		claim  Claim
		others []*float64
		expect run.Expectation
		want   run.Summary
	}{
		{"quiet", timed, []*float64{&quiet, &quiet}, run.ExpectHolds, run.Summary{Surprises: 1}},
		{"not known", timed, []*float64{nil, nil}, run.ExpectHolds, run.Summary{Surprises: 1}},
		{"busy during one of them", timed, []*float64{&quiet, &busy}, run.ExpectHolds, run.Summary{Inconclusive: 1, Busy: 1}},
		{"busy, and as expected", timed, []*float64{&busy, &busy}, run.ExpectRefuted, run.Summary{AsExpected: 1}},
		{"busy, of a claim that time does not change", says(check.Refuted), []*float64{&busy, &busy}, run.ExpectHolds, run.Summary{Surprises: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var all []*run.Recording
			for _, others := range tt.others {
				r := recording(1, ok)
				r.Others = others
				all = append(all, r)
			}
			result := judgeOne([]Claim{tt.claim}, tt.expect, all...)
			if got := run.Summarize([]run.Result{{Arms: []run.ArmResult{result}}}); !cmp.Equal(got, tt.want) {
				t.Errorf("%+v, want %+v: %s", got, tt.want, result.Findings[0].Reason)
			}
		})
	}
}

// A damaged file whose rows could not be read is no proof that they are gone.
// Where a sync takes no time, what rests on the time of a commit may come out either way; on a disk it surprises, and
// where nobody measured it, too.
func TestFastStorageExpectsEither(t *testing.T) {
	claim := says(check.Refuted)
	for _, tt := range []struct {
		synced   bool
		sync     time.Duration
		surprise bool
	}{
		{true, 300 * time.Nanosecond, false},
		{true, 150 * time.Microsecond, true},
		{true, -1, true},
		{false, 300 * time.Nanosecond, true},
	} {
		claim.Synced = tt.synced
		r := recording(1, ok)
		if tt.sync >= 0 {
			r.SyncTime = &tt.sync
		}
		if f := judgeOne([]Claim{claim}, run.ExpectHolds, r).Findings[0]; f.Surprise() != tt.surprise || f.Fast == tt.surprise || f.Verdict != check.Refuted {
			t.Errorf("%+v: expected %s, fast %v, %s", tt, f.Expected, f.Fast, f.Verdict)
		}
	}
}

func TestTheAccountOfADamagedFileIsNotKnown(t *testing.T) {
	r := &run.Recording{Facts: &run.Facts{Integrity: "malformed"}}
	r.Ops = []history.Op{
		{Func: history.Write, Key: "a", Outcome: ok, Returned: time.Millisecond},
		own(history.FinalRead, "data", 0, time.Second),
	}
	if a, known := r.Account(); known {
		t.Errorf("known: %+v", a)
	}
	r.Facts.Integrity = "ok"
	if a, known := r.Account(); !known || a.Lost.Min != 1 {
		t.Errorf("%+v, %v; want one row lost", a, known)
	}
}

// Of transfers, what is lost is how far the balances are from what they make.
func TestDeficit(t *testing.T) {
	counter := recording(1, ok, ok, failed)
	if lost, known := counter.Deficit(); !known || lost != check.Exactly(1) {
		t.Errorf("counter: %v, %v; want 1", lost, known)
	}
	move := func(from, to string, outcome history.Outcome) history.Op {
		return history.Op{Func: history.Transfer, Key: from, To: to, Amount: 1, Outcome: outcome, Returned: time.Millisecond}
	}
	bank := &run.Recording{Facts: &run.Facts{Integrity: "ok"}}
	bank.Ops = []history.Op{
		own(history.Reset, "a", 10, 0), own(history.Reset, "b", 10, 0),
		move("a", "b", ok), move("a", "b", ok), move("b", "a", failed),
		own(history.FinalRead, "a", 9, time.Second), own(history.FinalRead, "b", 12, time.Second),
	}
	if lost, known := bank.Deficit(); !known || lost != check.Exactly(1) {
		t.Errorf("transfers: %v, %v; want 1, for a paid only once", lost, known)
	}
	bank.Facts = nil
	if _, known := bank.Deficit(); known {
		t.Error("nothing was read, and the deficit is known")
	}
}
