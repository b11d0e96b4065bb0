package app

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

	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/store"
)

// maxBatch is how many requests share a transaction at most. A batch has the
// write lock to itself, and the other nodes wait for it: of increments, a full
// one takes SQLite two or three milliseconds. The price of a COMMIT, which is what
// a batch shares, has by then become small beside that of its requests.
const maxBatch = 256

// A queue is a node's only writer, [store.Queue]: one connection of any engine that
// has transactions and savepoints. A request that finds nobody writing writes, and
// puts all that wait into its transaction; when that is over, it leaves the turn to
// the first that has come meanwhile, as LevelDB does
// (https://github.com/google/leveldb/blob/main/db/db_impl.cc, DBImpl::Write). So a
// request that comes alone is a transaction alone, and wakes no other goroutine. A
// request that fails takes back its own writes and nobody else's
// (https://sqlite.org/lang_savepoint.html). Nobody is answered before the COMMIT.
type queue struct {
	db    *DB
	style store.Transaction // of a batch
	early time.Duration     // see Options
	t     *Tx               // belongs to whoever has the turn, and so do batch and lanes
	batch []*request
	lanes []*lane // of the batches that share round trips

	mu      sync.Mutex
	waiting []*request // in order of arrival; empty where nobody has the turn
	turn    bool       // a request, or renew, has the turn to write
	closed  bool       // no more may join
	ended   sync.Cond  // nobody has the turn any more

	batches, requests atomic.Int64
}

// A request is an attempt on its way through the queue. While it waits, its outcome
// belongs to whoever has the turn.
type request struct {
	fn    func(*Tx) error
	began time.Time // set where there is a trace
	wake  chan bool // true: the turn to write is its; false: it has its outcome

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

// newQueue returns a queue that writes on t, which becomes its own.
func newQueue(db *DB, t *Tx) *queue {
	q := &queue{db: db, style: db.d.Transaction, early: db.o.early, t: t}
	if q.style == store.Atomic {
		q.style = db.grouped() // the statements of a batch still are one transaction
	}
	q.ended.L = &q.mu
	return q
}

// update makes one attempt at fn, as [DB.Update] says, in its own transaction or
// another's.
func (q *queue) update(ctx context.Context, fn func(*Tx) error) error {
	r := &request{fn: fn, wake: make(chan bool, 1)}
	if q.db.o.Trace != nil {
		r.began = time.Now()
	}
	if !q.join(r) {
		return store.ErrClosed
	}
	for waits := true; waits; {
		select {
		case waits = <-r.wake:
			if waits {
				q.write()
			}
		case <-ctx.Done():
			if q.leave(r) {
				return &WaitError{"the queue's writer", context.Cause(ctx)}
			}
			waits = <-r.wake // it is in a transaction already
		case <-q.db.waits.Done():
			select {
			case waits = <-r.wake: // it need not wait
				if waits {
					q.write()
				}
			default:
				if q.leave(r) {
					return store.ErrClosed
				}
				waits = <-r.wake
			}
		}
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
	if !q.turn {
		q.pass()
	}
	return true
}

// pass gives the turn to the first request that waits. The caller holds mu.
func (q *queue) pass() {
	q.turn = len(q.waiting) > 0
	if q.turn {
		q.waiting[0].wake <- true
	} else {
		q.ended.Broadcast()
	}
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
	select {
	case <-r.wake: // it had the turn
		q.pass()
	default:
	}
	return true
}

// take moves the first requests that wait to the batch, which it returns.
func (q *queue) take() []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.waiting), maxBatch)
	q.batch = append(q.batch[:0], q.waiting[:n]...)
	q.waiting = slices.Delete(q.waiting, 0, n)
	return q.batch
}

// close lets nobody join any more and waits until all that has joined is written.
func (q *queue) close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for q.turn {
		q.ended.Wait()
	}
	if q.t.c == nil {
		return nil
	}
	return q.t.c.Close()
}

