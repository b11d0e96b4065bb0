// Package report draws a stored run: as text for a terminal, and as JSON.
//
// It takes an [experiment.Run] and writes to what it is given. It reads no
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
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"example.com/contend/internal/experiment"
)

// Options say how a run is drawn. The zero Options draw without colour.
type Options struct {
	Color bool // with ANSI colours; they add nothing that the text does not say
	Width int  // columns for sentences; 0 means 100. A table is as wide as it must be
}

// Terminal draws run as text: what was run and where, a table for each
// experiment, each claim with the conditions of its verdicts, and the proofs.
// It returns w's error.
func Terminal(w io.Writer, run *experiment.Run, o Options) error {
	fixWidths()
	if o.Width <= 0 {
		o.Width = 100
	}
	p := &paper{color: o.Color, width: max(o.Width, 40)}
	p.head(run)
	for i := range run.Experiments {
		p.experiment(&run.Experiments[i], i == 0)
	}
	p.foot(run)
	if _, err := io.WriteString(w, p.String()); err != nil {
		return fmt.Errorf("draw run: %w", err)
	}
	return nil
}

const interrupted = "INTERRUPTED: this run was cut short. The last arm below may be incomplete."

func (p *paper) head(run *experiment.Run) {
	if run.Interrupted {
		p.say("", 0, interrupted, unsure)
	}
	m := run.Machine
	p.say("", 0, fmt.Sprintf("contend %s, SQLite %s, %s", run.Contend.Version, run.Contend.SQLite, run.Contend.Go), nil)
	p.say("", 0, fmt.Sprintf("%s/%s, kernel %s, %s, files on %s",
		m.OS, m.Arch, m.Kernel, plural(m.CPUs, "CPU"), m.FileSystem), nil)
	p.say("", 0, fmt.Sprintf("seed %d, started %s, took %.1f s", run.Seed, run.Started.Format(time.RFC3339), run.Seconds), nil)
	if len(run.Command) > 0 {
		p.line(plain("again with: " + commandLine(run.Command))) // in one line, to be copied
	}
}

// commandLine quotes for a shell what has to be quoted.
func commandLine(args []string) string {
	var words []string
	for _, arg := range args {
		if arg == "" || strings.ContainsAny(arg, " \t\n'\"\\$`*?[]{}()<>|&;#~!") {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

func (p *paper) experiment(result *experiment.Result, first bool) {
	p.line("")
	name := plain(result.Name) + ":"
	p.say(name, text.StringWidth(name)+1, result.Question, strong)
	p.line("")
	if len(result.Arms) == 0 {
		p.say("", 2, "no arm was finished", nil)
		return
	}
	all := claims(result)
	p.table(result, all)
	before := p.Len()
	if first {
		p.line("")
		p.say("", 2, legend, faint)
	}
	p.notes(result, all, before)
	s := newSpace(result.Arms)
	for i := range all {
		p.line("")
		p.claim(&all[i], &s, result.Arms)
	}
	p.witnesses(result, all)
}

// claim says what is claimed, where, and under which conditions it is so.
func (p *paper) claim(c *judged, s *space, arms []experiment.ArmResult) {
	f := c.finding
	p.say("  "+plain(f.Claim), 20, f.Text, strong)
	if f.TextJA != "" {
		p.say("", 20, f.TextJA, nil)
	}
	p.say("", 20, f.Source, faint)
	for _, t := range c.tell(s, arms) {
		p.say("", 20, t.String(), verdictHue(t.verdict))
	}
	if missing := c.unjudged(arms); len(missing) > 0 {
		p.say("", 20, fmt.Sprintf("Not judged in %d of %d arms: %s.", len(missing), len(arms), strings.Join(missing, "; ")), unsure)
	}
}

// foot counts the findings. It counts those it has drawn, so that it agrees
// with them whatever the summary of a file says.
func (p *paper) foot(run *experiment.Run) {
	s := experiment.Summarize(run.Experiments)
	p.line("")
	if run.Interrupted {
		p.say("", 0, "INTERRUPTED: this run was cut short; arms are missing.", unsure)
	}
	h := good
	switch {
	case s.Surprises > 0:
		h = append(hue{strong[0]}, bad...)
	case s.Inconclusive > 0:
		h = unsure
	}
	summary := fmt.Sprintf("%d as expected, %s, %d inconclusive",
		s.AsExpected, plural(s.Surprises, "surprise"), s.Inconclusive)
	if n := broken(run); n > 0 {
		summary += fmt.Sprintf("; %s could not run", plural(n, "arm"))
	}
	p.say("", 0, summary, h)
}

// broken counts the arms that could not run.
func broken(run *experiment.Run) int {
	n := 0
	for _, result := range run.Experiments {
		for i := range result.Arms {
			if result.Arms[i].Error != "" {
				n++
			}
		}
	}
	return n
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
