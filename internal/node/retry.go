package node

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/store"
)

// connectionWait bounds how long an attempt waits for a connection of the pool,
// or for the queue's writer.
const connectionWait = 30 * time.Second

// try makes attempts at fn until one is not refused or the retries are used up.
// A refused attempt certainly had no effect; an unsure one would be done twice.
func (n *Node) try(x *exchange, do func(context.Context, func(*app.Tx) error) error, fn func(*app.Tx) error) error {
	for {
		ctx, cancel := context.WithTimeout(x.ctx, connectionWait)
		err := do(ctx, fn)
		cancel()
		x.attempts++
		var e *store.Error
		if !errors.As(err, &e) {
			return err
		}
		n.note(x, e)
		if !e.Refused || x.attempts > x.on.discipline.Retries || !n.backOff(x) {
			return err
		}
		n.metrics.retries.Inc()
	}
}

// note logs and counts what the database refused or failed.
func (n *Node) note(x *exchange, e *store.Error) {
	level, message := slog.LevelWarn, "refused"
	if e.Refused {
		n.metrics.refused(e.Extended)
	} else {
		level, message = slog.LevelError, "database error"
	}
	if e.Code == codeFull {
		x.on.full.Store(true)
	}
	n.log.LogAttrs(x.ctx, level, message,
		slog.String("path", x.path), slog.Int("attempt", max(x.attempts, 1)),
		slog.String("code", e.Code), slog.String("extended", e.Extended), slog.String("op", e.Op),
		slog.Float64("waited_ms", milliseconds(e.Waited)), slog.Bool("timed_out", e.TimedOut),
		slog.Bool("unsure", e.Unsure), slog.String("error", e.Err.Error()))
}

// backOff waits before the next retry, and reports whether it is still wanted: nobody
// waits for the answer to a request whose client has gone, and everybody for a node
// that is stopping.
func (n *Node) backOff(x *exchange) bool {
	timer := time.NewTimer(x.on.jitter.delay(x.on.discipline.Backoff, x.attempts-1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return x.ctx.Err() == nil
	case <-x.ctx.Done():
	case <-n.ending:
	}
	return false
}

// A jitter draws delays for many goroutines from one generator.
type jitter struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func (j *jitter) delay(b store.Backoff, i int) time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	return b.Delay(i, j.rng)
}

// longest is how long handling a request may take under d: every attempt waits
// for a connection and in each of its statements for a lock, and every retry
// waits its turn. Six statements are the most that an attempt has, a transfer's.
// In a queue, all that share its transaction think one after the other, and
// perhaps once more: 512 is twice the largest batch.
func longest(d store.Discipline) time.Duration {
	const statements, thinkers, slack = 6, 512, 10 * time.Second
	total := slack
	think := d.Think.Duration()
	if d.Writer == store.Queue {
		think *= thinkers
	}
	backoff := d.Backoff
	backoff.Jitter = false
	for i := range d.Retries + 1 {
		total += connectionWait + statements*d.BusyTimeout.Duration() + think
		if i > 0 {
			total += backoff.Delay(i-1, nil)
		}
	}
	return total
}
