package postgres

import (
	"errors"
	"time"

	"example.com/contend/internal/store"
	"example.com/contend/internal/trace"
)

var errReadOnly = errors.New("write inside View")

// A tx is one attempt on one connection. Its first database error is kept and
// answered to every later call, so that an application that overlooks an error
// cannot go on in a transaction that the server has already given up.
type tx struct {
	c        *conn
	db       *DB
	alone    bool // each statement is a transaction of its own
	locking  bool // a read takes its row's lock
	readOnly bool
	locked   bool // a row's lock is held until the end of the transaction
	wrote    bool // alone, and something has been committed
	err      error

	lockedAt time.Time // when the first row's lock was had; alone, when the latest write was done; zero before
}

// Counter reads a counter. To lock one that is not there, it makes it first,
// and then whoever wants to do so too waits for this transaction.
func (t *tx) Counter(key string) (int64, error) {
	n, found, err := t.read("read counter", getCounter, lockCounter, key)
	if err != nil || found || !t.locking {
		return n, err
	}
	if err := t.write("make counter", makeCounter, key); err != nil {
		return 0, err
	}
	n, _, err = t.read("read counter", getCounter, lockCounter, key)
	return n, err
}

func (t *tx) SetCounter(key string, value int64) error {
	return t.write("set counter", setCounter, key, value)
}

func (t *tx) AddCounter(key string, by int64) (int64, error) {
	n, _, err := t.writeReturning("add to counter", addCounter, key, by)
	return n, err
}

func (t *tx) Insert(data string) (int64, error) {
	id, _, err := t.writeReturning("insert", insertData, data)
	return id, err
}

func (t *tx) Stock(item string) (int64, error) {
	return t.mustRead("read stock", getStock, lockStock, item)
}

func (t *tx) SetStock(item string, left int64) error {
	return t.write("set stock", setStock, item, left)
}

func (t *tx) TakeStock(item string, quantity int64) (int64, error) {
	left, enough, err := t.writeReturning("take stock", takeStock, item, quantity)
	if err != nil || enough {
		return left, err
	}
	if _, err := t.Stock(item); err != nil {
		return 0, err
	}
	return 0, store.ErrShort
}

func (t *tx) Balance(account string) (int64, error) {
	return t.mustRead("read balance", getBalance, lockBalance, account)
}

func (t *tx) SetBalance(account string, amount int64) error {
	return t.write("set balance", setBalance, account, amount)
}

func (t *tx) Move(from, to string, amount int64) error {
	_, moved, err := t.writeReturning("move balance", moveBalance, from, to, amount)
	if err != nil || moved {
		return err
	}
	for _, account := range []string{from, to} {
		if _, err := t.Balance(account); err != nil {
			return err
		}
	}
	return store.ErrShort
}

func (t *tx) RecordPayment(from, to string, amount int64) error {
	_, _, err := t.writeReturning("record payment", insertPayment, from, to, amount)
	return err
}

func (t *tx) Total() (sum, accounts int64, err error) {
	if t.err != nil {
		return 0, 0, t.err
	}
	start := time.Now()
	if _, err := t.c.row(getTotal, nil, &sum, &accounts); err != nil {
		return 0, 0, t.fail("add up balances", err, time.Since(start), false)
	}
	return sum, accounts, nil
}

func (t *tx) mustRead(op string, s, lock statement, key string) (int64, error) {
	n, found, err := t.read(op, s, lock, key)
	if err == nil && !found {
		err = store.ErrNoSuch
	}
	return n, err
}

// read runs s, or lock where a read takes its row's lock.
func (t *tx) read(op string, s, lock statement, key string) (n int64, found bool, err error) {
	if t.err != nil {
		return 0, false, t.err
	}
	if t.locking {
		s = lock
	}
	start := time.Now()
	found, err = t.c.row(s, []any{key}, &n)
	took := time.Since(start)
	if t.locking {
		t.took(start, took, err == nil && found)
	}
	if err != nil {
		return 0, false, t.fail(op, err, took, false)
	}
	return n, found, nil
}

func (t *tx) write(op string, s statement, args ...any) error {
	return t.change(op, s, args, true, nil)
}

func (t *tx) writeReturning(op string, s statement, args ...any) (n int64, changed bool, err error) {
	err = t.change(op, s, args, false, func(found bool, first int64) { n, changed = first, found })
	return n, changed, err
}

