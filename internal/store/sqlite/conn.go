package sqlite

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"example.com/contend/internal/store"
)

// A conn is one connection to the file, with its statements prepared.
type conn struct {
	file     *file
	sc       *sql.Conn // for setting up, and for texts that are no statement of the program
	own      [controls]prepared
	stmts    []prepared // by number; nil before the first use
	waits    waiter
	patience time.Duration // how long a statement waits for a lock, whoever does the waiting

	// Where the statement in progress has its parameters and its row, so that it
	// allocates neither. What they held stays there until the next one.
	args   []sqldriver.NamedValue
	row    []sqldriver.Value
	values []any

	defaultBusy store.Milliseconds // the driver's own busy_timeout, of use Look
}

// always is the context of every statement of an attempt: an attempt once
// begun is never cut short. A context that can end would also cost a goroutine
// a statement.
var always = context.Background()

// A prepared is a statement that a connection has ready: the driver's own, not
// one of database/sql, which for every use takes locks, converts the arguments
// and makes rows to scan.
//
// Raw lends what it shows for as long as it runs. The statements are used for
// longer, because nobody could come between: database/sql touches a connection
// only for its sql.Conn, which is ours alone, and a conn serves one attempt at a
// time.
type prepared interface {
	sqldriver.Stmt
	sqldriver.StmtExecContext
	sqldriver.StmtQueryContext
}

// A control is one of the texts that begin and end transactions.
type control int

const (
	beginDeferred control = iota
	beginImmediate
	beginExclusive
	commit
	rollback
	savepoint
	rollbackTo
	release
	controls // how many there are
)

var controlTexts = [controls]string{
	beginDeferred: "BEGIN DEFERRED", beginImmediate: "BEGIN IMMEDIATE", beginExclusive: "BEGIN EXCLUSIVE",
	commit: "COMMIT", rollback: "ROLLBACK",
	savepoint: "SAVEPOINT request", rollbackTo: "ROLLBACK TO request", release: "RELEASE request",
}

var begins = map[store.Transaction]control{
	store.Snapshot: beginDeferred, store.Deferred: beginDeferred,
	store.Immediate: beginImmediate, store.Atomic: beginImmediate, store.Exclusive: beginExclusive,
}

// Begin begins a transaction. A BEGIN that is refused has opened none.
func (c *conn) Begin(style store.Transaction) error {
	begin, known := begins[style]
	if !known {
		return fmt.Errorf("no BEGIN makes a transaction %s", style)
	}
	return c.exec(begin)
}

// Do controls the open transaction. In a rollback journal a COMMIT can be
// refused, while a reader still holds its shared lock; the transaction is then
// still open (https://sqlite.org/lang_transaction.html). After some errors
// SQLite has rolled back by itself, and ROLLBACK then fails ("Response To Errors
// Within A Transaction", ibidem).
func (c *conn) Do(which store.Control) error {
	return c.exec(commit + control(which))
}

func (c *conn) exec(which control) error {
	if c.own[which] == nil { // of use Look
		if err := c.prepare(always, &c.own[which], controlTexts[which]); err != nil {
			return err
		}
	}
	for start := c.waits.start(); ; {
		_, err := c.own[which].ExecContext(always, nil)
		if !c.waits.again(which, err, start) {
			return err
		}
	}
}

// Run runs a statement to its end.
func (c *conn) Run(statement int, args []any, row func([]any) error) error {
	for start := c.waits.start(); ; {
		err := c.runOnce(statement, args, row)
		if !c.waits.again(ownText, err, start) {
			return err
		}
	}
}

// runOnce steps until the statement is done: outside a transaction, a write with
// a RETURNING clause has changed its rows at the first step but commits at the
// last (https://sqlite.org/lang_returning.html), and the refusal of that commit
// must not be missed.
func (c *conn) runOnce(statement int, args []any, row func([]any) error) error {
	if c.stmts[statement] == nil {
		if err := c.prepare(always, &c.stmts[statement], c.file.texts[statement]); err != nil {
			return err
		}
	}
	c.args = c.args[:0]
	for i, arg := range args { // an int64 or a string, which need no conversion
		c.args = append(c.args, sqldriver.NamedValue{Ordinal: i + 1, Value: arg})
	}
	if row == nil {
		_, err := c.stmts[statement].ExecContext(always, c.args)
		return err
	}
	rows, err := c.stmts[statement].QueryContext(always, c.args)
	if err != nil {
		return err
	}
	err = c.each(rows, row)
	if closed := rows.Close(); err == nil {
		err = closed
	}
	return err
}

// Idle reports whether no transaction is open. Where the driver does not
// pass sqlite3_get_autocommit on, it asks with a BEGIN: transactions do not
// nest, so one fails inside another and changes nothing, and outside it takes
// no lock (https://sqlite.org/lang_transaction.html).
func (c *conn) Idle() bool {
	if c.waits.state == outside {
		return true
	}
	if c.file.driver.autocommit == nil {
		return c.exec(beginDeferred) == nil && c.exec(rollback) == nil
	}
	idle := false
	_ = c.sc.Raw(func(raw any) error { // a connection that is lost is in doubt
		idle = c.file.driver.autocommit(raw)
		return nil
	})
	if idle {
		c.waits.state = outside
	}
	return idle
}

// Alive returns true: nobody is on the other side.
func (c *conn) Alive() bool { return true }

// Close closes the connection whatever state it is in; SQLite rolls back what
// was open, and the last connection to a file in WAL mode checkpoints it
// (https://sqlite.org/c3ref/close.html, https://sqlite.org/wal.html#ckpt).
func (c *conn) Close() error {
	// Raw hands ErrBadConn to database/sql, which then closes the connection
	// and never uses it again.
	err := c.sc.Raw(func(any) error {
		for _, stmt := range append(c.own[:], c.stmts...) {
			if stmt != nil {
				_ = stmt.Close() // closing the connection tells whether all went well
			}
		}
		return sqldriver.ErrBadConn
	})
	if errors.Is(err, sqldriver.ErrBadConn) {
		err = nil
	}
	return err
}

// each reads rows to the end and calls row with each of them.
func (c *conn) each(rows sqldriver.Rows, row func([]any) error) error {
	n := len(rows.Columns()) // ncruces must be asked before the first row
	c.row, c.values = slices.Grow(c.row[:0], n)[:n], slices.Grow(c.values[:0], n)[:n]
	for {
		switch err := rows.Next(c.row); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		for i, value := range c.row {
			c.values[i] = value
		}
		if err := row(c.values); err != nil {
			return err
		}
	}
}
