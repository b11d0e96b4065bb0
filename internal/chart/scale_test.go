package chart

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTicks(t *testing.T) {
	number, share, ms := Axis{}, Axis{Unit: Share}, Axis{Unit: Milliseconds}
	logNumber, logMS := Axis{Scale: Log}, Axis{Scale: Log, Unit: Milliseconds}
	ordinal := Axis{Scale: Ordinal}
	for _, test := range []struct {
		name   string
		axis   Axis
		values []float64
		most   int // ticks that have room
		want   []string
	}{
		{"from 0 to a round number", number, []float64{3, 87}, 6, []string{"0", "20", "40", "60", "80", "100"}},
		{"thousands", number, []float64{12400}, 4, []string{"0", "5,000", "10,000", "15,000"}},
		{"small", number, []float64{0.0123}, 4, []string{"0", "0.005", "0.01", "0.015"}},
		{"below 0", number, []float64{-7, 12}, 6, []string{"−10", "−5", "0", "5", "10", "15"}},
		{"a share reaches to 100 %", share, []float64{0.02}, 6, []string{"0 %", "20 %", "40 %", "60 %", "80 %", "100 %"}},
		{"times take the unit that suits them", ms, []float64{1700}, 5, []string{"0", "500 ms", "1 s", "1.5 s", "2 s"}},
		{"nothing", number, nil, 6, []string{"0", "0.2", "0.4", "0.6", "0.8", "1"}},
		{"all 0", number, []float64{0, 0}, 3, []string{"0", "0.5", "1"}},
		{"no room for more than the ends", number, []float64{87}, 1, []string{"0", "100"}},
		{"decades in 1, 2 and 5", logNumber, []float64{10, 500}, 9, []string{"10", "20", "50", "100", "200", "500"}},
		{"decades alone", logMS, []float64{1, 60000}, 6, []string{"1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s"}},
		{"each second decade", logMS, []float64{1, 60000}, 4, []string{"1 ms", "100 ms", "10 s"}},
		{"below a millisecond", logMS, []float64{.02, .3}, 9, []string{"20 µs", "50 µs", "100 µs", "200 µs", "500 µs"}},
		{"log of one value", logNumber, []float64{10}, 9, []string{"5", "10", "20"}},
		{"log of nothing it can hold", logNumber, []float64{0, -1, math.NaN()}, 9, []string{"1", "2", "5", "10"}},
		{"ordinal, sorted, each once", ordinal, []float64{500, 10, 50, 10, math.Inf(1)}, 9, []string{"10", "50", "500"}},
		{"ordinal, thinned", ordinal, []float64{1, 2, 4, 8, 16}, 3, []string{"1", "4", "16"}},
		{"ordinal with names", Axis{Scale: Ordinal, Names: []string{"none", "full jitter"}}, []float64{1, 0, 2}, 9, []string{"none", "full jitter", "2"}},
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
		unit Unit
		v    float64
		want string
	}{
		{Number, 1234567, "1,234,567"}, {Number, math.NaN(), "?"},
		{Share, 0, "0 %"}, {Share, .265, "26.5 %"},
		{Milliseconds, 0, "0"}, {Milliseconds, math.Copysign(0, -1), "0"}, {Milliseconds, .85, "850 µs"},
	} {
		if got := test.unit.format(test.v); got != test.want {
			t.Errorf("format %v as unit %d: got %q, want %q", test.v, test.unit, got, test.want)
		}
	}
}

func TestScaleKeepsOrderAndEnds(t *testing.T) {
	for _, kind := range []Scale{Linear, Log, Ordinal} {
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
