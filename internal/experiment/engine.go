package experiment

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// An Engine records the arms of experiments, each recording on a cluster of its own.
type Engine struct {
	Dir     string         // of the run; must exist
	Seed    uint64         // for the ops and the nodes' jitter
	Places  []Place        // where every arm is recorded; at least one
	Observe func(Progress) // called by one goroutine at a time; may be nil

	mu       sync.Mutex // guards what follows, and calls of Observe
	recorded map[take]*Recording
	plan     plan
}

// A take names a recording: arms that ask for the same one share it.
type take struct {
	setup  Setup
	repeat int    // from 1
	place  string // its name
}

// A Progress is what the engine is doing.
type Progress struct {
	Experiment  string
	Arm         string // with the trial, where the arm has several
	Place       string // where it is made; empty where there is only one place
	Number, Of  int    // of the recording within the run, from 1; arms that share one count once
	Phase       string // "starting 4 nodes", "sending", "stopping"; "recorded" at its end
	Done, Total int    // ops, while sending

	// Behind is the part of the whole run that is over, from 0 to 1, and Takes
	// how long the whole was expected to take.
	Behind float64
	Takes  time.Duration
}

// Run records every arm of every experiment in every place and judges it. When
// ctx is done it stops the load, judges what there is and returns it with ctx's
// cause; arms that had not begun are not in the results. An arm that cannot run
// carries its error and inconclusive findings, and the others go on. What a
// place refuses is told as skipped.
func (e *Engine) Run(ctx context.Context, experiments []Experiment) ([]Result, error) {
	e.Prepare(experiments)
	var results []Result
	for i := range experiments {
		x := &experiments[i]
		result := Judge(x, e.Record(ctx, x))
		result.Skipped = x.skipped(e.Places)
		if len(result.Arms)+len(result.Skipped) > 0 {
			results = append(results, result)
		}
	}
	return results, context.Cause(ctx)
}

// Prepare forgets what was recorded, and plans the time that the experiments take.
func (e *Engine) Prepare(experiments []Experiment) {
	e.recorded = map[take]*Recording{}
	e.plan = newPlan(experiments, e.Places)
}

// Record makes the recordings of x that there are not yet since Prepare, until
// ctx is done, and returns the evidence of all of them. Whoever decides by it
// what else is to be recorded adds trials to x and calls Record again.
func (e *Engine) Record(ctx context.Context, x *Experiment) []Evidence {
	e.record(ctx, x)
	return e.evidence(x)
}

// A job is one recording to be made.
type job struct {
	take
	arm, trial string
	in         *Place
}

// jobs returns the recordings that x asks for, in order. The trials of an arm
// take turns, and so do the places, so that what changes on the machine meets
// all of them; of an interleaved experiment, the arms do so too.
func (x *Experiment) jobs(places []Place) []job {
	var all []job
	if !x.Interleaved {
		for i := range x.Arms {
			for repeat := range max(x.Arms[i].Repeats, 1) {
				for k := range x.Arms[i].Trials {
					all = append(all, x.Arms[i].jobs(k, repeat, places)...)
				}
			}
		}
		return all
	}
	repeats, trials := x.extent()
	for repeat := range repeats {
		for k := range trials {
			for i := range x.Arms {
				if arm := &x.Arms[i]; repeat < max(arm.Repeats, 1) && k < len(arm.Trials) {
					all = append(all, arm.jobs(k, repeat, places)...)
				}
			}
		}
	}
	return all
}

// extent is how often an arm repeats its trials at most, and how many it has.
func (x *Experiment) extent() (repeats, trials int) {
	for i := range x.Arms {
		repeats = max(repeats, x.Arms[i].Repeats, 1)
		trials = max(trials, len(x.Arms[i].Trials))
	}
	return repeats, trials
}

// jobs returns the recordings of trial k, one for each place that can make it.
func (a *Arm) jobs(k, repeat int, places []Place) []job {
	var all []job
	for i := range places {
		if p := &places[i]; p.refusal(a) == "" {
			all = append(all, job{take{a.Trials[k].Setup, repeat + 1, p.Name}, a.Name, a.Trials[k].Name, p})
		}
	}
	return all
}

// abreast is how many recordings of x may be made at once.
func (e *Engine) abreast(x *Experiment) int {
	for i := range e.Places {
		if e.Places[i].Single {
			return 1
		}
	}
	return max(x.Abreast, 1)
}

// record makes the recordings of x that this run does not have yet, as many at
// once as it allows, until ctx is done.
func (e *Engine) record(ctx context.Context, x *Experiment) {
	work := make(chan *recorder)
	var workers sync.WaitGroup
	for range e.abreast(x) {
		workers.Go(func() {
			for rec := range work {
				rec.run(ctx)
			}
		})
	}
	for _, j := range x.jobs(e.Places) {
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
	p := Progress{Experiment: experiment, Arm: joined(j.arm, j.trial), Number: len(e.recorded) + 1, Of: e.plan.recordings, Takes: e.plan.takes}
	name := directory(p.Number, j)
	if len(e.Places) > 1 {
		p.Place = j.place
		name += "-" + inFileName.Replace(j.place)
	}
	r := &Recording{Setup: j.setup, Repeat: j.repeat, Place: j.place, Dir: filepath.Join("recordings", name)}
	e.recorded[j.take] = r
	return &recorder{engine: e, take: j.take, start: j.in.Start, recording: r, progress: p, dir: filepath.Join(e.Dir, r.Dir)}
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
	return fmt.Sprintf("%02d-%s", number, inFileName.Replace(name))
}

// inFileName makes a name fit for a file.
var inFileName = strings.NewReplacer("/", "-", " ", "-", ":", "-", ",", "-")

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
		for k := range e.Places {
			if evidence, any := e.ofArm(&x.Arms[i], e.Places[k].Name); any {
				all = append(all, evidence)
			}
		}
	}
	return all
}

func (e *Engine) ofArm(arm *Arm, place string) (evidence Evidence, any bool) {
	evidence.Arm, evidence.Place = arm.Name, place
	for _, trial := range arm.Trials {
		t := TrialEvidence{Name: trial.Name, Level: trial.Level, Setup: trial.Setup}
		for repeat := range max(arm.Repeats, 1) {
			if r := e.recorded[take{trial.Setup, repeat + 1, place}]; r != nil {
				t.Recordings = append(t.Recordings, r)
				any = true
			}
		}
		evidence.Trials = append(evidence.Trials, t)
	}
	return evidence, any
}
