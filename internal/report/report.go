// Package report draws a stored run: as text for a terminal, as JSON, as one HTML
// page with charts, and its claims as Markdown.
//
// It takes a [run.Run] and writes to the writer that it gets. It reads no clock,
// looks at no terminal and starts nothing, so a stored run is drawn byte for byte as
// it was when it was new. A run becomes a [page] of tables and sentences first; the
// text, the HTML and the Markdown are three ways to write that.
//
// Its heart is the sentence that names a verdict's condition. Arms are points in a
// space of factors, projected from their typed setups; the arms in which a claim holds
// are covered by a few boxes that contain no other arm, and each box becomes words:
// "Holds in 8 of 44 arms: transaction separate, busy_timeout 5000." Such a sentence
// speaks of the arms that ran and of no others; see cover.
//
// The package judges nothing: verdicts stand in the run.
package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"example.com/contend/internal/chart"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
)

// A page is all that a report says, in order.
type page struct {
	Title       string
	Headline    string
	Interrupted bool
	Quick       bool
	Facts       []fact
	Command     string
	Ladder      *ladder // of a comparison
	Sections    []section
	Legend      string // of the tables of arms
	Claims      int    // of all sections
}

// A fact is a word and what it stands for.
type fact struct{ Name, Value string }

// A section is an experiment.
type section struct {
	ID, Name, Question string
	Quick              bool
	Arms               int
	Claims             []claim
	ClaimsID           string
	Charts             []template.HTML // by package chart, which escapes
	Small              template.HTML   // the first chart, small; empty where there is none
	ChartsID           string
	Table              table
	Counted            bool   // the table has the columns that the legend explains
	Remarks            string // on the table
	SideBySide         string // how the places compare, in a sentence
	Differ             []string
	Skipped            []string
	Notes              []note
	Faults             []trialTable
	Scenes             []trialTable
	Proofs             []proof
	Command            string
}

func newPage(doc *run.Run) page {
	p := page{Interrupted: doc.Interrupted, Quick: quick(doc), Facts: facts(doc), Legend: legend, Command: commandLine(doc.Command)}
	anchors := anchors{"": true, "main": true, "experiments": true, "claims": true, "contents": true, "evidence": true, "run": true, "advice": true, "ladder": true, "ladder-charts": true} // the template's own
	var names []string
	var all []claim
	for i := range doc.Experiments {
		s := newSection(doc, &doc.Experiments[i], anchors)
		names = append(names, s.Name)
		all = append(all, s.Claims...)
		p.Sections = append(p.Sections, s)
	}
	p.Claims = len(all)
	p.Title = units.List(names, "and")
	if len(names) == 0 || len(names) > 4 {
		p.Title = units.Plural(len(names), "experiment") + " on one shared SQLite file"
	}
	p.Headline = headline(doc, all)
	if c := doc.Comparison; c != nil {
		// The ladder of a comparison comes before everything else, with all charts.
		p.Ladder, p.Title = newLadder(c), "What would fix it, and what each fix costs"
		if len(c.Advice) > 0 {
			p.Headline = strings.TrimSpace(c.Advice[0].Text + " " + p.Headline)
		}
		var charts []template.HTML
		for i := range p.Sections {
			charts = append(charts, p.Sections[i].Charts...)
			p.Sections[i].Charts = nil
		}
		p.Ladder.Charts = append(charts, p.Ladder.Charts...)
	}
	return p
}

// quick reports whether doc was made quickly.
func quick(doc *run.Run) bool {
	return doc.Asked.Quick || doc.Asked.Ladder != nil && doc.Asked.Ladder.Quick
}

// quickWords say what that means.
const quickWords = "QUICK: fewer requests, shorter loads and fewer arms than without --quick."

func facts(doc *run.Run) []fact {
	m := doc.Machine
	all := []fact{
		{"contend", doc.Contend.Version + ", " + doc.Contend.Go},
		{"SQLite", doc.Contend.SQLite},
		{"Machine", fmt.Sprintf("%s/%s, kernel %s, %s", m.OS, m.Arch, m.Kernel, units.Plural(m.CPUs, "CPU"))},
		{"Files on", filesOn(doc)},
		{"Seed", fmt.Sprint(doc.Seed)},
		{"Started", doc.Started.Format(time.RFC3339)},
		{"Took", fmt.Sprintf("%.1f s", doc.Seconds)},
	}
	if len(doc.Places) > 0 {
		all = append(all, fact{"Nodes on", units.List(doc.Places, "and")})
	}
	if words := busy(doc); words != "" {
		all = append(all, fact{"Other programs", words})
	}
	if words := fast(doc); words != "" {
		all = append(all, fact{"Storage", words})
	}
	return all
}

func newSection(doc *run.Run, result *run.Result, anchors anchors) section {
	all, id := claims(result), anchors.of(result.Name)
	for i := range all {
		all[i].Anchor = anchors.of(result.Name + "-" + all[i].ID)
	}
	s := section{
		ID: id, Name: result.Name, Question: result.Question, Quick: quick(doc), Arms: len(result.Arms), Claims: all,
		Table: armTable(result, all), Counted: counted(result), Remarks: tableWords(result, len(all)),
		Notes: notes(result, all), Faults: faults(result), Scenes: scenes(result),
		Proofs: proofs(result, all), Command: commandLine(again(doc, result)),
	}
	for _, skipped := range result.Skipped {
		s.Skipped = append(s.Skipped, fmt.Sprintf("not run on %s: %s: %s", skipped.Place, few(skipped.Arms, "arm"), skipped.Reason))
	}
	s.SideBySide, s.Differ = sideBySide(result, all)
	s.ClaimsID, s.ChartsID = anchors.of(result.Name+"-claims"), anchors.of(result.Name+"-charts")
	presets := presetNames(result)
	for i := range result.Charts {
		c := &result.Charts[i]
		if figure := chart.Figure(c, presets); figure != "" {
			s.Charts = append(s.Charts, template.HTML(figure))
		}
		if s.Small == "" { // the first chart carries the experiment
			s.Small = template.HTML(chart.Small(c, presets))
		}
	}
	return s
}

// Tally counts the section's rulings.
func (s *section) Tally() []tally {
	count := map[ruling]int{}
	for i := range s.Claims {
		count[s.Claims[i].Ruling]++
	}
	var all []tally
	for _, r := range rulings {
		if n := count[r.ruling]; n > 0 {
			all = append(all, tally{r.ruling, n})
		}
	}
	return all
}

// A tally is how many claims, or arms, have a ruling.
type tally struct {
	Ruling ruling
	Count  int
}

// again is what to type to run one experiment of doc again, without the patterns of arms
// that none of its arms matches. A comparison is repeated as a whole.
func again(doc *run.Run, result *run.Result) []string {
	if doc.Comparison != nil {
		return doc.Command
	}
	asked := doc.Asked
	asked.Experiments = []string{result.Name}
	asked.Arms = slices.DeleteFunc(slices.Clone(asked.Arms), func(pattern string) bool {
		return !slices.ContainsFunc(result.Arms, func(a run.ArmResult) bool {
			ok, err := experiment.Matches([]string{pattern}, a.Name)
			return ok && err == nil
		})
	})
	return asked.CommandLine(doc.Seed)
}

// commandLine quotes for a shell what has to be quoted.
func commandLine(args []string) string {
	var words []string
	for _, arg := range args {
		if arg == "" || strings.ContainsAny(arg, " \t\n'\"\\$`*?[]{}()<>|&;#~!") {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}
