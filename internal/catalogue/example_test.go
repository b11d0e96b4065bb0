package catalogue

import (
	"fmt"
	"time"

	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// patienceNeeded asks how much busy_timeout it takes.
func patienceNeeded(o Options) experiment.Experiment {
	writers := 40
	if o.Quick {
		writers = 20
	}
	refused := experiment.Figure{
		Name: "refused", Unit: "%",
		Of: func(r *run.Recording) (float64, bool) {
			n := r.Counts()
			return 100 * float64(n.Failed) / float64(n.Total), n.Total > 0
		},
	}
	return experiment.Experiment{
		Name:     "patience",
		Question: fmt.Sprintf("How long must busy_timeout be, so that none of %d writers at once is refused?", writers),
		Claims: []experiment.Claim{{
			ID:     "five-seconds-suffice",
			Text:   "With a busy_timeout of five seconds no writer is refused.",
			TextJA: "デフォルト5秒のビジータイムアウト",
			Source: seed(63),
			Check: func(e *run.Evidence) experiment.Judgement {
				return experiment.Each(noneRefused)(&run.Evidence{Trials: []run.TrialEvidence{*e.Trial("5 s")}})
			},
		}},
		Arms: []experiment.Arm{
			patienceArm("DELETE", store.Delete, writers, run.ExpectHolds),
			patienceArm("WAL", store.WAL, writers, run.ExpectHolds),
		},
		Figures: []experiment.Figure{refused},
		Plots: []experiment.Plot{experiment.LevelPlot("Refused against patience",
			run.Axis{Label: "busy_timeout", Unit: "s"}, run.Axis{Label: "refused", Unit: "%"}, refused)},
		Takes: 5 * time.Second,
	}
}

// patienceArm has a trial for each busy_timeout, all else equal.
func patienceArm(name string, journal store.Journal, writers int, expected run.Expectation) experiment.Arm {
	arm := experiment.Arm{
		Name: name, Repeats: 3,
		Expect: map[string]run.Expectation{"five-seconds-suffice": expected},
	}
	for _, seconds := range []int{0, 1, 5} {
		arm.Trials = append(arm.Trials, experiment.Trial{
			Name: fmt.Sprintf("%d s", seconds), Level: float64(seconds),
			Setup: run.Setup{
				Nodes: nodes, Discipline: quiet(store.Atomic, store.Milliseconds(1000*seconds), journal),
				Load: burst(writers), Workload: workload.Write{Nodes: nodes},
			},
		})
	}
	return arm
}

// noneRefused judges one recording.
func noneRefused(r *run.Recording) experiment.Judgement {
	n := r.Succeeded()
	return experiment.Judgement{
		Verdict:  n.Above(int64(r.Setup.Load.Requests) - 1),
		Measured: fmt.Sprintf("%s of %d acknowledged", n, r.Setup.Load.Requests),
		Reason:   fmt.Sprintf("%s of %d writers were acknowledged", n, r.Setup.Load.Requests),
	}
}
