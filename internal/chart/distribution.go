package chart

import (
	"slices"
	"strings"
)

// Distribution shows, for several arms, which share of the waits was over
// within a time, on a logarithmic axis of time.
type Distribution struct {
	Title, Note string
	X, Y        string // what is timed and what is counted: "wait", "requests served"
	Curves      []Curve
	Spans       []Span // in ms, such as a busy_timeout
}

// A Curve is the distribution of one arm: steps with ascending times and shares.
type Curve struct {
	Name  string
	Steps []Step
}

// A Step says that a share of all, from 0 to 1, was over within a time. The
// last share is below 1 where some were never over.
type Step struct{ Milliseconds, Share float64 }

// A Bucket says how many waits ended by a time and after that of the bucket before.
type Bucket struct {
	Milliseconds float64 // the upper bound
	Count        int64
}

// Cumulated returns the steps of a histogram whose buckets ascend. Of total waits,
// those in no bucket were never over; a total below the sum of the buckets counts
// as that sum.
func Cumulated(buckets []Bucket, total int64) []Step {
	var sum int64
	for _, b := range buckets {
		sum += max(b.Count, 0)
	}
	total = max(total, sum)
	var steps []Step
	var so int64
	for _, b := range buckets {
		if b.Count <= 0 {
			continue
		}
		so += b.Count
		steps = append(steps, Step{b.Milliseconds, float64(so) / float64(total)})
	}
	return steps
}

// marked are the shares at which a curve carries its marker and says its time.
var marked = []float64{0.5, 0.9, 0.99, 1}

// within returns the time within which a share was over; false where it never was.
func (c Curve) within(share float64) (ms float64, ok bool) {
	i := slices.IndexFunc(c.Steps, func(s Step) bool { return s.Share >= share-slack })
	if i < 0 {
		return 0, false
	}
	return c.Steps[i].Milliseconds, true
}

// says tells the marked times: "50 % within 12 ms, 90 % within 80 ms".
func (c Curve) says() string {
	var parts []string
	for _, share := range marked {
		if ms, ok := c.within(share); ok {
			parts = append(parts, Share.format(share)+" within "+Milliseconds.format(ms))
		}
	}
	if n := len(c.Steps); n > 0 && c.Steps[n-1].Share < 1-slack {
		parts = append(parts, Share.format(1-c.Steps[n-1].Share)+" never")
	}
	return strings.Join(parts, ", ")
}

func (d Distribution) caption() caption {
	text := d.Y + ", cumulated over " + d.X + "."
	for _, c := range d.Curves {
		text += " " + c.Name + ": " + c.says() + "."
	}
	return caption{d.Title, d.Note, text}
}

func (d Distribution) draw(s size) picture {
	x, y := Axis{Title: d.X, Scale: Log, Unit: Milliseconds}, Axis{Title: d.Y, Unit: Share}
	var times []float64
	for _, span := range d.Spans {
		times = append(times, span.From)
	}
	for _, c := range d.Curves {
		for _, step := range c.held() {
			times = append(times, step.Milliseconds)
		}
	}
	f := newFrame(s, x.scale(times, false), y.scale(nil, true), y, s.plot, 2*margin, d.Spans)
	names, inside := d.namesInside(f)
	var labels endLabels
	if !inside {
		// At the right of the plot. No line joins them to their curves: where these
		// end says nothing, as most end at 100 %.
		for i, c := range d.Curves {
			labels = append(labels, endLabel{style: styleOf(i), name: c.Name, lines: shortened(c.Name, s.label, 3)})
		}
		f = newFrame(s, x.scale(times, false), y.scale(nil, true), y, labels.height(s.plot), labels.room(), d.Spans)
	}

	var p pen
	f.drawSpans(&p, d.Spans)
	f.drawYAxis(&p, y)
	height := f.drawXAxis(&p, x)
	if len(times) == 0 {
		f.drawNothing(&p)
	}
	for i, c := range d.Curves {
		p.begin("g", "class", styleOf(i).class)
		c.draw(&p, f, styleOf(i))
		p.end("g")
	}
	for i, at := range names {
		p.begin("g", "class", styleOf(i).class)
		p.text("label halo named", "start", at.left, at.bottom-3, d.Curves[i].Name)
		p.end("g")
	}
	labels.draw(&p, f)
	return picture{p.String(), height}
}

// held returns the steps that the axes can hold.
func (c Curve) held() []Step {
	return slices.DeleteFunc(slices.Clone(c.Steps), func(s Step) bool {
		return !Log.holds(s.Milliseconds) || !(s.Share >= 0 && s.Share <= 1+slack)
	})
}

// spots returns the corners of the curve: it rises at the time of each step.
func (c Curve) spots(f frame) []spot {
	steps := c.held()
	if len(steps) == 0 {
		return nil
	}
	spots := []spot{{f.x.at(steps[0].Milliseconds), f.bottom}}
	for _, s := range steps {
		spots = append(spots, spot{f.x.at(s.Milliseconds), f.y.at(s.Share)})
	}
	return staircase(spots)
}

func (c Curve) draw(p *pen, f frame, st style) {
	spots := c.spots(f)
	if len(spots) == 0 {
		return
	}
	p.curve(st, polyline(spots))
	for _, share := range marked {
		ms, ok := c.within(share)
		if !ok || !Log.holds(ms) {
			continue
		}
		at := spot{f.x.at(ms), f.y.at(share)}
		p.begin("g", "class", "point")
		p.tagged("title", c.Name+"\n"+c.says())
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
func (d Distribution) namesInside(f frame) ([]box, bool) {
	var taken []box
	for _, s := range d.Spans {
		from, to := f.spanEdges(s)
		if s.isLine() {
			taken = append(taken, box{from - 2, f.top, to + 2, f.bottom})
		}
	}
	for _, c := range d.Curves {
		taken = append(taken, segments(c.spots(f))...)
	}
	var names []box
	for _, c := range d.Curves {
		place, ok := c.place(f, taken)
		if !ok {
			return nil, false
		}
		names, taken = append(names, place), append(taken, place)
	}
	return names, true
}

// segments returns the boxes of the lines between spots, with room for markers.
func segments(spots []spot) []box {
	var boxes []box
	for i := 1; i < len(spots); i++ {
		a, b := spots[i-1], spots[i]
		boxes = append(boxes, box{min(a.x, b.x) - 4, min(a.y, b.y) - 4, max(a.x, b.x) + 4, max(a.y, b.y) + 4})
	}
	return boxes
}

// place returns the free place nearest to half way up the curve, at its left or right.
func (c Curve) place(f frame, taken []box) (box, bool) {
	width := textWidth(c.Name)
	for _, offset := range []float64{0, .08, -.08, .16, -.16, .24, -.24, .32, -.32, .4, -.4} {
		ms, ok := c.within(0.5 + offset)
		if !ok || !Log.holds(ms) {
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
