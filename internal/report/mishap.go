package report

import (
	"fmt"
	"slices"

	"example.com/contend/internal/run"
)

// documentsMark stands behind an answer that nobody measured.
const documentsMark = "*"

// fromDocuments reports whether it is the engine's documents that answer.
func fromDocuments(s run.Survival) bool { return !s.Measured && s.Answer != "?" }

// mishaps returns what befell a rung, or is told of one, in the order of the constants.
func mishaps(c *run.Comparison) []string {
	known := []string{run.MishapNode, run.MishapWriter, run.MishapHost, run.MishapPower}
	var told []string
	for i := range c.Rungs {
		for _, s := range c.Rungs[i].Survives {
			if !slices.Contains(told, s.Mishap) {
				told = append(told, s.Mishap)
			}
		}
	}
	slices.SortStableFunc(told, func(a, b string) int {
		return place(known, a) - place(known, b)
	})
	return told
}

// place is where s stands in all, behind them where it is none of them.
func place(all []string, s string) int {
	if at := slices.Index(all, s); at >= 0 {
		return at
	}
	return len(all)
}

// outlives says whether a rung survives a mishap: "yes", "no*", "?".
func outlives(r *run.Rung, mishap string) string {
	for _, s := range r.Survives {
		switch {
		case s.Mishap != mishap:
		case fromDocuments(s):
			return s.Answer + documentsMark
		default:
			return s.Answer
		}
	}
	return unknownWord
}

// A tale is a sentence of one mishap that is told of one or several rungs.
type tale struct {
	Mishap   string
	Answer   string
	Rungs    []string // their titles
	Says     string
	Source   string
	Measured bool
	Telling  bool // it was measured and did not go by unnoticed
}

// Of names the rungs, or counts them where they are many.
func (t tale) Of() string { return fewOf(t.Rungs, "rung") }

func (t tale) String() string { return fmt.Sprintf("%s (%s): %s", t.Mishap, t.Of(), t.Says) }

// tales are all sentences, mishap by mishap; what is the same of several rungs
// is told once.
func tales(c *run.Comparison) []tale {
	var all []tale
	for _, mishap := range mishaps(c) {
		for i := range c.Rungs {
			for _, s := range c.Rungs[i].Survives {
				if s.Mishap == mishap && s.Says != "" {
					all = retold(all, c.Rungs[i].Title, s)
				}
			}
		}
	}
	return all
}

// retold adds a rung's sentence to all, or the rung to a sentence that is there.
func retold(all []tale, rung string, s run.Survival) []tale {
	for i := range all {
		t := &all[i]
		if t.Mishap == s.Mishap && t.Says == s.Says && t.Source == s.Source && t.Measured == s.Measured && t.Answer == s.Answer {
			t.Rungs = append(t.Rungs, rung)
			return all
		}
	}
	return append(all, tale{Mishap: s.Mishap, Answer: s.Answer, Rungs: []string{rung}, Says: s.Says, Source: s.Source,
		Measured: s.Measured, Telling: s.Measured && noticed(s)})
}

// noticed reports whether whoever uses the system would have noticed: requests
// that were under way when a node died fail, and that alone is no news.
func noticed(s run.Survival) bool {
	const longGap = 1 // second
	return s.Answer != "yes" || s.Lost != nil && *s.Lost > 0 || s.Gap != nil && *s.Gap >= longGap
}
