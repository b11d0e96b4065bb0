package ladder

import (
	"fmt"

	"example.com/contend/internal/run"
)

// broken warns of rungs that should lose nothing and did.
func (a *adviser) broken() (advice run.Advice) {
	for i := range a.Rungs {
		r := &a.Rungs[i]
		if lost, line := mostLost(r); r.Careful && lost > 0 {
			also(&advice, fmt.Sprintf("Do not trust %s: it should lose nothing, and lost %s.", titled(r), plural(lost, "acknowledged change")), line)
		}
	}
	return advice
}

// enough names the rung that is enough, and says so where none on SQLite is.
func (a *adviser) enough() (advice run.Advice) {
	if a.base == nil || !onSQLite(a.base) {
		if failed := a.failed(); len(failed) > 0 {
			also(&advice, a.noneIs(), failed...)
		}
	}
	switch {
	case a.base == nil:
		a.nearest(&advice)
	case a.Rate == 0:
		also(&advice, fmt.Sprintf("On this machine, with your %s: %s is enough up to at least %s (%s).",
			plural(int64(a.Nodes), "node"), titled(a.base), perSecond(a.proof.Rate), stepWords(a.proof)), a.rests()...)
	default:
		also(&advice, fmt.Sprintf("On this machine, with your %s at %s writes/s: %s is enough (%s).",
			plural(int64(a.Nodes), "node"), figure(a.Rate), titled(a.base), stepWords(a.proof)), a.rests()...)
	}
	return advice
}

func (a *adviser) rests() []string {
	return []string{stepLine(a.base, a.proof), "good enough: " + a.Expect}
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

func (a *adviser) noneIs() string {
	at := "at any rate that was tried"
	if a.Rate > 0 {
		at = "at " + figure(a.Rate) + " writes/s"
	}
	who := "Nothing"
	if a.base != nil {
		who = "No way to share the SQLite file"
	}
	return fmt.Sprintf("%s was seen to be good enough here %s without losing anything.", who, at)
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
	var kinds []string
	losers := map[string]*loser{}
	for i := range a.Rungs {
		r := &a.Rungs[i]
		f := loss(r)
		if r.Careful || f == nil {
			continue
		}
		kind := engineOf(r)
		if losers[kind] == nil {
			kinds, losers[kind] = append(kinds, kind), &loser{}
		}
		losers[kind].add(r, f)
	}
	for _, kind := range kinds {
		l := losers[kind]
		who := fmt.Sprintf("%s alone does not help where the application reads, then writes", kind)
		if onSQLite(l.rung) {
			who = "Do not stop at " + list(l.titles)
		}
		also(&advice, who+": "+l.words(), l.lines...)
	}
	return advice
}

// A loser is the naive rungs of one engine.
type loser struct {
	titles, lines []string
	rung          *run.Rung // that lost most
	most          *run.Figures
}

func (l *loser) add(r *run.Rung, f *run.Figures) {
	l.titles, l.lines = append(l.titles, titled(r)), append(l.lines, figuresLine(r, f))
	if l.most == nil || *f.Lost > *l.most.Lost {
		l.rung, l.most = r, f
	}
}

func (l *loser) words() string {
	return fmt.Sprintf("of %s requests that were told ok, %s lost, and nobody was told (%s, %s, %s).",
		count(int64(l.most.OK)), were(*l.most.Lost, "change"), titled(l.rung), l.most.Workload, clients(l.most.Clients))
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
		when, says := "Above one host", "so say its documents; it was not tried here"
		if advice.Text != "" {
			when = "Or"
		}
		if s.Measured {
			says = "it was tried here"
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
	queue, direct := a.rung(queueName), a.rung(immediateName)
	if queue == nil || direct == nil {
		return advice
	}
	for i := range queue.Figures {
		q := &queue.Figures[i]
		d := under(direct, q.Workload, 1)
		if q.Clients != 1 || d == nil || min(q.OK, d.OK) < enoughForP99 || d.Rate <= 0 {
			continue
		}
		cost := "nothing that was seen"
		if q.Rate < costless*d.Rate {
			cost = "some of its throughput"
		}
		also(&advice, fmt.Sprintf("The %s costs a client alone %s: %s, with %s %s (%s).", titled(queue), cost, perSecond(q.Rate), titled(direct), perSecond(d.Rate), q.Workload),
			figuresLine(queue, q), figuresLine(direct, d))
		break // the first workload is the one that is asked about
	}
	return advice
}
