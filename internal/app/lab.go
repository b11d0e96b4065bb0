package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/store"
)

// What the lab does to a database goes on a connection of its own, which has
// patience whatever the discipline is.

// ErrCannot is returned where the database's engine has no such power.
var ErrCannot = errors.New("this node's database cannot do that")

// Hold takes SQLite's write lock, calls taken, keeps the lock for d or until ctx
// is done or the DB is drained, and gives it back with nothing written. In a rollback
// journal others can go on reading (the lock is RESERVED), in WAL mode too.
func (db *DB) Hold(ctx context.Context, d time.Duration, taken func()) error {
	if db.d.Engine() != store.SQLite {
		return ErrCannot
	}
	began := time.Now()
	var locked time.Time
	err := db.patiently(ctx, "hold the write lock", func(*Tx) error {
		locked = time.Now()
		taken()
		db.pause(ctx, d)
		return errNothing
	})
	if !errors.Is(err, store.ErrClosed) {
		db.report(locktrace.Hold, began, locked, time.Now(), err)
	}
	return err
}

// Crash takes SQLite's write lock, writes 1 MiB of rows, most of which leave the
// connection's small cache for the disk, calls written, waits for d and then kills
// its own process with SIGKILL: the transaction is never committed. It returns only
// with an error, before it has killed anything, or nil where ctx was done or
// the DB was drained during the wait; then everything is rolled back.
func (db *DB) Crash(ctx context.Context, d time.Duration, written func()) error {
	if db.d.Engine() != store.SQLite {
		return ErrCannot
	}
	return db.patiently(ctx, "crash", func(t *Tx) error {
		if err := t.Exec(spillRows); err != nil {
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

// Reset runs fn in one transaction, to lay down what an experiment starts from.
// With rqlite its statements are sent together at the end, so that fn cannot
// depend on what they return.
func (db *DB) Reset(ctx context.Context, fn func(*Tx) error) error {
	return db.patiently(ctx, "reset", fn)
}

// Clear empties every table, on the same terms as Reset.
func (db *DB) Clear(ctx context.Context) error {
	return db.forEachTable(ctx, "clear", clearTables)
}

// Drop removes every table, for a server whose tables are not a schema's. The DB
// is of no use after that.
func (db *DB) Drop(ctx context.Context) error {
	return db.forEachTable(ctx, "drop tables", dropTables)
}

func (db *DB) forEachTable(ctx context.Context, op string, statements []*store.Statement) error {
	return db.patiently(ctx, op, func(t *Tx) error {
		for _, s := range statements {
			if err := t.Exec(s); err != nil {
				return err
			}
		}
		return nil
	})
}

// errNothing ends a patient transaction that has nothing to commit.
var errNothing = errors.New("nothing to commit")

// patiently runs fn in a transaction of the lab.
func (db *DB) patiently(ctx context.Context, op string, fn func(*Tx) error) error {
	db.lab.RLock()
	defer db.lab.RUnlock()
	if db.life.Err() != nil {
		return store.ErrClosed
	}
	c, err := db.database.Dial(ctx, store.Lab)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	defer c.Close()
	t := db.newTx(c)
	t.quiet = true
	if err := t.attempt(db.grouped(), fn); !errors.Is(err, errNothing) {
		return err
	}
	return nil
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
	case <-db.waits.Done():
		return false
	case <-db.life.Done():
		return false
	}
}

// Facts reads what the database holds while others use it, in one transaction:
// the figures are those of one moment. In SQLite's rollback journal nobody can
// commit while it reads. Without withRows it leaves the rows out.
func (db *DB) Facts(ctx context.Context, withRows bool) (store.Facts, error) {
	db.lab.RLock()
	defer db.lab.RUnlock()
	if db.life.Err() != nil {
		return store.Facts{}, store.ErrClosed
	}
	return look(ctx, db.database, withRows)
}

// Inspect reads what the database at source holds when no node uses it any more.
// See [store.Source] for what that takes; nothing is created.
func Inspect(ctx context.Context, source store.Source) (facts store.Facts, err error) {
	database, err := source(store.Discipline{}, Program, store.DefaultPatience)
	if err != nil {
		return facts, fmt.Errorf("inspect: %w", err)
	}
	defer database.Close()
	if facts, err = look(ctx, database, true); err != nil {
		return facts, fmt.Errorf("inspect %s: %w", database, err)
	}
	return facts, nil
}

// look reads facts. A damaged database is no error as long as the engine
// reports the damage: Integrity has it, and the figures that could not be read are
// left out.
func look(ctx context.Context, database store.Database, withRows bool) (facts store.Facts, err error) {
	c, err := database.Dial(ctx, store.Look)
	if err != nil {
		return facts, err
	}
	defer c.Close()
	start := time.Now()
	err = c.Begin(store.Snapshot)
	if err == nil {
		err = c.Examine(&facts)
	}
	if err == nil {
		err = readFacts(c, &facts, withRows)
		if err == nil {
			err = c.Do(store.Commit)
		}
		if err != nil && facts.Integrity != "" && facts.Integrity != "ok" {
			return facts, nil // integrity_check has more than this error
		}
	}
	if err != nil && ctx.Err() == nil {
		err = c.Explain("read facts", err, time.Since(start), false)
	}
	return facts, err
}
