package chart

// An endLabel is the name of a series, beside the end of its curve.
type endLabel struct {
	style
	name  string
	lines []string
	end   Point // the last point
	ends  bool  // there is one
}

// glyph is the room for the marker before a name.
const glyph = 16.0

type endLabels []endLabel

// room returns how much of the width the labels need, at the right of the plot.
func (ls endLabels) room() float64 {
	most := 0.0
	for _, l := range ls {
		most = max(most, widest(l.lines))
	}
	return labelGap + glyph + most + margin
}

func (ls endLabels) heights() []float64 {
	var heights []float64
	for _, l := range ls {
		heights = append(heights, lineHeight*float64(max(len(l.lines), 1))+5)
	}
	return heights
}

// height returns how high a plot must be for all labels, at least the usual height.
func (ls endLabels) height(usual float64) float64 {
	sum := 0.0
	for _, h := range ls.heights() {
		sum += h
	}
	return max(usual, sum)
}

// draw writes each label as near to the end of its curve as the others allow,
// joined to it by a thin line.
func (ls endLabels) draw(p *pen, f frame) {
	heights := ls.heights()
	var wanted []float64
	for _, l := range ls {
		y := (f.top + f.bottom) / 2
		if l.ends {
			y = f.y.at(l.end.Y)
		}
		wanted = append(wanted, y)
	}
	for i, middle := range spread(wanted, heights, f.top, f.bottom) {
		l := ls[i]
		p.begin("g", "class", l.class)
		p.tagged("title", l.name)
		at := spot{f.right + labelGap, middle}
		if l.ends {
			p.line("leader", f.x.at(l.end.X)+6, wanted[i], at.x-6, at.y)
		}
		p.marker(l.style, at, 4)
		first := middle - lineHeight*float64(len(l.lines)-1)/2 + 4.5
		p.lines("label", "start", at.x+glyph-7, first, l.lines)
		p.end("g")
	}
}
