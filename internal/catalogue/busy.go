package catalogue

import (
	"fmt"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
)

// busy is the seed's first test: 100 simultaneous writes, most of them refused.
func busy() experiment.Experiment {
	return experiment.Experiment{
		Name:     "busy",
		Question: "Of 100 increments over four nodes that share one SQLite file, how many are refused with SQLITE_BUSY?",
		Claims: []experiment.Claim{{
			ID:     "busy-over-30",
			Text:   "More than 30 of 100 simultaneous writes fail with SQLITE_BUSY.",
			TextJA: "大量のBUSYエラーが発生することを確認",
			Source: seed(122),
			Check: func(r *experiment.Recording) experiment.Judgement {
				n := r.RefusedAtOnce()
				return counted(n, "were refused with SQLITE_BUSY", n.Above(30), "more than 30")
			},
		}, {
			ID:     "success-under-70",
			Text:   "Fewer than 70 of 100 simultaneous writes succeed.",
			TextJA: "大量のBUSYエラーが発生することを確認",
			Source: seed(123),
			Check: func(r *experiment.Recording) experiment.Judgement {
				n := r.Succeeded()
				return counted(n, "succeeded", n.Below(70), "fewer than 70")
			},
		}},
		Arms: incrementArms(map[string]func(experiment.Setup) experiment.Expectation{
			"busy-over-30":     expectBusy,
			"success-under-70": expectFew,
		}),
	}
}

// counted is the judgement on a claim about how many of the increments met an end.
func counted(n check.Range, end string, v check.Verdict, wanted string) experiment.Judgement {
	return experiment.Judgement{
		Verdict:  v,
		Measured: fmt.Sprintf("%s %s", n, end),
		Reason:   fmt.Sprintf("%s of %d %s; the claim wants %s", n, increments, end, wanted),
	}
}
