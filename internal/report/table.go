package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/contend/check"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
)

// Marks that make a verdict stand out where there is no colour.
const (
	surpriseMark = " !"
	notJudged    = "not run"
	unreadMark   = "?"
)

// softHyphen is where a head may be broken; a browser shows it only there.
const softHyphen = "\u00ad"

const legend = `busy: refused with SQLITE_BUSY. timeout: refused after the whole busy_timeout. ` +
	`other: every other request that failed, or whose outcome is unknown. ` +
	`lost: acknowledged, and missing from the database (7–9: at least, at most; ?: the database could not be read). ` +
	`p50, p99, max: how long clients waited, in ms, from the moment a request was due.`

// mostVerdicts is how many claims can have a column of their own.
const mostVerdicts = 4

// A table holds figures and words, to be drawn as text or as HTML. The first column is
// the rows' names.
type table struct {
	Label string // what it shows, for a screen reader
	Class string // in the style sheet
	Heads []head
	Rows  []row
}

// A head is that of a column.
type head struct {
	Group  string // what adjacent columns have in common; stands above them
	Name   string
	Unit   string
	Number bool // its column holds numbers
	Rank   int  // of the columns that a narrow terminal leaves out, the greatest first and of equal ones the last; 0: none does
}

// Ranks of the columns of arms: the order in which they go.
const (
	rankOK = iota + 1
	rankBusy
	rankP99
	rankFigure
	rankTimeout
	rankOther
	rankP50
	rankMax
	rankVerdict // it is said below the table, too
)

// without returns t without a column, which is not the first.
func (t *table) without(at int) table {
	less := *t
	less.Heads = slices.Delete(slices.Clone(t.Heads), at, at+1)
	less.Rows = slices.Clone(t.Rows)
	for i := range less.Rows {
		less.Rows[i].Cells = slices.Delete(slices.Clone(t.Rows[i].Cells), at-1, at)
	}
	return less
}

// A row is an arm, a trial, a rung, a rate, a step or a fault.
type row struct {
	Name   string
	Words  string // what the name means
	Preset string // whose settings the arm has: "red"
	Class  string // in the style sheet: "lost"
	Inner  bool   // it belongs to the row above
	Begins bool   // a group of rows begins here
	Cells  []cell
}

// Classes are those of the row in the style sheet.
func (r row) Classes() string {
	if r.Begins {
		return strings.TrimSpace(r.Class + " begins")
	}
	return r.Class
}

// A cell is a figure, a verdict or a word.
type cell struct {
	Text    string
	Strong  bool
	Number  bool
	Harm    run.Topic    // what Text tells of: AboutLost, AboutRefused, AboutKept; empty: none of them
	Finding *run.Finding // whose verdict Text is
}

// Ruling is that of the cell's finding.
func (c cell) Ruling() ruling { return ruling(c.Finding.Verdict.String()) }

// A span is a group of columns, of heads without one where it has no name.
type span struct {
	Name    string
	Columns int
}

