package chart

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTicks(t *testing.T) {
	plain, part, ms := axis{}, axis{unit: share}, axis{unit: milliseconds}
	logNumber, logMS := axis{kind: log}, axis{kind: log, unit: milliseconds}
	each := axis{kind: ordinal}
	for _, test := range []struct {
		name   string
		axis   axis
		values []float64
		most   int // ticks that have room
		want   []string
	}{
		{"from 0 to a round number", plain, []float64{3, 87}, 6, []string{"0", "20", "40", "60", "80", "100"}},
		{"thousands", plain, []float64{12400}, 4, []string{"0", "5,000", "10,000", "15,000"}},
		{"small", plain, []float64{0.0123}, 4, []string{"0", "0.005", "0.01", "0.015"}},
		{"below 0", plain, []float64{-7, 12}, 6, []string{"−10", "−5", "0", "5", "10", "15"}},
		{"a share reaches to 100 %", part, []float64{0.02}, 6, []string{"0 %", "20 %", "40 %", "60 %", "80 %", "100 %"}},
		{"times take the unit that suits them", ms, []float64{1700}, 5, []string{"0", "500 ms", "1 s", "1.5 s", "2 s"}},
		{"nothing", plain, nil, 6, []string{"0", "0.2", "0.4", "0.6", "0.8", "1"}},
		{"all 0", plain, []float64{0, 0}, 3, []string{"0", "0.5", "1"}},
		{"no room for more than the ends", plain, []float64{87}, 1, []string{"0", "100"}},
		{"decades in 1, 2 and 5", logNumber, []float64{10, 500}, 9, []string{"10", "20", "50", "100", "200", "500"}},
		{"decades alone", logMS, []float64{1, 60000}, 6, []string{"1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s"}},
		{"each second decade", logMS, []float64{1, 60000}, 4, []string{"1 ms", "100 ms", "10 s"}},
		{"below a millisecond", logMS, []float64{.02, .3}, 9, []string{"20 µs", "50 µs", "100 µs", "200 µs", "500 µs"}},
		{"log of one value", logNumber, []float64{10}, 9, []string{"5", "10", "20"}},
		{"log of nothing it can hold", logNumber, []float64{0, -1, math.NaN()}, 9, []string{"1", "2", "5", "10"}},
		{"ordinal, sorted, each once", each, []float64{500, 10, 50, 10, math.Inf(1)}, 9, []string{"10", "50", "500"}},
		{"ordinal, thinned", each, []float64{1, 2, 4, 8, 16}, 3, []string{"1", "4", "16"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			s := test.axis.scale(test.values, true)
			for _, v := range s.ticks(func(ticks []float64) bool { return len(ticks) <= test.most }) {
				got = append(got, test.axis.format(v))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error("want -, got +\n" + diff)
			}
		})
	}
}

func TestFormat(t *testing.T) {
	for _, test := range []struct {
		unit unit
		v    float64
		want string
	}{
		{number, 1234567, "1,234,567"}, {number, math.NaN(), "?"},
		{share, 0, "0 %"}, {share, .265, "26.5 %"},
		{milliseconds, 0, "0"}, {milliseconds, math.Copysign(0, -1), "0"}, {milliseconds, .85, "850 µs"},
	} {
		if got := test.unit.format(test.v); got != test.want {
			t.Errorf("format %v as unit %d: got %q, want %q", test.v, test.unit, got, test.want)
		}
	}
}

func TestScaleKeepsOrderAndEnds(t *testing.T) {
	for _, kind := range []kind{linear, log, ordinal} {
		values := []float64{1, 3, 10, 400, 401}
		s := newScale(kind, values, true).over(100, 20)
		last := math.Inf(1)
		for _, v := range append([]float64{math.Inf(-1)}, append(values, math.Inf(1))...) {
			at := s.at(v)
			if at > last || at < 20 || at > 100 {
				t.Errorf("scale %d: %v is at %v, after %v", kind, v, at, last)
			}
			last = at
		}
	}
}