// change runs a statement that writes, and tells returned what came back. One
// that returns nothing has changed something.
func (t *tx) change(op string, s statement, args []any, changed bool, returned func(bool, int64)) error {
	if t.err == nil && t.readOnly {
		t.err = errReadOnly
	}
	if t.err != nil {
		return t.err
	}
	var to []*int64
	var first int64
	if returned != nil {
		to = append(to, &first)
	}
	start := time.Now()
	found, err := t.c.row(s, args, to...)
	took := time.Since(start)
	t.took(start, took, err == nil)
	if err != nil {
		return t.fail(op, err, took, true)
	}
	if returned != nil {
		returned(found, first)
		changed = found
	}
	t.wrote = t.wrote || t.alone && changed
	return nil
}

// took notes a statement that wants a row's lock: the first of a transaction,
// or each one that stands alone.
func (t *tx) took(start time.Time, took time.Duration, had bool) {
	if !t.locked {
		t.db.observe(took)
	}
	if had && (t.alone || t.lockedAt.IsZero()) {
		t.lockedAt = start.Add(took)
	}
	t.locked = t.locked || !t.alone && had
}

// fail keeps the attempt's first database error.
//
// Inside a transaction nothing has been committed, whatever failed: a server
// that loses its client before it was told to commit rolls back. Alone, a read
// has no effect either, but a write may have been committed before the
// connection broke; and where an earlier write of the same attempt already
// stands, even a refusal leaves half of the attempt done: it must be neither
// tried again nor called certain.
func (t *tx) fail(op string, err error, waited time.Duration, writing bool) error {
	e := newError(op, err, waited, !t.alone || !writing)
	if t.wrote {
		e.Refused, e.TimedOut, e.Unsure = false, false, true
	}
	t.err = e
	return e
}

// attempt runs fn under the discipline's transaction style and reports it to
// the trace.
func (db *DB) attempt(c *conn, readOnly bool, fn func(store.Tx) error) error {
	t := &tx{c: c, db: db, readOnly: readOnly, locking: !readOnly && db.d.Transaction == store.ForUpdate}
	if db.trace == nil {
		return t.run(db.d.Transaction, fn)
	}
	began := time.Now()
	err := t.run(db.d.Transaction, fn)
	kind := trace.Write
	if readOnly {
		kind = trace.ReadOnly
	}
	db.trace(trace.Attempt{
		Kind: kind, Began: began.UnixNano(), Locked: nanoseconds(t.lockedAt), Ended: time.Now().UnixNano(),
		Code: extended(err),
	})
	return err
}

// begins are how a transaction that writes begins. Which isolation level it
// has is said each time, whatever the server's default is.
var begins = map[store.Transaction]string{
	store.ReadCommitted: "BEGIN ISOLATION LEVEL READ COMMITTED",
	store.ForUpdate:     "BEGIN ISOLATION LEVEL READ COMMITTED",
	store.Serializable:  "BEGIN ISOLATION LEVEL SERIALIZABLE",
}

// beginSnapshot begins a transaction that sees one moment's data
// (https://www.postgresql.org/docs/current/transaction-iso.html#XACT-REPEATABLE-READ).
const beginSnapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

// run makes the attempt.
func (t *tx) run(style store.Transaction, fn func(store.Tx) error) error {
	begin, together := begins[style]
	if !together {
		t.alone = true
		err := fn(t)
		if t.err != nil {
			err = t.err
		}
		return err
	}
	if t.readOnly {
		begin = beginSnapshot
	}
	start := time.Now()
	if err := t.c.run(always, begin); err != nil {
		return t.fail("begin", err, time.Since(start), false)
	}
	err := fn(t)
	if t.err != nil {
		err = t.err
	}
	if err == nil {
		return t.commit()
	}
	t.rollback()
	return err
}

// commit ends the transaction. Under SERIALIZABLE it can be refused, and the
// server has then rolled back. A connection that breaks meanwhile leaves nobody
// sure whether the server had committed.
func (t *tx) commit() error {
	start := time.Now()
	if err := t.c.run(always, "COMMIT"); err != nil {
		return newError("commit", err, time.Since(start), t.readOnly)
	}
	return nil
}

// rollback ends the transaction with nothing changed. Where it cannot, the
// connection is unfit and will be closed, which comes to the same.
func (t *tx) rollback() {
	if t.c.pg.IsClosed() {
		return
	}
	_ = t.c.run(always, "ROLLBACK")
}

// nanoseconds is how a trace says t: since 1970, and 0 for no time.
func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
