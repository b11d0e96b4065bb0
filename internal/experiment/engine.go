package experiment

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"example.com/contend/internal/cluster"
)

// An Engine records the arms of experiments, each recording on a cluster of its own.
type Engine struct {
	Dir     string                                                       // of the run; must exist
	Seed    uint64                                                       // for the ops and the nodes' jitter
	Start   func(context.Context, cluster.Spec) (cluster.Cluster, error) // a cluster for one recording
	Observe func(Progress)                                               // called by one goroutine at a time; may be nil

	mu       sync.Mutex // guards what follows, and calls of Observe
	recorded map[take]*Recording
	plan     plan
}

// A take names a recording: arms that ask for the same one share it.
type take struct {
	setup  Setup
	repeat int // from 1
}

// A Progress is what the engine is doing.
type Progress struct {
	Experiment  string
	Arm         string // with the trial, where the arm has several
	Number, Of  int    // of the recording within the run, from 1; arms that share one count once
	Phase       string // "starting 4 nodes", "sending", "stopping"; "recorded" at its end
	Done, Total int    // ops, while sending

	// Behind is the part of the whole run that is over, from 0 to 1, and Takes
	// how long the whole was expected to take.
	Behind float64
	Takes  time.Duration
}

// Run records every arm of every experiment and judges it. When ctx is done it
// stops the load, judges what there is and returns it with ctx's cause; arms
// that had not begun are not in the results. An arm that cannot run carries
// its error and inconclusive findings, and the others go on.
func (e *Engine) Run(ctx context.Context, experiments []Experiment) ([]Result, error) {
	e.recorded = map[take]*Recording{}
	e.plan = newPlan(experiments)
	var results []Result
	for i := range experiments {
		x := &experiments[i]
		e.record(ctx, x)
		if result := Judge(x, e.evidence(x)); len(result.Arms) > 0 {
			results = append(results, result)
		}
	}
	return results, context.Cause(ctx)
}

// A job is one recording to be made.
type job struct {
	take
	arm, trial string
}

// jobs yields the recordings that x asks for, in order. The trials of an arm
// take turns, so that what changes on the machine meets all of them.
func (x *Experiment) jobs(yield func(job) bool) {
	for i := range x.Arms {
		arm := &x.Arms[i]
		for repeat := range max(arm.Repeats, 1) {
			for _, trial := range arm.Trials {
				if !yield(job{take{trial.Setup, repeat + 1}, arm.Name, trial.Name}) {
					return
				}
			}
		}
	}
}

// record makes the recordings of x that this run does not have yet, as many at
// once as it allows, until ctx is done.
func (e *Engine) record(ctx context.Context, x *Experiment) {
	work := make(chan *recorder)
	var workers sync.WaitGroup
	for range max(x.Abreast, 1) {
		workers.Go(func() {
			for rec := range work {
				rec.run(ctx)
			}
		})
	}
	for j := range x.jobs {
		if ctx.Err() != nil {
			break
		}
		if rec := e.claim(x.Name, j); rec != nil {
			work <- rec
		}
	}
	close(work)
	workers.Wait()
}

// claim returns the recorder of job j, or nil where this run has its recording.
func (e *Engine) claim(experiment string, j job) *recorder {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.recorded[j.take] != nil {
		return nil
	}
	p := Progress{Experiment: experiment, Arm: joined(j.arm, j.trial), Number: len(e.recorded) + 1, Of: len(e.plan.shares), Takes: e.plan.takes}
	r := &Recording{Setup: j.setup, Repeat: j.repeat, Dir: filepath.Join("recordings", directory(p.Number, j))}
	e.recorded[j.take] = r
	return &recorder{engine: e, take: j.take, recording: r, progress: p, dir: filepath.Join(e.Dir, r.Dir)}
}

// disclaim gives up a recording that has not begun.
func (e *Engine) disclaim(t take) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.recorded, t)
}

// joined is the name of a trial: its arm's, and its own where it has one.
func joined(arm, trial string) string {
	if trial == "" {
		return arm
	}
	return arm + " " + trial
}

// directory names the directory of a recording after what it is of.
func directory(number int, j job) string {
	name := joined(j.arm, j.trial)
	if j.repeat > 1 {
		name += fmt.Sprintf(" %d", j.repeat)
	}
	return fmt.Sprintf("%02d-%s", number, strings.NewReplacer("/", "-", " ", "-").Replace(name))
}

// observe tells how a recording is going.
func (e *Engine) observe(p Progress) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.Observe != nil {
		p.Behind = e.plan.behind
		e.Observe(p)
	}
}

// evidence returns what was recorded of x: arms of which nothing was are left out.
func (e *Engine) evidence(x *Experiment) []Evidence {
	var all []Evidence
	for i := range x.Arms {
		if evidence, any := e.ofArm(&x.Arms[i]); any {
			all = append(all, evidence)
		}
	}
	return all
}

func (e *Engine) ofArm(arm *Arm) (evidence Evidence, any bool) {
	evidence.Arm = arm.Name
	for _, trial := range arm.Trials {
		t := TrialEvidence{Name: trial.Name, Level: trial.Level, Setup: trial.Setup}
		for repeat := range max(arm.Repeats, 1) {
			if r := e.recorded[take{trial.Setup, repeat + 1}]; r != nil {
				t.Recordings = append(t.Recordings, r)
				any = true
			}
		}
		evidence.Trials = append(evidence.Trials, t)
	}
	return evidence, any
}
