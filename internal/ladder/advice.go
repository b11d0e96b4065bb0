package ladder

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
)

const (
	starved = 10  // the ratio of two tails from which a few clients wait too long
	seldom  = 100 // a rung refuses little if it does so at most once for as many ok ops
)

// Rungs that the advice names.
const (
	direct = "immediate"
	queued = "queue"
)

// Advise says in plain words what a comparison comes to, the most important
// first. Each piece of advice has the figures beside it
// that it rests on, and goes no further than these: where one is missing, so is
// the advice, and rungs are compared by the intervals of their figures. What these leave open is said
// last, with the command that measures it longer. It returns an empty slice, never nil, where nothing can be said.
func Advise(c *run.Comparison) []run.Advice {
	all := []run.Advice{}
	if c == nil {
		return all
	}
	a := newAdviser(c)
	for _, rule := range []func() run.Advice{
		a.broken, a.enough, a.naive, a.further, a.batching, a.elsewhere, a.hosts, a.writerDied, a.starving, a.alone, a.longer,
	} {
		if advice := rule(); advice.Text != "" {
			all = append(all, advice)
		}
	}
	return all
}

// An adviser is a comparison, and the rung that is enough.
type adviser struct {
	*run.Comparison
	met   *run.Rung     // the first that surely meets the target; nil where none does
	proof *run.RateStep // that it does
	base  *run.Rung     // met, where nobody has to ask first whether a rung on SQLite does it
	open  []*run.Rung   // those before met that may meet it, too
}

// broken warns of rungs that should lose nothing and did.
func (a *adviser) broken() (advice run.Advice) {
	for i := range a.Rungs {
		r := &a.Rungs[i]
		if lost, line := mostLost(r); r.Careful && lost > 0 {
			also(&advice, fmt.Sprintf("Do not trust %s: it should lose nothing, and lost %s.", r.Called, units.Plural(lost, "acknowledged change")), line)
		}
	}
	return advice
}

// enough names the rung that is enough, and says so where none on SQLite is. Where none is
// at all, it names the rung with the highest rate.
func (a *adviser) enough() (advice run.Advice) {
	if len(a.open) == 0 && (a.base == nil || a.base.Kind != run.SQLite) {
		if failed := a.failed(); len(failed) > 0 {
			who, at := "Nothing", "at any rate that was tried"
			if a.base != nil {
				who = "No way to share the SQLite file"
			}
			if a.Rate > 0 {
				at = "at " + units.Number(a.Rate) + " writes/s"
			}
			also(&advice, fmt.Sprintf("%s met the target here %s (%s) without losing data.", who, at, a.Asks), failed...)
		}
	}
	if a.base == nil {
		var best *run.Rung
		for i := range a.Rungs {
			if r := &a.Rungs[i]; top(r) != nil && (best == nil || top(r).Rate > top(best).Rate) {
				best = r
			}
		}
		if best != nil && a.met == nil {
			also(&advice, fmt.Sprintf("The highest rate that met the target (%s): %s with %s.", a.Asks, perSecond(top(best).Rate), best.Called), stepLine(best, top(best)))
		}
		return advice
	}
	enough := fmt.Sprintf(" at %s writes/s (%s): %s is enough (%s, met in %d of %s).", units.Number(a.Rate), a.Asks, a.base.Called, stepWords(a.proof), a.proof.LoadsMet, units.Plural(a.proof.Loads, "load"))
	if a.Rate == 0 {
		enough = fmt.Sprintf(" (%s): %s is enough up to at least %s (%s, met in %d of %s).", a.Asks, a.base.Called, perSecond(a.proof.Rate), stepWords(a.proof), a.proof.LoadsMet, units.Plural(a.proof.Loads, "load"))
	}
	also(&advice, "On this machine, with your "+units.Plural(a.Nodes, "node")+enough, stepLine(a.base, a.proof), "target: "+a.Expect)
	return advice
}

