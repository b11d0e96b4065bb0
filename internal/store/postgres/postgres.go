// Package postgres is a [store.Store] on PostgreSQL, or on an engine that
// speaks its protocol, through pgx's package pgconn.
//
// Two ideas carry it. The application is the one that store/sqlite serves, so
// that only the engine and the transaction style differ: the naive
// read-then-write loses updates here as well, inside READ COMMITTED too
// (https://www.postgresql.org/docs/current/transaction-iso.html). And every
// error says what it proves: the server rolls back whatever it has answered
// with an error, and whatever it was never told to commit. Only a connection
// that breaks while a commit is on its way leaves the attempt Unsure.
//
// A [DB] opens its connections at the start and replaces broken ones in nobody's
// request, so that a server that was restarted is used again by itself. It never
// retries an attempt: that is the application's decision. It speaks plain SQL,
// without advisory locks or extensions.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/contend/internal/store"
	"example.com/contend/internal/trace"
)

// Options are what Open can be told beyond the discipline. The zero value of
// each field is its default.
type Options struct {
	// LockWait is told, for every attempt that writes, how long the statement
	// took that takes the row's lock: the first SELECT … FOR UPDATE, or else the
	// first write; without a transaction, each write, its commit included. The
	// statement's own work and the way to the server and back are in it. It is
	// called on the attempt's goroutine, granted or refused.
	LockWait func(time.Duration)
	// Trace is told of every attempt once it is over, with Node left empty. It
	// is called on the attempt's goroutine. nil means that nobody is told.
	Trace func(trace.Attempt)
	// Patience bounds the waits that belong to no request: opening a
	// connection, and everything for the lab. 0 means DefaultPatience.
	Patience time.Duration
}

// DefaultPatience is enough for a cluster to start on one server.
const DefaultPatience = 10 * time.Second

// A DB is one node's connections to the server. It is safe for concurrent use.
type DB struct {
	d        store.Discipline
	observe  func(time.Duration)
	trace    func(trace.Attempt) // nil where nobody listens
	patience time.Duration
	target   *target
	engine   string // "PostgreSQL 15.18"

	size   int        // connections in the pool
	pool   chan *conn // idle connections; nil stands for one that could not be replaced before Close
	outage outage
	probe  chan *conn // the one connection for Check and Stats; nil where it has to be opened again
	lab    sync.RWMutex

	closing chan struct{} // closed when Close begins
	once    sync.Once
	closed  error
}

// Open opens d.Pool connections to the server at url, and one more for
// [DB.Check] and [DB.Stats], and makes the tables where they are missing. It
// returns an error that names the setting where a connection did not get what d
// asks for: "lock_timeout: asked for 5000, got 0". No error shows url's password.
//
// The URL is postgres://USER:PASSWORD@HOST:PORT/DATABASE?search_path=SCHEMA,
// with whatever else PostgreSQL's clients take in one
// (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS).
// The schema must be named, and exist: contend makes its tables nowhere else.
//
// Where four nodes with d.Pool connections each would be more than the server's
// max_connections, the pool is a quarter of what there is; [DB.Pragmas] tells
// its size.
func Open(ctx context.Context, url string, d store.Discipline, o Options) (*DB, error) {
	to, err := parse(url)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL: %w", err)
	}
	if err := to.needSchema(); err != nil {
		return nil, fmt.Errorf("open %s: %w", to, err)
	}
	if err := validate(d); err != nil {
		return nil, fmt.Errorf("open %s: %w", to, err)
	}
	if o.LockWait == nil {
		o.LockWait = func(time.Duration) {}
	}
	if o.Patience == 0 {
		o.Patience = DefaultPatience
	}
	db := &DB{
		d: d, observe: o.LockWait, trace: o.Trace, patience: o.Patience, target: to,
		probe: make(chan *conn, 1), closing: make(chan struct{}),
	}
	if err := db.dialAll(ctx); err != nil {
		return nil, fmt.Errorf("open %s: %w", to, err)
	}
	return db, nil
}

func validate(d store.Discipline) error {
	if err := d.Validate(); err != nil {
		return err
	}
	if d.Engine() != store.Postgres {
		return fmt.Errorf("driver %s does not speak to PostgreSQL: want %s", d.Driver, store.Pgx)
	}
	return nil
}

// dialAll opens every connection. The first one is the probe's: it makes the
// tables and says how many more there may be.
func (db *DB) dialAll(ctx context.Context) (err error) {
	var opened []*conn
	defer func() {
		if err != nil {
			for _, c := range opened {
				c.discard()
			}
		}
	}()
	probe, err := dialPatiently(ctx, db.target, probeSettings(db.d), db.patience)
	if err != nil {
		return err
	}
	opened = append(opened, probe)
	if err := probe.createTables(ctx, db.patience); err != nil {
		return err
	}
	if db.engine, err = probe.engine(ctx); err != nil {
		return err
	}
	db.size = min(db.d.Pool, probe.share(ctx))
	for range db.size {
		c, err := dialPatiently(ctx, db.target, settingsOf(db.d), db.patience)
		if err == nil {
			err = c.prepare(ctx)
			opened = append(opened, c)
		}
		if err != nil {
			return err
		}
	}
	db.pool = make(chan *conn, db.size)
	for _, c := range opened[1:] {
		db.pool <- c
	}
	db.probe <- probe
	db.outage.up = db.size
	return nil
}

