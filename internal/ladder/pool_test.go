package ladder

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

func TestPoolSearch(t *testing.T) {
	for _, tt := range []struct {
		name  string
		rates []float64 // ok a second with 1, 2, 4, 8, 16 and 32 connections
		want  []int     // the pools that are tried
		best  int
	}{
		{"a few are best", []float64{900, 1400, 1200, 800, 700, 600}, []int{4, 2, 1}, 2},
		{"one is best", []float64{1800, 1500, 1000, 500, 300, 100}, []int{4, 2, 1}, 1},
		{"the most are best", []float64{600, 1100, 2000, 3500, 5000, 7000}, []int{4, 2, 8, 16, 32}, 32},
		{"the first is best", []float64{500, 800, 1000, 900, 700, 600}, []int{4, 2, 8}, 4},
		{"a tie goes to the smaller", []float64{1000, 1000, 1000, 1000, 1000, 1000}, []int{4, 2, 1}, 1},
		{"a little better is a tie", []float64{500, 700, 1000, 1040, 1500, 2000}, []int{4, 2, 8}, 4},
		{"little by little is no tie", []float64{900, 960, 1000, 0, 0, 0}, []int{4, 2, 1}, 2},
		{"nobody is served", make([]float64, 6), []int{4, 2, 1}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tried, best := climb(t, Pools(), tt.rates); !slices.Equal(tried, tt.want) || best != tt.best {
				t.Errorf("tried %v and found %d, want %v and %d", tried, best, tt.want, tt.best)
			}
		})
	}
	if best, try := (&poolSearch{sizes: []int{7}}).next(); best != 7 || try != 0 {
		t.Errorf("of one size it tries %d and finds %d", try, best)
	}
	if tried, best := climb(t, []int{1, 2}, []float64{100, 200}); best != 2 || len(tried) != 2 {
		t.Errorf("below the first size it tried %v and found %d", tried, best)
	}
}

// climb runs a search against what sizes do, and returns those that it tried and the best.
func climb(t *testing.T, sizes []int, rates []float64) (tried []int, best int) {
	t.Helper()
	s := &poolSearch{sizes: sizes, seen: map[int]float64{}}
	for {
		best, try := s.next()
		if try == 0 {
			return tried, best
		}
		if slices.Contains(tried, try) {
			t.Fatalf("tries %d again, after %v", try, tried)
		}
		tried = append(tried, try)
		s.seen[try] = rates[slices.Index(sizes, try)]
	}
}

// Where throughput has one clear top, the search finds it.
func TestPoolSearchFindsTheTop(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		top, rates := rng.IntN(6), []float64{1000, 1000, 1000, 1000, 1000, 1000}
		for i := top - 1; i >= 0; i-- {
			rates[i] = rates[i+1] * (0.3 + 0.6*rng.Float64())
		}
		for i := top + 1; i < len(rates); i++ {
			rates[i] = rates[i-1] * (0.3 + 0.6*rng.Float64())
		}
		tried, best := climb(t, Pools(), rates)
		if best != Pools()[top] {
			t.Fatalf("of %.0f it tried %v and found %d", rates, tried, best)
		}
	}
}

// What is searched for, and the reason where nothing is.
func TestWherePoolsAreSearched(t *testing.T) {
	o := every()
	o.Pools = Pools()
	l := &ladder{Ladder: o}
	all := rungs(o)
	for _, tt := range []struct {
		rung, workload string
		want           []int
	}{
		{"immediate", "counter", Pools()},
		{"postgres/update", "counters", Pools()},
		{"red", "counter", []int{store.DefaultPool}},
		{"postgres/naive", "counter", []int{store.DefaultPool}}, // all clients are to meet in the server
		{"queue", "counter", []int{1}},                          // the writer's connection is none of the pool
		{"queue", "mixed", Pools()},                             // and readers' are
	} {
		r := &all[slices.IndexFunc(all, func(r rung) bool { return r.name == tt.rung })]
		if got := l.sizes(r, jobNamed(tt.workload)); !slices.Equal(got, tt.want) {
			t.Errorf("%s, %s: %v, want %v", tt.rung, tt.workload, got, tt.want)
		}
	}
	immediate := first(all, func(r *rung) bool { return r.name == "immediate" })
	for clients, want := range map[int][]int{1: {1}, 10: {1, 2, 4}, 500: Pools()} {
		l.Clients = []int{clients}
		if got := l.sizes(immediate, jobs[0]); !slices.Equal(got, want) {
			t.Errorf("with %d clients: %v, want %v", clients, got, want)
		}
	}
	l.Quick = true
	if got := l.sizes(first(all, func(r *rung) bool { return r.drivers != nil }), jobs[0]); !slices.Equal(got, []int{poolStart}) {
		t.Errorf("mixed drivers, quickly: %v, want %d", got, poolStart)
	}
	for _, r := range all { // as it was, and as --pool has it
		for want, pools := range map[int][]int{store.DefaultPool: nil, 7: {7}} {
			l.Pools = pools
			if got := l.sizes(&r, jobs[0]); !slices.Equal(got, []int{want}) {
				t.Errorf("%s with pools %v: %v", r.name, pools, got)
			}
		}
	}
}

