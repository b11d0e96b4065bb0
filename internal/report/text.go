package report

import (
	"strings"
	"sync"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"
)

// Every string of a run may come from a file that somebody else wrote. plain
// takes from it what a terminal would obey, control characters and marks that
// turn the direction of writing, and makes it one line.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// The locale must not decide how wide a text is drawn, or a stored run would be
// drawn differently from how it was: characters of ambiguous width take one column.
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

// A paper is drawn on from top to bottom. Its lines are at most width columns
// wide where their words allow.
type paper struct {
	strings.Builder
	color     bool
	width     int
	explained bool // the legend of the tables has been written
}

// dye returns s in colour, where the paper has colour. It asks no global
// setting of go-pretty's, which would look at the environment.
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

// say writes s in as many lines as it takes, each indented by indent columns,
// the first with head in that space.
func (p *paper) say(head string, indent int, s string, h hue) {
	for i, line := range wrap(plain(s), p.width-indent) {
		if i > 0 {
			head = ""
		}
		p.line(pad(p.dye(head, strong), indent) + p.dye(line, h))
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

// wrap breaks s between words, and within a word that is too long for a line:
// Japanese has no spaces.
func wrap(s string, width int) []string {
	var lines []string
	line, used := "", 0
	for _, word := range strings.Fields(s) {
		if line != "" && used+1+text.StringWidth(word) > width {
			lines = append(lines, line)
			line, used = "", 0
		}
		if line != "" {
			line, used = line+" ", used+1
		}
		for _, r := range word {
			w := text.RuneWidth(r)
			if used+w > width && used > 0 {
				lines = append(lines, line)
				line, used = "", 0
			}
			line, used = line+string(r), used+w
		}
	}
	return append(lines, line)
}
