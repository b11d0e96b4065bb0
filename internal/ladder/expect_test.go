package ladder

import (
	"math"
	"strings"
	"testing"

	"example.com/contend/internal/measure"
)

func TestParseExpect(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
	}{
		{"the default", DefaultExpect, DefaultExpect},
		{"one term", "max<2s", "max<2s"},
		{"every figure, in an order of its own", "errors<5%,mean<1ms,max<6ms,p999<5ms,p99<4ms,p90<3ms,p50<2ms", "p50<2ms,p90<3ms,p99<4ms,p999<5ms,max<6ms,mean<1ms,errors<5%"},
		{"spaces", "  p99 <  100 ms , errors<= 0.1 % ", "p99<100ms,errors<=0.1%"},
		{"no errors at all", "errors<=0%", "errors<=0%"},
		{"other units", "p50<1500µs,p99<0.5m", "p50<1.5ms,p99<30s"},
		{"a duration of two units", "p99<1m30s", "p99<1m30s"},
		{"zeros at the end", "errors<0.10%", "errors<0.1%"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := ParseExpect(tt.text)
			if err != nil || e.String() != tt.want {
				t.Fatalf("got %q and error %v, want %q", e, err, tt.want)
			}
			if again, err := ParseExpect(e.String()); err != nil || again != e {
				t.Errorf("read again, it is %q, error %v", again, err)
			}
		})
	}
}

func TestParseExpectErrors(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		says       []string // what the error must name
	}{
		{"nothing", "", []string{`""`, "p99<100ms"}},
		{"a comma too many", "p99<1ms,", []string{`""`}},
		{"a figure that there is not", "p98<1ms", []string{`"p98"`, "p50, p90, p99, p999, max, mean, errors"}},
		{"a bound from below", "p99>1ms", []string{`"p99>1ms"`}},
		{"no limit", "p99<", []string{`"p99<"`}},
		{"twice", "p99<1ms,errors<1%,p99<2ms", []string{"p99", "twice"}},
		{"no unit", "p99<100", []string{"100", "unit"}},
		{"a unit that there is not", "p99<100days", []string{"100days", "unit"}},
		{"a wait in percent", "p99<1%", []string{"1%", "unit"}},
		{"no wait", "p99<0ms", []string{"0ms", "1µs to 1h"}},
		{"a wait beyond the histogram", "p99<2h", []string{"2h", "1µs to 1h"}},
		{"errors without a percent sign", "errors<0.1", []string{"0.1", "percentage"}},
		{"errors in ms", "errors<1ms", []string{"1ms", "percentage"}},
		{"more errors than requests", "errors<101%", []string{"101%", "100%"}},
		{"what nothing can be", "errors<0%", []string{"errors<=0%"}},
		{"minus", "errors<-1%", []string{"errors<-1%"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := ParseExpect(tt.text)
			if err == nil || e != (Expect{}) {
				t.Fatalf("got %q and error %v", e, err)
			}
			for _, want := range tt.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}

func TestExpectMet(t *testing.T) {
	waits := measure.Summary{Count: 10, P50: 1, P90: 2, P99: 3, P999: 4, Max: 5, Mean: 1.5}
	for _, tt := range []struct {
		name, expect string
		latency      measure.Summary
		errors       float64
		want         bool
	}{
		{"better", "p99<4ms,errors<0.1%", waits, 0, true},
		{"p99 at its limit", "p99<3ms", waits, 0, false},
		{"p99 at a limit that is allowed", "p99<=3ms", waits, 0, true},
		{"one of two", "p99<4ms,max<5ms", waits, 0, false},
		{"errors alone", "errors<50%", waits, 0.4, true},
		{"too many errors", "p99<4ms,errors<0.1%", waits, 0.002, false},
		{"errors at their limit", "errors<0.1%", waits, 1.0 / 1000, false},
		{"errors at a limit that is allowed", "errors<=0.7%", waits, 7.0 / 1000, true},
		{"every figure is its own", "p50<1.1ms,p90<2.1ms,p99<3.1ms,p999<4.1ms,max<5.1ms,mean<1.6ms", waits, 0, true},
		{"p50", "p50<1ms", waits, 0, false},
		{"p90", "p90<2ms", waits, 0, false},
		{"p999", "p999<4ms", waits, 0, false},
		{"mean", "mean<1.5ms", waits, 0, false},
		{"no answer has no wait", "p99<100ms", measure.Summary{}, 0, false},
		{"errors that are no number", "errors<100%", waits, math.NaN(), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := ParseExpect(tt.expect)
			if err != nil {
				t.Fatal(err)
			}
			if got := e.Met(tt.latency, tt.errors); got != tt.want {
				t.Errorf("got %t", got)
			}
		})
	}
	if (Expect{}).Met(waits, 0) {
		t.Error("the zero Expect is met")
	}
}

func FuzzParseExpect(f *testing.F) {
	for _, text := range []string{DefaultExpect, "errors<=0%", "p999 < 1.5 s", "max<1m30s,mean<=7µs", "p99<100", "errors<1e-9%", "p99<.5ms", ","} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseExpect(text)
		if err != nil {
			return
		}
		again, err := ParseExpect(e.String())
		if err != nil || again != e {
			t.Fatalf("%q is %q, and read again %q, error %v", text, e, again, err)
		}
		worse := measure.Summary{Count: 1, P50: 4e6, P90: 4e6, P99: 4e6, P999: 4e6, Max: 4e6, Mean: 4e6}
		if e.Met(worse, 2) {
			t.Fatalf("%q is met by the worst", text)
		}
	})
}
