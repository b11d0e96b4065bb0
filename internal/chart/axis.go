package chart

import "example.com/contend/internal/units"

// An Axis is one direction of a chart.
type Axis struct {
	Title string // what is measured: "refused requests"
	Scale Scale
	Unit  Unit
	Names []string // of the values 0, 1, 2, … of an Ordinal axis
}

// A Unit is what a value counts, and so how it is written.
type Unit int

const (
	// Number is a plain number: 12,500.
	Number Unit = iota
	// Share is a part of a whole, from 0 to 1, written in percent: 26.5 %. A
	// linear axis of shares always reaches from 0 to 100 %.
	Share
	// Milliseconds is a time, written in the unit that suits it: 850 µs, 12 ms, 5.03 s.
	Milliseconds
)

// format writes a value with its unit. 0 ms is "0", as at the start of an axis.
func (u Unit) format(v float64) string {
	switch {
	case u == Share:
		return units.Percent(v)
	case u == Milliseconds && v != 0:
		return units.Milliseconds(v)
	}
	return units.Number(v)
}

// scale returns the scale of the axis for some values.
func (a Axis) scale(values []float64, round bool) scale {
	if a.Unit == Share && a.Scale == Linear {
		values = append(values, 0, 1)
	}
	return newScale(a.Scale, values, round)
}

// format writes a value of the axis.
func (a Axis) format(v float64) string {
	if i := int(v); a.Scale == Ordinal && i >= 0 && i < len(a.Names) && float64(i) == v {
		return a.Names[i]
	}
	return a.Unit.format(v)
}

// hasSpread reports whether there is a spread from low to high; not for a NaN.
func hasSpread(low, high float64) bool { return high > low }

// says is a value in a tooltip, with its spread: "mean wait: 12 ms (9 ms to 15 ms)".
func (a Axis) says(v, low, high float64) string {
	text := a.Title + ": " + a.format(v)
	if hasSpread(low, high) {
		text += " (" + a.format(low) + " to " + a.format(high) + ")"
	}
	return text
}

// A Span is a time or a range that has a name: a fault, an overload. It is
// shaded, with its label above the plot; where To is From or less it is a line.
type Span struct {
	From, To float64
	Label    string
}

// isLine reports whether the span marks one value.
func (s Span) isLine() bool { return !(s.To > s.From) }

// A frame is the area of the data with its axes.
type frame struct {
	size
	x, y                     scale
	left, right, top, bottom float64
}

// Room around the plot, in the units of the viewBox.
const (
	tickGap  = 8.0  // between a tick label and the plot
	labelGap = 22.0 // between the plot and the names of the series
	margin   = 6.0  // at the outer edge
)

// newFrame lays out the axes over a plot of some height, with room at its right
// and, above it, for the title of the y axis and the labels of the spans.
func newFrame(s size, x, y scale, yAxis Axis, height, room float64, spans []Span) frame {
	f := frame{size: s, right: s.width - room}
	f.y = y.over(height, 0)
	f.left = tickGap + margin
	for _, v := range f.yTicks() {
		f.left = max(f.left, textWidth(yAxis.format(v))+tickGap)
	}
	f.x = x.over(f.left, f.right)
	_, rows := f.spanRows(spans)
	f.top = lineHeight*float64(len(f.yTitle(yAxis))+rows) + 16
	f.bottom = f.top + height
	f.y = y.over(f.bottom, f.top)
	return f
}

func (f frame) yTitle(y Axis) []string { return wrap(y.Title, f.width-margin) }

func (f frame) yTicks() []float64 {
	return f.y.ticks(func(ticks []float64) bool {
		for i := 1; i < len(ticks); i++ {
			if f.y.at(ticks[i-1])-f.y.at(ticks[i]) < 1.9*lineHeight {
				return false
			}
		}
		return true
	})
}

func (f frame) xTicks(x Axis) []float64 {
	return f.x.ticks(func(ticks []float64) bool {
		end := 0.0
		for _, v := range ticks {
			half := textWidth(x.format(v)) / 2
			if f.x.at(v)-half < end || f.x.at(v)+half > f.width+2 {
				return false
			}
			end = f.x.at(v) + half + 10
		}
		return true
	})
}

// spanRows returns where the label of each span goes, and how many rows they take.
func (f frame) spanRows(spans []Span) (rows []int, count int) {
	var places []interval
	for _, s := range spans {
		places = append(places, f.spanLabel(s))
	}
	return packed(places, 10)
}

// spanLabel returns the stretch that the label of a span takes: over the middle
// of the span, moved to lie within the picture.
func (f frame) spanLabel(s Span) interval {
	width := textWidth(s.Label)
	from, to := f.spanEdges(s)
	start := min(max((from+to-width)/2, f.left), f.width-margin-width)
	return interval{start, start + width}
}

func (f frame) spanEdges(s Span) (from, to float64) {
	if s.isLine() {
		return f.x.at(s.From), f.x.at(s.From)
	}
	return f.x.at(s.From), f.x.at(s.To)
}

// drawXGrid draws a line up from each tick of the x axis.
func (f frame) drawXGrid(p *pen, x Axis) {
	for _, v := range f.xTicks(x) {
		p.line("grid", f.x.at(v), f.top, f.x.at(v), f.bottom)
	}
}

// drawNothing writes that there are no data.
func (f frame) drawNothing(p *pen) {
	p.text("tick", "middle", (f.left+f.right)/2, (f.top+f.bottom)/2, "no data")
}

// drawYAxis draws the title, the grid and the labels of the y axis.
func (f frame) drawYAxis(p *pen, y Axis) {
	p.lines("axis-title", "start", 0, lineHeight-2, f.yTitle(y))
	for _, v := range f.yTicks() {
		at := f.y.at(v)
		p.line("grid", f.left, at, f.right, at)
		p.text("tick", "end", f.left-tickGap, at+4.5, y.format(v))
	}
}

// drawXAxis draws the ground line, the labels and the title of the x axis, and
// returns the height of the picture.
func (f frame) drawXAxis(p *pen, x Axis) float64 {
	p.line("ground", f.left, f.bottom, f.right, f.bottom)
	for _, v := range f.xTicks(x) {
		at := f.x.at(v)
		p.line("ground", at, f.bottom, at, f.bottom+4)
		p.text("tick", "middle", at, f.bottom+4+lineHeight, x.format(v))
	}
	end := f.bottom + 4 + lineHeight
	if x.Title == "" {
		return end + margin
	}
	title := wrap(x.Title, f.width-f.left-margin)
	middle := min((f.left+f.right)/2, f.width-widest(title)/2)
	p.lines("axis-title", "middle", middle, end+lineHeight+3, title)
	return end + 3 + lineHeight*float64(len(title)) + margin
}

// drawSpans draws the shaded ranges and the marked values, and their labels.
func (f frame) drawSpans(p *pen, spans []Span) {
	rows, _ := f.spanRows(spans)
	for i, s := range spans {
		from, to := f.spanEdges(s)
		// The first row is the lowest: its labels are next to the plot.
		y := f.top - 9 - lineHeight*float64(rows[i])
		if s.isLine() {
			p.line("mark", from, y+3, from, f.bottom)
		} else {
			p.rect("span", from, f.top, to-from, f.bottom-f.top)
			p.line("span-edge", from, f.top, max(to, from+1), f.top)
		}
		label := f.spanLabel(s)
		p.text("span-label", "start", label.from, y, s.Label)
	}
}
