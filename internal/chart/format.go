package chart

import (
	"math"
	"strconv"
	"strings"
)

// A Unit is what a value counts, and so how it is written.
type Unit int

const (
	// Number is a plain number: 12,500.
	Number Unit = iota
	// Share is a part of a whole, from 0 to 1, written in percent: 26.5 %. A
	// linear axis of shares always reaches from 0 to 100 %.
	Share
	// Milliseconds is a time, written in the unit that suits it: 850 µs, 12 ms, 5.03 s.
	Milliseconds
)

// format writes a value with its unit, to three digits and never fewer than
// its whole part has.
func (u Unit) format(v float64) string {
	switch u {
	case Share:
		return percent(v)
	case Milliseconds:
		return duration(v)
	}
	return number(v)
}

// percent never rounds a share to nothing or to all of it.
func percent(share float64) string {
	switch {
	case share > 0 && share < 0.0005:
		return "<0.1 %"
	case share < 1 && share >= 0.9995:
		return ">99.9 %"
	}
	return number(share*100) + " %"
}

func duration(ms float64) string {
	switch size := math.Abs(ms); {
	case size == 0:
		return "0"
	case size < 0.9995:
		return number(ms*1000) + " µs"
	case size < 999.5:
		return number(ms) + " ms"
	}
	return number(ms/1000) + " s"
}

func number(v float64) string {
	size := math.Abs(v)
	if math.IsNaN(v) || size > limit {
		return "?"
	}
	if size >= 999.5 {
		return grouped(v)
	}
	// Reading the three digits back lets the shortest form drop the zeros at their end.
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	if rounded == 0 {
		return "0" // not -0
	}
	return strings.Replace(strconv.FormatFloat(rounded, 'f', -1, 64), "-", "−", 1)
}

// grouped writes a whole number with a comma before each three digits.
func grouped(v float64) string {
	digits := strconv.FormatFloat(math.Abs(v), 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if v < 0 {
		return "−" + digits
	}
	return digits
}
