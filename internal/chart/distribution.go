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

func (d Distribution) axes() (x, y Axis) {
	return Axis{Title: d.X, Scale: Log, Unit: Milliseconds}, Axis{Title: d.Y, Unit: Share}
}

func (d Distribution) draw(s size) picture {
	x, y := d.axes()
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
		labels = d.labels(s)
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
	for i, box := range names {
		if inside {
			p.drawName(styleOf(i), box, d.Curves[i].Name)
		}
	}
	labels.draw(&p, f)
	return picture{p.String(), height}
}

// labels are for the right of the plot: where the curves end says nothing, as
// most of them end at 100 %, so no line joins them to their curves.
func (d Distribution) labels(s size) endLabels {
	var labels endLabels
	for i, c := range d.Curves {
		labels = append(labels, endLabel{style: styleOf(i), name: c.Name, lines: shortened(c.Name, s.label, 3)})
	}
	return labels
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
