package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/store"
)

// Options are what Open takes beyond the discipline. The zero value of each
// field is its default.
type Options struct {
	// LockWait is called, for every attempt that wants a lock to write, with the
	// time of the statement that takes it: BEGIN IMMEDIATE or EXCLUSIVE, SELECT …
	// FOR UPDATE, or else the first write; without a transaction, each write. No
	// driver has a hook in its wait for a lock, so this includes the statement's own
	// work, a server's answer, and outside a transaction the commit. It is called on
	// the attempt's goroutine, granted or refused; under store.Queue on that
	// of the one that writes, once for all attempts of a transaction.
	LockWait func(time.Duration)
	// Trace is called with every attempt once it is over, holds and transactions of
	// sessions included, with Node left empty. It is called on the attempt's
	// goroutine, or on that of the one that writes for it. nil means no trace.
	Trace func(locktrace.Attempt)
	// Patience bounds the waits that belong to no request: making a connection,
	// and everything for the lab. 0 means store.DefaultPatience.
	Patience time.Duration

	early time.Duration // how long before the COMMIT the queue answers: for the test that has to catch it
}

// A WaitError is the end of a wait, by its context, before anything was begun.
type WaitError struct {
	For string // "a connection to the database", "the queue's writer" or "the session"
	Err error  // the context's cause
}

// Error returns what the wait was for, and why it ended.
func (e *WaitError) Error() string { return "wait for " + e.For + ": " + e.Err.Error() }

// Unwrap returns why the wait ended.
func (e *WaitError) Unwrap() error { return e.Err }

// A DB is one node's connections to its database. It opens them at the start
// and replaces broken ones in nobody's request. It never retries: that is for the
// caller to decide. It is safe for concurrent use.
type DB struct {
	d        store.Discipline
	database store.Database
	o        Options

	pool     *pool
	probe    *pool  // the one connection for Check and Stats
	queue    *queue // nil where every attempt writes for itself
	sessions sessions
	lab      sync.RWMutex // read-locked by what the lab does

	life   context.Context // ends when Close begins
	end    context.CancelFunc
	waits  context.Context // ends when Drain begins
	drain  context.CancelFunc
	once   sync.Once
	closed error
}

// Open opens the connections that d asks for, one more for [DB.Check] and
// [DB.Stats], and one for the writer where d has a queue, and creates the tables
// that are missing. It returns an error that names the setting where a
// connection did not get what d asks for: "journal_mode: asked for DELETE, got
// WAL".
func Open(ctx context.Context, source store.Source, d store.Discipline, o Options) (*DB, error) {
	if o.LockWait == nil {
		o.LockWait = func(time.Duration) {}
	}
	if o.Patience == 0 {
		o.Patience = store.DefaultPatience
	}
	database, err := source(d, Program, o.Patience)
	if err != nil {
		return nil, err
	}
	db := &DB{d: d, database: database, o: o}
	db.life, db.end = context.WithCancel(context.Background())
	db.waits, db.drain = context.WithCancel(context.Background())
	db.sessions.named = map[string]*Session{}
	db.sessions.ending, db.sessions.end = context.WithCancel(db.life)
	if err := db.dialAll(ctx); err != nil {
		db.end()
		_ = database.Close() // what dialAll opened it has closed
		return nil, fmt.Errorf("open %s: %w", database, err)
	}
	return db, nil
}

func (db *DB) dialAll(ctx context.Context) (err error) {
	var opened []*Tx
	defer func() {
		if err != nil {
			for _, t := range opened {
				_ = t.c.Close()
			}
		}
	}()
	size, count := 0, 1
	for use := store.Probe; len(opened) < count; use = store.Requests {
		c, err := db.database.Dial(ctx, use)
		if err != nil {
			return err
		}
		opened = append(opened, db.newTx(c))
		size = db.database.Pool() // known from the first connection on
		count = 1 + size
		if db.d.Writer == store.Queue {
			count++
		}
	}
	refuses := db.database.Absent(errGone) != nil
	db.probe, db.pool = newPool(store.Probe, 1, refuses), newPool(store.Requests, size, refuses)
	db.probe.put(opened[0])
	for _, t := range opened[1 : 1+size] {
		db.pool.put(t)
	}
	if db.d.Writer == store.Queue {
		db.queue = newQueue(db, opened[count-1])
	}
	return nil
}

