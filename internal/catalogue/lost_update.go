package catalogue

import (
	"fmt"
	"strings"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
)

// lostUpdate is the seed's second problem and its second test: two containers
// read one value and both write the same successor.
func lostUpdate(o Options) experiment.Experiment {
	return experiment.Experiment{
		Name:     "lost-update",
		Question: "Of 100 increments over four nodes that share one SQLite file, how many are acknowledged and yet missing from the counter?",
		Claims: []experiment.Claim{{
			ID:     "lost-update",
			Text:   "Two containers read the same value, both write its successor, and one acknowledged increment is lost.",
			TextJA: "期待値: 102 実際値: 101 ❌",
			Source: seed(58),
			Check: experiment.Each(func(r *run.Recording) experiment.Judgement {
				lost := r.Lost()
				return experiment.Judgement{
					Verdict:  lost.Above(0),
					Measured: fmt.Sprintf("%s lost", lost),
					Reason:   fmt.Sprintf("%d were acknowledged and the counter says %s: %s lost", r.Counts().OK, r.Final(), lost),
					Witness:  r.LostWitnesses(),
				}
			}),
		}, {
			ID:     "final-below-100",
			Text:   "After 100 increments the counter is below 100.",
			TextJA: "Lost updateにより100未満になることを確認",
			Source: seed(150),
			Check: experiment.Each(func(r *run.Recording) experiment.Judgement {
				return ended(r, r.Final().Below(ofHundred(r, 100)), "less than were asked for")
			}),
		}, {
			ID:     "final-above-50",
			Text:   "After 100 increments the counter is above 50: the failure is not complete.",
			TextJA: "完全な失敗ではない",
			Source: seed(151),
			Check: experiment.Each(func(r *run.Recording) experiment.Judgement {
				return ended(r, r.Final().Above(ofHundred(r, 50)), "more than half of them")
			}),
		}},
		Arms: incrementArms(o, map[string]func(run.Setup) run.Expectation{
			"lost-update":     expectLost,
			"final-below-100": expectBelow100,
			"final-above-50":  expectAbove50,
		}),
		Figures: []experiment.Figure{lostShare},
		Plots:   []experiment.Plot{lostPlot},
		Abreast: incrementsAbreast(o),
		Takes:   incrementsTake(o),
	}
}

// lostShare is the part of the acknowledged increments that is certainly gone.
var lostShare = experiment.Figure{
	Name: "lost of acknowledged", Unit: "%",
	Of: func(r *run.Recording) (float64, bool) {
		ok := r.Counts().OK
		if ok == 0 || r.Facts == nil {
			return 0, false
		}
		return 100 * float64(r.Lost().Min) / float64(ok), true
	},
}

// lostPlot shows what became of the increments of each burst with patience.
var lostPlot = experiment.BarsPlot("Acknowledged and lost, five seconds of patience, all at once",
	run.Axis{Label: "of the acknowledged increments", Unit: "%"}, lostShare,
	func(arm *run.Evidence) bool {
		return strings.HasSuffix(arm.Arm, "/burst") && strings.Contains(arm.Arm, "/5000/")
	})

// ended is the judgement on a claim about the counter's final value.
func ended(r *run.Recording, v check.Verdict, wanted string) experiment.Judgement {
	return experiment.Judgement{
		Verdict:  v,
		Measured: fmt.Sprintf("final %s", r.Final()),
		Reason: fmt.Sprintf("the counter is %s after %d acknowledged increments; the claim wants %s",
			r.Final(), r.Counts().OK, wanted),
	}
}
