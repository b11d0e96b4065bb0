package chart

import "strconv"

// A style is how a series differs from the others: by colour, by dash pattern
// and by the shape of its markers.
type style struct {
	class string // sets the colour, see CSS
	dash  string
	shape shape
}

// dashes holds one pattern for each colour. The first is a solid line.
var dashes = []string{"none", "8 3", "2 3", "9 3 2 3", "5 2", "12 4 2 4 2 4"}

// claimed is the style of a curve that somebody wrote down and nobody measured.
var claimed = style{class: "claimed", dash: "4 4", shape: disc}

// styleOf returns the style of the i-th series. From the seventh on, colours
// come again with other dashes and markers.
func styleOf(i int) style {
	n := len(dashes)
	other := (i + i/n) % n
	return style{class: "s" + strconv.Itoa(i%n+1), dash: dashes[other], shape: shape(other)}
}

// A shape is that of a marker.
type shape int

const (
	disc shape = iota
	square
	triangle
	diamond
	wedge
	cross
)

// outlines holds the corners of each shape but the disc, in units of its radius.
var outlines = map[shape][]spot{
	square:   {{-.85, -.85}, {.85, -.85}, {.85, .85}, {-.85, .85}},
	triangle: {{0, -1.15}, {1.1, .8}, {-1.1, .8}},
	diamond:  {{0, -1.25}, {1.25, 0}, {0, 1.25}, {-1.25, 0}},
	wedge:    {{0, 1.15}, {1.1, -.8}, {-1.1, -.8}},
	cross: {{-1.1, -.4}, {-.4, -.4}, {-.4, -1.1}, {.4, -1.1}, {.4, -.4}, {1.1, -.4},
		{1.1, .4}, {.4, .4}, {.4, 1.1}, {-.4, 1.1}, {-.4, .4}, {-1.1, .4}},
}

// path returns the outline of a marker about a spot.
func (s shape) path(at spot, radius float64) string {
	if s == disc {
		r, d := num(radius), num(2*radius)
		arc := "a" + r + " " + r + " 0 1 0 "
		return "M" + num(at.x-radius) + " " + num(at.y) + arc + d + " 0" + arc + "-" + d + " 0z"
	}
	var corners []spot
	for _, c := range outlines[s] {
		corners = append(corners, spot{at.x + c.x*radius, at.y + c.y*radius})
	}
	return polyline(corners) + "z"
}

// marker draws the marker of a series.
func (p *pen) marker(s style, at spot, radius float64) {
	p.empty("path", "class", "dot", "d", s.shape.path(at, radius))
}

// curve draws the line of a series.
func (p *pen) curve(s style, d string) {
	p.empty("path", "class", "curve", "stroke-dasharray", s.dash, "d", d)
}