// failed returns what came of the careful rungs; of those on SQLite alone where another
// engine is enough.
func (a *adviser) failed() (lines []string) {
	for i := range a.Rungs {
		r := &a.Rungs[i]
		if !r.Careful || a.base != nil && r.Kind != run.SQLite {
			continue
		}
		if a.Rate > 0 && r.Asked != nil {
			lines = append(lines, stepLine(r, r.Asked))
		}
		if a.Rate == 0 && surelyNone(r) {
			lines = append(lines, stepLine(r, &r.Rates[0]))
		}
	}
	return lines
}

// longer says what the loads leave open, and how to find it out: whether a rung is enough, and which rung bears
// more. A short comparison says that it can tell neither.
func (a *adviser) longer() (advice run.Advice) {
	var names, met []string
	for _, r := range a.open {
		if r.Asked == nil {
			continue
		}
		said := fmt.Sprintf("%s in %d of %s", r.Called, r.Asked.LoadsMet, units.Plural(r.Asked.Loads, "load"))
		if r.Asked.Lost == nil {
			said += " (what it lost is not known)"
		}
		names, met = append(names, r.Name), append(met, said)
		advice.Rests = append(advice.Rests, stepLine(r, r.Asked))
	}
	if len(met) > 0 {
		who := "Whether a rung is enough is open. The target was met with"
		if a.met != nil {
			who = "Rungs before " + a.met.Called + " may be enough, too. The target was met with"
		}
		also(&advice, fmt.Sprintf("%s %s at %s writes/s.", who, units.List(met, "and"), units.Number(a.Rate)))
	}
	if a.Quick {
		lasts := units.Milliseconds(1000 * a.Lasts)
		also(&advice, fmt.Sprintf("A quick comparison sends most loads once, for %s: it cannot tell which rung is faster, nor the highest rate of any.", lasts),
			"loads of "+lasts)
		if advice.Command = "contend compare"; len(names) > 0 {
			advice.Command = a.again(names)
		}
		return advice
	}
	var unsure []string
	for i := range a.Rungs {
		if r := &a.Rungs[i]; sound(r) && len(r.Rates) > 1 && r.Between == nil && !surelyNone(r) && !slices.Contains(names, r.Name) {
			names, unsure = append(names, r.Name), append(unsure, r.Called)
			for _, s := range steps(r)[:len(r.Rates)] {
				advice.Rests = append(advice.Rests, stepLine(r, s))
			}
		}
	}
	if len(unsure) > 0 {
		also(&advice, fmt.Sprintf("The highest rate of %s is open: the loads at a rate disagree, or are fewer than five.", units.List(unsure, "and")))
	}
	if advice.Text != "" {
		advice.Command = a.again(names)
	}
	return advice
}

// again is the command that measures rungs longer and oftener.
func (a *adviser) again(names []string) string {
	line := "contend compare"
	for _, name := range names {
		line += " --rung " + name
	}
	if slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, Given+"/") }) {
		line += " --postgres URL"
	}
	line += fmt.Sprintf(" --workload %s --for %s --repeats %d --rate %g", a.Asks, time.Duration(3*a.Lasts*float64(time.Second)).Round(time.Second), 2*firstLook, a.Rate)
	if a.Expect != DefaultExpect {
		line += " --expect '" + a.Expect + "'"
	}
	return line
}

// naive says what is lost where one stops before the first careful rung, and
// that another engine alone does not help.
func (a *adviser) naive() (advice run.Advice) {
	for _, kind := range a.kinds() {
		var titles, lines []string
		var loser *run.Rung // that lost most
		var most *run.Figures
		for i := range a.Rungs {
			r := &a.Rungs[i]
			if r.Careful || r.Kind != kind {
				continue
			}
			var worst *run.Figures // of this rung
			for k := range r.Figures {
				if f := &r.Figures[k]; f.Lost != nil && *f.Lost > 0 && (worst == nil || *f.Lost > *worst.Lost) {
					worst = f
				}
			}
			if worst == nil {
				continue
			}
			titles, lines = append(titles, r.Called), append(lines, figuresLine(r, worst))
			if most == nil || *worst.Lost > *most.Lost {
				loser, most = r, worst
			}
		}
		if most == nil {
			continue
		}
		who := fmt.Sprintf("%s alone does not help where the application reads, then writes", kind)
		if kind == run.SQLite {
			who = "Do not stop at " + units.List(titles, "or")
		}
		also(&advice, fmt.Sprintf("%s: of %s requests that were answered ok, %s lost without an error (%s, %s, %s).", who,
			units.Count(int64(most.OK)), units.PluralOf(*most.Lost, "change was", "changes were"), loser.Called, most.Workload, clients(most.Clients)), lines...)
	}
	return advice
}

