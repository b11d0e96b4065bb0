package report

import (
	"cmp"
	"fmt"
	"slices"

	"example.com/contend/check"
	"example.com/contend/internal/api"
	"example.com/contend/internal/run"
)

// Marks that make a verdict stand out where there is no colour.
const (
	surpriseMark = " !"
	notJudged    = "not run"
	notKnown     = "?"
)

// softHyphen is where a head may be broken; a browser shows it only there.
const softHyphen = "\u00ad"

const legend = `busy: refused with SQLITE_BUSY. timeout: refused after the whole busy_timeout. ` +
	`other: every other request that failed or whose end is unknown. ` +
	`lost: acknowledged, and certainly not in the database (7–9: at least, at most; ?: could not be read). ` +
	`p50, p99, max: how long clients waited, in ms, from the moment a request was due.`

// mostVerdicts is how many claims can have a column of their own.
const mostVerdicts = 4

// A sheet holds the figures of an experiment, to be drawn as text or as HTML:
// a row for each arm or, where an arm has several trials, for each of these
// under a row with the arm's name and verdicts.
type sheet struct {
	Label   string // what it shows, for who cannot see it
	Heads   []head
	Rows    []row
	Placed  bool // its second column says where an arm was run
	Counted bool // it has the columns that the legend explains
}

// A head is that of a column.
type head struct {
	Group  string // what adjacent columns have in common; stands above them
	Name   string
	Unit   string
	Number bool // its column holds numbers
}

// A span is a group of columns, of heads without one where it has no name.
type span struct {
	Name    string
	Columns int
}

// Spans are the groups of columns from left to right; none where no head is in one.
func (s *sheet) Spans() []span {
	var all []span
	named := false
	for _, h := range s.Heads {
		named = named || h.Group != ""
		if last := len(all) - 1; last >= 0 && all[last].Name == h.Group {
			all[last].Columns++
		} else {
			all = append(all, span{h.Group, 1})
		}
	}
	if !named {
		return nil
	}
	return all
}

// A row is an arm, one of its trials, or a rung.
type row struct {
	Name   string
	Trial  bool // of the arm above
	Begins bool // a group of rows begins here
	Lost   bool // a rung that lost what it had acknowledged
	Cells  []cell
}

// A cell is a figure or a verdict.
type cell struct {
	Text    string
	Strong  bool
	Number  bool
	Finding *run.Finding // where Text is its verdict
}

// Ruling is that of the cell's finding.
func (c cell) Ruling() ruling { return ruled(c.Finding.Verdict) }

func newSheet(result *run.Result, all []judged) sheet {
	s := sheet{Label: "Figures by arm", Heads: []head{{Name: "arm"}}, Placed: len(places(result)) > 1, Counted: counted(result)}
	if s.Placed {
		s.Heads = append(s.Heads, head{Name: "on"})
	}
	if s.Counted {
		for _, name := range []string{"ok", "busy", "time" + softHyphen + "out", "other", "lost"} {
			s.Heads = append(s.Heads, head{Name: name, Number: true})
		}
		for _, name := range []string{"p50", "p99", "max"} {
			s.Heads = append(s.Heads, head{Name: name, Unit: "ms", Number: true})
		}
	}
	figures := figureHeads(result)
	s.Heads = append(s.Heads, figures...)
	if len(all) > mostVerdicts {
		all = nil
	}
	for _, c := range all {
		s.Heads = append(s.Heads, head{Name: c.finding.Claim})
	}
	groups := groupsOf(result.Arms)
	for i := range result.Arms {
		begins := i == 0 || groups != nil && groups[i] != groups[i-1] || !single(&result.Arms[i-1])
		s.addArm(&result.Arms[i], begins, figures, verdictCells(all, i))
	}
	return s
}

// counted reports whether a trial has requests to count: one that is not a script.
func counted(result *run.Result) bool {
	for i := range result.Arms {
		for _, t := range trials(&result.Arms[i]) {
			if len(t.Steps) == 0 {
				return true
			}
		}
	}
	return false
}

// trials returns the trials of an arm. One that lists none is its own.
func trials(arm *run.ArmResult) []run.TrialResult {
	if len(arm.Trials) == 0 {
		return []run.TrialResult{{Totals: arm.Totals}}
	}
	return arm.Trials
}

