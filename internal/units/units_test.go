package units

import (
	"math"
	"strings"
	"testing"
)

func TestFigures(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{Number(0), "0"}, {Number(math.Copysign(0, -1)), "0"}, {Number(1.23456), "1.23"}, {Number(2.50), "2.5"},
		{Number(999.4), "999"}, {Number(999.6), "1,000"}, {Number(1234567), "1,234,567"}, {Number(-1234), "−1,234"},
		{Number(100), "100"}, {Number(-0.5), "−0.5"}, {Number(1e-7), "0.0000001"}, {Number(1e15), "1,000,000,000,000,000"},
		{Number(math.NaN()), "?"}, {Number(math.Inf(-1)), "?"}, {Number(2e15), "?"},

		{Count(0), "0"}, {Count(999), "999"}, {Count(1000), "1,000"}, {Count(-999), "−999"},
		{Count(math.MinInt64), "−9,223,372,036,854,775,808"},

		{Percent(0), "0 %"}, {Percent(1), "100 %"}, {Percent(.265), "26.5 %"}, {Percent(.0002), "0.02 %"},
		{Percent(.00001), "<0.01 %"}, {Percent(.99949), "99.9 %"}, {Percent(.99999), ">99.9 %"},

		{Milliseconds(0), "0 ms"}, {Milliseconds(.85), "850 µs"}, {Milliseconds(.9999), "1 ms"}, {Milliseconds(12.34), "12.3 ms"},
		{Milliseconds(999.7), "1 s"}, {Milliseconds(5030), "5.03 s"}, {Milliseconds(120000), "120 s"}, {Milliseconds(-2), "−2 ms"},

		{Plural(1, "client"), "1 client"}, {Plural(0, "client"), "0 clients"}, {Plural(int64(3120), "client"), "3,120 clients"},
		{PluralOf(1, "line says", "lines say"), "1 line says"}, {PluralOf(2, "line says", "lines say"), "2 lines say"},

		{List(nil, "or"), ""}, {List([]string{"a"}, "or"), "a"}, {List([]string{"a", "b"}, "and"), "a and b"},
		{List(strings.Fields("a b c"), "or"), "a, b or c"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}
