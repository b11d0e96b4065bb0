package catalogue

import (
	"fmt"
	"time"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// retryMeans is what the seed says of the mean response, by the number of retries.
var retryMeans = []struct {
	ms     float64
	line   int
	textJA string
}{
	{50, 687, "リトライなし: 平均レスポンス 50ms"},
	{200, 688, "リトライ1回: 平均レスポンス 200ms"},
	{800, 689, "リトライ2回: 平均レスポンス 800ms"},
	{3200, 690, "リトライ3回: 平均レスポンス 3200ms"},
}

// retries is the seed's section on what retries cost and do not cure.
func retries(o Options) experiment.Experiment {
	retriesAxis := run.Axis{Label: "retries"}
	x := experiment.Experiment{
		Name:     "retry",
		Question: "Where a refused increment is tried again up to three times, how long do 100 simultaneous clients wait, and how many are helped?",
		Claims:   retryClaims(),
		Arms:     retryArms(o),
		Figures:  []experiment.Figure{successRate, meanWait, tailWait, attemptsPerSuccess},
		Plots: []experiment.Plot{
			experiment.LevelPlot("Mean wait against retries", retriesAxis, run.Axis{Label: "mean wait", Unit: "ms", Log: true}, meanWait, claimedMeans()),
			experiment.LevelPlot("What retries help", retriesAxis, run.Axis{Label: "requests that succeed", Unit: "%"}, successRate),
			experiment.LevelPlot("What retries cost", retriesAxis, run.Axis{Label: "attempts per success"}, attemptsPerSuccess),
		},
		Abreast: 4, // clients sleep between two tries or wait for a lock that is held for 10 ms at a time
		Takes:   15 * time.Second,
	}
	if o.Quick {
		x.Takes = 4 * time.Second
	}
	return x
}

// retryArms returns the ways of waiting before another try, each with none to
// three retries, of nodes that give a refused attempt up at once; and green,
// whose attempts are patient themselves. A quick run has the one that is over
// soonest.
func retryArms(o Options) []experiment.Arm {
	quick := retryArm("exponential/250ms", 0, quarter)
	if o.Quick {
		return []experiment.Arm{quick}
	}
	return []experiment.Arm{
		retryArm("exponential/1s", 0, exponential),
		retryArm("jitter/1s", 0, jittered),
		retryArm("constant/1s", 0, store.Backoff{Base: time.Second, Max: time.Second}),
		quick,
		retryArm("green", 5000, exponential),
	}
}

// quarter is a quarter of the seed's own backoff.
var quarter = store.Backoff{Base: exponential.Base / 4, Max: exponential.Max}

func retryArm(name string, timeout store.Milliseconds, b store.Backoff) experiment.Arm {
	arm := experiment.Arm{Name: name, Expect: retryOutlooks[name].of(retryClaims())}
	for n := range retryMeans {
		arm.Trials = append(arm.Trials, experiment.Trial{
			Name: retried(n), Level: float64(n), Setup: crowd(mitigated(timeout, n, b), 100),
		})
	}
	return arm
}

func retried(n int) string {
	switch n {
	case 0:
		return "no retries"
	case 1:
		return "1 retry"
	default:
		return fmt.Sprintf("%d retries", n)
	}
}

// retryOutlooks rest on runs alone and abreast, on an idle and on a busy machine.
var retryOutlooks = map[string]outlook{
	"exponential/1s": {
		holds:   "retries-do-not-cure",
		refuted: "mean-wait-1-retries mean-wait-2-retries",
	},
	"jitter/1s": {
		refuted: "mean-wait-1-retries",
	},
	"constant/1s": {
		holds:   "mean-wait-3-retries retries-do-not-cure",
		refuted: "mean-wait-1-retries mean-wait-2-retries wait-quadruples",
	},
	"exponential/250ms": {
		holds: "mean-wait-2-retries retries-do-not-cure",
	},
	"green": {
		refuted: "mean-wait-0-retries mean-wait-1-retries wait-quadruples retries-do-not-cure",
	},
}

func retryClaims() []experiment.Claim {
	var claims []experiment.Claim
	for n, means := range retryMeans {
		claims = append(claims, experiment.Claim{
			ID:     fmt.Sprintf("mean-wait-%d-retries", n),
			Text:   fmt.Sprintf("With %s the mean response takes %g ms: %g to %g ms, whatever came of it.", retried(n), means.ms, means.ms/2, means.ms*2),
			TextJA: means.textJA,
			Source: seed(means.line),
			Check:  at(n, func(r *run.Recording) experiment.Judgement { return meanAbout(r, means.ms) }),
		})
	}
	return append(claims, experiment.Claim{
		ID:     "wait-quadruples",
		Text:   "Each retry makes the mean response four times as long: twice to eight times.",
		TextJA: "リトライ3回: 平均レスポンス 3200ms（指数バックオフ）",
		Source: seed(690),
		Check:  quadruples,
	}, experiment.Claim{
		ID:     "retries-do-not-cure",
		Text:   "Retries do not cure it: with three of them some of 100 simultaneous requests still fail.",
		TextJA: "リトライメカニズムの限界",
		Source: seed(683),
		Check: at(3, func(r *run.Recording) experiment.Judgement {
			n := failures(r)
			return counted(r, n, "failed", n.Above(0), "at least one")
		}),
	})
}

// quadruples judges how the mean wait grows from each trial to the next.
func quadruples(e *run.Evidence) experiment.Judgement {
	j := experiment.Judgement{Verdict: check.Holds}
	for i := 1; i < len(e.Trials); i++ {
		before, now := e.Trials[i-1].Spread(meanWaitOf), e.Trials[i].Spread(meanWaitOf)
		if before.Count == 0 || now.Count == 0 {
			return experiment.Judgement{Reason: "not every number of retries was recorded"}
		}
		factor := now.Median / before.Median
		j.Verdict = check.Merge(j.Verdict, ruled(factor >= 2 && factor <= 8))
		if i > 1 {
			j.Measured += ", "
		}
		j.Measured += fmt.Sprintf("× %.3g", factor)
	}
	j.Reason = fmt.Sprintf("from one retry to the next the mean wait becomes %s; the claim wants × 2 to × 8 each time", j.Measured)
	return j
}

// claimedMeans is what the seed says of them, as a line of a chart.
func claimedMeans() run.Series {
	s := run.Series{Name: "the lab's numbers", Claimed: true}
	for n, means := range retryMeans {
		s.Points = append(s.Points, claimedPoint(float64(n), means.ms))
	}
	return s
}
