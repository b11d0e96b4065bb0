package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"example.com/contend/internal/workload"
)

// Options are what a load needs besides its Spec.
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
// that spec or opts do not fit, or that a client could not connect.
func Run(ctx context.Context, spec Spec, opts Options) (Result, error) {
	if err := spec.Validate(); err != nil {
		return Result{}, fmt.Errorf("check load: %w", err)
	}
	if opts.NewClient == nil || opts.Workload == nil {
		return Result{}, errors.New("check load: want NewClient and Workload")
	}
	r := newRun(spec, opts)
	defer func() {
		for _, p := range r.processes {
			p.client.Close() // the ops are recorded: its error could not change them
		}
	}()
	if err := r.connect(ctx); err != nil {
		return Result{}, err
	}
	stop := r.report(opts.Progress)
	defer stop()
	switch spec.Arrival {
	case Burst, Sequence:
		r.backToBack(ctx, func(made int, _ time.Duration) bool { return made < spec.Requests/spec.Clients })
	case Closed:
		r.backToBack(ctx, func(_ int, now time.Duration) bool { return now < spec.Duration })
	case Open:
		newSleeper := opts.newSleeper
		if newSleeper == nil {
			newSleeper = newPreciseSleeper
		}
		r.open(ctx, newSleeper)
	}
	return r.result(), context.Cause(ctx)
}

// A run is a load under way.
type run struct {
	spec      Spec
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

func newRun(spec Spec, opts Options) *run {
	if spec.Timeout == 0 {
		spec.Timeout = DefaultTimeout
	}
	r := &run{spec: spec, workload: opts.Workload}
	expected := (spec.Planned() + spec.Clients - 1) / spec.Clients // of each process
	for id := range spec.Clients {
		r.processes = append(r.processes, &process{
			id:     id,
			client: opts.NewClient(id),
			rng:    rand.New(rand.NewPCG(opts.Seed, uint64(id))),
			ops:    newRecord(expected),
		})
	}
	return r
}

// connect connects all clients at once and returns the first error.
func (r *run) connect(ctx context.Context) error {
	now := time.Now()
	errs := make([]error, len(r.processes))
	r.all(func(p *process) { errs[p.id] = p.client.Connect(ctx, now, r.spec.Timeout) })
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
func (r *run) all(do func(*process), tasks ...func()) {
	for _, p := range r.processes {
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
	r.start = time.Now()
	close(gate)
	over.Wait()
}

// backToBack has each process make calls one after another as long as more
// returns true for the number of calls made and the time.
func (r *run) backToBack(ctx context.Context, more func(made int, now time.Duration) bool) {
	r.all(func(p *process) {
		for due := time.Duration(0); more(p.ops.n, due) && ctx.Err() == nil; {
			due = r.issue(ctx, p, due)
		}
	})
}

// open lets one goroutine keep the schedule and the processes serve it. The
// channel between them is the queue of arrivals: it has room for all, so that
// the schedule never waits for the processes. They send for as long as the load
// lasts, and for a Timeout after it. A sleeper sleeps as exactly as the
// machine can; it belongs to the goroutine that made it, which releases it.
func (r *run) open(ctx context.Context, newSleeper func() (sleep func(time.Duration), release func())) {
	queue := make(chan int, r.spec.Arrivals())
	schedule := func() {
		defer close(queue)
		sleep, release := newSleeper()
		defer release()
		for k := range r.spec.Arrivals() {
			if !r.waitUntil(ctx, sleep, r.spec.Due(k)) {
				return
			}
			queue <- k
		}
	}
	r.all(func(p *process) {
		for k := range queue { // what comes too late is counted
			if ctx.Err() != nil || time.Since(r.start) >= r.spec.Span()+r.spec.Timeout {
				p.dropped++
				continue
			}
			r.issue(ctx, p, r.spec.Due(k))
		}
	}, schedule)
}

// coarse is well above what a timer of the Go runtime oversleeps (about 1 ms).
const coarse = 3 * time.Millisecond

// waitUntil returns true at the given time and false once ctx is done. It
// waits on a timer, which can be interrupted, and leaves the last few
// milliseconds to sleep, which is exact.
func (r *run) waitUntil(ctx context.Context, sleep func(time.Duration), due time.Duration) bool {
	if d := due - time.Since(r.start); d > coarse {
		timer := time.NewTimer(d - coarse)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	for ctx.Err() == nil {
		d := due - time.Since(r.start)
		if d <= 0 {
			return true
		}
		sleep(d)
	}
	return false
}

// issue makes the next call of p, which was due at the given time, records the
// op, and returns the time at which it was over.
func (r *run) issue(ctx context.Context, p *process, due time.Duration) time.Duration {
	p.call = r.workload.Call(p.id, p.ops.n, p.rng)
	sent := time.Now()
	p.client.Do(ctx, &p.call, sent, r.spec.Timeout)
	op := &p.call.Op
	op.Process = p.id
	op.Intended = due
	op.Invoked = sent.Sub(r.start)
	op.Returned = time.Since(r.start)
	p.ops.add(op)
	p.done.Store(int64(p.ops.n))
	return op.Returned
}

// result puts the processes' ops together.
func (r *run) result() Result {
	res := Result{Started: r.start}
	var records []*record
	for _, p := range r.processes {
		res.Dropped += p.dropped
		records = append(records, &p.ops)
	}
	res.Ops = merge(records)
	return res
}

// report calls progress until the function that it returns is called, which
// returns after the last call.
func (r *run) report(progress func(done, total int)) (stop func()) {
	if progress == nil {
		return func() {}
	}
	tell := func() {
		done := int64(0)
		for _, p := range r.processes {
			done += p.done.Load()
		}
		progress(int(done), r.spec.Planned())
	}
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				tell()
			case <-quit:
				tell()
				return
			}
		}
	})
	return func() { close(quit); wg.Wait() }
}
