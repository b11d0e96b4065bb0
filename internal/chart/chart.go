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

import (
	"math"
	"strings"

	"example.com/contend/internal/run"
)

// A drawing is one kind of chart.
type drawing interface {
	summary() string                         // tells a reader who cannot see the picture what it shows
	draw(size) (body string, height float64) // of an <svg>, as wide as the size
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

// Figure returns c as one <figure>, "" where its kind is not known: a newer contend
// may have stored it. The title names the place, unless that is processes. The page
// must hold [CSS] once.
func Figure(c *run.Chart) string {
	title := c.Title
	if c.Place != "" && c.Place != run.Processes {
		title += ", on " + c.Place
	}
	switch c.Kind {
	case run.ChartLines, run.ChartTime:
		x := axisOf(c.X)
		if c.Kind == run.ChartLines && !c.X.Log && fewLevels(c.Series) {
			x.kind = ordinal
		}
		return figure(title, c.Note, lines{c, x, axisOf(c.Y)})
	case run.ChartWaits:
		return figure(title, c.Note, distribution{c})
	case run.ChartBars:
		return figure(title, c.Note, bars{axisOf(c.Y), groups(c.Series)})
	case run.ChartLanes:
		return figure(title, c.Note, lanes{c})
	}
	return ""
}

// fewLevels reports whether the levels are a few whole numbers, between which there is nothing.
func fewLevels(all []run.Series) bool {
	const few = 8
	levels := map[float64]bool{}
	for _, s := range all {
		for _, p := range s.Points {
			if p.X != math.Trunc(p.X) {
				return false
			}
			levels[p.X] = true
		}
	}
	return len(levels) <= few
}

func figure(title, note string, c drawing) string {
	var p pen
	p.begin("figure", "class", "chart")
	p.tagged("figcaption", title)
	for _, s := range []size{wide, narrow} {
		body, height := c.draw(s)
		p.begin("svg", "class", s.class, "viewBox", "0 0 "+num(s.width)+" "+num(height),
			"role", "img", "aria-label", title)
		p.tagged("title", title)
		p.tagged("desc", c.summary())
		p.WriteString(body)
		p.end("svg")
	}
	if note != "" {
		p.tagged("p", note)
	}
	p.end("figure")
	return strings.TrimLeft(p.String(), "\n")
}
