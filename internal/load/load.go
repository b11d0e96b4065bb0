// Package load sends a workload's calls at the times of an arrival pattern, and
// records the result of each as a history.
//
// Two rules make its figures trustworthy. Latency counts from the moment a call
// was due, so that a client which waits for a stalled server does not hide the
// stall. And a call is sent once: a call without an answer is recorded as unknown
// and not sent again.
//
// [Run] drives a load through a [Client] for each logical client; [HTTP] makes
// clients that speak to a node or a balancer. The package decides neither what
// is asked (package workload) nor what the history proves (package check).
package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/run"
	"example.com/contend/internal/workload"
)

// A Client makes one call at a time over a connection of its own. Do fills in,
// in call.Op, everything that the answer decides (Outcome, Status, Code, Value,
// Node, …) and never sends a call twice. Times are the driver's business.
//
// Connect and Do return when they are done, timeout after now, which is the
// current time, or when ctx is done. All calls of a client get the same ctx, and
// the timeout stands beside it: a context for every op would cost a good part of
// the time that sending it takes.
type Client interface {
	Connect(ctx context.Context, now time.Time, timeout time.Duration) error // before the load starts, so that dialling is not part of the first op
	Do(ctx context.Context, call *workload.Call, now time.Time, timeout time.Duration)
	Close() error
}

// A Result is what a load did.
type Result struct {
	Started time.Time    // when the load's clock began: all times of Ops count from here
	Ops     []history.Op // by Invoked; Index is the position
	Dropped int          // Open: arrivals that were due and never sent, because the load ended before a client was free
}

// Options are what a load needs besides its figures.
type Options struct {
	NewClient func(process int) Client // makes the client of process 0, 1, …; [HTTP] returns one
	Workload  workload.Workload
	Seed      uint64 // the n-th call of each process follows from it

	// Progress, if it is not nil, gets ten times a second and once at the end
	// how many ops are over and how many there will be, 0 if that is not known
	// (Closed). All calls come from one goroutine and are over when Run returns.
	Progress func(done, total int)

	newSleeper func() (sleep func(time.Duration), release func()) // nil: newPreciseSleeper
}

// Run drives the load spec and returns its ops. Every client connects first; the
// load's clock starts when all have.
//
// An op is due: in a burst at time 0, all of them; in a sequence or a closed
// load when the answer before it came; in an open load at its place in the
// schedule, the k-th at k/Rate, and in its second phase the k-th at
// Duration + k/Then.Rate. Arrivals that find every client busy wait for one in
// the order they came. Those still waiting when the last phase is over are
// sent as long as clients become free within another Timeout, for a stall at
// the end of a load must show like any other; the rest is Dropped.
//
// When ctx is done no more calls are sent, those in flight end as unknown, and
// Run returns the ops so far with the cause of ctx. An error without ops means
// that spec or opts are not valid, or that a client could not connect.
func Run(ctx context.Context, spec run.Load, opts Options) (Result, error) {
	if err := spec.Validate(); err != nil {
		return Result{}, fmt.Errorf("check load: %w", err)
	}
	if opts.NewClient == nil || opts.Workload == nil {
		return Result{}, errors.New("check load: want NewClient and Workload")
	}
	d := newDriver(spec, opts)
	defer func() {
		for _, p := range d.processes {
			p.client.Close() // the ops are recorded: its error could not change them
		}
	}()
	if err := d.connect(ctx); err != nil {
		return Result{}, err
	}
	stop := d.report(opts.Progress)
	defer stop()
	switch spec.Arrival {
	case run.Burst, run.Sequence:
		d.backToBack(ctx, func(made int, _ time.Duration) bool { return made < spec.Requests/spec.Clients })
	case run.Closed:
		d.backToBack(ctx, func(_ int, now time.Duration) bool { return now < spec.Duration })
	case run.Open:
		newSleeper := opts.newSleeper
		if newSleeper == nil {
			newSleeper = newPreciseSleeper
		}
		d.open(ctx, newSleeper)
	}
	res := Result{Started: d.start}
	var records []*record
	for _, p := range d.processes {
		res.Dropped += p.dropped
		records = append(records, &p.ops)
	}
	res.Ops = merge(records)
	return res, context.Cause(ctx)
}

// A driver drives one load.
type driver struct {
	spec      run.Load
	workload  workload.Workload
	processes []*process
	start     time.Time // times count from here
}

// A process is one logical client. Only its own goroutine touches it, but for
// done; the results are put together when all goroutines are over, so that no
// two processes wait for each other.
type process struct {
	id      int
	client  Client
	rng     *rand.Rand
	call    workload.Call // the one under way, kept here so that it is no garbage
	ops     record
	dropped int
	done    atomic.Int64 // how many ops are over, for the progress report
}

