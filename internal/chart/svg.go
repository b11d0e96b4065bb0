package chart

import (
	"encoding/xml"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A pen writes SVG. Whatever it is given as text or as the value of an
// attribute is escaped; the names of elements and attributes are ours.
type pen struct{ strings.Builder }

// begin opens an element. Attributes come in pairs, name and value.
func (p *pen) begin(element string, attributes ...string) {
	p.head(element, attributes)
	p.WriteByte('>')
}

// end closes an element.
func (p *pen) end(element string) { p.WriteString("</" + element + ">") }

// empty writes an element without content.
func (p *pen) empty(element string, attributes ...string) {
	p.head(element, attributes)
	p.WriteString("/>")
}

func (p *pen) head(element string, attributes []string) {
	// One element a line, so that a changed picture makes a readable diff.
	p.WriteString("\n<" + element)
	for i := 0; i+1 < len(attributes); i += 2 {
		p.WriteString(" " + attributes[i] + `="`)
		p.escape(attributes[i+1])
		p.WriteByte('"')
	}
}

// tagged writes an element that holds only text.
func (p *pen) tagged(element, text string, attributes ...string) {
	p.begin(element, attributes...)
	p.escape(text)
	p.end(element)
}

// tip writes the tooltip of what it stands in: those of lines that are not empty.
func (p *pen) tip(lines ...string) {
	p.tagged("title", strings.Join(slices.DeleteFunc(lines, func(s string) bool { return s == "" }), "\n"))
}

// escape writes text so that it is text in XML and in HTML alike.
func (p *pen) escape(text string) {
	// Writing to a strings.Builder cannot fail.
	_ = xml.EscapeText(p, []byte(text))
}

func (p *pen) line(class string, x1, y1, x2, y2 float64) {
	p.empty("line", "class", class, "x1", num(x1), "y1", num(y1), "x2", num(x2), "y2", num(y2))
}

func (p *pen) rect(class string, x, y, width, height float64) {
	p.empty("rect", "class", class, "x", num(x), "y", num(y), "width", num(max(width, 0)), "height", num(max(height, 0)))
}

// text writes one line of text. Anchor is start, middle or end; y is the baseline.
func (p *pen) text(class, anchor string, x, y float64, text string) {
	p.tagged("text", text, "class", class, "text-anchor", anchor, "x", num(x), "y", num(y))
}

// lines writes lines of text under each other, the first with its baseline at y.
func (p *pen) lines(class, anchor string, x, y float64, lines []string) {
	for i, line := range lines {
		p.text(class, anchor, x, y+float64(i)*lineHeight, line)
	}
}

// num writes a coordinate to a tenth of a unit, which is finer than a screen.
func num(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "0"
	}
	v = math.Round(v*10) / 10
	if v == 0 {
		return "0" // not -0
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// hit writes the invisible area of a mark that shows its tooltip, larger than the mark.
func (p *pen) hit(at spot, radius float64) {
	p.empty("circle", "class", "hit", "cx", num(at.x), "cy", num(at.y), "r", num(radius))
}

// A spot is a place in the picture.
type spot struct{ x, y float64 }

// polyline returns the path through spots.
func polyline(spots []spot) string {
	var d strings.Builder
	for i, s := range spots {
		letter := "L"
		if i == 0 {
			letter = "M"
		}
		d.WriteString(letter + num(s.x) + " " + num(s.y))
	}
	return d.String()
}
