package ladder

import (
	"fmt"
	"slices"

	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
)

const (
	mostAdvice = 8   // more is not read
	clearly    = 1.2 // the ratio of two rates from which one is clearly above the other
	starved    = 10  // the ratio of two tails from which a few clients wait too long
	costless   = 0.9 // the ratio of two rates down to which no loss was seen
	seldom     = 100 // a rung refuses little if it does so at most once for as many ok ops
)

// Names of the rungs that an advice is about.
const (
	immediateName = "immediate"
	queueName     = "queue"
	singleName    = "single-writer"
	mixedName     = "mixed-drivers"
)

// Advise says in plain words what a comparison comes to, the most important
// first, and in at most eight pieces of advice. Each has the figures beside it
// that it rests on, and goes no further than these: where one is missing, so is
// the advice. It returns an empty slice, never nil, where nothing can be said.
func Advise(c *run.Comparison) []run.Advice {
	all := []run.Advice{}
	if c == nil {
		return all
	}
	a := newAdviser(c)
	for _, rule := range []func() run.Advice{
		a.broken, a.enough, a.further, a.naive, a.hosts, a.writerDied, a.starving, a.alone,
	} {
		if advice := rule(); advice.Text != "" {
			seen := map[string]bool{}
			advice.Rests = slices.DeleteFunc(advice.Rests, func(line string) bool {
				again := seen[line]
				seen[line] = true
				return again
			})
			all = append(all, advice)
		}
	}
	return all[:min(len(all), mostAdvice)]
}

// An adviser is a comparison, and the rung that is enough.
type adviser struct {
	*run.Comparison
	base  *run.Rung     // nil where none is
	proof *run.RateStep // that it is
}

// broken warns of rungs that should lose nothing and did.
func (a *adviser) broken() (advice run.Advice) {
	for i := range a.Rungs {
		r := &a.Rungs[i]
		if lost, line := mostLost(r); r.Careful && lost > 0 {
			also(&advice, fmt.Sprintf("Do not trust %s: it should lose nothing, and lost %s.", titled(r), units.Plural(lost, "acknowledged change")), line)
		}
	}
	return advice
}

// enough names the rung that is enough, and says so where none on SQLite is.
func (a *adviser) enough() (advice run.Advice) {
	if a.base == nil || !onSQLite(a.base) {
		if failed := a.failed(); len(failed) > 0 {
			who, at := "Nothing", "at any rate that was tried"
			if a.base != nil {
				who = "No way to share the SQLite file"
			}
			if a.Rate > 0 {
				at = "at " + units.Number(a.Rate) + " writes/s"
			}
			also(&advice, fmt.Sprintf("%s was seen to be good enough here %s without losing anything.", who, at), failed...)
		}
	}
	if a.base == nil {
		a.nearest(&advice)
		return advice
	}
	enough := fmt.Sprintf(" at %s writes/s: %s is enough (%s).", units.Number(a.Rate), titled(a.base), stepWords(a.proof))
	if a.Rate == 0 {
		enough = fmt.Sprintf(": %s is enough up to at least %s (%s).", titled(a.base), perSecond(a.proof.Rate), stepWords(a.proof))
	}
	also(&advice, "On this machine, with your "+units.Plural(a.Nodes, "node")+enough, stepLine(a.base, a.proof), "good enough: "+a.Expect)
	return advice
}

// failed returns what came of the careful rungs, on SQLite only where that of
// another engine is enough.
func (a *adviser) failed() (lines []string) {
	for i := range a.Rungs {
		r := &a.Rungs[i]
		if !r.Careful || a.base != nil && !onSQLite(r) {
			continue
		}
		if a.Rate > 0 && r.Asked != nil {
			lines = append(lines, stepLine(r, r.Asked))
		}
		// Also where the answer at the rate asked about was luck.
		if unmet := lowestUnmet(r); unmet != nil && (a.Rate == 0 || r.Asked != nil && r.Asked.Met) {
			lines = append(lines, stepLine(r, unmet))
		}
	}
	return lines
}

// nearest names the rung with the highest rate, where none is enough.
func (a *adviser) nearest(advice *run.Advice) {
	var best *run.Rung
	for i := range a.Rungs {
		if r := &a.Rungs[i]; top(r) != nil && (best == nil || top(r).Rate > top(best).Rate) {
			best = r
		}
	}
	if best != nil {
		also(advice, fmt.Sprintf("The highest rate that was good enough is that of %s: %s.", titled(best), perSecond(top(best).Rate)), stepLine(best, top(best)))
	}
}

