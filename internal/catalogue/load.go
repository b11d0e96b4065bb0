package catalogue

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// loadLevels is the source's error rate analysis: ever more requests at once.
func loadLevels(o Options) experiment.Experiment {
	levels := o.Levels
	if len(levels) == 0 {
		for _, row := range tableRows {
			levels = append(levels, row.level)
		}
	}
	var errors, waits []run.Point // as the source's table has them
	for _, row := range tableRows {
		errors = append(errors, exact(float64(row.level), row.percent, 0))
		if row.wait > 0 {
			waits = append(waits, exact(float64(row.level), row.wait, 0))
		}
	}
	crowdAxis := run.Axis{Label: "simultaneous requests", Log: true}
	return experiment.Experiment{
		Name:     "load",
		Question: "How do the error rate and the wait grow with the number of simultaneous increments?",
		Claims:   loadClaims(levels),
		Arms:     loadArms(o, levels),
		Figures:  []experiment.Figure{errorRate, meanWait, attemptsPerSuccess},
		Plots: []experiment.Plot{
			experiment.LevelPlot("Errors against load", crowdAxis, run.Axis{Label: "requests that fail", Unit: "%"}, errorRate, claimed("the lab's table", errors...)),
			experiment.LevelPlot("Mean wait against load", crowdAxis, run.Axis{Label: "mean wait", Unit: "ms", Log: true}, meanWait, claimed("the lab's table", waits...)),
			experiment.OfTrials(
				func(t *run.TrialEvidence) bool { return t.Level == float64(levels[len(levels)-1]) },
				experiment.WaitsPlot("How long clients waited, "+atOnce(levels[len(levels)-1]), nil, run.Mark{From: timeoutWait, To: timeoutWait, Label: "the lab's busy_timeout"})),
		},
		// Clients wait for a lock that is held for 10 ms at a time, or between two
		// attempts: six recordings at once keep two cores half busy.
		Abreast: 6,
		Takes:   pick(o, 30*time.Second, 4*time.Second),
	}
}

func atOnce(n int) string { return fmt.Sprintf("%d at once", n) }

// A crowdArm is a discipline under every level of the load, and what is expected there.
type crowdArm struct {
	name       string
	discipline store.Discipline
	expected   outlook
}

// loadTable is the source's mitigation, and what is left of it without its retries, its patience or
// its transaction. The outlooks rest on runs on four machines, idle and busy, alone and abreast,
// and on what 10 ms inside the lock allow: no more than 100 a second. What came out on both sides of a
// claim's bounds may go either way.
//
// Without patience ten requests are answered as fast as the machine can refuse them, after 4 to 50 ms:
// about that wait nothing is asked.
var loadTable = []crowdArm{
	{"green", mitigated(5000, 3, exponential), outlook{
		holds:   "one-after-another error-rate-10 mean-wait-500",
		refuted: "busy-frequent error-rate-rises error-rate-50 error-rate-100 error-rate-200 error-rate-500",
		either:  "mean-wait-10 mean-wait-50 mean-wait-100 mean-wait-200",
	}},
	{"green/no-retries", mitigated(5000, 0, exponential), outlook{
		holds:   "one-after-another busy-frequent error-rate-10 mean-wait-100",
		refuted: "error-rate-rises error-rate-50 error-rate-200",
		either:  "error-rate-100 error-rate-500 mean-wait-10 mean-wait-50 mean-wait-200 mean-wait-500",
	}},
	{"one-second", mitigated(1000, 0, exponential), outlook{
		holds:   "one-after-another busy-frequent error-rate-10 mean-wait-50 mean-wait-500",
		refuted: "mean-wait-200",
		either:  "error-rate-rises error-rate-50 error-rate-100 error-rate-200 error-rate-500 mean-wait-10 mean-wait-100",
	}},
	{"deferred", deferred(mitigated(5000, 0, exponential)), hardlyAny},
	{"impatient", mitigated(0, 0, exponential), hardlyAny},
	{"impatient/retries", mitigated(0, 3, exponential), outlook{
		holds:   "one-after-another busy-frequent mean-wait-200 mean-wait-500",
		refuted: "error-rate-rises error-rate-50 error-rate-100 mean-wait-10 mean-wait-50 mean-wait-100",
		either:  "error-rate-10 error-rate-200 error-rate-500",
	}},
	{"impatient/jitter", mitigated(0, 3, jittered), outlook{
		holds:   "one-after-another busy-frequent error-rate-10 mean-wait-100",
		refuted: "error-rate-50 error-rate-200 error-rate-500 mean-wait-10 mean-wait-500",
		either:  "error-rate-rises error-rate-100 mean-wait-50 mean-wait-200",
	}},
}

// hardlyAny is the outlook where hardly any of a crowd succeeds, whatever the level, and nobody waits.
var hardlyAny = outlook{
	holds: "one-after-another busy-frequent",
	refuted: "error-rate-rises error-rate-10 error-rate-50 error-rate-100 error-rate-200 error-rate-500 " +
		"mean-wait-50 mean-wait-100 mean-wait-200 mean-wait-500",
}

