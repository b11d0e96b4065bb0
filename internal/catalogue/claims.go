package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
)

// A citation is where a claim stands, and its words there where those are Japanese.
type citation struct{ at, words string }

// source cites a line of the document that contend started from.
func source(line int, words string) citation {
	return citation{fmt.Sprintf("07_container_shared_filedb.md:%d", line), words}
}

// sqlite cites a page of sqlite.org by its path.
func sqlite(path string) citation { return citation{at: "https://sqlite.org/" + path} }

// claim makes a claim. Its check looks at all that was recorded in an arm; for one that
// looks at one recording at a time see [experiment.Each].
func claim(id string, from citation, text string, check func(*run.Evidence) experiment.Judgement) experiment.Claim {
	return experiment.Claim{ID: id, Text: text, TextJA: from.words, Source: from.at, Check: check}
}

// timed returns c as a claim whose verdict hangs on how fast things were done.
func timed(c experiment.Claim) experiment.Claim {
	c.Timed = true
	return c
}

// synced returns c as a claim whose verdict hangs on how long a commit takes to reach the disk.
func synced(c experiment.Claim) experiment.Claim {
	c.Synced = true
	return c
}

// An outlook lists the claims of an arm by what is expected of them. Each field holds
// claim IDs with spaces between.
type outlook struct{ holds, refuted, either string }

// expect returns the outlook as an arm has it.
func (o outlook) expect() map[string]run.Expectation {
	all := map[string]run.Expectation{}
	for expectation, ids := range map[run.Expectation]string{run.ExpectHolds: o.holds, run.ExpectRefuted: o.refuted, run.Either: o.either} {
		for _, id := range strings.Fields(ids) {
			all[id] = expectation
		}
	}
	return all
}

// expectThat expects a claim to hold where holds is true, and else to be refuted.
func expectThat(holds bool) run.Expectation {
	if holds {
		return run.ExpectHolds
	}
	return run.ExpectRefuted
}

// ruled is the verdict on a claim that is true or false.
func ruled(holds bool) check.Verdict {
	if holds {
		return check.Holds
	}
	return check.Refuted
}

// judged returns a judgement with what was measured and a reason, made of format and args.
func judged(v check.Verdict, measured, format string, args ...any) experiment.Judgement {
	return experiment.Judgement{Verdict: v, Measured: measured, Reason: fmt.Sprintf(format, args...)}
}

// undecided is a judgement that decides nothing, and why.
func undecided(format string, args ...any) experiment.Judgement {
	return experiment.Judgement{Reason: fmt.Sprintf(format, args...)}
}

// counted judges a claim on how many of the load's requests met an end.
func counted(r *run.Recording, n check.Range, end string, v check.Verdict, wanted string) experiment.Judgement {
	return judged(v, fmt.Sprintf("%s %s", n, end), "%s of %d %s; the claim wants %s", n, r.Setup.Load.Requests, end, wanted)
}

// whole returns j undecided where not all of the load came to the nodes: the requests that
// did not could have made any difference.
func whole(r *run.Recording, j experiment.Judgement) experiment.Judgement {
	if away := missed(r); away != "" {
		j.Verdict, j.Noise, j.Reason = check.Inconclusive, false, away
	}
	return j
}

// missed says how many requests did not come to the nodes; it is empty where all did.
func missed(r *run.Recording) string {
	switch n := r.Counts(); {
	case r.Unsent > 0:
		return fmt.Sprintf("the load was cut short: %d requests were not sent", r.Unsent)
	case n.Unreached > 0:
		return fmt.Sprintf("%d of %d requests reached no node", n.Unreached, n.Total)
	}
	return ""
}

// atLevel returns a check that puts judge to the recordings of the trial of a level.
func atLevel(level int, judge func(*run.Recording) experiment.Judgement) func(*run.Evidence) experiment.Judgement {
	return func(e *run.Evidence) experiment.Judgement {
		for i := range e.Trials {
			if e.Trials[i].Level == float64(level) {
				return experiment.Each(judge)(&run.Evidence{Arm: e.Arm, Trials: e.Trials[i : i+1]})
			}
		}
		return undecided("there is no trial with %d", level)
	}
}

// single is an arm with one trial.
func single(name string, expected outlook, s run.Setup) experiment.Arm {
	return experiment.Arm{Name: name, Expect: expected.expect(), Trials: experiment.Single(s)}
}

// pick returns whole or, of a quick run, quick.
func pick[T any](o Options, whole, quick T) T {
	if o.Quick {
		return quick
	}
	return whole
}

