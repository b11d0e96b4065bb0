package report

import (
	"fmt"
	"slices"
	"strings"

	"example.com/contend/check"
	"example.com/contend/internal/run"
)

// verdicts in the order in which they are told.
var verdicts = []check.Verdict{check.Holds, check.Refuted, check.Inconclusive}

// judged is one claim through all the arms of an experiment.
type judged struct {
	finding *run.Finding   // of the first arm that is asked it, for the claim's words
	asked   []bool         // by arm
	arms    []*run.Finding // by arm; nil where it is not asked or was not judged
}

// claims returns the claims of result in the order in which its arms first list
// them. An arm that could not run has judged nothing, though it lists the claim
// as inconclusive: that tells of contend and its machine, not of a setting.
func claims(result *run.Result) []judged {
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
				n := len(result.Arms)
				all = append(all, judged{f, make([]bool, n), make([]*run.Finding, n)})
			}
			all[k].asked[i] = true
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
	verdict          check.Verdict
	count, of        int      // arms that have it, of those that were judged
	asked, existing  int      // arms that are asked, and all arms
	conditions, arms []string // "with busy_timeout 0", of which every arm has the verdict; and arms that no setting tells from one with another verdict
	only             string   // the arm, where one was judged
}

// tell names the condition of each verdict that c came to. Arms that are not
// asked have no part in it: the settings are compared among those that are.
func (c *judged) tell(arms []run.ArmResult) []telling {
	var asked []run.ArmResult
	for i, yes := range c.asked {
		if yes {
			asked = append(asked, arms[i])
		}
	}
	s := newSpace(asked)
	var points []point
	var given []check.Verdict
	var names []string
	for i, k := 0, 0; i < len(arms); i++ {
		if !c.asked[i] {
			continue
		}
		if f := c.arms[i]; f != nil {
			points = append(points, s.points[k])
			given = append(given, f.Verdict)
			names = append(names, called(&arms[i]))
		}
		k++
	}
	var all []telling
	for _, v := range verdicts {
		t := telling{verdict: v, of: len(points), asked: len(asked), existing: len(arms)}
		if t.fill(&s, points, given, names); t.count > 0 {
			all = append(all, t)
		}
	}
	return all
}

// fill counts the points that were given t's verdict, and names what they have in common.
func (t *telling) fill(s *space, points []point, given []check.Verdict, names []string) {
	in := make([]bool, len(points))
	for i := range points {
		if in[i] = given[i] == t.verdict; in[i] {
			t.count++
		}
	}
	switch {
	case len(points) == 1:
		t.only = names[0]
	case t.count > 0 && t.count < t.of:
		t.name(s, points, in, names)
	}
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
	verdict := capital(t.verdict.String())
	switch {
	case t.count < t.of:
		conditions := t.conditions
		if len(t.arms) > 0 {
			conditions = append(slices.Clone(conditions), "in "+list(t.arms, "and"))
		}
		return fmt.Sprintf("%s in %s: %s.", verdict, t.part(), strings.Join(conditions, "; "))
	case t.of == 1 && t.existing > 1:
		return fmt.Sprintf("%s in the only arm%s: %s.", verdict, t.scope(), t.only)
	default:
		return fmt.Sprintf("%s in every arm%s: %d of %d.", verdict, t.scope(), t.count, t.of)
	}
}

// scope says which arms count, where that is not all of them.
func (t *telling) scope() string {
	switch {
	case t.of < t.asked:
		return " that was judged"
	case t.asked < t.existing:
		return " that is asked"
	default:
		return ""
	}
}

func (t *telling) part() string {
	switch {
	case t.asked == t.existing:
		return fmt.Sprintf("%d of %d arms", t.count, t.of)
	case t.of < t.asked:
		return fmt.Sprintf("%d of %d arms that were judged", t.count, t.of)
	default:
		return fmt.Sprintf("%d of the %d arms that are asked", t.count, t.of)
	}
}

// unjudged says in which arms c is asked and was not judged; empty where in none.
func (c *judged) unjudged(arms []run.ArmResult) string {
	var names []string
	asked := 0
	for i, f := range c.arms {
		if c.asked[i] {
			asked++
			if f == nil {
				names = append(names, called(&arms[i]))
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("Not judged in %d of %d arms: %s.", len(names), asked, strings.Join(names, "; "))
}
