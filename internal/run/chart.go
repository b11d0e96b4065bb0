package run

import "slices"

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

// Add appends p to the series called name, which is new where the chart has none.
func (c *Chart) Add(name string, p Point) {
	i := slices.IndexFunc(c.Series, func(s Series) bool { return s.Name == name })
	if i < 0 {
		i = len(c.Series)
		c.Series = append(c.Series, Series{Name: name})
	}
	c.Series[i].Points = append(c.Series[i].Points, p)
}

// Kinds of charts.
const (
	ChartLines = "lines" // a point for each level, with its spread
	ChartTime  = "time"  // a line over time
	ChartWaits = "waits" // the share of requests that were answered within x
	ChartBars  = "bars"  // X is the place of a group of bars, in order; Point.Label names it
	ChartLanes = "lanes" // who had the write lock when

	ChartStacks = "stacks" // X is the place of a bar, in order, and Point.Label names it; each series is a part of the bars
)

// An Axis says what its numbers are.
type Axis struct {
	Label   string `json:"label"`
	Unit    string `json:"unit,omitempty"`
	Log     bool   `json:"log,omitempty"`
	Percent bool   `json:"percent,omitempty"` // its numbers are shares from 0 to 1
}

// A Series is a line of points, the bars of one colour, or one part of all bars.
type Series struct {
	Name    string  `json:"name"`
	Claimed bool    `json:"claimed,omitempty"` // it is what the source says, not what was measured
	Harm    Topic   `json:"harm,omitempty"`    // what it counts: AboutLost, AboutRefused, AboutKept; empty: none of them
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

	// Of bars that are drawn and not stored: what stands for the value, and a line for its tooltip.
	Shown, Tip string `json:"-"`
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
