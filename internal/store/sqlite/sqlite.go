// Package sqlite is a [store.Store] on one SQLite file, through any of the
// drivers that [Drivers] names.
//
// Two ideas carry it. Every setting that decides how the file is shared
// (journal mode, synchronous, busy_timeout) is set on each connection and read
// back, because SQLite answers a journal mode it could not give with the one it
// kept. And every error says what it proves: a refusal that was rolled back
// had no effect and may be tried again; anything that may have come after a
// commit is Unsure.
//
// A [DB] opens its connections at the start, so that opening one is never part
// of a request. It never retries: that is the application's decision. POSIX
// locks belong to the process (https://sqlite.org/howtocorrupt.html, section
// 2.2), so a process that has a DB open must not open the file in any other
// way, and two nodes that are to exclude each other must be two processes.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"example.com/contend/internal/store"
	"example.com/contend/internal/trace"
)

// Options are what Open can be told beyond the discipline. The zero value of
// each field is its default.
type Options struct {
	// LockWait is told, for every attempt that wants the write lock, how long
	// the statement took that takes it: BEGIN IMMEDIATE, BEGIN EXCLUSIVE, or
	// else the first write. The driver has no hook in the busy handler, so this
	// includes the statement's own work, and outside a transaction its commit.
	// It is called on the attempt's goroutine, granted or refused; under
	// store.Queue on the writer's, once for all attempts of a transaction.
	LockWait func(time.Duration)
	// Trace is told of every attempt once it is over, holds and transactions of
	// sessions included, with Node left empty. It is called on the attempt's
	// goroutine, or the queue's writer's. nil means that nobody is told.
	Trace func(trace.Attempt)
	// Patience bounds the waits that belong to no request: opening a
	// connection, and everything for the lab. 0 means DefaultPatience.
	Patience time.Duration

	early time.Duration // how long before the COMMIT the queue answers: for the test that has to catch it
}

// DefaultPatience is enough for a cluster to start on one file.
const DefaultPatience = 10 * time.Second

// probePatience is how long a question about the node itself waits for a lock,
// so that health and metrics do not hang behind the very contention they tell of.
const probePatience = 250 * time.Millisecond

// A DB is one node's connections to the file. It is safe for concurrent use.
type DB struct {
	d           store.Discipline
	driver      *driver
	busyTimeout time.Duration
	observe     func(time.Duration)
	trace       func(trace.Attempt) // nil where nobody listens
	patience    time.Duration
	path        string

	sql   *sql.DB
	pool  *pool
	probe *pool  // the one connection for Check and Stats
	queue *queue // nil where every attempt writes for itself
	lab   sync.RWMutex

	sessions *sessions
	closing  chan struct{} // closed when Close begins
	once     sync.Once
	closed   error
}

