package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
)

// equalMark stands before a figure that is not told from that of the rung above.
const equalMark = "~ "

// rateColumnsOf are the throughput and, where a rung has one, its interval.
func rateColumnsOf(c *run.Comparison, of string, clients int) []column[*run.Figures] {
	same := equal(c.Rungs, of, clients)
	rate := number("per second", "", func(f *run.Figures) string {
		if same[f] {
			return equalMark + units.Number(f.Rate)
		}
		return units.Number(f.Rate)
	})
	if len(same) == 0 {
		return []column[*run.Figures]{rate}
	}
	return []column[*run.Figures]{rate, number("±", "", func(f *run.Figures) string {
		if f.Spread == nil || f.Rate <= 0 {
			return unknownMark
		}
		return fmt.Sprintf("%.0f %%", 100*max(f.Spread.High-f.Rate, f.Rate-f.Spread.Low)/f.Rate)
	}).ranked(2)}
}

// spreadLegend explains what the intervals add to the table; "" where there are none.
func spreadLegend(c *run.Comparison) string {
	for i := range c.Rungs {
		for _, f := range c.Rungs[i].Figures {
			if f.Spread != nil {
				return fmt.Sprintf(" per second: the median of %d loads; ±: how far its interval reaches (%.0f %%). %s: not told from the rung above that has one. ",
					f.Repeats, 100*f.Spread.Confidence, strings.TrimSpace(equalMark))
			}
		}
	}
	return ""
}

// Columns of the figures of clients in a closed loop.
var (
	lostColumn = column[*run.Figures]{head{Name: "lost", Number: true}, func(f *run.Figures) cell { return lossCell(f.Lost, f.LostMax) }}
	rateColumn = number("per second", "", func(f *run.Figures) string { return units.Number(f.Rate) })
	p99Column  = ofOK("p99", "ms", func(f *run.Figures) float64 { return f.Latency.P99 })

	maxColumn  = ofOK("max", "ms", func(f *run.Figures) float64 { return f.Latency.Max })
	poolColumn = number("pool", "", func(f *run.Figures) string { return fmt.Sprint(f.Pool) })
	cpuColumn  = number("CPU ms", "per ok", func(f *run.Figures) string {
		if f.OK == 0 || f.CPU == nil {
			return unknownMark
		}
		return units.Number(*f.CPU)
	})

	syncsColumn = number("syncs", "per ok", func(f *run.Figures) string {
		if f.OK == 0 || f.Syncs == nil {
			return unknownMark
		}
		return units.Number(*f.Syncs)
	})

	otherColumns = []column[*run.Figures]{
		ofOK("p99.9", "ms", func(f *run.Figures) float64 { return f.Latency.P999 }),
		maxColumn,
		ofOK("fairness", "", func(f *run.Figures) float64 { return f.Fairness }),
		number("tries", "per ok", func(f *run.Figures) string {
			if f.OK == 0 || f.Attempts == 0 {
				return unknownMark
			}
			return units.Number(f.Attempts)
		}),
		cpuColumn,
	}
)

// ofOK is a column of what only clients who were served can tell.
func ofOK(name, unit string, of func(*run.Figures) float64) column[*run.Figures] {
	return number(name, unit, func(f *run.Figures) string {
		if f.OK == 0 {
			return unknownMark
		}
		return units.Number(of(f))
	})
}

// atClients makes columns of rungs from columns of their figures of one workload and
// number of clients. A rung without such figures has dashes.
func atClients(of string, clients int, columns ...column[*run.Figures]) []column[*run.Rung] {
	var all []column[*run.Rung]
	for _, c := range columns {
		all = append(all, column[*run.Rung]{c.head, func(r *run.Rung) cell {
			at := slices.IndexFunc(r.Figures, func(f run.Figures) bool { return f.Workload == of && f.Clients == clients })
			if at < 0 {
				return cell{Text: unknownMark}
			}
			return c.cell(&r.Figures[at])
		}})
	}
	return all
}

// mainWorkloads is how many workloads the main table shows: what is best for one hot row is not what is best for many.
const mainWorkloads = 2

// besideTable has a row for each rung, with the figures that decide of each of the workloads.
func besideTable(c *run.Comparison, of []string, clients int) table {
	var all []column[*run.Rung]
	for _, name := range of {
		columns := append(rateColumnsOf(c, name, clients), p99Column.ranked(1), lostColumn, cpuColumn.ranked(4))
		if pooled(c) {
			columns = slices.Insert(columns, 0, poolColumn.ranked(3))
		}
		all = append(all, grouped(name, atClients(name, clients, columns...)...)...)
	}
	return rungTable(c, "Figures by rung", all)
}

