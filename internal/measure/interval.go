package measure

import (
	"fmt"
	"math"
	"slices"
)

// An Interval is where the median of a figure lies, as far as repeats tell: between Low and
// High with at least the given confidence. The zero Interval is that of too few repeats.
type Interval struct {
	Low        float64 `json:"low"`
	Median     float64 `json:"median"` // of the repeats; of an even number, the mean of the middle two
	High       float64 `json:"high"`
	Count      int     `json:"count"`
	Confidence float64 `json:"confidence"` // the chance that such an interval has the true median in it, whatever the distribution
}

// Confident is the least confidence of an interval. Five repeats reach it, fewer do not.
const Confident = 0.9

// IntervalOf returns the narrowest interval between two of the values, as many from the least as
// from the greatest, that has the true median in it with a chance of at least [Confident].
//
// It assumes that the values are independent and of one distribution, and nothing of its shape: a
// value is below the true median with chance 1/2, so how many of them are is binomial, and the
// median is outside [k-th least, k-th greatest] where fewer than k are below it or above it
// (https://online.stat.psu.edu/stat415/lesson/19/19.1).
func IntervalOf(values []float64) Interval {
	n := len(values)
	sorted := slices.Sorted(slices.Values(values))
	var best Interval
	below := math.Pow(0.5, float64(n)) // the chance that fewer than k values are below the median
	term := below
	for k := 1; 2*k <= n && 1-2*below >= Confident; k++ {
		best = Interval{sorted[k-1], SpreadOf(values).Median, sorted[n-k], n, 1 - 2*below}
		term *= float64(n-k+1) / float64(k)
		below += term
	}
	return best
}

// Overlaps reports whether two intervals have a value in common, so that neither median is surely
// the greater.
func (i Interval) Overlaps(j Interval) bool { return i.Low <= j.High && j.Low <= i.High }

// String is "3.1 [2.9, 3.4] (94 %, n=5)".
func (i Interval) String() string {
	if i.Count == 0 {
		return "no interval, of fewer than 5 repeats"
	}
	return fmt.Sprintf("%s [%s, %s] (%.0f %%, n=%d)", Number(i.Median), Number(i.Low), Number(i.High), 100*i.Confidence, i.Count)
}
