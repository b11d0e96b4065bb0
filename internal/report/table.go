package report

import (
	"regexp"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"example.com/contend/check"
)

// verdictHue is the colour of a verdict. Neither verdict is good news by
// itself: most claims are of something going wrong.
func verdictHue(v check.Verdict) hue {
	switch v {
	case check.Holds:
		return good
	case check.Refuted:
		return bad
	default:
		return unsure
	}
}

// table draws a sheet as text, with a line above each group of rows.
func (p *paper) table(s *sheet) {
	w := table.NewWriter()
	w.SetStyle(style())
	w.SetColumnConfigs(columns(s.Heads))
	if spans := s.Spans(); spans != nil {
		w.AppendHeader(spanRow(spans), table.RowConfig{AutoMerge: true})
	}
	var heads table.Row
	for _, h := range s.Heads {
		heads = append(heads, strings.TrimSuffix(shortHead(plain(h.Name))+"\n"+plain(h.Unit), "\n"))
	}
	w.AppendHeader(heads)
	for i, r := range s.Rows {
		if i > 0 && r.Begins {
			w.AppendSeparator()
		}
		name := plain(r.Name)
		if r.Trial {
			name = "  " + name
		}
		if r.Lost {
			name = p.dye(name, bad)
		}
		row := table.Row{name}
		for _, c := range r.Cells {
			row = append(row, p.cell(c))
		}
		w.AppendRow(row)
	}
	for _, line := range strings.Split(w.Render(), "\n") {
		p.line(line)
	}
}

// spanRow repeats the name of each group over its columns, to be merged.
func spanRow(spans []span) table.Row {
	var names table.Row
	for _, s := range spans {
		for range s.Columns {
			names = append(names, plain(s.Name))
		}
	}
	return names
}

func (p *paper) cell(c cell) string {
	switch {
	case c.Finding == nil && c.Strong:
		return p.dye(plain(c.Text), strong)
	case c.Finding == nil:
		return plain(c.Text)
	}
	h := verdictHue(c.Finding.Verdict)
	if c.Finding.Surprise() {
		return p.dye(c.Text+surpriseMark, slices.Concat(strong, h))
	}
	return p.dye(c.Text, h)
}

// columns aligns all to the bottom of the head and numbers to the right.
func columns(heads []head) []table.ColumnConfig {
	configs := make([]table.ColumnConfig, len(heads))
	for i := range configs {
		configs[i] = table.ColumnConfig{Number: i + 1, VAlignHeader: text.VAlignBottom}
		if heads[i].Number {
			configs[i].Align, configs[i].AlignHeader = text.AlignRight, text.AlignRight
		}
	}
	return configs
}

// style is a table with lines under its head and between groups, and no others.
func style() table.Style {
	s := table.StyleLight
	s.Options = table.Options{SeparateHeader: true}
	s.Format.Header = text.FormatDefault
	s.Box.PaddingLeft, s.Box.PaddingRight = "", "  "
	return s
}

// shortHead breaks a head at its spaces and hyphens, so that its column is no
// wider than a verdict, and at soft hyphens always.
func shortHead(name string) string {
	const widest = 8
	name = strings.ReplaceAll(name, softHyphen, "-\n")
	var lines []string
	for line := range strings.Lines(name) {
		begun := false
		for _, part := range breaks.FindAllString(strings.TrimSuffix(line, "\n"), -1) {
			last := len(lines) - 1
			if begun && len(lines[last])+len(strings.TrimSpace(part)) <= widest {
				lines[last] += part
			} else {
				lines, begun = append(lines, part), true
			}
		}
	}
	return strings.Join(lines, "\n")
}

// breaks are the parts of a head after which it may be broken.
var breaks = regexp.MustCompile(`[^ -]*[ -]*`)
