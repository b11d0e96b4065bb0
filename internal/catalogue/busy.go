package catalogue

import (
	"fmt"
	"slices"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
)

// busy is the source's first test: 100 simultaneous writes, most of them refused.
func busy(o Options) experiment.Experiment {
	return increments(o, experiment.Experiment{
		Name:     "busy",
		Question: fmt.Sprintf("Of %d increments over four nodes that share one SQLite file, how many are refused with SQLITE_BUSY?", crowdSize(o)),
		Claims: []experiment.Claim{
			synced(timed(claim("busy-over-30", source(122, "大量のBUSYエラーが発生することを確認"),
				fmt.Sprintf("More than %d of %d simultaneous writes fail with SQLITE_BUSY.", percentOf(o, 30), crowdSize(o)),
				experiment.Each(func(r *run.Recording) experiment.Judgement {
					n := r.RefusedAtOnce()
					return counted(r, n, "were refused with SQLITE_BUSY", n.Above(ofHundred(r, 30)), "more than 30 %")
				})))),
			synced(timed(claim("success-under-70", source(123, "大量のBUSYエラーが発生することを確認"),
				fmt.Sprintf("Fewer than %d of %d simultaneous writes succeed.", percentOf(o, 70), crowdSize(o)),
				experiment.Each(func(r *run.Recording) experiment.Judgement {
					n := r.Succeeded()
					could := check.Range{Min: n.Min, Max: n.Max + outwaited(r)}
					return counted(r, n, "succeeded", could.Below(ofHundred(r, 70)),
						"fewer than 70 %, even if those had succeeded that waited out their busy_timeout")
				})))),
		},
		Plots: []experiment.Plot{
			outcomes("What became of increments that came all at once", func(arm *run.Evidence) bool {
				return slices.Contains(wellKnownBursts, arm.Arm)
			}),
			experiment.LanesPlot("Who had the write lock when: BEGIN IMMEDIATE, five seconds of patience", "immediate/5000/WAL/burst"),
			experiment.WaitsPlot("How long clients waited, whatever came of it", func(arm *run.Evidence) bool {
				return slices.Contains(wellKnownBursts, arm.Arm)
			}, run.Mark{From: 5000, To: 5000, Label: "busy_timeout"}),
		},
	}, map[string]func(run.Setup) run.Expectation{"busy-over-30": expectBusy, "success-under-70": expectFew})
}

// wellKnownBursts are arms in which all requests come at once, few enough to be told
// apart in one picture.
var wellKnownBursts = []string{"red/burst", "green/burst", "deferred/5000/WAL/burst", "immediate/5000/WAL/burst", "atomic/5000/WAL/burst"}
