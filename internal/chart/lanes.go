package chart

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/contend/internal/run"
)

// lanes shows who was served when: a lane for each node, a bar for each attempt to lock
// the database. Attempts that overlap lie in rows under each other.
type lanes struct{ *run.Chart }

// drawable is false for attempts whose times cannot be.
func drawable(a run.LaneAttempt) bool {
	return linear.holds(a.Began) && linear.holds(a.Ended) && a.Ended >= a.Began &&
		(a.Locked == nil || *a.Locked >= a.Began && *a.Locked <= a.Ended)
}

// waited returns when the wait was over.
func waited(a run.LaneAttempt) float64 { return *cmp.Or(a.Locked, &a.Ended) }

func (c lanes) summary() string {
	text := "Attempts to lock the database over time, by node."
	for _, l := range c.Lanes {
		held, refused := 0, 0
		for _, a := range l.Attempts {
			if a.Locked != nil {
				held++
			}
			if a.Code != "" {
				refused++
			}
		}
		text += fmt.Sprintf(" %s: %d attempts, %d got the lock, %d refused.", l.Node, len(l.Attempts), held, refused)
	}
	return text
}

// Sizes within the lanes. Rows share the usual room, each between the size's pitch and
// the most, so the picture grows with the number of rows.
const (
	laneGap   = 8.0
	lanePad   = 4.0
	mostPitch = 13.0
)

// A track is a lane with its place in the picture.
type track struct {
	run.Lane
	rows        []int // of each attempt
	top, bottom float64
	first       float64 // the top of the first row
}

func (c lanes) draw(s size) (body string, height float64) {
	f := c.frame(s)
	tracks, pitch := c.tracks(f)
	f.bottom = f.top
	if n := len(tracks); n > 0 {
		f.bottom = tracks[n-1].bottom
	}

	var p pen
	for _, t := range tracks {
		p.rect("lane", f.left, t.top, f.right-f.left, t.bottom-t.top)
	}
	x := axis{"time", linear, milliseconds}
	f.drawXGrid(&p, x)
	f.drawMarks(&p, c.Marks)
	for _, t := range tracks {
		t.draw(&p, f, pitch)
	}
	height = c.drawKey(&p, f, f.drawXAxis(&p, x))
	return p.String(), height
}

func (c lanes) frame(s size) frame {
	times := []float64{0}
	left := 14.0
	for _, l := range c.Lanes {
		left = max(left, widest(shortened(l.Node, s.label, 1))+tickGap)
		for _, a := range l.Attempts {
			if drawable(a) {
				times = append(times, a.Began, a.Ended)
			}
		}
		for _, fault := range l.Faults {
			times = append(times, fault.From, fault.To)
		}
	}
	f := frame{size: s, left: left, right: s.width - 3*margin}
	f.x = newScale(linear, times, false).over(f.left, f.right)
	_, rows := f.markRows(c.Marks)
	f.top = margin + (lineHeight+1)*float64(rows)
	return f
}

// tracks places the lanes under each other and chooses the pitch of their rows.
func (c lanes) tracks(f frame) (tracks []track, pitch float64) {
	var counts []int
	all := 0
	for _, l := range c.Lanes {
		l.Attempts = slices.DeleteFunc(slices.Clone(l.Attempts), func(a run.LaneAttempt) bool { return !drawable(a) })
		var stretches []interval
		for _, a := range l.Attempts {
			stretches = append(stretches, interval{f.x.at(a.Began), f.x.at(a.Ended)})
		}
		// The gap also keeps a refusal's mark off the attempt behind it.
		rows, count := packed(stretches, 4)
		tracks, counts = append(tracks, track{Lane: l, rows: rows}), append(counts, max(count, 1))
		all += counts[len(counts)-1]
	}
	pitch = min(max(f.lanes/max(float64(all), 1), f.size.pitch), mostPitch)
	y := f.top
	for i := range tracks {
		t := &tracks[i]
		t.top, t.first = y, y+lanePad
		if len(t.Faults) > 0 {
			t.first += lineHeight
		}
		t.bottom = max(t.first+pitch*float64(counts[i])+lanePad, t.top+lineHeight+2*lanePad)
		y = t.bottom + laneGap
	}
	return tracks, pitch
}