// Spans are the groups of columns from left to right; none where no head is in one.
func (t *table) Spans() []span {
	var all []span
	named := false
	for _, h := range t.Heads {
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

// A column makes cells from values of one type: every table is a list of them.
type column[T any] struct {
	head
	cell func(T) cell
}

// words is a column of text.
func words[T any](name string, of func(T) string) column[T] {
	return column[T]{head{Name: name}, func(v T) cell { return cell{Text: of(v)} }}
}

// number is a column of figures, in unit, which may be empty.
func number[T any](name, unit string, of func(T) string) column[T] {
	return column[T]{head{Name: name, Unit: unit, Number: true}, func(v T) cell { return cell{Text: of(v)} }}
}

// ranked is the column with a rank among those that a narrow terminal leaves out.
func (c column[T]) ranked(rank int) column[T] {
	c.Rank = rank
	return c
}

// grouped returns columns under one common head.
func grouped[T any](group string, columns ...column[T]) []column[T] {
	for i := range columns {
		columns[i].Group = group
	}
	return columns
}

// newTable returns a table without rows whose rows have names of one kind.
func newTable[T any](label, kind string, columns []column[T]) table {
	t := table{Label: label, Heads: []head{{Name: kind}}}
	for _, c := range columns {
		t.Heads = append(t.Heads, c.head)
	}
	return t
}

// rowOf returns the row that columns make of v.
func rowOf[T any](name string, columns []column[T], v T) row {
	r := row{Name: name}
	for _, c := range columns {
		made := c.cell(v)
		made.Number = c.Number
		r.Cells = append(r.Cells, made)
	}
	return r
}

// An entry is a row of the table of arms: an arm, a trial, or both where the arm has but one.
type entry struct {
	arm   *run.ArmResult
	at    int // the arm's place among the arms
	trial *run.TrialResult
}

// armTable has a row for each arm or, where an arm has several trials, for each of these
// under a row with the arm's name and verdicts.
func armTable(result *run.Result, all []claim) table {
	columns := armColumns(result, all)
	t := newTable("Figures by arm", "arm", columns)
	var groups []string // of each arm, its preset or transaction; nil where every arm would be a group of its own
	for i := range result.Arms {
		d := result.Arms[i].Setup.Discipline
		groups = append(groups, cmp.Or(preset(d), string(d.Transaction)))
	}
	if len(slices.Compact(slices.Clone(groups))) == len(groups) {
		groups = nil
	}
	for i := range result.Arms {
		arm := &result.Arms[i]
		if single(arm) {
			r := armRow(arm, columns, entry{arm, i, &trials(arm)[0]})
			r.Begins = i == 0 || groups != nil && groups[i] != groups[i-1] || !single(&result.Arms[i-1])
			t.Rows = append(t.Rows, r)
			continue
		}
		r := armRow(arm, columns, entry{arm, i, nil})
		r.Begins = true
		t.Rows = append(t.Rows, r)
		for _, trial := range trials(arm) {
			r := rowOf(trial.Name, columns, entry{trial: &trial})
			r.Inner = true
			t.Rows = append(t.Rows, r)
		}
	}
	return t
}

func armRow(arm *run.ArmResult, columns []column[entry], e entry) row {
	r := rowOf(arm.Name, columns, e)
	r.Words, r.Preset = arm.Setup.Words(), preset(arm.Setup.Discipline)
	return r
}

// armColumns are those that result can fill: where an arm ran, if there are several
// places, what was counted, what the experiment measures, and a few verdicts.
func armColumns(result *run.Result, all []claim) []column[entry] {
	var columns []column[entry]
	if len(places(result)) > 1 {
		columns = append(columns, words("on", func(e entry) string {
			if e.arm == nil {
				return ""
			}
			return e.arm.Place
		}))
	}
	if counted(result) {
		columns = append(columns, countColumns(result)...)
	}
	for _, h := range figureHeads(result) {
		columns = append(columns, number(h.Name, h.Unit, func(e entry) string {
			for i := range trialOf(e).Figures {
				if f := &e.trial.Figures[i]; f.Name == h.Name && f.Unit == h.Unit {
					return spreadWords(f)
				}
			}
			return ""
		}).ranked(rankFigure))
	}
	if len(all) > mostVerdicts {
		return columns
	}
	for _, c := range all {
		columns = append(columns, column[entry]{head{Name: c.ID, Rank: rankVerdict}, func(e entry) cell {
			switch {
			case e.arm == nil || !c.tested[e.at]:
				return cell{}
			case c.findings[e.at] == nil:
				return cell{Text: notJudged}
			}
			f := c.findings[e.at]
			return cell{Text: f.Verdict.String(), Finding: f}
		}})
	}
	return columns
}

// trialOf is the entry's trial; an empty one for the row of an arm that has several.
func trialOf(e entry) *run.TrialResult { return cmp.Or(e.trial, &run.TrialResult{}) }

// countColumns are filled by every trial that sends requests. What reached no node has a column
// only where there is any.
func countColumns(result *run.Result) []column[entry] {
	columns := []column[entry]{
		counting("ok", "", func(t *run.TrialResult) string { return units.Count(int64(t.Ops.OK)) }).ranked(rankOK),
		refusals("busy", nodeapi.CodeBusy).ranked(rankBusy),
		refusals("time"+softHyphen+"out", nodeapi.CodeTimeout).ranked(rankTimeout),
		counting("other", "", func(t *run.TrialResult) string {
			return units.Count(int64(t.Ops.Reached() - t.Ops.OK - t.Codes[nodeapi.CodeBusy] - t.Codes[nodeapi.CodeTimeout]))
		}).ranked(rankOther),
	}
	if unreached(result) {
		columns = append(columns, counting("un"+softHyphen+"reached", "", func(t *run.TrialResult) string { return units.Count(int64(t.Ops.Unreached)) }).ranked(rankOther))
	}
	return append(columns,
		column[entry]{head{Name: "lost", Number: true}, func(e entry) cell {
			c := cell{Text: counts(e, lostWords)}
			switch lost := trialOf(e).Lost; {
			case lost != nil && *lost > 0:
				c.Strong, c.Harm = true, run.AboutLost
			case c.Text == "0":
				c.Harm = run.AboutKept
			}
			return c
		}},
		counting("p50", "ms", func(t *run.TrialResult) string { return units.Number(t.Latency.P50) }).ranked(rankP50),
		counting("p99", "ms", func(t *run.TrialResult) string { return units.Number(t.Latency.P99) }).ranked(rankP99),
		counting("max", "ms", func(t *run.TrialResult) string { return units.Number(t.Latency.Max) }).ranked(rankMax),
	)
}

// refusals is the column of the requests that ended with a code of the lock's.
func refusals(name, code string) column[entry] {
	return column[entry]{head{Name: name, Number: true}, func(e entry) cell {
		c := cell{Text: counts(e, func(t *run.TrialResult) string { return units.Count(int64(t.Codes[code])) })}
		if trialOf(e).Codes[code] > 0 {
			c.Harm = run.AboutRefused
		}
		return c
	}}
}

// unreached reports whether a request of a trial reached no node.
func unreached(result *run.Result) bool {
	return slices.ContainsFunc(result.Arms, func(a run.ArmResult) bool {
		return slices.ContainsFunc(trials(&a), func(t run.TrialResult) bool { return t.Ops.Unreached > 0 })
	})
}

func counting(name, unit string, of func(*run.TrialResult) string) column[entry] {
	return number(name, unit, func(e entry) string { return counts(e, of) })
}

// counts is what is counted in an entry: "-" where the trial could not run, and
// nothing where it sends no requests.
func counts(e entry, of func(*run.TrialResult) string) string {
	switch t := e.trial; {
	case t == nil || t.Ops.Total == 0 && t.Error == "" && len(t.Steps) > 0:
		return ""
	case t.Ops.Total == 0 && t.Error != "":
		return "-"
	default:
		return of(t)
	}
}

// lostWords is empty where nothing was counted that could be lost.
func lostWords(t *run.TrialResult) string {
	switch {
	case t.Lost == nil && t.Integrity == "":
		return unreadMark
	case t.Lost == nil:
		return ""
	}
	return check.Range{Min: *t.Lost, Max: *cmp.Or(t.LostMax, t.Lost)}.String()
}

// spreadWords is "3.1 (2.9–3.4)", the median and how far repeats lie from it.
func spreadWords(f *run.Measured) string {
	switch {
	case f.Count == 0:
		return ""
	case f.Min == f.Max:
		return units.Number(f.Median)
	default:
		return fmt.Sprintf("%s (%s–%s)", units.Number(f.Median), units.Number(f.Min), units.Number(f.Max))
	}
}

// counted reports whether a trial has requests to count: it plays no scene.
func counted(result *run.Result) bool {
	return slices.ContainsFunc(result.Arms, func(a run.ArmResult) bool {
		return slices.ContainsFunc(trials(&a), func(t run.TrialResult) bool { return len(t.Steps) == 0 })
	})
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
				if f.Count > 0 {
					heads = with(heads, head{Name: f.Name, Unit: f.Unit})
				}
			}
		}
	}
	return heads
}
