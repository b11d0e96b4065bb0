package measure

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// A Spread is how a figure came out in repeats. The zero Spread is that of none.
type Spread struct {
	Count  int     `json:"count"`
	Min    float64 `json:"min"`
	Median float64 `json:"median"` // of an even number, the mean of the middle two
	Max    float64 `json:"max"`
}

// SpreadOf returns the spread of values, which may come in any order.
func SpreadOf(values []float64) Spread {
	n := len(values)
	if n == 0 {
		return Spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	return Spread{
		Count: n, Min: sorted[0], Max: sorted[n-1],
		Median: (sorted[(n-1)/2] + sorted[n/2]) / 2,
	}
}

// Apart reports whether every value of s is below every value of t, or the
// other way round. Where the two overlap, no difference was seen.
func (s Spread) Apart(t Spread) bool {
	return s.Count > 0 && t.Count > 0 && (s.Max < t.Min || t.Max < s.Min)
}

// String is "3.1 (2.9–3.4, n=5)", or "3.1" where there is but one value.
func (s Spread) String() string {
	switch {
	case s.Count == 0:
		return "no value"
	case s.Count == 1:
		return Number(s.Median)
	default:
		return fmt.Sprintf("%s (%s–%s, n=%d)", Number(s.Median), Number(s.Min), Number(s.Max), s.Count)
	}
}

// Number writes v with about three digits that mean something, and without an
// exponent: "0.042", "3.1", "1235".
func Number(v float64) string {
	switch size := math.Abs(v); {
	case v == math.Trunc(v) || size >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case size >= 0.001:
		digits := 2 - int(math.Floor(math.Log10(size)))
		return strconv.FormatFloat(v, 'f', digits, 64)
	default:
		return strconv.FormatFloat(v, 'f', 6, 64)
	}
}
