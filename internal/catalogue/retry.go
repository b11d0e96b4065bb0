package catalogue

import (
	"fmt"
	"strings"
	"time"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/units"
)

// retryMeans is the mean response that the source claims, by the number of retries.
var retryMeans = []struct {
	ms   float64
	from citation
}{
	{50, source(687, "リトライなし: 平均レスポンス 50ms")},
	{200, source(688, "リトライ1回: 平均レスポンス 200ms")},
	{800, source(689, "リトライ2回: 平均レスポンス 800ms")},
	{3200, source(690, "リトライ3回: 平均レスポンス 3200ms")},
}

// retries is the source's section on what retries cost and do not cure.
func retries(o Options) experiment.Experiment {
	var means []run.Point
	for n, m := range retryMeans {
		means = append(means, exact(float64(n), m.ms, 0))
	}
	retriesAxis := run.Axis{Label: "retries"}
	return experiment.Experiment{
		Name:     "retry",
		Question: "Where a refused increment is tried again up to three times, how long do 100 simultaneous clients wait, and how many are helped?",
		Claims:   retryClaims(),
		Arms:     retryArms(o),
		Figures:  []experiment.Figure{successRate, meanWait, tailWait, attemptsPerSuccess},
		Plots: []experiment.Plot{
			experiment.LevelPlot("Mean wait against retries", retriesAxis, run.Axis{Label: "mean wait", Unit: "ms", Log: true}, meanWait, claimed("the lab's numbers", means...)),
			experiment.LevelPlot("What retries help", retriesAxis, run.Axis{Label: "requests that succeed", Unit: "%"}, successRate),
			experiment.LevelPlot("What retries cost", retriesAxis, run.Axis{Label: "attempts per success"}, attemptsPerSuccess),
		},
		Abreast: 4, // clients sleep between two attempts or wait for a lock that is held for 10 ms at a time
		Takes:   pick(o, 15*time.Second, 4*time.Second),
	}
}

func retryClaims() []experiment.Claim {
	var claims []experiment.Claim
	for n, m := range retryMeans {
		claims = append(claims, claim(fmt.Sprintf("mean-wait-%d-retries", n), m.from,
			fmt.Sprintf("With %s the mean response takes %g ms: %g to %g ms, whatever came of it.", retried(n), m.ms, m.ms/2, m.ms*2),
			atLevel(n, func(r *run.Recording) experiment.Judgement { return meanAbout(r, m.ms) })))
	}
	return append(claims,
		claim("wait-quadruples", source(690, "リトライ3回: 平均レスポンス 3200ms（指数バックオフ）"),
			"Each retry makes the mean response four times as long: twice to eight times.",
			quadruples),
		claim("retries-do-not-cure", source(683, "リトライメカニズムの限界"),
			"Retries do not cure it: with three of them some of 100 simultaneous requests still fail.",
			atLevel(3, func(r *run.Recording) experiment.Judgement {
				n := failures(r)
				return counted(r, n, "failed", n.Above(0), "at least one")
			})))
}

// retryArms returns the ways of waiting before another attempt, each with none to three retries, of
// nodes that give a refused attempt up at once; and green, whose attempts are patient themselves. A
// quick run has the one that is over soonest, with a quarter of the source's own backoff. The
// outlooks rest on runs alone and abreast, on an idle and on a busy machine.
func retryArms(o Options) (arms []experiment.Arm) {
	const quick = "exponential/250ms"
	for _, row := range []struct {
		name     string
		timeout  store.Milliseconds
		backoff  store.Backoff
		expected outlook
	}{
		{"exponential/1s", 0, exponential, outlook{
			holds:   "retries-do-not-cure",
			refuted: "mean-wait-1-retries mean-wait-2-retries",
			either:  "mean-wait-0-retries mean-wait-3-retries wait-quadruples",
		}},
		{"jitter/1s", 0, jittered, outlook{
			refuted: "mean-wait-1-retries",
			either:  "mean-wait-0-retries mean-wait-2-retries mean-wait-3-retries wait-quadruples retries-do-not-cure",
		}},
		{"constant/1s", 0, store.Backoff{Base: time.Second, Max: time.Second}, outlook{
			holds:   "mean-wait-3-retries retries-do-not-cure",
			refuted: "mean-wait-1-retries mean-wait-2-retries wait-quadruples",
			either:  "mean-wait-0-retries",
		}},
		{quick, 0, store.Backoff{Base: exponential.Base / 4, Max: exponential.Max}, outlook{
			holds:  "mean-wait-2-retries retries-do-not-cure",
			either: "mean-wait-0-retries mean-wait-1-retries mean-wait-3-retries wait-quadruples",
		}},
		{"green", 5000, exponential, outlook{
			refuted: "mean-wait-0-retries mean-wait-1-retries wait-quadruples retries-do-not-cure",
			either:  "mean-wait-2-retries mean-wait-3-retries",
		}},
	} {
		arm := experiment.Arm{Name: row.name, Expect: row.expected.expect()}
		for n := range retryMeans {
			arm.Trials = append(arm.Trials, experiment.Trial{
				Name: retried(n), Level: float64(n), Setup: crowd(mitigated(row.timeout, n, row.backoff), 100),
			})
		}
		if !o.Quick || row.name == quick {
			arms = append(arms, arm)
		}
	}
	return arms
}

func retried(n int) string {
	if n == 0 {
		return "no retries"
	}
	return units.PluralOf(n, "retry", "retries")
}

// quadruples judges how the mean wait grows from each trial to the next.
func quadruples(e *run.Evidence) experiment.Judgement {
	v := check.Holds
	var factors []string
	for i := 1; i < len(e.Trials); i++ {
		before, now := e.Trials[i-1].Spread(meanWait.Of), e.Trials[i].Spread(meanWait.Of)
		if before.Count == 0 || now.Count == 0 {
			return undecided("not every number of retries was recorded")
		}
		factor := now.Median / before.Median
		v = check.Merge(v, ruled(factor >= 2 && factor <= 8))
		factors = append(factors, fmt.Sprintf("× %.3g", factor))
	}
	measured := strings.Join(factors, ", ")
	return judged(v, measured, "from one retry to the next the mean wait becomes %s; the claim wants × 2 to × 8 each time", measured)
}
