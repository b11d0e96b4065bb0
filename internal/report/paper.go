package report

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	pretty "github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"example.com/contend/internal/display"
)

// Every string of a run may come from a file that somebody else wrote. plain takes from
// it what a terminal would obey, control characters and marks that turn the direction of
// writing, and makes it one line.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case display.Obeyed(r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// short is plain, cut to what a cell may hold: every row of a table is as wide as its widest.
func short(s string) string {
	const most = 200 // characters
	n := 0
	for at := range s {
		if n++; n > most {
			return plain(s[:at]) + "…"
		}
	}
	return plain(s)
}

// The locale must not decide how wide a text is drawn, or a stored run would be drawn
// differently from how it was: characters of ambiguous width take one column.
var fixWidths = sync.OnceFunc(func() { text.OverrideRuneWidthEastAsianWidth(false) })

// A hue is what colour adds to a text; the text says the same without it.
type hue []text.Color

var (
	strong = hue{text.Bold}
	faint  = hue{text.Faint}
	good   = hue{text.FgGreen}
	bad    = hue{text.FgRed}
	unsure = hue{text.FgYellow}
)

// A paper is drawn on from top to bottom. Its lines are at most width columns wide where
// their words allow.
type paper struct {
	strings.Builder
	color     bool
	width     int
	explained bool // the legend of the tables has been written
}

// dye returns s in colour, where the paper has colour. It asks no global setting of
// go-pretty's, which would look at the environment.
func (p *paper) dye(s string, h hue) string {
	if !p.color || s == "" || len(h) == 0 {
		return s
	}
	return text.Escape(s, text.Colors(h).EscapeSeq())
}

// line writes s as it is.
func (p *paper) line(s string) {
	p.WriteString(strings.TrimRight(s, " "))
	p.WriteByte('\n')
}

// gap writes an empty line, unless there is one.
func (p *paper) gap() {
	if !strings.HasSuffix(p.String(), "\n\n") {
		p.line("")
	}
}

// say writes s in as many lines as it takes, each indented by indent columns, the first
// with head in that space.
func (p *paper) say(head string, indent int, s string, h hue) {
	for i, line := range strings.Split(text.WrapSoft(strings.Join(strings.Fields(plain(s)), " "), p.width-indent), "\n") {
		if i > 0 {
			head = ""
		}
		p.line(pad(p.dye(head, strong), indent) + p.dye(strings.TrimRight(line, " "), h))
	}
}

// sayAll writes those of all that are not empty.
func (p *paper) sayAll(indent int, h hue, all ...string) {
	for _, s := range all {
		if s != "" {
			p.say("", indent, s, h)
		}
	}
}

// pad fills s up with spaces to width columns, and leaves one at least after a text.
func pad(s string, width int) string {
	missing := width - text.StringWidthWithoutEscSequences(s)
	if s != "" {
		missing = max(missing, 1)
	}
	return s + strings.Repeat(" ", max(missing, 0))
}

// table draws a table as text, with lines under its head and above each group of rows,
// and no others.
func (p *paper) table(t *table) {
	w := pretty.NewWriter()
	style := pretty.StyleLight
	style.Options = pretty.Options{SeparateHeader: true}
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	w.SetStyle(style)
	var groups, heads pretty.Row
	var configs []pretty.ColumnConfig
	for i, h := range t.Heads {
		config := pretty.ColumnConfig{Number: i + 1, VAlignHeader: text.VAlignBottom}
		if h.Number {
			config.Align, config.AlignHeader = text.AlignRight, text.AlignRight
		}
		configs = append(configs, config)
		groups = append(groups, short(h.Group))
		heads = append(heads, strings.TrimSuffix(shortHead(short(h.Name))+"\n"+short(h.Unit), "\n"))
	}
	w.SetColumnConfigs(configs)
	if t.Spans() != nil {
		w.AppendHeader(groups, pretty.RowConfig{AutoMerge: true})
	}
	w.AppendHeader(heads)
	for i, r := range t.Rows {
		if i > 0 && r.Begins {
			w.AppendSeparator()
		}
		name := short(r.Name)
		if r.Inner {
			name = "  " + name
		}
		if r.Class == "lost" {
			name = p.dye(name, bad)
		}
		drawn := pretty.Row{name}
		for _, c := range r.Cells {
			drawn = append(drawn, p.cell(c))
		}
		w.AppendRow(drawn)
	}
	for line := range strings.SplitSeq(w.Render(), "\n") {
		if rule, is := strings.CutSuffix(line, "──"); is && strings.Trim(rule, "─") == "" {
			line = rule // a rule ends where the text does, without the last padding
		}
		p.line(line)
	}
}

func (p *paper) cell(c cell) string {
	switch {
	case c.Finding == nil && c.Strong:
		return p.dye(short(c.Text), strong)
	case c.Finding == nil:
		return short(c.Text)
	case c.Finding.Surprise():
		return p.dye(c.Text+surpriseMark, slices.Concat(strong, hues[c.Ruling()]))
	}
	return p.dye(c.Text, hues[c.Ruling()])
}

// shortHead breaks a head at its spaces and hyphens, so that its column is no wider than
// a verdict, and at soft hyphens always.
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
