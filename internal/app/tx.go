package app

import (
	"errors"
	"fmt"
	"time"

	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/store"
)

var (
	errReadOnly = errors.New("write inside View")
	errAfterEnd = errors.New("statement after the last")
)

// A Tx is what the application does to its data inside one attempt. Without a
// transaction each call is a transaction of its own; otherwise all of them are
// one. A Tx is for one goroutine and dies with the attempt.
//
// Its first database error is kept and answered to every later call, so that an
// application that overlooks an error cannot commit half of its work.
type Tx struct {
	c  store.Conn // the Tx stays with it from attempt to attempt
	db *DB

	quiet    bool // of the lab: its lock waits are not the application's
	alone    bool // each statement is a transaction of its own
	locking  bool // a read takes its row's lock
	readOnly bool
	locked   bool // a lock is held until the end of the transaction
	wrote    bool // alone, and something has been committed
	changed  bool // a statement has changed something
	last     bool // no statement comes after the next, see Last
	ended    bool // it has come
	err      error
	lockedAt time.Time // when the first lock was had; alone, when the latest write was done; zero before

	// Where the statement in progress has its parameters and its row.
	args    []any
	keep    func([]any) error // takes a row of numbers
	columns int               // how many it must have
	numbers []int64           // the latest row
	found   bool              // there was one
}

// newTx returns a Tx for the connection c.
func (db *DB) newTx(c store.Conn) *Tx {
	t := &Tx{c: c, db: db}
	t.keep = t.keepNumbers
	return t
}

// reset forgets the attempt before.
func (t *Tx) reset(readOnly bool) {
	t.alone, t.locking, t.readOnly, t.locked, t.wrote, t.changed = false, false, readOnly, false, false, false
	t.last, t.ended = false, false
	t.err, t.lockedAt = nil, time.Time{}
}

// Atomic reports whether the discipline wants a read and the write that depends
// on it in one statement.
func (t *Tx) Atomic() bool { return t.db.d.Transaction == store.Atomic }

// Think waits the discipline's think time. It belongs between a read and its write.
func (t *Tx) Think() { time.Sleep(t.db.d.Think.Duration()) }

// Last says that the next statement is the attempt's last and that the attempt fails
// only where that statement does. So it may be committed in the same round trip.
func (t *Tx) Last() *Tx {
	t.last = true
	return t
}

// Exec runs a statement that returns no rows.
func (t *Tx) Exec(s *store.Statement, args ...any) error {
	t.found = false
	return t.run(s, nil, args)
}

// Number runs a statement that returns at most one row of one whole number, and
// reports whether it did.
func (t *Tx) Number(s *store.Statement, args ...any) (n int64, found bool, err error) {
	row, err := t.row(s, 1, args...)
	if row == nil || err != nil {
		return 0, false, err
	}
	return row[0], true, nil
}

// Must is Number where the row is missing only because there is no such thing.
func (t *Tx) Must(s *store.Statement, args ...any) (int64, error) {
	n, found, err := t.Number(s, args...)
	if err == nil && !found {
		err = store.ErrNoSuch
	}
	return n, err
}

// row runs a statement that returns at most one row of whole numbers, and
// returns it, nil where there is none. It holds until the next statement.
func (t *Tx) row(s *store.Statement, columns int, args ...any) ([]int64, error) {
	t.found, t.columns = false, columns
	if err := t.run(s, t.keep, args); err != nil || !t.found {
		return nil, err
	}
	return t.numbers, nil
}

func (t *Tx) keepNumbers(row []any) (err error) {
	if len(row) != t.columns {
		return fmt.Errorf("a row has %d columns, want %d", len(row), t.columns)
	}
	t.numbers, err = numbers(t.numbers[:0], row...)
	t.found = err == nil
	return err
}

