package chart

import (
	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
)

// An axis is one direction of a chart.
type axis struct {
	title string // what is measured: "refused requests"
	kind
	unit
}

// axisOf names the unit in the title where the numbers do not carry it.
func axisOf(a run.Axis) axis {
	drawn := axis{title: a.Label}
	if a.Log {
		drawn.kind = log
	}
	switch {
	case a.Percent:
		drawn.unit = share
	case a.Unit == "ms":
		drawn.unit = milliseconds
	case a.Unit != "":
		drawn.title += ", " + a.Unit
	}
	return drawn
}

// A unit is what a value counts, and so how it is written.
type unit int

const (
	number       unit = iota // 12,500
	share                    // from 0 to 1, written in percent: 26.5 %; a linear axis of shares reaches from 0 to 100 %
	milliseconds             // 850 µs, 12 ms, 5.03 s
)

// format writes a value with its unit. 0 ms is "0", as at the start of an axis.
func (u unit) format(v float64) string {
	switch {
	case u == share:
		return units.Percent(v)
	case u == milliseconds && v != 0:
		return units.Milliseconds(v)
	}
	return units.Number(v)
}

// scale returns the scale of the axis for some values.
func (a axis) scale(values []float64, round bool) scale {
	if a.unit == share && a.kind == linear {
		values = append(values, 0, 1)
	}
	return newScale(a.kind, values, round)
}

// hasSpread reports whether there is a spread from Low to High; not for a NaN.
func hasSpread(p run.Point) bool { return p.High > p.Low }

// says is the value of a point in a tooltip, with its spread: "mean wait: 12 ms (9 ms to 15 ms)".
func (a axis) says(p run.Point) string {
	text := a.title + ": " + a.format(p.Y)
	if hasSpread(p) {
		text += " (" + a.format(p.Low) + " to " + a.format(p.High) + ")"
	}
	return text
}

// isLine reports whether a mark is of one value. It is drawn as a line, any other as a
// shaded range, each with its label above the plot.
func isLine(m run.Mark) bool { return !(m.To > m.From) }

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
// and, above it, for the title of the y axis and the labels of the marks.
func newFrame(s size, x, y scale, yAxis axis, height, room float64, marks []run.Mark) frame {
	f := frame{size: s, right: s.width - room}
	f.y = y.over(height, 0)
	f.left = tickGap + margin
	for _, v := range f.yTicks() {
		f.left = max(f.left, textWidth(yAxis.format(v))+tickGap)
	}
	f.x = x.over(f.left, f.right)
	_, rows := f.markRows(marks)
	f.top = lineHeight*float64(len(f.yTitle(yAxis))+rows) + 16
	f.bottom = f.top + height
	f.y = y.over(f.bottom, f.top)
	return f
}

func (f frame) yTitle(y axis) []string { return wrap(y.title, f.width-margin) }

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

func (f frame) xTicks(x axis) []float64 {
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

// markRows returns where the label of each mark goes, and how many rows they take.
func (f frame) markRows(marks []run.Mark) (rows []int, count int) {
	if f.small {
		return nil, 0
	}
	var places []interval
	for _, m := range marks {
		places = append(places, f.markLabel(m))
	}
	return packed(places, 10)
}

// markLabel returns the stretch that the label of a mark takes: over the middle
// of it, moved to lie within the picture.
func (f frame) markLabel(m run.Mark) interval {
	width := textWidth(m.Label)
	from, to := f.markEdges(m)
	start := min(max((from+to-width)/2, f.left), f.width-margin-width)
	return interval{start, start + width}
}

func (f frame) markEdges(m run.Mark) (from, to float64) {
	if isLine(m) {
		return f.x.at(m.From), f.x.at(m.From)
	}
	return f.x.at(m.From), f.x.at(m.To)
}

// drawXGrid draws a line up from each tick of the x axis.
func (f frame) drawXGrid(p *pen, x axis) {
	for _, v := range f.xTicks(x) {
		p.line("grid", f.x.at(v), f.top, f.x.at(v), f.bottom)
	}
}

// drawNothing writes that there are no data.
func (f frame) drawNothing(p *pen) {
	p.text("tick", "middle", (f.left+f.right)/2, (f.top+f.bottom)/2, "no data")
}

// drawYAxis draws the title, the grid and the labels of the y axis.
func (f frame) drawYAxis(p *pen, y axis) {
	p.lines("axis-title", "start", 0, lineHeight-2, f.yTitle(y))
	for _, v := range f.yTicks() {
		at := f.y.at(v)
		p.line("grid", f.left, at, f.right, at)
		p.text("tick", "end", f.left-tickGap, at+4.5, y.format(v))
	}
}

// drawXAxis draws the ground line, the labels and the title of the x axis, and
// returns the height of the picture.
func (f frame) drawXAxis(p *pen, x axis) float64 {
	p.line("ground", f.left, f.bottom, f.right, f.bottom)
	for _, v := range f.xTicks(x) {
		at := f.x.at(v)
		p.line("ground", at, f.bottom, at, f.bottom+4)
		p.text("tick", "middle", at, f.bottom+4+lineHeight, x.format(v))
	}
	end := f.bottom + 4 + lineHeight
	if x.title == "" {
		return end + margin
	}
	title := wrap(x.title, f.width-f.left-margin)
	middle := min((f.left+f.right)/2, f.width-widest(title)/2)
	p.lines("axis-title", "middle", middle, end+lineHeight+3, title)
	return end + 3 + lineHeight*float64(len(title)) + margin
}

// drawMarks draws the shaded ranges and the marked values, and their labels.
func (f frame) drawMarks(p *pen, marks []run.Mark) {
	rows, _ := f.markRows(marks)
	for i, m := range marks {
		from, to := f.markEdges(m)
		y := f.top // of the label; the first row is the lowest, next to the plot
		if !f.small {
			y -= 9 + lineHeight*float64(rows[i])
			p.text("span-label", "start", f.markLabel(m).from, y, m.Label)
		}
		if isLine(m) {
			p.line("mark", from, min(y+3, f.top), from, f.bottom)
		} else {
			p.rect("span", from, f.top, to-from, f.bottom-f.top)
			p.line("span-edge", from, f.top, max(to, from+1), f.top)
		}
	}
}
