package report

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"example.com/contend/internal/chart"
	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
)

const (
	unknownMark   = "–"
	lossMark      = " ✗"
	documentsMark = "*" // behind an answer that nobody measured
)

// A ladder is a [run.Comparison] in sentences and tables. What is unknown stands in it as
// a dash, never as 0.
type ladder struct {
	Caption    string // of Main
	Target     string // whether a rung meets what was asked for
	Surprise   bool   // it was asked for on the command line, and no rung meets it
	Servers    []string
	Main       table // of one number of clients, and of one workload or of two side by side
	Legend     string
	Advice     []run.Advice
	Costs      table // rates, survival and lines
	CostsWords string
	Survivals  []survival
	Workloads  []named // where there is more than Main shows
	Pools      table   // of the searches for the best pool
	Steps      table   // of the search for the highest rate
	Rungs      []run.Rung
	Missing    []string
	Charts     []template.HTML // by package chart, which escapes
}

// A named is a table with a name.
type named struct {
	Name  string
	Table table
}

func newLadder(c *run.Comparison) *ladder {
	of, clients := mainFigures(c.Rungs)
	l := &ladder{Target: targetWords(c), Surprise: unmet(c), Advice: c.Advice, Costs: costTable(c, of, clients), CostsWords: costWords(c, of, clients),
		Survivals: survivals(c), Pools: poolTable(c), Steps: stepTable(c), Rungs: c.Rungs}
	for _, s := range c.Servers {
		l.Servers = append(l.Servers, s.Label+": "+s.Says)
	}
	for _, m := range c.Missing {
		l.Missing = append(l.Missing, strings.TrimSuffix(fmt.Sprintf("not run: %s: %s; %s", units.List(m.Rungs, "and"), m.Why, m.Hint), "; "))
	}
	shown := []string{of}
	for _, name := range workloads(c.Rungs) {
		if name != of && clientCounts(c.Rungs, name)[clients] > 0 && len(shown) < mainWorkloads {
			shown = append(shown, name)
		}
	}
	l.Main = mainTable(c, of, clients)
	if len(shown) == mainWorkloads {
		l.Main = besideTable(c, shown, clients)
		for _, name := range shown {
			l.Workloads = append(l.Workloads, named{name + ", " + units.Plural(clients, "client"), mainTable(c, name, clients)})
		}
	}
	if of != "" {
		l.Caption = fmt.Sprintf("%s, closed loop, %s, %s", units.List(shown, "and"), units.Plural(clients, "client"), units.Plural(c.Nodes, "node"))
		l.Legend = mainLegend + spreadLegend(c)
		if slices.ContainsFunc(c.Rungs, func(r run.Rung) bool { return loses(&r) }) {
			l.Legend += lossMark + ": lost acknowledged changes, here or in another trial."
		}
	}
	for _, name := range workloads(c.Rungs) {
		if levels := slices.Sorted(maps.Keys(clientCounts(c.Rungs, name))); !slices.Contains(shown, name) || !slices.Equal(levels, []int{clients}) {
			var columns []column[*run.Rung] // a few figures at each number of clients
			for _, n := range levels {
				columns = append(columns, grouped(units.Plural(n, "client"), atClients(name, n, rateColumn, p99Column, lostColumn)...)...)
			}
			l.Workloads = append(l.Workloads, named{name, rungTable(c, "Figures of "+name, columns)})
		}
	}
	highestRates := run.Chart{Kind: run.ChartBars, Title: "The highest rate of writes that met the target", Y: run.Axis{Label: "writes a second"}}
	for i := range c.Rungs {
		if r := &c.Rungs[i]; len(r.Rates) > 0 {
			bar := run.Point{Y: r.Highest, Shown: highest(r), Tip: units.Plural(len(r.Rates), "rate") + " tried"}
			if r.Between != nil {
				bar.Low, bar.High = r.Between.Low, *cmp.Or(r.Between.High, &r.Between.Low)
			}
			highestRates.Series = append(highestRates.Series, run.Series{Name: r.Name, Points: []run.Point{bar}})
		}
	}
	if len(highestRates.Series) > 0 {
		l.Charts = append(l.Charts, template.HTML(chart.Figure(&highestRates, nil)))
	}
	return l
}

// unmet reports whether a target was asked for on the command line, and no rung meets it.
func unmet(c *run.Comparison) bool { return c.Decides && !c.Met && !c.Open }

// targetWords say what was asked for, and whether a rung that loses nothing gives it.
func targetWords(c *run.Comparison) string {
	if c.Expect == "" {
		return ""
	}
	target, met, unmet := "Target ("+c.Expect+")", "met at some rate", "no rung meets it at any tried rate"
	if c.Rate > 0 {
		target, met, unmet = target+" at "+perSecond(c.Rate), "met", "no rung meets it"
	}
	switch {
	case c.Met:
		return target + ": " + met + " without losing data."
	case c.Open:
		return target + ": open, the loads disagree or are too few."
	}
	return target + ": " + unmet + " without losing data."
}

