package report

import (
	"fmt"
	"slices"
	"strings"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
)

// verdicts in the order in which they are told.
var verdicts = []check.Verdict{check.Holds, check.Refuted, check.Inconclusive}

// judged is one claim through all the arms of an experiment.
type judged struct {
	finding *experiment.Finding   // of the first arm that lists it, for the claim's words
	arms    []*experiment.Finding // by arm; nil where it was not judged
}

// claims returns the claims of result in the order in which its arms first list
// them. An arm that could not run has judged nothing, though it lists the claim
// as inconclusive: that tells of contend and its machine, not of a setting.
func claims(result *experiment.Result) []judged {
	var all []judged
	at := map[string]int{}
	for i := range result.Arms {
		arm := &result.Arms[i]
		for j := range arm.Findings {
			f := &arm.Findings[j]
			k, seen := at[f.Claim]
			if !seen {
				k = len(all)
				at[f.Claim] = k
				all = append(all, judged{f, make([]*experiment.Finding, len(result.Arms))})
			}
			if arm.Error == "" || f.Verdict != check.Inconclusive {
				all[k].arms[i] = f
			}
		}
	}
	return all
}

// A telling names the condition of one verdict. Without conditions and arms it
// is unconditional: every arm that was judged has it.
type telling struct {
	verdict    check.Verdict
	count, of  int      // arms that have it, of those that were judged
	gaps       bool     // some arms were not judged
	conditions []string // "with busy_timeout 0"; every arm that meets one has the verdict
	arms       []string // those that no setting tells from an arm with another verdict
}

// tell names the condition of each verdict that c came to.
func (c *judged) tell(s *space, arms []experiment.ArmResult) []telling {
	var points []point
	var given []check.Verdict
	var names []string
	for i, f := range c.arms {
		if f != nil {
			points = append(points, s.points[i])
			given = append(given, f.Verdict)
			names = append(names, arms[i].Name)
		}
	}
	var all []telling
	for _, v := range verdicts {
		in := make([]bool, len(points))
		t := telling{verdict: v, of: len(points), gaps: len(points) < len(arms)}
		for i := range points {
			if in[i] = given[i] == v; in[i] {
				t.count++
			}
		}
		if t.count == 0 {
			continue
		}
		if t.count < t.of {
			t.name(s, points, in, names)
		}
		all = append(all, t)
	}
	return all
}

// name fills in the conditions and the arms of t.
func (t *telling) name(s *space, points []point, in []bool, names []string) {
	boxes := cover(s.sizes(), points, in)
	for _, b := range boxes {
		t.conditions = append(t.conditions, s.words(b))
	}
	for i, p := range points {
		if in[i] && !slices.ContainsFunc(boxes, func(b box) bool { return b.contains(p) }) {
			t.arms = append(t.arms, names[i])
		}
	}
}

// String is the sentence: "Holds in 3 of 8 arms: with busy_timeout 0."
func (t telling) String() string {
	verdict := strings.ToUpper(t.verdict.String()[:1]) + t.verdict.String()[1:]
	if t.count == t.of && t.gaps {
		return fmt.Sprintf("%s in every arm that was judged: %d of %d.", verdict, t.count, t.of)
	}
	if t.count == t.of {
		return fmt.Sprintf("%s in every arm: %d of %d.", verdict, t.count, t.of)
	}
	conditions := t.conditions
	if len(t.arms) > 0 {
		conditions = append(slices.Clone(conditions), "in "+list(t.arms, "and"))
	}
	return fmt.Sprintf("%s in %d of %d arms: %s.", verdict, t.count, t.of, strings.Join(conditions, "; "))
}

// unjudged returns the names of the arms in which c was not judged.
func (c *judged) unjudged(arms []experiment.ArmResult) []string {
	var names []string
	for i, f := range c.arms {
		if f == nil {
			names = append(names, arms[i].Name)
		}
	}
	return names
}
