package experiment

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/load"
)

// How long the engine waits for a cluster beyond the load itself.
const (
	startPatience = 60 * time.Second // until every node is healthy
	stopPatience  = 30 * time.Second // until every node has ended by itself
)

// HistoryFile is the name of a recording's history within its directory.
const HistoryFile = "history.jsonl"

// An Engine runs arms one after another, each on a cluster of its own.
type Engine struct {
	Dir     string                                                       // of the run; must exist
	Seed    uint64                                                       // for the ops and the nodes' jitter
	Start   func(context.Context, cluster.Spec) (cluster.Cluster, error) // a cluster for one arm
	Observe func(Progress)                                               // called from one goroutine at a time; may be nil

	recorded map[Setup]*Recording
	setups   int // how many distinct ones the run has
}

// A Progress is what the engine is doing.
type Progress struct {
	Experiment  string
	Arm         string
	Number, Of  int    // of the recording within the run, from 1; arms that share one count once
	Phase       string // "starting 4 nodes", "sending", "stopping"; "recorded" at its end
	Done, Total int    // ops, while sending
}

// Run runs every arm of every experiment and judges it. When ctx is done it
// stops the load, judges what there is and returns it with ctx's cause; arms
// that had not begun are not in the results. An arm that cannot run carries
// its error and inconclusive findings, and the others go on.
func (e *Engine) Run(ctx context.Context, experiments []Experiment) ([]Result, error) {
	e.recorded = map[Setup]*Recording{}
	var results []Result
	e.setups = setups(experiments)
	for _, x := range experiments {
		result := Result{Name: x.Name, Question: x.Question, Arms: []ArmResult{}}
		for _, arm := range x.Arms {
			if ctx.Err() != nil {
				break
			}
			recording := e.record(ctx, x.Name, arm)
			result.Arms = append(result.Arms, Judge(arm, x.Claims, recording))
		}
		if len(result.Arms) > 0 {
			results = append(results, result)
		}
	}
	return results, context.Cause(ctx)
}

// setups counts the distinct setups of the experiments' arms.
func setups(experiments []Experiment) int {
	distinct := map[Setup]bool{}
	for _, x := range experiments {
		for _, arm := range x.Arms {
			distinct[arm.Setup] = true
		}
	}
	return len(distinct)
}

func (e *Engine) observe(p Progress, phase string, done, total int) {
	if e.Observe != nil {
		p.Phase, p.Done, p.Total = phase, done, total
		e.Observe(p)
	}
}

// record returns the recording of the arm's setup, made now or earlier in this run.
func (e *Engine) record(ctx context.Context, experiment string, arm Arm) *Recording {
	if r, ok := e.recorded[arm.Setup]; ok {
		return r
	}
	p := Progress{Experiment: experiment, Arm: arm.Name, Number: len(e.recorded) + 1, Of: e.setups}
	slug := strings.ReplaceAll(arm.Name, "/", "-")
	r := &Recording{
		Setup: arm.Setup,
		Dir:   filepath.Join("recordings", fmt.Sprintf("%02d-%s", p.Number, slug)),
	}
	r.Err = e.fill(ctx, r, p)
	e.recorded[arm.Setup] = r
	e.observe(p, "recorded", 0, 0)
	return r
}

// fill runs r's setup from an empty directory to a stored history.
func (e *Engine) fill(ctx context.Context, r *Recording, p Progress) error {
	dir := filepath.Join(e.Dir, r.Dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make recording: %w", err)
	}
	c, err := e.start(ctx, r.Setup, dir, p)
	if err != nil {
		r.Unsent = r.Setup.Load.Requests
		return err
	}
	loadErr := e.send(ctx, r, c, p)
	e.observe(p, "stopping", 0, 0)
	// The cluster is stopped and read even when ctx is done: what was
	// acknowledged until then is worth a judgement.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	err = errors.Join(loadErr, c.Stop(after))
	return errors.Join(err, r.readDatabase(after, c), r.store(dir))
}

func (e *Engine) start(ctx context.Context, s Setup, dir string, p Progress) (cluster.Cluster, error) {
	e.observe(p, fmt.Sprintf("starting %d nodes", s.Nodes), 0, 0)
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience,
		fmt.Errorf("not healthy within %s", startPatience))
	defer cancel()
	return e.Start(ctx, cluster.Spec{Nodes: s.Nodes, Discipline: s.Discipline, Dir: dir, Seed: e.Seed})
}

// send puts the load on c. Being cut short is no error of the arm's: what was
// not sent is counted.
func (e *Engine) send(ctx context.Context, r *Recording, c cluster.Cluster, p Progress) error {
	clients, err := load.HTTP(c.URL())
	if err != nil {
		return err
	}
	result, err := load.Run(ctx, r.Setup.Load, load.Options{
		NewClient: clients,
		Workload:  r.Setup.Workload,
		Seed:      e.Seed,
		Progress:  func(done, total int) { e.observe(p, "sending", done, total) },
	})
	r.Ops, r.Dropped = result.Ops, result.Dropped
	if n := len(r.Ops); n > 0 {
		last := slices.MaxFunc(r.Ops, func(a, b history.Op) int { return int(a.Returned - b.Returned) })
		r.Seconds = (last.Returned - r.Ops[0].Invoked).Seconds()
	}
	r.Unsent = max(0, r.Setup.Load.Requests-len(r.Ops))
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// readDatabase asks the stopped cluster for the facts, and puts what they say
// of the counters around the clients' ops: each began at 0 in a database that
// was new, and ended at the final read.
func (r *Recording) readDatabase(ctx context.Context, c cluster.Cluster) error {
	facts, err := c.Inspect(ctx)
	if err != nil {
		return fmt.Errorf("read database: %w", err)
	}
	r.Facts = &facts
	var now time.Duration
	for i := range r.Ops {
		now = max(now, r.Ops[i].Returned)
	}
	var resets, reads []history.Op
	for _, key := range r.counterKeys() {
		resets = append(resets, own(history.Reset, key, 0, 0))
		reads = append(reads, own(history.FinalRead, key, facts.Counters[key], now))
	}
	r.Ops = slices.Concat(resets, r.Ops, reads)
	for i := range r.Ops {
		r.Ops[i].Index = i
	}
	return nil
}

// own is an op of the recorder itself.
func own(f, key string, value int64, at time.Duration) history.Op {
	return history.Op{
		Process: -1, Func: f, Key: key, Value: history.Some(value),
		Intended: at, Invoked: at, Returned: at, Outcome: history.OK,
	}
}

// counterKeys returns every counter that was asked to be incremented, sorted.
// One that nobody managed to create reads 0.
func (r *Recording) counterKeys() []string {
	var keys []string
	for op := range r.clientOps {
		if op.Func == history.Increment && !slices.Contains(keys, op.Key) {
			keys = append(keys, op.Key)
		}
	}
	slices.Sort(keys)
	return keys
}

// store writes the history beside the database that it is about.
func (r *Recording) store(dir string) error {
	f, err := os.Create(filepath.Join(dir, HistoryFile))
	if err != nil {
		return fmt.Errorf("store history: %w", err)
	}
	w := history.NewWriter(f)
	for i := range r.Ops {
		if err == nil {
			err = w.Write(r.Ops[i])
		}
	}
	if err := errors.Join(err, w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("store history: %w", err)
	}
	return nil
}
