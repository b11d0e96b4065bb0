package load

import (
	"context"
	"time"
)

// A sleeper sleeps for short times, as exactly as the machine can. It belongs
// to the goroutine that made it.
type sleeper interface {
	sleep(d time.Duration)
	release() // gives back what the sleeper holds
}

// open lets one goroutine keep the schedule and the processes serve it. The
// channel between them is the queue of arrivals: it has room for all, so that
// the schedule never waits for the processes.
func (r *run) open(ctx context.Context, newSleeper func() sleeper) {
	if newSleeper == nil {
		newSleeper = newPreciseSleeper
	}
	queue := make(chan int, r.spec.Arrivals())
	serve := r.each(func(p *process) { r.serve(ctx, p, queue) })
	r.all(append(serve, func() {
		defer close(queue)
		r.schedule(ctx, queue, newSleeper)
	}))
}

// schedule puts each arrival into queue when it is due, until all have come or ctx is done.
func (r *run) schedule(ctx context.Context, queue chan<- int, newSleeper func() sleeper) {
	s := newSleeper()
	defer s.release()
	for k := range r.spec.Arrivals() {
		if !r.waitUntil(ctx, s, r.spec.Due(k)) {
			return
		}
		queue <- k
	}
}

// coarse is well above what a timer of the Go runtime oversleeps (about 1 ms).
const coarse = 3 * time.Millisecond

// waitUntil returns true at the given time and false once ctx is done. It
// waits on a timer, which can be interrupted, and leaves the last few
// milliseconds to s, which is exact.
func (r *run) waitUntil(ctx context.Context, s sleeper, due time.Duration) bool {
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
		s.sleep(d)
	}
	return false
}

// serve sends what arrives for as long as the load lasts, and counts the rest.
func (r *run) serve(ctx context.Context, p *process, queue <-chan int) {
	for k := range queue {
		if ctx.Err() != nil || time.Since(r.start) >= r.spec.Span()+r.spec.Timeout {
			p.dropped++
			continue
		}
		r.issue(ctx, p, r.spec.Due(k))
	}
}

// A runtimeSleeper sleeps on the Go runtime's timers, about half a millisecond too long.
type runtimeSleeper struct{}

func (runtimeSleeper) sleep(d time.Duration) { time.Sleep(d) }
func (runtimeSleeper) release()              {}