// further says what to go on to above the highest rate of the rung that is
// enough, and then above that of the next.
func (a *adviser) further() (advice run.Advice) {
	if a.base == nil {
		return advice
	}
	at, past := a.base, false
	for i := range a.Rungs {
		next := &a.Rungs[i]
		switch {
		case !past:
			past = next == a.base
		case top(next) == nil || top(at) == nil:
		case !next.Between.Overlaps(at.Between) && top(next).Rate > top(at).Rate:
			also(&advice, fmt.Sprintf("Above about %s (%s): %s, which met the target up to at least %s; %s missed it at %s.",
				perSecond(top(at).Rate), a.Asks, next.Called, perSecond(top(next).Rate), at.Called, perSecond(bottom(at).Rate)),
				stepLine(at, top(at)), stepLine(at, bottom(at)), stepLine(next, top(next)))
			at = next
		case next.Name == queued && bottom(next) != nil && bottom(a.base) != nil && next.Between.Overlaps(a.base.Between):
			also(&advice, fmt.Sprintf("No clearly higher rate with %s here (%s): its highest rate is between %s and %s, that of %s between %s and %s.",
				next.Called, a.Asks, units.Number(top(next).Rate), perSecond(bottom(next).Rate), a.base.Called, units.Number(top(a.base).Rate), perSecond(bottom(a.base).Rate)),
				stepLine(a.base, top(a.base)), stepLine(a.base, bottom(a.base)), stepLine(next, top(next)), stepLine(next, bottom(next)))
		}
	}
	return advice
}

// elsewhere says what each engine does in another workload than that of the rates: a server that locks
// rows does far more where clients change different ones.
func (a *adviser) elsewhere() (advice run.Advice) {
	of, with := "", 0 // the first other workload, and the most clients that it has up to 100
	for i := range a.Rungs {
		for _, f := range a.Rungs[i].Figures {
			if of == "" && f.Workload != a.Asks {
				of = f.Workload
			}
			if f.Workload == of && f.Clients <= 100 {
				with = max(with, f.Clients)
			}
		}
	}
	var said, rests []string
	for _, kind := range a.kinds() {
		var best *run.Rung
		var most, instead *run.Figures
		for i := range a.Rungs {
			r := &a.Rungs[i]
			there, here := under(r, of, with), under(r, a.Asks, with)
			if r.Kind == kind && sound(r) && there != nil && here != nil && there.Spread != nil && here.Spread != nil && (most == nil || there.Rate > most.Rate) {
				best, most, instead = r, there, here
			}
		}
		if best != nil {
			does := fmt.Sprintf("%s does %s instead of %s", best.Called, perSecond(most.Rate), perSecond(instead.Rate))
			if most.Spread.Overlaps(*instead.Spread) {
				does = fmt.Sprintf("%s does as much (%s)", best.Called, perSecond(most.Rate))
			}
			said = append(said, does)
			rests = append(rests, figuresLine(best, most), figuresLine(best, instead))
		}
	}
	if len(said) > 0 {
		also(&advice, fmt.Sprintf("These rates are for %s. In %s (%s), %s.", a.Asks, of, clients(with), units.List(said, "and")), rests...)
	}
	return advice
}

// queues are the rungs with a queue, each with the rung that is the same without one.
var queues = []struct{ direct, queue string }{
	{direct, queued}, {Postgres + "/update", Postgres + "/queue"}, {Given + "/update", Given + "/queue"}, {Rqlite + "/update", Rqlite + "/queue"},
}

