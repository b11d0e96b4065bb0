package catalogue

import (
	"fmt"
	"slices"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// lostUpdate is the source's second problem and its second test: two containers
// read one value and both write the same successor, first in a crowd and then alone.
func lostUpdate(o Options) experiment.Experiment {
	x := increments(o, experiment.Experiment{
		Name:     "lost-update",
		Question: fmt.Sprintf("Of %d increments over four nodes that share one SQLite file, how many are acknowledged and yet missing from the counter?", crowdSize(o)),
		Claims: []experiment.Claim{
			claim("lost-update", source(58, "期待値: 102 実際値: 101 ❌"),
				"Two containers read the same value, both write its successor, and one acknowledged increment is lost.",
				experiment.Each(func(r *run.Recording) experiment.Judgement {
					lost := r.Lost()
					j := judged(lost.Above(0), fmt.Sprintf("%s lost", lost), "%d were acknowledged and the counter says %s: %s lost", r.Counts().OK, r.Final(), lost)
					j.Witness = r.LostWitnesses()
					return j
				})),
			synced(timed(claim("final-below-100", source(150, "Lost updateにより100未満になることを確認"), // or because one waited in vain
				fmt.Sprintf("After %[1]d increments the counter is below %[1]d.", crowdSize(o)),
				experiment.Each(func(r *run.Recording) experiment.Judgement {
					return ended(r, r.Final().Below(ofHundred(r, 100)), "fewer than requested")
				})))),
			synced(timed(claim("final-above-50", source(151, "完全な失敗ではない"),
				fmt.Sprintf("After %d increments the counter is above %d: the failure is not complete.", crowdSize(o), percentOf(o, 50)),
				experiment.Each(func(r *run.Recording) experiment.Judgement {
					could := r.Final()
					could.Max += outwaited(r)
					return ended(r, could.Above(ofHundred(r, 50)), "more than half of them, if not even those could have made it so that waited out their busy_timeout")
				})))),
			claim("both-count", source(57, "期待値: 102"),
				"Of two containers that both read 100 and add one, both are acknowledged and the counter is 102.",
				played(func(r *run.Recording) experiment.Judgement { return ofTwo(r, 102) })),
			claim("one-of-two-lost", source(58, "期待値: 102 実際値: 101 ❌"),
				"Of two containers that both read 100 and add one, both are acknowledged and the counter is 101.",
				played(func(r *run.Recording) experiment.Judgement { return ofTwo(r, 101) })),
		},
		Figures: []experiment.Figure{lostShare},
		Plots: []experiment.Plot{
			outcomes("Kept, lost and refused: five seconds of patience, all at once",
				func(arm *run.Evidence) bool { // green has retries and a pause beside its patience
					s := arm.Trials[0].Setup
					return s.Load.Arrival == run.Burst && patient(s) && s.Discipline.Think == 0
				}),
		},
	}, map[string]func(run.Setup) run.Expectation{
		"lost-update": expectLost, "final-below-100": expectBelow100, "final-above-50": expectAbove50,
	})
	for _, p := range twoIncrements {
		arm := p.arm()
		arm.Trials[0].Setup.Nodes = 2
		x.Arms = append(x.Arms, arm)
	}
	return x
}

// The lines of the source's second problem.
const (
	fromHundred = "初期値: counter = 100"
	aAdds       = "Container A: READ counter (100) → INCREMENT → WRITE (101)"
	bAdds       = "Container B: READ counter (100) → INCREMENT → WRITE (101)"
	wants102    = "期待値: 102"
	finds101    = "実際値: 101 ❌"
)

// twoScene has two containers add one to a counter of 100, and look at it in the end.
func twoScene(name string, lines ...[]run.Step) *run.Scene {
	first := containerA.asks(nodeapi.DoSetCounter, counter)
	first.Value = 100
	return scene(name, line(fromHundred, first), slices.Concat(lines...),
		line(wants102, containerA.looksAtCounter()), line(finds101, containerB.looksAtCounter()))
}

// twoIncrements play the problem in the ways in which it can go. Nobody waits but B at its BEGIN.
var twoIncrements = []play{
	{"scene", store.Separate, 5000, store.WAL, run.Begin{}, outlook{holds: "one-of-two-lost", refuted: "both-count"}, withoutTransaction},
	// No patience prevents it: neither meets a lock.
	{"scene", store.Separate, 0, store.Delete, run.Begin{}, outlook{holds: "one-of-two-lost", refuted: "both-count"}, withoutTransaction},
	// B's snapshot is stale: it is refused, and nothing that was acknowledged is lost.
	{"scene", store.Deferred, 5000, store.WAL, run.Begin{}, outlook{refuted: "one-of-two-lost both-count"}, twoScene("B is refused",
		line(aAdds, containerA.does(nodeapi.DoBeginDeferred), containerA.looksAtCounter()),
		line(bAdds, containerB.does(nodeapi.DoBeginDeferred), containerB.looksAtCounter(),
			containerA.adds(), containerA.does(nodeapi.DoCommit), containerB.adds(), containerB.does(nodeapi.DoRollback)),
	)},
	{"scene", store.Immediate, 5000, store.WAL, run.Begin{}, outlook{holds: "both-count", refuted: "one-of-two-lost"}, twoScene("B waits before it reads",
		line(aAdds, containerA.does(nodeapi.DoBeginImmediate), containerA.looksAtCounter()),
		line(bAdds, apart(containerB.does(nodeapi.DoBeginImmediate)),
			containerA.adds(), containerA.does(nodeapi.DoCommit), containerB.looksAtCounter(), containerB.adds(), containerB.does(nodeapi.DoCommit)),
	)},
}

// withoutTransaction is the problem to the letter.
var withoutTransaction = twoScene("both read before either writes",
	line(aAdds, containerA.looksAtCounter()),
	line(bAdds, containerB.looksAtCounter(), containerA.adds(), containerB.adds()))

// ofTwo judges a claim that both increments of a scene are acknowledged and the counter then is want.
func ofTwo(r *run.Recording, want int64) experiment.Judgement {
	acknowledged := 0
	for _, e := range committed(r.Steps) {
		if e.Relative {
			acknowledged++
		}
	}
	last := r.Steps[len(r.Steps)-1].Got.Int64
	return judged(ruled(acknowledged == 2 && last == want), fmt.Sprintf("%d of 2 acknowledged, counter %d", acknowledged, last),
		"%d of 2 increments were acknowledged, and the counter is %d", acknowledged, last)
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
