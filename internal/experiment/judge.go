package experiment

import (
	"fmt"

	"example.com/contend/check"
	"example.com/contend/internal/measure"
)

// Judge says what recording r means in arm: its figures, and a finding for
// every claim. It is pure: the same recording is judged the same way again.
func Judge(arm Arm, claims []Claim, r *Recording) ArmResult {
	spec := arm.Setup.Load
	result := ArmResult{
		Name: arm.Name, Nodes: arm.Setup.Nodes, Discipline: arm.Setup.Discipline,
		Load:      LoadResult{Spec: spec, Seconds: spec.Duration.Seconds(), Dropped: r.Dropped},
		Recording: r.Dir, Seconds: r.Seconds, Ops: r.Counts(),
		Latency:      measure.Latency(r.Ops),
		Acknowledged: int64(r.Counts().OK),
	}
	result.Codes, result.Extended, result.Attempts = r.Codes()
	result.Throughput = measure.Throughput(r.Ops)
	if r.Err != nil {
		result.Error = r.Err.Error()
	}
	if r.Facts != nil {
		result.Integrity = r.Facts.Integrity
		final, lost := r.Final().Min, r.Lost()
		result.Final, result.Lost, result.LostMax = &final, &lost.Min, &lost.Max
	}
	for _, claim := range claims {
		result.Findings = append(result.Findings, find(claim, arm.Expect[claim.ID], r))
	}
	return result
}

// find judges one claim. A check that panics has decided nothing, and a
// recording without an op proves nothing.
func find(claim Claim, expected Expectation, r *Recording) (f Finding) {
	f = Finding{
		Claim: claim.ID, Text: claim.Text, TextJA: claim.TextJA, Source: claim.Source,
		Expected: expected, Witness: []check.Witness{},
	}
	defer func() {
		if p := recover(); p != nil {
			f.Verdict, f.Reason = check.Inconclusive, fmt.Sprintf("the check panicked: %v", p)
		}
	}()
	if r.Counts().Total == 0 {
		f.Reason = "no request was sent"
		if r.Err != nil {
			f.Reason = r.Err.Error()
		}
		return f
	}
	j := claim.Check(r)
	f.Verdict, f.Measured, f.Reason = j.Verdict, j.Measured, j.Reason
	f.Witness = append(f.Witness, j.Witness...)
	return f
}
