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
// Text is added to its tooltip.
type Point struct {
	X, Y, Low, High float64
	Text            string
}

// fewPoints is the most points of a series that are marked one by one. With
// more, markers would hide the curve, and the spread is drawn as a band.
const fewPoints = 30

// describedPoints is the most points of a series that the description lists.
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
			if hasSpread(p.Low, p.High) {
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

func (c Lines) holds(p Point) bool { return c.X.Scale.holds(p.X) && c.Y.Scale.holds(p.Y) }

// labels returns the label of each series, with its style. Claimed series take no
// colour from the others.
func (c Lines) labels(s size) endLabels {
	var labels endLabels
	measured := 0
	for _, series := range c.Series {
		l := endLabel{style: claimed, name: series.Name, lines: shortened(series.Name, s.label, 3)}
		if !series.Claimed {
			l.style = styleOf(measured)
			measured++
		}
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
	for points := s.Points; len(points) > 0; {
		// A run ends at a point that the axes cannot hold.
		n := slices.IndexFunc(points, func(p Point) bool { return !c.holds(p) })
		switch n {
		case -1:
			c.drawRun(p, f, s, st, points, few)
			points = nil
		case 0:
			points = points[1:]
		default:
			c.drawRun(p, f, s, st, points[:n], few)
			points = points[n:]
		}
	}
	for _, point := range s.Points {
		if !c.holds(point) {
			continue
		}
		at := spot{f.x.at(point.X), f.y.at(point.Y)}
		p.begin("g", "class", "point")
		title := s.Name + "\n" + c.X.Title + ": " + c.X.format(point.X) + "\n" + c.Y.says(point.Y, point.Low, point.High)
		p.tagged("title", strings.TrimSuffix(title+"\n"+point.Text, "\n"))
		if few {
			p.marker(st, at, 4)
			p.hit(at, 11)
		} else {
			p.hit(at, 6)
		}
		p.end("g")
	}
}

// drawRun draws points that are joined, with their spread: as whiskers where
// they are few, else as a band.
func (c Lines) drawRun(p *pen, f frame, s Series, st style, points []Point, few bool) {
	var spots, upper, lower []spot
	for _, point := range points {
		x := f.x.at(point.X)
		spots = append(spots, spot{x, f.y.at(point.Y)})
		if !hasSpread(point.Low, point.High) {
			continue
		}
		low, high := f.y.at(point.Low), f.y.at(point.High)
		upper, lower = append(upper, spot{x, high}), append(lower, spot{x, low})
		if few {
			p.line("whisker", x, low, x, high)
			p.line("whisker", x-4, low, x+4, low)
			p.line("whisker", x-4, high, x+4, high)
		}
	}
	if !few && len(upper) > 0 {
		slices.Reverse(lower)
		p.empty("path", "class", "band", "d", polyline(append(upper, lower...))+"z")
	}
	if s.Steps {
		spots = staircase(spots)
	}
	p.curve(st, polyline(spots))
}
