package measure

import (
	"slices"
	"time"

	"example.com/contend/history"
)

// A Step is a point of a cumulative distribution.
type Step struct {
	Milliseconds float64 // a wait
	Share        float64 // of ops that waited no longer, above 0 and at most 1
}

// Cumulative returns the distribution of the clients' latencies, whatever the
// outcome, in at most n steps and two: the shortest and the longest wait are
// always among them.
func Cumulative(ops []history.Op, n int) []Step {
	var waits []time.Duration
	for i := range ops {
		if byClient(&ops[i]) {
			waits = append(waits, max(ops[i].Latency(), 0))
		}
	}
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