// loadArms returns loadTable with a trial for each level. A quick run has an arm that is over
// at once, and green up to 50 requests, which do not take long.
func loadArms(o Options, levels []int) (arms []experiment.Arm) {
	for _, row := range loadTable {
		if o.Quick && row.name != "green" && row.name != "impatient" {
			continue
		}
		its := levels
		if o.Quick && row.name == "green" {
			if high := slices.IndexFunc(levels, func(n int) bool { return n > 50 }); high >= 0 {
				its = levels[:max(high, 1)]
			}
		}
		arm := experiment.Arm{Name: row.name, Expect: map[string]run.Expectation{}}
		expected := row.expected.expect()
		if o.Levels != nil { // the outlooks are about the source's
			expected["busy-frequent"], expected["error-rate-rises"] = run.Either, run.Either
		}
		for _, c := range loadClaims(its) {
			if expectation, asked := expected[c.ID]; asked {
				arm.Expect[c.ID] = expectation
			}
		}
		for _, n := range its {
			arm.Trials = append(arm.Trials, experiment.Trial{Name: atOnce(n), Level: float64(n), Setup: crowd(row.discipline, n)})
		}
		arms = append(arms, arm)
	}
	if !o.Quick {
		arms = append(arms, writtenArm(levels))
	}
	return arms
}

// writtenArm has the source's attempts and connections. A container's requests wait for its one
// connection in turn, so only four writers meet at the lock, and they have the time of three
// attempts: nobody is refused. How long that takes is the machine's matter, and is not asked.
func writtenArm(levels []int) experiment.Arm {
	arm := experiment.Arm{Name: "source", Expect: map[string]run.Expectation{}}
	for _, c := range loadClaims(levels) {
		if !strings.HasPrefix(c.ID, "mean-wait") {
			arm.Expect[c.ID] = expectThat(c.ID == "error-rate-10" || c.ID == "one-after-another")
		}
	}
	for _, n := range levels {
		s := crowd(store.Written(), n)
		s.Discipline.Pool = store.Written().Pool
		arm.Trials = append(arm.Trials, experiment.Trial{Name: atOnce(n), Level: float64(n), Setup: s})
	}
	return arm
}

// crowd is a burst of n increments. The nodes have a connection to the database for each request,
// so that all of them meet in SQLite and none in a queue before it.
func crowd(d store.Discipline, n int) run.Setup {
	d.Pool = max(d.Pool, (n+nodes-1)/nodes)
	return run.Setup{
		Nodes: nodes, Discipline: d, Load: burst(n),
		Workload: workload.Increment{Key: counter, Nodes: nodes},
	}
}

// The source's backoff, and the same with full jitter.
var (
	exponential = store.Green().Backoff
	jittered    = store.Backoff{Base: exponential.Base, Max: exponential.Max, Jitter: true}
)

// mitigated is the source's green with other patience and other retries.
func mitigated(timeout store.Milliseconds, retries int, b store.Backoff) store.Discipline {
	d := store.Green()
	d.BusyTimeout, d.Retries, d.Backoff = timeout, retries, b
	if retries == 0 {
		d.Backoff = store.Backoff{}
	}
	return d
}

func deferred(d store.Discipline) store.Discipline {
	d.Transaction = store.Deferred
	return d
}

// A tableRow is a line of the source's table of errors and waits against the load.
type tableRow struct {
	level   int     // requests at once
	percent float64 // of them fail
	wait    float64 // mean, in ms; 0 where the table says "timeout"
	from    citation
}

// tableRows is the source's table, row by row.
var tableRows = []tableRow{
	{10, 5, 100, source(653, "| 低 | 10 | 5% | 100ms |")},
	{50, 25, 500, source(654, "| 中 | 50 | 25% | 500ms |")},
	{100, 45, 2000, source(655, "| 高 | 100 | 45% | 2000ms |")},
	{200, 70, 5000, source(656, "| 過負荷 | 200 | 70% | 5000ms |")},
	{500, 85, 0, source(657, "| 限界 | 500 | 85% | タイムアウト |")},
}

// loadClaims returns the claims that can be judged with these levels: the rows
// of the table that they have, and what the source says of errors in general.
func loadClaims(levels []int) []experiment.Claim {
	claims := []experiment.Claim{
		timed(claim("busy-frequent", source(639, "頻繁なSQLITE_BUSYエラー"),
			"SQLITE_BUSY is frequent: at the highest level more than one request in ten ends with it, at once or after the whole busy_timeout.",
			func(e *run.Evidence) experiment.Judgement {
				return atLevel(int(e.Trials[len(e.Trials)-1].Level), func(r *run.Recording) experiment.Judgement {
					n := withCode(r, nodeapi.CodeBusy, nodeapi.CodeTimeout)
					return counted(r, n, "were refused", n.Above(ofHundred(r, 10)), "more than 10 %")
				})(e)
			})),
		claim("one-after-another", source(49, "一度に1つの書き込みトランザクションのみ"),
			"Only one write transaction at a time: of n increments at once that succeed and keep the lock for 10 ms each, the last is answered no sooner than after n times 10 ms.",
			experiment.Each(oneAfterAnother)),
	}
	if len(levels) > 1 {
		claims = append(claims, timed(claim("error-rate-rises", source(272, "エラー率が負荷に比例して増加"),
			"The error rate rises with the load: at every level it is higher than at the one before, by at least 5 percentage points.", rises)))
	}
	for _, row := range tableRows {
		if slices.Contains(levels, row.level) {
			claims = append(claims, timed(row.errors()), timed(row.waits()))
		}
	}
	return claims
}