// synced reports whether the syncs of a rung are known.
func synced(c *run.Comparison) bool {
	return slices.ContainsFunc(c.Rungs, func(r run.Rung) bool {
		return slices.ContainsFunc(r.Figures, func(f run.Figures) bool { return f.Syncs != nil })
	})
}

// pooled reports whether the pools of the rungs are known. Those of a run from before they were searched for are not.
func pooled(c *run.Comparison) bool {
	return slices.ContainsFunc(c.Rungs, func(r run.Rung) bool {
		return slices.ContainsFunc(r.Figures, func(f run.Figures) bool { return f.Pool > 0 })
	})
}

// mainTable has a row for each rung, with all figures of one workload and number of clients.
func mainTable(c *run.Comparison, of string, clients int) table {
	count := func(name string, of func(*run.Figures) int) column[*run.Figures] {
		return number(name, "", func(f *run.Figures) string { return units.Count(int64(of(f))) })
	}
	columns := []column[*run.Figures]{
		count("ok", func(f *run.Figures) int { return f.OK }), count("refused", func(f *run.Figures) int { return f.Refused }),
	}
	if pooled(c) {
		columns = slices.Insert(columns, 0, poolColumn)
	}
	for _, optional := range []column[*run.Figures]{
		count("unknown", func(f *run.Figures) int { return f.Unknown }),
		count("unreached", func(f *run.Figures) int { return f.Unreached }), // a node
	} {
		if slices.ContainsFunc(c.Rungs, func(r run.Rung) bool {
			return slices.ContainsFunc(r.Figures, func(f run.Figures) bool {
				return f.Workload == of && f.Clients == clients && optional.cell(&f).Text != "0"
			})
		}) {
			columns = append(columns, optional)
		}
	}
	columns = append(append(columns, lostColumn), rateColumnsOf(c, of, clients)...)
	columns = append(columns, ofOK("p50", "ms", func(f *run.Figures) float64 { return f.Latency.P50 }), p99Column)
	return rungTable(c, "Figures by rung", atClients(of, clients, append(columns, otherColumns...)...))
}

// mainLegend explains the main table.
const mainLegend = "pool: connections of each node, searched for the best where that matters. ok: acknowledged. refused: certainly without effect. lost: acknowledged, and missing from the database. " +
	"p50 to max: of ok requests, in ms. fairness: Jain's index over the clients, 1 where all had the same. " +
	"tries: of the nodes, retries included. CPU: of the nodes and the database server. –: unknown."

// rungTable has a row for each rung: those of a database server below its label.
func rungTable(c *run.Comparison, label string, columns []column[*run.Rung]) table {
	t := newTable(label, "rung", columns)
	before := ""
	for i := range c.Rungs {
		r := &c.Rungs[i]
		if r.Server != "" && r.Server != before {
			t.Rows = append(t.Rows, row{Name: snip(r.Server), Begins: true, Cells: make([]cell, len(columns))})
		}
		added := rowOf(snip(r.Title), columns, r)
		added.Inner, added.Begins = r.Server != "", r.Server == "" && before != ""
		added.mark(r)
		t.Rows = append(t.Rows, added)
		before = r.Server
	}
	return t
}

// mark makes the row of a rung stand out that lost what it had acknowledged.
func (r *row) mark(rung *run.Rung) {
	if loses(rung) {
		r.Name, r.Class = r.Name+lossMark, "lost"
	}
}

// snip leaves room for the figures beside a name, which a server may choose for itself.
func snip(name string) string {
	const widest = 34
	return text.Snip(plain(name), widest, "…")
}

// loses reports whether a rung lost acknowledged changes in any trial.
func loses(r *run.Rung) bool {
	some := func(lost *int64) bool { return lost != nil && *lost > 0 }
	return slices.ContainsFunc(r.Figures, func(f run.Figures) bool { return some(f.Lost) }) ||
		slices.ContainsFunc(r.Rates, func(s run.RateStep) bool { return some(s.Lost) }) ||
		slices.ContainsFunc(r.Survives, func(s run.Survival) bool { return some(s.Lost) }) ||
		r.Asked != nil && some(r.Asked.Lost)
}

// costTable has a row for each rung: the rates that it bears, the syncs of an acknowledged
// request, what it survives, and what it costs an application.
func costTable(c *run.Comparison, of string, clients int) table {
	var columns []column[*run.Rung]
	if c.Rate > 0 {
		columns = grouped("at "+perSecond(c.Rate), askedColumns...)
	}
	same := equalHighest(c.Rungs)
	columns = append(columns, number("highest rate", "per s", func(r *run.Rung) string {
		if same[r] {
			return equalMark + highest(r)
		}
		return highest(r)
	}))
	if synced(c) {
		columns = append(columns, atClients(of, clients, syncsColumn)...)
	}
	var survived []column[*run.Rung]
	for _, mishap := range mishaps(c) {
		survived = append(survived, words(mishap, func(r *run.Rung) string { return survives(r, mishap) }))
	}
	columns = append(columns, grouped("survives", survived...)...)
	return rungTable(c, "Rates, survival and lines by rung", append(columns, number("lines changed", "", func(r *run.Rung) string {
		switch l := r.Lines; {
		case l == nil:
			return unknownMark
		case l.Balancer > 0:
			return fmt.Sprintf("%d + %d", l.Changed, l.Balancer)
		default:
			return fmt.Sprint(l.Changed)
		}
	})))
}