// write makes one transaction of the request that has the turn and of those that
// wait behind it, and passes the turn on.
func (q *queue) write() {
	// Requests that have come in, and only have not had the processor yet, join
	// first. Where there are none this takes no time: nobody is waited for.
	runtime.Gosched()
	fit := q.t.c == nil || q.t.c.Idle() && q.t.c.Alive()
	if fit {
		batch := q.take()
		fit = q.transact(q.t, batch)
		answer(batch)
		clear(batch) // or a burst's requests would stay in memory
	}
	if !fit {
		go q.renew() // and whoever waits may still leave
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pass()
}

// renew has the turn while it replaces the connection. Where the engine refuses
// rather than waits for a database that is away, so do the requests that wait
// meanwhile.
func (q *queue) renew() {
	_ = q.t.c.Close() // its errors are those that made it unfit
	q.t.c = q.db.redial(store.Requests, func(cause error) {
		if q.db.database.Absent(cause) == nil {
			return
		}
		for batch := q.take(); len(batch) > 0; batch = q.take() {
			for _, r := range batch {
				r.err = q.db.database.Absent(cause)
			}
			answer(batch)
		}
	})
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pass()
}

// answer lets the requests of batch go. Their outcome is theirs from here on.
func answer(batch []*request) {
	for _, r := range batch {
		select {
		case r.wake <- false:
		default: // it was let go before the COMMIT, see early, and is the one that writes
		}
	}
}

// transact makes one transaction of batch, gives every request its outcome, and
// says whether the connection is fit for the next one.
func (q *queue) transact(t *Tx, batch []*request) (fit bool) {
	if t.c == nil { // it could not be replaced before Close
		failRest(batch, store.ErrClosed)
		return true
	}
	q.batches.Add(1)
	q.requests.Add(int64(len(batch)))
	failRest(batch, q.run(t, batch))
	fit, ended := t.c.Idle(), time.Now()
	for _, r := range batch {
		fit = fit && r.panicked == nil // nobody knows what it was in the middle of
		// All of them waited for the lock until the batch had it, and had it until
		// the batch was over.
		q.db.report(locktrace.Write, r.began, t.lockedAt, ended, r.err)
	}
	return fit
}

// run makes the transaction of batch. Its error is that of every request which
// has not got one of its own. Where the engine takes several statements in one
// round trip, [queue.share] does it.
//
// It first does without savepoints, which cost a quarter of what an increment
// costs SQLite. That is as good as long as no request has to take back a write:
// one that fails before it has written, and not by an error of the database, has
// left nothing. Otherwise all of it is rolled back and done once more, with a
// savepoint for each; to run fn again is what a retry does too. After an error of
// the database this is the only way with PostgreSQL, which then takes no further
// statement of the transaction.
func (q *queue) run(t *Tx, batch []*request) error {
	if s, sends := t.c.(store.Sender); sends && q.style == store.Atomic {
		return q.share(s, t, batch)
	}
	if err := q.begin(t); err != nil {
		return err
	}
	for _, r := range batch {
		if !r.attempt(t) {
			return q.again(t, batch, r.err)
		}
	}
	return q.commit(t, batch)
}

// again rolls batch back because of cause, an error of one of its requests, and
// makes it once more with a savepoint for every request.
func (q *queue) again(t *Tx, batch []*request, cause error) error {
	err := q.abandon(t, batch, cause)
	switch {
	case len(batch) == 1:
		return err
	case !t.c.Idle(): // the connection broke
		return lost(t, "rollback", err)
	}
	return q.runApart(t, batch)
}

// runApart is run with a savepoint for every request.
func (q *queue) runApart(t *Tx, batch []*request) error {
	for _, r := range batch {
		r.err, r.panicked = nil, nil
	}
	if err := q.begin(t); err != nil {
		return err
	}
	for _, r := range batch {
		if err := r.attemptApart(t); err != nil {
			return q.abandon(t, batch, err)
		}
	}
	return q.commit(t, batch)
}

func (q *queue) begin(t *Tx) error {
	t.reset(false)
	return t.begin(q.style)
}

func (q *queue) commit(t *Tx, batch []*request) error {
	if q.early > 0 {
		answer(batch)
		time.Sleep(q.early)
	}
	return t.commit()
}

// abandon ends the transaction because of cause. Where that cannot be done, not
// even those that failed by themselves can know that they had no effect.
func (q *queue) abandon(t *Tx, batch []*request, cause error) error {
	err := t.rollback(cause)
	var e *store.Error
	if errors.As(err, &e) && e.Unsure {
		for _, r := range batch {
			r.err = nil
		}
	}
	return err
}

// attempt runs the request in the transaction of t, records the result,
// and reports whether the transaction is sound: it may be committed, and holds
// nothing of a request that failed.
func (r *request) attempt(t *Tx) (sound bool) {
	t.err, t.changed, t.last, t.ended = nil, false, false, false
	r.err = r.call(t)
	if t.err != nil {
		r.err = t.err
	}
	return r.err == nil || t.err == nil && !t.changed && r.panicked == nil
}

// attemptApart is attempt in a savepoint. Its error says that the whole
// transaction is lost: after some errors, such as a full disk, SQLite rolls back
// all of it by itself, and the savepoint is then gone
// (https://sqlite.org/lang_transaction.html, "Response To Errors Within A
// Transaction"); with a server, the connection may be.
func (r *request) attemptApart(t *Tx) error {
	if err := t.c.Do(store.Savepoint); err != nil {
		return lost(t, "savepoint", err)
	}
	if !r.attempt(t) {
		if err := t.c.Do(store.RollbackTo); err != nil {
			return lost(t, "roll back to savepoint", errors.Join(r.err, err))
		}
	}
	if err := t.c.Do(store.Release); err != nil {
		return lost(t, "release savepoint", err)
	}
	return nil
}

// call runs fn. A panic in it is the request's alone.
func (r *request) call(t *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.panicked = &writerPanic{value: p, stack: debug.Stack()}
			err = r.panicked
		}
	}()
	return r.fn(t)
}

// lost describes a transaction that ended because of cause. The other requests in
// it had no effect, and none of them was refused a lock; only where the connection
// broke may they be tried again.
func lost(t *Tx, op string, cause error) *store.Error {
	var known *store.Error
	switch {
	case errors.As(cause, &known):
	case t.c.Idle():
		known = t.c.Explain(op, cause, 0, false)
	default:
		known = t.c.Explain(op, errors.Join(errGone, cause), 0, false)
	}
	e := *known
	if t.c.Idle() {
		e.Refused, e.TimedOut = false, false
	}
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

// Batches returns how many transactions the queue has begun and how many
// requests were in them, 0 and 0 where there is no queue.
func (db *DB) Batches() (batches, requests int64) {
	if db.queue == nil {
		return 0, 0
	}
	return db.queue.batches.Load(), db.queue.requests.Load()
}