// run runs a statement and records the result.
func (t *Tx) run(s *store.Statement, row func([]any) error, args []any) error {
	if t.err == nil && t.readOnly && s.Writes {
		t.err = errReadOnly
	}
	if t.err == nil && t.ended {
		t.err = errAfterEnd
	}
	if t.err != nil {
		return t.err
	}
	index, locks := s.Index, s.Writes
	if t.locking && s.Lock {
		index, locks = s.Locking, true
	}
	t.args = append(t.args[:0], args...) // so that the caller's need not be on the heap
	start := time.Now()
	err := t.c.Run(index, t.args, row)
	took := time.Since(start)
	t.ended = t.last
	if locks {
		t.took(start, took, err == nil && (s.Writes || t.found))
	}
	switch {
	case err != nil:
		return t.fail(s.Op, err, took, s.Writes)
	case s.Writes && (t.found || !s.Returns): // without a row to return, it has changed none
		t.changed = true
		t.wrote = t.wrote || t.alone
	}
	return nil
}

// took notes a statement that wants a lock: the first of a transaction, or each
// one that stands alone.
func (t *Tx) took(start time.Time, took time.Duration, had bool) {
	if !t.locked && !t.quiet {
		t.db.o.LockWait(took)
	}
	if had && (t.alone || t.lockedAt.IsZero()) {
		t.lockedAt = start.Add(took)
	}
	t.locked = t.locked || !t.alone && had
}

// fail keeps the attempt's first database error.
//
// Inside a transaction nothing has been committed, whatever failed. Alone, a
// write may have been; and where an earlier write of the same attempt already
// stands, even a refusal leaves half of the attempt done: it must be neither
// tried again nor called certain.
func (t *Tx) fail(op string, err error, waited time.Duration, writing bool) error {
	e := t.c.Explain(op, err, waited, t.alone && writing)
	if t.wrote {
		e.BecomeUnsure()
	}
	t.err = e
	return e
}

// attempt runs fn in one transaction of the style, or where the style is empty each
// of its statements in a transaction of its own.
func (t *Tx) attempt(style store.Transaction, fn func(*Tx) error) error {
	if t.alone = style == ""; !t.alone {
		if err := t.begin(style); err != nil {
			return err
		}
	}
	err := fn(t)
	if t.err != nil {
		err = t.err
	}
	switch {
	case t.alone:
		return err
	case err == nil:
		return t.commit()
	}
	return t.rollback(err)
}

// report adds an attempt that is over to the trace.
func (db *DB) report(kind string, began, locked, ended time.Time, err error) {
	if db.o.Trace != nil {
		db.o.Trace(locktrace.Attempt{
			Kind: kind, Began: began.UnixNano(), Locked: nanoseconds(locked), Ended: ended.UnixNano(), Code: extended(err),
		})
	}
}

// begin opens the transaction. Of SQLite's, all but DEFERRED take the write lock
// with it.
func (t *Tx) begin(style store.Transaction) error {
	t.locking = style == store.ForUpdate
	start := time.Now()
	err := t.c.Begin(style)
	took := time.Since(start)
	if style == store.Immediate || style == store.Exclusive {
		t.took(start, took, err == nil)
	}
	if err != nil {
		return t.fail("begin "+string(style), err, took, false)
	}
	return nil
}

// commit ends the transaction. Where the commit was refused, rolling back makes
// that certain: SQLite has left the transaction open, a server has rolled it back
// by itself.
func (t *Tx) commit() error {
	start := time.Now()
	err := t.c.Do(store.Commit)
	if err == nil {
		return nil
	}
	return t.rollback(t.c.Explain("commit", err, time.Since(start), !t.readOnly))
}

// rollback ends the transaction because of cause. If that cannot be done, the
// connection is unfit, and what it leaves is for the next opener to roll back:
// nothing is certain.
func (t *Tx) rollback(cause error) error {
	err := t.c.Do(store.Rollback)
	if err == nil || t.c.Idle() { // the database may have rolled back by itself
		return cause
	}
	var e *store.Error
	if !errors.As(cause, &e) {
		e = t.c.Explain("rollback", errors.Join(cause, err), 0, true)
	}
	e.BecomeUnsure()
	return e
}

// extended returns the extended result code that err carries, "" where it
// carries none: an application's own error is no code of a database's.
func extended(err error) string {
	var e *store.Error
	if errors.As(err, &e) {
		return e.Extended
	}
	return ""
}

// nanoseconds returns t as a trace has it: since 1970, and 0 for no time.
func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