// workloads returns those of all rungs in the order in which they first come.
func workloads(rungs []run.Rung) []string {
	var all []string
	for i := range rungs {
		for _, f := range rungs[i].Figures {
			all = with(all, f.Workload)
		}
	}
	return all
}

// clientCounts returns how many rungs have figures of a workload at each number of clients.
func clientCounts(rungs []run.Rung, of string) map[int]int {
	counts := map[int]int{}
	for i := range rungs {
		for _, f := range rungs[i].Figures {
			if f.Workload == of {
				counts[f.Clients]++
			}
		}
	}
	return counts
}

// mainFigures picks the figures of the main table: those of counter, or of the first
// workload there is; of its numbers of clients the largest up to 100 that most rungs
// have, for beyond that most of what is measured is the queue of clients, and a run that
// is cut short leaves some rungs behind. Of is empty where there are no figures.
func mainFigures(rungs []run.Rung) (of string, clients int) {
	const most = 100
	if all := workloads(rungs); slices.Contains(all, "counter") {
		of = "counter"
	} else if len(all) > 0 {
		of = all[0]
	}
	counts := clientCounts(rungs, of)
	have := 0
	for i := range rungs {
		if slices.ContainsFunc(rungs[i].Figures, func(f run.Figures) bool { return f.Workload == of }) {
			have++
		}
	}
	for i, n := range slices.Sorted(maps.Keys(counts)) {
		if i == 0 || n <= most && 2*counts[n] > have {
			clients = n
		}
	}
	return of, clients
}

// equal are the figures, of one workload and number of clients, whose throughput is not told from that of the
// rung above that has an interval, too.
func equal(rungs []run.Rung, of string, clients int) map[*run.Figures]bool {
	all := map[*run.Figures]bool{}
	var above *run.Figures
	for i := range rungs {
		for k := range rungs[i].Figures {
			if f := &rungs[i].Figures[k]; f.Workload == of && f.Clients == clients && f.Spread != nil {
				all[f] = above != nil && f.Spread.Overlaps(*above.Spread)
				above = f
			}
		}
	}
	return all
}

// comparison draws a comparison: the ladder, the surprises, and the advice last. Verbose adds what the advice rests
// on, before it.
func (p *paper) comparison(doc *run.Run, page *page, verbose bool) {
	p.head(doc, page.Command)
	l := page.Ladder
	if verbose {
		p.evidence(l)
	}
	for i := range page.Sections {
		s := page.Sections[i]
		s.Table = table{} // the ladder has its figures
		if verbose {
			p.section(&s)
		}
	}
	p.ladder(l)
	p.gap()
	if !verbose { // else the sections have them
		p.notes(page)
	}
	p.foot(doc)
	p.advice(l)
}

// evidence draws what the advice of a comparison rests on.
func (p *paper) evidence(l *ladder) {
	for i := range l.Workloads {
		p.captioned(l.Workloads[i].Name, "closed loop", &l.Workloads[i].Table)
	}
	if len(l.Pools.Rows) > 0 {
		p.captioned("pools tried", "acknowledged per second, by connections of a node", &l.Pools)
	}
	if len(l.Steps.Rows) > 0 {
		p.captioned("rates tried", "requests arrive at a fixed rate", &l.Steps)
	}
	if len(l.Advice) > 0 {
		p.gap()
		p.line(p.dye("what the advice rests on", strong))
	}
	for i, a := range l.Advice {
		head := fmt.Sprintf("%3d.", i+1)
		for _, rest := range a.Rests {
			p.say(head, 5, rest, faint)
			head = ""
		}
	}
}

// ladder draws the figures of a comparison.
func (p *paper) ladder(l *ladder) {
	if len(l.Costs.Rows) > 0 {
		p.captioned("rates, survival and lines changed", "", &l.Costs)
		p.line("")
		p.sayAll(2, faint, l.CostsWords)
	}
	for _, s := range l.Survivals {
		if s.Notable {
			p.say("", 4, s.String(), nil)
		}
	}
	p.captioned("the ladder", l.Caption, &l.Main)
	p.line("")
	p.sayAll(2, faint, l.Servers...)
	p.sayAll(2, faint, l.Legend)
	p.sayAll(2, unsure, l.Missing...)
}

// advice draws what a comparison comes to. It is the last on the terminal.
func (p *paper) advice(l *ladder) {
	p.gap()
	if l.Surprise {
		p.say("!", 2, "surprise: "+l.Target, strong)
	} else {
		p.sayAll(0, nil, l.Target)
	}
	if len(l.Advice) > 0 {
		p.gap()
		p.line(p.dye("advice", strong))
	}
	for i, a := range l.Advice {
		p.say(fmt.Sprintf("%3d.", i+1), 5, a.Text, strong)
		if a.Command != "" {
			p.line("     measure longer: " + plain(a.Command)) // in one line, to be copied
		}
	}
}
