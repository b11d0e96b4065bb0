package report

import (
	"cmp"
	"fmt"
	"strings"

	"example.com/contend/check"
	"example.com/contend/internal/run"
)

// A claim is all that is said of one claim of an experiment, ready to be drawn:
// as text, as HTML, as Markdown.
type claim struct {
	ID, Text, JA, Source string
	Ruling               ruling
	Tellings             []telling
	Unjudged             string // in which arms it is asked and could not be judged
	Examples             []example
	Surprises            []example
}

// An example is a verdict in one arm, with the figure that decided and a
// sentence that says why; where a finding has but one of the two, it is both.
type example struct {
	Verdict  ruling
	Expected run.Expectation
	Arm      string
	Measured string
	Reason   string
}

// A ruling is a verdict on a claim, in one arm or over all of them: a word, so
// that it can be drawn and styled by it.
type ruling string

const (
	holdsRuling   ruling = "holds"
	refutedRuling ruling = "refuted"
	openRuling    ruling = "inconclusive"
	dependsRuling ruling = "depends" // arms differ
	unrunRuling   ruling = "not run" // no arm could judge it
)

// Glyph is a sign for the ruling, which its word explains.
func (r ruling) Glyph() string {
	switch r {
	case holdsRuling:
		return "✓"
	case refutedRuling:
		return "✗"
	case dependsRuling:
		return "◐"
	case unrunRuling:
		return "–"
	default:
		return "?"
	}
}

// Class is the ruling's name in a style sheet.
func (r ruling) Class() string { return strings.ReplaceAll(string(r), " ", "-") }

func ruled(v check.Verdict) ruling { return ruling(v.String()) }

// overall is the one verdict of all tellings, or that they differ.
func overall(all []telling) ruling {
	switch len(all) {
	case 0:
		return unrunRuling
	case 1:
		return ruled(all[0].verdict)
	default:
		return dependsRuling
	}
}

func newClaim(c *judged, arms []run.ArmResult) claim {
	f := c.finding
	tellings := c.tell(arms)
	return claim{
		ID: f.Claim, Text: f.Text, JA: f.TextJA, Source: f.Source,
		Ruling: overall(tellings), Tellings: tellings, Unjudged: c.unjudged(arms),
		Examples: c.examples(arms), Surprises: c.surprises(arms),
	}
}

// examples shows each verdict by the first arm that has it.
func (c *judged) examples(arms []run.ArmResult) []example {
	var all []example
	for _, v := range verdicts {
		for i, f := range c.arms {
			if f != nil && f.Verdict == v {
				all = append(all, exampleOf(f, called(&arms[i])))
				break
			}
		}
	}
	return all
}

func (c *judged) surprises(arms []run.ArmResult) []example {
	var all []example
	for i, f := range c.arms {
		if f != nil && f.Surprise() {
			all = append(all, exampleOf(f, called(&arms[i])))
		}
	}
	return all
}

func exampleOf(f *run.Finding, arm string) example {
	reason := strings.TrimSuffix(f.Reason, ".")
	return example{
		Verdict: ruled(f.Verdict), Expected: f.Expected, Arm: arm,
		Measured: cmp.Or(f.Measured, reason), Reason: cmp.Or(reason, f.Measured),
	}
}

// Sentences are the conditions of the verdicts, and what was not judged.
func (c *claim) Sentences() []string {
	var all []string
	for _, t := range c.Tellings {
		all = append(all, t.String())
	}
	if c.Unjudged != "" {
		all = append(all, c.Unjudged)
	}
	return all
}

// headline says in one sentence what became of all claims, and what is to be
// looked at first.
func headline(doc *run.Run, all []claim) string {
	count := map[ruling]int{}
	for i := range all {
		count[all[i].Ruling]++
	}
	var parts []string
	part := func(r ruling, one, several string) {
		switch n := count[r]; n {
		case 0:
		case 1:
			parts = append(parts, "1 "+one)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", n, several))
		}
	}
	part(holdsRuling, "holds wherever it was judged", "hold wherever they were judged")
	part(refutedRuling, "is refuted wherever it was judged", "are refuted wherever they were judged")
	part(dependsRuling, "depends on the setting", "depend on the setting")
	part(openRuling, "is undecided", "are undecided")
	part(unrunRuling, "could not be judged", "could not be judged")
	if len(parts) == 0 {
		return "No claim was judged."
	}
	return fmt.Sprintf("Of %s, %s; %s.", plural(len(all), "claim"), list(parts, "and"), surprising(doc))
}

func surprising(doc *run.Run) string {
	s := run.Summarize(doc.Experiments)
	said := "no finding is a surprise"
	switch {
	case s.Surprises == 1:
		said = "1 finding is a surprise"
	case s.Surprises > 1:
		said = fmt.Sprintf("%d findings are surprises", s.Surprises)
	}
	if n := broken(doc); n > 0 {
		said += fmt.Sprintf("; %s could not run", plural(n, "arm"))
	}
	return said
}
