package experiment

import (
	"cmp"
	"slices"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/fault"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/trace"
)

// A Plot makes a chart of the evidence of an experiment's arms. It returns a
// chart without series or lanes where there is nothing to show.
type Plot func(arms []Evidence) Chart

// A Chart is a picture as data: every number that it shows. Package report
// draws it.
type Chart struct {
	Kind   string   `json:"kind"` // one of the Chart… constants
	Title  string   `json:"title"`
	Place  string   `json:"place"`          // where what it shows was recorded
	Note   string   `json:"note,omitempty"` // one sentence for the reader
	X      Axis     `json:"x"`
	Y      Axis     `json:"y"`
	Series []Series `json:"series"`
	Lanes  []Lane   `json:"lanes"`
	Marks  []Mark   `json:"marks"`
}

// Kinds of charts.
const (
	ChartLines = "lines" // a point for each level, with its spread
	ChartTime  = "time"  // a line over time
	ChartWaits = "waits" // the share of requests that were answered within x
	ChartBars  = "bars"  // X is the place of a group of bars, in order; Point.Label names it
	ChartLanes = "lanes" // who had the write lock when
)

// An Axis says what its numbers are.
type Axis struct {
	Label   string `json:"label"`
	Unit    string `json:"unit,omitempty"`
	Log     bool   `json:"log,omitempty"`
	Percent bool   `json:"percent,omitempty"` // its numbers are shares from 0 to 1
}

// A Series is a line of points, or the bars of one colour.
type Series struct {
	Name    string  `json:"name"`
	Claimed bool    `json:"claimed,omitempty"` // it is what the source says, not what was measured
	Points  []Point `json:"points"`
}

