package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"example.com/contend/internal/chart"
	"example.com/contend/internal/run"
)

// pictures draws charts as SVG. A chart of a kind that is not known is left out:
// a newer contend may have stored it.
// Where a run took place somewhere else than in processes, or in several places,
// a chart's title says where what it shows was recorded.
func pictures(charts []run.Chart) []string {
	var all []string
	for _, drawn := range charts {
		if drawn.Place != "" && drawn.Place != run.Processes {
			drawn.Title += ", on " + drawn.Place
		}
		if c := picture(&drawn); c != nil {
			all = append(all, chart.Figure(c))
		}
	}
	return all
}

// picture returns what package chart makes of c, nil where it knows no such kind.
func picture(c *run.Chart) chart.Chart {
	switch c.Kind {
	case run.ChartLines, run.ChartTime:
		x := axis(c.X)
		if c.Kind == run.ChartLines && !c.X.Log && fewLevels(c.Series) {
			x.Scale = chart.Ordinal
		}
		return chart.Lines{Title: c.Title, Note: c.Note, X: x, Y: axis(c.Y), Series: series(c.Series), Spans: spans(c.Marks)}
	case run.ChartWaits:
		return chart.Distribution{Title: c.Title, Note: c.Note, X: c.X.Label, Y: c.Y.Label, Curves: curves(c.Series), Spans: spans(c.Marks)}
	case run.ChartBars:
		return chart.Bars{Title: c.Title, Note: c.Note, Value: axis(c.Y), Groups: groups(c.Series)}
	case run.ChartLanes:
		return chart.Lanes{Title: c.Title, Note: c.Note, Lanes: lanes(c.Lanes), Spans: spans(c.Marks)}
	default:
		return nil
	}
}

// fewLevels reports whether the levels are a few whole numbers, between which there is nothing.
func fewLevels(all []run.Series) bool {
	const few = 8
	levels := map[float64]bool{}
	for _, s := range all {
		for _, p := range s.Points {
			if p.X != math.Trunc(p.X) {
				return false
			}
			levels[p.X] = true
		}
	}
	return len(levels) <= few
}

// axis names the unit where the numbers do not carry it.
func axis(a run.Axis) chart.Axis {
	drawn := chart.Axis{Title: a.Label}
	if a.Log {
		drawn.Scale = chart.Log
	}
	switch {
	case a.Percent:
		drawn.Unit = chart.Share
	case a.Unit == "ms":
		drawn.Unit = chart.Milliseconds
	case a.Unit != "":
		drawn.Title += ", " + a.Unit
	}
	return drawn
}

func series(all []run.Series) []chart.Series {
	var drawn []chart.Series
	for _, s := range all {
		line := chart.Series{Name: s.Name, Claimed: s.Claimed}
		for _, p := range s.Points {
			words := p.Label
			if p.Count > 1 { // of how many values it is the middle
				words = strings.TrimPrefix(fmt.Sprintf("%s, n=%d", words, p.Count), ", ")
			}
			line.Points = append(line.Points, chart.Point{X: p.X, Y: p.Y, Low: p.Low, High: p.High, Text: words})
		}
		drawn = append(drawn, line)
	}
	return drawn
}

func curves(all []run.Series) []chart.Curve {
	var drawn []chart.Curve
	for _, s := range all {
		curve := chart.Curve{Name: s.Name}
		for _, p := range s.Points {
			curve.Steps = append(curve.Steps, chart.Step{Milliseconds: p.X, Share: p.Y})
		}
		drawn = append(drawn, curve)
	}
	return drawn
}

// groups turns series of bars into groups of them, by their place.
func groups(all []run.Series) []chart.Group {
	var places []float64
	names := map[float64]string{}
	bars := map[float64][]chart.Bar{}
	for _, s := range all {
		for _, p := range s.Points {
			if _, seen := names[p.X]; !seen {
				places = append(places, p.X)
			}
			if names[p.X] == "" {
				names[p.X] = p.Label
			}
			bar := chart.Bar{Name: s.Name, Value: p.Y, Low: p.Low, High: p.High}
			if p.Count > 1 {
				bar.Text = fmt.Sprintf("n=%d", p.Count)
			}
			bars[p.X] = append(bars[p.X], bar)
		}
	}
	slices.Sort(places)
	var drawn []chart.Group
	for _, x := range places {
		drawn = append(drawn, chart.Group{Name: names[x], Bars: bars[x]})
	}
	return gathered(drawn)
}

// gathered makes groups of one bar each, all of one name, one group whose bars
// have the groups' names: the chart's title says what they have in common.
func gathered(all []chart.Group) []chart.Group {
	var one chart.Group
	for _, g := range all {
		if len(all) < 2 || g.Name == "" || len(g.Bars) != 1 || g.Bars[0].Name != all[0].Bars[0].Name {
			return all
		}
		bar := g.Bars[0]
		bar.Name = g.Name
		one.Bars = append(one.Bars, bar)
	}
	if len(one.Bars) == 0 {
		return all
	}
	return []chart.Group{one}
}

func lanes(all []run.Lane) []chart.Lane {
	var drawn []chart.Lane
	for _, l := range all {
		lane := chart.Lane{Name: l.Node, Spans: spans(l.Faults)}
		for _, a := range l.Attempts {
			attempt := chart.Attempt{Began: a.Began, Ended: a.Ended, Refused: a.Code != "", Text: joined(a.Kind, a.Code)}
			if a.Locked != nil {
				attempt.Locked, attempt.Held = *a.Locked, true
			}
			lane.Attempts = append(lane.Attempts, attempt)
		}
		drawn = append(drawn, lane)
	}
	return drawn
}

func spans(marks []run.Mark) []chart.Span {
	var drawn []chart.Span
	for _, m := range marks {
		drawn = append(drawn, chart.Span{From: m.From, To: m.To, Label: m.Label})
	}
	return drawn
}
