package experiment

import (
	"cmp"
	"fmt"
	"slices"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/measure"
)

// Judge says what the evidence of an experiment's arms means: their figures, a
// finding for every claim that they are asked, and the charts. It is pure: the
// same evidence is judged the same way again.
func Judge(x *Experiment, arms []Evidence) Result {
	result := Result{Name: x.Name, Question: x.Question, Arms: []ArmResult{}, Skipped: []Skipped{}}
	for i := range arms {
		at := slices.IndexFunc(x.Arms, func(a Arm) bool { return a.Name == arms[i].Arm })
		result.Arms = append(result.Arms, judgeArm(x, &x.Arms[at], &arms[i]))
	}
	for _, plot := range x.Plots {
		for _, here := range byPlace(arms) {
			if c := plot(here); len(c.Series)+len(c.Lanes) > 0 {
				c.Place = here[0].Place
				result.Charts = append(result.Charts, c)
			}
		}
	}
	return result
}

// byPlace parts evidence by where it was recorded: a picture is of one place.
func byPlace(arms []Evidence) [][]Evidence {
	var parts [][]Evidence
	at := map[string]int{}
	for _, e := range arms {
		i, known := at[e.Place]
		if !known {
			i = len(parts)
			at[e.Place] = i
			parts = append(parts, nil)
		}
		parts[i] = append(parts[i], e)
	}
	return parts
}

func judgeArm(x *Experiment, arm *Arm, e *Evidence) ArmResult {
	result := ArmResult{Name: arm.Name, Place: e.Place}
	var all []*Recording
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

func judgeTrial(figures []Figure, t *TrialEvidence) TrialResult {
	result := TrialResult{Name: t.Name, Level: t.Level, Totals: totals(t.Recordings)}
	for _, f := range figures {
		result.Figures = append(result.Figures, Measured{f.Name, f.Unit, t.Spread(f.Of)})
	}
	for _, r := range t.Recordings {
		if result.Steps == nil {
			result.Steps = steps(r)
		}
		result.Faults = append(result.Faults, faults(r)...)
	}
	return result
}

// totals puts recordings of like setups together.
func totals(all []*Recording) Totals {
	first := all[0]
	spec := first.Setup.Load
	t := Totals{
		Nodes: first.Setup.Nodes, Discipline: first.Setup.Discipline,
		Workload: first.Setup.workload(), Fault: first.Setup.fault(),
		Load:  LoadResult{Spec: spec, Seconds: spec.Duration.Seconds()},
		Mount: first.Setup.Mount, Engines: []string{},
		Recording: first.Dir, Codes: map[string]int{}, Extended: map[string]int{},
	}
	var ops []history.Op
	var ok, seconds float64
	for _, r := range all {
		t.add(r)
		own := r.ClientOps()
		ops = append(ops, own...)
		if rate := measure.Throughput(own); rate > 0 {
			n := float64(r.Counts().OK)
			ok, seconds = ok+n, seconds+n/rate
		}
	}
	t.Latency = measure.Latency(ops)
	if seconds > 0 {
		t.Throughput = ok / seconds
	}
	t.Acknowledged = int64(t.Ops.OK)
	return t
}

// add counts one more recording.
func (t *Totals) add(r *Recording) {
	t.Recordings = append(t.Recordings, r.Dir)
	for _, version := range r.Engines {
		if !slices.Contains(t.Engines, version) {
			t.Engines = append(t.Engines, version)
		}
	}
	t.Seconds += r.Seconds
	t.Load.Dropped += r.Dropped
	t.Ops.add(r.Counts())
	codes, extended, attempts := r.Codes()
	for code, n := range codes {
		t.Codes[code] += n
	}
	for code, n := range extended {
		t.Extended[code] += n
	}
	t.Attempts += attempts
	if r.Err != nil {
		t.Error = cmp.Or(t.Error, r.Err.Error())
	}
	if r.Facts != nil {
		t.addFacts(r)
	}
}

// addFacts adds what the database says. The worst integrity is the one to tell.
func (t *Totals) addFacts(r *Recording) {
	if t.Integrity == "" || t.Integrity == "ok" {
		t.Integrity = r.Facts.Integrity
	}
	account, known := r.Account()
	if !known {
		return
	}
	t.Final = sum(t.Final, account.Final)
	t.Lost = sum(t.Lost, account.Lost.Min)
	t.LostMax = sum(t.LostMax, account.Lost.Max)
}

func sum(a *int64, b int64) *int64 {
	if a != nil {
		b += *a
	}
	return &b
}

func (s *Setup) workload() string {
	if s.Script != nil {
		return "the scene " + s.Script.Name
	}
	if s.Workload == nil {
		return ""
	}
	return s.Workload.String()
}

func (s *Setup) fault() string {
	if s.Fault == nil {
		return ""
	}
	return s.Fault.String()
}

// find judges one claim. A check that panics has decided nothing, and
// recordings without an op or a step prove nothing.
func find(claim Claim, expected Expectation, e *Evidence) (f Finding) {
	f = Finding{
		Claim: claim.ID, Text: claim.Text, TextJA: claim.TextJA, Source: claim.Source,
		Expected: expected, Witness: []check.Witness{},
	}
	defer func() {
		if p := recover(); p != nil {
			f.Verdict, f.Reason = check.Inconclusive, fmt.Sprintf("the check panicked: %v", p)
		}
	}()
	if why := e.silent(); why != "" {
		f.Reason = why
		return f
	}
	j := claim.Check(e)
	f.Verdict, f.Measured, f.Reason = j.Verdict, j.Measured, j.Reason
	f.Noise = j.Noise && j.Verdict == check.Inconclusive
	f.Witness = append(f.Witness, j.Witness...)
	return f
}

// silent says why the evidence has nothing in it; empty where it has.
func (e *Evidence) silent() string {
	why := "no request was sent"
	for r := range e.All {
		if r.Told() {
			return ""
		}
		if r.Err != nil {
			why = r.Err.Error()
		}
	}
	return why
}

// steps tells of a script's events.
func steps(r *Recording) []Step {
	var all []Step
	for _, event := range r.Steps {
		step := Step{
			Session: event.Session, Node: event.Node, Do: event.Do, Name: event.Name, To: event.To, Say: event.Say,
			Got: optional(event.Got), Outcome: event.Outcome.String(), Code: event.Code, Extended: event.Extended,
			Open: event.Open, Sent: milliseconds(event.Sent), Answered: milliseconds(event.Answered),
			Blocked: event.Blocked, Frames: optional(event.Frames), Checkpointed: optional(event.Checkpointed),
		}
		if event.Wrote.Valid {
			step.Wrote = optional(event.Wrote)
		}
		all = append(all, step)
	}
	return all
}

func optional(v history.Value) *int64 {
	if !v.Valid {
		return nil
	}
	return &v.Int64
}

// faults tells of what went wrong on purpose.
func faults(r *Recording) []Fault {
	var all []Fault
	for _, event := range r.Faults {
		all = append(all, Fault{
			Repeat: r.Repeat, Kind: event.Kind, Node: event.Node,
			From: milliseconds(event.From.Sub(r.Started)), To: milliseconds(event.To.Sub(r.Started)),
			Journal: event.Journal, Hot: event.Hot, Rows: event.Rows, Integrity: event.Integrity,
		})
	}
	return all
}
