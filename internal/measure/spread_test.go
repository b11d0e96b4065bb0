package measure

import (
	"testing"
	"time"

	"example.com/contend/history"
)

func TestSpread(t *testing.T) {
	for _, tt := range []struct {
		name   string
		values []float64
		want   Spread
		say    string
	}{
		{"none", nil, Spread{}, "no value"},
		{"one", []float64{2}, Spread{1, 2, 2, 2}, "2"},
		{"odd", []float64{3, 1, 2}, Spread{3, 1, 2, 3}, "2 (1–3, n=3)"},
		{"even", []float64{4, 1, 2, 3}, Spread{4, 1, 2.5, 4}, "2.50 (1–4, n=4)"},
		{"large numbers have no exponent", []float64{12345}, Spread{1, 12345, 12345, 12345}, "12345"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := SpreadOf(tt.values)
			if got != tt.want || got.String() != tt.say {
				t.Errorf("%+v, %q; want %+v, %q", got, got.String(), tt.want, tt.say)
			}
		})
	}
}

func TestApart(t *testing.T) {
	low, high, across := SpreadOf([]float64{1, 2}), SpreadOf([]float64{3, 4}), SpreadOf([]float64{2, 3})
	if !low.Apart(high) || !high.Apart(low) {
		t.Error("two spreads that do not meet are not apart")
	}
	if low.Apart(across) || across.Apart(high) || low.Apart(Spread{}) {
		t.Error("spreads that meet, or one of nothing, are apart")
	}
}

func TestCumulative(t *testing.T) {
	var ops []history.Op
	for i := range 1000 {
		ops = append(ops, history.Op{Returned: time.Duration(1000-i) * time.Millisecond})
	}
	ops = append(ops, history.Op{Process: -1, Returned: time.Hour}) // the recorder's own
	steps := Cumulative(ops, 10)
	if first, last := steps[0], steps[len(steps)-1]; first != (Step{1, 0.001}) || last != (Step{1000, 1}) {
		t.Errorf("from %+v to %+v, want the shortest and the longest wait", first, last)
	}
	if len(steps) > 12 {
		t.Errorf("%d steps, want at most 12", len(steps))
	}
	for _, step := range steps {
		if step.Milliseconds != 1000*step.Share {
			t.Errorf("%+v: want the share of waits that are no longer", step)
		}
	}
	if few := Cumulative(ops[:3], 100); len(few) != 3 {
		t.Errorf("%d steps of 3 ops", len(few))
	}
	if none := Cumulative(nil, 100); len(none) != 0 {
		t.Errorf("%v, want no step of no op", none)
	}
}
