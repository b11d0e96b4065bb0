package catalogue

import (
	"slices"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/run"
)

// Figures that several experiments take from their recordings.
var (
	errorRate          = experiment.Figure{Name: "error rate", Unit: "%", Of: errorRateOf}
	successRate        = experiment.Figure{Name: "success rate", Unit: "%", Of: successRateOf}
	meanWait           = experiment.Figure{Name: "mean wait", Unit: "ms", Of: meanWaitOf}
	tailWait           = experiment.Figure{Name: "wait of the slowest in a hundred", Unit: "ms", Of: tailWaitOf}
	worstWait          = experiment.Figure{Name: "worst wait", Unit: "ms", Of: worstWaitOf}
	attemptsPerSuccess = experiment.Figure{Name: "attempts per success", Of: attemptsPerSuccessOf}
	fairness           = experiment.Figure{Name: "least share over greatest", Of: fairnessOf}
)

// successRateOf is the part of the requests sent that were acknowledged.
func successRateOf(r *run.Recording) (percent float64, ok bool) {
	n := r.Counts()
	if n.Total == 0 {
		return 0, false
	}
	return 100 * float64(n.OK) / float64(n.Total), true
}

// errorRateOf is the rest of them: to its client an answer that did not come
// is an error, whether or not the request took effect.
func errorRateOf(r *run.Recording) (percent float64, ok bool) {
	percent, ok = successRateOf(r)
	return 100 - percent, ok
}

func meanWaitOf(r *run.Recording) (ms float64, ok bool) {
	s := measure.Latency(r.Ops)
	return s.Mean, s.Count > 0
}

func tailWaitOf(r *run.Recording) (ms float64, ok bool) {
	s := measure.Latency(r.Ops)
	return s.P99, s.Count > 0
}

func worstWaitOf(r *run.Recording) (ms float64, ok bool) {
	s := measure.Latency(r.Ops)
	return s.Max, s.Count > 0
}

// attemptsPerSuccessOf is what a success costs the database: every try that
// the nodes made, those for requests that failed in the end included.
func attemptsPerSuccessOf(r *run.Recording) (attempts float64, ok bool) {
	n := r.Counts().OK
	if n == 0 {
		return 0, false
	}
	_, _, tries := r.Codes()
	return float64(tries) / float64(n), true
}

func fairnessOf(r *run.Recording) (share float64, ok bool) {
	return measure.Fairness(r.Ops), r.Counts().OK > 0
}

// failures is how many of the planned requests did not take effect, as far as is known.
func failures(r *run.Recording) check.Range {
	planned, ok := planned(r), r.Succeeded()
	return check.Range{Min: planned - ok.Max, Max: planned - ok.Min}
}

// planned is how many requests the load was to send.
func planned(r *run.Recording) int64 { return int64(r.Counts().Total + r.Unsent) }

// withCode is how many of the planned requests ended with one of codes, as far as is known.
func withCode(r *run.Recording, codes ...string) check.Range {
	var n int64
	for _, op := range r.ClientOps() {
		if slices.Contains(codes, op.Code) {
			n++
		}
	}
	ok := r.Succeeded()
	return check.Range{Min: n, Max: n + ok.Max - ok.Min}
}
