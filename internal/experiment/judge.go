package experiment

import (
	"cmp"
	"fmt"
	"slices"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
)

// Judge says what the evidence of an experiment's arms means: their figures, a
// finding for every claim that they are asked, and the charts. It is pure: the
// same evidence is judged the same way again.
func Judge(x *Experiment, arms []run.Evidence) run.Result {
	result := run.Result{Name: x.Name, Question: x.Question, Arms: []run.ArmResult{}, Skipped: []run.Skipped{}}
	if x.Compare != nil {
		result.Comparison = x.Compare(arms)
	}
	for i := range arms {
		at := slices.IndexFunc(x.Arms, func(a Arm) bool { return a.Name == arms[i].Arm })
		result.Arms = append(result.Arms, judgeArm(x, &x.Arms[at], &arms[i]))
	}
	var places []string
	for _, e := range arms {
		if !slices.Contains(places, e.Place) {
			places = append(places, e.Place)
		}
	}
	for _, plot := range x.Plots {
		for _, place := range places { // a picture is of one place
			here := slices.DeleteFunc(slices.Clone(arms), func(e run.Evidence) bool { return e.Place != place })
			if c := plot(here); len(c.Series)+len(c.Lanes) > 0 {
				c.Place = place
				result.Charts = append(result.Charts, c)
			}
		}
	}
	return result
}

// Conclude puts what the experiments found into doc, with everything that follows from it.
func Conclude(doc *run.Run, results []run.Result) {
	doc.Experiments = results
	for i := range results {
		if results[i].Comparison != nil {
			doc.Comparison = results[i].Comparison
		}
	}
	doc.Summary = doc.Tally()
}

// Judge judges the recordings of a stored run anew and puts what they mean today into
// doc, in place of what they meant when it was stored. The experiments are those that
// doc was asked for; what a place refused then stays skipped.
func (all Recordings) Judge(doc *run.Run, experiments []Experiment) {
	var results []run.Result
	for i := range experiments {
		x := &experiments[i]
		evidence := all.Of(x, doc.Places)
		for x.Grow(evidence) {
			evidence = all.Of(x, doc.Places)
		}
		result := Judge(x, evidence)
		for k := range doc.Experiments {
			if doc.Experiments[k].Name == x.Name {
				result.Skipped = doc.Experiments[k].Skipped
			}
		}
		if len(result.Arms)+len(result.Skipped) > 0 {
			results = append(results, result)
		}
	}
	Conclude(doc, results)
}

func judgeArm(x *Experiment, arm *Arm, e *run.Evidence) run.ArmResult {
	result := run.ArmResult{Name: arm.Name, Place: e.Place}
	var all []*run.Recording
	for i := range e.Trials {
		t := &e.Trials[i]
		if len(t.Recordings) > 0 {
			result.Trials = append(result.Trials, judgeTrial(x.Figures, t))
			all = append(all, t.Recordings...)
		}
	}
	result.Totals = totals(all)
	for _, claim := range x.Claims {
		if expected, asked := arm.Expect[claim.ID]; asked {
			result.Findings = append(result.Findings, find(claim, expected, e))
		}
	}
	return result
}

func judgeTrial(figures []Figure, t *run.TrialEvidence) run.TrialResult {
	result := run.TrialResult{Name: t.Name, Level: t.Level, Totals: totals(t.Recordings)}
	for _, f := range figures {
		result.Figures = append(result.Figures, run.Measured{Name: f.Name, Unit: f.Unit, Spread: t.Spread(f.Of)})
	}
	for _, r := range t.Recordings {
		if result.Steps == nil { // those of the first recording that has any
			for _, event := range r.Steps {
				result.Steps = append(result.Steps, run.StepResult{
					Session: event.Session, Node: event.Node, Do: event.Do, Name: event.Name, To: event.To, Say: event.Say,
					Wrote: event.Wrote, Got: event.Got, Outcome: event.Outcome.String(), Code: event.Code, Extended: event.Extended,
					Open: event.Open, Sent: milliseconds(event.Sent), Answered: milliseconds(event.Answered),
					Blocked: event.Blocked, Frames: event.Frames, Checkpointed: event.Checkpointed,
				})
			}
		}
		for _, event := range r.Faults {
			result.Faults = append(result.Faults, run.FaultResult{
				Repeat: r.Repeat, Kind: event.Kind, Node: event.Node,
				From: milliseconds(event.From.Sub(r.Started)), To: milliseconds(event.To.Sub(r.Started)),
				Journal: event.Journal, Hot: event.Hot, Rows: event.Rows, Integrity: event.Integrity,
			})
		}
	}
	return result
}

