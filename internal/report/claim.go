package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/contend/check"
	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
)

// A claim is all that a run says of one claim of an experiment.
type claim struct {
	ID, Text, JA, Source string
	Anchor               string // of its evidence on the page
	Ruling               ruling
	Sentences            []sentence // the condition of each verdict, then the arms that could not judge it
	Examples             []example  // of each verdict, the first arm that has it
	Surprises            []example

	tested   []bool         // by arm: the arm has the claim
	findings []*run.Finding // by arm; nil where it is not tested or could not be judged
}

// A sentence is text about arms with a verdict.
type sentence struct {
	Text    string
	Verdict ruling
}

// An example is a verdict in one arm, with the figure that decided and a sentence
// that says why; where a finding has only one of the two, it is both.
type example struct {
	Verdict  ruling
	Expected run.Expectation
	Arm      string
	Measured string
	Reason   string
}

// A ruling is a verdict on a claim, in one arm or over all of them: the word that it
// is drawn and styled by.
type ruling string

const (
	holdsRuling   ruling = "holds"
	refutedRuling ruling = "refuted"
	openRuling    ruling = "inconclusive"
	dependsRuling ruling = "depends" // arms differ
	unrunRuling   ruling = "not run" // no arm could judge it
)

// rulings lists all in the order in which they are counted, with the words of the headline.
var rulings = []struct {
	ruling
	glyph     string
	one, many string
}{
	{holdsRuling, "✓", "holds in every judged arm", "hold in every judged arm"},
	{refutedRuling, "✗", "is refuted in every judged arm", "are refuted in every judged arm"},
	{dependsRuling, "◐", "depends on the setting", "depend on the setting"},
	{openRuling, "?", "is undecided", "are undecided"},
	{unrunRuling, "–", "could not be judged", "could not be judged"},
}

// Glyph is a sign for the ruling, which its word explains.
func (r ruling) Glyph() string {
	for _, known := range rulings {
		if known.ruling == r {
			return known.glyph
		}
	}
	return ""
}

// Class is the ruling's name in a style sheet.
func (r ruling) Class() string { return strings.ReplaceAll(string(r), " ", "-") }

// claims returns the claims of result in the order in which its arms first list
// them. An arm that could not run judged nothing, though it lists its claims as
// inconclusive: that says something of the machine, not of a setting.
func claims(result *run.Result) []claim {
	var all []claim
	at := map[string]int{}
	n := len(result.Arms)
	for i := range result.Arms {
		arm := &result.Arms[i]
		for j := range arm.Findings {
			f := &arm.Findings[j]
			k, seen := at[f.Claim]
			if !seen {
				k = len(all)
				at[f.Claim] = k
				all = append(all, claim{ID: f.Claim, Text: f.Text, JA: f.TextJA, Source: f.Source,
					tested: make([]bool, n), findings: make([]*run.Finding, n)})
			}
			all[k].tested[i] = true
			if arm.Error == "" || f.Verdict != check.Inconclusive {
				all[k].findings[i] = f
			}
		}
	}
	for k := range all {
		all[k].sum(result.Arms)
	}
	return all
}

