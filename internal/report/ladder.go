package report

import (
	"fmt"
	"html/template"
	"maps"
	"slices"

	"github.com/jedib0t/go-pretty/v6/text"

	"example.com/contend/internal/chart"
	"example.com/contend/internal/run"
)

// A ladder is an [run.Comparison] in words and sheets, ready to be drawn:
// as text, as HTML. What is not known stands in it as a dash, never as 0.
type ladder struct {
	Caption   string // of Main
	Enough    string // what was asked for, and whether a rung gives it
	Surprise  bool   // it was asked for, and none does
	Servers   []string
	Main      sheet // of one workload and number of clients
	Legend    string
	Advice    []run.Advice
	Takes     sheet // rates, survival and lines
	TakesSays string
	Tales     []tale
	Workloads []workloadFigures // where there is more than Main says
	Steps     sheet             // of the search for the highest rate
	Rungs     []run.Rung
	Missing   []string
	Charts    []template.HTML // by package chart, which escapes
}

// workloadFigures are the figures of one workload at each number of clients.
type workloadFigures struct {
	Name  string
	Sheet sheet
}

// Of what the main sheet is, if there is such a thing: beyond 100 clients, most
// of what is measured is the wait for one's turn.
const (
	mainWorkload = "counter"
	mainClients  = 100 // at most
)

func newLadder(c *run.Comparison) *ladder {
	of := pickWorkload(c.Rungs)
	clients := pickClients(c.Rungs, of)
	l := &ladder{
		Enough: enoughWords(c), Surprise: unmet(c),
		Servers: serverWords(c), Missing: missingWords(c), Rungs: c.Rungs, Advice: c.Advice,
		Main: mainSheet(c, of, clients), Workloads: workloads(c, of, clients), Steps: stepsSheet(c),
		Takes: takesSheet(c), TakesSays: takesLegend(c), Tales: tales(c),
	}
	if of != "" {
		l.Caption = fmt.Sprintf("%s, %s who never rest, %s", of, plural(clients, "client"), plural(c.Nodes, "node"))
		l.Legend = mainLegend(c)
	}
	if bars := rateBars(c.Rungs); len(bars) > 0 {
		l.Charts = append(l.Charts, template.HTML(chart.Figure(chart.Bars{Title: "The highest rate of writes that was good enough",
			Value: chart.Axis{Title: "writes a second"}, Groups: []chart.Group{{Bars: bars}}})))
	}
	return l
}

// unmet reports whether something good enough was asked for, and no rung is.
func unmet(c *run.Comparison) bool { return c != nil && c.Decides && !c.Met }

// pickWorkload returns the workload of the main sheet: counter, or the first
// there is; empty where there are no figures at all.
func pickWorkload(rungs []run.Rung) string {
	all := workloadNames(rungs)
	switch {
	case slices.Contains(all, mainWorkload):
		return mainWorkload
	case len(all) > 0:
		return all[0]
	}
	return ""
}

// workloadNames returns the workloads of all rungs in the order in which they first come.
func workloadNames(rungs []run.Rung) []string {
	var all []string
	for i := range rungs {
		for _, f := range rungs[i].Figures {
			if !slices.Contains(all, f.Workload) {
				all = append(all, f.Workload)
			}
		}
	}
	return all
}

// pickClients returns the largest number of clients, at most mainClients, that
// most rungs have figures of; the smallest there is where there is no such one.
// Most will do, for a run that is cut short leaves some rungs behind.
func pickClients(rungs []run.Rung, of string) int {
	counts, rungsOf := clientCounts(rungs, of)
	best := 0
	for i, clients := range slices.Sorted(maps.Keys(counts)) {
		if i == 0 || clients <= mainClients && 2*counts[clients] > rungsOf {
			best = clients
		}
	}
	return best
}