func (t track) draw(p *pen, f frame, pitch float64) {
	p.begin("g")
	for _, name := range shortened(t.Node, f.label, 1) {
		p.text("label", "end", f.left-tickGap, (t.top+t.bottom)/2+4.5, name)
	}
	for _, fault := range t.Faults { // the label is in the free row at the top
		from, to := f.markEdges(fault)
		p.rect("fault", from, t.top, max(to-from, 2), t.bottom-t.top)
		p.text("span-label", "start", f.markLabel(fault).from, t.top+lineHeight-1, fault.Label)
	}
	for i, a := range t.Attempts {
		p.begin("g", "class", "point")
		says := t.Node + ": began at " + milliseconds.format(a.Began) + ", waited " + milliseconds.format(waited(a)-a.Began)
		if a.Locked != nil {
			says += ", held the lock " + milliseconds.format(a.Ended-*a.Locked)
		} else if a.Code != "" {
			says += ", then was refused"
		}
		p.tip(says, strings.TrimSpace(a.Kind+" "+a.Code))
		p.attempt(f, a, t.first+pitch*float64(t.rows[i]), pitch)
		p.end("g")
	}
	p.end("g")
}

func (p *pen) attempt(f frame, a run.LaneAttempt, y, pitch float64) {
	began, locked, ended := f.x.at(a.Began), f.x.at(waited(a)), f.x.at(a.Ended)
	height := pitch - min(1, pitch/4)
	p.rect("hit", began-2, y, ended-began+4, pitch)
	// The wait is the thinner bar, so that the two differ without colour, too.
	thin := max(height*0.45, 1.2)
	p.rect("wait", began, y+(height-thin)/2, locked-began, thin)
	if a.Locked != nil {
		p.rect("hold", locked, y, max(ended-locked, 1.5), height)
	}
	if a.Code != "" {
		p.refusal(spot{ended, y + height/2}, min(max(height/2, 2), 4))
	}
}

// refusal draws an ×.
func (p *pen) refusal(at spot, r float64) {
	p.empty("path", "class", "refusal", "d", polyline([]spot{{at.x - r, at.y - r}, {at.x + r, at.y + r}})+
		polyline([]spot{{at.x - r, at.y + r}, {at.x + r, at.y - r}}))
}

// drawKey explains the signs that occur, in as many lines as it takes, and
// returns the new height of the picture.
func (c lanes) drawKey(p *pen, f frame, height float64) float64 {
	const signWidth = 22.0
	type sign struct {
		text string
		draw func(at spot) // within signWidth to the right of a spot, about its height
	}
	signs := []sign{
		{"waits", func(at spot) { p.rect("wait", at.x, at.y-2.5, 16, 5) }},
		{"holds the lock", func(at spot) { p.rect("hold", at.x, at.y-5, 16, 10) }},
		{"is refused", func(at spot) { p.refusal(spot{at.x + 8, at.y}, 4) }},
	}
	if slices.ContainsFunc(c.Lanes, func(l run.Lane) bool { return len(l.Faults) > 0 }) {
		signs = append(signs, sign{"fault", func(at spot) { p.rect("fault", at.x, at.y-6, 16, 12) }})
	}
	x, y := f.left, height+lineHeight
	for _, s := range signs {
		width := signWidth + textWidth(s.text) + 18
		if x > f.left && x+width > f.width+18 {
			x, y = f.left, y+lineHeight+4
		}
		s.draw(spot{x, y - 4.5})
		p.text("tick", "start", x+signWidth, y, s.text)
		x += width
	}
	return y + margin
}
