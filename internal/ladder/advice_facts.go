package ladder

import (
	"fmt"
	"slices"
	"strings"

	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
)

// newAdviser finds the first rung that is enough at the rate that was asked about or, where that is
// 0, at its highest. It takes those on SQLite before others: a file needs no server.
func newAdviser(c *run.Comparison) *adviser {
	for _, file := range []bool{true, false} {
		for i := range c.Rungs {
			r := &c.Rungs[i]
			proof := top(r)
			if c.Rate > 0 {
				proof = r.Asked
			}
			if (r.Kind == run.SQLite) == file && proof != nil && sound(r) && good(proof, lowestUnmet(r)) {
				return &adviser{c, r, proof}
			}
		}
	}
	return &adviser{Comparison: c}
}

// top returns the step of the highest rate that met the target without loss, with no lower one
// that missed it; nil where there is none or the rung is not sound.
func top(r *run.Rung) (best *run.RateStep) {
	if !sound(r) {
		return nil
	}
	unmet := lowestUnmet(r)
	for _, s := range steps(r) {
		if good(s, unmet) && (best == nil || s.Rate > best.Rate) {
			best = s
		}
	}
	return best
}

// good reports whether a step met the target, is known to have lost nothing, and lies below the
// lowest rate that missed the target: what meets it above is luck.
func good(s, unmet *run.RateStep) bool {
	return s.Met && s.OK > 0 && s.Lost != nil && *s.Lost == 0 && (unmet == nil || s.Rate < unmet.Rate)
}

// lowestUnmet returns the step of the lowest rate that missed the target; nil where none did.
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
// "queue, counter, 64 clients: 3,120/s, 31,200 ok, 0 refused, 0 lost, p99 41 ms".
func figuresLine(r *run.Rung, f *run.Figures) string {
	said := []string{perSecond(f.Rate), units.Count(int64(f.OK)) + " ok", units.Count(int64(f.Refused)) + " refused"}
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
// "immediate at 200/s: 0 of 4,000 refused, 0 lost, p99 41 ms: met the target".
func stepLine(r *run.Rung, s *run.RateStep) string {
	met := "met the target"
	if !s.Met {
		met = "missed the target"
	}
	return fmt.Sprintf("%s at %s: %s: %s", r.Name, perSecond(s.Rate), stepWords(s), met)
}

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
