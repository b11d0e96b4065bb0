package ladder

import (
	"fmt"
	"slices"
	"strings"

	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
)

// newAdviser finds the first rung that surely meets the target at the rate that was asked about or, where that is
// 0, at its highest, and the rungs before it of which that is not sure. It takes rungs on SQLite before others: a file needs no
// server. No server is enough while a rung on SQLite may be.
func newAdviser(c *run.Comparison) *adviser {
	a := &adviser{Comparison: c}
	for _, file := range []bool{true, false} {
		for i := range c.Rungs {
			r := &c.Rungs[i]
			if (r.Kind == run.SQLite) != file || !sound(r) {
				continue
			}
			proof := top(r)
			if c.Rate > 0 {
				proof = r.Asked
			}
			switch {
			case proof == nil && len(r.Figures)+len(r.Rates) == 0: // nothing was recorded
			case proof == nil && c.Rate == 0 && surelyNone(r):
			case proof == nil || !proof.Sure || proof.Lost == nil:
				a.open = append(a.open, r)
			case proof.Met && *proof.Lost == 0 && !below(r, proof.Rate):
				a.met, a.proof = r, proof
				if a.base = r; !file && slices.ContainsFunc(a.open, func(r *run.Rung) bool { return r.Kind == run.SQLite }) {
					a.base = nil
				}
				return a
			}
		}
	}
	return a
}

// top returns the step of the highest rate that surely met the target without loss, with no lower one
// that surely missed it; nil where there is none or the rung is not sound.
func top(r *run.Rung) *run.RateStep {
	if !sound(r) || r.Between == nil {
		return nil
	}
	return first(r.Rates, func(s *run.RateStep) bool { return s.Rate == r.Between.Low && s.Lost != nil })
}

// bottom returns the step of the lowest rate that surely missed the target above top; nil where there is none.
func bottom(r *run.Rung) *run.RateStep {
	if r.Between == nil || r.Between.High == nil {
		return nil
	}
	return first(r.Rates, func(s *run.RateStep) bool { return s.Rate == *r.Between.High })
}

// below reports whether a rung surely missed the target at a lower rate: to meet it above is luck.
func below(r *run.Rung, rate float64) bool {
	return slices.ContainsFunc(r.Rates, func(s run.RateStep) bool { return s.Rate < rate && s.Sure && !s.Met })
}

// surelyNone reports whether a rung surely misses the target at the lowest rate that was tried.
func surelyNone(r *run.Rung) bool { return len(r.Rates) > 0 && r.Rates[0].Sure && !r.Rates[0].Met }

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
	return r.Careful && lost == 0 && r.Name != "mixed-drivers"
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

// under returns what came of a rung under a closed loop; nil where it has none.
func under(r *run.Rung, workload string, clients int) *run.Figures {
	return first(r.Figures, func(f *run.Figures) bool { return f.Workload == workload && f.Clients == clients })
}

// survival returns how a rung came through a mishap; nil where nothing is known of it.
func survival(r *run.Rung, mishap string) *run.Survival {
	return first(r.Survives, func(s *run.Survival) bool { return s.Mishap == mishap })
}

// first returns the first that matches; nil where none does.
func first[T any](all []T, match func(*T) bool) *T {
	for i := range all {
		if match(&all[i]) {
			return &all[i]
		}
	}
	return nil
}

// also adds a sentence to an advice, and what it rests on, each line once.
func also(advice *run.Advice, sentence string, rests ...string) {
	advice.Text = strings.TrimSpace(advice.Text + " " + sentence)
	for _, line := range rests {
		if !slices.Contains(advice.Rests, line) {
			advice.Rests = append(advice.Rests, line)
		}
	}
}

// enoughForP99 and enoughForP999 are how many ok ops a percentile takes: with fewer it would be
// no more than the longest wait.
const (
	enoughForP99  = 100
	enoughForP999 = 1000
)

