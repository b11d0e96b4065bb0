package chart

import (
	"strconv"

	"example.com/contend/internal/run"
)

// CSS is what the charts of a page need, once. It colours them for light and
// dark screens and for paper, by variables that a page may set to others:
// --chart-paper is to be the page's background.
//
// The six colours of series are neither red nor amber nor green, which say what
// became of data and requests. Each has a contrast of at least 3 to 1 with its background.
const CSS = `:root {` + light + `}
@media (prefers-color-scheme: dark) { :root {` + dark + `} }
@media print { :root {` + light + `} }
` + rules

const light = `
  --chart-paper: #ffffff; --chart-ink: #1b1f24; --chart-muted: #5b6470; --chart-grid: #e4e7eb; --chart-ground: #8b939e;
  --chart-claimed: #707884; --chart-shade: #8a93a0;
  --chart-lost: #c62828; --chart-refused: #b87700; --chart-kept: #2b8a57; --chart-red: #c8102e; --chart-green: #00804a;
  --chart-1: #0072b2; --chart-2: #8c5a2b; --chart-3: #7a4fb5; --chart-4: #b5588c; --chart-5: #1a7f8e; --chart-6: #3593cb;
`

const dark = `
  --chart-paper: #14171b; --chart-ink: #e8ebee; --chart-muted: #a2abb6; --chart-grid: #2a3037; --chart-ground: #6d7682;
  --chart-claimed: #9aa3af; --chart-shade: #8a93a0;
  --chart-lost: #f0625a; --chart-refused: #dca032; --chart-kept: #3fae78; --chart-red: #ff6b76; --chart-green: #35c98d;
  --chart-1: #3d9be0; --chart-2: #c89b6d; --chart-3: #b291ef; --chart-4: #db8fbd; --chart-5: #4fbccb; --chart-6: #83cdf5;
`

// The wide drawing of a chart is shown where its column is at least 640 px wide:
// narrower, and its text would be smaller than 11 px.
const rules = `.chart { container-type: inline-size; margin: 1.5rem 0; color: var(--chart-ink); break-inside: avoid;
  font: 13px/1.4 "Helvetica Neue", Arial, "Liberation Sans", "Noto Sans", "Noto Sans JP", sans-serif; }
.chart figcaption { font-size: 15px; font-weight: 600; margin: 0 0 .5rem; text-align: left; }
.chart.small { margin: .5rem 0; }
.chart.small figcaption { font-size: 13px; font-weight: 500; margin-bottom: .25rem; }
.chart p { color: var(--chart-muted); margin: .35rem 0 0; max-width: 46rem; }
.chart svg { width: 100%; height: auto; overflow: visible; }
.chart-wide { display: block; max-width: 860px; }
.chart-narrow { display: none; max-width: 480px; }
.chart-small { display: block; max-width: 420px; }
@container (max-width: 639px) {
  .chart-wide { display: none; }
  .chart-narrow { display: block; }
}
.chart text { font-size: 13px; fill: var(--chart-ink); stroke: none; }
.chart .tick, .chart .axis-title, .chart .span-label, .chart .sub { fill: var(--chart-muted); }
.chart .halo { stroke: var(--chart-paper); stroke-width: 4px; stroke-linejoin: round; paint-order: stroke; }
.chart .group { font-weight: 600; }
.chart .grid { stroke: var(--chart-grid); stroke-width: 1; }
.chart .ground { stroke: var(--chart-ground); stroke-width: 1; }
.chart .span { fill: var(--chart-shade); fill-opacity: .14; }
.chart .span-edge { stroke: var(--chart-shade); stroke-width: 2; }
.chart .mark { stroke: var(--chart-muted); stroke-width: 1; stroke-dasharray: 4 3; }
.chart .s1 { --c: var(--chart-1); } .chart .s2 { --c: var(--chart-2); } .chart .s3 { --c: var(--chart-3); }
.chart .s4 { --c: var(--chart-4); } .chart .s5 { --c: var(--chart-5); } .chart .s6 { --c: var(--chart-6); }
.chart .claimed { --c: var(--chart-claimed); }
.chart .lost { --c: var(--chart-lost); } .chart .refused { --c: var(--chart-refused); } .chart .kept { --c: var(--chart-kept); }
.chart .red { --c: var(--chart-red); } .chart .green { --c: var(--chart-green); }
.chart .curve { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }
.chart .dot { fill: var(--c); stroke: var(--chart-paper); stroke-width: 1; }
.chart .claimed .curve { stroke-width: 1.5; }
.chart .claimed .dot { fill: var(--chart-paper); stroke: var(--c); stroke-width: 1.5; }
.chart .whisker { stroke: var(--c); stroke-width: 1.5; }
.chart .band { fill: var(--c); fill-opacity: .18; }
.chart .leader { stroke: var(--c); stroke-width: 1; stroke-opacity: .55; }
.chart .bar { fill: var(--c); }
.chart .bar-whisker { stroke: var(--chart-ink); stroke-width: 1.5; }
.chart .lane { fill: var(--chart-shade); fill-opacity: .07; }
.chart .wait { fill: var(--chart-6); fill-opacity: .6; }
.chart .hold { fill: var(--chart-1); }
.chart .refusal { stroke: var(--chart-refused); stroke-width: 1.6; fill: none; }
.chart .fault { fill: var(--chart-2); fill-opacity: .22; stroke: var(--chart-2); stroke-width: 1; }
.chart .hit { fill: transparent; }
.chart .point:hover .dot { stroke: var(--chart-ink); stroke-width: 2; }
.chart .point:hover .bar, .chart .point:hover .hold, .chart .point:hover .wait { stroke: var(--chart-ink); stroke-width: 1; }
@media print { .chart { print-color-adjust: exact; } }
`

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

