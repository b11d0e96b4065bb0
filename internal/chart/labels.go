package chart

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"example.com/contend/internal/run"
)

// The text of a chart, in the units of its viewBox. CSS sets the same sizes.
const (
	fontSize   = 13.0
	lineHeight = 15.0
)

// fontSlack is how much wider than Arial a text may come out: by so much DejaVu Sans
// does, which a Linux without Arial's metrics falls back to.
const fontSlack = 1.2

// textWidth estimates how wide a text is. It errs on the wide side: the page's
// font is not known, and a gap is better than a collision.
func textWidth(text string) float64 {
	em := 0.0
	for _, r := range text {
		switch {
		case r >= 0x1100 && r <= 0xffff && r != '−': // scripts with full-width letters
			em++
		case strings.ContainsRune("ijltf|!.,:;'()[]/ ·", r):
			em += 0.29
		case strings.ContainsRune("mwMW%@—", r):
			em += 0.87
		case r >= 'A' && r <= 'Z' || r > 0xffff:
			em += 0.7
		default:
			em += 0.56
		}
	}
	return em * fontSize * fontSlack
}

// breaks are the parts of a text behind which a line may end.
var breaks = regexp.MustCompile(`[^ /]*[ /]?`)

// wrap breaks a text into lines of at most a width, at its spaces and behind its slashes where it can.
func wrap(text string, width float64) []string {
	var lines []string
	for _, word := range breaks.FindAllString(strings.Join(strings.Fields(text), " "), -1) {
		last, bare := len(lines)-1, strings.TrimSuffix(word, " ")
		if last >= 0 && textWidth(lines[last]+bare) <= width {
			lines[last] += word
			continue
		}
		var part []rune // of a word that is wider than a line
		for _, r := range bare {
			if len(part) > 0 && textWidth(string(part)+string(r)) > width {
				lines, part = append(lines, string(part)), nil
			}
			part = append(part, r)
		}
		lines = append(lines, string(part)+word[len(bare):])
	}
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], " ")
	}
	return lines
}

// shortened is wrap to at most a number of lines; an ellipsis says that text is missing.
func shortened(text string, width float64, most int) []string {
	lines := wrap(text, width)
	if len(lines) <= most {
		return lines
	}
	lines = lines[:most]
	last := []rune(lines[most-1])
	for len(last) > 0 && textWidth(string(last)+"…") > width {
		last = last[:len(last)-1]
	}
	lines[most-1] = string(last) + "…"
	return lines
}

func widest(lines []string) float64 {
	most := 0.0
	for _, line := range lines {
		most = max(most, textWidth(line))
	}
	return most
}

// spread moves labels of the given heights apart so that none overlaps another
// and all lie between top and bottom, each as near as can be to the middle it
// wants (least squares). It returns their middles and keeps the order of the
// wishes. Where the labels are higher than the room, they run over the bottom.
func spread(wanted, heights []float64, top, bottom float64) []float64 {
	order := make([]int, len(wanted))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(wanted[a], wanted[b]) })

	// With the heights of those above taken off, "no overlap" reads "not
	// descending", and the best such sequence is found by pooling neighbours.
	above := make([]float64, len(wanted))
	total := 0.0
	var pools []pool
	for _, i := range order {
		above[i] = total + heights[i]/2
		total += heights[i]
		p := pool{sum: wanted[i] - above[i], n: 1}
		for len(pools) > 0 && pools[len(pools)-1].mean() > p.mean() {
			last := pools[len(pools)-1]
			p = pool{last.sum + p.sum, last.n + p.n}
			pools = pools[:len(pools)-1]
		}
		pools = append(pools, p)
	}
	middles := make([]float64, len(wanted))
	next := 0
	for _, p := range pools {
		for range p.n {
			i := order[next]
			middles[i] = max(min(p.mean(), bottom-total), top) + above[i]
			next++
		}
	}
	return middles
}

// A pool is a run of neighbouring labels that touch, and so move as one.
type pool struct {
	sum float64
	n   int
}

func (p pool) mean() float64 { return p.sum / float64(p.n) }

// An interval is a stretch along x.
type interval struct{ from, to float64 }

// packed puts each interval into the first row in which it meets no other, and
// returns the row of each and the number of rows.
func packed(intervals []interval, gap float64) (rows []int, count int) {
	order := make([]int, len(intervals))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(intervals[a].from, intervals[b].from) })

	rows = make([]int, len(intervals))
	var ends []float64
	for _, i := range order {
		row := slices.IndexFunc(ends, func(end float64) bool { return end+gap <= intervals[i].from })
		if row < 0 {
			row = len(ends)
			ends = append(ends, 0)
		}
		rows[i], ends[row] = row, intervals[i].to
	}
	return rows, len(ends)
}

// An endLabel is the name of a series, beside the end of its curve.
type endLabel struct {
	style
	name  string
	lines []string
	end   run.Point // the last point
	ends  bool      // there is one
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