// errors is the claim that so many fail. A rate is taken to be right within a
// factor of two in failures per success, which treats 5 % and 95 % alike; as
// requests are whole, the bounds are rounded outward.
func (row tableRow) errors() experiment.Claim {
	odds, n := row.percent/(100-row.percent), float64(row.level)
	low, high := int64(math.Floor(n*odds/(2+odds))), int64(math.Ceil(n*2*odds/(1+2*odds)))
	text := fmt.Sprintf("Of %d simultaneous requests %g %% fail: %d to %d of them, which is within a factor of two in failures per success.",
		row.level, row.percent, low, high)
	return claim(fmt.Sprintf("error-rate-%d", row.level), row.from, text, atLevel(row.level, func(r *run.Recording) experiment.Judgement {
		n := failures(r)
		return counted(r, n, "failed", check.Merge(n.Above(low-1), n.Below(high+1)), fmt.Sprintf("%d to %d", low, high))
	}))
}

// waits is the claim that the mean wait is so long.
func (row tableRow) waits() experiment.Claim {
	id := fmt.Sprintf("mean-wait-%d", row.level)
	if row.wait == 0 {
		return synced(claim(id, row.from,
			fmt.Sprintf("With %d simultaneous requests the wait is a timeout: its mean is 5 s, the lab's busy_timeout, or more, or more than half of the requests end in a timeout.", row.level),
			atLevel(row.level, timesOut)))
	}
	return claim(id, row.from,
		fmt.Sprintf("The mean wait of %d simultaneous requests is %g ms: %g to %g ms, whatever came of them.", row.level, row.wait, row.wait/2, row.wait*2),
		atLevel(row.level, func(r *run.Recording) experiment.Judgement {
			mean, _ := meanWait.Of(r)
			return whole(r, about(mean, row.wait, "clients"))
		}))
}

// about judges the claim that the mean wait of somebody is within a factor of two of ms.
func about(mean, ms float64, who string) experiment.Judgement {
	return judged(ruled(mean >= ms/2 && mean <= ms*2), fmt.Sprintf("mean wait %.0f ms", mean),
		"%s waited %.0f ms on average; the claim wants %g to %g", who, mean, ms/2, ms*2)
}

// timeoutWait is the source's busy_timeout, in ms.
const timeoutWait = 5000

func timesOut(r *run.Recording) experiment.Judgement {
	mean, _ := meanWait.Of(r)
	n := withCode(r, nodeapi.CodeTimeout, nodeapi.CodeClientTimeout)
	v := n.Above(ofHundred(r, 50))
	if mean >= timeoutWait {
		v = check.Holds
	}
	return whole(r, judged(v, fmt.Sprintf("mean wait %.0f ms, %s timed out", mean, n),
		"clients waited %.0f ms on average, and %s of %d requests ended in a timeout; the claim wants %d ms or more than half",
		mean, n, r.Setup.Load.Requests, timeoutWait))
}

// oneAfterAnother judges whether those that succeeded can have had the lock one after another.
func oneAfterAnother(r *run.Recording) experiment.Judgement {
	var n int
	var last time.Duration
	for _, op := range r.ClientOps() {
		if op.Outcome == history.OK {
			n, last = n+1, max(last, op.Returned)
		}
	}
	least := time.Duration(n) * r.Setup.Discipline.Think.Duration()
	return judged(ruled(last >= least), fmt.Sprintf("%d in %s", n, inMilliseconds(last)),
		"%d succeeded, the last after %s; one after another they keep the lock for %s", n, inMilliseconds(last), inMilliseconds(least))
}

// rises judges the claim that the error rate is higher at each level than at
// the one before, by five percentage points. A step on which it certainly is not refutes it.
func rises(e *run.Evidence) experiment.Judgement {
	const least = 0.05
	j := experiment.Judgement{Verdict: check.Holds, Reason: "the error rate is higher at every level than at the one before"}
	var before share
	var measured []string
	for i := range e.Trials {
		now := shareFailed(&e.Trials[i])
		measured = append(measured, now.String())
		step := check.Inconclusive
		switch {
		case now.min >= before.max+least:
			step = check.Holds
		case now.max < before.min+least:
			step = check.Refuted
		}
		if i > 0 && check.Merge(j.Verdict, step) != j.Verdict {
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

// shareFailed is the error rate in the trial's first recording; where there is
// none, anything from none to all.
func shareFailed(t *run.TrialEvidence) share {
	if len(t.Recordings) == 0 || planned(t.Recordings[0]) == 0 {
		return share{0, 1}
	}
	n, of := failures(t.Recordings[0]), float64(planned(t.Recordings[0]))
	return share{float64(n.Min) / of, float64(n.Max) / of}
}