// Open opens d.Pool connections to the file at path, one more for [DB.Check]
// and [DB.Stats], and one for the writer where d has a queue, creates the file and its tables where they are missing, and
// returns an error that names the setting where a connection did not get what d
// asks for: "journal_mode: asked for DELETE, got WAL". The directory must exist.
func Open(ctx context.Context, path string, d store.Discipline, o Options) (*DB, error) {
	if err := d.Validate(); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if o.LockWait == nil {
		o.LockWait = func(time.Duration) {}
	}
	if o.Patience == 0 {
		o.Patience = DefaultPatience
	}
	driver, err := driverNamed(d.Driver)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	dialer, err := driver.pool(path, "rwc")
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db := &DB{
		d: d, driver: driver, busyTimeout: d.BusyTimeout.Duration(), observe: o.LockWait, trace: o.Trace, patience: o.Patience,
		path: path, sessions: newSessions(),
		sql: dialer, pool: newPool(d.Pool), probe: newPool(1), closing: make(chan struct{}),
	}
	if err := db.dialAll(ctx, o.early); err != nil {
		_ = dialer.Close() // what dialAll opened it has closed
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return db, nil
}

func (db *DB) dialAll(ctx context.Context, early time.Duration) (err error) {
	var opened []*conn
	defer func() {
		if err != nil {
			for _, c := range opened {
				_ = c.discard()
			}
		}
	}()
	count := db.d.Pool
	if db.d.Writer == store.Queue {
		count++
	}
	for range count {
		c, err := dial(ctx, db.sql, db.d, db.patience)
		if err != nil {
			return err
		}
		opened = append(opened, c)
	}
	forProbes := db.d
	forProbes.BusyTimeout = store.Milliseconds(probePatience.Milliseconds())
	probe, err := dial(ctx, db.sql, forProbes, db.patience)
	if err != nil {
		return err
	}
	for _, c := range opened[:db.d.Pool] {
		db.pool.put(c)
	}
	if db.d.Writer == store.Queue {
		db.queue = startQueue(db, opened[db.d.Pool], early)
	}
	db.probe.put(probe)
	return nil
}

// Update makes one attempt at fn, as [store.Store] says.
//
// Under [store.Atomic] every call on the Tx is a statement of its own, like
// under [store.Separate]: one statement is atomic, two are not. Where an
// application makes a second one and that is refused, the first stands, and the
// error is Unsure.
//
// Under [store.Queue] fn runs on the writer's goroutine, and whatever the style,
// its calls are one transaction, with others' requests before and after them. It
// may be run twice, because of one of those, and must not wait for another Update
// of the same DB. The context bounds the wait for the writer.
func (db *DB) Update(ctx context.Context, fn func(store.Tx) error) error {
	if db.queue != nil {
		return db.queue.update(ctx, fn)
	}
	return db.with(ctx, db.d.Transaction, false, fn)
}

// View makes one attempt at fn, which must only read, in one snapshot; under
// [store.Separate] and [store.Atomic] each read has a snapshot of its own.
func (db *DB) View(ctx context.Context, fn func(store.Tx) error) error {
	style := store.Deferred
	if db.d.Transaction == store.Separate || db.d.Transaction == store.Atomic {
		style = db.d.Transaction
	}
	return db.with(ctx, style, true, fn)
}

func (db *DB) with(ctx context.Context, style store.Transaction, readOnly bool, fn func(store.Tx) error) error {
	c, err := db.take(ctx, db.pool)
	if err != nil {
		return err
	}
	fit := false // a panic in fn leaves a transaction open
	defer func() {
		if fit {
			db.pool.put(c)
		} else {
			go db.replace(c)
		}
	}()
	fit, err = db.attempt(c, style, readOnly, fn)
	return err
}

// take waits for an idle connection.
func (db *DB) take(ctx context.Context, from *pool) (*conn, error) {
	if db.isClosing() {
		return nil, store.ErrClosed
	}
	select {
	case <-from.idle:
		return from.pop(), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a connection: %w", context.Cause(ctx))
	case <-db.closing:
		return nil, store.ErrClosed
	}
}

func (db *DB) isClosing() bool {
	select {
	case <-db.closing:
		return true
	default:
		return false
	}
}

// replace puts a new connection in the place of c, in nobody's request. Close
// waits for it, because Close takes every connection back.
func (db *DB) replace(c *conn) { db.pool.put(db.renew(c)) }

// renew throws c away and returns a new connection, nil where none could be had
// before Close.
func (db *DB) renew(c *conn) *conn {
	_ = c.discard() // its errors are those that made it unfit
	for {
		c, err := dial(always, db.sql, db.d, db.patience)
		if err == nil {
			return c
		}
		select {
		case <-db.closing:
			return nil
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Close waits for the attempts in flight and closes every connection. The last
// connection to a file in WAL mode checkpoints it
// (https://sqlite.org/wal.html#ckpt).
func (db *DB) Close() error {
	db.once.Do(func() {
		close(db.closing)
		db.CloseSessions()
		db.lab.Lock() // waits for what the lab is doing
		defer db.lab.Unlock()
		var errs []error
		if db.queue != nil {
			errs = append(errs, db.queue.close())
		}
		errs = append(errs, db.pool.close(), db.probe.close(), db.sql.Close())
		if err := errors.Join(errs...); err != nil {
			db.closed = fmt.Errorf("close database: %w", err)
		}
	})
	return db.closed
}

func discard(c *conn) error {
	if c == nil {
		return nil
	}
	return c.discard()
}
