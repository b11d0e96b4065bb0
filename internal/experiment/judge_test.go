package experiment

import (
	"strings"
	"testing"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/api"
	"example.com/contend/internal/load"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// recording is n increments with the given outcomes over a counter that reads final.
func recording(final int64, outcomes ...history.Outcome) *Recording {
	r := &Recording{
		Setup: Setup{
			Nodes: 1, Discipline: store.Red(), Workload: workload.Increment{Key: "k"},
			Load: load.Spec{Arrival: load.Burst, Clients: len(outcomes), Requests: len(outcomes)},
		},
		Facts: &store.Facts{Counters: map[string]int64{"k": final}, Integrity: "ok"},
	}
	r.Ops = append(r.Ops, own(history.Reset, "k", 0, 0))
	for i, outcome := range outcomes {
		op := history.Op{
			Index: i + 1, Process: i, Func: history.Increment, Key: "k", Outcome: outcome,
			Attempts: 1, Returned: time.Duration(i+1) * time.Millisecond,
		}
		if outcome == history.Failed {
			op.Code, op.Extended = api.CodeBusy, "SQLITE_BUSY_SNAPSHOT"
		}
		r.Ops = append(r.Ops, op)
	}
	r.Ops = append(r.Ops, own(history.FinalRead, "k", final, time.Second))
	return r
}

const (
	ok      = history.OK
	failed  = history.Failed
	unknown = history.Unknown
)

func TestRanges(t *testing.T) {
	for _, tt := range []struct {
		name                           string
		r                              *Recording
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
	result := Judge(Arm{Setup: r.Setup}, nil, r)
	if result.Final != nil || result.Lost != nil {
		t.Errorf("final = %v, lost = %v, want neither", result.Final, result.Lost)
	}
}

func claimOf(judge func(*Recording) Judgement) Claim {
	return Claim{ID: "c", Text: "It is so.", Source: "here:1", Check: judge}
}

func says(v check.Verdict) Claim {
	return claimOf(func(*Recording) Judgement { return Judgement{Verdict: v} })
}

func TestJudgeAgainstTheExpectation(t *testing.T) {
	for _, tt := range []struct {
		name    string
		claim   Claim
		expect  Expectation
		r       *Recording
		verdict check.Verdict
		want    Summary
	}{
		{"as expected", says(check.Holds), ExpectHolds, recording(1, ok), check.Holds, Summary{AsExpected: 1}},
		{"a surprise", says(check.Refuted), ExpectHolds, recording(1, ok), check.Refuted, Summary{Surprises: 1}},
		{"either way", says(check.Refuted), Either, recording(1, ok), check.Refuted, Summary{AsExpected: 1}},
		{"inconclusive is neither", says(check.Inconclusive), ExpectHolds, recording(1, ok), check.Inconclusive, Summary{Inconclusive: 1}},
		{"no op, no verdict", says(check.Holds), ExpectHolds, recording(0), check.Inconclusive, Summary{Inconclusive: 1}},
		{"a check that panics", claimOf(func(*Recording) Judgement { panic("oh") }), ExpectHolds, recording(1, ok), check.Inconclusive, Summary{Inconclusive: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			arm := Arm{Name: "a", Setup: tt.r.Setup, Expect: map[string]Expectation{"c": tt.expect}}
			result := Judge(arm, []Claim{tt.claim}, tt.r)
			if got := result.Findings[0].Verdict; got != tt.verdict {
				t.Errorf("verdict = %s, want %s", got, tt.verdict)
			}
			if got := Summarize([]Result{{Arms: []ArmResult{result}}}); got != tt.want {
				t.Errorf("summary = %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestJudgeCounts(t *testing.T) {
	r := recording(1, ok, failed, unknown)
	r.Ops[3].Code = api.CodeClientTimeout
	result := Judge(Arm{Setup: r.Setup}, nil, r)
	if want := (OpCounts{Total: 3, OK: 1, Failed: 1, Unknown: 1}); result.Ops != want {
		t.Errorf("ops = %+v, want %+v: the recorder's own are not clients'", result.Ops, want)
	}
	if result.Codes[api.CodeBusy] != 1 || result.Codes[api.CodeClientTimeout] != 1 || result.Extended["SQLITE_BUSY_SNAPSHOT"] != 1 {
		t.Errorf("codes = %v, extended = %v", result.Codes, result.Extended)
	}
	if result.Latency.Count != 3 || result.Latency.Max != 3 {
		t.Errorf("latency = %+v, want 3 ops, at most 3 ms", result.Latency)
	}
}

func TestValidateNamesWhatIsMissing(t *testing.T) {
	whole := func() Experiment {
		return Experiment{
			Name: "x", Question: "What?", Claims: []Claim{says(check.Holds)},
			Arms: []Arm{{Name: "a", Setup: recording(0, ok).Setup, Expect: map[string]Expectation{"c": Either}}},
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
		{"an arm without an expectation", func(x *Experiment) { x.Arms[0].Expect = nil }, `"c"`},
		{"an arm twice", func(x *Experiment) { x.Arms = append(x.Arms, x.Arms[0]) }, `"a"`},
		{"a discipline that is none", func(x *Experiment) { x.Arms[0].Setup.Discipline.Journal = "WALL" }, `"WALL"`},
		{"a load that is none", func(x *Experiment) { x.Arms[0].Setup.Load.Arrival = "often" }, `"often"`},
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