// figuresLine is what came of a rung under a closed loop:
// "queue, counter, 64 clients: 3,120/s (3,060 to 3,180 in 5 loads), 31,200 ok, 0 refused, 0 lost, p99 41 ms".
func figuresLine(r *run.Rung, f *run.Figures) string {
	rate := perSecond(f.Rate)
	if f.Spread != nil {
		rate = fmt.Sprintf("%s (%s to %s in %d loads)", rate, units.Number(f.Spread.Low), units.Number(f.Spread.High), f.Repeats)
	}
	said := []string{rate, units.Count(int64(f.OK)) + " ok", units.Count(int64(f.Refused)) + " refused"}
	said = append(said, lostPart(f.Lost)...)
	if f.OK >= enoughForP99 {
		said = append(said, "p99 "+units.Milliseconds(f.Latency.P99))
	}
	if f.OK >= enoughForP999 {
		said = append(said, "p99.9 "+units.Milliseconds(f.Latency.P999))
	}
	if f.OK > 0 {
		said = append(said, "max "+units.Milliseconds(f.Latency.Max))
	}
	if f.Syncs != nil {
		said = append(said, units.Number(*f.Syncs)+" syncs per ok")
	}
	return fmt.Sprintf("%s, %s, %s: %s", r.Name, f.Workload, clients(f.Clients), strings.Join(said, ", "))
}

// stepLine is what came of a rate on a rung:
// "immediate at 200/s: 0 of 4,000 refused, 0 lost, p99 41 ms: met the target in 5 of 5 loads".
func stepLine(r *run.Rung, s *run.RateStep) string {
	return fmt.Sprintf("%s at %s: %s: %s", r.Name, perSecond(s.Rate), stepWords(s), loadWords(s))
}

// loadWords say in how many loads the target was met.
func loadWords(s *run.RateStep) string {
	return fmt.Sprintf("met the target in %d of %s", s.LoadsMet, units.Plural(s.Loads, "load"))
}

// stepWords is what came of a rate, without its name.
func stepWords(s *run.RateStep) string {
	said := []string{fmt.Sprintf("%s of %s refused", units.Count(int64(s.Refused)), units.Count(int64(s.Sent)))}
	if s.Sent-s.OK-s.Unreached > s.Refused {
		said = append(said, units.Percent(s.Errors)+" not ok")
	}
	if s.Unreached > 0 {
		said = append(said, units.Count(int64(s.Unreached))+" reached no node")
	}
	p99 := "too few for a p99"
	if s.OK >= enoughForP99 {
		p99 = "p99 " + units.Milliseconds(s.Latency.P99)
	}
	return strings.Join(append(append(said, lostPart(s.Lost)...), p99), ", ")
}

func lostPart(lost *int64) []string {
	if lost == nil {
		return nil
	}
	return []string{units.Count(*lost) + " lost"}
}

// survivalLine is how a rung came through a mishap, and who says so:
// "single-writer, the writer's kill -9: yes, measured here: no success for 1.2 s, 34 requests not ok, 0 lost. app-1 was killed …".
func survivalLine(r *run.Rung, s *run.Survival) string {
	by := "from the documents"
	switch {
	case s.Measured:
		by = "measured here: " + gapWords(s)
	case s.Source != "":
		by += " (" + s.Source + ")"
	}
	return strings.TrimSpace(fmt.Sprintf("%s, %s: %s, %s. %s", r.Name, s.Mishap, s.Answer, by, s.Says))
}

// gapWords is what was measured of a mishap: "no success for 1.2 s, 34 requests not ok, 0 lost".
func gapWords(s *run.Survival) string {
	var said []string
	if s.Gap != nil {
		said = append(said, "no success for "+units.Milliseconds(*s.Gap*1000))
	}
	said = append(said, units.Plural(s.Failed, "request")+" not ok")
	return strings.Join(append(said, lostPart(s.Lost)...), ", ")
}

func clients(n int) string { return units.Plural(n, "client") }

func perSecond(rate float64) string { return units.Number(rate) + "/s" }
