package ladder

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"example.com/contend/internal/run"
)

// highest is the highest rate that a search knows to meet the target.
func highest(s *search) float64 {
	low, _ := s.bracket()
	return low
}

// try runs a search against a system, and returns the rates it asked for.
func try(t *testing.T, s *search, met func(rate float64) bool) (rates []float64) {
	t.Helper()
	for {
		rate, more := s.next()
		if !more {
			return rates
		}
		if again, more := s.next(); again != rate || !more {
			t.Fatalf("asked again before it saw anything, it wants %g instead of %g", again, rate)
		}
		if slices.Contains(rates, rate) {
			t.Fatalf("asks for %g again, after %v", rate, rates)
		}
		if rate < lowestRate || rate > highestRate || rate != math.Trunc(rate) {
			t.Fatalf("asks for %g", rate)
		}
		if digits, _ := strconv.ParseFloat(strconv.FormatFloat(rate, 'g', 2, 64), 64); digits != rate {
			t.Fatalf("asks for %g, which has more than two digits", rate)
		}
		rates = append(rates, rate)
		s.saw(run.RateStep{Rate: rate, Met: met(rate)})
	}
}

func TestSearch(t *testing.T) {
	for _, tt := range []struct {
		name    string
		guess   float64
		steps   int
		limit   float64 // the highest rate that is good enough
		want    []float64
		highest float64
	}{
		{"up, then between", 1000, 6, 1500, []float64{700, 1100, 2500, 1700, 1400, 1500}, 1500},
		{"down, ever wider", 1000, 4, 100, []float64{700, 470, 210, 62}, 62},
		{"steps used up", 1000, 2, 1500, []float64{700, 1100}, 1100},
		{"no steps", 1000, 0, 1500, nil, 0},
		{"nothing is good enough", 10, 9, 0, []float64{7, 5}, 0},
		{"nobody is served", 0, 3, 6, []float64{5, 8, 6}, 6},
		{"everything is good enough", 60_000, 9, 1e9, []float64{42_000, 50_000}, 50_000},
		{"a guess that is no number", math.NaN(), 1, 0, []float64{5}, 0},
		{"a guess beyond all", math.Inf(1), 1, 0, []float64{50_000}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSearch(tt.guess, tt.steps)
			got := try(t, &s, func(rate float64) bool { return rate <= tt.limit })
			if !slices.Equal(got, tt.want) || highest(&s) != tt.highest {
				t.Errorf("asked for %v and found %g, want %v and %g", got, highest(&s), tt.want, tt.highest)
			}
		})
	}
}

func TestSearchOfLuck(t *testing.T) {
	s := newSearch(1000, 9)
	s.saw(run.RateStep{Rate: 700, Met: true})
	s.saw(run.RateStep{Rate: 500, Met: false})
	s.saw(run.RateStep{Rate: 300, Met: true})
	if got := highest(&s); got != 300 {
		t.Errorf("good enough above a rate that was not: the highest is %g, want 300", got)
	}
	s.saw(run.RateStep{Rate: 300, Met: false})
	if got := highest(&s); got != 0 {
		t.Errorf("good enough once of two times: the highest is %g, want 0", got)
	}
}

// What somebody else wanted to know shortens the search and costs no step.
func TestSearchKnowsMoreThanItAskedFor(t *testing.T) {
	s := newSearch(1000, 1)
	s.saw(run.RateStep{Rate: 200, Met: true})
	s.saw(run.RateStep{Rate: 250, Met: false})
	if rate, more := s.next(); rate != 220 || !more {
		t.Errorf("next is %g, %t; want 220", rate, more)
	}
	if rate, more := new(search).next(); more {
		t.Errorf("the zero search wants %g", rate)
	}
}

func TestSearchFindsAnyLimit(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	most := 0
	for range 5000 {
		limit := 2 * math.Exp(rng.Float64()*math.Log(50_000)) // 2 to 100,000
		guess := limit * math.Exp((rng.Float64()-0.5)*4)      // a seventh to seven times
		s := newSearch(guess, math.MaxInt)
		asked := try(t, &s, func(rate float64) bool { return rate <= limit })
		most = max(most, len(asked))
		found, want := highest(&s), math.Trunc(min(limit, highestRate))
		switch {
		case limit < lowestRate:
			if found != 0 {
				t.Fatalf("limit %g: found %g", limit, found)
			}
		case found > want || found*near < want && found+1 < want:
			t.Fatalf("limit %g, guess %g: found %g after %v", limit, guess, found, asked)
		}
	}
	if most > 10 {
		t.Errorf("a search took %d steps, want at most 10 with a guess within seven times", most)
	}
}

// Whatever a system answers, the search comes to an end.
func TestSearchOfNoise(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		s := newSearch(rng.Float64()*60_000, math.MaxInt)
		share := rng.Float64()
		var unmet []float64
		asked := try(t, &s, func(rate float64) bool {
			if rng.Float64() < share {
				return true
			}
			unmet = append(unmet, rate)
			return false
		})
		if len(asked) > 40 {
			t.Fatalf("it took %d steps: %v", len(asked), asked)
		}
		if len(unmet) > 0 && highest(&s) >= slices.Min(unmet) {
			t.Fatalf("the highest is %g, but %g was not good enough", highest(&s), slices.Min(unmet))
		}
	}
}
