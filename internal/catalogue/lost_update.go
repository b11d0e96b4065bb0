package catalogue

import (
	"fmt"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
)

// lostUpdate is the source's second problem and its second test: two containers
// read one value and both write the same successor.
func lostUpdate(o Options) experiment.Experiment {
	return increments(o, experiment.Experiment{
		Name:     "lost-update",
		Question: "Of 100 increments over four nodes that share one SQLite file, how many are acknowledged and yet missing from the counter?",
		Claims: []experiment.Claim{
			claim("lost-update", source(58, "期待値: 102 実際値: 101 ❌"),
				"Two containers read the same value, both write its successor, and one acknowledged increment is lost.",
				experiment.Each(func(r *run.Recording) experiment.Judgement {
					lost := r.Lost()
					j := judged(lost.Above(0), fmt.Sprintf("%s lost", lost), "%d were acknowledged and the counter says %s: %s lost", r.Counts().OK, r.Final(), lost)
					j.Witness = r.LostWitnesses()
					return j
				})),
			claim("final-below-100", source(150, "Lost updateにより100未満になることを確認"),
				"After 100 increments the counter is below 100.",
				experiment.Each(func(r *run.Recording) experiment.Judgement {
					return ended(r, r.Final().Below(ofHundred(r, 100)), "fewer than requested")
				})),
			claim("final-above-50", source(151, "完全な失敗ではない"),
				"After 100 increments the counter is above 50: the failure is not complete.",
				experiment.Each(func(r *run.Recording) experiment.Judgement {
					return ended(r, r.Final().Above(ofHundred(r, 50)), "more than half of them")
				})),
		},
		Figures: []experiment.Figure{lostShare},
		Plots: []experiment.Plot{
			experiment.BarsPlot("Acknowledged and lost, five seconds of patience, all at once",
				run.Axis{Label: "of the acknowledged increments", Unit: "%"}, lostShare,
				func(arm *run.Evidence) bool { // green has retries and a pause beside its patience
					s := arm.Trials[0].Setup
					return s.Load.Arrival == run.Burst && patient(s) && s.Discipline.Think == 0
				}),
		},
	}, map[string]func(run.Setup) run.Expectation{
		"lost-update": expectLost, "final-below-100": expectBelow100, "final-above-50": expectAbove50,
	})
}

// lostShare is the part of the acknowledged increments that is certainly gone.
var lostShare = experiment.Figure{Name: "lost of acknowledged", Unit: "%", Of: func(r *run.Recording) (percent float64, ok bool) {
	n := r.Counts().OK
	if n == 0 || r.Facts == nil {
		return 0, false
	}
	return 100 * float64(r.Lost().Min) / float64(n), true
}}

// ended judges a claim about the counter's final value.
func ended(r *run.Recording, v check.Verdict, wanted string) experiment.Judgement {
	return judged(v, fmt.Sprintf("final %s", r.Final()),
		"the counter is %s after %d acknowledged increments; the claim wants %s", r.Final(), r.Counts().OK, wanted)
}
