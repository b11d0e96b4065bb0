package report

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"example.com/contend/check"
	"example.com/contend/internal/api"
	"example.com/contend/internal/experiment"
)

// Marks that make a verdict stand out where there is no colour.
const (
	surpriseMark = " !"
	notJudged    = "not run"
	notKnown     = "?"
)

const legend = `busy: refused with SQLITE_BUSY. timeout: refused after the whole busy_timeout. ` +
	`other: every other request that failed or whose end is unknown. ` +
	`lost: acknowledged, and certainly not in the database (7–9: at least, at most; ?: could not be read). ` +
	`p50, p99, max: how long clients waited, in ms, from the moment a request was due.`

// verdictHue is the colour of a verdict. Neither verdict is good news by
// itself: most claims are of something going wrong.
func verdictHue(v check.Verdict) hue {
	switch v {
	case check.Holds:
		return good
	case check.Refuted:
		return bad
	default:
		return unsure
	}
}

// table draws one row for each arm, with a line between groups of them.
func (p *paper) table(result *experiment.Result, all []judged) {
	w := table.NewWriter()
	w.SetStyle(style())
	head := table.Row{"arm", "ok", "busy", "time-\nout", "other", "lost", "p50\nms", "p99\nms", "max\nms"}
	figures := len(head)
	for _, c := range all {
		head = append(head, shortHead(plain(c.finding.Claim)))
	}
	w.SetColumnConfigs(columns(figures, len(head)))
	w.AppendHeader(head)
	groups := groupsOf(result.Arms)
	for i := range result.Arms {
		if i > 0 && groups != nil && groups[i] != groups[i-1] {
			w.AppendSeparator()
		}
		w.AppendRow(p.row(&result.Arms[i], i, all))
	}
	for _, line := range strings.Split(w.Render(), "\n") {
		p.line(line)
	}
}

// columns aligns all to the bottom of the head and figures, all but the first
// of them, to the right.
func columns(figures, all int) []table.ColumnConfig {
	configs := make([]table.ColumnConfig, all)
	for i := range configs {
		configs[i] = table.ColumnConfig{Number: i + 1, VAlignHeader: text.VAlignBottom}
		if i > 0 && i < figures {
			configs[i].Align, configs[i].AlignHeader = text.AlignRight, text.AlignRight
		}
	}
	return configs
}

// style is a table with lines under its head and between groups, and no others.
func style() table.Style {
	s := table.StyleLight
	s.Options = table.Options{SeparateHeader: true}
	s.Format.Header = text.FormatDefault
	s.Box.PaddingLeft, s.Box.PaddingRight = "", "  "
	return s
}

// groupsOf returns each arm's group, its preset or transaction, or nil where
// every arm would be a group of its own.
func groupsOf(arms []experiment.ArmResult) []string {
	groups := make([]string, len(arms))
	changes := 0
	for i := range arms {
		groups[i] = preset(arms[i].Name)
		if groups[i] == "" {
			groups[i] = string(arms[i].Discipline.Transaction)
		}
		if i > 0 && groups[i] != groups[i-1] {
			changes++
		}
	}
	if changes == len(arms)-1 {
		return nil
	}
	return groups
}

// shortHead breaks a claim's ID at its hyphens, so that its column is no wider
// than a verdict.
func shortHead(id string) string {
	const widest = 8
	lines := []string{""}
	for _, part := range strings.SplitAfter(id, "-") {
		last := len(lines) - 1
		if lines[last] != "" && len(lines[last])+len(part) > widest {
			lines = append(lines, part)
		} else {
			lines[last] += part
		}
	}
	return strings.Join(lines, "\n")
}

func (p *paper) row(arm *experiment.ArmResult, i int, all []judged) table.Row {
	row := table.Row{plain(arm.Name)}
	if arm.Error != "" && arm.Ops.Total == 0 {
		row = append(row, "-", "-", "-", "-", "-", "-", "-", "-")
	} else {
		busy, timeout := arm.Codes[api.CodeBusy], arm.Codes[api.CodeTimeout]
		row = append(row, arm.Ops.OK, busy, timeout, arm.Ops.Total-arm.Ops.OK-busy-timeout, p.lost(arm),
			ms(arm.Latency.P50), ms(arm.Latency.P99), ms(arm.Latency.Max))
	}
	for _, c := range all {
		row = append(row, p.verdict(c.arms[i]))
	}
	return row
}

func (p *paper) lost(arm *experiment.ArmResult) string {
	if arm.Lost == nil {
		return notKnown
	}
	lost := check.Exactly(*arm.Lost)
	if arm.LostMax != nil {
		lost.Max = *arm.LostMax
	}
	if lost.Min == 0 {
		return lost.String()
	}
	return p.dye(lost.String(), strong)
}

func (p *paper) verdict(f *experiment.Finding) string {
	if f == nil {
		return notJudged
	}
	h := verdictHue(f.Verdict)
	if f.Surprise() {
		return p.dye(f.Verdict.String()+surpriseMark, append(hue{text.Bold}, h...))
	}
	return p.dye(f.Verdict.String(), h)
}

// ms writes milliseconds with as many digits as mean something.
func ms(v float64) string {
	if v < 10 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// notes says, under the table, what its marks and gaps are. Where nothing has
// been drawn since before, a line keeps them from the table.
func (p *paper) notes(result *experiment.Result, all []judged, before int) {
	note := func(head, text string, h hue) {
		if p.Len() == before {
			p.line("")
		}
		p.say(head, 4, text, h)
	}
	for _, c := range all {
		for i, f := range c.arms {
			switch {
			case f == nil:
			case f.Surprise():
				note("  !", fmt.Sprintf("surprise: %s in %s: expected %s, found %s.%s",
					f.Claim, result.Arms[i].Name, f.Expected, f.Verdict, reason(f)), strong)
			case f.Verdict == check.Inconclusive:
				note("", fmt.Sprintf("inconclusive: %s in %s.%s", f.Claim, result.Arms[i].Name, reason(f)), nil)
			}
		}
	}
	for i := range result.Arms {
		if arm := &result.Arms[i]; arm.Error != "" {
			note("", fmt.Sprintf("%s could not run: %s", arm.Name, arm.Error), bad)
		}
	}
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