// Engine returns the engine and its version: "PostgreSQL 15.18".
func (db *DB) Engine() string { return db.database.Engine() }

// Update makes one attempt at fn, a read-and-write, under the discipline's
// transaction style. It never retries. An error of the database comes as a
// *store.Error; any other error is fn's own, and then nothing was changed (under
// store.Separate: nothing by the call that failed). The context bounds the wait
// for a connection; an attempt once begun is never cut short.
//
// Under store.Atomic every call on the Tx is a statement of its own, like under
// store.Separate: one statement is atomic, two are not. Where a second one is
// refused, the first stands, and the error is Unsure.
//
// Under store.Queue fn runs on the writer's goroutine, and whatever the style,
// its calls are one transaction, with others' requests before and after them. Where
// the engine takes several statements in one round trip, those of others come in
// between under store.Atomic, and on rqlite each stays a transaction of its own. It
// may be run twice, because of another request, and must not wait for another Update
// of the same DB. The context bounds the wait for the writer.
func (db *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	if db.queue != nil {
		return db.queue.update(ctx, fn)
	}
	return db.attempt(ctx, db.together(), false, fn)
}

// View makes one attempt at fn, which must only read, in one snapshot; under
// store.Separate and store.Atomic each read has a snapshot of its own.
func (db *DB) View(ctx context.Context, fn func(*Tx) error) error {
	style := db.together()
	if style != "" {
		style = store.Snapshot
	}
	return db.attempt(ctx, style, true, fn)
}

// together is the style of the one transaction that a direct attempt is, "" where
// each of its statements is a transaction of its own.
func (db *DB) together() store.Transaction {
	if db.d.Transaction == store.Separate || db.d.Transaction == store.Atomic {
		return ""
	}
	return db.d.Transaction
}

// grouped is the style of a transaction that makes one of statements which are
// atomic by themselves, and never has to upgrade a lock.
func (db *DB) grouped() store.Transaction {
	if db.d.Engine() == store.SQLite {
		return store.Immediate
	}
	return store.Atomic
}

func (db *DB) attempt(ctx context.Context, style store.Transaction, readOnly bool, fn func(*Tx) error) (err error) {
	t, err := db.take(ctx, db.pool)
	if err != nil {
		return err
	}
	fit := false // a panic in fn leaves a transaction open
	defer func() { db.give(db.pool, t, fit, err) }()
	t.reset(readOnly)
	var began time.Time
	if db.o.Trace != nil {
		began = time.Now()
	}
	err = t.attempt(style, fn)
	if db.o.Trace != nil {
		kind := locktrace.Write
		if readOnly {
			kind = locktrace.ReadOnly
		}
		db.report(kind, began, t.lockedAt, time.Now(), err)
	}
	fit = t.c.Idle()
	return err
}

// take waits for an idle connection that is still good. While there is none at
// all, and the engine refuses then, it refuses at once: the wait for a server to come
// back is the caller's to make.
func (db *DB) take(ctx context.Context, from *pool) (*Tx, error) {
	for {
		if db.life.Err() != nil {
			return nil, store.ErrClosed
		}
		select {
		case <-from.idle: // it need not wait, whatever else is the case
		default:
			if err := db.await(ctx, from); err != nil {
				return nil, err
			}
		}
		switch t := from.pop(); {
		case t.c == nil: // it could not be replaced before Close, which waits for it
			from.put(t)
			return nil, store.ErrClosed
		case t.c.Alive():
			return t, nil
		default:
			db.give(from, t, false, errGone)
		}
	}
}

