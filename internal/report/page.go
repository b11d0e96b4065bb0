package report

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"example.com/contend/internal/run"
)

// A page is all that the HTML page says, in order.
type page struct {
	Title       string
	Headline    string
	Interrupted bool
	Facts       []fact
	Command     string
	Ladder      *ladder // of a comparison
	Sections    []section
	Legend      string
	Claims      int // of all sections
}

// A fact is a word and what it stands for.
type fact struct{ Name, Value string }

// A section is an experiment.
type section struct {
	ID, Name, Question string
	Claims             []anchoredClaim
	Charts             []template.HTML // by package chart, which escapes
	ChartsID           string
	Sheet              sheet
	Remarks            string
	Comparison         comparison
	Skipped            []string
	Notes              []note
	Havocs             []havoc
	Scenes             []scene
	Proofs             []proof
	Command            string
}

// An anchoredClaim is a claim with the place of its evidence on the page.
type anchoredClaim struct {
	claim
	Anchor string
}

// Link is where the source can be read, see [link].
func (c anchoredClaim) Link() string { return link(c.Source) }

// link is source where it is a page of SQLite's, and empty where it is not. The
// page links to nothing else: what a file says must not choose the host.
func link(source string) string {
	for _, host := range []string{"https://sqlite.org/", "https://www.sqlite.org/"} {
		if strings.HasPrefix(source, host) && !strings.ContainsAny(source, " \t\n<>|\"") {
			return source
		}
	}
	return ""
}

func newPage(doc *run.Run) page {
	p := page{Interrupted: doc.Interrupted, Facts: facts(doc), Legend: legend}
	if len(doc.Command) > 0 {
		p.Command = commandLine(doc.Command)
	}
	anchors := newAnchors()
	var names []string
	var all []claim
	for i := range doc.Experiments {
		s := newSection(doc, &doc.Experiments[i], anchors)
		for _, c := range s.Claims {
			all = append(all, c.claim)
		}
		names = append(names, s.Name)
		p.Sections = append(p.Sections, s)
	}
	p.Claims = len(all)
	p.Title, p.Headline = title(names), headline(doc, all)
	if doc.Comparison != nil {
		p.climb(doc)
	}
	return p
}

// climb puts the ladder of a comparison before everything else, with all charts.
func (p *page) climb(doc *run.Run) {
	p.Ladder, p.Title = newLadder(doc.Comparison), "What would fix it, and what each fix costs"
	if advice := doc.Comparison.Advice; len(advice) > 0 {
		p.Headline = joined(advice[0].Text, p.Headline)
	}
	var charts []template.HTML
	for i := range p.Sections {
		charts = append(charts, p.Sections[i].Charts...)
		p.Sections[i].Charts = nil
	}
	p.Ladder.Charts = append(charts, p.Ladder.Charts...)
}

// title names the experiments, as long as that is short.
func title(names []string) string {
	if len(names) == 0 || len(names) > 4 {
		return plural(len(names), "experiment") + " on one shared SQLite file"
	}
	return list(names, "and")
}

func facts(doc *run.Run) []fact {
	m := doc.Machine
	said := []fact{
		{"contend", doc.Contend.Version + ", " + doc.Contend.Go},
		{"SQLite", doc.Contend.SQLite},
		{"Machine", fmt.Sprintf("%s/%s, kernel %s, %s", m.OS, m.Arch, m.Kernel, plural(m.CPUs, "CPU"))},
		{"Files on", m.FileSystem},
		{"Seed", fmt.Sprint(doc.Seed)},
		{"Started", doc.Started.Format(time.RFC3339)},
		{"Took", fmt.Sprintf("%.1f s", doc.Seconds)},
	}
	if len(doc.Places) > 0 {
		said = append(said, fact{"Nodes on", list(doc.Places, "and")})
	}
	return said
}

func newSection(doc *run.Run, result *run.Result, anchors *anchors) section {
	all := claims(result)
	s := section{
		ID: anchors.of(result.Name), Name: result.Name, Question: result.Question,
		Sheet: newSheet(result, all), Remarks: joined(repeats(result), hidden(all)),
		Comparison: compare(result), Skipped: skippedWords(result),
		Notes: notes(result, all), Havocs: havocs(result), Scenes: scenes(result),
		Proofs: proofs(result, all), Command: commandLine(repeat(doc, result)),
	}
	for i := range all {
		c := newClaim(&all[i], result.Arms)
		s.Claims = append(s.Claims, anchoredClaim{c, anchors.of(result.Name + "-" + c.ID)})
	}
	s.ChartsID = anchors.of(result.Name + "-charts")
	for _, figure := range pictures(result.Charts) {
		s.Charts = append(s.Charts, template.HTML(figure))
	}
	return s
}

// Tally counts the section's rulings, in the order in which they first come.
func (s *section) Tally() []tally {
	var all []tally
	for _, r := range []ruling{holdsRuling, refutedRuling, dependsRuling, openRuling, unrunRuling} {
		n := 0
		for i := range s.Claims {
			if s.Claims[i].Ruling == r {
				n++
			}
		}
		if n > 0 {
			all = append(all, tally{r, n})
		}
	}
	return all
}

// A tally is how many claims have a ruling.
type tally struct {
	Ruling ruling
	Count  int
}

// anchors gives out ids that are safe and unique within the page.
type anchors struct{ taken map[string]bool }

// newAnchors keeps free the ids that the template itself has.
func newAnchors() *anchors {
	return &anchors{map[string]bool{"": true, "main": true, "claims": true, "contents": true,
		"ladder": true, "ladder-charts": true}}
}

func (a *anchors) of(name string) string {
	slug := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		default:
			return '-'
		}
	}, name), "-")
	id := slug
	for n := 2; a.taken[id]; n++ {
		id = fmt.Sprintf("%s-%d", slug, n)
	}
	a.taken[id] = true
	return id
}
