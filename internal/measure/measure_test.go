package measure_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/history"
	"example.com/contend/internal/measure"
)

const ms = time.Millisecond

func TestDurations(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1)*ms)
	}
	for _, test := range []struct {
		name string
		in   []time.Duration
		want measure.Summary
	}{
		{"nothing", nil, measure.Summary{}},
		{"one", []time.Duration{1500 * time.Microsecond}, measure.Summary{Count: 1, P50: 1.5, P90: 1.5, P99: 1.5, P999: 1.5, Max: 1.5, Mean: 1.5}},
		{"1 to 100 ms", hundred, measure.Summary{Count: 100, P50: 50, P90: 90, P99: 99, P999: 100, Max: 100, Mean: 50.5}},
		{"below 0 counts as 0", []time.Duration{-ms, ms}, measure.Summary{Count: 2, P50: 0, P90: 1, P99: 1, P999: 1, Max: 1, Mean: 0.5}},
		{"beyond the histogram, Max and Mean stay exact", []time.Duration{2 * time.Hour},
			measure.Summary{Count: 1, P50: 3.6e6, P90: 3.6e6, P99: 3.6e6, P999: 3.6e6, Max: 7.2e6, Mean: 7.2e6}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := measure.Durations(test.in)
			near := cmp.Comparer(func(a, b float64) bool { return a == b || b > 0 && math.Abs(a-b)/b <= 0.001 })
			if diff := cmp.Diff(test.want, got, near); diff != "" {
				t.Error("want -, got +\n" + diff)
			}
			if got.Max != test.want.Max || got.Mean != test.want.Mean {
				t.Errorf("Max and Mean are %v and %v, want exactly %v and %v", got.Max, got.Mean, test.want.Max, test.want.Mean)
			}
		})
	}
}

// The percentiles agree with those of the sorted list to 3 digits.
func TestDurationsAgainstSorting(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var in []time.Duration
	for range 5000 {
		in = append(in, time.Duration(math.Exp(rng.Float64()*20))*time.Microsecond)
	}
	got := measure.Durations(in)
	slices.Sort(in)
	for _, test := range []struct{ p, got float64 }{{0.5, got.P50}, {0.9, got.P90}, {0.99, got.P99}, {0.999, got.P999}, {1, got.Max}} {
		want := in[int(math.Ceil(test.p*float64(len(in))))-1].Seconds() * 1000
		if test.got < want*0.999 || test.got > want*1.002 {
			t.Errorf("p%g is %g, want %g", test.p*100, test.got, want)
		}
	}
}

func TestSummaryJSON(t *testing.T) {
	got, err := json.Marshal(measure.Durations([]time.Duration{ms}))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"count":1,"p50":1,"p90":1,"p99":1,"p999":1,"max":1,"mean":1}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLatencyCountsFromWhenAnOpWasDue(t *testing.T) {
	got := measure.Latency([]history.Op{
		{Outcome: history.OK, Intended: 0, Invoked: 8 * ms, Returned: 10 * ms},
		{Outcome: history.Failed, Intended: 10 * ms, Invoked: 10 * ms, Returned: 30 * ms},
		{Outcome: history.Unknown, Intended: 0, Invoked: 0, Returned: 60 * ms},
		{Process: -1, Func: history.FinalRead, Outcome: history.OK, Intended: 0, Returned: 500 * ms},
	})
	if got.Count != 3 || got.Max != 60 || got.Mean != 30 {
		t.Errorf("got count %d, max %g, mean %g; want 3, 60, 30", got.Count, got.Max, got.Mean)
	}
}

func TestThroughput(t *testing.T) {
	op := func(outcome history.Outcome, invoked, returned time.Duration) history.Op {
		return history.Op{Outcome: outcome, Invoked: invoked, Returned: returned}
	}
	for _, test := range []struct {
		name string
		ops  []history.Op
		want float64
	}{
		{"nothing", nil, 0},
		{"no time", []history.Op{op(history.OK, ms, ms)}, 0},
		{"only ok ops count, but all make the span", []history.Op{
			op(history.OK, 1000*ms, 1500*ms), op(history.OK, 1000*ms, 2000*ms), op(history.Unknown, 1000*ms, 5000*ms)}, 0.5},
		{"not the recorder's", []history.Op{
			op(history.OK, 0, 100*ms), {Process: -1, Outcome: history.OK, Returned: 9000 * ms}}, 10},
		{"only the recorder's", []history.Op{{Process: -1, Outcome: history.OK, Returned: 9000 * ms}}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := measure.Throughput(test.ops); got != test.want {
				t.Errorf("got %g, want %g", got, test.want)
			}
		})
	}
}

func TestFairness(t *testing.T) {
	ok := func(node string) history.Op { return history.Op{Node: node, Outcome: history.OK} }
	failed := func(node string) history.Op { return history.Op{Node: node, Outcome: history.Failed} }
	for _, test := range []struct {
		name string
		ops  []history.Op
		want float64
	}{
		{"nothing", nil, 1},
		{"even", []history.Op{ok("app-1"), ok("app-2")}, 1},
		{"uneven", []history.Op{ok("app-1"), ok("app-2"), ok("app-2"), failed("app-1")}, 0.5},
		{"one starves", []history.Op{ok("app-1"), failed("app-2")}, 0},
		{"all starve", []history.Op{failed("app-1"), failed("app-2")}, 1},
		{"one node", []history.Op{ok("app-1")}, 1},
		{"nobody knows the node", []history.Op{ok("app-1"), failed(""), ok("")}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := measure.Fairness(test.ops); got != test.want {
				t.Errorf("got %g, want %g", got, test.want)
			}
		})
	}
}
