package catalogue

import (
	"fmt"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
)

// busy is the seed's first test: 100 simultaneous writes, most of them refused.
func busy(o Options) experiment.Experiment {
	return experiment.Experiment{
		Name:     "busy",
		Question: "Of 100 increments over four nodes that share one SQLite file, how many are refused with SQLITE_BUSY?",
		Claims: []experiment.Claim{{
			ID:     "busy-over-30",
			Text:   "More than 30 of 100 simultaneous writes fail with SQLITE_BUSY.",
			TextJA: "大量のBUSYエラーが発生することを確認",
			Source: seed(122),
			Check: experiment.Each(func(r *run.Recording) experiment.Judgement {
				n := r.RefusedAtOnce()
				return counted(r, n, "were refused with SQLITE_BUSY", n.Above(ofHundred(r, 30)), "more than 30 %")
			}),
		}, {
			ID:     "success-under-70",
			Text:   "Fewer than 70 of 100 simultaneous writes succeed.",
			TextJA: "大量のBUSYエラーが発生することを確認",
			Source: seed(123),
			Check: experiment.Each(func(r *run.Recording) experiment.Judgement {
				n := r.Succeeded()
				return counted(r, n, "succeeded", n.Below(ofHundred(r, 70)), "fewer than 70 %")
			}),
		}},
		Arms: incrementArms(o, map[string]func(run.Setup) run.Expectation{
			"busy-over-30":     expectBusy,
			"success-under-70": expectFew,
		}),
		Plots: []experiment.Plot{
			experiment.LanesPlot("Who had the write lock when: BEGIN IMMEDIATE, five seconds of patience", "immediate/5000/WAL/burst"),
			experiment.WaitsPlot("How long clients waited, whatever came of it", bursts, run.Mark{From: 5000, To: 5000, Label: "busy_timeout"}),
		},
		Abreast: incrementsAbreast(o),
		Takes:   incrementsTake(o),
	}
}

// bursts picks the arms in WAL in which all requests come at once: few enough
// to be told apart in one picture.
func bursts(arm *run.Evidence) bool {
	switch arm.Arm {
	case "red/burst", "green/burst", "deferred/5000/WAL/burst", "immediate/5000/WAL/burst", "atomic/5000/WAL/burst":
		return true
	}
	return false
}

// counted is the judgement on a claim about how many of the increments met an end.
func counted(r *run.Recording, n check.Range, end string, v check.Verdict, wanted string) experiment.Judgement {
	return experiment.Judgement{
		Verdict:  v,
		Measured: fmt.Sprintf("%s %s", n, end),
		Reason:   fmt.Sprintf("%s of %d %s; the claim wants %s", n, r.Setup.Load.Requests, end, wanted),
	}
}
