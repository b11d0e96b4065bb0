package report

import (
	"fmt"
	"strings"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
)

// A note tells what a mark or a gap in a sheet is.
type note struct {
	Text     string
	Surprise bool
	Error    bool // an arm could not run
}

// notes are the surprises and what was not decided, and why.
func notes(result *experiment.Result, all []judged) []note {
	var told []note
	for _, c := range all {
		for i, f := range c.arms {
			switch {
			case f == nil:
			case f.Surprise():
				told = append(told, note{Surprise: true, Text: fmt.Sprintf("surprise: %s in %s: expected %s, found %s.%s",
					f.Claim, result.Arms[i].Name, f.Expected, f.Verdict, reason(f))})
			case f.Verdict == check.Inconclusive:
				told = append(told, note{Text: fmt.Sprintf("inconclusive: %s in %s.%s", f.Claim, result.Arms[i].Name, reason(f))})
			}
		}
	}
	for i := range result.Arms {
		if arm := &result.Arms[i]; arm.Error != "" {
			told = append(told, note{Error: true, Text: fmt.Sprintf("%s could not run: %s", arm.Name, arm.Error)})
		}
	}
	return told
}

// reason is the finding's reason as a sentence behind another, or its figure
// where it gives no reason.
func reason(f *experiment.Finding) string {
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