// naive says what is lost where one stops before the first careful rung, and
// that another engine alone does not help.
func (a *adviser) naive() (advice run.Advice) {
	type loser struct {
		titles, lines []string
		rung          *run.Rung // that lost most
		most          *run.Figures
	}
	var kinds []string
	losers := map[string]*loser{} // the naive rungs of one engine
	for i := range a.Rungs {
		r := &a.Rungs[i]
		f := loss(r)
		if r.Careful || f == nil {
			continue
		}
		l := losers[engineOf(r)]
		if l == nil {
			l = &loser{rung: r, most: f}
			kinds, losers[engineOf(r)] = append(kinds, engineOf(r)), l
		}
		l.titles, l.lines = append(l.titles, titled(r)), append(l.lines, figuresLine(r, f))
		if *f.Lost > *l.most.Lost {
			l.rung, l.most = r, f
		}
	}
	for _, kind := range kinds {
		l := losers[kind]
		who := fmt.Sprintf("%s alone does not help where the application reads, then writes", kind)
		if onSQLite(l.rung) {
			who = "Do not stop at " + units.List(l.titles, "or")
		}
		also(&advice, fmt.Sprintf("%s: of %s requests that were answered ok, %s lost without an error (%s, %s, %s).", who,
			units.Count(int64(l.most.OK)), units.PluralOf(*l.most.Lost, "change was", "changes were"), titled(l.rung), l.most.Workload, clients(l.most.Clients)),
			l.lines...)
	}
	return advice
}

// loss returns the figures in which a rung lost most; nil where it lost nothing
// that is known.
func loss(r *run.Rung) (most *run.Figures) {
	for i := range r.Figures {
		f := &r.Figures[i]
		if f.Lost != nil && *f.Lost > 0 && (most == nil || *f.Lost > *most.Lost) {
			most = f
		}
	}
	return most
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
		case beats(next, at):
			also(&advice, fmt.Sprintf("Above about %s: %s, which was good enough up to at least %s, where %s was not at %s.",
				perSecond(top(at).Rate), titled(next), perSecond(top(next).Rate), titled(at), perSecond(lowestUnmet(at).Rate)),
				stepLine(at, top(at)), stepLine(at, lowestUnmet(at)), stepLine(next, top(next)))
			at = next
		case next.Name == queueName && idle(next, a.base):
			also(&advice, fmt.Sprintf("%s brought no clearly higher rate here: it was good enough up to %s, %s up to %s, of the rates tried.",
				upper(titled(next)), perSecond(top(next).Rate), titled(a.base), perSecond(top(a.base).Rate)),
				stepLine(a.base, top(a.base)), stepLine(next, top(next)), stepLine(next, lowestUnmet(next)))
		}
	}
	return advice
}

// beats reports whether next was good enough clearly above the highest rate of
// at, and at a rate that at was seen to fail at or below.
func beats(next, at *run.Rung) bool {
	high, low, unmet := top(next), top(at), lowestUnmet(at)
	return high != nil && low != nil && unmet != nil && high.Rate >= clearly*low.Rate && high.Rate >= unmet.Rate
}

// idle reports whether a rung was seen to fail without having been clearly
// above base.
func idle(r, base *run.Rung) bool {
	high, low := top(r), top(base)
	return high != nil && low != nil && lowestUnmet(r) != nil && high.Rate < clearly*low.Rate
}

