package chart

import (
	"fmt"
	"slices"
	"strings"
)

// Lines shows how something changes with something else, one curve a series.
type Lines struct {
	Title, Note string
	X, Y        Axis
	Series      []Series
	Spans       []Span // along x
}

// A Series is a curve. Its points are joined in the order given.
type Series struct {
	Name   string
	Points []Point
	// Claimed marks a curve that somebody wrote down and nobody measured: it is
	// drawn hollow and in a neutral colour.
	Claimed bool
	// Steps says that a value holds until the next point.
	Steps bool
}

// A Point is a value, with its spread from Low to High where High is above Low.
// Text is added to what the point says when it is pointed at.
type Point struct {
	X, Y, Low, High float64
	Text            string
}

// hasSpread is false for a spread of NaN, too.
func (p Point) hasSpread() bool { return p.High > p.Low }

// fewPoints is the most points of a series that are marked one by one. With
// more, markers would hide the curve, and the spread is drawn as a band.
const fewPoints = 30

// describedPoints is the most points of a series that the description spells out.
const describedPoints = 12

func (c Lines) caption() caption {
	var b strings.Builder
	fmt.Fprintf(&b, "%s against %s.", c.Y.Title, c.X.Title)
	for _, s := range c.Series {
		points := s.Points
		if len(points) > describedPoints {
			points = []Point{points[0], points[len(points)-1]}
		}
		var values []string
		for _, p := range points {
			values = append(values, c.Y.format(p.Y)+" at "+c.X.format(p.X))
		}
		fmt.Fprintf(&b, " %s: %s.", s.Name, strings.Join(values, ", "))
	}
	return caption{c.Title, c.Note, b.String()}
}

func (c Lines) draw(s size) picture {
	var xs, ys []float64
	for _, series := range c.Series {
		for _, p := range series.Points {
			if !c.holds(p) {
				continue
			}
			xs, ys = append(xs, p.X), append(ys, p.Y)
			if p.hasSpread() {
				ys = append(ys, p.Low, p.High)
			}
		}
	}
	labels := c.labels(s)
	f := newFrame(s, c.X.scale(xs, false), c.Y.scale(ys, true), c.Y, labels.height(s.plot), labels.room(), c.Spans)

	var p pen
	f.drawSpans(&p, c.Spans)
	f.drawYAxis(&p, c.Y)
	height := f.drawXAxis(&p, c.X)
	if len(ys) == 0 {
		f.drawNothing(&p)
		return picture{p.String(), height}
	}
	for i, series := range c.Series {
		p.begin("g", "class", labels[i].class)
		c.drawSeries(&p, f, series, labels[i].style)
		p.end("g")
	}
	labels.draw(&p, f)
	return picture{p.String(), height}
}

// drawNothing says that there are no data.
func (f frame) drawNothing(p *pen) {
	p.text("tick", "middle", (f.left+f.right)/2, (f.top+f.bottom)/2, "no data")
}

func (c Lines) holds(p Point) bool { return c.X.Scale.holds(p.X) && c.Y.Scale.holds(p.Y) }

// styles returns the style of each series. Claimed ones take no colour from the others.
func (c Lines) styles() []style {
	var styles []style
	measured := 0
	for _, s := range c.Series {
		if s.Claimed {
			styles = append(styles, claimed)
			continue
		}
		styles = append(styles, styleOf(measured))
		measured++
	}
	return styles
}

func (c Lines) labels(s size) endLabels {
	var labels endLabels
	for i, style := range c.styles() {
		series := c.Series[i]
		l := endLabel{style: style, name: series.Name, lines: shortened(series.Name, s.label, 3)}
		for _, p := range slices.Backward(series.Points) {
			if c.holds(p) {
				l.end, l.ends = p, true
				break
			}
		}
		labels = append(labels, l)
	}
	return labels
}

func (c Lines) drawSeries(p *pen, f frame, s Series, st style) {
	few := len(s.Points) <= fewPoints
	for _, run := range c.runs(s.Points) {
		if few {
			c.drawWhiskers(p, f, run)
		} else {
			c.drawBand(p, f, run)
		}
		p.curve(st, polyline(s.corners(f, run)))
	}
	for _, point := range s.Points {
		if !c.holds(point) {
			continue
		}
		at := spot{f.x.at(point.X), f.y.at(point.Y)}
		p.begin("g", "class", "point")
		p.tagged("title", c.says(s, point))
		if few {
			p.marker(st, at, 4)
			p.hit(at, 11)
		} else {
			p.hit(at, 6)
		}
		p.end("g")
	}
}

// runs cuts points at those that the axes cannot hold.
func (c Lines) runs(points []Point) [][]Point {
	var runs [][]Point
	gap := true
	for _, p := range points {
		if !c.holds(p) {
			gap = true
			continue
		}
		if gap {
			runs, gap = append(runs, nil), false
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], p)
	}
	return runs
}

func (s Series) corners(f frame, points []Point) []spot {
	var spots []spot
	for _, p := range points {
		spots = append(spots, spot{f.x.at(p.X), f.y.at(p.Y)})
	}
	if s.Steps {
		return staircase(spots)
	}
	return spots
}

func (c Lines) drawWhiskers(p *pen, f frame, points []Point) {
	for _, point := range points {
		if !point.hasSpread() {
			continue
		}
		x, low, high := f.x.at(point.X), f.y.at(point.Low), f.y.at(point.High)
		p.line("whisker", x, low, x, high)
		p.line("whisker", x-4, low, x+4, low)
		p.line("whisker", x-4, high, x+4, high)
	}
}

func (c Lines) drawBand(p *pen, f frame, points []Point) {
	var upper, lower []spot
	for _, point := range points {
		if !point.hasSpread() {
			continue
		}
		x := f.x.at(point.X)
		upper = append(upper, spot{x, f.y.at(point.High)})
		lower = append(lower, spot{x, f.y.at(point.Low)})
	}
	if len(upper) == 0 {
		return
	}
	slices.Reverse(lower)
	p.empty("path", "class", "band", "d", polyline(append(upper, lower...))+"z")
}

// hit writes what can be pointed at for a mark: larger than the mark, and unseen.
func (p *pen) hit(at spot, radius float64) {
	p.empty("circle", "class", "hit", "cx", num(at.x), "cy", num(at.y), "r", num(radius))
}

// says returns what a point says when it is pointed at.
func (c Lines) says(s Series, p Point) string {
	text := s.Name + "\n" + c.X.Title + ": " + c.X.format(p.X) + "\n" + c.Y.Title + ": " + c.Y.format(p.Y)
	if p.hasSpread() {
		text += " (" + c.Y.format(p.Low) + " to " + c.Y.format(p.High) + ")"
	}
	if p.Text != "" {
		text += "\n" + p.Text
	}
	return text
}
