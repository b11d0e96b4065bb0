// Package report draws a stored run: as text for a terminal, as JSON, as one
// HTML page with charts, and its claims as Markdown.
//
// It takes an [run.Run] and writes to what it is given. It reads no
// clock, looks at no terminal and starts nothing, so a stored run is drawn byte
// for byte as it was when it had just been made.
//
// Its heart is the sentence that names a verdict's condition. Arms are points
// in a space of settings; the arms in which a claim holds are covered by a few
// boxes that contain no other arm, and each box is said in words: "Holds in 8
// of 44 arms: with transaction separate and busy_timeout 5000." Such a sentence
// speaks of the arms that were run and of no others; see cover.
//
// The package judges nothing: verdicts stand in the run.
package report

import (
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"example.com/contend/internal/run"
)

// Options say how a run is drawn. The zero Options draw without colour.
type Options struct {
	Color bool // with ANSI colours; they add nothing that the text does not say
	Width int  // columns for sentences; 0 means 100. A table is as wide as it must be
}

// Terminal draws run as text: what was run and where, a table for each
// experiment, each claim with the conditions of its verdicts, and the proofs.
// It returns w's error.
func Terminal(w io.Writer, doc *run.Run, o Options) error {
	fixWidths()
	if o.Width <= 0 {
		o.Width = 100
	}
	p := &paper{color: o.Color, width: max(o.Width, 40)}
	p.head(doc)
	if doc.Comparison != nil {
		p.ladder(newLadder(doc.Comparison))
	}
	for i := range doc.Experiments {
		p.experiment(&doc.Experiments[i], doc.Comparison == nil)
	}
	p.foot(doc)
	if _, err := io.WriteString(w, p.String()); err != nil {
		return fmt.Errorf("draw run: %w", err)
	}
	return nil
}

const interrupted = "INTERRUPTED: this run was cut short. The last arm below may be incomplete."

func (p *paper) head(doc *run.Run) {
	if doc.Interrupted {
		p.say("", 0, interrupted, unsure)
	}
	m := doc.Machine
	p.say("", 0, fmt.Sprintf("contend %s, SQLite %s, %s", doc.Contend.Version, doc.Contend.SQLite, doc.Contend.Go), nil)
	p.say("", 0, fmt.Sprintf("%s/%s, kernel %s, %s, files on %s",
		m.OS, m.Arch, m.Kernel, plural(m.CPUs, "CPU"), m.FileSystem), nil)
	if said := onWords(doc); said != "" {
		p.say("", 0, said, nil)
	}
	p.say("", 0, fmt.Sprintf("seed %d, started %s, took %.1f s", doc.Seed, doc.Started.Format(time.RFC3339), doc.Seconds), nil)
	if len(doc.Command) > 0 {
		p.line(plain("again with: " + commandLine(doc.Command))) // in one line, to be copied
	}
}

// experiment draws what an experiment found. The figures of a comparison stand
// in its ladder, so it is not tabled.
func (p *paper) experiment(result *run.Result, tabled bool) {
	p.line("")
	name := plain(result.Name) + ":"
	p.say(name, text.StringWidth(name)+1, result.Question, strong)
	if len(result.Arms) == 0 {
		p.line("")
		p.nothing(result)
		return
	}
	all := claims(result)
	var drawn sheet
	if tabled {
		drawn = newSheet(result, all)
		p.line("")
		p.table(&drawn)
	}
	p.remarks(result, &drawn, all)
	for _, scene := range scenes(result) {
		p.scene(&scene)
	}
	for i := range all {
		p.line("")
		c := newClaim(&all[i], result.Arms)
		p.claim(&c)
	}
	for _, proof := range proofs(result, all) {
		p.proof(&proof)
	}
}

// nothing says why an experiment has no arms.
func (p *paper) nothing(result *run.Result) {
	for _, words := range skippedWords(result) {
		p.say("", 2, words, nil)
	}
	if len(result.Skipped) == 0 {
		p.say("", 2, "no arm was finished", nil)
	}
}

// remarks says, under the table, what is to be known of it. A line keeps them from it.
func (p *paper) remarks(result *run.Result, drawn *sheet, all []judged) {
	before := p.Len()
	begin := func() {
		if p.Len() == before {
			p.line("")
		}
	}
	if drawn.Counted && !p.explained {
		begin()
		p.explained = true
		p.say("", 2, legend, faint)
	}
	if said := joined(repeats(result), hidden(all)); said != "" && len(drawn.Rows) > 0 {
		begin()
		p.say("", 2, said, faint)
	}
	c := compare(result)
	if said := c.String(); said != "" {
		begin()
		p.say("", 2, said, strong)
	}
	for _, words := range c.Differ {
		p.say("", 4, words, unsure)
	}
	for _, words := range skippedWords(result) {
		begin()
		p.say("", 2, words, faint)
	}
	for _, n := range notes(result, all) {
		begin()
		p.note(n)
	}
	for _, h := range havocs(result) {
		begin()
		p.say("", 4, "faults in "+h.Of+": "+h.Words, nil)
	}
}

// claim says what is claimed, where, and under which conditions it is so.
func (p *paper) claim(c *claim) {
	head := "  " + plain(c.ID)
	if text.StringWidth(head) >= 20 {
		p.line(p.dye(head, strong))
		head = ""
	}
	p.say(head, 20, c.Text, strong)
	if c.JA != "" {
		p.say("", 20, c.JA, nil)
	}
	p.say("", 20, c.Source, faint)
	for _, t := range c.Tellings {
		p.say("", 20, t.String(), verdictHue(t.verdict))
	}
	if c.Unjudged != "" {
		p.say("", 20, c.Unjudged, unsure)
	}
}

// foot counts the findings. It counts those it has drawn, so that it agrees
// with them whatever the summary of a file says.
func (p *paper) foot(doc *run.Run) {
	s := run.Summarize(doc.Experiments)
	p.line("")
	if doc.Interrupted {
		p.say("", 0, "INTERRUPTED: this run was cut short; arms are missing.", unsure)
	}
	h := good
	switch {
	case s.Surprises > 0, unmet(doc.Comparison):
		h = append(hue{strong[0]}, bad...)
	case s.Inconclusive > 0:
		h = unsure
	}
	summary := fmt.Sprintf("%d as expected, %s, %d inconclusive",
		s.AsExpected, plural(s.Surprises, "surprise"), s.Inconclusive)
	if n := broken(doc); n > 0 {
		summary += fmt.Sprintf("; %s could not run", plural(n, "arm"))
	}
	if unmet(doc.Comparison) {
		summary += "; no rung is good enough"
	}
	p.say("", 0, summary, h)
}

// broken counts the arms that could not run.
func broken(doc *run.Run) int {
	n := 0
	for _, result := range doc.Experiments {
		for i := range result.Arms {
			if result.Arms[i].Error != "" {
				n++
			}
		}
	}
	return n
}
