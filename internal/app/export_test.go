package app

import (
	"context"
	"errors"
	"time"

	"example.com/contend/internal/store"
)

// ErrReadOnly is the error of a write inside View.
var ErrReadOnly = errReadOnly

// Waiting returns how many requests wait for the writer.
func (db *DB) Waiting() int {
	db.queue.mu.Lock()
	defer db.queue.mu.Unlock()
	return len(db.queue.waiting)
}

// Closing is closed when Close begins.
func (db *DB) Closing() <-chan struct{} { return db.life.Done() }

// Early has the queue answer so long before its COMMIT.
func (o Options) Early(d time.Duration) Options {
	o.early = d
	return o
}

// HoldUntil keeps SQLite's write lock until fn returns.
func (db *DB) HoldUntil(ctx context.Context, fn func()) error {
	return db.patiently(ctx, "hold", func(*Tx) error {
		fn()
		return errNothing
	})
}

// Violate breaks a NOT NULL constraint.
func (t *Tx) Violate() error { return t.Exec(setStock, "x", nil) }

// LoseTransaction ends the transaction behind the application's back.
func (t *Tx) LoseTransaction() error { return t.c.Do(store.Rollback) }

// Conn returns the connection of the attempt.
func (t *Tx) Conn() store.Conn { return t.c }

// Row runs a statement with a row of as many columns.
func (t *Tx) Row(columns int) ([]int64, error) { return t.row(getTotal, columns) }

// conflict breaks a constraint in the way that has SQLite end the transaction.
var conflict = &store.Statement{
	Op: "conflict", Text: "INSERT OR ROLLBACK INTO {counters} (key) VALUES ('a'), ('a')", Cold: true, Writes: true,
	Index: len(Program.Statements),
}

// oddCounters are no numbers.
var oddCounters = &store.Statement{
	Op: "odd counters", Text: "INSERT INTO {counters} (key, value) VALUES ('null', NULL), ('text', 'many'), ('real', 0.5)", Cold: true, Writes: true,
	Index: len(Program.Statements) + 1,
}

func init() { Program.Statements = append(Program.Statements, conflict, oddCounters) }

// Conflict breaks a constraint and the transaction with it.
func (t *Tx) Conflict() error { return t.Exec(conflict) }

// OddCounters makes the counters null, text and real.
func (t *Tx) OddCounters() error { return t.Exec(oddCounters) }

// PoolOrder puts n connections into a pool and takes them out again, twice.
func PoolOrder(n int) (order []int, err error) {
	p := newPool(store.Requests, n, false)
	all := map[*Tx]int{}
	for i := range n {
		t := new(Tx)
		all[t] = i
		p.put(t)
	}
	for range n {
		<-p.idle
		order = append(order, all[p.pop()])
	}
	if len(p.idle) != 0 {
		err = errors.New("tokens are left of an empty pool")
	}
	return order, err
}
