package ladder

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// highest is the highest rate that a search knows to meet the target.
func highest(s *search) float64 {
	low, _ := s.bracket()
	return low
}

// try runs a search against a system, and returns the rates it asked for, in order, each once.
func try(t *testing.T, s *search, met func(rate float64) bool) (rates []float64) {
	t.Helper()
	for {
		rate, loads := s.next()
		if loads == 0 {
			return rates
		}
		if again, more := s.next(); again != rate || more != loads {
			t.Fatalf("asked again before it saw anything, it wants %g instead of %g", again, rate)
		}
		c := s.seen[rate]
		if loads <= c.loads || loads > max(s.repeats, 3) {
			t.Fatalf("wants %d loads of %g, of which it saw %d", loads, rate, c.loads)
		}
		if rate < lowestRate || rate > highestRate || rate != math.Trunc(rate) {
			t.Fatalf("asks for %g", rate)
		}
		if digits, _ := strconv.ParseFloat(strconv.FormatFloat(rate, 'g', 2, 64), 64); digits != rate {
			t.Fatalf("asks for %g, which has more than two digits", rate)
		}
		if c.loads == 0 {
			rates = append(rates, rate)
		}
		for ; c.loads < loads; c.loads++ {
			if met(rate) {
				c.met++
			}
		}
		s.seen[rate] = c
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
		{"up, then between", 1000, 6, 1500, []float64{700, 1100, 2500, 1700, 1400}, 1400},
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
			for _, repeats := range []int{1, 5} {
				s := newSearch(tt.guess, tt.steps, repeats)
				got := try(t, &s, func(rate float64) bool { return rate <= tt.limit })
				if !slices.Equal(got, tt.want) || highest(&s) != tt.highest {
					t.Errorf("%d repeats: asked for %v and found %g, want %v and %g", repeats, got, highest(&s), tt.want, tt.highest)
				}
			}
		})
	}
}

func TestSearchOfLuck(t *testing.T) {
	s := newSearch(1000, 9, 5)
	s.seen[700] = count{1, 1}
	s.seen[500] = count{3, 1}
	s.seen[300] = count{1, 1}
	if got := highest(&s); got != 300 {
		t.Errorf("good enough above a rate that was not: the highest is %g, want 300", got)
	}
	s.seen[300] = count{2, 1}
	if got := highest(&s); got != 0 {
		t.Errorf("good enough once of two times: the highest is %g, want 0", got)
	}
}

// One load that misses the target by bad luck does not turn a search.
func TestSearchForgivesOneMiss(t *testing.T) {
	s := newSearch(1000, 6, 5)
	first := true
	got := try(t, &s, func(rate float64) bool {
		unlucky := first && rate == 700
		first = first && !unlucky
		return rate <= 1500 && !unlucky
	})
	if want := []float64{700, 1100, 2500, 1700, 1400}; !slices.Equal(got, want) {
		t.Errorf("it asked for %v, want %v", got, want)
	}
	if c := s.seen[700]; c != (count{3, 2}) {
		t.Errorf("of 700 it saw %+v, want two of three", c)
	}
}

// Where chance decides, the ends of what is sure lie on both sides of it.
func TestSearchIsSureOfBothEnds(t *testing.T) {
	s := newSearch(1000, 6, 5)
	turn := 0
	try(t, &s, func(rate float64) bool {
		turn++
		return rate < 1200 || rate < 2000 && turn%3 > 0
	})
	sureMet, sureMissed := 0.0, math.Inf(1)
	for rate, c := range s.seen {
		if c.sure() && c.leans() {
			sureMet = max(sureMet, rate)
		}
		if c.sure() && !c.leans() {
			sureMissed = min(sureMissed, rate)
		}
	}
	if sureMet != 1100 || sureMissed != 2100 {
		t.Errorf("sure of %g and %g, want 1100 and 2100; it saw %v", sureMet, sureMissed, s.seen)
	}
}

// Loads that are sure: as many of them agree as an interval of the median takes.
func TestSureLoads(t *testing.T) {
	for c, want := range map[count]bool{
		{0, 0}: false, {4, 4}: false, {5, 5}: true, {5, 4}: false, {5, 0}: true, {10, 9}: true, {10, 8}: false, {10, 1}: true, {10, 2}: false,
	} {
		if got := c.sure(); got != want {
			t.Errorf("%+v: %t, want %t", c, got, want)
		}
	}
}

// What somebody else wanted to know shortens the search and costs no step.
func TestSearchKnowsMoreThanItAskedFor(t *testing.T) {
	s := newSearch(1000, 1, 1)
	s.free = 200
	s.seen[200] = count{1, 1}
	if rate, loads := s.next(); rate != 700 || loads != 1 {
		t.Errorf("next is %g, %d; want 700", rate, loads)
	}
	s.seen[700] = count{1, 1}
	if rate, loads := s.next(); loads != 0 {
		t.Errorf("without a step left it wants %g", rate)
	}
	if rate, loads := new(search).next(); loads != 0 {
		t.Errorf("the zero search wants %g", rate)
	}
}

func TestSearchFindsAnyLimit(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	most := 0
	for range 5000 {
		limit := 2 * math.Exp(rng.Float64()*math.Log(50_000)) // 2 to 100,000
		guess := limit * math.Exp((rng.Float64()-0.5)*4)      // a seventh to seven times
		s := newSearch(guess, math.MaxInt, 1+4*rng.IntN(2))
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

// Whatever a system answers, the search comes to an end, and what it finds lies below what was not good enough.
func TestSearchOfNoise(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		s := newSearch(rng.Float64()*60_000, 6, 1+rng.IntN(10))
		share := rng.Float64()
		try(t, &s, func(rate float64) bool { return rng.Float64() < share })
		loads := 0
		for _, c := range s.seen {
			loads += c.loads
		}
		if len(s.seen) > 6 || loads > 6*max(s.repeats, 3) {
			t.Fatalf("it asked for %d rates and %d loads: %v", len(s.seen), loads, s.seen)
		}
		for rate, c := range s.seen {
			if !c.leans() && highest(&s) >= rate {
				t.Fatalf("the highest is %g, but %g was not good enough: %v", highest(&s), rate, s.seen)
			}
		}
	}
}