// Figures that several experiments take from their recordings.
var (
	successRate = experiment.Figure{Name: "success rate", Unit: "%", Of: func(r *run.Recording) (percent float64, ok bool) {
		n := r.Counts()
		return 100 * float64(n.OK) / float64(max(n.Reached(), 1)), n.Reached() > 0
	}}
	// errorRate is the rest of what reached a node: to its client an answer that did not come is
	// an error, whether or not the request took effect.
	errorRate = experiment.Figure{Name: "error rate", Unit: "%", Of: func(r *run.Recording) (percent float64, ok bool) {
		percent, ok = successRate.Of(r)
		return 100 - percent, ok
	}}
	meanWait  = waitFigure("mean wait", func(s measure.Summary) float64 { return s.Mean })
	tailWait  = waitFigure("wait of the slowest in a hundred", func(s measure.Summary) float64 { return s.P99 })
	worstWait = waitFigure("worst wait", func(s measure.Summary) float64 { return s.Max })
	// attemptsPerSuccess is what a success costs the database: all attempts of the
	// nodes count, those for requests that failed in the end included.
	attemptsPerSuccess = experiment.Figure{Name: "attempts per success", Of: func(r *run.Recording) (attempts float64, ok bool) {
		_, _, tries := r.Codes()
		n := r.Counts().OK
		return float64(tries) / float64(max(n, 1)), n > 0
	}}
	fairness = experiment.Figure{Name: "least share over greatest", Of: func(r *run.Recording) (share float64, ok bool) {
		return measure.Fairness(r.Ops), r.Counts().OK > 0
	}}
)

// waitFigure is a figure of the waits of all clients whose requests reached a node, in ms, whatever
// came of them.
func waitFigure(name string, of func(measure.Summary) float64) experiment.Figure {
	return experiment.Figure{Name: name, Unit: "ms", Of: func(r *run.Recording) (ms float64, ok bool) {
		s := measure.Latency(r.ReachedOps())
		return of(s), s.Count > 0
	}}
}

// rateOf is how many of the ops that match succeed a second while the load lasts. What is done
// after its end does not count, for then fewer and fewer clients are left to contend.
func rateOf(name string, match func(*history.Op) bool) experiment.Figure {
	return experiment.Figure{Name: name, Unit: "1/s", Of: func(r *run.Recording) (perSecond float64, ok bool) {
		n, lasts := 0, r.Setup.Load.Duration
		for _, op := range r.ClientOps() {
			if match(&op) {
				ok = lasts > 0
				if op.Outcome == history.OK && op.Returned <= lasts {
					n++
				}
			}
		}
		return float64(n) / lasts.Seconds(), ok
	}}
}

// outwaited is how many requests were refused after their whole busy_timeout. A faster
// machine would have got some of them through.
func outwaited(r *run.Recording) int64 { return withCode(r, nodeapi.CodeTimeout).Min }

// planned is how many requests the load was to send.
func planned(r *run.Recording) int64 { return int64(r.Counts().Total + r.Unsent) }

// failures is how many of the planned requests do not take effect if all reach a node, as far as is known.
func failures(r *run.Recording) check.Range {
	planned, ok := planned(r), r.Succeeded()
	return check.Range{Min: planned - ok.Max, Max: planned - ok.Min}
}

// withCode is how many of the planned requests end with one of codes if all reach a node, as far as
// is known.
func withCode(r *run.Recording, codes ...string) check.Range {
	var n int64
	for _, op := range r.ClientOps() {
		if slices.Contains(codes, op.Code) {
			n++
		}
	}
	ok := r.Succeeded()
	return check.Range{Min: n, Max: n + ok.Max - ok.Min}
}

// A pair is two recordings of one repeat, made one right after the other.
type pair struct{ base, other *run.Recording }

// pairs returns the repeats in which a recording of each of two trials has an op.
func pairs(base, other *run.TrialEvidence) (all []pair) {
	for _, a := range base.Recordings {
		for _, b := range other.Recordings {
			if a.Repeat == b.Repeat && a.Told() && b.Told() {
				all = append(all, pair{a, b})
			}
		}
	}
	return all
}

// ratios returns how many times as great the figure is in the other recording, pair by
// pair: what the machine did to both of a pair is not in it.
func ratios(all []pair, f experiment.Figure) (ratios []float64) {
	for _, p := range all {
		a, known := f.Of(p.base)
		b, alsoKnown := f.Of(p.other)
		if known && alsoKnown && a > 0 {
			ratios = append(ratios, b/a)
		}
	}
	return ratios
}

// A limit is what a claim wants the median of a noisy figure to be above or below.
type limit struct {
	at    float64
	above bool // or below
}

