package chart

import (
	"slices"
	"strings"

	"example.com/contend/internal/run"
)

// distribution shows, for several arms, which share of the waits was over within a
// time, on a logarithmic axis of time. The points of each series ascend: X is the time
// in ms, and Y the share of all, from 0 to 1, that was over by then. The last share is
// below 1 where some were never over.
type distribution struct {
	*run.Chart
	presets Presets
}

// marked are the shares at which a curve carries its marker and says its time.
var marked = []float64{0.5, 0.9, 0.99, 1}

// within returns the time within which a share was over; false where it never was.
func within(c run.Series, share float64) (ms float64, ok bool) {
	i := slices.IndexFunc(c.Points, func(p run.Point) bool { return p.Y >= share-slack })
	if i < 0 {
		return 0, false
	}
	return c.Points[i].X, true
}

// timesOf tells the marked times: "50 % within 12 ms, 90 % within 80 ms".
func timesOf(c run.Series) string {
	var parts []string
	for _, part := range marked {
		if ms, ok := within(c, part); ok {
			parts = append(parts, share.format(part)+" within "+milliseconds.format(ms))
		}
	}
	if n := len(c.Points); n > 0 && c.Points[n-1].Y < 1-slack {
		parts = append(parts, share.format(1-c.Points[n-1].Y)+" never")
	}
	return strings.Join(parts, ", ")
}

func (d distribution) summary() string {
	text := d.Y.Label + ", cumulated over " + d.X.Label + "."
	for _, c := range d.Series {
		text += " " + c.Name + ": " + timesOf(c) + "."
	}
	return text
}

func (d distribution) draw(s size) (body string, height float64) {
	x, y := axis{d.X.Label, log, milliseconds}, axis{d.Y.Label, linear, share}
	styles := stylesOf(d.Series, d.presets)
	var times []float64
	for _, mark := range d.Marks {
		times = append(times, mark.From)
	}
	for _, c := range d.Series {
		for _, p := range held(c) {
			times = append(times, p.X)
		}
	}
	f := newFrame(s, x.scale(times, false), y.scale(nil, true), y, s.plot, 2*margin, d.Marks)
	names, inside := d.namesInside(f)
	var labels endLabels
	if !inside {
		// At the right of the plot. No line joins them to their curves: where these
		// end says nothing, as most end at 100 %.
		for i, c := range d.Series {
			labels = append(labels, endLabel{style: styles[i], name: c.Name, lines: shortened(c.Name, s.label, 3)})
		}
		f = newFrame(s, x.scale(times, false), y.scale(nil, true), y, labels.height(s.plot), labels.room(), d.Marks)
	}

	var p pen
	f.drawMarks(&p, d.Marks)
	f.drawYAxis(&p, y)
	height = f.drawXAxis(&p, x)
	if len(times) == 0 {
		f.drawNothing(&p)
	}
	for i, c := range d.Series {
		p.begin("g", "class", styles[i].class)
		drawCurve(&p, f, c, styles[i])
		p.end("g")
	}
	for i, at := range names {
		p.begin("g", "class", styles[i].class)
		p.text("label halo named", "start", at.left, at.bottom-3, d.Series[i].Name)
		p.end("g")
	}
	labels.draw(&p, f)
	return p.String(), height
}

// held returns the points that the axes can hold.
func held(c run.Series) []run.Point {
	return slices.DeleteFunc(slices.Clone(c.Points), func(p run.Point) bool {
		return !log.holds(p.X) || !(p.Y >= 0 && p.Y <= 1+slack)
	})
}

// corners returns those of the curve: it rises at the time of each point.
func corners(c run.Series, f frame) []spot {
	var all []spot
	before := f.bottom
	for _, p := range held(c) {
		x, y := f.x.at(p.X), f.y.at(p.Y)
		all = append(all, spot{x, before}, spot{x, y})
		before = y
	}
	return all
}

func drawCurve(p *pen, f frame, c run.Series, st style) {
	spots := corners(c, f)
	if len(spots) == 0 {
		return
	}
	p.curve(st, polyline(spots))
	for _, share := range marked {
		ms, ok := within(c, share)
		if !ok || !log.holds(ms) {
			continue
		}
		at := spot{f.x.at(ms), f.y.at(share)}
		p.begin("g", "class", "point")
		p.tip(c.Name, timesOf(c))
		p.marker(st, at, 4)
		p.hit(at, 11)
		p.end("g")
	}
}

// A box is a rectangle of the picture.
type box struct{ left, top, right, bottom float64 }

func (b box) meets(o box) bool {
	return b.left < o.right && o.left < b.right && b.top < o.bottom && o.top < b.bottom
}

// namesInside looks for a place beside each curve where its name meets no curve
// and no other name. It returns false when a name has no such place.
func (d distribution) namesInside(f frame) ([]box, bool) {
	var taken []box
	for _, m := range d.Marks {
		if from, to := f.markEdges(m); isLine(m) {
			taken = append(taken, box{from - 2, f.top, to + 2, f.bottom})
		}
	}
	for _, c := range d.Series {
		spots := corners(c, f)
		for i := 1; i < len(spots); i++ { // the lines between them, with room for markers
			a, b := spots[i-1], spots[i]
			taken = append(taken, box{min(a.x, b.x) - 4, min(a.y, b.y) - 4, max(a.x, b.x) + 4, max(a.y, b.y) + 4})
		}
	}
	var names []box
	for _, c := range d.Series {
		place, ok := placeBeside(c, f, taken)
		if !ok {
			return nil, false
		}
		names, taken = append(names, place), append(taken, place)
	}
	return names, true
}

// placeBeside returns the free place nearest to half way up the curve, at its left or right.
func placeBeside(c run.Series, f frame, taken []box) (box, bool) {
	width := textWidth(c.Name)
	for _, offset := range []float64{0, .08, -.08, .16, -.16, .24, -.24, .32, -.32, .4, -.4} {
		ms, ok := within(c, 0.5+offset)
		if !ok || !log.holds(ms) {
			continue
		}
		x, y := f.x.at(ms), f.y.at(0.5+offset)
		for _, left := range []float64{x + 10, x - 10 - width} {
			b := box{left, y - lineHeight/2, left + width, y + lineHeight/2}
			inside := b.left > f.left && b.right < max(f.right, f.width-margin) && b.top > f.top && b.bottom < f.bottom
			if inside && !slices.ContainsFunc(taken, b.meets) {
				return b, true
			}
		}
	}
	return box{}, false
}
