package catalogue

import (
	"fmt"
	"time"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
)

// cascadeOutlooks rest on runs alone and abreast, on an idle and on a busy machine.
var cascadeOutlooks = map[string]outlook{
	"green":     {refuted: "retries-pile-up retries-slow-all"},
	"impatient": {holds: "retries-pile-up retries-slow-all"},
	"atomic":    {refuted: "retries-pile-up retries-slow-all service-stops"},
}

func cascadeClaims() []experiment.Claim {
	return []experiment.Claim{{
		ID:     "retries-pile-up",
		Text:   "Retries pile requests up: a second after the overload at least twice as many are in flight as without them, and at least ten more.",
		TextJA: "リトライによるリクエストの蓄積",
		Source: seed(694),
		Check: func(e *experiment.Evidence) experiment.Judgement {
			return twice(e, leftInFlight, 10, "requests in flight a second after the overload")
		},
	}, {
		ID:     "retries-slow-all",
		Text:   "With retries the whole system answers more slowly: clients wait at least twice as long on average as without them, and at least 100 ms longer.",
		TextJA: "システム全体のレスポンス低下",
		Source: seed(695),
		Check: func(e *experiment.Evidence) experiment.Judgement {
			return twice(e, meanWait, 100, "ms of mean wait")
		},
	}, {
		ID: "service-stops",
		Text: "Retries finally stop the service, which without them goes on: for two seconds no request succeeds, or five seconds after the " +
			"overload it still does not answer four in five of those that come within a second.",
		TextJA: "最終的なサービス停止",
		Source: seed(696),
		Check:  retriesStop,
	}}
}

// twice judges the claim that a figure is at least twice as great with retries
// as without, and greater by at least least: twice next to nothing is nothing.
func twice(e *experiment.Evidence, f experiment.Figure, least float64, what string) experiment.Judgement {
	for r := range e.All {
		if j := whole(r, experiment.Judgement{}); j.Reason != "" {
			return j
		}
	}
	without, with := e.Trial(withoutRetries).Spread(f.Of), e.Trial(withRetries).Spread(f.Of)
	if without.Count == 0 || with.Count == 0 {
		return experiment.Judgement{Reason: "with and without retries were not both recorded"}
	}
	return experiment.Judgement{
		Verdict:  ruled(with.Median >= 2*without.Median && with.Median-without.Median >= least),
		Measured: fmt.Sprintf("%.0f with retries, %.0f without", with.Median, without.Median),
		Reason:   fmt.Sprintf("%.0f %s with retries and %.0f without; the claim wants twice as many, and at least %g more", with.Median, what, without.Median, least),
	}
}

// A service has stopped when it is silent for so long, or still down so long
// after the overload, which is the patience that the seed gives a node.
const (
	stopSilence = 2 * time.Second
	stopDown    = 5 * time.Second
)

// retriesStop judges the claim that the service stops with retries and goes on
// without. Where it stops in both, something else has stopped it.
func retriesStop(e *experiment.Evidence) experiment.Judgement {
	without, with := e.Trial(withoutRetries).Recordings, e.Trial(withRetries).Recordings
	if len(without) == 0 || len(with) == 0 {
		return experiment.Judgement{Reason: "with and without retries were not both recorded"}
	}
	stopped, how := stops(with[0])
	alsoStopped, alsoHow := stops(without[0])
	j := experiment.Judgement{
		Verdict:  check.Merge(stopped, opposite(alsoStopped)),
		Measured: "with retries " + how,
		Reason:   fmt.Sprintf("with retries: %s; without: %s; the claim wants %s of silence, or %s to recover, with retries only", how, alsoHow, stopSilence, stopDown),
	}
	return whole(with[0], whole(without[0], j))
}

// stops judges whether the service stops in a recording, and says how it went.
// A calm that ends before it could have been down for long enough leaves it open.
func stops(r *experiment.Recording) (check.Verdict, string) {
	silent, _ := silenceOf(r)
	after, recovered := recoveryOf(r)
	how := fmt.Sprintf("%.1f s without a success", silent)
	switch {
	case recovered:
		how += fmt.Sprintf(", recovered after %.1f s", after)
	default:
		how += fmt.Sprintf(", not recovered within %s", r.Setup.Load.Then.Duration)
	}
	switch {
	case silent >= stopSilence.Seconds(), recovered && after >= stopDown.Seconds(),
		!recovered && r.Setup.Load.Then.Duration >= stopDown+window:
		return check.Holds, how
	case !recovered:
		return check.Inconclusive, how
	default:
		return check.Refuted, how
	}
}

// opposite is the verdict on the denial of a claim.
func opposite(v check.Verdict) check.Verdict {
	switch v {
	case check.Holds:
		return check.Refuted
	case check.Refuted:
		return check.Holds
	default:
		return check.Inconclusive
	}
}
