// Package chart draws the pictures of a report as SVG, to stand inside an HTML page.
//
// Two ideas carry it. Each picture is drawn twice, for a wide column and for a
// narrow one, because text in an SVG shrinks with the picture; [CSS] shows the
// one that fits. And colour alone means nothing: a series has a dash pattern and a
// marker of its own, and its name stands at its end, never in a box over the data.
//
// All times are milliseconds and all shares are from 0 to 1. A value that a
// scale cannot hold (NaN, an infinity, 0 on a logarithmic axis) is left out.
// The same data give the same bytes. The package computes no statistics and
// reads no clock.
package chart

import "strings"

// A Chart is a [Lines], a [Distribution], a [Bars] or a [Lanes].
type Chart interface {
	caption() caption
	draw(size) picture
}

// A caption is the words around a picture. Summary tells a reader who cannot
// see the picture what it shows.
type caption struct{ title, note, summary string }

// A picture is the inside of an <svg>, as wide as the size it was drawn for.
type picture struct {
	body   string
	height float64
}

// A size is one of the widths for which every chart is drawn, in the units of
// its viewBox. Plot is the usual height of the data's area, label the most that
// the name of a series may take of the width.
type size struct {
	class              string
	width, plot, label float64
}

var (
	wide   = size{class: "chart-wide", width: 760, plot: 260, label: 180}
	narrow = size{class: "chart-narrow", width: 380, plot: 230, label: 104}
)

// Figure returns a chart as one <figure>. The page must hold [CSS] once.
func Figure(c Chart) string {
	words := c.caption()
	var p pen
	p.begin("figure", "class", "chart")
	p.tagged("figcaption", words.title)
	for _, s := range []size{wide, narrow} {
		drawn := c.draw(s)
		p.begin("svg", "class", s.class, "viewBox", "0 0 "+num(s.width)+" "+num(drawn.height),
			"role", "img", "aria-label", words.title)
		p.tagged("title", words.title)
		p.tagged("desc", words.summary)
		p.WriteString(drawn.body)
		p.end("svg")
	}
	if words.note != "" {
		p.tagged("p", words.note)
	}
	p.end("figure")
	return strings.TrimLeft(p.String(), "\n")
}
