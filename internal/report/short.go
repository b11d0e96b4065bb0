package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
)

// What the short form of a run shows at most.
const (
	mostScreens = 4  // experiments with a screen each; of more each has a line
	mostRows    = 24 // of a table of arms
	mostLines   = 16 // of the claims of an experiment, unless it has as many
	mostNotes   = 5  // surprises, and arms that could not run
)

// shortLegend explains the columns of arms, each where it is shown.
var shortLegend = []struct{ column, words string }{
	{"busy", `busy: refused with SQLITE_BUSY ("database is locked").`},
	{"timeout", "timeout: refused after the whole busy_timeout."},
	{"other", "other: failed otherwise, or nobody knows."},
	{"lost", "lost: acknowledged, and missing from the database."},
	{"p99", "p50, p99, max: how long clients waited."},
}

// more is where the rest is.
const more = "More: --verbose, contend report --open."

// short draws of a few experiments a table and the claims, of many a line each; then what was not as
// expected.
func (p *paper) short(doc *run.Run, page *page) {
	p.say("", 0, fmt.Sprintf("contend %s, SQLite %s, %s, files on %s", doc.Contend.Version, doc.Contend.SQLite, units.Plural(doc.Machine.CPUs, "CPU"), filesOn(doc)), faint)
	if page.Quick {
		p.say("", 0, quickWords, strong)
	}
	p.line("")
	if len(page.Sections) > mostScreens {
		p.overview(doc, page)
	} else {
		for i := range page.Sections {
			p.screen(&doc.Experiments[i], &page.Sections[i])
			p.gap()
		}
		p.say("", 0, more, faint)
	}
	p.gap()
	p.notes(page)
	p.foot(doc)
	p.again(page.Command)
}

// An outline is an experiment in the overview.
type outline struct {
	*section
	samples []sample
}

// tallyColumn counts claims with a ruling.
func tallyColumn(name string, of ruling) column[outline] {
	return number(name, "", func(l outline) string {
		for _, t := range l.Tally() {
			if t.Ruling == of {
				return fmt.Sprint(t.Count)
			}
		}
		return ""
	})
}

// harmColumn has the greatest share of a harm in one trial.
func harmColumn(name string, harm run.Topic, tells func(*sample) bool, share func(*sample) float64) column[outline] {
	return column[outline]{head{Name: name, Number: true}, func(l outline) cell {
		of := worst(which(l.samples, tells), share)
		switch {
		case of == nil:
			return cell{}
		case share(of) > 0:
			return cell{Text: units.Percent(share(of)), Harm: harm}
		}
		return cell{Text: units.Percent(0), Harm: run.AboutKept}
	}}
}

var overviewColumns = []column[outline]{
	number("arms", "", func(l outline) string { return fmt.Sprint(l.Arms) }).ranked(1),
	tallyColumn("hold", holdsRuling).ranked(2),
	tallyColumn("refuted", refutedRuling).ranked(2),
	tallyColumn("depend", dependsRuling).ranked(2),
	harmColumn("refused", run.AboutRefused, func(*sample) bool { return true }, (*sample).refusals),
	harmColumn("lost", run.AboutLost, (*sample).tells, func(s *sample) float64 { return s.losses() / float64(s.Ops.OK) }),
}

// overview has a line for each experiment.
func (p *paper) overview(doc *run.Run, page *page) {
	t := newTable("Experiments", "experiment", overviewColumns)
	all := samples(doc)
	for i := range page.Sections {
		its := which(all, func(s *sample) bool { return s.result == &doc.Experiments[i] })
		t.Rows = append(t.Rows, rowOf(page.Sections[i].Name, overviewColumns, outline{&page.Sections[i], its}))
	}
	p.table(&t)
	p.say("", 2, "hold, refuted, depend: claims. refused, lost: worst trial. "+more, faint)
	for i := range page.Sections {
		if s := &page.Sections[i]; s.SideBySide != "" {
			p.say("", 2, s.Name+": "+s.SideBySide, strong)
			p.sayAll(4, unsure, s.Differ...)
		}
	}
}

// screen draws one experiment: a table of arms, and a line for each claim.
func (p *paper) screen(result *run.Result, s *section) {
	p.asks(s)
	p.line("")
	if s.Arms == 0 && len(s.Skipped) == 0 {
		p.say("", 2, "no arm was finished", nil)
	}
	if s.Arms > 0 {
		shown, what := telling(result)
		t := armTable(shown, nil)
		for i := range t.Rows {
			t.Rows[i].Begins = false
		}
		left := p.table(&t)
		p.sayAll(2, faint, what)
		if s.Counted && !p.explained {
			p.explained = true
			var words []string
			for _, l := range shortLegend {
				if !slices.Contains(left, l.column) {
					words = append(words, l.words)
				}
			}
			p.say("", 2, strings.Join(words, " "), faint)
		}
		p.line("")
	}
	p.verdicts(s.Claims)
	p.sayAll(2, strong, s.SideBySide)
	p.sayAll(4, unsure, s.Differ...)
	p.sayAll(2, faint, s.Skipped...)
}

