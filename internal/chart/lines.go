package chart

import (
	"fmt"
	"slices"
	"strings"

	"example.com/contend/internal/run"
)

// lines shows how something changes with something else, one curve a series. A claimed
// one is drawn hollow and in a neutral colour.
type lines struct {
	*run.Chart
	x, y    axis
	presets Presets
}

// fewPoints is the most points of a series that are marked one by one. With
// more, markers would hide the curve, and the spread is drawn as a band.
const fewPoints = 30

// describedPoints is the most points of a series that the description lists.
const describedPoints = 12

func (c lines) summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s against %s.", c.y.title, c.x.title)
	for _, s := range c.Series {
		points := s.Points
		if len(points) > describedPoints {
			points = []run.Point{points[0], points[len(points)-1]}
		}
		var values []string
		for _, p := range points {
			values = append(values, c.y.format(p.Y)+" at "+c.x.format(p.X))
		}
		fmt.Fprintf(&b, " %s: %s.", s.Name, strings.Join(values, ", "))
	}
	return b.String()
}

func (c lines) draw(s size) (body string, height float64) {
	var xs, ys []float64
	for _, series := range c.Series {
		for _, p := range series.Points {
			if !c.holds(p) {
				continue
			}
			xs, ys = append(xs, p.X), append(ys, p.Y)
			if hasSpread(p) {
				ys = append(ys, p.Low, p.High)
			}
		}
	}
	labels := c.labels(s)
	f := newFrame(s, c.x.scale(xs, false), c.y.scale(ys, true), c.y, labels.height(s.plot), labels.room(), c.Marks)

	var p pen
	f.drawMarks(&p, c.Marks)
	f.drawYAxis(&p, c.y)
	height = f.drawXAxis(&p, c.x)
	if len(ys) == 0 {
		f.drawNothing(&p)
		return p.String(), height
	}
	for _, front := range []bool{false, true} { // a preset lies over the others
		for i, series := range c.Series {
			if _, preset := presetStyles[c.presets[series.Name]]; preset == front {
				p.begin("g", "class", labels[i].class)
				c.drawSeries(&p, f, series, labels[i].style)
				p.end("g")
			}
		}
	}
	labels.draw(&p, f)
	return p.String(), height
}

func (c lines) holds(p run.Point) bool { return c.x.holds(p.X) && c.y.holds(p.Y) }

// labels returns the label of each series, with its style.
func (c lines) labels(s size) endLabels {
	var labels endLabels
	styles := stylesOf(c.Series, c.presets)
	for i, series := range c.Series {
		l := endLabel{style: styles[i], name: series.Name, lines: shortened(series.Name, s.label, 3)}
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

func (c lines) drawSeries(p *pen, f frame, s run.Series, st style) {
	few := len(s.Points) <= fewPoints
	for points := s.Points; len(points) > 0; {
		// A run ends at a point that the axes cannot hold.
		n := slices.IndexFunc(points, func(p run.Point) bool { return !c.holds(p) })
		if n < 0 {
			n = len(points)
		}
		if n > 0 {
			c.drawRun(p, f, st, points[:n], few)
		}
		points = points[min(n+1, len(points)):]
	}
	for _, point := range s.Points {
		if !c.holds(point) {
			continue
		}
		at := spot{f.x.at(point.X), f.y.at(point.Y)}
		p.begin("g", "class", "point")
		words := point.Label
		if point.Count > 1 { // of how many values it is the middle
			words = strings.TrimPrefix(fmt.Sprintf("%s, n=%d", words, point.Count), ", ")
		}
		p.tip(s.Name, c.x.title+": "+c.x.format(point.X), c.y.says(point), words)
		radius := 6.0
		if few {
			p.marker(st, at, 4)
			radius = 11
		}
		p.hit(at, radius)
		p.end("g")
	}
}

// drawRun draws points that are joined, with their spread: as whiskers where
// they are few, else as a band.
func (c lines) drawRun(p *pen, f frame, st style, points []run.Point, few bool) {
	var spots, upper, lower []spot
	for _, point := range points {
		x := f.x.at(point.X)
		spots = append(spots, spot{x, f.y.at(point.Y)})
		if !hasSpread(point) {
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
	p.curve(st, polyline(spots))
}
