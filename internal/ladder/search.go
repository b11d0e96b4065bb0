package ladder

import "math"

// The rates, per second, that a [Search] asks for.
const (
	lowestRate  = 5      // below, a trial of seconds has too few requests to judge
	highestRate = 50_000 // above, the load's own client is what is measured
)

// A Search looks for the highest rate that a rung takes, one rate at a time, so
// that all rungs can take turns. It steps up or down, wider each time, until a
// rate that is good enough and one that is not are known, and then halves what
// lies between. The zero Search is over.
type Search struct {
	start float64 // the first rate to ask for
	steps int     // left
	seen  []sight
}

// A sight is what came of one rate.
type sight struct {
	rate float64
	met  bool
}

const (
	ofGuess = 0.7  // of the guess: at full capacity, an open loop's queue has no end
	widen   = 1.5  // by how much the first step is wide, and each further one wider
	near    = 1.15 // the ratio of two rates with nothing worth knowing in between
)

// NewSearch returns a search that asks for at most steps rates. Guess is the ok
// ops a second that clients who never rest were served; where that is not above
// 0, the search begins at the lowest rate.
func NewSearch(guess float64, steps int) Search {
	return Search{start: roundRate(ofGuess * guess), steps: steps}
}

// Next returns the rate to try next, in requests a second, and whether there is
// one. It is a whole number from 5 to 50,000 of two significant digits, so that
// repeats and other rungs come to the same ones. Until [Search.Saw] tells what came
// of it, Next returns the same. A rate that is known is never asked for.
func (s *Search) Next() (rate float64, more bool) {
	if s.steps <= 0 {
		return 0, false
	}
	low, high := s.bracket()
	rate = roundRate(s.between(low, high))
	if high/low <= near || rate <= low || rate >= high {
		return 0, false
	}
	return rate, true
}

// between picks a rate above low and below high, which may still lie outside
// the range.
func (s *Search) between(low, high float64) float64 {
	step := math.Pow(widen, float64(len(s.seen)))
	switch {
	case low < s.start && s.start < high:
		return s.start
	case math.IsInf(high, 1):
		return low * step
	case low == 0:
		return high / step
	default:
		return math.Sqrt(low * high)
	}
}

// Saw tells what came of a rate: whether it was good enough. A rate that Next
// did not ask for, say the one that people want to know about, costs no step.
// One seen several times is good enough only if it always was.
func (s *Search) Saw(rate float64, met bool) {
	if next, more := s.Next(); more && next == rate {
		s.steps--
	}
	s.seen = append(s.seen, sight{rate, met})
}

// Highest returns the highest rate that was good enough with no lower one that
// was not; 0 where there is none. One that was good enough above one that was
// not is luck.
func (s *Search) Highest() float64 {
	low, _ := s.bracket()
	return low
}

// bracket returns the highest rate and the lowest that was not good enough, or
// infinity.
func (s *Search) bracket() (low, high float64) {
	high = math.Inf(1)
	for _, saw := range s.seen {
		if !saw.met {
			high = min(high, saw.rate)
		}
	}
	for _, saw := range s.seen {
		if saw.met && saw.rate < high {
			low = max(low, saw.rate)
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
