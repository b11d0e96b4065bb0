package report

import (
	"cmp"
	"fmt"
	"slices"

	"example.com/contend/internal/run"
)

// fromDocuments reports whether the engine's documents answer, and no measurement.
func fromDocuments(s run.Survival) bool { return !s.Measured && s.Answer != "?" }

// mishaps returns those that rungs have an answer to, in the order of the constants.
func mishaps(c *run.Comparison) []string {
	known := []string{run.MishapNode, run.MishapWriter, run.MishapHost, run.MishapPower}
	var all []string
	for i := range c.Rungs {
		for _, s := range c.Rungs[i].Survives {
			all = with(all, s.Mishap)
		}
	}
	place := func(mishap string) uint { return uint(slices.Index(known, mishap)) } // the unknown, -1, are last
	slices.SortStableFunc(all, func(a, b string) int { return cmp.Compare(place(a), place(b)) })
	return all
}

// survives says whether a rung survives a mishap: "yes", "no*", "?".
func survives(r *run.Rung, mishap string) string {
	at := slices.IndexFunc(r.Survives, func(s run.Survival) bool { return s.Mishap == mishap })
	switch {
	case at < 0:
		return unknownMark
	case fromDocuments(r.Survives[at]):
		return r.Survives[at].Answer + documentsMark
	}
	return r.Survives[at].Answer
}

// A survival is what a mishap did to one or several rungs.
type survival struct {
	run.Survival
	Rungs   []string
	Notable bool // it was measured, and users of the system notice it
}

// Of names the rungs, or counts them where they are many.
func (s survival) Of() string { return few(s.Rungs, "rung") }

func (s survival) String() string { return fmt.Sprintf("%s (%s): %s", s.Mishap, s.Of(), s.Says) }

// survivals are those that say something, mishap by mishap. What is the same of several
// rungs is said once.
func survivals(c *run.Comparison) []survival {
	const longGap = 1 // second
	var all []survival
	for _, mishap := range mishaps(c) {
		for i := range c.Rungs {
			for _, s := range c.Rungs[i].Survives {
				if s.Mishap != mishap || s.Says == "" {
					continue
				}
				same := slices.IndexFunc(all, func(t survival) bool {
					return t.Mishap == s.Mishap && t.Says == s.Says && t.Source == s.Source && t.Measured == s.Measured && t.Answer == s.Answer
				})
				if same >= 0 {
					all[same].Rungs = append(all[same].Rungs, c.Rungs[i].String())
					continue
				}
				// Requests under way fail when a node dies: that alone is no news.
				notable := s.Answer != "yes" || s.Lost != nil && *s.Lost > 0 || s.Gap != nil && *s.Gap >= longGap
				all = append(all, survival{s, []string{c.Rungs[i].String()}, s.Measured && notable})
			}
		}
	}
	return all
}
