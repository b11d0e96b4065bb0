// Package rqlite is a [store.Store] on an rqlite cluster: SQLite, replicated by
// Raft and spoken to over HTTP (https://rqlite.io/docs/api/api/).
//
// Two ideas carry it. A request is all there is: rqlite has no session, so a
// read and a write that depends on it are either one statement
// ([store.Atomic]) or two requests with others in between ([store.Separate]).
// And every error says what it proves. A node that is not the leader is asked
// to say so instead of passing the request on, because rqlite's own forwarding
// sends a request again when the connection to the leader breaks, even where no
// retries were asked for: a write could be done twice, and no answer that went
// through it proves that a write was not done.
//
// A [DB] never retries what a leader has seen: that is the application's
// decision. It starts no server; internal/server/rqlite does.
package rqlite

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"example.com/contend/internal/store"
	"example.com/contend/internal/trace"
)

// Options are what Open can be told beyond the discipline. The zero value of
// each field is its default.
type Options struct {
	// Trace is told of every attempt once it is over, with Node left empty. A
	// write counts as locked when it was done: what happens before is the
	// server's business. It is called on the attempt's goroutine. nil means that
	// nobody is told.
	Trace func(trace.Attempt)
	// Patience bounds one request to one node. 0 means DefaultPatience.
	Patience time.Duration
}

// DefaultPatience is as long as rqlite itself tries to hand a write to Raft
// (-raft-apply-timeout).
const DefaultPatience = 10 * time.Second

// probePatience bounds a question about the node itself, so that health and
// metrics do not hang behind a cluster that has no leader.
const probePatience = time.Second

// A DB is one node's way to the cluster. It is safe for concurrent use.
type DB struct {
	d      store.Discipline
	trace  func(trace.Attempt) // nil where nobody listens
	client *client
	sql    schema
	pool   chan struct{} // one for each attempt that may be under way
	once   sync.Once

	closing chan struct{} // closed when Close begins
	gate    sync.RWMutex  // read-locked by what is no attempt: probes and the lab
}

// Open finds the cluster at url, written as [Parse] takes it, and creates the
// tables of its prefix where they are missing. At most d.Pool attempts are
// under way at once, each on a connection that is made when first needed and
// then kept. The busy timeout of d has no meaning here: rqlite lines writers up
// and refuses none for a lock.
func Open(ctx context.Context, url string, d store.Discipline, o Options) (*DB, error) {
	if err := d.Validate(); err != nil {
		return nil, fmt.Errorf("open %s: %w", url, err)
	}
	if d.Engine() != store.Rqlite {
		return nil, fmt.Errorf("open %s: driver %q is not rqlite's", url, d.Driver)
	}
	a, err := Parse(url)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	db := newDB(a, d, o)
	if err := db.createTables(ctx); err != nil {
		db.client.close()
		return nil, fmt.Errorf("open %s: %w", url, err)
	}
	return db, nil
}

func newDB(a Address, d store.Discipline, o Options) *DB {
	if o.Patience == 0 {
		o.Patience = DefaultPatience
	}
	db := &DB{
		d: d, trace: o.Trace, client: newClient(a, o.Patience, d.Pool+1), sql: newSchema(a.Prefix),
		pool: make(chan struct{}, d.Pool), closing: make(chan struct{}),
	}
	for range d.Pool {
		db.pool <- struct{}{}
	}
	return db
}

// Engine returns the engine and its version, as the cluster says it: "rqlite 10".
func (db *DB) Engine() string {
	db.client.mu.Lock()
	defer db.client.mu.Unlock()
	return strings.TrimSpace("rqlite " + db.client.version)
}

// Update makes one attempt at fn, as [store.Store] says.
//
// Each call on the Tx is a request of its own, under [store.Atomic] too: one
// statement is atomic, two are not. Where an application makes a second one and
// that is refused, the first stands, and the error is Unsure.
func (db *DB) Update(ctx context.Context, fn func(store.Tx) error) error {
	return db.with(ctx, false, fn)
}

// View makes one attempt at fn, which must only read. Each read is a request of
// its own and sees what the leader has then.
func (db *DB) View(ctx context.Context, fn func(store.Tx) error) error {
	return db.with(ctx, true, fn)
}

func (db *DB) with(ctx context.Context, readOnly bool, fn func(store.Tx) error) error {
	if err := db.take(ctx); err != nil {
		return err
	}
	defer func() { db.pool <- struct{}{} }()
	return db.attempt(ctx, readOnly, fn)
}

// take waits for the turn to make an attempt.
func (db *DB) take(ctx context.Context) error {
	if db.isClosing() {
		return store.ErrClosed
	}
	select {
	case <-db.pool:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a connection: %w", context.Cause(ctx))
	case <-db.closing:
		return store.ErrClosed
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

// Close waits for what is in flight and closes every connection. It returns nil.
func (db *DB) Close() error {
	db.once.Do(func() {
		close(db.closing)
		db.gate.Lock() // waits for probes and the lab
		defer db.gate.Unlock()
		for range db.d.Pool {
			<-db.pool
		}
		db.client.close()
	})
	return nil
}
