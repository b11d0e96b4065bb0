package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"example.com/contend/internal/store"
	"example.com/contend/internal/trace"
)

// Hold takes the write lock, calls taken, keeps the lock for d or until ctx is
// done or the DB closes, and gives it back with nothing written. It waits for
// the lock as long as the DB's patience. In a rollback journal others can go on
// reading (the lock is RESERVED), in WAL mode too.
func (db *DB) Hold(ctx context.Context, d time.Duration, taken func()) error {
	began := time.Now()
	var locked time.Time
	err := db.patiently(ctx, "hold the write lock", func(c *conn) error {
		locked = time.Now()
		taken()
		db.pause(ctx, d)
		return errNothing
	})
	if db.trace != nil && !errors.Is(err, store.ErrClosed) {
		db.trace(trace.Attempt{
			Kind: trace.Hold, Began: began.UnixNano(), Locked: nanoseconds(locked), Ended: time.Now().UnixNano(),
			Code: extended(err),
		})
	}
	return err
}

// Crash takes the write lock, writes rows until some of them have left
// SQLite's cache for the disk, calls written, waits for d and then kills its own
// process with SIGKILL: the transaction is never committed. It returns only
// with an error, before it has killed anything, or nil where ctx was done or
// the DB closed during the wait; then everything is rolled back.
func (db *DB) Crash(ctx context.Context, d time.Duration, written func()) error {
	return db.patiently(ctx, "crash", func(c *conn) error {
		if _, err := c.sc.ExecContext(always, spill); err != nil {
			return err
		}
		written()
		if !db.pause(ctx, d) {
			return errNothing
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		// The first process of a container does not die of its own signal
		// (pid_namespaces(7)). To exit at once is the same to the database:
		// nothing is rolled back, and nothing closed but by the kernel.
		os.Exit(128 + int(syscall.SIGKILL))
		return nil
	})
}

// spill writes 1 MiB. The cache of a lab connection holds ten pages, so most of
// it goes to the journal and the file, or to the WAL, before any commit
// (https://sqlite.org/pragma.html#pragma_cache_spill).
const spill = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 256)
INSERT INTO data (content) SELECT 'never committed ' || hex(zeroblob(2048)) FROM n`

// Reset runs fn in a transaction that has the DB's patience whatever the
// discipline says, to lay down what an experiment starts from.
func (db *DB) Reset(ctx context.Context, fn func(store.Tx) error) error {
	return db.patiently(ctx, "reset", func(c *conn) error {
		t := &tx{c: c, db: db, locked: true}
		if err := fn(t); err != nil {
			return err
		}
		return t.err
	})
}

// Clear empties every table, on the same terms as Reset.
func (db *DB) Clear(ctx context.Context) error {
	return db.patiently(ctx, "clear", func(c *conn) error {
		for _, table := range []string{"counters", "data", "inventory", "accounts", "payments"} {
			if _, err := c.sc.ExecContext(always, "DELETE FROM "+table); err != nil {
				return err
			}
		}
		return nil
	})
}

// errNothing ends a patient transaction that has nothing to commit.
var errNothing = errors.New("nothing to commit")

// patiently runs fn inside BEGIN IMMEDIATE on a connection of its own.
func (db *DB) patiently(ctx context.Context, op string, fn func(*conn) error) error {
	db.lab.RLock()
	defer db.lab.RUnlock()
	if db.isClosing() {
		return store.ErrClosed
	}
	patient := db.d
	patient.BusyTimeout = store.Milliseconds(db.patience.Milliseconds())
	c, err := dial(ctx, db.sql, patient, db.patience)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	defer c.discard() // rolls back what is still open
	if _, err := c.sc.ExecContext(always, "PRAGMA cache_size = 10"); err != nil {
		return newError(op, err, 0, db.patience)
	}
	start := time.Now()
	if err := c.exec(beginImmediate); err != nil {
		return newError(op, err, time.Since(start), db.patience)
	}
	err = fn(c)
	if err == nil {
		start = time.Now()
		err = c.exec(commit)
	}
	var known *store.Error
	switch {
	case err == nil, errors.Is(err, errNothing):
		return nil
	case errors.As(err, &known), errors.Is(err, store.ErrNoSuch), errors.Is(err, store.ErrShort):
		return err
	}
	return newError(op, err, time.Since(start), db.patience)
}

// pause waits for d and reports whether it waited to the end.
func (db *DB) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	case <-db.closing:
		return false
	}
}
