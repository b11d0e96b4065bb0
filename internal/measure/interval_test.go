package measure

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The confidences are those of the tables of order statistics: 1 - 2·P(Binomial(n, 1/2) < k).
func TestInterval(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   Interval
	}{
		{nil, Interval{}},
		{[]float64{1, 2, 3, 4}, Interval{}},
		{[]float64{5, 1, 4, 2, 3}, Interval{1, 3, 5, 5, 0.9375}},
		{[]float64{1, 2, 3, 4, 5, 6, 7}, Interval{1, 4, 7, 7, 0.984375}},
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8}, Interval{2, 4.5, 7, 8, 0.9296875}},
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, Interval{3, 6, 9, 11, 0.9345703125}},
	} {
		if got := IntervalOf(tt.values); math.Abs(got.Confidence-tt.want.Confidence) > 1e-12 || got.Low != tt.want.Low ||
			got.Median != tt.want.Median || got.High != tt.want.High || got.Count != tt.want.Count {
			t.Errorf("of %v: %+v, want %+v", tt.values, got, tt.want)
		}
	}
}

// Of many samples of a known median, the share of intervals that have it in them is the confidence,
// of a symmetric distribution and of one with a long tail.
func TestIntervalCovers(t *testing.T) {
	const samples = 5_000
	for name, draw := range map[string]func(*rand.Rand) (value, median float64){
		"normal":    func(r *rand.Rand) (float64, float64) { return r.NormFloat64(), 0 },
		"long tail": func(r *rand.Rand) (float64, float64) { return math.Exp(3 * r.NormFloat64()), 1 },
	} {
		for _, n := range []int{5, 6, 8, 11, 20} {
			chance := rand.New(rand.NewPCG(uint64(n), 1))
			covered, confidence := 0, 0.0
			for range samples {
				values := make([]float64, n)
				var median float64
				for i := range values {
					values[i], median = draw(chance)
				}
				interval := IntervalOf(values)
				confidence = interval.Confidence
				if interval.Low <= median && median <= interval.High {
					covered++
				}
			}
			// Four standard deviations of a share.
			share, allowed := float64(covered)/samples, 4*math.Sqrt(confidence*(1-confidence)/samples)
			if confidence < Confident || math.Abs(share-confidence) > allowed {
				t.Errorf("%s, n=%d: %.4f of the intervals have the median in them, want %.4f ± %.4f", name, n, share, confidence, allowed)
			}
		}
	}
}

func TestIntervalInWords(t *testing.T) {
	if got, want := IntervalOf([]float64{2, 3, 4, 5, 6}).String(), "4 [2, 6] (94 %, n=5)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := (Interval{}).String(); got != "no interval, of fewer than 5 repeats" {
		t.Errorf("of too few: %q", got)
	}
}
