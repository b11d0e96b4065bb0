package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"example.com/contend/internal/store"
	"example.com/contend/internal/trace"
)

// maxBatch is how many requests share a transaction at most. A batch has the
// write lock to itself, and the other nodes wait for it: of increments, a full
// one takes two or three milliseconds. The price of a COMMIT, which is what a
// batch shares, has by then become small beside that of its requests.
const maxBatch = 256

// A queue is a node's only writer, [store.Queue]: one goroutine on one
// connection. What waits goes into one transaction, and one that fails takes back
// what it wrote and nobody else's (https://sqlite.org/lang_savepoint.html). Nobody
// is answered before the COMMIT. It waits for nobody either: a request that comes
// alone is a transaction alone.
type queue struct {
	db    *DB
	style store.Transaction // of a batch
	early time.Duration     // see Options

	mu      sync.Mutex
	some    sync.Cond // waiting is not empty, or closed
	waiting []*request
	closed  bool // no more may join

	batches, requests atomic.Int64

	ended chan struct{} // closed when the writer has ended
	err   error         // of closing its connection; read it after ended
}

// A request is an attempt on its way through the queue. Its outcome belongs to
// the writer until done has its token.
type request struct {
	fn    func(store.Tx) error
	began time.Time // set where there is a trace
	done  chan struct{}

	err      error
	panicked *writerPanic // fn's own
}

// A writerPanic is a panic of a request's fn, which is raised again where the
// request came from. The stack is that of the writer.
type writerPanic struct {
	value any
	stack []byte
}

func (p *writerPanic) Error() string { return fmt.Sprintf("%v, in the writer:\n%s", p.value, p.stack) }

// startQueue starts the writer on c, which becomes its own.
func startQueue(db *DB, c *conn, early time.Duration) *queue {
	q := &queue{db: db, style: db.d.Transaction, early: early, ended: make(chan struct{})}
	if q.style == store.Atomic {
		q.style = store.Immediate // the statements of a batch still are one transaction
	}
	q.some.L = &q.mu
	go q.write(c)
	return q
}

// update has the writer make one attempt at fn, as [DB.Update] says.
func (q *queue) update(ctx context.Context, fn func(store.Tx) error) error {
	r := &request{fn: fn, done: make(chan struct{}, 1)}
	if q.db.trace != nil {
		r.began = time.Now()
	}
	if !q.join(r) {
		return store.ErrClosed
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		if q.leave(r) {
			return fmt.Errorf("wait for the writer: %w", context.Cause(ctx))
		}
		<-r.done // it had been taken up
	}
	if r.panicked != nil {
		panic(r.panicked)
	}
	return r.err
}

func (q *queue) join(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.waiting = append(q.waiting, r)
	q.some.Signal()
	return true
}

// leave reports whether r was still waiting, and will now never be taken up.
func (q *queue) leave(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, r)
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	return true
}

// await waits until somebody waits to be taken up, and reports false once the
// queue is closed and nobody does.
func (q *queue) await() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 && !q.closed {
		q.some.Wait()
	}
	return len(q.waiting) > 0
}

// take moves the first requests that wait to batch, which it returns.
func (q *queue) take(batch []*request) []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.waiting), maxBatch)
	batch = append(batch, q.waiting[:n]...)
	q.waiting = slices.Delete(q.waiting, 0, n)
	return batch
}

// close lets nobody join any more and waits for the writer, which finishes what
// has joined.
func (q *queue) close() error {
	q.mu.Lock()
	q.closed = true
	q.some.Signal()
	q.mu.Unlock()
	<-q.ended
	return q.err
}

// write is the writer.
func (q *queue) write(c *conn) {
	defer close(q.ended)
	batch := make([]*request, 0, maxBatch)
	for q.await() {
		// Requests that have come in, and only have not had the processor yet, join
		// first. Where there are none this takes no time: nobody is waited for.
		runtime.Gosched()
		batch = q.take(batch[:0])
		if len(batch) == 0 {
			continue // who waited has left
		}
		fit := q.transact(c, batch)
		answer(batch)
		clear(batch) // or a burst's requests would stay in memory
		if !fit {
			c = q.db.renew(c)
		}
	}
	q.err = discard(c)
}

// answer lets the requests of batch go. Their outcome is theirs from here on.
func answer(batch []*request) {
	for _, r := range batch {
		r.done <- struct{}{}
	}
}

// transact makes one transaction of batch, gives every request its outcome, and
// says whether the connection is fit for the next one.
func (q *queue) transact(c *conn, batch []*request) (fit bool) {
	if c == nil { // it could not be replaced before Close
		failRest(batch, store.ErrClosed)
		return true
	}
	q.batches.Add(1)
	q.requests.Add(int64(len(batch)))
	t := &tx{c: c, db: q.db}
	fit, err := q.run(t, batch)
	failRest(batch, err)
	if q.db.trace != nil {
		q.report(t, batch)
	}
	for _, r := range batch {
		fit = fit && r.panicked == nil // who knows what it was in the middle of
	}
	return fit
}

