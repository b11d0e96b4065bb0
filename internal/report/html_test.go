package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/internal/run"
)

func paged(t testing.TB, doc *run.Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, doc, false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var (
	drawing = regexp.MustCompile(`(?s)<svg .*?</svg>`)
	sheets  = regexp.MustCompile(`(?s)<style>.*?</style>`)
)

// Package chart has goldens of its own: here only the place of a drawing counts.
func TestHTML(t *testing.T) {
	for name, doc := range map[string]*run.Run{"page": labRun(), "ladder": compareRun()} {
		page := drawing.ReplaceAllString(paged(t, doc), "<svg/>")
		golden(t, name, sheets.ReplaceAllString(page, "<style/>"))
	}
}

// runsToDraw are runs whose pages must be sound.
func runsToDraw() map[string]*run.Run {
	return map[string]*run.Run{
		"lab": labRun(), "sample": sampleRun(), "whole": wholeRun(), "compare": compareRun(), "bare": bareComparison(), "evil": evilComparison(), "long": longNames(),
		"empty":   {},
		"nothing": finish(&run.Run{Interrupted: true, Experiments: []run.Result{{Name: "busy", Question: "Well?"}}}),
		"twice":   {Experiments: []run.Result{crashResult(), crashResult(), {Name: "crash-2"}, {Name: "日本"}}},
	}
}

func TestPagesAreSound(t *testing.T) {
	for name, doc := range runsToDraw() {
		t.Run(name, func(t *testing.T) {
			s := soundness{t: t, ids: map[string]bool{}}
			s.read(paged(t, doc))
			s.finish()
		})
	}
}

// Each claim is on the page once: a reader does not wonder whether two are the same.
func TestEachClaimIsSaidOnce(t *testing.T) {
	for _, doc := range []*run.Run{labRun(), wholeRun(), compareRun()} {
		s := soundness{t: t, ids: map[string]bool{}}
		s.read(paged(t, doc))
		times := map[string]int{} // that a claim's words are those of an experiment's
		for i := range doc.Experiments {
			for _, c := range claims(&doc.Experiments[i]) {
				times[c.Text]++
			}
		}
		for text, want := range times {
			if got := strings.Count(s.words.String(), plain(text)); got != want && text != evil {
				t.Errorf("%q is on the page %d times, want %d", text, got, want)
			}
		}
		if len(times) == 0 {
			t.Error("no claim was looked for")
		}
	}
}

// The bottom line is the run's; what it links to is an experiment of the page, or nothing.
func TestBottomLine(t *testing.T) {
	doc := sampleRun()
	doc.Summary.Sentences = []run.Sentence{
		{About: run.AboutLost, Text: "98 of 100 were lost.", Link: "#busy"},
		{About: run.AboutMachine, Text: "The machine was busy.", Link: "https://evil.example/"},
		{About: "\"><script>", Text: "<b>x</b>", Link: "#nowhere"},
	}
	page := paged(t, doc)
	for _, want := range []string{
		`<li class="lost">98 of 100 were lost. <a href="#busy">busy</a></li>`,
		`<li class="machine">The machine was busy.</li>`,
		`>&lt;b&gt;x&lt;/b&gt;</li>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page, "evil.example") || strings.Contains(page, "<script>") {
		t.Error("the page obeys what a file says")
	}
}

// A quick run says so, and the presets are explained where an arm has their settings.
func TestWhatThePageExplains(t *testing.T) {
	const quick, red, mark = `<span class="quick">`, "<b>red</b>: read and write apart, no patience, rollback journal", `<span class="preset red" aria-hidden="true">◆</span> red/burst`
	lab := paged(t, labRun())
	for _, want := range []string{quick, red, mark, "<small>read and write apart, no patience, rollback journal, 10 ms between read and write, all at once</small>"} {
		if !strings.Contains(lab, want) {
			t.Errorf("the page of a quick run lacks %s", want)
		}
	}
	crash := paged(t, finish(&run.Run{Experiments: []run.Result{crashResult()}}))
	for _, never := range []string{quick, red, mark} {
		if strings.Contains(crash, never) {
			t.Errorf("the page of a whole run without presets has %s", never)
		}
	}
}

// With its evidence a page has nothing folded up, so that paper has it too.
func TestEvidenceIsUnfolded(t *testing.T) {
	const folded = "<details>"
	for _, doc := range []*run.Run{labRun(), compareRun()} {
		var open strings.Builder
		if err := HTML(&open, doc, true); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(open.String(), folded) {
			t.Error("the page has something folded up, with its evidence")
		}
		if !strings.Contains(paged(t, doc), folded) {
			t.Error("the page has nothing folded up, without its evidence")
		}
	}
}

// A soundness reads a page as XML and looks for what no page may have.
type soundness struct {
	t        *testing.T
	ids      map[string]bool
	targets  []string // that ids must exist for
	headings []string
	words    strings.Builder
}

var void = regexp.MustCompile(`<(meta|link)([^>]*)>`)

func (s *soundness) read(page string) {
	page = void.ReplaceAllString(strings.TrimPrefix(page, "<!DOCTYPE html>"), "<$1$2/>")
	decoder := xml.NewDecoder(strings.NewReader(page))
	for {
		switch token, err := decoder.Token(); token := token.(type) {
		case nil:
			if !errors.Is(err, io.EOF) {
				s.t.Errorf("the page is not well-formed: %v", err)
			}
			return
		case xml.StartElement:
			s.element(token)
		case xml.CharData:
			s.text(string(token))
			s.words.Write(token)
		}
	}
}

func (s *soundness) element(e xml.StartElement) {
	name := e.Name.Local
	switch name {
	case "script", "iframe", "img", "object", "embed", "form", "image", "use":
		s.t.Errorf("the page has a <%s>", name)
	case "h1", "h2", "h3", "h4", "h5", "h6":
		s.headings = append(s.headings, name)
	}
	for _, a := range e.Attr {
		s.text(a.Value)
		switch key := a.Name.Local; {
		case key == "id":
			if s.ids[a.Value] || a.Value == "" || strings.ContainsAny(a.Value, " \t\n") {
				s.t.Errorf("id %q is no id, or one that is taken", a.Value)
			}
			s.ids[a.Value] = true
		case key == "aria-labelledby":
			s.targets = append(s.targets, a.Value)
		case key == "href":
			s.link(name, a.Value)
		case key == "src", key == "srcset", key == "action", strings.HasPrefix(key, "on"):
			s.t.Errorf("<%s> has %s=%q", name, key, a.Value)
		}
	}
}

func (s *soundness) link(element, target string) {
	if anchor, inside := strings.CutPrefix(target, "#"); inside {
		s.targets = append(s.targets, anchor)
		return
	}
	switch {
	case element == "link" && strings.HasPrefix(target, "data:"):
	case element == "a" && strings.HasPrefix(target, "https://sqlite.org/"):
	default:
		s.t.Errorf("<%s> leads to %q", element, target)
	}
}

func (s *soundness) text(text string) {
	if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
		s.t.Errorf("the page says %q", text)
	}
	for _, r := range text {
		if unicode.Is(unicode.Bidi_Control, r) || unicode.IsControl(r) && !unicode.IsSpace(r) {
			s.t.Errorf("%U came through in %q", r, text)
		}
	}
}

func (s *soundness) finish() {
	for _, target := range s.targets {
		if !s.ids[target] {
			s.t.Errorf("#%s leads nowhere", target)
		}
	}
	for i, h := range s.headings {
		if (i == 0) != (h == "h1") || i > 0 && h[1] > s.headings[i-1][1]+1 {
			s.t.Errorf("headings are out of order at the %d. of %v", i+1, s.headings)
			break
		}
	}
}

// A run that was stored and read is drawn as it was before, in every form.
func TestStoredLabIsDrawnTheSame(t *testing.T) {
	read, err := Decode(strings.NewReader(encoded(t, labRun())), "run.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(drawn(t, labRun(), Options{Verbose: true}), drawn(t, read, Options{Verbose: true})); diff != "" {
		t.Errorf("the terminal differs once stored (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(paged(t, labRun()), paged(t, read)); diff != "" {
		t.Errorf("the page differs once stored (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(claimed(t, labRun()), claimed(t, read)); diff != "" {
		t.Errorf("the claims differ once stored (-before +after):\n%s", diff)
	}
}

func TestAnchors(t *testing.T) {
	a := anchors{"": true, "claims": true}
	for _, tt := range []struct{ name, want string }{
		{"busy", "busy"}, {"busy", "busy-2"}, {"busy-2", "busy-2-2"}, {"claims", "claims-2"},
		{"Lost Update", "lost-update"}, {"日本", "-2"}, {"", "-3"}, {`"><script>`, "script"},
	} {
		if got := a.of(tt.name); got != tt.want {
			t.Errorf("anchor of %q = %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestSourceLinks(t *testing.T) {
	for source, want := range map[string]string{
		"https://sqlite.org/wal.html":              "https://sqlite.org/wal.html",
		"https://www.sqlite.org/wal.html#fast":     "https://www.sqlite.org/wal.html#fast",
		"https://sqlite.org.evil.example/":         "",
		"https://evil.example/https://sqlite.org/": "",
		"javascript:alert(1)":                      "",
		"07_container_shared_filedb.md:122":        "",
		"https://sqlite.org/wal.html, section 2":   "",
		"https://sqlite.org/wal.html\"onclick=\"x": "",
	} {
		if got := link(source); got != want {
			t.Errorf("link of %q = %q, want %q", source, got, want)
		}
	}
}
