package sqlite

import (
	"errors"
	"time"

	"example.com/contend/internal/store"
	"example.com/contend/internal/trace"
)

var errReadOnly = errors.New("write inside View")

// A tx is one attempt on one connection. Its first database error is kept and
// answered to every later call, so that an application that overlooks an error
// cannot commit half of its work.
type tx struct {
	c        *conn
	db       *DB
	alone    bool // each statement is a transaction of its own
	readOnly bool
	locked   bool // the write lock is held until the end of the transaction
	wrote    bool // alone, and something has been committed
	changed  bool // a statement that writes has succeeded
	err      error

	lockedAt time.Time // when the write lock was had; alone, when the latest write was done; zero before
}

func (t *tx) Counter(key string) (int64, error) {
	n, _, err := t.read("read counter", getCounter, key)
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
	return t.mustRead("read stock", getStock, item)
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
	return t.mustRead("read balance", getBalance, account)
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

func (t *tx) mustRead(op string, s statement, key string) (int64, error) {
	n, found, err := t.read(op, s, key)
	if err == nil && !found {
		err = store.ErrNoSuch
	}
	return n, err
}

func (t *tx) read(op string, s statement, key string) (n int64, found bool, err error) {
	if t.err != nil {
		return 0, false, t.err
	}
	start := time.Now()
	if n, found, err = t.c.number(s, key); err != nil {
		return 0, false, t.fail(op, err, time.Since(start), false)
	}
	return n, found, nil
}

func (t *tx) write(op string, s statement, args ...any) error {
	if err := t.writable(); err != nil {
		return err
	}
	start := time.Now()
	err := t.c.exec(s, args...)
	return t.written(op, err, start, true)
}

func (t *tx) writeReturning(op string, s statement, args ...any) (n int64, changed bool, err error) {
	if err := t.writable(); err != nil {
		return 0, false, err
	}
	start := time.Now()
	n, changed, err = t.c.number(s, args...)
	return n, changed, t.written(op, err, start, changed)
}

func (t *tx) writable() error {
	if t.err == nil && t.readOnly {
		t.err = errReadOnly
	}
	return t.err
}

// written takes down what came of a write that began at start and is just done.
func (t *tx) written(op string, err error, start time.Time, changed bool) error {
	took := time.Since(start)
	if !t.locked {
		t.db.observe(took)
		t.locked = !t.alone
	}
	if err != nil {
		return t.fail(op, err, took, true)
	}
	t.changed = true
	t.wrote = t.wrote || t.alone && changed
	if t.alone || t.lockedAt.IsZero() {
		t.lockedAt = start.Add(took)
	}
	return nil
}

// fail keeps the attempt's first database error.
//
// Inside a transaction nothing has been committed, whatever failed. Alone, a
// write that was refused had no effect, but one that failed otherwise may have
// failed after its commit; and where an earlier write of the same attempt
// already stands, even a refusal leaves half of the attempt done: it must be
// neither tried again nor called certain.
func (t *tx) fail(op string, err error, waited time.Duration, writing bool) error {
	e := newError(op, err, waited, t.db.busyTimeout)
	if t.alone && (t.wrote || writing && !e.Refused) {
		e.Refused, e.TimedOut, e.Unsure = false, false, true
	}
	t.err = e
	return e
}

// attempt runs fn under a transaction style, reports it to the trace, and says
// whether the connection is fit for the next one.
func (db *DB) attempt(c *conn, style store.Transaction, readOnly bool, fn func(store.Tx) error) (fit bool, err error) {
	t := &tx{c: c, db: db, readOnly: readOnly}
	if db.trace == nil {
		return t.run(style, fn)
	}
	began := time.Now()
	fit, err = t.run(style, fn)
	kind := trace.Write
	if readOnly {
		kind = trace.ReadOnly
	}
	db.trace(trace.Attempt{
		Kind: kind, Began: began.UnixNano(), Locked: nanoseconds(t.lockedAt), Ended: time.Now().UnixNano(),
		Code: extended(err),
	})
	return fit, err
}

// run makes the attempt.
func (t *tx) run(style store.Transaction, fn func(store.Tx) error) (fit bool, err error) {
	if style == store.Separate || style == store.Atomic {
		t.alone = true
		err := fn(t)
		if t.err != nil {
			err = t.err
		}
		return true, err
	}
	if err := t.begin(style); err != nil {
		return true, err
	}
	err = fn(t)
	if t.err != nil {
		err = t.err
	}
	if err == nil {
		return t.commit()
	}
	return t.rollback(err)
}

var begins = map[store.Transaction]struct {
	text statement
	name string
}{
	store.Deferred:  {beginDeferred, "begin deferred"},
	store.Immediate: {beginImmediate, "begin immediate"},
	store.Exclusive: {beginExclusive, "begin exclusive"},
}

// begin opens the transaction. A BEGIN that is refused has opened none.
func (t *tx) begin(style store.Transaction) error {
	b := begins[style]
	start := time.Now()
	err := t.c.exec(b.text)
	took := time.Since(start)
	if style != store.Deferred {
		t.locked = true
		t.db.observe(took)
	}
	if err != nil {
		return t.fail(b.name, err, took, false)
	}
	if style != store.Deferred {
		t.lockedAt = start.Add(took)
	}
	return nil
}

// commit ends the transaction. In a rollback journal a COMMIT can be refused,
// while a reader still holds its shared lock; the transaction is then still
// open, and rolling it back makes the refusal certain
// (https://sqlite.org/lang_transaction.html). Any other failure may have come
// after the commit took effect.
func (t *tx) commit() (fit bool, err error) {
	start := time.Now()
	err = t.c.exec(commit)
	if err == nil {
		return true, nil
	}
	e := newError("commit", err, time.Since(start), t.db.busyTimeout)
	if !e.Refused {
		e.Unsure = true
		return t.c.rollback(), e
	}
	return t.rollback(e)
}

// rollback ends the transaction because of cause. If that cannot be done, the
// connection is unfit, and what it leaves in the file is for the next opener to
// roll back: nothing is certain.
func (t *tx) rollback(cause error) (fit bool, err error) {
	if t.c.rollback() {
		return true, cause
	}
	var e *store.Error
	if !errors.As(cause, &e) {
		e = &store.Error{Op: "rollback", Code: CodeName(codeError), Extended: CodeName(codeError), Err: cause}
	}
	e.Refused, e.TimedOut, e.Unsure = false, false, true
	return false, e
}

// nanoseconds is how a trace says t: since 1970, and 0 for no time.
func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
