package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/contend/internal/store"
)

// Reset runs fn in a transaction that has the DB's patience whatever the
// discipline says, to lay down what an experiment starts from.
func (db *DB) Reset(ctx context.Context, fn func(store.Tx) error) error {
	return db.patiently(ctx, "reset", begins[store.ReadCommitted], func(c *conn) error {
		if err := c.prepare(ctx); err != nil {
			return err
		}
		t := &tx{c: c, db: db, locked: true} // nobody is told of its lock
		if err := fn(t); err != nil {
			return err
		}
		return t.err
	})
}

// Clear empties every table, on the same terms as Reset.
func (db *DB) Clear(ctx context.Context) error {
	return db.patiently(ctx, "clear", begins[store.ReadCommitted], func(c *conn) error {
		for _, table := range tableNames {
			if err := c.run(ctx, "DELETE FROM "+table); err != nil {
				return err
			}
		}
		return nil
	})
}

// Facts reads what the database holds while others use it, in one snapshot.
// See [Inspect] for what is left out. Without withRows it leaves the rows out, too.
func (db *DB) Facts(ctx context.Context, withRows bool) (facts store.Facts, err error) {
	err = db.patiently(ctx, "read facts", beginSnapshot, func(c *conn) (err error) {
		facts, err = c.facts(ctx, withRows)
		return err
	})
	facts.Engine = db.engine
	return facts, err
}

// patiently runs fn inside a transaction on a connection of its own. An error
// of fn's own comes as it is.
func (db *DB) patiently(ctx context.Context, op, begin string, fn func(*conn) error) error {
	db.lab.RLock()
	defer db.lab.RUnlock()
	if db.isClosing() {
		return store.ErrClosed
	}
	c, err := dialPatiently(ctx, db.target, settingsOf(db.d).patient(db.patience), db.patience)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	defer c.discard() // the server rolls back what is still open
	start := time.Now()
	if err := c.run(ctx, begin); err != nil {
		return newError(op, err, time.Since(start), true)
	}
	if err := fn(c); err != nil {
		return described(op, err, time.Since(start), true)
	}
	start = time.Now()
	if err := c.run(always, "COMMIT"); err != nil {
		return newError(op, err, time.Since(start), false)
	}
	return nil
}

// described makes an error of the database one of the store's, where it is not.
func described(op string, err error, waited time.Duration, certain bool) error {
	var known *store.Error
	if errors.As(err, &known) || errors.Is(err, store.ErrNoSuch) || errors.Is(err, store.ErrShort) {
		return err
	}
	return newError(op, err, waited, certain)
}