// hosts names the engines that several hosts can share, and what they cost on
// this one.
func (a *adviser) hosts() (advice run.Advice) {
	seen := map[string]bool{}
	for i := range a.Rungs {
		kind := engineOf(&a.Rungs[i])
		r, s := a.across(kind)
		if seen[kind] || r == nil {
			continue
		}
		seen[kind] = true
		when, says := "For several hosts", "by its documents, not tested here"
		if advice.Text != "" {
			when = "Or"
		}
		if s.Measured {
			says = "tested here"
		}
		also(&advice, fmt.Sprintf("%s: %s (%s).", when, kind, says), survivalLine(r, s))
		a.cost(&advice, r)
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
		if kind == "" || engineOf(r) != kind || !sound(r) || s == nil || s.Answer != "yes" {
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

// cost says what a rung takes on this one host, beside the one that is enough.
func (a *adviser) cost(advice *run.Advice, r *run.Rung) {
	high := top(r)
	if high == nil {
		return
	}
	text := fmt.Sprintf("On this one host, %s was good enough up to at least %s (%s)", titled(r), perSecond(high.Rate), stepWords(high))
	rests := []string{stepLine(r, high)}
	if a.base != nil && a.base != r && top(a.base) != nil {
		text += fmt.Sprintf(", %s up to at least %s", titled(a.base), perSecond(top(a.base).Rate))
		rests = append(rests, stepLine(a.base, top(a.base)))
	}
	also(advice, text+".", rests...)
}

// writerDied says what came of the writer's kill -9: of the single writer, and
// of the first rung of each other engine.
func (a *adviser) writerDied() (advice run.Advice) {
	seen := map[string]bool{}
	for i := range a.Rungs {
		r := &a.Rungs[i]
		kind, s := engineOf(r), survival(r, run.MishapWriter)
		if s == nil || !s.Measured || s.Gap == nil || seen[kind] || onSQLite(r) && r.Name != singleName {
			continue
		}
		seen[kind] = true
		also(&advice, fmt.Sprintf("%s, when its writer was killed: %s.", upper(titled(r)), gapWords(s)), survivalLine(r, s))
	}
	return advice
}

// alone says what the queue costs a client that has nobody to share it with.
func (a *adviser) alone() (advice run.Advice) {
	queue, direct := a.named(queueName), a.named(immediateName)
	if queue == nil || direct == nil {
		return advice
	}
	for i := range queue.Figures {
		q := &queue.Figures[i]
		d := under(direct, q.Workload, 1)
		if q.Clients != 1 || d == nil || min(q.OK, d.OK) < enoughForP99 || d.Rate <= 0 {
			continue
		}
		cost := "no slower"
		if q.Rate < costless*d.Rate {
			cost = "slower"
		}
		also(&advice, fmt.Sprintf("With one client the %s is %s: %s, with %s %s (%s).", titled(queue), cost, perSecond(q.Rate), titled(direct), perSecond(d.Rate), q.Workload),
			figuresLine(queue, q), figuresLine(direct, d))
		break // the first workload is the one that is asked about
	}
	return advice
}

// A starvation is two rungs under the same load, of which one makes a few
// clients wait much longer. The zero starvation is none.
type starvation struct {
	slow, quick *run.Rung
	at, beside  *run.Figures // theirs
}

// starving says with which rung a few clients wait much longer than with
// another: with the one that is enough if that is so, else where it is worst.
func (a *adviser) starving() (advice run.Advice) {
	most := a.starvation(a.base)
	if most.ratio() < starved {
		for i := range a.Rungs {
			if s := a.starvation(&a.Rungs[i]); s.ratio() > most.ratio() {
				most = s
			}
		}
	}
	if most.ratio() < starved {
		return advice
	}
	name, slow, quick := most.tails()
	also(&advice, fmt.Sprintf("With %s a few clients wait long: its %s was %s, that of %s %s (%s, %s).",
		titled(most.slow), name, units.Milliseconds(slow), titled(most.quick), units.Milliseconds(quick), most.at.Workload, clients(most.at.Clients)),
		figuresLine(most.slow, most.at), figuresLine(most.quick, most.beside))
	return advice
}

// starvation compares a rung, which may be nil, with each other under each load
// and returns where it is worst.
func (a *adviser) starvation(slow *run.Rung) (most starvation) {
	if slow == nil || !sound(slow) {
		return most
	}
	for i := range slow.Figures {
		at := &slow.Figures[i]
		for j := range a.Rungs {
			quick := &a.Rungs[j]
			s := starvation{slow, quick, at, under(quick, at.Workload, at.Clients)}
			if s.comparable() && s.ratio() > most.ratio() {
				most = s
			}
		}
	}
	return most
}

// comparable reports whether both have ops enough, and the quick one is not
// quick because it refuses.
func (s *starvation) comparable() bool {
	return s.beside != nil && sound(s.quick) && min(s.at.OK, s.beside.OK) >= enoughForP99 &&
		(s.beside.Refused+s.beside.Unknown)*seldom <= s.beside.OK
}

// ratio is how much longer the slow one's few wait: 0 where there are not two.
func (s *starvation) ratio() float64 {
	if s.quick == nil {
		return 0
	}
	_, slow, quick := s.tails()
	if quick <= 0 {
		return 0
	}
	return slow / quick
}

// tails returns the wait that few had to bear of both: p99.9, or the longest
// where one has too few ops for that.
func (s *starvation) tails() (name string, slow, quick float64) {
	if min(s.at.OK, s.beside.OK) >= enoughForP999 {
		return "p99.9", s.at.Latency.P999, s.beside.Latency.P999
	}
	return "max", s.at.Latency.Max, s.beside.Latency.Max
}
