// Package chart draws the pictures of a report as SVG, to stand inside an HTML page.
//
// Two ideas carry it. Each picture is drawn twice, for a wide column and for a
// narrow one, because text in an SVG shrinks with the picture; [CSS] shows the
// one that fits. And colour alone means nothing: a series has a dash pattern and a
// marker of its own, and its name stands at its end, never in a box over the data.
// Red, amber and green are kept for harm (lost, refused, kept), and for the two
// presets that are called red and green; no other series has them.
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

// A size is one of the widths for which charts are drawn, in the units of
// its viewBox. Plot is the usual height of the data's area, label the most that
// the name of a series may take of the width.
type size struct {
	class              string
	width, plot, label float64
	lanes, pitch       float64 // the usual room of all rows of lanes, and the least of one
	small              bool    // marks have no labels, and only a few bars are drawn
}

var (
	wide   = size{class: "chart-wide", width: 760, plot: 260, label: 180, lanes: 300, pitch: 3}
	narrow = size{class: "chart-narrow", width: 380, plot: 230, label: 104, lanes: 300, pitch: 3}
	small  = size{class: "chart-small", width: 360, plot: 110, label: 106, lanes: 100, pitch: 1, small: true}
)

// Figure returns c as one <figure>, "" where its kind is not known: a newer contend
// may have stored it. The title names the place, unless that is processes. The page
// must hold [CSS] once.
func Figure(c *run.Chart, presets Presets) string {
	return figure("chart", titleOf(c), c.Note, drawingOf(c, presets), wide, narrow)
}

// Small returns c as one <figure> of the size of a card, without its note; "" where
// its kind is not known.
func Small(c *run.Chart, presets Presets) string {
	return figure("chart small", titleOf(c), "", drawingOf(c, presets), small)
}

func titleOf(c *run.Chart) string {
	if c.Place != "" && c.Place != run.Processes {
		return c.Title + ", on " + c.Place
	}
	return c.Title
}

// drawingOf returns the drawing of c's kind, nil where that is not known.
func drawingOf(c *run.Chart, presets Presets) drawing {
	switch c.Kind {
	case run.ChartLines, run.ChartTime:
		x := axisOf(c.X)
		if c.Kind == run.ChartLines && !c.X.Log && fewLevels(c.Series) {
			x.kind = ordinal
		}
		return lines{c, x, axisOf(c.Y), presets}
	case run.ChartWaits:
		return distribution{c, presets}
	case run.ChartBars:
		return bars{axisOf(c.Y), groups(c.Series), presets}
	case run.ChartStacks:
		return stacks{c, presets}
	case run.ChartLanes:
		return lanes{c}
	}
	return nil
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

func figure(class, title, note string, c drawing, sizes ...size) string {
	if c == nil {
		return ""
	}
	var p pen
	p.begin("figure", "class", class)
	p.tagged("figcaption", title)
	for _, s := range sizes {
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
