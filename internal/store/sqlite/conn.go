package sqlite

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/contend/internal/store"
)

// A conn is one connection to the file, with its statements prepared. It
// serves one attempt at a time.
type conn struct {
	driver *driver
	sc     *sql.Conn // for setting up, and for texts that are none of the statements
	stmts  [statements]prepared
	room   room
	waits  waiter
}

// always is the context of every statement of an attempt: an attempt once
// begun is never cut short. A context that can end would also cost a goroutine
// a statement.
var always = context.Background()

// dial opens one connection and sets it up as d says, trying again until
// patience is over whenever a lock is refused: the nodes of a cluster start at
// the same time on one file, and SQLite may refuse the change of journal mode
// without calling the busy handler
// (https://sqlite.org/pragma.html#pragma_journal_mode). Each try has a new
// connection, because one that was refused may go on holding the shared lock
// that the others wait for.
func dial(ctx context.Context, pool *sql.DB, d store.Discipline, patience time.Duration) (*conn, error) {
	deadline := time.Now().Add(patience)
	for {
		c, err := dialOnce(ctx, pool, d, patience)
		var refused *refusedSetup
		if err == nil || !errors.As(err, &refused) || time.Now().After(deadline) {
			return c, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(time.Duration(5+rand.IntN(45)) * time.Millisecond): // chance only keeps the nodes out of step
		}
	}
}

// A SettingError is a connection that did not get a setting it asked for. For
// journal_mode it mostly means that another process has the file open in Got.
type SettingError struct {
	Setting string // "journal_mode", "synchronous" or "busy_timeout"
	Wanted  string
	Got     string
}

// Error says what was asked for and what there is.
func (e *SettingError) Error() string {
	return fmt.Sprintf("%s: asked for %s, got %s", e.Setting, e.Wanted, e.Got)
}

// A refusedSetup is an error of the setup that may be gone the next time.
type refusedSetup struct{ error }

func (e *refusedSetup) Unwrap() error { return e.error }

func dialOnce(ctx context.Context, pool *sql.DB, d store.Discipline, patience time.Duration) (*conn, error) {
	driver, err := driverNamed(d.Driver)
	if err != nil {
		return nil, err
	}
	sc, err := pool.Conn(ctx)
	if err != nil {
		return nil, describe("open", err)
	}
	c := &conn{driver: driver, sc: sc}
	if err := c.setUp(ctx, d, patience); err != nil {
		c.discard()
		return nil, err
	}
	return c, nil
}

// setUp does everything that needs a lock while the connection is patient, and
// gives it the discipline's own busy_timeout last.
func (c *conn) setUp(ctx context.Context, d store.Discipline, patience time.Duration) error {
	if err := c.set(ctx, "busy_timeout", strconv.FormatInt(patience.Milliseconds(), 10)); err != nil {
		return err
	}
	if err := c.setJournal(ctx, d.Journal); err != nil {
		return err
	}
	if err := c.set(ctx, "synchronous", strconv.Itoa(slices.Index(store.Synchronouses, d.Synchronous))); err != nil {
		return err
	}
	if err := c.createTables(ctx); err != nil {
		return describe("create tables", err)
	}
	if err := c.prepare(ctx); err != nil {
		return describe("prepare", err)
	}
	return c.setBusy(ctx, d)
}

// describe gives an error of the setup the name of its result code, and marks
// one that may be gone the next time.
func describe(op string, err error) error {
	code := resultCode(err)
	err = fmt.Errorf("%s: %s: %w", op, CodeName(code), err)
	if refusal(code) {
		return &refusedSetup{err}
	}
	return err
}

// set gives a pragma a value and reads it back. A pragma cannot take a bound
// parameter; value is never anything but our own word or number.
func (c *conn) set(ctx context.Context, pragma, value string) error {
	rows, err := c.sc.QueryContext(ctx, "PRAGMA "+pragma+" = "+value)
	if err != nil {
		return describe(pragma, err)
	}
	if err := rows.Close(); err != nil {
		return describe(pragma, err)
	}
	got, err := c.get(ctx, pragma)
	if err != nil {
		return err
	}
	if got != value {
		return &SettingError{Setting: pragma, Wanted: value, Got: got}
	}
	return nil
}

func (c *conn) get(ctx context.Context, pragma string) (string, error) {
	var got string
	if err := c.sc.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil {
		return "", describe(pragma, err)
	}
	return got, nil
}

