package report

import (
	"fmt"
	"strings"

	"example.com/contend/check"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// A note tells what a mark or a gap in a sheet is.
type note struct {
	Text     string
	Surprise bool
	Error    bool // an arm could not run, or ran on something dangerous
}

// notes are the surprises and what was not decided, and why.
func notes(result *run.Result, all []judged) []note {
	var told []note
	for _, c := range all {
		for i, f := range c.arms {
			switch {
			case f == nil:
			case f.Surprise():
				told = append(told, note{Surprise: true, Text: fmt.Sprintf("surprise: %s in %s: expected %s, found %s.%s",
					f.Claim, called(&result.Arms[i]), f.Expected, f.Verdict, reason(f))})
			case f.Verdict == check.Inconclusive:
				told = append(told, note{Text: fmt.Sprintf("inconclusive: %s in %s.%s", f.Claim, called(&result.Arms[i]), reason(f))})
			}
		}
	}
	told = append(told, engineNotes(result)...)
	for i := range result.Arms {
		if arm := &result.Arms[i]; arm.Error != "" {
			told = append(told, note{Error: true, Text: fmt.Sprintf("%s could not run: %s", called(arm), arm.Error)})
		}
	}
	return told
}

// engineNotes warn of nodes whose engine has the WAL-reset bug, where it matters.
func engineNotes(result *run.Result) []note {
	warned := map[string][]string{}
	var versions []string
	for i := range result.Arms {
		arm := &result.Arms[i]
		for _, engine := range arm.Engines {
			version := engine.Version
			if fixed, known := store.WALResetFixed(version); engine.Name != run.SQLite || fixed || !known || arm.Setup.Discipline.Journal != store.WAL {
				continue
			}
			if warned[version] == nil {
				versions = append(versions, version)
			}
			warned[version] = append(warned[version], called(arm))
		}
	}
	var told []note
	for _, version := range versions {
		told = append(told, note{Error: true, Text: fmt.Sprintf("SQLite %s in WAL mode can lose acknowledged commits and damage the file (%s): "+
			"3.51.3, 3.50.7 and 3.44.6 have the fix. It ran in %s", version, walResetPage, few(warned[version]))})
	}
	return told
}

const walResetPage = "https://sqlite.org/wal.html#walresetbug"

// few names up to three arms, and counts the others.
func few(arms []string) string { return fewOf(arms, "arm") }

// fewOf names up to three things of a kind, and counts the others.
func fewOf(names []string, kind string) string {
	const shown = 3
	if len(names) > shown+1 {
		return strings.Join(names[:shown], ", ") + fmt.Sprintf(" and %d other %ss", len(names)-shown, kind)
	}
	return list(names, "and")
}

// reason is the finding's reason as a sentence behind another, or its figure
// where it gives no reason.
func reason(f *run.Finding) string {
	why := f.Reason
	if why == "" {
		why = f.Measured
	}
	if why == "" {
		return ""
	}
	return " " + strings.TrimSuffix(why, ".") + "."
}

func (p *paper) note(n note) {
	switch {
	case n.Surprise:
		p.say("  !", 4, n.Text, strong)
	case n.Error:
		p.say("", 4, n.Text, bad)
	default:
		p.say("", 4, n.Text, nil)
	}
}