// A Point is a measured value: the median of Count repeats, or the figure of
// Count requests, with how far they spread.
type Point struct {
	X     float64 `json:"x"`
	Y     float64 `json:"y"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Count int     `json:"count"`
	Label string  `json:"label,omitempty"`
}

// A Lane is what one node did.
type Lane struct {
	Node     string        `json:"node"`
	Attempts []LaneAttempt `json:"attempts"`
	Faults   []Mark        `json:"faults"`
}

// A LaneAttempt is one try at the database, in ms from the load's start.
type LaneAttempt struct {
	Kind   string   `json:"kind"`
	Began  float64  `json:"began_ms"`
	Locked *float64 `json:"locked_ms"` // null: it never had the write lock
	Ended  float64  `json:"ended_ms"`
	Code   string   `json:"code,omitempty"`
}

// A Mark is a place or a stretch on the x axis that has a name.
type Mark struct {
	From  float64 `json:"from"`
	To    float64 `json:"to"` // the same as From for a place
	Label string  `json:"label"`
}

// LevelPlot returns a plot of figure f against the level of the trials, a line
// for each arm, beside what a source claims.
func LevelPlot(title string, x, y Axis, f Figure, claimed ...Series) Plot {
	return func(arms []Evidence) Chart {
		c := Chart{Kind: ChartLines, Title: title, X: x, Y: y}
		for i := range arms {
			if s := levels(&arms[i], f); len(s.Points) > 0 {
				c.Series = append(c.Series, s)
			}
		}
		if len(c.Series) > 0 {
			c.Series = append(c.Series, claimed...)
		}
		return c
	}
}

func levels(arm *Evidence, f Figure) Series {
	s := Series{Name: arm.Arm}
	for i := range arm.Trials {
		t := &arm.Trials[i]
		if spread := t.Spread(f.Of); spread.Count > 0 {
			s.Points = append(s.Points, pointOf(t.Level, spread))
		}
	}
	return s
}

func pointOf(x float64, s measure.Spread) Point {
	return Point{X: x, Y: s.Median, Low: s.Min, High: s.Max, Count: s.Count}
}

// WaitsPlot returns a plot of how long clients waited in the arms that match,
// whatever came of their requests: for each wait, the share of requests that
// were over by then. A nil match takes every arm.
func WaitsPlot(title string, match func(*Evidence) bool, marks ...Mark) Plot {
	return func(arms []Evidence) Chart {
		c := Chart{
			Kind: ChartWaits, Title: title, Marks: marks,
			X: Axis{Label: "wait", Unit: "ms", Log: true}, Y: Axis{Label: "share of requests", Percent: true},
		}
		for i := range arms {
			if match != nil && !match(&arms[i]) {
				continue
			}
			var ops []history.Op
			for r := range arms[i].All {
				ops = append(ops, r.ClientOps()...)
			}
			if len(ops) > 0 {
				c.Series = append(c.Series, Series{Name: arms[i].Arm, Points: waits(ops)})
			}
		}
		return c
	}
}

// waits returns the distribution of latencies as at most 100 points.
func waits(ops []history.Op) []Point {
	var points []Point
	for _, step := range measure.Cumulative(ops, 100) {
		points = append(points, Point{X: step.Milliseconds, Y: step.Share, Low: step.Share, High: step.Share, Count: len(ops)})
	}
	return points
}

// LanesPlot returns a plot of who had the write lock when, in the first
// recording of the arm.
func LanesPlot(title, arm string) Plot {
	return func(arms []Evidence) Chart {
		c := Chart{
			Kind: ChartLanes, Title: title, X: Axis{Label: "time", Unit: "ms"},
			Note: "In " + arm + ". An attempt waits from its first statement until it has the write lock, if it ever has.",
		}
		for i := range arms {
			if arms[i].Arm != arm {
				continue
			}
			for r := range arms[i].All {
				c.Lanes = lanes(r)
				break
			}
		}
		return c
	}
}

// lanes returns a lane for each node of which anything is known.
func lanes(r *Recording) []Lane {
	byNode := map[string]*Lane{}
	of := func(node string) *Lane {
		if byNode[node] == nil {
			byNode[node] = &Lane{Node: node}
		}
		return byNode[node]
	}
	since := func(t int64) float64 { return milliseconds(time.Duration(t - r.Started.UnixNano())) }
	for _, a := range r.Attempts {
		if a.Kind == trace.Hold {
			continue // the fault says it
		}
		attempt := LaneAttempt{Kind: a.Kind, Began: since(a.Began), Ended: since(a.Ended), Code: a.Code}
		if a.Locked != 0 {
			locked := since(a.Locked)
			attempt.Locked = &locked
		}
		lane := of(a.Node)
		lane.Attempts = append(lane.Attempts, attempt)
	}
	for _, event := range r.Faults {
		if event.Kind != fault.KindLook {
			lane := of(event.Node)
			lane.Faults = append(lane.Faults, Mark{since(event.From.UnixNano()), since(event.To.UnixNano()), event.Kind})
		}
	}
	var all []Lane
	for _, lane := range byNode {
		all = append(all, *lane)
	}
	slices.SortFunc(all, func(a, b Lane) int { return cmp.Compare(a.Node, b.Node) })
	return all
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// BarsPlot returns a plot of figure f with a bar for each trial of the arms
// that match; a nil match takes every arm. Trials of one arm stand together.
func BarsPlot(title string, y Axis, f Figure, match func(*Evidence) bool) Plot {
	return func(arms []Evidence) Chart {
		c := Chart{Kind: ChartBars, Title: title, Y: y}
		place := map[string]int{} // of a series, by the trial's name
		group := 0
		for i := range arms {
			if match != nil && !match(&arms[i]) {
				continue
			}
			for j := range arms[i].Trials {
				t := &arms[i].Trials[j]
				spread := t.Spread(f.Of)
				if spread.Count == 0 {
					continue
				}
				at, seen := place[t.Name]
				if !seen {
					at = len(c.Series)
					place[t.Name] = at
					c.Series = append(c.Series, Series{Name: t.Name})
				}
				p := pointOf(float64(group), spread)
				p.Label = arms[i].Arm
				c.Series[at].Points = append(c.Series[at].Points, p)
			}
			group++
		}
		return c
	}
}
