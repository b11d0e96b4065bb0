package chart

import (
	"math"
	"slices"
)

// A kind of scale says how values become places along an axis.
type kind int

const (
	linear  kind = iota // starts at 0, unless there are values below
	log                 // to base 10; it holds only values above 0
	ordinal             // puts each value that occurs at the same distance from the last
)

// The largest and, for log, the smallest value that a scale holds. Values
// outside are mistakes, and would break the arithmetic.
const (
	limit  = 1e15
	lowest = 1e-9
)

// A scale maps the values from low to high to the places from start to end.
type scale struct {
	kind
	low, high  float64
	steps      []float64 // of an ordinal, ascending; low and high are indices
	start, end float64
}

// holds reports whether a value has a place.
func (k kind) holds(v float64) bool {
	if k == log {
		return v >= lowest && v <= limit
	}
	return math.Abs(v) <= limit // false for NaN
}

// newScale returns a scale that reaches over all values that it holds. A round
// one begins and ends at a tick.
func newScale(k kind, values []float64, round bool) scale {
	held := slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return !k.holds(v) })
	s := scale{kind: k}
	switch k {
	case ordinal:
		slices.Sort(held)
		s.steps = slices.Compact(held)
		// Half a step of air on both sides: no point lies on the frame.
		s.low, s.high = -0.5, max(float64(len(s.steps)), 1)-0.5
	case log:
		s.low, s.high = 1, 10
		if len(held) > 0 {
			s.low, s.high = niceDown(slices.Min(held)), niceUp(slices.Max(held))
		}
		if s.low == s.high {
			s.low, s.high = niceDown(s.low*0.9), niceUp(s.high*1.1)
		}
	default:
		for _, v := range held {
			s.low, s.high = min(s.low, v), max(s.high, v)
		}
		if s.high-s.low < lowest {
			s.high = s.low + 1
		}
		if round {
			step := niceUp((s.high - s.low) / 5)
			s.low, s.high = math.Floor(s.low/step)*step, math.Ceil(s.high/step-slack)*step
		}
	}
	return s
}

// over returns the scale laid over the places from start to end.
func (s scale) over(start, end float64) scale {
	s.start, s.end = start, end
	return s
}

// at returns the place of a value; outside of the scale, that of its nearer end.
func (s scale) at(v float64) float64 {
	low, high := s.low, s.high
	switch s.kind {
	case ordinal:
		i, found := slices.BinarySearch(s.steps, v)
		v = float64(i)
		if !found {
			v -= 0.5
		}
	case log:
		v, low, high = math.Log10(max(v, lowest)), math.Log10(low), math.Log10(high)
	}
	return s.start + (s.end-s.start)*min(max((v-low)/(high-low), 0), 1)
}

// ticks returns the values to mark: the first of the sets that the scale
// offers, from dense to sparse, that fits.
func (s scale) ticks(fits func([]float64) bool) []float64 {
	var sets [][]float64
	switch s.kind {
	case ordinal:
		sets = thinned(s.steps)
	case log:
		sets = s.decades()
	default:
		for _, n := range []float64{10, 8, 6, 5, 4, 3, 2, 1} {
			step := niceUp((s.high - s.low) / n)
			var multiples []float64
			for i := math.Ceil(s.low/step - slack); i <= math.Floor(s.high/step+slack); i++ {
				multiples = append(multiples, i*step)
			}
			sets = append(sets, multiples)
		}
	}
	if i := slices.IndexFunc(sets, fits); i >= 0 {
		return sets[i]
	}
	return sets[len(sets)-1]
}

// decades returns 1, 2 and 5 of each power of ten, then the powers of ten
// alone, then each second of them, each third, and so on.
func (s scale) decades() [][]float64 {
	var all, powers []float64
	for e := math.Floor(math.Log10(s.low)); e <= math.Log10(s.high)+slack; e++ {
		for _, m := range []float64{1, 2, 5} {
			v := m * math.Pow(10, e)
			if v < s.low*(1-slack) || v > s.high*(1+slack) {
				continue
			}
			all = append(all, v)
			if m == 1 {
				powers = append(powers, v)
			}
		}
	}
	sets := [][]float64{all}
	if len(powers) > 1 {
		sets = append(sets, thinned(powers)...)
	}
	return append(sets, all[:1])
}

// thinned returns values, then each second of them, and so on to the first alone.
func thinned(values []float64) [][]float64 {
	sets := [][]float64{values}
	for k := 2; k <= len(values); k++ {
		var set []float64
		for i := 0; i < len(values); i += k {
			set = append(set, values[i])
		}
		sets = append(sets, set)
	}
	return sets
}

// slack is the part of a value that rounding errors may take.
const slack = 1e-9

// niceUp returns the smallest of 1, 2 and 5 times a power of ten that is at
// least v, which is above 0.
func niceUp(v float64) float64 {
	v *= 1 - slack
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v {
			return m * power
		}
	}
	return 10 * power
}

// niceDown returns the largest of 1, 2 and 5 times a power of ten that is at
// most v, which is above 0.
func niceDown(v float64) float64 {
	v *= 1 + slack
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{5, 2} {
		if m*power <= v {
			return m * power
		}
	}
	return power
}