// Presets are the names of an experiment's arms whose settings are a preset of the
// source: "red" or "green". What is called like such an arm is drawn in its colour,
// with a mark and a dash that nothing else has.
type Presets map[string]string

var presetStyles = map[string]style{
	"red":   {class: "red", dash: "10 2 2 2", shape: diamond},
	"green": {class: "green", dash: "15 3", shape: triangle},
}

// harmStyles are those of what became of data and requests.
var harmStyles = map[run.Topic]style{
	run.AboutLost:    {class: "lost", dash: "none", shape: wedge},
	run.AboutRefused: {class: "refused", dash: "8 3", shape: cross},
	run.AboutKept:    {class: "kept", dash: "2 3", shape: square},
}

// stylesOf returns the style of each series: that of its harm, of what is claimed, or of the
// preset that it is called like; the others take what is left in turn.
func stylesOf(all []run.Series, presets Presets) (styles []style) {
	others := 0
	for _, s := range all {
		harm, harms := harmStyles[s.Harm]
		preset, named := presetStyles[presets[s.Name]]
		switch {
		case s.Claimed:
			styles = append(styles, claimed)
		case harms:
			styles = append(styles, harm)
		case named:
			styles = append(styles, preset)
		default:
			styles = append(styles, styleOf(others))
			others++
		}
	}
	return styles
}

// styleOf returns the style of the i-th of the series that have no style of their own. From
// the seventh on, colours come again with other dashes and markers.
func styleOf(i int) style {
	n := len(dashes)
	other := (i + i/n) % n
	return style{class: "s" + strconv.Itoa(i%n+1), dash: dashes[other], shape: shape(other % int(ownShapes))}
}

// A shape is that of a marker.
type shape int

const (
	disc shape = iota
	square
	wedge
	cross
	ownShapes // how many there are without those of the presets

	diamond  // of the preset red
	triangle // of the preset green
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

// room is that of the mark before a name, 0 where it has none.
func (presets Presets) room(name string) float64 {
	if _, is := presetStyles[presets[name]]; is {
		return glyph
	}
	return 0
}

// preset draws the mark of a preset before a name that begins at x, if it has one.
func (p *pen) preset(presets Presets, name string, x, base float64) {
	if s, is := presetStyles[presets[name]]; is {
		p.begin("g", "class", s.class)
		p.marker(s, spot{x - glyph/2 - 1, base - 4.5}, 4)
		p.end("g")
	}
}

// marker draws the marker of a series.
func (p *pen) marker(s style, at spot, radius float64) {
	p.empty("path", "class", "dot", "d", s.shape.path(at, radius))
}

// curve draws the line of a series.
func (p *pen) curve(s style, d string) {
	p.empty("path", "class", "curve", "stroke-dasharray", s.dash, "d", d)
}
