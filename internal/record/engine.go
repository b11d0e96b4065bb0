// Package record makes the recordings that experiments ask for: it starts a cluster
// for each, lays down what the database begins with, sends the load or plays the
// scene while the fault is at work, stops the cluster, reads the database from outside,
// and stores what happened. It judges nothing: package experiment does.
package record

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/contend/internal/experiment"
	"example.com/contend/internal/proc"
	"example.com/contend/internal/run"
)

// An Engine records the arms of experiments, each recording on a cluster of its own.
type Engine struct {
	Dir     string         // of the run; must exist
	Seed    uint64         // for the ops and the nodes' jitter
	Places  []Place        // where every arm is recorded; at least one
	Observe func(Progress) // called by one goroutine at a time; may be nil

	stop context.CancelCauseFunc // ends the run: no recording can be made any more

	mu       sync.Mutex // guards what follows, and calls of Observe
	recorded experiment.Recordings
	plan     plan
	usages   []usageAt                // in the order in which they were read
	syncs    map[string]time.Duration // how long fsync takes, by place; read at the run's start
}

// A usageAt is what the machine had done at a time.
type usageAt struct {
	at time.Time
	proc.Usage
}

// lookBack is the least time over which it is measured how much of the machine others take: the
// kernel counts in steps of 10 ms, which would be much of a recording of 0.3 s.
const lookBack = time.Second

// usage reads what the machine of a place has done, and returns the share that others have
// taken of it since began, or for as long before as makes a second, as far as there was a
// reading; nil where it is not known.
func (e *Engine) usage(place *Place, began time.Time) *float64 {
	if place.Usage == nil {
		return nil
	}
	now, err := place.Usage()
	if err != nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	all := append(e.usages, usageAt{time.Now(), now})
	e.usages = all
	from := min(began.UnixNano(), all[len(all)-1].at.Add(-lookBack).UnixNano())
	before := all[0]
	for _, u := range all {
		if u.at.UnixNano() <= from {
			before = u
		}
	}
	others := now.Others(before.Usage)
	return &others
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

// Run records every arm of every experiment in every place, with the trials that the
// evidence calls for, and judges it. When ctx is done it stops the load, judges what
// there is and returns it with ctx's cause; arms that had not begun are not in the
// results. An arm that cannot run carries its error and inconclusive findings, and the
// others go on; but a full disk ends the run like ctx, with a cause that is [syscall.ENOSPC].
// An arm that a place refuses is in the result's Skipped.
func (e *Engine) Run(ctx context.Context, experiments []experiment.Experiment) ([]run.Result, error) {
	ctx, e.stop = context.WithCancelCause(ctx)
	defer e.stop(nil)
	e.recorded = experiment.Recordings{}
	e.plan = newPlan(experiments, e.Places)
	e.syncs = map[string]time.Duration{}
	for _, place := range e.Places {
		if place.SyncTime == nil {
			continue
		}
		if took, err := place.SyncTime(e.Dir); err == nil { // a directory that cannot be written to is told by the first recording
			e.syncs[place.Name] = took
		}
	}
	var results []run.Result
	for i := range experiments {
		x := &experiments[i]
		skipped := skipped(x, e.Places)
		evidence := e.record(ctx, x)
		for ctx.Err() == nil && x.Grow(evidence) {
			evidence = e.record(ctx, x)
		}
		result := experiment.Judge(x, evidence)
		result.Skipped = skipped
		if len(result.Arms)+len(result.Skipped) > 0 {
			results = append(results, result)
		}
	}
	return results, context.Cause(ctx)
}

// A job is one recording to be made.
type job struct {
	experiment.Take
	setup      *run.Setup
	arm, trial string
	in         *Place
	turn       int // of the trial among those of its arm that are not there yet
}

// jobs returns the recordings that x asks for and that are not there yet, in order. The trials
// of an arm take turns, and so do the places, so that what changes on the machine meets
// all of them; of an interleaved experiment, the arms do so too.
func jobs(x *experiment.Experiment, places []Place, have experiment.Recordings) (all []job) {
	for i := range x.Arms {
		arm := &x.Arms[i]
		times := 0
		for k := range arm.Trials {
			times = max(times, arm.Times(&arm.Trials[k]))
		}
		for repeat := range times {
			turn := 0
			for k := range arm.Trials {
				t := &arm.Trials[k]
				if repeat >= arm.Times(t) {
					continue
				}
				key := t.Setup.Key()
				before := len(all)
				for p := range places {
					take := experiment.Take{Setup: key, Repeat: repeat + 1, Place: places[p].Name}
					if have[take] == nil && places[p].refusal(arm) == "" {
						all = append(all, job{take, &t.Setup, arm.Name, t.Name, &places[p], turn})
					}
				}
				if len(all) > before {
					turn++
				}
			}
		}
	}
	if x.Interleaved {
		slices.SortStableFunc(all, func(a, b job) int { return cmp.Or(cmp.Compare(a.Repeat, b.Repeat), cmp.Compare(a.turn, b.turn)) })
	}
	return all
}

// record makes the recordings of x that this run does not have yet, as many at
// once as x and the places allow, until ctx is done, and returns the evidence.
func (e *Engine) record(ctx context.Context, x *experiment.Experiment) []run.Evidence {
	abreast := max(x.Abreast, 1)
	var places []string
	for i := range e.Places {
		places = append(places, e.Places[i].Name)
		if e.Places[i].Single {
			abreast = 1
		}
	}
	work := make(chan *recorder)
	var workers sync.WaitGroup
	for range abreast {
		workers.Go(func() {
			for rec := range work {
				rec.run(ctx)
			}
		})
	}
	e.mu.Lock()
	all := jobs(x, e.Places, e.recorded)
	e.mu.Unlock()
	for _, j := range all {
		if ctx.Err() != nil {
			break
		}
		if rec := e.claim(x.Name, j); rec != nil {
			work <- rec
		}
	}
	close(work)
	workers.Wait()
	return e.recorded.Of(x, places)
}

// claim returns the recorder of job j, or nil where this run has its recording.
func (e *Engine) claim(name string, j job) *recorder {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.recorded[j.Take] != nil {
		return nil
	}
	p := Progress{Experiment: name, Arm: strings.TrimSpace(j.arm + " " + j.trial), Number: len(e.recorded) + 1, Takes: e.plan.takes}
	p.Of = max(e.plan.recordings, p.Number) // a figure that five repeats do not decide takes more
	dir := p.Arm
	if j.Repeat > 1 {
		dir += fmt.Sprintf(" %d", j.Repeat)
	}
	if len(e.Places) > 1 {
		p.Place = j.Place
		dir += "-" + j.Place
	}
	dir = fmt.Sprintf("%02d-%s", p.Number, inFileName.Replace(dir))
	r := &run.Recording{Setup: *j.setup, Repeat: j.Repeat, Place: j.Place, Dir: filepath.Join("recordings", dir)}
	if took, known := e.syncs[j.Place]; known {
		r.SyncTime = &took
	}
	e.recorded[j.Take] = r
	return &recorder{engine: e, take: j.Take, place: j.in, recording: r, progress: p, dir: filepath.Join(e.Dir, r.Dir)}
}

// inFileName makes a name fit for a file.
var inFileName = strings.NewReplacer("/", "-", " ", "-", ":", "-", ",", "-")

// observe passes on how a recording is going.
func (e *Engine) observe(p Progress) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.Observe != nil {
		p.Behind = e.plan.behind
		e.Observe(p)
	}
}