// loopOf is what the ladder would record of a closed loop that does rate ok ops a second.
func loopOf(s run.Setup, rate float64) *run.Recording {
	r := &run.Recording{Setup: s}
	each := time.Duration(float64(time.Second) / rate)
	for at := time.Duration(0); at < s.Load.Duration; at += each {
		r.Ops = append(r.Ops, history.Op{Func: history.Increment, Key: "counter", Invoked: at, Returned: at + each, Outcome: history.OK})
	}
	if s.Syncs {
		syncs := int64(2 * len(r.Ops))
		r.Syncs = &syncs
	}
	return r
}

// The rungs wait for each other's pools and then take turns; figures and rates have the pool of
// their workload, and the loops of the search are no figures, unless they are as long.
func TestTrialsFollowThePool(t *testing.T) {
	for _, lasts := range []time.Duration{time.Second, 300 * time.Millisecond} {
		o := every()
		o.Pools, o.Workloads, o.Clients, o.Lasts, o.Steps = Pools(), []string{"counter", "counters"}, []int{100}, lasts, 1
		o.Rungs = []string{"red", "postgres/update"}
		x, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		best := map[string]int{"counter": 2, "counters": 16, "write": 2}
		recorded := experiment.Recordings{}
		for grown := true; grown; grown = x.Grow(recorded.Of(&x, []string{run.Processes})) {
			for _, arm := range x.Arms {
				for i := range arm.Trials {
					s := arm.Trials[i].Setup
					rate := 1000 - 100*math.Abs(math.Log2(float64(s.Discipline.Pool)/float64(best[jobOf(&s)])))
					if s.Syncs { // it costs much, and is a figure of nothing else
						rate = 10
					}
					for repeat := range arm.Times(&arm.Trials[i]) {
						recorded[experiment.Take{Setup: s.Key(), Repeat: repeat + 1, Place: run.Processes}] = loopOf(s, rate)
					}
				}
			}
			if len(x.Arms[0].Trials) > 0 && len(x.Arms[1].Trials) < 6 {
				t.Fatalf("red begins when of the other only %d trials are there", len(x.Arms[1].Trials))
			}
		}
		c := x.Compare(recorded.Of(&x, []string{run.Processes}))
		for _, r := range c.Rungs {
			if len(r.Figures) != 2 || r.Figures[0].Workload != "counter" || r.Figures[1].Workload != "counters" {
				t.Fatalf("loads of %s: figures of %s are %+v", lasts, r.Name, r.Figures)
			}
			for _, f := range r.Figures {
				if f.Syncs == nil || *f.Syncs != 2 || f.Rate < 500 {
					t.Errorf("loads of %s: %s in %s: %v syncs per ok at %.0f/s, want 2, of a load of their own", lasts, r.Name, f.Workload, f.Syncs, f.Rate)
				}
				want := best[f.Workload]
				if !r.Careful {
					want = store.DefaultPool
				}
				if f.Pool != want {
					t.Errorf("loads of %s: %s has pool %d in %s, want %d", lasts, r.Name, f.Pool, f.Workload, want)
				}
			}
			if tried := len(r.Pools); r.Careful != (tried == 3+5) {
				t.Errorf("loads of %s: %d pools tried of %s", lasts, tried, r.Name)
			}
			if r.Asked == nil || r.Careful && len(r.Rates) != 2 {
				t.Errorf("loads of %s: %s was asked %v, and its rates are %+v", lasts, r.Name, r.Asked, r.Rates)
			}
		}
		for _, arm := range x.Arms {
			keys := map[string]bool{}
			for i := range arm.Trials {
				s := &arm.Trials[i].Setup
				if s.Load.Arrival == run.Open && arm.Name != "red" && s.Discipline.Pool != best["counter"] {
					t.Errorf("%s is sent with pool %d", arm.Trials[i].Name, s.Discipline.Pool)
				}
				if keys[s.Key()] {
					t.Errorf("%s stands there twice", arm.Trials[i].Name)
				}
				keys[s.Key()] = true
			}
		}
	}
}
