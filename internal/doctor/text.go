package doctor

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"example.com/contend/internal/units"
)

// Width is how wide the text is at most, in characters, but for commands and paths that are longer.
const Width = 80

// mostHolders is how many processes the text lists.
const mostHolders = 12

// Text writes the report for people: the verdict first.
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	answer := "nothing is wrong that doctor can see."
	if len(r.Findings) > 0 && r.Findings[0].Severity != Note {
		answer = r.Findings[0].Sentence
	}
	b.WriteString(wrapped(r.Verdict+": "+answer, 0))
	r.factsText(&b)
	for i, f := range r.Findings {
		b.WriteString("\n" + wrapped(fmt.Sprintf("%d. %s: %s [%s]", i+1, f.Severity, f.Sentence, f.Rule), 3))
		for _, e := range f.Evidence {
			b.WriteString(labelled("seen", e))
		}
		for _, row := range []struct{ label, text string }{{"effect", f.Consequence}, {"cure", f.Remedy}} {
			if row.text != "" {
				b.WriteString(labelled(row.label, row.text))
			}
		}
		for line := range strings.Lines(f.Command) {
			fmt.Fprintf(&b, "           $ %s\n", strings.TrimSpace(line))
		}
		for _, row := range []struct{ label, text string }{{"proof", f.Proof}, {"source", f.Source}} {
			if row.text != "" {
				fmt.Fprintf(&b, "   %-7s %s\n", row.label, row.text)
			}
		}
	}
	if len(r.Facts.Unseen) > 0 {
		b.WriteString("\nnot seen\n")
		for _, u := range r.Facts.Unseen {
			b.WriteString(wrapped("   "+u, 3))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// factsText writes where the database lies, what it consists of, and who has it open.
func (r *Report) factsText(b *strings.Builder) {
	f := r.Facts
	name := f.Path
	if f.Container != "" {
		name = f.Container + ":" + name
	}
	b.WriteString("\n" + wrapped(name, 0))
	if f.Mount.Type != "" {
		b.WriteString(wrapped(fmt.Sprintf("   on      %s, mounted at %s, %s free", f.Mount.Type, f.Mount.Point, bytesText(int64(f.Space.Free))), 11))
	}
	journal := "rollback journal"
	switch {
	case f.Header == nil:
		journal = "unknown: the file has no header of SQLite's"
	case f.WAL:
		journal = "WAL"
	}
	fmt.Fprintf(b, "   journal %s\n", journal)
	var sizes []string
	for _, file := range f.Files {
		sizes = append(sizes, file.Role+" "+bytesText(file.Size))
	}
	b.WriteString(wrapped("   files   "+strings.Join(sizes, ", "), 11))
	if x := f.Index; x != nil && f.WAL {
		b.WriteString(wrapped(fmt.Sprintf("   WAL     %s committed, %s of them in the database", units.PluralOf(int64(x.Last), "frame", "frames"), units.Count(int64(x.Backfill))), 11))
	}
	for i := range f.Holders[:min(len(f.Holders), mostHolders)] {
		label := ""
		if i == 0 {
			label = "open by"
		}
		b.WriteString(wrapped(fmt.Sprintf("   %-7s %s", label, f.Holders[i].text()), 11))
	}
	switch more := len(f.Holders) - mostHolders; {
	case more > 0:
		fmt.Fprintf(b, "           and %d more; --json has all\n", more)
	case len(f.Holders) == 0:
		b.WriteString("   open by nobody that doctor can see\n")
	}
}

// text is a line about a process: "4711 python3 (web-1, user app, SQLite 3.40.1): SHARED, DMS".
func (h *Holder) text() string {
	var about []string
	if h.Container != "" {
		about = append(about, h.Container)
	}
	if h.User != "" {
		about = append(about, "user "+h.User)
	} else {
		about = append(about, fmt.Sprintf("user %d", h.UID))
	}
	for _, e := range h.Engines {
		if v := "SQLite " + e.Version; e.Version != "" && !slices.Contains(about, v) {
			about = append(about, v)
		}
	}
	if n := len(h.In(Database)); n > 1 {
		about = append(about, fmt.Sprintf("open %d times", n))
	}
	locks := "no lock"
	if len(h.Locks) > 0 {
		locks = strings.Join(h.Locks, ", ")
	}
	return fmt.Sprintf("%d %s (%s): %s", h.PID, h.Program, strings.Join(about, ", "), locks)
}

// labelled is a paragraph of a finding.
func labelled(label, text string) string { return wrapped(fmt.Sprintf("   %-7s %s", label, text), 11) }

// wrapped breaks text into lines of [Width] characters, each after the first indented. Blanks at its beginning stay.
// A name of a file may hold a line feed.
func wrapped(text string, indent int) string {
	var b strings.Builder
	text = strings.ReplaceAll(text, "\n", `\n`)
	rest := strings.TrimLeft(text, " ")
	column := len(text) - len(rest)
	b.WriteString(text[:column])
	// The blanks behind a label belong to it.
	for i, word := range strings.Split(rest, " ") {
		width := len([]rune(word))
		switch {
		case i == 0:
		case column+1+width > Width && column > indent:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += width
	}
	return b.String() + "\n"
}
