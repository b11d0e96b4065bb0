package report

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
)

// Options say how a run is drawn. The zero Options draw its short form, without colour.
type Options struct {
	Color    bool // with ANSI colours; they add nothing that the text does not say
	Width    int  // columns of the terminal, at least 40: tables leave out columns to fit. 0: sentences have 100, and tables what they take
	Verbose  bool // every table, claim, scene and proof
	Japanese bool // the source's own sentences, too, which are Japanese
}

// Terminal draws run as text: its short form or, where that is asked for, all of it. The bottom line is last, or
// the advice of a comparison. It returns w's error.
func Terminal(w io.Writer, doc *run.Run, o Options) error {
	fixWidths()
	p := &paper{color: o.Color, width: max(o.Width, 40), limit: o.Width, japanese: o.Japanese}
	if o.Width <= 0 {
		p.width = 100
	}
	page := newPage(doc)
	switch {
	case page.Ladder != nil:
		p.comparison(doc, &page, o.Verbose)
	case o.Verbose:
		p.whole(doc, &page)
		p.bottomLine(doc)
	default:
		p.short(doc, &page)
		p.bottomLine(doc)
	}
	if _, err := io.WriteString(w, p.String()); err != nil {
		return fmt.Errorf("draw run: %w", err)
	}
	return nil
}

// whole draws everything but the bottom line.
func (p *paper) whole(doc *run.Run, page *page) {
	p.head(doc, page.Command)
	for i := range page.Sections {
		p.section(&page.Sections[i])
	}
	p.line("")
	p.foot(doc)
}

func (p *paper) head(doc *run.Run, command string) {
	if doc.Interrupted {
		p.say("", 0, "INTERRUPTED: this run was cut short. The last arm below may be incomplete.", unsure)
	}
	m := doc.Machine
	p.say("", 0, fmt.Sprintf("contend %s, SQLite %s, %s", doc.Contend.Version, doc.Contend.SQLite, doc.Contend.Go), nil)
	p.say("", 0, fmt.Sprintf("%s/%s, kernel %s, %s, files on %s",
		m.OS, m.Arch, m.Kernel, units.Plural(m.CPUs, "CPU"), filesOn(doc)), nil)
	if len(doc.Places) > 0 && !slices.Equal(doc.Places, []string{run.Processes}) {
		p.say("", 0, "nodes on "+units.List(doc.Places, "and"), nil)
	}
	p.say("", 0, fmt.Sprintf("seed %d, started %s, took %.1f s", doc.Seed, doc.Started.Format(time.RFC3339), doc.Seconds), nil)
	if quick(doc) {
		p.say("", 0, quickWords, strong)
	}
	p.again(command)
}

// again is what to type to repeat the run, in one line, to be copied.
func (p *paper) again(command string) {
	if command != "" {
		p.line(plain("again with: " + command))
	}
}

// bottomLine is what the reader has come for.
func (p *paper) bottomLine(doc *run.Run) {
	for i, s := range BottomLine(doc) {
		if i == 0 {
			p.gap()
		}
		p.say("•", 2, s.Text, harms[s.About])
	}
}

// section draws an experiment. The figures of a comparison stand in its ladder, so its
// experiment has no table.
func (p *paper) section(s *section) {
	p.line("")
	p.asks(s)
	p.line("")
	if s.Arms == 0 {
		for _, words := range s.Skipped {
			p.say("", 2, words, nil)
		}
		if len(s.Skipped) == 0 {
			p.say("", 2, "no arm was finished", nil)
		}
		return
	}
	if len(s.Table.Rows) > 0 {
		p.table(&s.Table)
		p.line("")
		if s.Counted && !p.explained {
			p.explained = true
			p.say("", 2, legend, faint)
		}
		p.sayAll(2, faint, s.Remarks)
	}
	p.sayAll(2, strong, s.SideBySide)
	p.sayAll(4, unsure, s.Differ...)
	p.sayAll(2, faint, s.Skipped...)
	for _, n := range s.Notes {
		switch {
		case n.Surprise:
			p.say("  !", 4, n.Text, strong)
		case n.Error:
			p.say("", 4, n.Text, bad)
		default:
			p.say("", 4, n.Text, nil)
		}
	}
	for _, f := range s.Faults {
		p.say("", 4, "faults in "+f.Of+": "+f.Words, nil)
	}
	for i := range s.Scenes {
		p.scene(&s.Scenes[i])
	}
	for i := range s.Claims {
		p.claim(&s.Claims[i])
	}
	for _, w := range s.Proofs {
		p.gap()
		p.say("", 2, fmt.Sprintf("witness of %s in %s", w.Anomaly, w.Arm), strong)
		p.say("", 4, w.Sentence, nil)
		p.sayAll(6, nil, w.Ops...)
		p.sayAll(4, faint, w.More)
	}
}

