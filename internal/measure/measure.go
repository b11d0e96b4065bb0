// Package measure turns a history into figures: how long clients waited, how
// much got done, and how evenly.
//
// Two ideas carry it. A wait counts from the moment an op was due
// ([history.Op.Latency]), whatever the outcome: a client that was refused after
// five seconds has waited five seconds. And figures are of clients only: ops of
// the recorder itself (process -1) are left out.
//
// The package judges nothing, and reads no clock.
package measure

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"example.com/contend/history"
)

// A Summary is a distribution of latencies, in milliseconds. Max and Mean are
// exact. The percentiles are those of an HDR histogram from 1 µs to 1 h with 3
// digits (https://hdrhistogram.github.io/HdrHistogram/): at most 0.1 % above
// the exact ones, never above Max. The zero Summary is that of nothing.
type Summary struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`
	Mean  float64 `json:"mean"`
}

// Latency summarizes how long the clients of a history waited, whatever the
// outcome. Select the ops first for a part of them.
func Latency(ops []history.Op) Summary {
	return Durations(latencies(ops))
}

func latencies(ops []history.Op) (all []time.Duration) {
	for i := range ops {
		if byClient(&ops[i]) {
			all = append(all, max(ops[i].Latency(), 0))
		}
	}
	return all
}

// The range of the histogram, in µs.
const (
	lowest  = 1
	highest = int64(time.Hour / time.Microsecond)
	digits  = 3
)

// Durations summarizes durations. One below 0 counts as 0.
func Durations(durations []time.Duration) Summary {
	if len(durations) == 0 {
		return Summary{}
	}
	h := hdrhistogram.New(lowest, highest, digits)
	var longest time.Duration
	var sum float64
	for _, d := range durations {
		d = max(d, 0)
		longest = max(longest, d)
		sum += milliseconds(d)
		// Clamped into its range, the histogram has no reason to refuse a value.
		_ = h.RecordValue(min(d.Round(time.Microsecond).Microseconds(), highest))
	}
	percentile := func(p float64) float64 {
		return min(float64(h.ValueAtPercentile(p))/1000, milliseconds(longest))
	}
	return Summary{
		Count: int64(len(durations)),
		P50:   percentile(50),
		P90:   percentile(90),
		P99:   percentile(99),
		P999:  percentile(99.9),
		Max:   milliseconds(longest),
		Mean:  sum / float64(len(durations)),
	}
}

// Throughput returns the ok ops a second, between the first op that a client
// sent and the last answer that one got; 0 where that is no time.
func Throughput(ops []history.Op) float64 {
	var first, last time.Duration
	ok, seen := 0, false
	for i := range ops {
		op := &ops[i]
		if !byClient(op) {
			continue
		}
		if !seen || op.Invoked < first {
			first = op.Invoked
		}
		last = max(last, op.Returned)
		seen = true
		if op.Outcome == history.OK {
			ok++
		}
	}
	if last <= first {
		return 0
	}
	return float64(ok) / (last - first).Seconds()
}

// Fairness returns the smallest share of a node over the largest, in ok ops: 1 where
// all did the same, 0 where one did nothing. It is 1 where there are not two nodes to
// compare, and where no node did anything. Ops without a node are left out.
func Fairness(ops []history.Op) float64 {
	done := done(ops, func(op *history.Op) string { return op.Node })
	delete(done, "")
	if len(done) == 0 {
		return 1
	}
	all := slices.Sorted(maps.Values(done))
	if most := all[len(all)-1]; most > 0 {
		return all[0] / most
	}
	return 1
}

// done counts the ok ops of the clients by what they have in common, 0 where all ended otherwise.
func done[K comparable](ops []history.Op, by func(*history.Op) K) map[K]float64 {
	counts := map[K]float64{}
	for i := range ops {
		op := &ops[i]
		if !byClient(op) {
			continue
		}
		counts[by(op)] += 0
		if op.Outcome == history.OK {
			counts[by(op)]++
		}
	}
	return counts
}

// Jain returns Jain's fairness index of the clients' ok ops, (Σx)²/(n·Σx²) with
// x the ok ops of a client and n the clients that sent anything: 1 where all had
// the same, k/n where k of them shared everything, and 1/n where one had it
// (Jain, Chiu, Hawe: A Quantitative Measure of Fairness and Discrimination for
// Resource Allocation in Shared Computer Systems, DEC-TR-301, 1984). It is 1
// where no client had anything, as no client had more than another.
//
// It is meant for clients that each send as much as they can, as those of a closed
// loop do. For others, it measures how much they sent.
func Jain(ops []history.Op) float64 {
	had := done(ops, func(op *history.Op) int { return op.Process })
	var sum, squares float64
	for _, n := range had {
		sum += n
		squares += n * n
	}
	if sum == 0 {
		return 1
	}
	return sum * sum / (float64(len(had)) * squares)
}

// A Step is a point of a cumulative distribution.
type Step struct {
	Milliseconds float64 // a wait
	Share        float64 // of ops that waited no longer, above 0 and at most 1
}

// Silence returns the longest time without a success among ops, from their start until end. What
// was answered at or after end does not count.
func Silence(ops []history.Op, end time.Duration) (longest time.Duration) {
	var answers []time.Duration
	for i := range ops {
		if ops[i].Outcome == history.OK && ops[i].Returned < end {
			answers = append(answers, ops[i].Returned)
		}
	}
	slices.Sort(answers)
	var last time.Duration
	for _, at := range append(answers, end) {
		longest, last = max(longest, at-last), at
	}
	return longest
}

// Cumulative returns the distribution of the clients' latencies, whatever the
// outcome, in at most n steps and two: the shortest and the longest wait are
// always among them.
func Cumulative(ops []history.Op, n int) []Step {
	waits := latencies(ops)
	slices.Sort(waits)
	var steps []Step
	last := len(waits) - 1
	for i, wait := range waits {
		// A step where the share passes another n-th, and at both ends.
		if i > 0 && i < last && (i+1)*n/len(waits) == i*n/len(waits) {
			continue
		}
		steps = append(steps, Step{milliseconds(wait), float64(i+1) / float64(len(waits))})
	}
	return steps
}

func byClient(op *history.Op) bool { return op.Process >= 0 }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// A Spread is how a figure came out in repeats. The zero Spread is that of none.
type Spread struct {
	Count  int     `json:"count"`
	Min    float64 `json:"min"`
	Median float64 `json:"median"` // of an even number, the mean of the middle two
	Max    float64 `json:"max"`
}

// SpreadOf returns the spread of values, which may come in any order.
func SpreadOf(values []float64) Spread {
	n := len(values)
	if n == 0 {
		return Spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	return Spread{
		Count: n, Min: sorted[0], Max: sorted[n-1],
		Median: (sorted[(n-1)/2] + sorted[n/2]) / 2,
	}
}

// Apart reports whether every value of s is below every value of t, or the
// other way round. Where the two overlap, no difference was seen.
func (s Spread) Apart(t Spread) bool {
	return s.Count > 0 && t.Count > 0 && (s.Max < t.Min || t.Max < s.Min)
}

// String is "3.1 (2.9–3.4, n=5)", or "3.1" where there is but one value.
func (s Spread) String() string {
	switch {
	case s.Count == 0:
		return "no value"
	case s.Count == 1:
		return Number(s.Median)
	default:
		return fmt.Sprintf("%s (%s–%s, n=%d)", Number(s.Median), Number(s.Min), Number(s.Max), s.Count)
	}
}

// Number writes v with about three digits that mean something, and without an
// exponent: "0.042", "3.1", "1235".
func Number(v float64) string {
	switch size := math.Abs(v); {
	case v == math.Trunc(v) || size >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case size >= 0.001:
		digits := 2 - int(math.Floor(math.Log10(size)))
		return strconv.FormatFloat(v, 'f', digits, 64)
	default:
		return strconv.FormatFloat(v, 'f', 6, 64)
	}
}
