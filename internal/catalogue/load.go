package catalogue

import (
	"fmt"
	"math"
	"strings"
	"time"

	"example.com/contend/check"
	"example.com/contend/internal/api"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// loadLevels is the seed's error rate analysis: ever more requests at once.
func loadLevels(o Options) experiment.Experiment {
	levels := levelsOf(o)
	x := experiment.Experiment{
		Name:     "load",
		Question: "How do the error rate and the wait grow with the number of simultaneous increments?",
		Claims:   loadClaims(levels),
		Arms:     loadArms(o, levels),
		Figures:  []experiment.Figure{errorRate, meanWait, attemptsPerSuccess},
		Plots: []experiment.Plot{
			experiment.LevelPlot("Errors against load", crowdAxis, run.Axis{Label: "requests that fail", Unit: "%"}, errorRate, claimedErrors()),
			experiment.LevelPlot("Mean wait against load", crowdAxis, run.Axis{Label: "mean wait", Unit: "ms", Log: true}, meanWait, claimedWaits()),
			crowdWaitsPlot(levels[len(levels)-1]),
		},
		// Clients wait for a lock that is held for 10 ms at a time, or between two
		// tries: six recordings at once keep two cores half busy.
		Abreast: 6,
		Takes:   30 * time.Second,
	}
	if o.Quick {
		x.Takes = 4 * time.Second
	}
	return x
}

var crowdAxis = run.Axis{Label: "simultaneous requests", Log: true}

func levelsOf(o Options) []int {
	if len(o.Levels) > 0 {
		return o.Levels
	}
	var levels []int
	for _, row := range tableRows {
		levels = append(levels, row.level)
	}
	return levels
}

// loadArms returns the seed's mitigation, and what is left of it without its
// retries, its patience or its transaction. A quick run has an arm that is over
// at once, and a green that is not raised far enough to take long.
func loadArms(o Options, levels []int) []experiment.Arm {
	if o.Quick {
		return []experiment.Arm{
			crowdArm("green", mitigated(5000, 3, exponential), upTo(50, levels)),
			crowdArm("impatient", mitigated(0, 0, exponential), levels),
		}
	}
	deferred := mitigated(5000, 0, exponential)
	deferred.Transaction = store.Deferred
	return []experiment.Arm{
		crowdArm("green", mitigated(5000, 3, exponential), levels),
		crowdArm("green/no-retries", mitigated(5000, 0, exponential), levels),
		crowdArm("one-second", mitigated(1000, 0, exponential), levels),
		crowdArm("deferred", deferred, levels),
		crowdArm("impatient", mitigated(0, 0, exponential), levels),
		crowdArm("impatient/retries", mitigated(0, 3, exponential), levels),
		crowdArm("impatient/jitter", mitigated(0, 3, jittered), levels),
	}
}

// crowdArm is an arm with a trial for each level.
func crowdArm(name string, d store.Discipline, levels []int) experiment.Arm {
	arm := experiment.Arm{Name: name, Expect: loadOutlooks[name].of(loadClaims(levels))}
	for _, n := range levels {
		arm.Trials = append(arm.Trials, experiment.Trial{Name: atOnce(n), Level: float64(n), Setup: crowd(d, n)})
	}
	return arm
}

func atOnce(n int) string { return fmt.Sprintf("%d at once", n) }

// upTo returns the levels that are no higher than highest, but at least one.
func upTo(highest int, levels []int) []int {
	n := 1
	for n < len(levels) && levels[n] <= highest {
		n++
	}
	return levels[:n]
}

// crowd is a burst of n increments. The nodes have a connection to the database
// for each request, so that all of them meet in SQLite and none in a queue
// before it.
func crowd(d store.Discipline, n int) run.Setup {
	d.Pool = max(d.Pool, (n+nodes-1)/nodes)
	return run.Setup{
		Nodes: nodes, Discipline: d, Load: burst(n),
		Workload: workload.Increment{Key: "counter", Nodes: nodes},
	}
}

// The seed's backoff, and the same with full jitter.
var (
	exponential = store.Green().Backoff
	jittered    = store.Backoff{Base: exponential.Base, Max: exponential.Max, Jitter: true}
)

// mitigated is the seed's green with other patience and other retries.
func mitigated(timeout store.Milliseconds, retries int, b store.Backoff) store.Discipline {
	d := store.Green()
	d.BusyTimeout, d.Retries, d.Backoff = timeout, retries, b
	if retries == 0 {
		d.Backoff = store.Backoff{}
	}
	return d
}

// A tableRow is a line of the seed's table of errors and waits against the load.
type tableRow struct {
	level   int     // requests at once
	percent float64 // of them fail
	wait    float64 // mean, in ms; 0 where the table says "timeout"
	line    int
	textJA  string
}

// tableRows is the seed's table, row by row.
var tableRows = []tableRow{
	{10, 5, 100, 653, "| 低 | 10 | 5% | 100ms |"},
	{50, 25, 500, 654, "| 中 | 50 | 25% | 500ms |"},
	{100, 45, 2000, 655, "| 高 | 100 | 45% | 2000ms |"},
	{200, 70, 5000, 656, "| 過負荷 | 200 | 70% | 5000ms |"},
	{500, 85, 0, 657, "| 限界 | 500 | 85% | タイムアウト |"},
}

// loadOutlooks rest on runs alone and abreast, on an idle and on a busy machine,
// and on what 10 ms inside the lock allow: no more than 100 a second.
//
// Ten requests are so few that a busy machine may answer them one by one:
// nothing is expected of their errors without patience.
var loadOutlooks = map[string]outlook{
	"green": {
		holds:   "error-rate-10",
		refuted: "error-rate-rises error-rate-50 error-rate-100 error-rate-200 error-rate-500",
	},
	"green/no-retries": {
		holds: "error-rate-10",
	},
	"one-second": {
		holds:   "busy-frequent mean-wait-500",
		refuted: "mean-wait-200",
	},
	"deferred": {
		holds:   "busy-frequent",
		refuted: "error-rate-50 error-rate-100 error-rate-200 mean-wait-200 mean-wait-500",
	},
	"impatient": {
		holds:   "busy-frequent",
		refuted: "error-rate-50 error-rate-100 error-rate-200 mean-wait-200 mean-wait-500",
	},
	"impatient/retries": {
		holds:   "busy-frequent mean-wait-200 mean-wait-500",
		refuted: "error-rate-50 error-rate-100 mean-wait-10 mean-wait-50 mean-wait-100",
	},
	"impatient/jitter": {
		holds:   "error-rate-10",
		refuted: "mean-wait-10 mean-wait-500",
	},
}

// loadClaims returns the claims that can be judged with these levels: the rows
// of the table that they have, and what the seed says of errors in general.
func loadClaims(levels []int) []experiment.Claim {
	claims := []experiment.Claim{busyFrequent}
	if len(levels) > 1 {
		claims = append(claims, errorsRise)
	}
	for _, row := range tableRows {
		for _, level := range levels {
			if row.level == level {
				claims = append(claims, row.errors(), row.waits())
			}
		}
	}
	return claims
}

var busyFrequent = experiment.Claim{
	ID:     "busy-frequent",
	Text:   "SQLITE_BUSY is frequent: at the highest level more than one request in ten ends with it, at once or after the whole busy_timeout.",
	TextJA: "頻繁なSQLITE_BUSYエラー",
	Source: seed(639),
	Check: func(e *run.Evidence) experiment.Judgement {
		return experiment.Each(func(r *run.Recording) experiment.Judgement {
			n := withCode(r, api.CodeBusy, api.CodeTimeout)
			return counted(r, n, "were refused", n.Above(ofHundred(r, 10)), "more than 10 %")
		})(only(e, len(e.Trials)-1))
	},
}

var errorsRise = experiment.Claim{
	ID:     "error-rate-rises",
	Text:   "The error rate rises with the load: it is higher at every level than at the one before.",
	TextJA: "エラー率が負荷に比例して増加",
	Source: seed(272),
	Check:  rises,
}

// only returns the evidence of the i-th trial alone.
func only(e *run.Evidence, i int) *run.Evidence {
	return &run.Evidence{Arm: e.Arm, Trials: e.Trials[i : i+1]}
}

// at returns a check that puts judge to the trial of a level.
func at(level int, judge func(*run.Recording) experiment.Judgement) func(*run.Evidence) experiment.Judgement {
	return func(e *run.Evidence) experiment.Judgement {
		for i := range e.Trials {
			if e.Trials[i].Level == float64(level) {
				return experiment.Each(judge)(only(e, i))
			}
		}
		return experiment.Judgement{Reason: fmt.Sprintf("there is no trial with %d", level)}
	}
}

// errors is the claim that so many fail. A rate is taken to be right within a
// factor of two in failures per success, which treats 5 % and 95 % alike; as
// requests are whole, the bounds are rounded outward.
func (row tableRow) errors() experiment.Claim {
	low, high := row.bounds()
	return experiment.Claim{
		ID: fmt.Sprintf("error-rate-%d", row.level),
		Text: fmt.Sprintf("Of %d simultaneous requests %g %% fail: %d to %d of them, which is within a factor of two in failures per success.",
			row.level, row.percent, low, high),
		TextJA: row.textJA,
		Source: seed(row.line),
		Check: at(row.level, func(r *run.Recording) experiment.Judgement {
			n := failures(r)
			return counted(r, n, "failed", within(n, low, high), fmt.Sprintf("%d to %d", low, high))
		}),
	}
}

// bounds is between how many failures the claimed rate lies.
func (row tableRow) bounds() (low, high int64) {
	odds, n := row.percent/(100-row.percent), float64(row.level)
	return int64(math.Floor(n * odds / (2 + odds))), int64(math.Ceil(n * 2 * odds / (1 + 2*odds)))
}

// within judges the claim that n lies between low and high, both included.
func within(n check.Range, low, high int64) check.Verdict {
	return check.Merge(n.Above(low-1), n.Below(high+1))
}

// waits is the claim that the mean wait is so long.
func (row tableRow) waits() experiment.Claim {
	claim := experiment.Claim{
		ID:     fmt.Sprintf("mean-wait-%d", row.level),
		TextJA: row.textJA,
		Source: seed(row.line),
	}
	if row.wait == 0 {
		claim.Text = fmt.Sprintf("With %d simultaneous requests the wait is a timeout: its mean is 5 s, the lab's busy_timeout, or more, or more than half of the requests end in a timeout.", row.level)
		claim.Check = at(row.level, timesOut)
		return claim
	}
	claim.Text = fmt.Sprintf("The mean wait of %d simultaneous requests is %g ms: %g to %g ms, whatever came of them.", row.level, row.wait, row.wait/2, row.wait*2)
	claim.Check = at(row.level, func(r *run.Recording) experiment.Judgement { return meanAbout(r, row.wait) })
	return claim
}

// meanAbout judges the claim that the mean wait is within a factor of two of ms.
func meanAbout(r *run.Recording, ms float64) experiment.Judgement {
	mean, _ := meanWaitOf(r)
	j := experiment.Judgement{
		Verdict:  ruled(mean >= ms/2 && mean <= ms*2),
		Measured: fmt.Sprintf("mean wait %.0f ms", mean),
		Reason:   fmt.Sprintf("clients waited %.0f ms on average; the claim wants %g to %g", mean, ms/2, ms*2),
	}
	return whole(r, j)
}

// ruled is the verdict on a claim that is true or false.
func ruled(holds bool) check.Verdict {
	if holds {
		return check.Holds
	}
	return check.Refuted
}

// whole takes the verdict from a judgement on a load that was cut short: the
// requests that were never sent could have made any difference.
func whole(r *run.Recording, j experiment.Judgement) experiment.Judgement {
	if r.Unsent > 0 {
		j.Verdict, j.Noise = check.Inconclusive, false
		j.Reason = fmt.Sprintf("the load was cut short: %d requests were not sent", r.Unsent)
	}
	return j
}

// timeoutWait is the seed's busy_timeout in ms.
const timeoutWait = 5000

func timesOut(r *run.Recording) experiment.Judgement {
	mean, _ := meanWaitOf(r)
	n := withCode(r, api.CodeTimeout, api.CodeClientTimeout)
	v := n.Above(ofHundred(r, 50))
	if mean >= timeoutWait {
		v = check.Holds
	}
	return whole(r, experiment.Judgement{
		Verdict:  v,
		Measured: fmt.Sprintf("mean wait %.0f ms, %s timed out", mean, n),
		Reason: fmt.Sprintf("clients waited %.0f ms on average, and %s of %d requests ended in a timeout; the claim wants %d ms or more than half",
			mean, n, r.Setup.Load.Requests, timeoutWait),
	})
}

// rises judges the claim that the error rate is higher at each level than at
// the one before. One step that is certainly none refutes it.
func rises(e *run.Evidence) experiment.Judgement {
	j := experiment.Judgement{Verdict: check.Holds, Reason: "the error rate is higher at every level than at the one before"}
	var before share
	var measured []string
	for i := range e.Trials {
		now := shareFailed(&e.Trials[i])
		measured = append(measured, now.String())
		if i == 0 {
			before = now
			continue
		}
		step := now.above(before)
		if step != check.Holds && check.Merge(j.Verdict, step) != j.Verdict {
			j.Verdict = step
			j.Reason = fmt.Sprintf("%s fail with %s, and %s with %s", before, e.Trials[i-1].Name, now, e.Trials[i].Name)
		}
		before = now
	}
	j.Measured = strings.Join(measured, ", ")
	return j
}

// A share is a part of a whole, as far as is known: from 0 to 1.
type share struct{ min, max float64 }

func (s share) String() string {
	if s.min == s.max {
		return fmt.Sprintf("%.3g %%", 100*s.min)
	}
	return fmt.Sprintf("%.3g–%.3g %%", 100*s.min, 100*s.max)
}

// above judges the claim that s is greater than t.
func (s share) above(t share) check.Verdict {
	switch {
	case s.min > t.max:
		return check.Holds
	case s.max <= t.min:
		return check.Refuted
	default:
		return check.Inconclusive
	}
}

// shareFailed is the error rate in the trial's first recording; where there is
// none, anything from none to all.
func shareFailed(t *run.TrialEvidence) share {
	if len(t.Recordings) == 0 || planned(t.Recordings[0]) == 0 {
		return share{0, 1}
	}
	n, of := failures(t.Recordings[0]), float64(planned(t.Recordings[0]))
	return share{float64(n.Min) / of, float64(n.Max) / of}
}

// claimedErrors is the seed's table of errors as a line of a chart.
func claimedErrors() run.Series {
	s := run.Series{Name: "the lab's table", Claimed: true}
	for _, row := range tableRows {
		s.Points = append(s.Points, claimedPoint(float64(row.level), row.percent))
	}
	return s
}

// claimedWaits is that of its waits, but for the last, which is no number.
func claimedWaits() run.Series {
	s := run.Series{Name: "the lab's table", Claimed: true}
	for _, row := range tableRows {
		if row.wait > 0 {
			s.Points = append(s.Points, claimedPoint(float64(row.level), row.wait))
		}
	}
	return s
}

func claimedPoint(x, y float64) run.Point {
	return run.Point{X: x, Y: y, Low: y, High: y}
}

// crowdWaitsPlot shows how the waits at one level spread.
func crowdWaitsPlot(level int) experiment.Plot {
	draw := experiment.WaitsPlot("How long clients waited, "+atOnce(level), nil,
		run.Mark{From: timeoutWait, To: timeoutWait, Label: "the lab's busy_timeout"})
	return func(arms []run.Evidence) run.Chart {
		var at []run.Evidence
		for i := range arms {
			if t := arms[i].Trial(atOnce(level)); len(t.Recordings) > 0 {
				at = append(at, run.Evidence{Arm: arms[i].Arm, Trials: []run.TrialEvidence{*t}})
			}
		}
		return draw(at)
	}
}