// totals puts recordings of like setups together.
func totals(all []*run.Recording) run.Totals {
	first := all[0]
	t := run.Totals{Setup: first.Setup, Engines: []run.Engine{}, Codes: map[string]int{}, Extended: map[string]int{}}
	var ops []history.Op
	var ok, seconds float64
	for _, r := range all {
		add(&t, r)
		own := r.ClientOps()
		ops = append(ops, r.ReachedOps()...)
		if rate := measure.Throughput(own); rate > 0 {
			n := float64(r.Counts().OK)
			ok, seconds = ok+n, seconds+n/rate
		}
	}
	t.Latency = measure.Latency(ops)
	if seconds > 0 {
		t.Throughput = ok / seconds
	}
	return t
}

// add counts one more recording.
func add(t *run.Totals, r *run.Recording) {
	t.Recordings = append(t.Recordings, r.Dir)
	for _, version := range r.Engines {
		if !slices.Contains(t.Engines, version) {
			t.Engines = append(t.Engines, version)
		}
	}
	t.Seconds += r.Seconds
	if r.SyncTime != nil {
		ms := milliseconds(*r.SyncTime)
		t.SyncTime = &ms
	}
	t.Dropped += r.Dropped
	t.Ops.Add(r.Counts())
	codes, extended, attempts := r.Codes()
	for code, n := range codes {
		t.Codes[code] += n
	}
	for code, n := range extended {
		t.Extended[code] += n
	}
	t.Attempts += attempts
	t.Error = cmp.Or(t.Error, r.Err)
	if r.Others != nil && (t.Others == nil || *r.Others > *t.Others) {
		t.Others = r.Others
	}
	if r.Facts != nil && (t.Integrity == "" || t.Integrity == "ok") { // the worst is the one to tell
		t.Integrity = r.Facts.Integrity
	}
	if account, known := r.Account(); known {
		t.Final = sum(t.Final, account.Final)
		t.Lost = sum(t.Lost, account.Lost.Min)
		t.LostMax = sum(t.LostMax, account.Lost.Max)
	}
}

func sum(a *int64, b int64) *int64 {
	if a != nil {
		b += *a
	}
	return &b
}

// find judges one claim. A check that panics has decided nothing, and
// recordings without an op or a step prove nothing.
func find(claim Claim, expected run.Expectation, e *run.Evidence) (f run.Finding) {
	f = run.Finding{
		Claim: claim.ID, Text: claim.Text, TextJA: claim.TextJA, Source: claim.Source,
		Expected: expected, Witness: []check.Witness{},
	}
	defer func() {
		if p := recover(); p != nil {
			f.Verdict, f.Reason = check.Inconclusive, fmt.Sprintf("the check panicked: %v", p)
		}
	}()
	told, why := false, "no request was sent"
	for r := range e.All {
		told, why = told || r.Told(), cmp.Or(r.Err, why)
	}
	if !told {
		f.Reason = why
		return f
	}
	if claim.Synced && e.Fast() && expected != run.Either {
		f.Expected, f.Fast = run.Either, true
	}
	j := claim.Check(e)
	f.Verdict, f.Measured, f.Reason, f.Interval = j.Verdict, j.Measured, j.Reason, j.Interval
	f.Noise = j.Noise && j.Verdict == check.Inconclusive
	f.Witness = append(f.Witness, j.Witness...)
	if others := e.Others(); claim.Timed && f.Surprise() && others > run.BusyShare {
		f.Reason = fmt.Sprintf("%s, while other programs took up to %s of the machine: %s", f.Verdict, units.Percent(others), f.Reason)
		f.Verdict, f.Busy = check.Inconclusive, true
	}
	return f
}
