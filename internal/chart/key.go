package chart

import "slices"

// A sign is an entry of the key under the lanes: what is drawn, and what it means.
type sign struct {
	text string
	draw func(p *pen, at spot) // within signWidth to the right of a spot, about its height
}

const signWidth = 22.0

// drawKey explains the signs that occur, in as many lines as it takes, and
// returns the new height of the picture.
func (c Lanes) drawKey(p *pen, f frame, height float64) float64 {
	x, y := f.left, height+lineHeight
	for _, s := range c.signs() {
		width := signWidth + textWidth(s.text) + 18
		if x > f.left && x+width > f.width+18 {
			x, y = f.left, y+lineHeight+4
		}
		s.draw(p, spot{x, y - 4.5})
		p.text("tick", "start", x+signWidth, y, s.text)
		x += width
	}
	return y + margin
}

func (c Lanes) signs() []sign {
	signs := []sign{
		{"waits", func(p *pen, at spot) { p.rect("wait", at.x, at.y-2.5, 16, 5) }},
		{"holds the lock", func(p *pen, at spot) { p.rect("hold", at.x, at.y-5, 16, 10) }},
		{"is refused", func(p *pen, at spot) { p.refusal(spot{at.x + 8, at.y}, 4) }},
	}
	if slices.ContainsFunc(c.Lanes, func(l Lane) bool { return len(l.Spans) > 0 }) {
		signs = append(signs, sign{"fault", func(p *pen, at spot) { p.rect("fault", at.x, at.y-6, 16, 12) }})
	}
	return signs
}
