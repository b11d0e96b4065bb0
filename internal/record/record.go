package record

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/display"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/fault"
	"example.com/contend/internal/load"
	"example.com/contend/internal/proc"
	"example.com/contend/internal/run"
	"example.com/contend/internal/scene"
	"example.com/contend/internal/store"
	"example.com/contend/internal/units"
	"example.com/contend/internal/workload"
)

// How long the engine waits for a cluster beyond the load itself.
const (
	startPatience = 60 * time.Second // until every node is healthy
	stopPatience  = 30 * time.Second // until every node has ended by itself
)

// A recorder makes one recording.
type recorder struct {
	engine    *Engine
	take      experiment.Take
	place     *Place
	recording *run.Recording
	progress  Progress
	dir       string           // of the recording, absolute or relative to here
	before    map[string]int64 // counters that the database had when it was not fresh
}

func (rec *recorder) run(ctx context.Context) {
	e := rec.engine
	if ctx.Err() != nil { // it never began
		e.mu.Lock()
		delete(e.recorded, rec.take)
		e.mu.Unlock()
		return
	}
	began := time.Now()
	e.usage(rec.place, began)
	err := rec.fill(ctx)
	rec.recording.Others = e.usage(rec.place, began)
	// All times are put on the wall clock, as they will be read back: the monotonic
	// clock ends with the process, and the distance of two times must not.
	r := rec.recording
	started := r.Started
	r.Started = started.Round(0)
	for i := range r.Faults {
		event := &r.Faults[i]
		event.From, event.To = r.Started.Add(event.From.Sub(started)), r.Started.Add(event.To.Sub(started))
	}
	if err = cmp.Or(rec.full(), err); err != nil {
		r.Err = reason(err)
	}
	errStore := rec.store()
	if err == nil && errStore != nil {
		r.Err = reason(errStore)
	}
	rec.stopIfFull(err, errStore)
	share, planned := e.plan.shares[rec.take]
	if !planned {
		share = e.plan.extra
	}
	e.mu.Lock()
	e.plan.behind += share
	e.mu.Unlock()
	rec.observe("recorded")
}

