package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"unicode"

	"example.com/contend/internal/chart"
	"example.com/contend/internal/run"
)

//go:embed page/page.css
var pageCSS string

//go:embed page/page.html
var pageHTML string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"css":      func() template.CSS { return template.CSS(chart.CSS + pageCSS) },
	"ms":       ms,
	"language": language,
	"link":     link,
}).Parse(pageHTML))

// HTML writes run as one page that needs nothing else: no network, no script,
// no other file. It returns w's error.
//
// The claims come first, each with its verdict, the condition of it and what
// was measured; then each experiment with its charts, figures and proofs.
// Every number on it is in run.
func HTML(w io.Writer, doc *run.Run) error {
	var page strings.Builder
	if err := pageTemplate.Execute(&page, newPage(doc)); err != nil {
		return fmt.Errorf("draw page: %w", err)
	}
	if _, err := io.WriteString(w, harmless(page.String())); err != nil {
		return fmt.Errorf("draw page: %w", err)
	}
	return nil
}

// language is what a text is marked as: the sources are Japanese or English.
func language(s string) string {
	for _, r := range s {
		if unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han) {
			return "ja"
		}
	}
	return "en"
}

// harmless takes from a text of several lines what plain takes from one: the
// template escapes what a browser would obey, and this what would turn the
// direction of the words around it.
func harmless(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = plain(lines[i])
	}
	return strings.Join(lines, "\n")
}
