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
)

//go:embed page/page.css
var pageCSS string

//go:embed page/page.html
var pageHTML string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"css": func() template.CSS { return template.CSS(chart.CSS + pageCSS) },
	"japanese": func(s string) bool { // the sources are Japanese or English
		return strings.ContainsFunc(s, func(r rune) bool { return unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han) })
	},
	"link": link,
}).Parse(pageHTML))

// HTML writes run as one page that needs nothing else: no network, no script, no
// other file. It returns w's error.
//
// The claims come first, each with its verdict, the condition of it and what was
// measured; then each experiment with its charts, figures and proofs. Every number on
// it is in run.
func HTML(w io.Writer, doc *run.Run) error {
	var html strings.Builder
	err := pageTemplate.Execute(&html, newPage(doc))
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
