package report

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
)

// Claims writes what run says of each claim as Markdown: a table for each experiment,
// under a head that names the run. It is for a document that is kept: the same run
// gives the same bytes. It returns w's error.
func Claims(w io.Writer, doc *run.Run) error {
	p := newPage(doc)
	var b strings.Builder
	m := doc.Machine
	fmt.Fprintf(&b, "# Claims\n\n%s\n\nFrom a run of contend %s with SQLite %s, begun %s with seed %d, on %s/%s with %s, kernel %s, files on %s.\n",
		markdown(p.Headline), markdown(doc.Contend.Version), markdown(doc.Contend.SQLite), doc.Started.Format(time.RFC3339), doc.Seed,
		markdown(m.OS), markdown(m.Arch), units.Plural(m.CPUs, "CPU"), markdown(m.Kernel), markdown(filesOn(doc)))
	if doc.Interrupted {
		b.WriteString("\n**INTERRUPTED**: this run was cut short; arms are missing.\n\n")
	}
	if p.Command != "" {
		b.WriteString("Repeat it with\n\n" + fenced(p.Command))
	}
	b.WriteString("\n*Holds* and *refuted* speak of the arms that judged a claim, each a setting under which the system ran;\n" +
		"*depends* means that they differ. An example of each verdict says what was measured, and in which arm.\n")
	// Another document takes the summary over by the marks around it.
	b.WriteString("\n<!-- summary -->\n| experiment | asks | arms | claims |\n|---|---|---|---|\n")
	for i := range p.Sections {
		s := &p.Sections[i]
		var counts []string
		for _, t := range s.Tally() {
			counts = append(counts, fmt.Sprintf("%d %s", t.Count, t.Ruling))
		}
		fmt.Fprintf(&b, "| [%s](#%[1]s) | %s | %d | %s |\n", markdown(s.Name), markdown(s.Question), s.Arms, strings.Join(counts, ", "))
	}
	b.WriteString("<!-- end -->\n")
	for i := range p.Sections {
		p.Sections[i].markdown(&b)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("draw claims: %w", err)
	}
	return nil
}

func (s *section) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n", markdown(s.Name), markdown(s.Question))
	if len(s.Claims) == 0 {
		b.WriteString("No claim was judged.\n")
		return
	}
	b.WriteString("| claim | verdict | where | measured |\n|---|---|---|---|\n")
	for _, c := range s.Claims {
		words := []string{"**" + markdown(c.ID) + "**"}
		for _, text := range []string{c.Text, c.JA} {
			if text != "" {
				words = append(words, markdown(text))
			}
		}
		if link := link(c.Source); link != "" {
			words = append(words, "<"+link+">")
		} else {
			words = append(words, markdown(c.Source))
		}
		verdict := string(c.Ruling)
		if n := len(c.Surprises); n > 0 {
			verdict += "<br>**" + units.Plural(n, "surprise") + "**"
		}
		var where, measured []string
		for _, sentence := range c.Sentences {
			where = append(where, markdown(sentence.Text))
		}
		for _, e := range c.Examples {
			measured = append(measured, fmt.Sprintf("%s in %s: %s", e.Verdict, markdown(e.Arm), markdown(e.Measured)))
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", strings.Join(words, "<br>"), verdict, strings.Join(where, "<br>"), strings.Join(measured, "<br>"))
	}
	b.WriteString("\nRepeat it with\n\n" + fenced(s.Command))
}

// fenced is a command as a block of code. A line of backticks cannot end it, for the
// command is a single line that begins with another word.
func fenced(command string) string { return "```sh\n" + plain(command) + "\n```\n" }

// special is what Markdown or HTML within it would obey, an address that would become a
// link included. An underscore within a word is nothing to it, and SQLITE_BUSY stays
// readable.
var special = regexp.MustCompile("[\\\\`*\\[\\]<>|&~#]|\\b_|_\\b|://|\\bwww\\.")

// markdown is s as text that stays what it is in a cell of a Markdown table.
func markdown(s string) string {
	return special.ReplaceAllStringFunc(plain(s), func(c string) string {
		switch c {
		case "<":
			return "&lt;"
		case ">":
			return "&gt;"
		case "&":
			return "&amp;"
		case "www.":
			return `www\.`
		}
		return `\` + c
	})
}
