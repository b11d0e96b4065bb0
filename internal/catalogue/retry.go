package catalogue

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/measure"
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
		needing := ""
		if n > 0 {
			needing = ", of the requests that need as many"
		}
		claims = append(claims, timed(claim(fmt.Sprintf("mean-wait-%d-retries", n), m.from,
			fmt.Sprintf("With %s the mean response takes %g ms: %g to %g ms%s, whatever came of it.", retried(n), m.ms, m.ms/2, m.ms*2, needing),
			atLevel(n, func(r *run.Recording) experiment.Judgement {
				mean, needed := neededAll(r)
				if needed == 0 {
					return undecided("no request needed %s", retried(n))
				}
				return whole(r, about(mean, m.ms, fmt.Sprintf("%d requests that needed %s", needed, retried(n))))
			}))))
	}
	return append(claims,
		timed(claim("wait-quadruples", source(690, "リトライ3回: 平均レスポンス 3200ms（指数バックオフ）"),
			"Each further retry makes the mean response four times as long: twice to eight times, of the requests that need them all.",
			quadruples)),
		timed(claim("retries-do-not-cure", source(683, "リトライメカニズムの限界"),
			"Retries do not cure it: with three of them some of 100 simultaneous requests still fail.",
			atLevel(3, func(r *run.Recording) experiment.Judgement {
				n := failures(r)
				return counted(r, n, "failed", n.Above(0), "at least one")
			}))))
}

// retryArms returns the ways of waiting before another attempt, each with none to three retries, of
// nodes that give a refused attempt up at once; and green, whose attempts are patient themselves, so
// that few need a retry. A quick run has the one that is over soonest, with a quarter of the source's
// own backoff.
//
// What a request waits that needs all its retries is the sum of its backoffs and little else: 1, 3 and
// 7 s, or a quarter, or with jitter half of that on average. Without retries it waits as long as the machine
// takes to refuse it, 17 to 222 ms: all arms but green share that recording, and one is asked about it.
func retryArms(o Options) (arms []experiment.Arm) {
	const quick = "exponential/250ms"
	for _, row := range []struct {
		name     string
		timeout  store.Milliseconds
		backoff  store.Backoff
		expected outlook
	}{
		{"exponential/1s", 0, exponential, outlook{
			holds:   "wait-quadruples retries-do-not-cure",
			refuted: "mean-wait-1-retries mean-wait-2-retries mean-wait-3-retries",
		}},
		{"jitter/1s", 0, jittered, outlook{
			holds:   "mean-wait-3-retries",
			refuted: "mean-wait-1-retries",
			// About 50 need two retries, and wait 1.5 s on average; 0 to 8 fail after three.
			either: "mean-wait-2-retries wait-quadruples retries-do-not-cure",
		}},
		{"constant/1s", 0, store.Backoff{Base: time.Second, Max: time.Second}, outlook{
			holds:   "mean-wait-3-retries retries-do-not-cure",
			refuted: "mean-wait-1-retries mean-wait-2-retries wait-quadruples",
		}},
		{quick, 0, store.Backoff{Base: exponential.Base / 4, Max: exponential.Max}, outlook{
			holds:  "mean-wait-1-retries mean-wait-2-retries mean-wait-3-retries wait-quadruples retries-do-not-cure",
			either: "mean-wait-0-retries",
		}},
		{"green", 5000, exponential, outlook{refuted: "mean-wait-0-retries retries-do-not-cure"}},
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

// neededAll returns the mean wait of the requests that needed every attempt they had, in ms, and how
// many they are.
func neededAll(r *run.Recording) (mean float64, n int) {
	needed := slices.DeleteFunc(r.ClientOps(), func(op history.Op) bool { return op.Attempts <= r.Setup.Discipline.Retries })
	return measure.Latency(needed).Mean, len(needed)
}

// quadruples judges how the mean wait grows from one retry to the next. From none to one it grows by as
// much as a backoff is longer than an answer.
func quadruples(e *run.Evidence) experiment.Judgement {
	v := check.Holds
	var factors []string
	var before float64
	for i := range e.Trials {
		t := &e.Trials[i]
		if len(t.Recordings) == 0 {
			return undecided("not every number of retries was recorded")
		}
		now, needed := neededAll(t.Recordings[0])
		if needed == 0 {
			return undecided("no request needed %s", t.Name)
		}
		if t.Level > 1 {
			factor := now / before
			v = check.Merge(v, ruled(factor >= 2 && factor <= 8))
			factors = append(factors, fmt.Sprintf("× %.3g", factor))
		}
		before = now
	}
	measured := strings.Join(factors, ", ")
	return judged(v, measured, "from one retry to the next the mean wait becomes %s; the claim wants × 2 to × 8 each time", measured)
}
