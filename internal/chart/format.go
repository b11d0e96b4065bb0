package chart

import "example.com/contend/internal/units"

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

// format writes a value with its unit. 0 ms is "0", as at the start of an axis.
func (u Unit) format(v float64) string {
	switch {
	case u == Share:
		return units.Percent(v)
	case u == Milliseconds && v != 0:
		return units.Milliseconds(v)
	}
	return units.Number(v)
}
