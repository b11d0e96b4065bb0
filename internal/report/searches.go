package report

import (
	"fmt"
	"slices"

	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
)

// poolTable has a row for each search for a pool, and shows the throughput with each size; that of
// the best, which all figures of the workload have, stands out.
func poolTable(c *run.Comparison) table {
	type searched struct {
		rung     *run.Rung
		workload string
	}
	var sizes []int
	var rows []searched
	for i := range c.Rungs {
		r := &c.Rungs[i]
		for _, s := range r.Pools {
			sizes, rows = with(sizes, s.Pool), with(rows, searched{r, s.Workload})
		}
	}
	slices.Sort(sizes)
	var columns []column[searched]
	for _, size := range sizes {
		columns = append(columns, column[searched]{head{Name: fmt.Sprint(size), Unit: "per s", Number: true}, func(s searched) cell {
			at := slices.IndexFunc(s.rung.Pools, func(p run.PoolStep) bool { return p.Workload == s.workload && p.Pool == size })
			if at < 0 {
				return cell{Text: unknownMark}
			}
			best := slices.ContainsFunc(s.rung.Figures, func(f run.Figures) bool { return f.Workload == s.workload && f.Pool == size })
			return cell{Text: units.Number(s.rung.Pools[at].Rate), Strong: best}
		}})
	}
	columns = append(columns, words("best", func(s searched) string {
		at := slices.IndexFunc(s.rung.Figures, func(f run.Figures) bool { return f.Workload == s.workload })
		if at < 0 {
			return unknownMark
		}
		return fmt.Sprint(s.rung.Figures[at].Pool)
	}))
	t := newTable("Pools tried", "rung", columns)
	var before *run.Rung
	for _, s := range rows {
		if s.rung != before {
			t.Rows = append(t.Rows, row{Name: snip(s.rung.String()), Begins: true, Cells: make([]cell, len(columns))})
			before = s.rung
		}
		tried := rowOf(s.workload, columns, s)
		tried.Inner = true
		t.Rows = append(t.Rows, tried)
	}
	return t
}

// rateColumns are those of a rate that was tried.
var rateColumns = []column[*run.RateStep]{
	number("loads", "", func(s *run.RateStep) string { return units.Count(int64(s.Loads)) }),
	number("sent", "", func(s *run.RateStep) string { return units.Count(int64(s.Sent)) }),
	number("ok", "", func(s *run.RateStep) string { return units.Count(int64(s.OK)) }),
	number("refused", "", func(s *run.RateStep) string { return units.Count(int64(s.Refused)) }),
	number("not ok", "", func(s *run.RateStep) string { return units.Percent(s.Errors) }),
	{head{Name: "lost", Number: true}, func(s *run.RateStep) cell { return lossCell(s.Lost, nil) }},
	number("p50", "ms", func(s *run.RateStep) string { return ofAnswered(s, s.Latency.P50) }),
	number("p99", "ms", func(s *run.RateStep) string { return ofAnswered(s, s.Latency.P99) }),
	number("max", "ms", func(s *run.RateStep) string { return ofAnswered(s, s.Latency.Max) }),
	words("target met", metWords),
}

// stepTable has a row for each rate that was tried with a rung, under the rung's own.
func stepTable(c *run.Comparison) table {
	columns := rateColumns
	if slices.ContainsFunc(c.Rungs, func(r run.Rung) bool {
		return slices.ContainsFunc(r.Rates, func(s run.RateStep) bool { return s.Unreached > 0 })
	}) {
		columns = slices.Insert(slices.Clone(columns), 3, number("unreached", "", func(s *run.RateStep) string { return units.Count(int64(s.Unreached)) })) // a node
	}
	t := newTable("Rates tried", "rung, and arrivals", columns)
	for i := range c.Rungs {
		r := &c.Rungs[i]
		if len(r.Rates) == 0 {
			continue
		}
		head := row{Name: snip(r.String()), Begins: true, Cells: make([]cell, len(columns))}
		head.mark(r)
		t.Rows = append(t.Rows, head)
		for j := range r.Rates {
			step := rowOf(perSecond(r.Rates[j].Rate), columns, &r.Rates[j])
			step.Inner = true
			t.Rows = append(t.Rows, step)
		}
	}
	return t
}
