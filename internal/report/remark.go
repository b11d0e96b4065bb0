package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/contend/check"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/units"
)

// called is an arm's name where it stands alone. Processes go without saying.
func called(arm *run.ArmResult) string {
	if arm.Place == "" || arm.Place == run.Processes {
		return arm.Name
	}
	return arm.Name + " on " + arm.Place
}

// places returns where the arms of result ran, each once.
func places(result *run.Result) []string {
	var all []string
	for i := range result.Arms {
		all = with(all, result.Arms[i].Place)
	}
	return all
}

// with returns all with v, which it holds once.
func with[T comparable](all []T, v T) []T {
	if slices.Contains(all, v) {
		return all
	}
	return append(all, v)
}

// few names up to three things of a kind, and counts the others.
func few(names []string, kind string) string {
	const shown = 3
	if len(names) > shown+1 {
		return fmt.Sprintf("%s and %d other %ss", strings.Join(names[:shown], ", "), len(names)-shown, kind)
	}
	return units.List(names, "and")
}

// tableWords explain the table of arms: how many recordings a row counts, where it
// counts several, and where the verdicts are, where there are too many for columns.
func tableWords(result *run.Result, claims int) string {
	var said []string
	var counts []int
	for i := range result.Arms {
		for _, t := range trials(&result.Arms[i]) {
			counts = append(counts, len(t.Recordings))
		}
	}
	if len(counts) > 0 && slices.Max(counts) > 1 {
		times := fmt.Sprint(slices.Max(counts))
		if least := slices.Min(counts); least < slices.Max(counts) {
			times = fmt.Sprintf("%d to %s", least, times)
		}
		words := "Each row adds up " + times + " repeats"
		if len(figureHeads(result)) > 0 {
			words += "; the other figures are the median of the repeats (smallest–largest)"
		}
		said = append(said, words+".")
	}
	if unreached(result) {
		said = append(said, "unreached: reached no node ("+strings.Join(unreachedCodes(result), ", ")+"), so no part of an error rate or a wait.")
	}
	if claims > mostVerdicts {
		said = append(said, "Verdicts are listed below the table.")
	}
	return strings.Join(said, " ")
}

// unreachedCodes are the ends of requests that reached no node, with their numbers: "NO_NODE 632".
func unreachedCodes(result *run.Result) (said []string) {
	counts := map[string]int{}
	for i := range result.Arms {
		for code, n := range result.Arms[i].Codes {
			if nodeapi.Unreached(code) {
				counts[code] += n
			}
		}
	}
	for _, code := range slices.Sorted(maps.Keys(counts)) {
		said = append(said, fmt.Sprintf("%s %s", code, units.Count(int64(counts[code]))))
	}
	return said
}

// A note explains a mark or a gap in a table.
type note struct {
	Text     string
	Of       string // the claim and the arm
	Surprise bool
	Open     bool // a question was left open
	Error    bool // an arm could not run, or ran on something dangerous
}

// notes are the surprises and what was not decided, and why.
func notes(result *run.Result, all []claim) []note {
	var notes []note
	for _, c := range all {
		for i, f := range c.findings {
			if f == nil || !f.Surprise() && f.Verdict != check.Inconclusive {
				continue
			}
			text := f.Claim + " in " + called(&result.Arms[i])
			if f.Surprise() {
				text = fmt.Sprintf("surprise: %s: expected %s, found %s.", text, f.Expected, f.Verdict)
			} else {
				text = "inconclusive: " + text + "."
			}
			if why := strings.TrimSuffix(cmp.Or(f.Reason, f.Measured), "."); why != "" {
				text += " " + why + "."
			}
			notes = append(notes, note{Of: f.Claim + " in " + called(&result.Arms[i]), Surprise: f.Surprise(), Open: f.Undecided(), Text: text})
		}
	}
	notes = append(notes, engineNotes(result)...)
	for i := range result.Arms {
		if arm := &result.Arms[i]; arm.Error != "" {
			notes = append(notes, note{Error: true, Text: fmt.Sprintf("%s could not run: %s", called(arm), arm.Error)})
		}
	}
	return notes
}

// engineNotes warn of nodes whose engine has the WAL-reset bug
// (https://sqlite.org/wal.html#walresetbug), where it matters.
func engineNotes(result *run.Result) []note {
	arms := map[string][]string{}
	for i := range result.Arms {
		arm := &result.Arms[i]
		for _, engine := range arm.Engines {
			fixed, known := store.WALResetFixed(engine.Version)
			if engine.Name != run.SQLite || fixed || !known || arm.Setup.Discipline.Journal != store.WAL {
				continue
			}
			arms[engine.Version] = append(arms[engine.Version], called(arm))
		}
	}
	var notes []note
	for _, version := range slices.Sorted(maps.Keys(arms)) {
		notes = append(notes, note{Error: true, Text: fmt.Sprintf("SQLite %s in WAL mode can lose acknowledged commits and damage the file "+
			"(https://sqlite.org/wal.html#walresetbug): 3.51.3, 3.50.7 and 3.44.6 have the fix. It ran in %s", version, few(arms[version], "arm"))})
	}
	return notes
}

// sideBySide counts, over each claim of each arm that was judged in several places,
// where the verdicts agree, and lists where they differ: "busy-over-30 in red/burst:
// holds on processes, refuted on compose". It is empty where there is nothing to compare.
func sideBySide(result *run.Result, all []claim) (sum string, differ []string) {
	same := 0
	for _, c := range all {
		at := map[string][]int{} // by arm: where it was judged
		var names []string
		for i, f := range c.findings {
			if f == nil {
				continue
			}
			name := result.Arms[i].Name
			if at[name] == nil {
				names = append(names, name)
			}
			at[name] = append(at[name], i)
		}
		for _, name := range names {
			verdicts := map[check.Verdict]bool{}
			var words []string
			for _, i := range at[name] {
				v := c.findings[i].Verdict
				verdicts[v] = true
				words = append(words, fmt.Sprintf("%s on %s", v, result.Arms[i].Place))
			}
			switch {
			case len(words) < 2:
			case len(verdicts) == 1:
				same++
			default:
				differ = append(differ, fmt.Sprintf("%s in %s: %s", c.ID, name, strings.Join(words, ", ")))
			}
		}
	}
	of := same + len(differ)
	where := units.List(places(result), "and")
	switch {
	case of == 0:
		return "", nil
	case len(differ) == 0:
		return fmt.Sprintf("Side by side: %s agree on all %s.", where, units.Plural(of, "verdict")), nil
	}
	return fmt.Sprintf("Side by side: %s agree on %d of %s.", where, same, units.Plural(of, "verdict")), differ
}

// times is "once", "2 times".
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