// sum fills in what follows from the findings. Arms that are not tested have no part
// in it: settings are compared among those that are.
func (c *claim) sum(arms []run.ArmResult) {
	var tested []run.ArmResult
	var unjudged []string
	for i := range arms {
		if !c.tested[i] {
			continue
		}
		tested = append(tested, arms[i])
		if f := c.findings[i]; f == nil {
			unjudged = append(unjudged, called(&arms[i]))
		} else if f.Surprise() {
			c.Surprises = append(c.Surprises, exampleOf(f, called(&arms[i])))
		}
	}
	s := newSpace(tested)
	var j judged
	points := s.points // of the tested arms that are left
	for i, f := range c.findings {
		if f != nil {
			j.points, j.verdicts, j.names = append(j.points, points[0]), append(j.verdicts, f.Verdict), append(j.names, called(&arms[i]))
		}
		if c.tested[i] {
			points = points[1:]
		}
	}
	for _, v := range []check.Verdict{check.Holds, check.Refuted, check.Inconclusive} {
		i := slices.IndexFunc(c.findings, func(f *run.Finding) bool { return f != nil && f.Verdict == v })
		if i < 0 {
			continue
		}
		c.Examples = append(c.Examples, exampleOf(c.findings[i], called(&arms[i])))
		c.Sentences = append(c.Sentences, sentence{j.condition(&s, v, len(tested), len(arms)), ruling(v.String())})
	}
	switch len(c.Sentences) {
	case 0:
		c.Ruling = unrunRuling
	case 1:
		c.Ruling = c.Sentences[0].Verdict
	default:
		c.Ruling = dependsRuling
	}
	if len(unjudged) > 0 {
		text := fmt.Sprintf("Not judged in %d of %s: %s.", len(unjudged), units.Plural(len(tested), "arm"), strings.Join(unjudged, "; "))
		c.Sentences = append(c.Sentences, sentence{text, openRuling})
	}
}

// Counts counts the verdicts of the arms that judged the claim.
func (c *claim) Counts() (all []tally) {
	for _, r := range []ruling{holdsRuling, refutedRuling, openRuling} {
		n := 0
		for _, f := range c.findings {
			if f != nil && ruling(f.Verdict.String()) == r {
				n++
			}
		}
		if n > 0 {
			all = append(all, tally{r, n})
		}
	}
	return all
}

func exampleOf(f *run.Finding, arm string) example {
	reason := strings.TrimSuffix(f.Reason, ".")
	return example{
		Verdict: ruling(f.Verdict.String()), Expected: f.Expected, Arm: arm,
		Measured: cmp.Or(f.Measured, reason), Reason: cmp.Or(reason, f.Measured),
	}
}

// judged are the arms that judged a claim.
type judged struct {
	points   []point
	verdicts []check.Verdict
	names    []string
}

// condition is the sentence that names the condition of verdict v: "Holds in 3 of 8
// arms: busy_timeout 0." Tested is how many arms have the claim, of all.
func (j *judged) condition(s *space, v check.Verdict, tested, all int) string {
	in := make([]bool, len(j.points))
	for i := range in {
		in[i] = j.verdicts[i] == v
	}
	n, of := countOf(in), len(in)
	arms, only := units.Plural(of, "arm"), "Tested only"
	switch {
	case of < tested:
		arms, only = arms+" that ran", "Ran only"
	case tested < all:
		arms = units.Plural(of, "tested arm")
	}
	verdict := strings.ToUpper(v.String()[:1]) + v.String()[1:]
	switch {
	case n < of:
		return fmt.Sprintf("%s in %d of %s: %s.", verdict, n, arms, strings.Join(j.settings(s, in), "; "))
	case of == 1 && all > 1:
		return fmt.Sprintf("%s in %s: %s.", only, j.names[0], v)
	case of == 1:
		return verdict + " in the only arm."
	case of == 2:
		return fmt.Sprintf("%s in both %s.", verdict, strings.TrimPrefix(arms, "2 "))
	}
	return fmt.Sprintf("%s in all %s.", verdict, arms)
}

// settings names the settings of the arms that are in: a few conditions that hold of no
// other arm, and then the arms that no setting tells from one that is out.
func (j *judged) settings(s *space, in []bool) []string {
	sizes := make([]int, len(s.values))
	for f := range sizes {
		sizes[f] = len(s.values[f])
	}
	boxes := cover(sizes, j.points, in)
	var words, names []string
	for _, b := range boxes {
		words = append(words, s.words(b))
	}
	for i, p := range j.points {
		if in[i] && !slices.ContainsFunc(boxes, func(b box) bool { return b.contains(p) }) {
			names = append(names, j.names[i])
		}
	}
	if len(names) > 0 {
		words = append(words, units.List(names, "and"))
	}
	return words
}

