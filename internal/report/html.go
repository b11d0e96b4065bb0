package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"strings"
	"unicode"

	"example.com/contend/internal/chart"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

//go:embed page/page.css
var pageCSS string

//go:embed page/page.html
var pageHTML string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"css":      func() template.CSS { return template.CSS(chart.CSS + pageCSS) },
	"japanese": japanese,
	"link":     link,
}).Parse(pageHTML))

// japanese reports whether a quotation is Japanese; the sources are Japanese or English.
func japanese(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han) })
}

// HTML writes run as one page that needs nothing else: no network, no script, no
// other file. It returns w's error.
//
// The bottom line comes first, then a small picture of each experiment, the claims, and
// the evidence of each experiment, folded up. Paper has what is unfolded: with evidence,
// everything is. Every number on the page is in run.
func HTML(w io.Writer, doc *run.Run, evidence bool) error {
	var html strings.Builder
	err := pageTemplate.Execute(&html, newWebPage(doc, evidence))
	if err == nil {
		// The template escapes what a browser would obey, and plain what would turn the
		// direction of the words around it.
		lines := strings.Split(html.String(), "\n")
		for i := range lines {
			lines[i] = plain(lines[i])
		}
		_, err = io.WriteString(w, strings.Join(lines, "\n"))
	}
	if err != nil {
		return fmt.Errorf("draw page: %w", err)
	}
	return nil
}

// A webPage is a page with what only HTML shows.
type webPage struct {
	page
	Bottom  []bottomLine
	Presets []explained
	Arm     explained // a name of an arm and what it means; empty where every arm is called in words
	Strange []claim   // claims with a surprise
	Open    bool      // nothing is folded up
}

// A bottomLine is a sentence of the bottom line, and the experiment that it leads to.
type bottomLine struct {
	run.Sentence
	Name string // of the experiment; empty where it leads nowhere
	ID   string
}

// An explained is a name and what it means.
type explained struct{ Name, Words string }

func newWebPage(doc *run.Run, open bool) webPage {
	p := webPage{page: newPage(doc), Open: open}
	sentences := doc.Summary.Sentences
	switch {
	case p.Ladder != nil: // the advice says it
		sentences = nil
	case len(sentences) == 0: // of an older contend
		sentences = []run.Sentence{{Text: p.Headline}}
	}
	for _, s := range sentences {
		line := bottomLine{Sentence: s}
		for i := range p.Sections { // what a file says must not choose where a link leads
			if of := &p.Sections[i]; s.Link == "#"+of.ID {
				line.Name, line.ID = of.Name, of.ID
			}
		}
		p.Bottom = append(p.Bottom, line)
	}
	for i := range p.Sections {
		for _, c := range p.Sections[i].Claims {
			if len(c.Surprises) > 0 {
				p.Strange = append(p.Strange, c)
			}
		}
		for _, r := range p.Sections[i].Table.Rows {
			if p.Arm.Name == "" && r.Preset == "" && r.Words != "" && strings.Contains(r.Name, "/") {
				p.Arm = explained{r.Name, r.Words}
			}
		}
	}
	has := presetsOf(doc)
	for _, name := range []string{"red", "green"} {
		if d, err := store.Preset(name); err == nil && has[name] {
			p.Presets = append(p.Presets, explained{name, d.Words()})
		}
	}
	return p
}

// presetsOf are the presets whose settings an arm of doc has.
func presetsOf(doc *run.Run) map[string]bool {
	all := map[string]bool{}
	for i := range doc.Experiments {
		for _, name := range presetNames(&doc.Experiments[i]) {
			all[name] = true
		}
	}
	return all
}

// link is source where it is a page of SQLite's, and empty where it is not. The page
// links to nothing else: what a file says must not choose the host.
func link(source string) string {
	for _, host := range []string{"https://sqlite.org/", "https://www.sqlite.org/"} {
		if strings.HasPrefix(source, host) && !strings.ContainsAny(source, " \t\n<>|\"") {
			return source
		}
	}
	return ""
}

// anchors are the ids of the page. It gives out ids that are safe and unique.
type anchors map[string]bool

var unsafe = regexp.MustCompile("[^a-z0-9]+")

func (a anchors) of(name string) string {
	slug := strings.Trim(unsafe.ReplaceAllString(strings.ToLower(name), "-"), "-")
	id := slug
	for n := 2; a[id]; n++ {
		id = fmt.Sprintf("%s-%d", slug, n)
	}
	a[id] = true
	return id
}