// asks draws the head of an experiment: its name and its question.
func (p *paper) asks(s *section) {
	name := plain(s.Name) + ":"
	if s.Quick {
		name = plain(s.Name) + ", quick:"
	}
	p.say(name, text.StringWidth(name)+1, s.Question, strong)
}

// claim says what is claimed, where, and under which conditions it is so.
func (p *paper) claim(c *claim) {
	p.gap()
	head := "  " + plain(c.ID)
	if text.StringWidth(head) >= 20 {
		p.line(p.dye(head, strong))
		head = ""
	}
	p.say(head, 20, c.Text, strong)
	if p.japanese {
		p.sayAll(20, nil, c.JA)
	}
	p.say("", 20, c.Source, faint)
	for _, s := range c.Sentences {
		p.say("", 20, s.Text, nil)
	}
}

// scene prints the steps in columns, each with the source's words behind it or, where some
// do not fit there, below it.
func (p *paper) scene(s *trialTable) {
	p.gap()
	p.say("", 2, "scene in "+s.Of, strong)
	rows := make([][]string, len(s.Steps))
	widths := make([]int, 5)
	for i, step := range s.Steps {
		rows[i] = []string{fmt.Sprint(i + 1), step.Session, step.Node, requestWords(step.StepResult),
			fmt.Sprintf("%s after %s ms", step.answer(), units.Number(step.Answered-step.Sent))}
		for k, word := range rows[i] {
			rows[i][k] = short(word)
			widths[k] = max(widths[k], text.StringWidth(rows[i][k]))
		}
	}
	heads, says := make([]string, len(rows)), make([]string, len(rows))
	indent, widest := 0, 0
	across, whole := len(widths), 2 // words beside each other: the answer is below the others where it has no room
	for _, width := range widths {
		whole += width + 2
	}
	if p.limit > 0 && whole > p.limit {
		across--
	}
	for i, words := range rows {
		heads[i] = "    "
		for k, word := range words[:across] {
			heads[i] += pad(word, widths[k]+2)
		}
		if say := s.Steps[i].Say; say != "" && (p.japanese || !japanese(say)) {
			says[i] = `"` + plain(say) + `"`
		}
		indent = max(indent, text.StringWidth(heads[i]))
		widest = max(widest, text.StringWidth(says[i]))
	}
	for i, head := range heads {
		if says[i] != "" && indent+widest <= p.width && across == len(widths) {
			p.say(head, indent, says[i], nil)
			continue
		}
		p.line(head)
		p.sayAll(8, nil, rows[i][across:]...)
		p.sayAll(8, faint, says[i])
	}
}

// foot counts the findings. It counts those that are drawn, so that it agrees with them
// whatever the summary of a file says.
func (p *paper) foot(doc *run.Run) {
	s := doc.Tally()
	if doc.Interrupted {
		p.say("", 0, "INTERRUPTED: this run was cut short; arms are missing.", unsure)
	}
	var h hue
	switch {
	case s.Surprises > 0:
		h = strong
	case s.Inconclusive > 0:
		h = unsure
	}
	if doc.Comparison != nil { // else the bottom line has it
		p.sayAll(0, unsure, busy(doc), fast(doc))
	}
	p.say("", 0, countFindings(s)+broken(doc)+skipped(doc), h)
}

// captioned draws a table under its name, or says that it is empty.
func (p *paper) captioned(name, caption string, t *table) {
	head := plain(name)
	if caption != "" {
		head += ":"
	}
	p.gap()
	p.say(head, text.StringWidth(head)+1, caption, strong)
	p.line("")
	if len(t.Rows) == 0 {
		p.say("", 2, "no rung was finished", nil)
		return
	}
	p.table(t)
}