// headline sums up all claims in one sentence, and says what to look at first.
func headline(doc *run.Run, all []claim) string {
	count := map[ruling]int{}
	for i := range all {
		count[all[i].Ruling]++
	}
	var parts []string
	for _, of := range rulings {
		if n := count[of.ruling]; n > 0 {
			parts = append(parts, units.PluralOf(n, of.one, of.many))
		}
	}
	if len(parts) == 0 {
		return "No claim was judged."
	}
	surprises := "no finding is a surprise"
	if n := doc.Tally().Surprises; n > 0 {
		surprises = units.PluralOf(n, "finding is a surprise", "findings are surprises")
	}
	return fmt.Sprintf("Of %s, %s; %s%s.", units.Plural(len(all), "claim"), units.List(parts, "and"), surprises, broken(doc))
}

// countFindings says how many findings came out in which way.
func countFindings(s run.Summary) string {
	words := fmt.Sprintf("%d as expected, %s", s.AsExpected, units.Plural(s.Surprises, "surprise"))
	if s.Chance > 0 {
		words += fmt.Sprintf(", %d undecided because chance decides", s.Chance)
	}
	words += fmt.Sprintf(", %d inconclusive", s.Inconclusive)
	if s.Busy > 0 {
		words += fmt.Sprintf(" (%d on a busy machine)", s.Busy)
	}
	return words
}

// busy says that the machine was busy with other programs, and how much; "" where it was not.
func busy(doc *run.Run) string {
	arms, of, most := 0, 0, 0.0
	for _, result := range doc.Experiments {
		for i := range result.Arms {
			of++
			if others := result.Arms[i].Others; others != nil && *others > run.BusyShare {
				arms, most = arms+1, max(most, *others)
			}
		}
	}
	if arms == 0 {
		return ""
	}
	return fmt.Sprintf("The machine was busy: in %d of %s, other programs took more than %s of its processor time, up to %s. What depends on time is not to be trusted there.",
		arms, units.Plural(of, "arm"), units.Percent(run.BusyShare), units.Percent(most))
}

// filesOn is the file system that the databases are on, and how long an fsync takes there, where that
// was measured.
func filesOn(doc *run.Run) string {
	for _, result := range doc.Experiments {
		for i := range result.Arms {
			if ms := result.Arms[i].SyncTime; ms != nil {
				return fmt.Sprintf("%s (an fsync takes %s)", doc.Machine.FileSystem, units.Milliseconds(*ms))
			}
		}
	}
	return doc.Machine.FileSystem
}

// fast says that the storage is as fast as memory, and what that means; "" where it is not.
func fast(doc *run.Run) string {
	findings := 0
	for _, result := range doc.Experiments {
		for i := range result.Arms {
			for _, f := range result.Arms[i].Findings {
				if f.Fast {
					findings++
				}
			}
		}
	}
	if findings == 0 {
		return ""
	}
	return fmt.Sprintf("The storage is as fast as memory: writers meet less often there than on a disk, and %s may come out either way. --dir puts the databases elsewhere.",
		units.PluralOf(findings, "finding that rests on the time of a commit", "findings that rest on the time of a commit"))
}

// skipped says how many arms were not run where they were asked for, "" where all were.
func skipped(doc *run.Run) string {
	n := 0
	for _, result := range doc.Experiments {
		for _, s := range result.Skipped {
			n += len(s.Arms)
		}
	}
	if n == 0 {
		return ""
	}
	return "; " + units.PluralOf(n, "arm was not run", "arms were not run")
}

// broken says how many arms could not run, "" where all could.
func broken(doc *run.Run) string {
	n := 0
	for _, result := range doc.Experiments {
		for i := range result.Arms {
			if result.Arms[i].Error != "" {
				n++
			}
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; %s could not run", units.Plural(n, "arm"))
}
