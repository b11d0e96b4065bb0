package catalogue

import (
	"fmt"

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
				refused := r.RefusedAtOnce()
				return experiment.Judgement{
					Verdict:  refused.Above(30),
					Measured: fmt.Sprintf("%s refused", refused),
					Reason:   fmt.Sprintf("%s of %d were refused with SQLITE_BUSY; the claim wants more than 30", refused, increments),
				}
			},
		}, {
			ID:     "success-under-70",
			Text:   "Fewer than 70 of 100 simultaneous writes succeed.",
			TextJA: "大量のBUSYエラーが発生することを確認",
			Source: seed(123),
			Check: func(r *experiment.Recording) experiment.Judgement {
				ok := r.Succeeded()
				return experiment.Judgement{
					Verdict:  ok.Below(70),
					Measured: fmt.Sprintf("%s ok", ok),
					Reason:   fmt.Sprintf("%s of %d succeeded; the claim wants fewer than 70", ok, increments),
				}
			},
		}},
		Arms: incrementArms(map[string]func(experiment.Setup) experiment.Expectation{
			"busy-over-30":     expectBusy,
			"success-under-70": expectFew,
		}),
	}
}