// A plan is how long a run is expected to take, and how much of that is over. It is
// for people who wait, and decides nothing.
type plan struct {
	shares map[experiment.Take]float64 // of the whole, for each different recording
	extra  float64                     // of each recording that the evidence may add
	takes  time.Duration
	behind float64 // from 0 to 1

	recordings int // at most
}

// newPlan shares out what each experiment takes among its recordings. A recording that
// several experiments ask for is made, and counted, once.
func newPlan(experiments []experiment.Experiment, places []Place) plan {
	p := plan{shares: map[experiment.Take]float64{}}
	var seconds float64
	for i := range experiments {
		x := &experiments[i]
		all := jobs(x, places, nil)
		whole := max(x.Takes, time.Second).Seconds()
		each := whole * float64(len(places)) / float64(max(len(all)+x.MaxExtra, 1))
		for _, j := range all {
			if _, counted := p.shares[j.Take]; !counted {
				p.shares[j.Take] = each + j.in.Overhead.Seconds()/float64(max(x.Abreast, 1))
				seconds += p.shares[j.Take]
			}
		}
		if n := x.MaxExtra; n > 0 {
			p.extra = whole / float64(len(all)+n)
			seconds += p.extra * float64(n)
			p.recordings += n
		}
	}
	p.extra /= seconds
	p.recordings += len(p.shares)
	for t := range p.shares {
		p.shares[t] /= seconds
	}
	p.takes = time.Duration(seconds * float64(time.Second))
	return p
}
