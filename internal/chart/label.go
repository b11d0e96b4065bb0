package chart

import (
	"cmp"
	"slices"
	"strings"
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
		em += runeWidth(r)
	}
	return em * fontSize * fontSlack
}

func runeWidth(r rune) float64 {
	switch {
	case r >= 0x1100 && r <= 0xffff && r != '−': // scripts with full-width letters
		return 1
	case strings.ContainsRune("ijltf|!.,:;'()[]/ ·", r):
		return 0.29
	case strings.ContainsRune("mwMW%@—", r):
		return 0.87
	case r >= 'A' && r <= 'Z' || r > 0xffff:
		return 0.7
	}
	return 0.56
}

// wrap breaks a text into lines of at most a width, at its spaces where it can.
func wrap(text string, width float64) []string {
	var lines []string
	for _, word := range strings.Fields(text) {
		last := len(lines) - 1
		if last >= 0 && textWidth(lines[last]+" "+word) <= width {
			lines[last] += " " + word
			continue
		}
		lines = append(lines, broken(word, width)...)
	}
	return lines
}

// broken cuts a word that is wider than a line.
func broken(word string, width float64) []string {
	var parts []string
	var part []rune
	for _, r := range word {
		if len(part) > 0 && textWidth(string(part)+string(r)) > width {
			parts = append(parts, string(part))
			part = nil
		}
		part = append(part, r)
	}
	return append(parts, string(part))
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
		pools = pooled(pools, pool{sum: wanted[i] - above[i], n: 1})
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

// pooled appends a pool, joined with those before it that it would overlap.
func pooled(pools []pool, p pool) []pool {
	for len(pools) > 0 && pools[len(pools)-1].mean() > p.mean() {
		last := pools[len(pools)-1]
		p = pool{last.sum + p.sum, last.n + p.n}
		pools = pools[:len(pools)-1]
	}
	return append(pools, p)
}

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