// clientCounts returns how many rungs have figures of a workload at each number
// of clients, and how many have any.
func clientCounts(rungs []run.Rung, of string) (counts map[int]int, rungsOf int) {
	counts = map[int]int{}
	for i := range rungs {
		some := 0
		for _, f := range rungs[i].Figures {
			if f.Workload == of {
				counts[f.Clients]++
				some = 1
			}
		}
		rungsOf += some
	}
	return counts, rungsOf
}

// figuresOf returns those of a rung, nil where it has none of that kind.
func figuresOf(r *run.Rung, of string, clients int) *run.Figures {
	for i := range r.Figures {
		if f := &r.Figures[i]; f.Workload == of && f.Clients == clients {
			return f
		}
	}
	return nil
}

// enoughWords say what was asked for, and whether a rung that loses nothing gives it.
func enoughWords(c *run.Comparison) string {
	if c.Expect == "" {
		return ""
	}
	at := "at any rate that was tried"
	switch {
	case c.Rate > 0:
		at = "at " + rateWords(c.Rate)
	case c.Met:
		at = "at some rate"
	}
	which := "no rung that loses nothing is"
	if c.Met {
		which = "a rung that loses nothing is"
	}
	return fmt.Sprintf("Good enough is %s: %s, %s.", c.Expect, which, at)
}

// serverWords say what each database server says of itself.
func serverWords(c *run.Comparison) []string {
	var all []string
	for _, s := range c.Servers {
		all = append(all, s.Label+": "+s.Says)
	}
	return all
}

func missingWords(c *run.Comparison) []string {
	var all []string
	for _, m := range c.Missing {
		words := fmt.Sprintf("not run: %s: %s", list(m.Rungs, "and"), m.Why)
		if m.Hint != "" {
			words += "; " + m.Hint
		}
		all = append(all, words)
	}
	return all
}

// ladder draws what a comparison came to: the figures and the advice first, for
// they are what it was run for.
func (p *paper) ladder(l *ladder) {
	p.captioned("the ladder", l.Caption, &l.Main)
	p.enough(l)
	p.beneath(faint, slices.Concat(l.Servers, []string{l.Legend})...)
	p.beneath(unsure, l.Missing...)
	p.advice(l.Advice)
	if len(l.Takes.Rows) > 0 {
		p.captioned("what it takes, and what it survives", "", &l.Takes)
		p.beneath(faint, l.TakesSays)
	}
	for _, t := range l.Tales {
		if t.Telling {
			p.say("", 4, t.String(), nil)
		}
	}
	for i := range l.Workloads {
		w := &l.Workloads[i]
		p.captioned(w.Name, "clients who never rest", &w.Sheet)
	}
}

// enough says whether what was asked for is given. That it is not is a surprise.
func (p *paper) enough(l *ladder) {
	if !l.Surprise {
		p.beneath(nil, l.Enough)
		return
	}
	p.line("")
	p.say("  !", 4, "surprise: "+l.Enough, strong)
}

// captioned draws a sheet under its name, or says that it is empty.
func (p *paper) captioned(name, caption string, s *sheet) {
	head := plain(name)
	if caption != "" {
		head += ":"
	}
	p.line("")
	p.say(head, text.StringWidth(head)+1, caption, strong)
	p.line("")
	if len(s.Rows) == 0 {
		p.say("", 2, "no rung was finished", nil)
		return
	}
	p.table(s)
}

// beneath says what belongs to the table above, with a line between.
func (p *paper) beneath(h hue, words ...string) {
	words = slices.DeleteFunc(words, func(s string) bool { return s == "" })
	if len(words) > 0 {
		p.line("")
	}
	for _, s := range words {
		p.say("", 2, s, h)
	}
}

// advice numbers each sentence, with the figures that it rests on beneath.
func (p *paper) advice(all []run.Advice) {
	if len(all) == 0 {
		return
	}
	p.line("")
	p.line(p.dye("advice", strong))
	for i, a := range all {
		p.say(fmt.Sprintf("%3d.", i+1), 5, a.Text, strong)
		for _, rest := range a.Rests {
			p.say("       ·", 9, rest, faint)
		}
	}
}