// verdicts draws for each claim a sign, a word and what is claimed, and where it is true. Where that takes
// too many lines, each claim has one.
func (p *paper) verdicts(all []claim) {
	heads := make([]string, len(all))
	widest := 0
	for i, c := range all {
		heads[i] = "  " + c.Ruling.Glyph() + " " + string(c.Ruling)
		if len(c.Surprises) > 0 {
			heads[i] += surpriseMark
		}
		widest = max(widest, text.StringWidth(heads[i]))
	}
	room := max(p.width-widest-2, p.width/2)
	said, lines := make([]string, len(all)), 0
	for i, c := range all {
		said[i] = plain(c.Text)
		if c.Ruling == dependsRuling {
			said[i] += " " + c.Sentences[0].Text
		}
		lines += len(wrap(said[i], room))
	}
	for i, c := range all {
		if lines > mostLines {
			said[i] = plain(c.Text)
			if parts := wrap(said[i], room-2); len(parts) > 1 {
				said[i] = parts[0] + " …"
			}
		}
		p.say(heads[i], widest+2, said[i], nil)
	}
}

// telling returns result with few enough arms to look at, and says which they are. Of arms in which
// every claim came out alike it has the first, and of an arm's trials the last.
func telling(result *run.Result) (*run.Result, string) {
	all := rowsOf(result.Arms)
	shown := *result
	var said []string
	if rowsOf(shown.Arms) > mostRows {
		if shown.Arms = distinctArms(result.Arms); len(shown.Arms) < len(result.Arms) {
			said = append(said, "one arm of those in which every claim came out alike")
		}
	}
	if rowsOf(shown.Arms) > mostRows {
		shown.Arms = slices.Clone(shown.Arms)
		for i := range shown.Arms {
			arm := &shown.Arms[i]
			if !single(arm) {
				last := arm.Trials[len(arm.Trials)-1]
				arm.Name, last.Name = arm.Name+", "+last.Name, ""
				arm.Trials = []run.TrialResult{last}
			}
		}
		said = append(said, "of an arm the last trial")
	}
	if len(said) == 0 {
		return &shown, ""
	}
	return &shown, fmt.Sprintf("Shown is %s; --verbose shows all %d rows.", strings.Join(said, ", and "), all)
}

// rowsOf is how many rows arms have in a table.
func rowsOf(arms []run.ArmResult) (n int) {
	for i := range arms {
		n++
		if !single(&arms[i]) {
			n += len(arms[i].Trials)
		}
	}
	return n
}

// distinctArms returns the first of the arms with the same verdicts; its name says how many there are.
func distinctArms(arms []run.ArmResult) (first []run.ArmResult) {
	alike := map[string]int{}
	var keys []string
	for i := range arms {
		var verdicts []string
		for _, f := range arms[i].Findings {
			verdicts = append(verdicts, f.Claim+" "+f.Verdict.String())
		}
		key := fmt.Sprintf("%q %t", verdicts, arms[i].Error != "")
		if alike[key]++; alike[key] == 1 {
			first, keys = append(first, arms[i]), append(keys, key)
		}
	}
	for i, key := range keys {
		if n := alike[key] - 1; n > 0 {
			first[i].Name = fmt.Sprintf("%s and %d more", first[i].Name, n)
		}
	}
	return first
}

// notes draws what was not as expected: surprises, what could not run, and the names of what was left open.
func (p *paper) notes(page *page) {
	var odd, open []string
	for i := range page.Sections {
		s := &page.Sections[i]
		for _, n := range s.Notes {
			switch {
			case n.Surprise || n.Error:
				odd = append(odd, s.Name+": "+n.Text)
			case n.Open:
				open = append(open, n.Of)
			}
		}
	}
	for _, words := range odd[:min(len(odd), mostNotes)] {
		p.say("!", 2, words, strong)
	}
	if more := len(odd) - mostNotes; more > 0 {
		p.say("", 2, fmt.Sprintf("and %d more; --verbose shows them.", more), nil)
	}
	if len(open) > 0 {
		p.say("?", 2, "Left open, --verbose says why: "+few(open, "finding")+".", unsure)
	}
	if len(odd)+len(open) > 0 {
		p.gap()
	}
}
