package report

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	pretty "github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"example.com/contend/internal/display"
	"example.com/contend/internal/run"
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

// harms are the colours of what a run found. Colour says how much harm was done, and never
// whether a claim is true: most claims are of something going wrong.
var harms = map[run.Topic]hue{
	run.AboutLost: bad, run.AboutRefused: unsure, run.AboutCure: good, run.AboutKept: good, run.AboutMachine: unsure,
}

// A paper is drawn on from top to bottom. Its lines are at most width columns wide where
// their words allow.
type paper struct {
	strings.Builder
	color     bool
	width     int  // of sentences
	limit     int  // of tables; 0: none
	japanese  bool // quotations of the source, too
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
	for i, line := range wrap(plain(s), max(p.width-indent, p.width/2)) {
		if i > 0 {
			head = ""
		}
		p.line(pad(p.dye(head, strong), indent) + p.dye(strings.TrimRight(line, " "), h))
	}
}

// unit is one, behind a number.
var unit = regexp.MustCompile(`^(%|s|ms|µs)[.,;:)]*$`)

// wrap breaks s into lines of at most width columns. An address stays whole, however long it is, so that it can
// be copied or clicked on, and a number keeps its unit.
func wrap(s string, width int) []string {
	words := strings.Fields(s)
	for i := len(words) - 1; i > 0; i-- {
		if unit.MatchString(words[i]) {
			words = slices.Replace(words, i-1, i+1, words[i-1]+" "+words[i])
		}
	}
	lines := []string{""}
	for _, word := range words {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case text.StringWidth(*last)+1+text.StringWidth(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
			last = &lines[len(lines)-1]
		}
		if *last == word && !strings.Contains(word, "://") && text.StringWidth(word) > width {
			parts := strings.Split(text.WrapHard(word, max(width, 1)), "\n")
			lines = append(lines[:len(lines)-1], parts...)
		}
	}
	return lines
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

// table draws a table as text, with lines under its head and above each group of rows, and no others.
// Where it is wider than the paper's limit it leaves out columns by their rank, says which, and returns their names.
func (p *paper) table(t *table) (left []string) {
	shown := *t
	lines := p.rows(&shown)
	for p.limit > 0 && slices.ContainsFunc(lines, func(line string) bool { return text.StringWidthWithoutEscSequences(line) > p.limit }) {
		at := 0
		for i, h := range shown.Heads {
			if h.Rank > 0 && h.Rank >= shown.Heads[at].Rank {
				at = i
			}
		}
		if at == 0 {
			break // nothing more may be left out
		}
		left = append(left, strings.ReplaceAll(shown.Heads[at].Name, softHyphen, ""))
		shown = shown.without(at)
		lines = p.rows(&shown)
	}
	for _, line := range lines {
		p.line(line)
	}
	if len(left) > 0 {
		p.say("", 2, fmt.Sprintf("Left out at %d columns: %s.", p.limit, strings.Join(left, ", ")), faint)
	}
	return left
}

// rows draws a table as lines of text.
func (p *paper) rows(t *table) (lines []string) {
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
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return lines
}

func (p *paper) cell(c cell) string {
	switch {
	case c.Finding == nil && c.Strong:
		return p.dye(short(c.Text), slices.Concat(strong, harms[c.Harm]))
	case c.Finding == nil:
		return p.dye(short(c.Text), harms[c.Harm])
	case c.Finding.Surprise():
		return p.dye(c.Text+surpriseMark, strong)
	}
	return c.Text
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