// run makes the transaction of batch. Its error is that of every request which
// has not got one of its own.
//
// It first does without savepoints, which cost a quarter of what an increment
// costs. That is as good as long as nobody has to take back what he wrote:
// whoever fails before he has written, and not by an error of the database, has
// left nothing. Otherwise all of it is rolled back and done once more, with a
// savepoint for each; to run fn again is what a retry does too.
func (q *queue) run(t *tx, batch []*request) (fit bool, err error) {
	if err := t.begin(q.style); err != nil {
		return true, err
	}
	for _, r := range batch {
		if r.attempt(t) {
			continue
		}
		if fit, err = t.abandon(batch, r.err); !fit {
			return fit, err
		}
		if len(batch) == 1 {
			return true, nil
		}
		*t = tx{c: t.c, db: t.db}
		return q.runApart(t, batch)
	}
	return q.commit(t, batch)
}

// runApart is run with a savepoint for every request.
func (q *queue) runApart(t *tx, batch []*request) (fit bool, err error) {
	for _, r := range batch {
		r.err, r.panicked = nil, nil
	}
	if err := t.begin(q.style); err != nil {
		return true, err
	}
	for _, r := range batch {
		if err := r.attemptApart(t); err != nil {
			return t.abandon(batch, err)
		}
	}
	return q.commit(t, batch)
}

func (q *queue) commit(t *tx, batch []*request) (fit bool, err error) {
	if q.early > 0 {
		answer(batch)
		time.Sleep(q.early)
	}
	return t.commit()
}

// abandon ends the transaction because of cause. Where that cannot be done, not
// even those that failed by themselves can know that they had no effect.
func (t *tx) abandon(batch []*request, cause error) (fit bool, err error) {
	if fit, err = t.rollback(cause); !fit {
		for _, r := range batch {
			r.err = nil
		}
	}
	return fit, err
}

// attempt runs the request in the transaction of t, takes down what came of it,
// and reports whether the transaction is sound: it may be committed, and holds
// nothing of a request that failed.
func (r *request) attempt(t *tx) (sound bool) {
	own := &tx{c: t.c, db: t.db, locked: true}
	r.err = r.call(own)
	if own.err != nil {
		r.err = own.err
	}
	return r.err == nil || own.err == nil && !own.changed && r.panicked == nil
}

// attemptApart is attempt in a savepoint. Its error says that the whole
// transaction is lost: after some errors, such as a full disk, SQLite rolls back
// all of it by itself, and the savepoint is then gone
// (https://sqlite.org/lang_transaction.html, "Response To Errors Within A
// Transaction").
func (r *request) attemptApart(t *tx) error {
	if err := t.c.exec(savepoint); err != nil {
		return lost("savepoint", err)
	}
	if !r.attempt(t) {
		if err := t.c.exec(rollbackTo); err != nil {
			return lost("roll back to savepoint", errors.Join(r.err, err))
		}
	}
	if err := t.c.exec(release); err != nil {
		return lost("release savepoint", err)
	}
	return nil
}

// call runs fn. A panic in it is the request's alone.
func (r *request) call(t *tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.panicked = &writerPanic{value: p, stack: debug.Stack()}
			err = r.panicked
		}
	}()
	return r.fn(t)
}

// lost describes a transaction that ended because of cause. The other requests in
// it had no effect, and none of them was refused a lock.
func lost(op string, cause error) *store.Error {
	var e store.Error
	if known := (*store.Error)(nil); errors.As(cause, &known) {
		e = *known
	} else {
		e = *newError(op, cause, 0, 0)
	}
	e.Refused, e.TimedOut = false, false
	return &e
}

// failRest gives err to every request that has no error of its own.
func failRest(batch []*request, err error) {
	if err == nil {
		return
	}
	for _, r := range batch {
		if r.err != nil {
			continue
		}
		r.err = err
		var e *store.Error
		if errors.As(err, &e) {
			own := *e
			r.err = &own
		}
	}
}

// report tells the trace of every request: all of them waited for the lock
// until the batch had it, and had it until the batch was over.
func (q *queue) report(t *tx, batch []*request) {
	ended := time.Now().UnixNano()
	for _, r := range batch {
		q.db.trace(trace.Attempt{
			Kind: trace.Write, Began: r.began.UnixNano(), Locked: nanoseconds(t.lockedAt), Ended: ended,
			Code: extended(r.err),
		})
	}
}

// Batches returns how many transactions the queue has begun and how many
// requests were in them, 0 and 0 where there is no queue.
func (db *DB) Batches() (batches, requests int64) {
	if db.queue == nil {
		return 0, 0
	}
	return db.queue.batches.Load(), db.queue.requests.Load()
}