// reason is what a recording keeps of err: no password, and no more than can be read again.
func reason(err error) string {
	const most = 8 << 10 // bytes
	text := display.Redact(err.Error())
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// leastToSay is the space, in bytes, without which neither a node's log nor its database can be
// relied on to say what went wrong.
const leastToSay = 1 << 20

// full returns an error where clients were answered that the database's disk is full.
func (rec *recorder) full() error {
	codes, _, _ := rec.recording.Codes()
	for _, code := range []string{"SQLITE_FULL", "DISK_FULL"} { // SQLite's and PostgreSQL's
		if n := codes[code]; n > 0 {
			return fmt.Errorf("the nodes answered %s %s: %w", code, units.Plural(n, "time"), syscall.ENOSPC)
		}
	}
	return nil
}

// stopIfFull ends the run where one of the errors comes of a full disk: the next recordings would
// only fail more slowly. A node that cannot write its log ends without a word, so the disk is
// asked too.
func (rec *recorder) stopIfFull(errs ...error) {
	at := slices.IndexFunc(errs, func(err error) bool { return errors.Is(err, syscall.ENOSPC) })
	if at < 0 && errors.Join(errs...) != nil {
		errs, at = append(errs, cluster.CheckSpace(rec.engine.Dir, leastToSay)), len(errs)
	}
	if at >= 0 && errs[at] != nil {
		rec.engine.stop(fmt.Errorf("record %s: %w", rec.progress.Arm, errs[at]))
	}
}

func (rec *recorder) observe(phase string) {
	p := rec.progress
	p.Phase = phase
	rec.engine.observe(p)
}

// fill runs the setup from an empty directory to a stopped cluster whose database was read.
func (rec *recorder) fill(ctx context.Context) error {
	r := rec.recording
	r.Unsent = r.Setup.Load.Planned()
	if err := cluster.CheckSpace(rec.engine.Dir, cluster.SpaceToRecord); err != nil {
		return err
	}
	if err := os.MkdirAll(rec.dir, 0o700); err != nil {
		return fmt.Errorf("make recording: %w", err)
	}
	rec.observe(fmt.Sprintf("starting %d nodes", r.Setup.Nodes))
	starting, cancel := context.WithTimeoutCause(ctx, startPatience, fmt.Errorf("not healthy within %s", startPatience))
	defer cancel()
	c, err := rec.place.Start(starting, Spec(&r.Setup, rec.dir, rec.seed()))
	if err != nil {
		return err
	}
	for _, node := range c.Nodes() {
		engine := run.Engine{Name: run.SQLite, Version: node.Engine}
		if r.Setup.Discipline.Engine() != store.SQLite {
			engine.Name, engine.Version, _ = strings.Cut(node.Engine, " ")
		}
		if node.Engine != "" && !slices.Contains(r.Engines, engine) {
			r.Engines = append(r.Engines, engine)
		}
	}
	err = rec.ask(ctx, c)
	rec.observe("stopping")
	// The cluster is stopped and read even when ctx is done: what was
	// acknowledged until then is worth a judgement.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	errs := []error{err, c.Stop(after)}
	r.Attempts, err = run.LoadTraces(os.DirFS(rec.dir), ".")
	errs = append(errs, err, rec.readDatabase(after, c))
	return errors.Join(append(errs, c.Discard(after))...)
}

// Spec says what cluster is to be started for s, with dir for its files. A [Place] sees
// by it whether it has one.
func Spec(s *run.Setup, dir string, seed uint64) cluster.Spec {
	return cluster.Spec{
		Nodes: s.Nodes, Discipline: s.Discipline, Dir: dir, Seed: seed,
		Lab: s.Lab(), Trace: s.Traced, Mount: s.Mount, Build: s.Build,
		Drivers: strings.Join(s.Drivers, ","), SingleWriter: s.SingleWriter, Server: s.Server,
	}
}

// processorTime is what c has cost so far; nil where it does not know. Nobody
// asks while something goes wrong on purpose: what a node had that dies is lost.
func (rec *recorder) processorTime(c cluster.Cluster) *time.Duration {
	if rec.recording.Setup.Fault != nil {
		return nil
	}
	used, err := c.CPU()
	if err != nil {
		return nil
	}
	return &used
}

// countSyncs counts the syncs of c where the setup asks for it and the kernel allows it; else nil.
func (rec *recorder) countSyncs(c cluster.Cluster) *proc.Syncs {
	if !rec.recording.Setup.Syncs {
		return nil
	}
	counted, err := c.CountSyncs()
	if err != nil {
		return nil
	}
	return counted
}

// seed is the run's, and another one for each repeat: they are to be repeats
// of the setup, not of one choice of chance.
func (rec *recorder) seed() uint64 {
	return rec.engine.Seed + uint64(rec.recording.Repeat-1)<<32
}

// ask lays down what the database begins with, lets the fault begin, and sends
// the load or plays the scene. Being cut short is no error of the arm's: what
// was not sent is counted.
func (rec *recorder) ask(ctx context.Context, c cluster.Cluster) error {
	r := rec.recording
	resets, err := begin(ctx, c, r.Setup.Begin)
	if err == nil {
		keys, _ := workload.Counters(r.Setup.Workload)
		rec.before, err = c.Before(ctx, keys)
	}
	if err == nil {
		err = rec.underFault(ctx, c)
	}
	r.Ops = slices.Concat(resets, r.Ops)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// underFault asks while the setup's fault, if it has one, is at work.
func (rec *recorder) underFault(ctx context.Context, c cluster.Cluster) error {
	r := rec.recording
	send := rec.load
	if r.Setup.Scene != nil {
		send = rec.play
	}
	if r.Setup.Fault == nil {
		return send(ctx, c)
	}
	faulty, heal := context.WithCancelCause(ctx)
	defer heal(nil)
	wait, err := fault.Begin(faulty, r.Setup.Fault, fault.Target{
		Cluster: c, Chance: rand.New(rand.NewPCG(rec.seed(), 1<<63)), // a stream that no client has
	})
	if err != nil {
		return fmt.Errorf("begin fault: %w", err)
	}
	err = send(ctx, c)
	heal(fault.ErrOver)
	events, faultErr := wait()
	r.Faults = events
	return errors.Join(err, faultErr)
}

func (rec *recorder) play(ctx context.Context, c cluster.Cluster) (err error) {
	r := rec.recording
	rec.observe("playing the scene")
	r.Started = time.Now()
	r.Steps, err = scene.Play(ctx, c.URL(), r.Setup.Scene)
	r.Seconds = time.Since(r.Started).Seconds()
	return err
}

func (rec *recorder) load(ctx context.Context, c cluster.Cluster) error {
	clients, err := load.HTTP(c.URL())
	if err != nil {
		return err
	}
	r := rec.recording
	p := rec.progress
	p.Phase = "sending"
	before, syncs := rec.processorTime(c), rec.countSyncs(c)
	result, err := load.Run(ctx, r.Setup.Load, load.Options{
		NewClient: clients,
		Workload:  r.Setup.Workload,
		Seed:      rec.seed(),
		Progress: func(done, total int) {
			p.Done, p.Total = done, total
			rec.engine.observe(p)
		},
	})
	if after := rec.processorTime(c); before != nil && after != nil {
		used := *after - *before
		r.CPU = &used
	}
	if syncs != nil {
		if n, err := syncs.Stop(); err == nil {
			r.Syncs = &n
		}
	}
	r.Started, r.Ops, r.Dropped = result.Started, result.Ops, result.Dropped
	if n := len(r.Ops); n > 0 {
		last := slices.MaxFunc(r.Ops, func(a, b history.Op) int { return cmp.Compare(a.Returned, b.Returned) })
		r.Seconds = (last.Returned - r.Ops[0].Invoked).Seconds()
	}
	r.Unsent = max(0, r.Setup.Load.Planned()-len(r.Ops)-r.Dropped)
	return err
}

// store writes the recording into its directory, from where a [run.Reader] reads it.
func (rec *recorder) store() error {
	text, err := json.MarshalIndent(rec.recording, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(rec.dir, run.RecordingFile), append(text, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("store recording: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(rec.dir, run.HistoryFile), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("store history: %w", err)
	}
	w := history.NewWriter(f)
	for i := range rec.recording.Ops {
		if err == nil {
			err = w.Write(rec.recording.Ops[i])
		}
	}
	if err := errors.Join(err, w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("store history: %w", err)
	}
	return nil
}
