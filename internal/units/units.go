// Package units writes figures for people: numbers, shares, times, plurals and
// lists, everywhere in the same way.
//
// A figure has three significant digits, and never fewer than its whole part
// has. Thousands have a comma, a minus is "−", and a blank stands between a
// number and its unit. Rounding never makes 0 or all of what is neither.
package units

import (
	"math"
	"strconv"
	"strings"
)

// most is the largest number that is written. A larger one is a mistake.
const most = 1e15

// Number writes v to three digits: "0.042", "41.3", "3,120". It is "?" where v
// is no number or beyond ±1e15.
func Number(v float64) string {
	switch size := math.Abs(v); {
	case math.IsNaN(v) || size > most:
		return "?"
	case size >= 999.5:
		return Count(int64(math.RoundToEven(v)))
	}
	// Read back, the shortest form drops the zeros at the end.
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	if rounded == 0 {
		return "0" // not -0
	}
	return strings.Replace(strconv.FormatFloat(rounded, 'f', -1, 64), "-", "−", 1)
}

// Count writes all digits of n: "3,120".
func Count(n int64) string {
	digits, negative := strings.CutPrefix(strconv.FormatInt(n, 10), "-")
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if negative {
		return "−" + digits
	}
	return digits
}

// Percent writes a share from 0 to 1: "26.5 %", "<0.01 %", ">99.9 %".
func Percent(share float64) string {
	switch {
	case share > 0 && share < 0.0001:
		return "<0.01 %"
	case share < 1 && share >= 0.9995:
		return ">99.9 %"
	}
	return Number(share*100) + " %"
}

// Milliseconds writes a time in the unit that suits it: "850 µs", "12.3 ms", "5.03 s".
func Milliseconds(ms float64) string {
	switch size := math.Abs(ms); {
	case size >= 999.5:
		return Number(ms/1000) + " s"
	case size > 0 && size < 0.9995:
		return Number(ms*1000) + " µs"
	}
	return Number(ms) + " ms"
}

// Plural writes n of what noun names: "1 client", "3,120 clients".
func Plural[N int | int64](n N, noun string) string { return PluralOf(n, noun, noun+"s") }

// PluralOf writes n of what has an irregular plural: "1 line says", "2 lines say".
func PluralOf[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(int64(n)) + " " + many
}

// List joins words with commas, and the last with a conjunction: "a", "a or b",
// "a, b or c".
func List(words []string, conjunction string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " " + conjunction + " " + words[last]
}
