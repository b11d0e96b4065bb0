package chart

import "slices"

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

// drawName writes the name of a series into its place.
func (p *pen) drawName(s style, at box, name string) {
	p.begin("g", "class", s.class)
	p.text("label halo named", "start", at.left, at.bottom-3, name)
	p.end("g")
}
