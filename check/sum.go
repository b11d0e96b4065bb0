package check

import "math"

// A sum adds whole numbers, and remembers when they did not fit 64 bits.
type sum struct {
	n    int64
	over bool
}

func (s *sum) add(n int64) {
	total := s.n + n
	s.over = s.over || (total > s.n) != (n > 0) && n != 0
	s.n = total
}

// added returns the sum of numbers, and whether it fits 64 bits.
func added(numbers ...int64) (n int64, fits bool) {
	var s sum
	for _, n := range numbers {
		s.add(n)
	}
	return s.n, !s.over
}

// plus returns a+b for b of at least 0; where that overflows, the greatest number.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// minus returns a-b; where that overflows, the greatest number or the smallest.
func minus(a, b int64) int64 {
	switch n := a - b; {
	case a > b && n < 0:
		return math.MaxInt64
	case a < b && n > 0:
		return math.MinInt64
	default:
		return n
	}
}
