package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"example.com/contend/internal/run"
)

// tables returns every table of the page under its name, in the order of the page.
func (p *page) tables() (all []named) {
	if l := p.Ladder; l != nil {
		all = append(all, named{"the ladder", l.Main}, named{"rates, survival and lines changed", l.Costs})
		all = append(all, l.Workloads...)
		all = append(all, named{"pools tried", l.Pools}, named{"rates tried", l.Steps})
		return all
	}
	for i := range p.Sections {
		s := &p.Sections[i]
		all = append(all, named{s.Name, s.Table})
		for _, of := range append(append([]trialTable{}, s.Faults...), s.Scenes...) {
			all = append(all, named{s.Name + ", " + of.Of, of.Table})
		}
	}
	return all
}

// Tables writes every table of run as Markdown, each under its name. It returns w's error.
func Tables(w io.Writer, doc *run.Run) error {
	var b strings.Builder
	page := newPage(doc)
	for _, t := range page.tables() {
		if len(t.Table.Rows) == 0 {
			continue
		}
		fmt.Fprintf(&b, "## %s\n\n", markdown(t.Name))
		line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
		var heads, rules []string
		for _, h := range t.Table.Heads {
			heads = append(heads, markdown(h.String()))
			if h.Number {
				rules = append(rules, "---:")
			} else {
				rules = append(rules, "---")
			}
		}
		line(heads)
		line(rules)
		for _, cells := range t.Table.lines(markdown) {
			line(cells)
		}
		b.WriteByte('\n')
	}
	return write(w, b.String(), "tables")
}

// CSV writes every table of run as comma-separated values (RFC 4180), with an empty line between two tables. The
// first column of each names the table, so that its lines can be told apart. Numbers have no thousands separators.
// It returns w's error.
func CSV(w io.Writer, doc *run.Run) error {
	var b strings.Builder
	page := newPage(doc)
	for _, t := range page.tables() {
		if len(t.Table.Rows) == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		out := csv.NewWriter(&b) // a strings.Builder has no errors
		heads := []string{"table"}
		for _, h := range t.Table.Heads {
			heads = append(heads, plain(h.String()))
		}
		_ = out.Write(heads)
		for _, cells := range t.Table.lines(value) {
			_ = out.Write(append([]string{value(t.Name)}, cells...))
		}
		out.Flush()
	}
	return write(w, b.String(), "tables")
}

// value is s as a spreadsheet takes it: a number without separators, and no text that it would take for a formula
// (https://owasp.org/www-community/attacks/CSV_Injection).
func value(s string) string {
	s = plain(s)
	if digits := strings.ReplaceAll(s, ",", ""); digits != "" && strings.Trim(digits, "0123456789.") == "" {
		return digits
	}
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) && s != "-" {
		return "'" + s
	}
	return s
}

// lines are the cells of each row, the name first. A row without cells names those below it, and is put before
// their names.
func (t *table) lines(written func(string) string) (all [][]string) {
	above := ""
	for _, r := range t.Rows {
		bare := true
		cells := []string{written(r.Name)}
		for _, c := range r.Cells {
			bare = bare && c.Text == ""
			cells = append(cells, written(c.Text))
		}
		switch {
		case bare:
			above = r.Name
			continue
		case r.Inner && above != "":
			cells[0] = written(above + ": " + r.Name)
		case !r.Inner:
			above = r.Name
		}
		all = append(all, cells)
	}
	return all
}

// String is the head in one line: "counter: p99 (ms)".
func (h head) String() string {
	s := strings.ReplaceAll(h.Name, softHyphen, "")
	if h.Group != "" {
		s = h.Group + ": " + s
	}
	if h.Unit != "" {
		s += " (" + h.Unit + ")"
	}
	return s
}

func write(w io.Writer, text, what string) error {
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("draw %s: %w", what, err)
	}
	return nil
}