// askedColumns are those of the rate that is asked about. However quick its answers are,
// a rung that loses what it acknowledged does not meet the target.
var askedColumns = []column[*run.Rung]{
	number("p99", "ms", ofAsked(func(r *run.Rung) string { return ofAnswered(r.Asked, r.Asked.Latency.P99) })),
	number("not ok", "", ofAsked(func(r *run.Rung) string { return units.Percent(r.Asked.Errors) })),
	words("target met", ofAsked(func(r *run.Rung) string {
		if r.Asked.Met && loses(r) {
			return "loses"
		}
		return metWords(r.Asked)
	})),
}

// ofAsked puts a dash where a rung was not asked.
func ofAsked(of func(*run.Rung) string) func(*run.Rung) string {
	return func(r *run.Rung) string {
		if r.Asked == nil {
			return unknownMark
		}
		return of(r)
	}
}

// ofAnswered is a wait in ms, a dash where no request of the step was answered.
func ofAnswered(s *run.RateStep, ms float64) string {
	if s.Latency.Count == 0 {
		return unknownMark
	}
	return units.Number(ms)
}

// costWords explain the table of costs.
func costWords(c *run.Comparison, of string, clients int) string {
	words := "target met: yes or no where enough loads agree (an interval of their median), else in how many of them."
	if slices.ContainsFunc(c.Rungs, func(r run.Rung) bool { return len(r.Rates) > 0 }) {
		words += " highest rate: from the highest rate that surely met the target to the lowest that surely missed it (≥: none did; ?: the loads do not tell, the highest that met it in most)." +
			" ~: not told from the rung above."
	}
	if at := slices.IndexFunc(c.Rungs, func(r run.Rung) bool { return r.Lines != nil }); at >= 0 {
		words += fmt.Sprintf(" lines changed: added or removed in an application of %s, + in the balancer's configuration.",
			units.Plural(c.Rungs[at].Lines.Of, "line"))
	}
	if synced(c) {
		words += fmt.Sprintf(" syncs: fsync and fdatasync calls of the nodes and the database server for each acknowledged request (%s, %s).", of, units.Plural(clients, "client"))
	}
	if slices.ContainsFunc(c.Rungs, func(r run.Rung) bool { return slices.ContainsFunc(r.Survives, fromDocuments) }) {
		words += " " + documentsMark + ": as the engine's documents say, not measured here."
	}
	return words
}

// highest says where the highest rate that met the target lies: "760–1,100"; "≥ 16,000" where no tried rate surely
// missed it, "760?" where the loads do not tell.
func highest(r *run.Rung) string {
	switch b := r.Between; {
	case len(r.Rates) == 0 && r.Highest <= 0:
		return unknownMark
	case b != nil && b.High != nil:
		return units.Number(b.Low) + "–" + units.Number(*b.High)
	case b != nil:
		return "≥ " + units.Number(b.Low)
	case r.Highest <= 0:
		return "none"
	}
	return units.Number(r.Highest) + "?"
}

// equalHighest are the rungs whose highest rate is not told from that of the rung above of which it is known.
func equalHighest(rungs []run.Rung) map[*run.Rung]bool {
	all := map[*run.Rung]bool{}
	var above *run.Between
	for i := range rungs {
		if b := rungs[i].Between; b != nil {
			all[&rungs[i]] = above != nil && b.Overlaps(above)
			above = b
		}
	}
	return all
}

// metWords say whether a rate meets the target: "yes", or "3 of 5" where that is not sure.
func metWords(s *run.RateStep) string {
	if s.Sure || s.Loads == 0 { // stored before loads were counted
		return yes(s.Met)
	}
	return fmt.Sprintf("%d of %d", s.LoadsMet, s.Loads)
}

// lossCell is "7", or "7–9" where it is not known exactly.
func lossCell(least, most *int64) cell {
	if least == nil {
		return cell{Text: unknownMark}
	}
	words := units.Count(*least)
	if most := *cmp.Or(most, least); most > *least {
		words += "–" + units.Count(most)
	}
	c := cell{Text: words, Strong: *least > 0}
	switch {
	case c.Strong:
		c.Harm = run.AboutLost
	case words == "0":
		c.Harm = run.AboutKept
	}
	return c
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

func perSecond(v float64) string { return units.Number(v) + "/s" }
