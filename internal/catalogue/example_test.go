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
	writers := pick(o, 40, 20)
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
		Claims: []experiment.Claim{
			claim("five-seconds-suffice", source(63, "デフォルト5秒のビジータイムアウト"),
				"With a busy_timeout of five seconds no writer is refused.",
				atLevel(5, noneRefused)),
		},
		Arms:    []experiment.Arm{patienceArm(store.Delete, writers), patienceArm(store.WAL, writers)},
		Figures: []experiment.Figure{refused},
		Plots: []experiment.Plot{experiment.LevelPlot("Refused against patience",
			run.Axis{Label: "busy_timeout", Unit: "s"}, run.Axis{Label: "refused", Unit: "%"}, refused)},
		Takes: 5 * time.Second,
	}
}

// patienceArm has a trial for each busy_timeout, all else equal.
func patienceArm(journal store.Journal, writers int) experiment.Arm {
	arm := experiment.Arm{Name: string(journal), Repeats: 3, Expect: outlook{holds: "five-seconds-suffice"}.expect()}
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