// batching says what the queue buys on each engine: to hold the queue on one engine against
// another engine without it would compare two things at once.
func (a *adviser) batching() (advice run.Advice) {
	for _, name := range a.workloads() {
		var said, rests []string
		most := 0 // clients, as in the first pair
		for _, pair := range queues {
			named := func(name string) *run.Rung { return first(a.Rungs, func(r *run.Rung) bool { return r.Name == name }) }
			direct, queue := named(pair.direct), named(pair.queue)
			if direct == nil || queue == nil || !sound(direct) || !sound(queue) {
				continue
			}
			for i := range queue.Figures {
				if f := &queue.Figures[i]; len(said) == 0 && f.Workload == name && f.Clients <= 100 {
					most = max(most, f.Clients)
				}
			}
			with, without := under(queue, name, most), under(direct, name, most)
			if with == nil || without == nil || with.Spread == nil || without.Spread == nil {
				continue
			}
			buys := fmt.Sprintf("on %s %s with it, %s without", queue.Kind, perSecond(with.Rate), perSecond(without.Rate))
			if with.Spread.Overlaps(*without.Spread) {
				buys += ", which is no clear difference"
			}
			said = append(said, buys)
			rests = append(rests, figuresLine(queue, with), figuresLine(direct, without))
		}
		if len(said) > 1 {
			also(&advice, fmt.Sprintf("What the queue buys, and what the engine (%s, %s): %s.", name, clients(most), strings.Join(said, "; ")), rests...)
		}
	}
	return advice
}

// workloads returns the workload that is asked about, and the first other one.
func (a *adviser) workloads() []string {
	all := []string{a.Asks}
	for i := range a.Rungs {
		for _, f := range a.Rungs[i].Figures {
			if f.Workload != a.Asks {
				return append(all, f.Workload)
			}
		}
	}
	return all
}

// kinds returns the names of the engines that rungs ran on, in their order.
func (a *adviser) kinds() (all []string) {
	for i := range a.Rungs {
		if kind := a.Rungs[i].Kind; kind != "" && !slices.Contains(all, kind) {
			all = append(all, kind)
		}
	}
	return all
}

// hosts names the engines that several hosts can share, and what they cost on this one.
func (a *adviser) hosts() (advice run.Advice) {
	for _, kind := range a.kinds() {
		r, s := a.across(kind)
		if r == nil {
			continue
		}
		when, says := "For several hosts", "by its documents, not tested here"
		if advice.Text != "" {
			when = "Or"
		}
		if s.Measured {
			says = "tested here"
		}
		also(&advice, fmt.Sprintf("%s: %s (%s).", when, kind, says), survivalLine(r, s))
		if high := top(r); high != nil {
			text := fmt.Sprintf("On this one host (%s), %s met the target up to at least %s (%s)", a.Asks, r.Called, perSecond(high.Rate), stepWords(high))
			rests := []string{stepLine(r, high)}
			if a.base != nil && a.base != r && top(a.base) != nil {
				text += fmt.Sprintf(", %s up to at least %s", a.base.Called, perSecond(top(a.base).Rate))
				rests = append(rests, stepLine(a.base, top(a.base)))
			}
			also(&advice, text+".", rests...)
		}
	}
	return advice
}

// across returns the rung with the highest rate of the sound ones of an engine
// that several hosts can share, and who says that they can; nil where there is none.
func (a *adviser) across(kind string) (best *run.Rung, says *run.Survival) {
	most := -1.0
	for i := range a.Rungs {
		r := &a.Rungs[i]
		s := survival(r, run.MishapHost)
		if r.Kind != kind || !sound(r) || s == nil || s.Answer != "yes" {
			continue
		}
		rate := 0.0
		if high := top(r); high != nil {
			rate = high.Rate
		}
		if rate > most {
			best, says, most = r, s, rate
		}
	}
	return best, says
}