func newDriver(spec run.Load, opts Options) *driver {
	if spec.Timeout == 0 {
		spec.Timeout = run.DefaultTimeout
	}
	d := &driver{spec: spec, workload: opts.Workload}
	expected := (spec.Planned() + spec.Clients - 1) / spec.Clients // of each process
	for id := range spec.Clients {
		d.processes = append(d.processes, &process{
			id:     id,
			client: opts.NewClient(id),
			rng:    rand.New(rand.NewPCG(opts.Seed, uint64(id))),
			ops:    newRecord(expected),
		})
	}
	return d
}

// connect connects all clients at once and returns the first error.
func (d *driver) connect(ctx context.Context) error {
	now := time.Now()
	errs := make([]error, len(d.processes))
	d.all(func(p *process) { errs[p.id] = p.client.Connect(ctx, now, d.spec.Timeout) })
	for id, err := range errs {
		if err != nil {
			return fmt.Errorf("connect client %d: %w", id, err)
		}
	}
	return nil
}

// all runs do for each process, and the other tasks, in a goroutine each. It
// opens the gate, and starts the clock, when all of them stand before it; it
// returns when all are over.
func (d *driver) all(do func(*process), tasks ...func()) {
	for _, p := range d.processes {
		tasks = append(tasks, func() { do(p) })
	}
	gate := make(chan struct{})
	var ready, over sync.WaitGroup
	ready.Add(len(tasks))
	for _, task := range tasks {
		over.Go(func() {
			ready.Done()
			<-gate
			task()
		})
	}
	ready.Wait()
	d.start = time.Now()
	close(gate)
	over.Wait()
}

// backToBack has each process make calls one after another as long as more
// returns true for the number of calls made and the time.
func (d *driver) backToBack(ctx context.Context, more func(made int, now time.Duration) bool) {
	d.all(func(p *process) {
		for due := time.Duration(0); more(p.ops.n, due) && ctx.Err() == nil; {
			due = d.issue(ctx, p, due)
		}
	})
}

// open lets one goroutine keep the schedule and the processes serve it. The
// channel between them is the queue of arrivals: it has room for all, so that
// the schedule never waits for the processes. They send for as long as the load
// lasts, and for a Timeout after it. A sleeper sleeps as exactly as the
// machine can; it belongs to the goroutine that made it, which releases it.
func (d *driver) open(ctx context.Context, newSleeper func() (sleep func(time.Duration), release func())) {
	queue := make(chan int, d.spec.Arrivals())
	schedule := func() {
		defer close(queue)
		sleep, release := newSleeper()
		defer release()
		for k := range d.spec.Arrivals() {
			if !d.waitUntil(ctx, sleep, d.spec.Due(k)) {
				return
			}
			queue <- k
		}
	}
	d.all(func(p *process) {
		for k := range queue { // what comes too late is counted
			if ctx.Err() != nil || time.Since(d.start) >= d.spec.Span()+d.spec.Timeout {
				p.dropped++
				continue
			}
			d.issue(ctx, p, d.spec.Due(k))
		}
	}, schedule)
}

// coarse is well above what a timer of the Go runtime oversleeps (about 1 ms).
const coarse = 3 * time.Millisecond

// waitUntil returns true at the given time and false once ctx is done. It
// waits on a timer, which can be interrupted, and leaves the last few
// milliseconds to sleep, which is exact.
func (d *driver) waitUntil(ctx context.Context, sleep func(time.Duration), due time.Duration) bool {
	if left := due - time.Since(d.start); left > coarse {
		timer := time.NewTimer(left - coarse)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	for ctx.Err() == nil {
		left := due - time.Since(d.start)
		if left <= 0 {
			return true
		}
		sleep(left)
	}
	return false
}

// issue makes the next call of p, which was due at the given time, records the
// op, and returns the time at which it was over.
func (d *driver) issue(ctx context.Context, p *process, due time.Duration) time.Duration {
	p.call = d.workload.Call(p.id, p.ops.n, p.rng)
	sent := time.Now()
	p.client.Do(ctx, &p.call, sent, d.spec.Timeout)
	op := &p.call.Op
	op.Process = p.id
	op.Intended = due
	op.Invoked = sent.Sub(d.start)
	op.Returned = time.Since(d.start)
	p.ops.add(op)
	p.done.Store(int64(p.ops.n))
	return op.Returned
}

// report calls progress until the function that it returns is called, which
// returns after the last call.
func (d *driver) report(progress func(done, total int)) (stop func()) {
	if progress == nil {
		return func() {}
	}
	tell := func() {
		done := int64(0)
		for _, p := range d.processes {
			done += p.done.Load()
		}
		progress(int(done), d.spec.Planned())
	}
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer tell()
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				tell()
			case <-quit:
				return
			}
		}
	})
	return func() { close(quit); wg.Wait() }
}
