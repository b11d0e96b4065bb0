package chart

import "strings"

// Bars compares values: horizontal bars in groups, each with its name at its
// left and its value at its right.
type Bars struct {
	Title, Note string
	Value       Axis // always linear, from 0: the length of a bar is its value
	Groups      []Group
}

// A Group is bars that belong together. Without a name it has no heading.
type Group struct {
	Name string
	Bars []Bar
}

// A Bar is a value, with its spread from Low to High where High is above Low.
// Bars of one name look the same in all groups.
type Bar struct {
	Name             string
	Value, Low, High float64
	Label            string // stands for the value: "25 of 100"
	Text             string // is added to its tooltip
}

const (
	barHeight   = 16.0
	barGap      = 7.0
	headingRoom = 22.0
	groupGap    = 12.0
)

func (c Bars) caption() caption {
	var b strings.Builder
	b.WriteString(c.Value.Title + ".")
	for _, g := range c.Groups {
		for _, bar := range g.Bars {
			b.WriteString(" " + bar.fullName(g) + ": " + c.label(bar) + ".")
		}
	}
	return caption{c.Title, c.Note, b.String()}
}

// fullName is the name with that of its group.
func (b Bar) fullName(g Group) string { return strings.TrimPrefix(g.Name+", ", ", ") + b.Name }

func (c Bars) label(b Bar) string {
	if b.Label != "" {
		return b.Label
	}
	return c.Value.Unit.format(b.Value)
}

func (c Bars) draw(s size) picture {
	f := c.frame(s)
	var p pen
	if f.bottom <= f.top {
		f.bottom += 2 * barHeight
		f.drawNothing(&p)
	}
	f.drawXGrid(&p, c.Value)
	height := f.drawXAxis(&p, c.Value)
	y := f.top
	styles := c.styles()
	for i, g := range c.Groups {
		if i > 0 {
			y += groupGap
		}
		if g.Name != "" {
			p.text("group", "start", 0, y+lineHeight, g.Name)
			y += headingRoom
		}
		for _, bar := range g.Bars {
			p.begin("g", "class", styles[bar.Name].class+" point")
			c.drawBar(&p, f, g, bar, y+(f.pitch(bar)-barHeight)/2)
			p.end("g")
			y += f.pitch(bar)
		}
	}
	return picture{p.String(), height}
}

// frame leaves room for the longest name at the left, and for the longest label
// at the right of the longest bar.
func (c Bars) frame(s size) frame {
	f := frame{size: s, top: 4, bottom: 4, left: margin, right: s.width - margin}
	var values []float64
	room := 0.0
	for i, g := range c.Groups {
		if i > 0 {
			f.bottom += groupGap
		}
		if g.Name != "" {
			f.bottom += headingRoom
		}
		for _, b := range g.Bars {
			values = append(values, b.Value)
			if hasSpread(b.Low, b.High) {
				values = append(values, b.High)
			}
			f.left = max(f.left, widest(f.barName(b))+tickGap)
			f.bottom += f.pitch(b)
			room = max(room, textWidth(c.label(b)))
		}
	}
	f.right -= min(room+tickGap, s.width/3)
	axis := Axis{Unit: c.Value.Unit}
	f.x = axis.scale(values, false).over(f.left, f.right)
	return f
}

// barName returns the lines of a bar's name, for which there is more room than
// beside a curve.
func (f frame) barName(b Bar) []string { return shortened(b.Name, 1.3*f.label, 3) }

// pitch returns how much of the height a bar takes, with the gap to the next.
func (f frame) pitch(b Bar) float64 {
	return max(barHeight, lineHeight*float64(len(f.barName(b)))) + barGap
}

// styles gives each name of a bar a style, in the order of first appearance.
// Bars of one name only, or all of different names, are of one colour.
func (c Bars) styles() map[string]style {
	styles := map[string]style{}
	for _, g := range c.Groups {
		for _, b := range g.Bars {
			if _, known := styles[b.Name]; !known {
				styles[b.Name] = styleOf(len(styles))
			}
		}
	}
	if len(c.Groups) == 1 {
		for name := range styles {
			styles[name] = styleOf(0)
		}
	}
	return styles
}

func (c Bars) drawBar(p *pen, f frame, g Group, b Bar, y float64) {
	title := b.fullName(g) + "\n" + c.Value.says(b.Value, b.Low, b.High)
	p.tagged("title", strings.TrimSuffix(title+"\n"+b.Text, "\n"))
	base := y + barHeight/2 + 4.5
	name := f.barName(b)
	p.lines("label", "end", f.left-tickGap, base-lineHeight*float64(len(name)-1)/2, name)
	if !Linear.holds(b.Value) {
		p.text("tick", "start", f.x.at(0)+tickGap, base, c.label(b))
		return
	}
	zero, end := f.x.at(0), f.x.at(b.Value)
	p.rect("bar", min(zero, end), y, max(end-zero, zero-end), barHeight)
	outer := max(zero, end)
	if hasSpread(b.Low, b.High) {
		low, high, middle := f.x.at(b.Low), f.x.at(b.High), y+barHeight/2
		p.line("bar-whisker", low, middle, high, middle)
		p.line("bar-whisker", low, middle-4, low, middle+4)
		p.line("bar-whisker", high, middle-4, high, middle+4)
		outer = max(outer, high)
	}
	p.text("label", "start", outer+tickGap-2, base, c.label(b))
}
