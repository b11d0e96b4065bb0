package experiment

import (
	"cmp"
	"slices"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/run"
)

// A Plot makes a chart of the evidence of an experiment's arms. It returns a
// chart without series or lanes where there is nothing to show.
type Plot func(arms []run.Evidence) run.Chart

// OfTrials returns a plot of the trials that match alone.
func OfTrials(match func(*run.TrialEvidence) bool, plot Plot) Plot {
	return func(arms []run.Evidence) run.Chart {
		arms = slices.Clone(arms)
		for i := range arms {
			arms[i].Trials = slices.DeleteFunc(slices.Clone(arms[i].Trials), func(t run.TrialEvidence) bool { return !match(&t) })
		}
		return plot(arms)
	}
}

// OfHarm returns a plot whose figures count harm, so that it is drawn in that colour.
func OfHarm(harm run.Topic, plot Plot) Plot {
	return func(arms []run.Evidence) run.Chart {
		c := plot(arms)
		for i := range c.Series {
			c.Series[i].Harm = harm
		}
		return c
	}
}

// LevelPlot returns a plot of figure f against the level of the trials, a line
// for each arm, beside what a source claims.
func LevelPlot(title string, x, y run.Axis, f Figure, claimed ...run.Series) Plot {
	return func(arms []run.Evidence) run.Chart {
		c := run.Chart{Kind: run.ChartLines, Title: title, X: x, Y: y}
		for i := range arms {
			for k := range arms[i].Trials {
				t := &arms[i].Trials[k]
				if spread := t.Spread(f.Of); spread.Count > 0 {
					c.Add(arms[i].Arm, pointOf(t.Level, spread))
				}
			}
		}
		if len(c.Series) > 0 {
			c.Series = append(c.Series, claimed...)
		}
		return c
	}
}

func pointOf(x float64, s measure.Spread) run.Point {
	return run.Point{X: x, Y: s.Median, Low: s.Min, High: s.Max, Count: s.Count}
}

// WaitsPlot returns a plot of how long clients waited in the arms that match, whatever came
// of their requests: the share that was over by then, as at most 100 points. A nil match takes every arm.
func WaitsPlot(title string, match func(*run.Evidence) bool, marks ...run.Mark) Plot {
	return func(arms []run.Evidence) run.Chart {
		c := run.Chart{
			Kind: run.ChartWaits, Title: title, Marks: marks,
			X: run.Axis{Label: "wait", Unit: "ms", Log: true}, Y: run.Axis{Label: "share of requests", Percent: true},
		}
		for i := range arms {
			if match != nil && !match(&arms[i]) {
				continue
			}
			var ops []history.Op
			for r := range arms[i].All {
				ops = append(ops, r.ClientOps()...)
			}
			for _, step := range measure.Cumulative(ops, 100) {
				c.Add(arms[i].Arm, run.Point{X: step.Milliseconds, Y: step.Share, Low: step.Share, High: step.Share, Count: len(ops)})
			}
		}
		return c
	}
}

// LanesPlot returns a plot of who had the write lock when, in the first recording of the arm.
func LanesPlot(title, arm string) Plot {
	return func(arms []run.Evidence) run.Chart {
		c := run.Chart{
			Kind: run.ChartLanes, Title: title, X: run.Axis{Label: "time", Unit: "ms"},
			Note: "In " + arm + ". An attempt waits from its first statement until it has the write lock, if it ever has.",
		}
		for i := range arms {
			if r := arms[i].First(); r != nil && arms[i].Arm == arm {
				c.Lanes = lanes(r)
			}
		}
		return c
	}
}

// lanes returns a lane for each node of which anything is known.
func lanes(r *run.Recording) []run.Lane {
	byNode := map[string]*run.Lane{}
	of := func(node string) *run.Lane {
		if byNode[node] == nil {
			byNode[node] = &run.Lane{Node: node}
		}
		return byNode[node]
	}
	since := func(t int64) float64 { return milliseconds(time.Duration(t - r.Started.UnixNano())) }
	for _, a := range r.Attempts {
		if a.Kind == locktrace.Hold {
			continue // the fault says it
		}
		attempt := run.LaneAttempt{Kind: a.Kind, Began: since(a.Began), Ended: since(a.Ended), Code: a.Code}
		if a.Locked != 0 {
			locked := since(a.Locked)
			attempt.Locked = &locked
		}
		lane := of(a.Node)
		lane.Attempts = append(lane.Attempts, attempt)
	}
	for _, event := range r.Faults {
		if event.Kind != run.KindLook {
			lane := of(event.Node)
			lane.Faults = append(lane.Faults, run.Mark{From: since(event.From.UnixNano()), To: since(event.To.UnixNano()), Label: event.Kind})
		}
	}
	var all []run.Lane
	for _, lane := range byNode {
		all = append(all, *lane)
	}
	slices.SortFunc(all, func(a, b run.Lane) int { return cmp.Compare(a.Node, b.Node) })
	return all
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// BarsPlot returns a plot of figure f with a bar for each trial of the arms
// that match; a nil match takes every arm. Trials of one arm stand together.
func BarsPlot(title string, y run.Axis, f Figure, match func(*run.Evidence) bool) Plot {
	return func(arms []run.Evidence) run.Chart {
		c := run.Chart{Kind: run.ChartBars, Title: title, Y: y}
		group := 0
		for i := range arms {
			if match != nil && !match(&arms[i]) {
				continue
			}
			for j := range arms[i].Trials {
				t := &arms[i].Trials[j]
				if spread := t.Spread(f.Of); spread.Count > 0 {
					p := pointOf(float64(group), spread)
					p.Label = arms[i].Arm
					c.Add(t.Name, p)
				}
			}
			group++
		}
		return c
	}
}
