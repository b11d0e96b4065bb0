package ladder

import (
	"maps"
	"math"
	"slices"

	"example.com/contend/internal/measure"
)

// The rates, per second, that a [search] asks for.
const (
	lowestRate  = 5      // below, a trial of seconds has too few requests to judge
	highestRate = 50_000 // above, the load's own client is what is measured
)

// A search looks for the highest rate at which a rung meets the target, one rate at a time, so
// that all rungs can take turns. It steps up or down, wider each time, until it knows a rate that
// meets the target and one that does not, and then halves what lies between. One load may meet
// or miss the target by chance, so both ends of what it found are sent again. The zero search is over.
//
// What it asks for next follows from the loads that it has seen, whatever their order.
type search struct {
	start   float64           // the first rate to ask for
	steps   int               // the most rates to ask for
	repeats int               // the loads that decide whether a rate meets the target; 1: the first is believed
	seen    map[float64]count // by rate
	free    float64           // a rate that costs no step, because somebody else asks for it; 0: none
}

// A count is how many loads were sent at one rate, and how many of them met the target.
type count struct{ loads, met int }

// leans reports whether most loads met the target.
func (c count) leans() bool { return 2*c.met > c.loads }

// sure reports whether so many of the loads agree that most loads at that rate do: whether the interval of
// the median, of 1 for a load that met the target and 0 for one that did not, is but one of these.
func (c count) sure() bool {
	values := slices.Repeat([]float64{1}, c.met)
	i := measure.IntervalOf(append(values, make([]float64, c.loads-c.met)...))
	return i.Count > 0 && i.Low == i.High
}

const (
	ofGuess   = 0.7  // of the guess: at full capacity, an open loop's queue has no end
	widen     = 1.5  // by how much the first step is wide, and each further one wider
	near      = 1.25 // the ratio of two rates with nothing worth knowing in between
	firstMiss = 2    // loads that have to miss the target before a search turns: one may be bad luck
)

// newSearch returns a search that asks for at most steps rates, and sends the decisive ones as often as
// repeats says. Guess is the ok ops a second of a closed loop; where that is not above 0, the search
// begins at the lowest rate.
func newSearch(guess float64, steps, repeats int) search {
	return search{start: roundRate(ofGuess * guess), steps: steps, repeats: repeats, seen: map[float64]count{}}
}

// next returns the rate to send next, in requests a second, and how many loads of it there are to be
// then; 0 loads where the search is over. The rate is a whole number from 5 to 50,000 of two significant
// digits, so that repeats and other rungs come to the same ones.
func (s *search) next() (rate float64, loads int) {
	if s.steps <= 0 {
		return 0, 0
	}
	low, high := s.bracket()
	if c, seen := s.seen[high]; seen && c.loads-c.met < min(firstMiss, s.repeats) {
		return high, c.loads + 1
	}
	if rate, more := s.further(low, high); more {
		return rate, 1
	}
	return s.undecided(low, high)
}

// further returns a rate that was not tried yet, while there are steps left and the rates that met and
// missed the target are not near each other.
func (s *search) further(low, high float64) (rate float64, more bool) {
	asked := len(s.seen)
	if _, seen := s.seen[s.free]; seen {
		asked--
	}
	step := math.Pow(widen, float64(len(s.seen)))
	switch {
	case asked >= s.steps || high/low <= near:
		return 0, false
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
	return rate, low < rate && rate < high
}

// undecided returns a rate whose loads do not decide yet: from low downwards until one surely met the target,
// from high upwards until one surely missed it. What lies between those is where chance decides.
func (s *search) undecided(low, high float64) (rate float64, loads int) {
	rates := slices.Sorted(maps.Keys(s.seen))
	slices.Reverse(rates)
	for _, rate := range rates {
		switch c := s.seen[rate]; {
		case rate > low || !c.leans():
		case c.loads < s.repeats:
			return rate, s.repeats
		case c.sure():
			low = 0 // what is lower need not be known
		}
	}
	slices.Reverse(rates)
	for _, rate := range rates {
		switch c := s.seen[rate]; {
		case rate < high || c.leans():
		case c.loads < s.repeats:
			return rate, s.repeats
		case c.sure():
			return 0, 0
		}
	}
	return 0, 0
}

// bracket returns the lowest rate that missed the target in most loads, or infinity, and the highest below it
// that met it, or 0. To meet it above a rate that missed it is luck.
func (s *search) bracket() (low, high float64) {
	high = math.Inf(1)
	for rate, c := range s.seen {
		if !c.leans() {
			high = min(high, rate)
		}
	}
	for rate, c := range s.seen {
		if c.leans() && rate < high {
			low = max(low, rate)
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