// writerDied says what came of the writer's kill -9: of the single writer, and
// of the first rung of each other engine.
func (a *adviser) writerDied() (advice run.Advice) {
	for _, kind := range a.kinds() {
		r := first(a.Rungs, func(r *run.Rung) bool {
			s := survival(r, run.MishapWriter)
			return r.Kind == kind && s != nil && s.Measured && s.Gap != nil && (kind != run.SQLite || r.Name == "single-writer")
		})
		if r != nil {
			s := survival(r, run.MishapWriter)
			also(&advice, fmt.Sprintf("With %s, after its writer was killed: %s.", r.Called, gapWords(s)), survivalLine(r, s))
		}
	}
	return advice
}

// alone says what the queue costs a single client.
func (a *adviser) alone() (advice run.Advice) {
	named := func(name string) *run.Rung { return first(a.Rungs, func(r *run.Rung) bool { return r.Name == name }) }
	queue, without := named(queued), named(direct)
	if queue == nil || without == nil {
		return advice
	}
	for i := range queue.Figures {
		q := &queue.Figures[i]
		d := under(without, q.Workload, 1)
		if q.Clients != 1 || d == nil || q.Spread == nil || d.Spread == nil {
			continue
		}
		cost := "slower"
		switch {
		case q.Spread.Overlaps(*d.Spread):
			cost = "not clearly slower or faster"
		case q.Rate > d.Rate:
			cost = "faster"
		}
		also(&advice, fmt.Sprintf("With one client the %s is %s: %s, with %s %s (%s).", queue.Called, cost, perSecond(q.Rate), without.Called, perSecond(d.Rate), q.Workload),
			figuresLine(queue, q), figuresLine(without, d))
		break // the first workload is the one that is asked about
	}
	return advice
}

// A starvation is two rungs under the same load, of which one makes a few clients wait much
// longer. The zero starvation is none.
type starvation struct {
	slow, quick   *run.Rung
	at, beside    *run.Figures // theirs
	tail          string       // what is compared: "p99.9", or "max" where one has too few ops for that
	longer, short float64      // the tails, in ms
	ratio         float64      // of them
}

// starving says with which rung a few clients wait much longer than with
// another: with the one that is enough if that is so, else where it is worst.
func (a *adviser) starving() (advice run.Advice) {
	most := a.starvation(a.base)
	if most.ratio < starved {
		for i := range a.Rungs {
			if s := a.starvation(&a.Rungs[i]); s.ratio > most.ratio {
				most = s
			}
		}
	}
	if most.ratio >= starved {
		also(&advice, fmt.Sprintf("With %s a few clients wait long: its %s was %s, that of %s %s (%s, %s).", most.slow.Called, most.tail,
			units.Milliseconds(most.longer), most.quick.Called, units.Milliseconds(most.short), most.at.Workload, clients(most.at.Clients)),
			figuresLine(most.slow, most.at), figuresLine(most.quick, most.beside))
	}
	return advice
}

// starvation compares a rung, which may be nil, with each other under each load and returns where
// it is worst. Both need repeats and ops enough, and the other must not be quick because it refuses.
func (a *adviser) starvation(slow *run.Rung) (most starvation) {
	if slow == nil || !sound(slow) {
		return most
	}
	for i := range slow.Figures {
		at := &slow.Figures[i]
		for j := range a.Rungs {
			quick := &a.Rungs[j]
			beside := under(quick, at.Workload, at.Clients)
			if beside == nil || !sound(quick) || at.Spread == nil || beside.Spread == nil || min(at.OK, beside.OK) < enoughForP99 || (beside.Refused+beside.Unknown)*seldom > beside.OK {
				continue
			}
			s := starvation{slow: slow, quick: quick, at: at, beside: beside, tail: "max", longer: at.Latency.Max, short: beside.Latency.Max}
			if min(at.OK, beside.OK) >= enoughForP999 {
				s.tail, s.longer, s.short = "p99.9", at.Latency.P999, beside.Latency.P999
			}
			if s.short > 0 && s.longer/s.short > most.ratio {
				s.ratio = s.longer / s.short
				most = s
			}
		}
	}
	return most
}
