package ladder

import (
	"math"

	"example.com/contend/internal/run"
)

// The rates, per second, that a [search] asks for.
const (
	lowestRate  = 5      // below, a trial of seconds has too few requests to judge
	highestRate = 50_000 // above, the load's own client is what is measured
)

// A search looks for the highest rate at which a rung meets the target, one rate at a time, so
// that all rungs can take turns. It steps up or down, wider each time, until it knows a rate that
// meets the target and one that does not, and then halves what lies between. The zero search is over.
type search struct {
	start float64        // the first rate to ask for
	steps int            // left
	seen  []run.RateStep // of which it needs Rate and Met
}

const (
	ofGuess = 0.7  // of the guess: at full capacity, an open loop's queue has no end
	widen   = 1.5  // by how much the first step is wide, and each further one wider
	near    = 1.15 // the ratio of two rates with nothing worth knowing in between
)

// newSearch returns a search that asks for at most steps rates. Guess is the ok ops a second
// of a closed loop; where that is not above 0, the search begins at the lowest rate.
func newSearch(guess float64, steps int) search {
	return search{start: roundRate(ofGuess * guess), steps: steps}
}

// next returns the rate to try next, in requests a second, and whether there is one. It is a
// whole number from 5 to 50,000 of two significant digits, so that repeats and other rungs come to
// the same ones. It stays the same until saw is told what came of it, and is never a known rate.
func (s *search) next() (rate float64, more bool) {
	if s.steps <= 0 {
		return 0, false
	}
	low, high := s.bracket()
	step := math.Pow(widen, float64(len(s.seen)))
	switch {
	case low < s.start && s.start < high:
		rate = s.start
	case math.IsInf(high, 1):
		rate = low * step
	case low == 0:
		rate = high / step
	default:
		rate = math.Sqrt(low * high)
	}
	rate = roundRate(rate)
	if high/low <= near || rate <= low || rate >= high {
		return 0, false
	}
	return rate, true
}

// saw takes note of whether a rate met the target. A rate that next did not ask for, such as
// that of --rate, costs no step. One seen several times meets it only if it always did.
func (s *search) saw(step run.RateStep) {
	if next, more := s.next(); more && next == step.Rate {
		s.steps--
	}
	s.seen = append(s.seen, step)
}

// bracket returns the lowest rate that missed the target, or infinity, and the highest below it
// that met it, or 0. To meet it above a rate that missed it is luck.
func (s *search) bracket() (low, high float64) {
	high = math.Inf(1)
	for _, saw := range s.seen {
		if !saw.Met {
			high = min(high, saw.Rate)
		}
	}
	for _, saw := range s.seen {
		if saw.Met && saw.Rate < high {
			low = max(low, saw.Rate)
		}
	}
	return low, high
}

// roundRate returns the rate within the range, a whole number of two significant
// digits, that is nearest to one. Of what is no number above 0, that is the lowest.
func roundRate(rate float64) float64 {
	if !(rate > lowestRate) {
		return lowestRate
	}
	rate = min(rate, highestRate)
	unit := 1.0
	for rate >= 100*unit {
		unit *= 10
	}
	return math.Round(rate/unit) * unit
}