// Engine returns what the server says it is, such as "PostgreSQL 15.18" or
// "CockroachDB CCL v23.1.11".
func (db *DB) Engine() string { return db.engine }

// Update makes one attempt at fn, as [store.Store] says.
//
// Under [store.Atomic] every call on the Tx is a statement of its own, like
// under [store.Separate]: one statement is atomic, two are not. Where an
// application makes a second one and that is refused, the first stands, and the
// error is Unsure.
//
// Under [store.ForUpdate] a read locks its row, and makes a counter that is not
// there yet, since there is nothing to lock in a row that does not exist. Locks
// are taken in the order of the reads. Two attempts that lock two rows in
// opposite order deadlock; after deadlock_timeout, a second by default, the
// server ends one of them, which comes as a refusal
// (https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-DEADLOCKS).
func (db *DB) Update(ctx context.Context, fn func(store.Tx) error) error {
	return db.with(ctx, false, fn)
}

// View makes one attempt at fn, which must only read, in one snapshot
// (REPEATABLE READ READ ONLY); under [store.Separate] and [store.Atomic] each
// read has a snapshot of its own.
func (db *DB) View(ctx context.Context, fn func(store.Tx) error) error {
	return db.with(ctx, true, fn)
}

func (db *DB) with(ctx context.Context, readOnly bool, fn func(store.Tx) error) error {
	c, err := db.take(ctx)
	if err != nil {
		return err
	}
	fit := false // a panic in fn leaves a transaction open
	defer func() {
		if fit {
			db.pool <- c
		} else {
			db.lose(c, err)
		}
	}()
	err = db.attempt(c, readOnly, fn)
	fit = c.fit()
	return err
}

// take waits for an idle connection that is still good. While there is none at
// all, and none to be had, it refuses at once: the wait for a server to come
// back is the application's to make.
func (db *DB) take(ctx context.Context) (*conn, error) {
	for {
		if db.isClosing() {
			return nil, store.ErrClosed
		}
		select {
		case c := <-db.pool:
			if c.alive() {
				return c, nil
			}
			db.lose(c, errGone)
		case <-db.outage.none():
			return nil, db.outage.refusal()
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for a connection: %w", context.Cause(ctx))
		case <-db.closing:
			return nil, store.ErrClosed
		}
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

// errGone is a connection that was found broken before anything was sent on it.
var errGone = errors.New("the server has closed the connection")

// lose throws c away and has it replaced.
func (db *DB) lose(c *conn, cause error) {
	db.outage.fall(cause)
	go db.replace(c)
}

// replacePause is how often a server that is away is asked for a connection.
const replacePause = 50 * time.Millisecond

// replace puts a new connection in the place of c, in nobody's request. Close
// waits for it, because Close takes every connection back.
func (db *DB) replace(c *conn) {
	c.discard()
	ctx, cancel := db.untilClosing()
	defer cancel()
	for {
		c, err := db.redial(ctx)
		if err == nil {
			db.outage.rise()
			db.pool <- c
			return
		}
		db.outage.because(err)
		select {
		case <-db.closing:
			db.pool <- nil
			return
		case <-time.After(replacePause):
		}
	}
}

// redial opens one connection with everything prepared.
func (db *DB) redial(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, db.patience)
	defer cancel()
	c, err := dial(ctx, db.target, settingsOf(db.d))
	if err != nil {
		return nil, err
	}
	if err := c.prepare(ctx); err != nil {
		c.discard()
		return nil, err
	}
	return c, nil
}

// untilClosing returns a context that ends when Close begins.
func (db *DB) untilClosing() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-db.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// Close waits for the attempts in flight and closes every connection.
func (db *DB) Close() error {
	db.once.Do(func() {
		close(db.closing)
		db.lab.Lock() // waits for what the lab is doing
		defer db.lab.Unlock()
		for range db.size {
			db.closed = errors.Join(db.closed, (<-db.pool).close())
		}
		db.closed = errors.Join(db.closed, (<-db.probe).close())
		if db.closed != nil {
			db.closed = fmt.Errorf("close database: %w", db.closed)
		}
	})
	return db.closed
}

// An outage knows how many connections of a pool are there, and why the others
// are not.
type outage struct {
	mu    sync.Mutex
	up    int
	cause error         // of the latest loss, or of the latest try to make up for one
	gone  chan struct{} // closed while up is 0; nil until someone asks
}

func (o *outage) fall(cause error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.up--
	o.cause = cause
	if o.up == 0 && o.gone != nil {
		close(o.gone)
	}
}

func (o *outage) rise() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.up == 0 {
		o.gone = nil
	}
	o.up++
}

func (o *outage) because(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cause = err
}

// none returns a channel that is closed once there is no connection.
func (o *outage) none() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone == nil {
		o.gone = make(chan struct{})
		if o.up == 0 {
			close(o.gone)
		}
	}
	return o.gone
}

// refusal is the answer to an attempt that no connection is there for. Nothing
// was sent, so it certainly had no effect.
func (o *outage) refusal() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	cause := o.cause
	if cause == nil {
		cause = errGone
	}
	code := cannotConnect
	var refused *pgconn.PgError
	if errors.As(cause, &refused) {
		code = refused.Code
	}
	return &store.Error{Op: "connect", Code: CodeName(code), Extended: code, Refused: true, Err: cause}
}
