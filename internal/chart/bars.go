package chart

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/contend/internal/run"
)

// bars compares values: horizontal bars in groups, each with its name at its
// left and its value at its right.
type bars struct {
	value   axis // always linear, from 0: the length of a bar is its value
	groups  []group
	presets Presets
}

// A group is bars that belong together. Without a name it has no heading.
type group struct {
	name string
	bars []bar
}

// A bar is a point of the series of its name. Bars of one name look the same in all groups.
type bar struct {
	name string
	harm run.Topic
	run.Point
}

// groups turns series of bars into groups of them, by their place. Groups of one bar
// each, all of one name, become one group whose bars have the groups' names: the
// chart's title says what they have in common.
func groups(all []run.Series) []group {
	at := map[float64]*group{}
	var places []float64
	for _, s := range all {
		for _, p := range s.Points {
			g := at[p.X]
			if g == nil {
				g = &group{}
				at[p.X], places = g, append(places, p.X)
			}
			g.name = cmp.Or(g.name, p.Label)
			g.bars = append(g.bars, bar{s.Name, s.Harm, p})
		}
	}
	slices.Sort(places)
	var drawn []group
	var one group
	for _, x := range places {
		g := *at[x]
		drawn = append(drawn, g)
		if g.name != "" && len(g.bars) == 1 && g.bars[0].name == drawn[0].bars[0].name {
			one.bars = append(one.bars, bar{g.name, g.bars[0].harm, g.bars[0].Point})
		}
	}
	if len(drawn) > 1 && len(one.bars) == len(drawn) {
		return []group{one}
	}
	return drawn
}

const (
	barHeight   = 16.0
	barGap      = 7.0
	headingRoom = 22.0
	groupGap    = 12.0
)

func (c bars) summary() string {
	var b strings.Builder
	b.WriteString(c.value.title + ".")
	for _, g := range c.groups {
		for _, bar := range g.bars {
			b.WriteString(" " + bar.fullName(g) + ": " + c.label(bar) + ".")
		}
	}
	return b.String()
}

// fullName is the name with that of its group.
func (b bar) fullName(g group) string { return strings.TrimPrefix(g.name+", ", ", ") + b.name }

func (c bars) label(b bar) string { return cmp.Or(b.Shown, c.value.format(b.Y)) }

func (c bars) draw(s size) (body string, height float64) {
	left := 0
	if s.small {
		c.groups, left = first(c.groups, 6)
	}
	f := c.frame(s)
	var p pen
	if f.bottom <= f.top {
		f.bottom += 2 * barHeight
		f.drawNothing(&p)
	}
	f.drawXGrid(&p, c.value)
	height = f.drawXAxis(&p, c.value)
	if left > 0 {
		height += lineHeight
		p.text("tick", "start", 0, height-margin, fmt.Sprintf("and %d more", left))
	}
	y := f.top
	classes := c.classes()
	for i, g := range c.groups {
		if i > 0 {
			y += groupGap
		}
		if g.name != "" {
			x := c.presets.room(g.name)
			p.preset(c.presets, g.name, x, y+lineHeight)
			p.text("group", "start", x, y+lineHeight, g.name)
			y += headingRoom
		}
		for _, bar := range g.bars {
			p.begin("g", "class", classes[bar.name]+" point")
			c.drawBar(&p, f, g, bar, y+(f.pitch(bar.name)-barHeight)/2)
			p.end("g")
			y += f.pitch(bar.name)
		}
	}
	return p.String(), height
}

// classes returns by name what sets the colour of a bar: its harm, the preset that it is called like,
// or one for each name. Bars of one group differ by name alone.
func (c bars) classes() map[string]string {
	classes := map[string]string{}
	others := 0
	for _, g := range c.groups {
		for _, b := range g.bars {
			harm, harms := harmStyles[b.harm]
			preset, named := presetStyles[c.presets[b.name]]
			switch _, known := classes[b.name]; {
			case known:
			case harms:
				classes[b.name] = harm.class
			case named:
				classes[b.name] = preset.class
			default:
				classes[b.name] = styleOf(others).class
				if len(c.groups) > 1 {
					others++
				}
			}
		}
	}
	return classes
}

// first returns the first bars of groups, at most so many, and how many it leaves out.
func first(all []group, most int) (shown []group, left int) {
	for _, g := range all {
		n := min(most, len(g.bars))
		left += len(g.bars) - n
		if g.bars = g.bars[:n]; n > 0 {
			shown = append(shown, g)
		}
		most -= n
	}
	return shown, left
}

// frame leaves room for the longest name at the left, and for the longest label
// at the right of the longest bar.
func (c bars) frame(s size) frame {
	f := frame{size: s, top: 4, bottom: 4, left: margin, right: s.width - margin}
	var values []float64
	room := 0.0
	for i, g := range c.groups {
		if i > 0 {
			f.bottom += groupGap
		}
		if g.name != "" {
			f.bottom += headingRoom
		}
		for _, b := range g.bars {
			values = append(values, b.Y)
			if hasSpread(b.Point) {
				values = append(values, b.High)
			}
			f.left = max(f.left, widest(f.barName(b.name))+tickGap+c.presets.room(b.name))
			f.bottom += f.pitch(b.name)
			room = max(room, textWidth(c.label(b)))
		}
	}
	f.right -= min(room+tickGap, s.width/3)
	f.x = axis{unit: c.value.unit}.scale(values, false).over(f.left, f.right)
	return f
}

// barName returns the lines of a bar's name, for which there is more room than
// beside a curve.
func (f frame) barName(name string) []string { return shortened(name, 1.3*f.label, 3) }

// pitch returns how much of the height a bar takes, with the gap to the next.
func (f frame) pitch(name string) float64 {
	return max(barHeight, lineHeight*float64(len(f.barName(name)))) + barGap
}

// drawName writes the name of a bar at its left, where base is the bar's own line of text.
func (f frame) drawName(p *pen, presets Presets, name string, base float64) {
	lines := f.barName(name)
	p.preset(presets, name, f.left-tickGap-widest(lines), base)
	p.lines("label", "end", f.left-tickGap, base-lineHeight*float64(len(lines)-1)/2, lines)
}

func (c bars) drawBar(p *pen, f frame, g group, b bar, y float64) {
	n := ""
	if b.Count > 1 {
		n = fmt.Sprintf("n=%d", b.Count)
	}
	p.tip(b.fullName(g), c.value.says(b.Point), n, b.Tip)
	base := y + barHeight/2 + 4.5
	f.drawName(p, c.presets, b.name, base)
	if !linear.holds(b.Y) {
		p.text("tick", "start", f.x.at(0)+tickGap, base, c.label(b))
		return
	}
	zero, end := f.x.at(0), f.x.at(b.Y)
	p.rect("bar", min(zero, end), y, max(end-zero, zero-end), barHeight)
	outer := max(zero, end)
	if hasSpread(b.Point) {
		low, high, middle := f.x.at(b.Low), f.x.at(b.High), y+barHeight/2
		p.line("bar-whisker", low, middle, high, middle)
		p.line("bar-whisker", low, middle-4, low, middle+4)
		p.line("bar-whisker", high, middle-4, high, middle+4)
		outer = max(outer, high)
	}
	p.text("label", "start", outer+tickGap-2, base, c.label(b))
}
