package chart

import (
	"cmp"
	"slices"
	"strings"

	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
)

// stacks compares wholes by their parts: a horizontal bar for each row, with a part for each
// series. The words behind a bar say what its colours say.
type stacks struct {
	*run.Chart
	presets Presets
}

// A stack is the points of one row.
type stack struct {
	name  string
	parts []part
	whole float64
}

// A part is a point of the series of its name.
type part struct {
	name string
	harm run.Topic
	run.Point
}

// rows returns the stacks in their order. Parts that are nothing are left out.
func (c stacks) rows() (rows []stack) {
	var places []float64
	at := map[float64]*stack{}
	for _, s := range c.Series {
		for _, p := range s.Points {
			if !linear.holds(p.X) {
				continue
			}
			if at[p.X] == nil {
				at[p.X], places = &stack{name: p.Label}, append(places, p.X)
			}
			if row := at[p.X]; linear.holds(p.Y) && p.Y > 0 {
				row.parts, row.whole = append(row.parts, part{s.Name, s.Harm, p}), row.whole+p.Y
			}
		}
	}
	slices.Sort(places)
	for _, x := range places {
		rows = append(rows, *at[x])
	}
	return rows
}

// words are all parts: "3 kept, 97 refused"; in a small picture the harm, or what was kept without any.
func (r stack) words(s size) string {
	said := r.parts
	for _, of := range [][]run.Topic{{run.AboutKept}, {run.AboutLost, run.AboutRefused}} {
		some := slices.DeleteFunc(slices.Clone(r.parts), func(p part) bool { return !slices.Contains(of, p.harm) })
		if s.small && len(some) > 0 {
			said = some
		}
	}
	var all []string
	for _, p := range said {
		all = append(all, units.Number(p.Y)+" "+p.name)
	}
	return cmp.Or(strings.Join(all, ", "), "none")
}

func (c stacks) summary() string {
	text := c.Y.Label + "."
	for _, row := range c.rows() {
		text += " " + row.name + ": " + row.words(wide) + "."
	}
	return text
}

func (c stacks) draw(s size) (body string, height float64) {
	const most = 8 // rows of a small picture
	rows, left := c.rows(), 0
	if s.small && len(rows) > most {
		rows, left = rows[:most], len(rows)-most
	}
	f := frame{size: s, left: margin, top: 4, right: s.width - margin}
	wholes, room := []float64{0}, 0.0
	for _, row := range rows {
		f.left = max(f.left, widest(f.barName(row.name))+tickGap+c.presets.room(row.name))
		wholes, room = append(wholes, row.whole), max(room, textWidth(row.words(s)))
	}
	f.right -= min(room+tickGap, s.width*0.45)
	f.x = newScale(linear, wholes, false).over(f.left, f.right)
	var p pen
	y := f.top
	for _, row := range rows {
		pitch := f.pitch(row.name)
		c.drawRow(&p, f, row, y+(pitch-barHeight)/2)
		y += pitch
	}
	if len(rows) == 0 {
		f.bottom = y + 2*barHeight
		f.drawNothing(&p)
		return p.String(), f.bottom
	}
	if left > 0 {
		y += lineHeight
		p.text("tick", "start", 0, y-2, "and "+units.Number(float64(left))+" more")
	}
	return p.String(), y + margin
}

func (c stacks) drawRow(p *pen, f frame, row stack, y float64) {
	base := y + barHeight/2 + 4.5
	f.drawName(p, c.presets, row.name, base)
	p.begin("g", "class", "point")
	p.tip(row.name, c.Y.Label+": "+row.words(wide))
	x, sum := f.x.at(0), 0.0
	for _, part := range row.parts {
		class := claimed.class // of what is neither harm nor none
		if s, is := harmStyles[part.harm]; is {
			class = s.class
		}
		sum += part.Y
		end := f.x.at(sum)
		p.rect("bar "+class, x, y, max(end-x-1, 1), barHeight)
		x = end
	}
	p.end("g")
	for _, words := range shortened(row.words(f.size), f.width-x-tickGap, 1) {
		p.text("label", "start", x+tickGap-2, base, words)
	}
}
