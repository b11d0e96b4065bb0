package ladder

import (
	"slices"
	"strings"

	"example.com/contend/internal/run"
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
	a := adviser{Comparison: c}
	a.choose()
	for _, rule := range []func() run.Advice{
		a.broken, a.enough, a.further, a.naive, a.hosts, a.writerDied, a.starving, a.alone,
	} {
		if advice := rule(); advice.Text != "" {
			advice.Rests = once(advice.Rests)
			all = append(all, advice)
		}
	}
	return all[:min(len(all), mostAdvice)]
}

// once leaves out what a list has said before.
func once(all []string) []string {
	var kept []string
	for _, line := range all {
		if !slices.Contains(kept, line) {
			kept = append(kept, line)
		}
	}
	return kept
}

// An adviser is a comparison, and the rung that is enough.
type adviser struct {
	*run.Comparison
	base  *run.Rung     // nil where none is
	proof *run.RateStep // that it is
}

// choose finds the first rung that is enough, of those on SQLite before others:
// a file asks for no server.
func (a *adviser) choose() {
	for _, file := range []bool{true, false} {
		for i := range a.Rungs {
			r := &a.Rungs[i]
			if proof := a.proves(r); onSQLite(r) == file && proof != nil {
				a.base, a.proof = r, proof
				return
			}
		}
	}
}

// proves returns the step that shows that a rung is enough: at the rate that is
// asked about or, without one, at its highest. It returns nil where there is none.
func (a *adviser) proves(r *run.Rung) *run.RateStep {
	if a.Rate == 0 {
		return top(r)
	}
	if r.Asked == nil || !sound(r) || !good(r.Asked) || !below(r.Asked, lowestUnmet(r)) {
		return nil
	}
	return r.Asked
}

// top returns the step of the highest rate that was good enough, with no lower
// one that was not; nil where there is none or the rung is not sound.
func top(r *run.Rung) (best *run.RateStep) {
	if !sound(r) {
		return nil
	}
	unmet := lowestUnmet(r)
	for _, s := range steps(r) {
		if good(s) && below(s, unmet) && (best == nil || s.Rate > best.Rate) {
			best = s
		}
	}
	return best
}

// good reports whether a step is good enough and known to have lost nothing.
func good(s *run.RateStep) bool {
	return s.Met && s.OK > 0 && s.Lost != nil && *s.Lost == 0
}

// below reports whether s came before the lowest rate that was not good enough.
// What was good enough above that was luck.
func below(s, unmet *run.RateStep) bool { return unmet == nil || s.Rate < unmet.Rate }

// lowestUnmet returns the step of the lowest rate that was not good enough; nil
// where all were.
func lowestUnmet(r *run.Rung) (lowest *run.RateStep) {
	for _, s := range steps(r) {
		if !s.Met && (lowest == nil || s.Rate < lowest.Rate) {
			lowest = s
		}
	}
	return lowest
}

// steps returns what came of each rate, that asked about among them.
func steps(r *run.Rung) []*run.RateStep {
	var all []*run.RateStep
	for i := range r.Rates {
		all = append(all, &r.Rates[i])
	}
	if r.Asked != nil {
		all = append(all, r.Asked)
	}
	return all
}

// sound reports whether a rung is careful, lost nothing that is known, and is
// one that a person might choose: nobody mixes drivers for its own sake.
func sound(r *run.Rung) bool {
	lost, _ := mostLost(r)
	return r.Careful && lost == 0 && r.Name != mixedName
}

// mostLost returns the most acknowledged changes that a rung is known to have
// lost in one trial, and the line that tells of it.
func mostLost(r *run.Rung) (most int64, line string) {
	for i := range r.Figures {
		if f := &r.Figures[i]; f.Lost != nil && *f.Lost > most {
			most, line = *f.Lost, figuresLine(r, f)
		}
	}
	for _, s := range steps(r) {
		if s.Lost != nil && *s.Lost > most {
			most, line = *s.Lost, stepLine(r, s)
		}
	}
	for i := range r.Survives {
		if s := &r.Survives[i]; s.Measured && s.Lost != nil && *s.Lost > most {
			most, line = *s.Lost, survivalLine(r, s)
		}
	}
	return most, line
}

func (a *adviser) rung(name string) *run.Rung {
	for i := range a.Rungs {
		if a.Rungs[i].Name == name {
			return &a.Rungs[i]
		}
	}
	return nil
}

// under returns what came of a rung under a load of clients who never rest; nil
// where it was not put to it.
func under(r *run.Rung, workload string, clients int) *run.Figures {
	for i := range r.Figures {
		if f := &r.Figures[i]; f.Workload == workload && f.Clients == clients {
			return f
		}
	}
	return nil
}

func survival(r *run.Rung, mishap string) *run.Survival {
	for i := range r.Survives {
		if r.Survives[i].Mishap == mishap {
			return &r.Survives[i]
		}
	}
	return nil
}

// also adds a sentence to an advice, and what it rests on.
func also(advice *run.Advice, sentence string, rests ...string) {
	advice.Text = strings.TrimSpace(advice.Text + " " + sentence)
	advice.Rests = append(advice.Rests, rests...)
}