// setJournal asks for a journal mode and compares it with the one that it got,
// which SQLite answers instead of an error
// (https://sqlite.org/pragma.html#pragma_journal_mode).
func (c *conn) setJournal(ctx context.Context, want store.Journal) error {
	var got string
	err := c.sc.QueryRowContext(ctx, "PRAGMA journal_mode = "+string(want)).Scan(&got)
	if err != nil {
		err = describe("journal_mode", err)
		// It was refused the exclusive lock that a change needs. Tell which
		// mode stands in the way, if that can be told.
		if mode, errGet := c.get(ctx, "journal_mode"); errGet == nil && !strings.EqualFold(mode, string(want)) {
			return &refusedSetup{&SettingError{"journal_mode", string(want), strings.ToUpper(mode)}}
		}
		return err
	}
	if !strings.EqualFold(got, string(want)) {
		return &SettingError{"journal_mode", string(want), strings.ToUpper(got)}
	}
	return nil
}

// exec runs a statement that returns no rows.
func (c *conn) exec(s statement, args ...any) error {
	for start := time.Now(); ; {
		_, err := c.stmts[s].ExecContext(always, c.room.bind(args))
		if !c.waits.again(s, err, start) {
			return err
		}
	}
}

// ask runs a query of any other text, which returns one row, and scans it.
func (c *conn) ask(query string, to ...any) error {
	for start := time.Now(); ; {
		err := c.sc.QueryRowContext(always, query).Scan(to...)
		if !c.waits.again(ownText, err, start) {
			return err
		}
	}
}

// number runs a statement that returns at most one number and reports whether it did.
func (c *conn) number(s statement, args ...any) (n int64, found bool, err error) {
	found, err = c.row(s, args, &n)
	if err != nil {
		return 0, false, err
	}
	return n, found, nil
}

// row runs a statement that returns at most one row of numbers, takes them and
// reports whether there was one.
func (c *conn) row(s statement, args []any, to ...*int64) (found bool, err error) {
	for start := time.Now(); ; {
		found, err = c.rowOnce(s, args, to...)
		if !c.waits.again(s, err, start) {
			return found, err
		}
	}
}

// rowOnce tries what row does.
//
// It steps until the statement is done: outside a transaction, a write with a
// RETURNING clause has changed its rows at the first step but commits at the
// last (https://sqlite.org/lang_returning.html), and the refusal of that
// commit must not be missed.
func (c *conn) rowOnce(s statement, args []any, to ...*int64) (found bool, err error) {
	rows, err := c.stmts[s].QueryContext(always, c.room.bind(args))
	if err != nil {
		return false, err
	}
	found, err = c.room.last(rows, to)
	if closed := rows.Close(); err == nil {
		err = closed
	}
	return found && err == nil, err
}

// rollback ends the open transaction and reports whether the connection is
// certainly out of it. After some errors SQLite has rolled back by itself, and
// ROLLBACK then fails (https://sqlite.org/lang_transaction.html, "Response To
// Errors Within A Transaction").
func (c *conn) rollback() bool {
	return c.exec(rollback) == nil || !c.inTransaction()
}

// inTransaction reports whether a transaction is open. Where the driver does not
// pass sqlite3_get_autocommit on, it asks with a BEGIN: transactions do not
// nest, so one fails inside another and changes nothing, and outside it takes
// no lock (https://sqlite.org/lang_transaction.html).
func (c *conn) inTransaction() bool {
	if c.driver.autocommit == nil {
		return c.exec(beginDeferred) != nil || c.exec(rollback) != nil
	}
	open := true
	_ = c.sc.Raw(func(raw any) error { // a connection that is lost is in doubt
		open = !c.driver.autocommit(raw)
		return nil
	})
	if !open {
		c.waits.state = outside
	}
	return open
}

// discard closes the connection whatever state it is in; SQLite rolls back
// what was open (https://sqlite.org/c3ref/close.html).
func (c *conn) discard() error {
	// Raw hands ErrBadConn to database/sql, which then closes the connection
	// and never uses it again.
	err := c.sc.Raw(func(any) error {
		c.finalize()
		return sqldriver.ErrBadConn
	})
	if errors.Is(err, sqldriver.ErrBadConn) {
		err = nil
	}
	return err
}