// await waits for an idle connection, which the caller then has to pop.
func (db *DB) await(ctx context.Context, from *pool) error {
	select {
	case <-from.idle:
		return nil
	case <-db.waits.Done():
		return store.ErrClosed
	case <-db.life.Done():
		return store.ErrClosed
	case <-ctx.Done():
		return &WaitError{"a connection to the database", context.Cause(ctx)}
	case <-from.none():
		return db.database.Absent(from.why())
	}
}

// errGone is a connection that was found broken before anything was sent on it.
var errGone = errors.New("the server has closed the connection")

// give takes a connection back, or has it replaced where it is unfit.
func (db *DB) give(to *pool, t *Tx, fit bool, cause error) {
	if fit {
		to.put(t)
		return
	}
	to.change(-1, cause)
	go func() { // Close waits for it, because Close takes every connection back
		defer func() { to.put(t) }()
		_ = t.c.Close() // its errors are those that made it unfit
		t.c = db.redial(to.use, func(err error) { to.change(0, err) })
		to.change(1, nil)
	}()
}

// redialPause is the wait between two tries to connect to a database that is away.
const redialPause = 50 * time.Millisecond

// redial returns a new connection, nil where none could be had before Close. It
// calls failed with the error of every try.
func (db *DB) redial(use store.Use, failed func(error)) store.Conn {
	for {
		ctx, cancel := context.WithTimeout(db.life, db.o.Patience)
		c, err := db.database.Dial(ctx, use)
		cancel()
		if err == nil {
			return c
		}
		failed(err)
		select {
		case <-db.life.Done():
			return nil
		case <-time.After(redialPause):
		}
	}
}

// Drain ends every wait that is no attempt's own: for a connection, for the queue's writer, of
// the lab with the lock. Attempts that had to wait so return [store.ErrClosed], from now on;
// others go on, and begin. It gives back what sessions hold.
func (db *DB) Drain() {
	db.drain()
	db.CloseSessions()
}

// Close waits for the attempts in flight and closes every connection.
func (db *DB) Close() error {
	db.once.Do(func() {
		db.end()
		db.CloseSessions()
		db.lab.Lock() // waits for what the lab is doing
		defer db.lab.Unlock()
		var errs []error
		if db.queue != nil {
			errs = append(errs, db.queue.close())
		}
		errs = append(errs, db.pool.close(), db.probe.close(), db.database.Close())
		if err := errors.Join(errs...); err != nil {
			db.closed = fmt.Errorf("close database: %w", err)
		}
	})
	return db.closed
}

// Check asks the database a question whose answer needs the tables, on a
// connection that no request uses, and returns what went wrong. It waits at most
// a second.
func (db *DB) Check(ctx context.Context) error {
	_, err := db.ask(ctx, checkTables, 1)
	return err
}

// Stats counts rows, on the same terms as Check. It reads whole tables.
func (db *DB) Stats(ctx context.Context) (store.Stats, error) {
	n, err := db.ask(ctx, countRows, 3)
	if err != nil {
		return store.Stats{}, err
	}
	return store.Stats{Records: n[0], Counters: n[2]}, nil
}

// ask returns the one row of numbers that a statement returns, columns wide.
func (db *DB) ask(ctx context.Context, s *store.Statement, columns int) (answer []int64, err error) {
	t, err := db.take(ctx, db.probe)
	if err != nil {
		return nil, err
	}
	defer func() { db.give(db.probe, t, t.c.Idle(), err) }()
	t.reset(true)
	row, err := t.row(s, columns)
	return slices.Clone(row), err
}

// Settings asks a connection which settings it has now, as the engine spells
// them. A server's also hold "pool", the number of connections for requests.
func (db *DB) Settings(ctx context.Context) (settings map[string]string, err error) {
	t, err := db.take(ctx, db.pool)
	if err != nil {
		return nil, err
	}
	defer func() { db.give(db.pool, t, t.c.Idle(), err) }()
	return t.c.Settings()
}