// single reports whether an arm compares nothing.
func single(arm *run.ArmResult) bool {
	all := trials(arm)
	return len(all) == 1 && all[0].Name == ""
}

// figureHeads are those of every figure that some trial measured.
func figureHeads(result *run.Result) []head {
	var heads []head
	for i := range result.Arms {
		for _, t := range result.Arms[i].Trials {
			for _, f := range t.Figures {
				h := head{Name: f.Name, Unit: f.Unit, Number: true}
				if f.Count > 0 && !slices.Contains(heads, h) {
					heads = append(heads, h)
				}
			}
		}
	}
	return heads
}

func (s *sheet) addArm(arm *run.ArmResult, begins bool, figures []head, verdicts []cell) {
	all := trials(arm)
	if single(arm) {
		cells := slices.Concat(s.on(arm.Place), s.counts(&all[0]), figureCells(&all[0], figures), verdicts)
		s.Rows = append(s.Rows, row{Name: arm.Name, Begins: begins, Cells: cells})
		return
	}
	on := s.on(arm.Place)
	gap := make([]cell, len(s.Heads)-1-len(on)-len(verdicts))
	s.Rows = append(s.Rows, row{Name: arm.Name, Begins: true, Cells: slices.Concat(on, gap, verdicts)})
	for i := range all {
		cells := slices.Concat(s.on(""), s.counts(&all[i]), figureCells(&all[i], figures))
		cells = append(cells, make([]cell, len(verdicts))...)
		s.Rows = append(s.Rows, row{Name: all[i].Name, Trial: true, Cells: cells})
	}
}

// on is the cell that says where, if there is such a column.
func (s *sheet) on(place string) []cell {
	if !s.Placed {
		return nil
	}
	return []cell{{Text: place}}
}

// counts are the cells of the columns that every recording fills.
func (s *sheet) counts(t *run.TrialResult) []cell {
	if !s.Counted {
		return nil
	}
	cells := make([]cell, 8)
	said := func(i int, v any) { cells[i].Text = fmt.Sprint(v) }
	for i := range cells {
		cells[i].Number = true
		if t.Error != "" && t.Ops.Total == 0 {
			said(i, "-")
		}
	}
	if t.Ops.Total == 0 && (t.Error != "" || len(t.Steps) > 0) {
		return cells
	}
	busy, timeout := t.Codes[api.CodeBusy], t.Codes[api.CodeTimeout]
	for i, v := range []any{
		t.Ops.OK, busy, timeout, t.Ops.Total - t.Ops.OK - busy - timeout, lostWords(&t.Totals),
		ms(t.Latency.P50), ms(t.Latency.P99), ms(t.Latency.Max),
	} {
		said(i, v)
	}
	cells[4].Strong = t.Lost != nil && *t.Lost > 0
	return cells
}

// lostWords is empty where loss is no question, because nothing was counted.
func lostWords(t *run.Totals) string {
	switch {
	case t.Lost == nil && t.Integrity == "":
		return notKnown
	case t.Lost == nil:
		return ""
	}
	return check.Range{Min: *t.Lost, Max: *cmp.Or(t.LostMax, t.Lost)}.String()
}

func figureCells(t *run.TrialResult, heads []head) []cell {
	cells := make([]cell, len(heads))
	for i, h := range heads {
		cells[i].Number = true
		for _, f := range t.Figures {
			if f.Name == h.Name && f.Unit == h.Unit {
				cells[i].Text = spreadWords(&f)
			}
		}
	}
	return cells
}

// verdictCells are those of arm i: empty where it is not asked.
func verdictCells(all []judged, i int) []cell {
	cells := make([]cell, len(all))
	for k, c := range all {
		switch f := c.arms[i]; {
		case !c.asked[i]:
		case f == nil:
			cells[k].Text = notJudged
		default:
			cells[k] = cell{Text: f.Verdict.String(), Finding: f}
		}
	}
	return cells
}

// groupsOf returns each arm's group, its preset or transaction, or nil where
// every arm would be a group of its own.
func groupsOf(arms []run.ArmResult) []string {
	groups := make([]string, len(arms))
	changes := 0
	for i := range arms {
		groups[i] = preset(arms[i].Name)
		if groups[i] == "" {
			groups[i] = string(arms[i].Setup.Discipline.Transaction)
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
