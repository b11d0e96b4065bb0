package catalogue

import (
	"slices"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/experiment"
)

// bin is the stretch of time that a point of the charts over time stands for.
const bin = 500 * time.Millisecond

// goodputPlot shows how many requests succeed as the overload comes and goes,
// beside how many come.
func goodputPlot(arms []experiment.Evidence) experiment.Chart {
	c := experiment.Chart{
		Kind: experiment.ChartTime, Title: "Requests that succeed, through an overload and after it",
		X: experiment.Axis{Label: "time", Unit: "s"}, Y: experiment.Axis{Label: "requests", Unit: "1/s"},
	}
	succeeded := func(op *history.Op) (time.Duration, bool) { return op.Returned, op.Outcome == history.OK }
	came := func(op *history.Op) (time.Duration, bool) { return op.Intended, true }
	c.Series = overTime(arms, func(r *experiment.Recording) []experiment.Point { return perSecond(r, succeeded) })
	if len(c.Series) > 0 {
		r := firstOf(arms)
		c.Series = append(c.Series, experiment.Series{Name: "arrivals", Points: perSecond(r, came)})
		c.Marks = overload(r)
	}
	return c
}

// inFlightPlot shows how many requests clients are waiting for.
func inFlightPlot(arms []experiment.Evidence) experiment.Chart {
	c := experiment.Chart{
		Kind: experiment.ChartTime, Title: "Requests in flight, through an overload and after it",
		X: experiment.Axis{Label: "time", Unit: "s"}, Y: experiment.Axis{Label: "requests in flight"},
	}
	if c.Series = overTime(arms, inFlight); len(c.Series) > 0 {
		c.Marks = overload(firstOf(arms))
	}
	return c
}

// overTime returns a line for each different recording: arms may share one.
func overTime(arms []experiment.Evidence, points func(*experiment.Recording) []experiment.Point) []experiment.Series {
	var all []experiment.Series
	drawn := map[*experiment.Recording]bool{}
	for i := range arms {
		for _, t := range arms[i].Trials {
			if len(t.Recordings) == 0 || drawn[t.Recordings[0]] {
				continue
			}
			r := t.Recordings[0]
			drawn[r] = true
			if p := points(r); len(p) > 0 {
				all = append(all, experiment.Series{Name: arms[i].Arm + ", " + t.Name, Points: p})
			}
		}
	}
	return all
}

func firstOf(arms []experiment.Evidence) *experiment.Recording {
	for i := range arms {
		for r := range arms[i].All {
			return r
		}
	}
	return nil
}

func overload(r *experiment.Recording) []experiment.Mark {
	return []experiment.Mark{{From: 0, To: r.Setup.Load.Duration.Seconds(), Label: "overload"}}
}

// perSecond counts, bin by bin, the ops that when has a time for, as a rate.
func perSecond(r *experiment.Recording, when func(*history.Op) (time.Duration, bool)) []experiment.Point {
	ops := r.ClientOps()
	var counts []int
	for i := range ops {
		at, counted := when(&ops[i])
		for n := int(at / bin); len(counts) <= n; {
			counts = append(counts, 0)
		}
		if counted {
			counts[at/bin]++
		}
	}
	var points []experiment.Point
	for i, n := range counts {
		rate := float64(n) / bin.Seconds()
		middle := (time.Duration(i)*bin + bin/2).Seconds()
		points = append(points, experiment.Point{X: middle, Y: rate, Low: rate, High: rate, Count: n})
	}
	return points
}

// inFlight counts the requests under way, twice in each bin.
func inFlight(r *experiment.Recording) []experiment.Point {
	ops := r.ClientOps()
	var points []experiment.Point
	for at := time.Duration(0); ; at += bin / 2 {
		n := float64(underWay(ops, at))
		points = append(points, experiment.Point{X: at.Seconds(), Y: n, Low: n, High: n, Count: int(n)})
		if !slices.ContainsFunc(ops, func(op history.Op) bool { return op.Returned > at }) {
			return points
		}
	}
}
