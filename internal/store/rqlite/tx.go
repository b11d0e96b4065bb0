package rqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"example.com/contend/internal/store"
	"example.com/contend/internal/trace"
)

var errReadOnly = errors.New("write inside View")

// A tx is one attempt. Its first database error is kept and answered to every
// later call, so that an application which overlooks one does not go on.
type tx struct {
	ctx      context.Context // of the attempt: the methods of store.Tx have none
	db       *DB
	level    Level
	readOnly bool
	wrote    bool // something has been committed
	err      error

	wroteAt time.Time // when the latest write was done; zero before
}

// attempt runs fn and reports it to the trace. An attempt once begun is not cut
// short by its context: a write that nobody waits for would be an unknown one.
func (db *DB) attempt(ctx context.Context, readOnly bool, fn func(store.Tx) error) error {
	t := &tx{ctx: context.WithoutCancel(ctx), db: db, level: db.client.address.Level, readOnly: readOnly}
	began := time.Now()
	err := fn(t)
	if t.err != nil {
		err = t.err
	}
	if db.trace != nil {
		db.trace(t.told(began, err))
	}
	return err
}

// told describes the attempt that is over.
func (t *tx) told(began time.Time, err error) trace.Attempt {
	a := trace.Attempt{Kind: trace.Write, Began: began.UnixNano(), Ended: time.Now().UnixNano()}
	if t.readOnly {
		a.Kind = trace.ReadOnly
	}
	if !t.wroteAt.IsZero() {
		a.Locked = t.wroteAt.UnixNano()
	}
	var e *store.Error
	if errors.As(err, &e) {
		a.Code = e.Extended
	}
	return a
}

func (t *tx) Counter(key string) (int64, error) {
	n, _, err := t.read("read counter", getCounter, key)
	return n, err
}

func (t *tx) SetCounter(key string, value int64) error {
	return t.write("set counter", setCounter, key, value)
}

func (t *tx) AddCounter(key string, by int64) (int64, error) {
	return t.mustWrite("add to counter", addCounter, key, by)
}

func (t *tx) Insert(data string) (int64, error) {
	return t.mustWrite("insert", insertData, data)
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
	_, err := t.mustWrite("record payment", insertPayment, from, to, amount)
	return err
}

func (t *tx) Total() (sum, accounts int64, err error) {
	const op = "add up balances"
	row, err := t.readRow(op, getTotal)
	if err == nil {
		err = scan(row, &sum, &accounts)
		err = t.unreadable(op, err, false)
	}
	return sum, accounts, err
}

func (t *tx) mustRead(op string, s statement, key string) (int64, error) {
	n, found, err := t.read(op, s, key)
	if err == nil && !found {
		err = store.ErrNoSuch
	}
	return n, err
}

func (t *tx) read(op string, s statement, key string) (n int64, found bool, err error) {
	row, err := t.readRow(op, s, key)
	if err != nil || row == nil {
		return 0, false, err
	}
	return n, true, t.unreadable(op, scan(row, &n), false)
}

// readRow returns the first row of the answer, nil where there is none.
func (t *tx) readRow(op string, s statement, args ...any) ([]json.RawMessage, error) {
	if t.err != nil {
		return nil, t.err
	}
	start := time.Now()
	results, f := t.db.client.query(t.ctx, t.level, t.db.sql.query(s, args...))
	if f != nil {
		return nil, t.fail(f, op, false, time.Since(start))
	}
	return firstRow(results[0]), nil
}

func (t *tx) write(op string, s statement, args ...any) error {
	_, err := t.execute(op, s, args...)
	return err
}

// mustWrite is for a statement that returns a row whenever it is done.
func (t *tx) mustWrite(op string, s statement, args ...any) (int64, error) {
	n, changed, err := t.writeReturning(op, s, args...)
	if err == nil && !changed {
		err = t.unreadable(op, errNoRow, true)
	}
	return n, err
}

// errNoRow is how a server answers that does not know RETURNING on this path.
var errNoRow = errors.New("no row of RETURNING came back: is rqlite older than 8.23.0?")

func (t *tx) writeReturning(op string, s statement, args ...any) (n int64, changed bool, err error) {
	r, err := t.execute(op, s, args...)
	if err != nil {
		return 0, false, err
	}
	if r.Columns == nil {
		return 0, false, t.unreadable(op, errNoRow, true)
	}
	n, changed, err = number(r)
	t.wrote = t.wrote || changed
	return n, changed, t.unreadable(op, err, true)
}

// execute sends one statement that writes.
func (t *tx) execute(op string, s statement, args ...any) (result, error) {
	if t.err == nil && t.readOnly {
		t.err = errReadOnly
	}
	if t.err != nil {
		return result{}, t.err
	}
	start := time.Now()
	results, f := t.db.client.execute(t.ctx, t.db.sql.query(s, args...))
	if f != nil {
		return result{}, t.fail(f, op, true, time.Since(start))
	}
	t.wroteAt = time.Now()
	t.wrote = t.wrote || results[0].Columns == nil // without RETURNING it changes something whenever it is done
	return results[0], nil
}

// fail keeps the attempt's first database error. Where an earlier write already
// stands, even a refusal leaves half of the attempt done: it must be neither
// tried again nor called certain.
func (t *tx) fail(f *failure, op string, writing bool, waited time.Duration) error {
	e := f.storeError(op, writing, waited)
	if t.wrote {
		e.Refused, e.TimedOut, e.Unsure = false, false, true
	}
	t.err = e
	return e
}

// unreadable is fail for an answer that came and cannot be made sense of.
func (t *tx) unreadable(op string, err error, writing bool) error {
	if err == nil {
		return nil
	}
	return t.fail(&failure{code: CodeError, err: err}, op, writing, 0)
}

func firstRow(r result) []json.RawMessage {
	if len(r.Values) == 0 {
		return nil
	}
	return r.Values[0]
}

// number returns the first column of the first row, where there is one.
func number(r result) (n int64, found bool, err error) {
	row := firstRow(r)
	if row == nil {
		return 0, false, nil
	}
	return n, true, scan(row, &n)
}

// scan reads one row into as many variables.
func scan(row []json.RawMessage, into ...any) error {
	if len(row) != len(into) {
		return fmt.Errorf("read answer: %d columns, want %d", len(row), len(into))
	}
	for i, text := range row {
		if err := json.Unmarshal(text, into[i]); err != nil {
			return fmt.Errorf("read answer: column %d: %w", i+1, err)
		}
	}
	return nil
}