func above(at float64) limit { return limit{at, true} }
func below(at float64) limit { return limit{at, false} }

func (l limit) met(value float64) bool {
	if l.above {
		return value > l.at
	}
	return value < l.at
}

func (l limit) String() string {
	if l.above {
		return fmt.Sprintf("above %g", l.at)
	}
	return fmt.Sprintf("below %g", l.at)
}

// judge judges a claim by the interval of a noisy figure, one value a repeat. It holds where all of
// the interval keeps to the limit, and is refuted where none of it does. Where the limit is
// inside, the repeats do not decide.
func (l limit) judge(of string, values []float64) experiment.Judgement {
	i := measure.IntervalOf(values)
	if i.Count == 0 {
		return undecided("%s: %d repeats; of fewer than 5 nothing is concluded", of, len(values))
	}
	j := judged(check.Inconclusive, fmt.Sprintf("%s: %s", of, i), "%s: %s; the claim wants it %s", of, i, l)
	j.Interval = &run.Interval{Of: of, Interval: i}
	if low, high := l.met(i.Low), l.met(i.High); low == high {
		j.Verdict = ruled(low)
		return j
	}
	j.Noise = true
	j.Reason += ", and the interval has both sides of that in it"
	return j
}

// both returns the judgement on two claims that a claim makes at once: the one that decides.
func both(a, b experiment.Judgement) experiment.Judgement {
	if check.Merge(a.Verdict, b.Verdict) != a.Verdict {
		return b
	}
	return a
}

// exact is a point of a chart that is no median: n is what it counts.
func exact(x, y float64, n int) run.Point { return run.Point{X: x, Y: y, Low: y, High: y, Count: n} }

// claimed is what the source says, as a line of a chart.
func claimed(name string, points ...run.Point) run.Series {
	return run.Series{Name: name, Claimed: true, Points: points}
}

// figureBars returns a plot with a group of bars for each arm that matches, and
// in it one for each figure, taken over all of the arm's recordings.
func figureBars(title string, y run.Axis, match func(*run.Evidence) bool, figures ...experiment.Figure) experiment.Plot {
	return func(arms []run.Evidence) run.Chart {
		arms = slices.DeleteFunc(slices.Clone(arms), func(e run.Evidence) bool { return !match(&e) })
		c := run.Chart{Kind: run.ChartBars, Title: title, Y: y}
		for _, f := range figures {
			for i := range arms {
				if s := arms[i].Trials[0].Spread(f.Of); s.Count > 0 {
					c.Add(f.Name, run.Point{X: float64(i + 1), Y: s.Median, Low: s.Min, High: s.Max, Count: s.Count, Label: arms[i].Arm})
				}
			}
		}
		return c
	}
}

// A part is a figure that is a part of a bar, and the harm that it counts; none where it counts none.
type part struct {
	experiment.Figure
	harm run.Topic
}

// partBars returns a plot with a bar for each arm that matches, made of parts.
func partBars(title string, y run.Axis, match func(*run.Evidence) bool, parts ...part) experiment.Plot {
	return func(arms []run.Evidence) run.Chart {
		c := run.Chart{Kind: run.ChartStacks, Title: title, Y: y}
		for _, p := range parts {
			bars := figureBars(title, y, match, p.Figure)(arms)
			for i := range bars.Series {
				bars.Series[i].Harm = p.harm
			}
			c.Series = append(c.Series, bars.Series...)
		}
		return c
	}
}

// outcomes returns a plot of what became of the requests of the arms that match.
func outcomes(title string, match func(*run.Evidence) bool) experiment.Plot {
	of := func(name string, harm run.Topic, count func(ends) int64) part {
		return part{experiment.Figure{Name: name, Of: func(r *run.Recording) (float64, bool) { return float64(count(endsOf(r))), true }}, harm}
	}
	return partBars(title, run.Axis{Label: "requests"}, match,
		of("kept", run.AboutKept, func(e ends) int64 { return e.kept }),
		of("lost", run.AboutLost, func(e ends) int64 { return e.lost }),
		of("refused", run.AboutRefused, func(e ends) int64 { return e.refused }),
		of("unknown", "", func(e ends) int64 { return e.unknown }))
}

// ends are how many of the clients' requests came to which end.
type ends struct{ kept, lost, refused, unknown int64 }

func endsOf(r *run.Recording) ends {
	n := r.Counts()
	e := ends{refused: int64(n.Refused()), unknown: int64(n.Unknown + n.Unreached)}
	if lost, known := r.Deficit(); known {
		e.lost, e.kept = lost.Min, int64(n.OK)-lost.Min
	} else {
		e.unknown += int64(n.OK)
	}
	return e
}
