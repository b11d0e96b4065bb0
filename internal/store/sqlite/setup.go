package sqlite

import (
	"context"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/contend/internal/proc"
	"example.com/contend/internal/store"
	"example.com/contend/internal/units"
)

// dial opens one connection and sets it up as d says, trying again until
// patience is over whenever a lock is refused: the nodes of a cluster start at
// the same time on one file, and SQLite may refuse the change of journal mode
// without calling the busy handler
// (https://sqlite.org/pragma.html#pragma_journal_mode). Each try has a new
// connection, because one that was refused may go on holding the shared lock
// that the others wait for.
//
// A process that has had the file open in WAL mode through all tries will not let go of it:
// nodes that start let go between their tries.
func (f *file) dial(ctx context.Context, d store.Discipline) (*conn, error) {
	start := time.Now()
	var users map[int]string // who has had the file open at every try that found another journal mode
	found := 0               // how many tries did
	for {
		c, err := f.connect(ctx)
		if err == nil {
			if err = c.setUp(ctx, d); err != nil {
				_ = c.Close()
			}
		}
		var refused *refusedSetup
		if err == nil || !errors.As(err, &refused) {
			return c, err
		}
		kept := false
		if setting, ok := errors.AsType[*store.SettingError](err); ok && setting.InUse {
			users = still(users, proc.Users(f.path))
			found++
			kept = setting.Got == string(store.WAL) && len(users) > 0 && found >= keptTries
		}
		if kept || time.Since(start) > f.patience {
			return nil, inUse(err, users)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(time.Duration(5+rand.IntN(45)) * time.Millisecond): // chance only keeps the nodes out of step
		}
	}
}

// keptTries is at how many tries in a row a process must have had the file open to count as one that
// keeps it: some half a second. Who starts with this one has let go of it in between.
const keptTries = 20

// still returns those of now who were among users, or all where users is nil.
func still(users, now map[int]string) map[int]string {
	maps.DeleteFunc(now, func(pid int, _ string) bool { return users != nil && users[pid] == "" })
	return now
}

// inUse is err with those who have the file open, as far as that is known.
func inUse(err error, users map[int]string) error {
	var all []string
	for _, pid := range slices.Sorted(maps.Keys(users)) {
		all = append(all, fmt.Sprintf("%q (process %d)", users[pid], pid))
	}
	if len(all) == 0 {
		return err
	}
	return fmt.Errorf("%w: %s", err, units.PluralOf(len(all), "process has", "processes have")+" the file open: "+units.List(all, "and"))
}

// connect opens one connection with the driver's own settings.
func (f *file) connect(ctx context.Context) (*conn, error) {
	sc, err := f.sql.Conn(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, describe("open", err)
	}
	return &conn{file: f, sc: sc, stmts: make([]prepared, len(f.texts))}, nil
}

// A refusedSetup is an error of the setup that may be gone the next time.
type refusedSetup struct{ error }

func (e *refusedSetup) Unwrap() error { return e.error }

// setUp does everything that needs a lock while the connection is patient, and
// gives it the discipline's own busy_timeout last.
func (c *conn) setUp(ctx context.Context, d store.Discipline) error {
	if err := c.set(ctx, "busy_timeout", strconv.FormatInt(c.file.patience.Milliseconds(), 10)); err != nil {
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
	if err := c.prepareAll(ctx); err != nil {
		return describe("prepare", err)
	}
	c.patience = d.BusyTimeout.Duration()
	theirs := d.BusyTimeout
	if d.Busy == store.Random { // the waiter waits, and SQLite refuses at once: or both would wait, one inside the other
		c.waits.timeout, theirs = c.patience, 0
	}
	return c.set(ctx, "busy_timeout", strconv.FormatInt(int64(theirs), 10))
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
	if _, err := c.sc.ExecContext(ctx, "PRAGMA "+pragma+" = "+value); err != nil {
		return describe(pragma, err)
	}
	got, err := c.get(ctx, pragma)
	if err != nil {
		return err
	}
	if got != value {
		return &store.SettingError{Setting: pragma, Wanted: value, Got: got}
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
	if err != nil && refusal(resultCode(err)) {
		// SQLite refused the exclusive lock that a change needs. Name the mode
		// that stands in the way, if it can be read.
		if mode, errGet := c.get(ctx, "journal_mode"); errGet == nil && !strings.EqualFold(mode, string(want)) {
			return &refusedSetup{&store.SettingError{Setting: "journal_mode", Wanted: string(want), Got: strings.ToUpper(mode), InUse: true}}
		}
	}
	if err != nil {
		return describe("journal_mode", err)
	}
	if !strings.EqualFold(got, string(want)) {
		return &store.SettingError{Setting: "journal_mode", Wanted: string(want), Got: strings.ToUpper(got)}
	}
	return nil
}

// createTables makes the tables that are missing. It takes the write lock only
// if there is something to make, so that a node which joins a busy cluster does
// not have to win it first.
func (c *conn) createTables(ctx context.Context) error {
	var have int
	names := c.file.program.QuotedTables(dialect)
	err := c.sc.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ("+names+")").Scan(&have)
	if err != nil || have == len(c.file.program.Tables) {
		return err
	}
	text := "BEGIN IMMEDIATE;\n"
	for _, table := range c.file.program.Tables {
		text += dialect.Spell(table.Create) + ";\n"
	}
	_, err = c.sc.ExecContext(ctx, text+"COMMIT") // where it fails, dial throws the connection and its transaction away
	return err
}

// prepareAll makes ready what an attempt needs. Where it fails, Close finalizes
// what it had made.
func (c *conn) prepareAll(ctx context.Context) error {
	for i, text := range controlTexts {
		if err := c.prepare(ctx, &c.own[i], text); err != nil {
			return err
		}
	}
	for i, s := range c.file.program.Statements {
		if s.Cold || s.Lock && i != s.Index { // SQLite has no FOR UPDATE
			continue
		}
		if err := c.prepare(ctx, &c.stmts[i], c.file.texts[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) prepare(ctx context.Context, to *prepared, text string) error {
	return c.sc.Raw(func(raw any) error {
		preparer, ok := raw.(sqldriver.ConnPrepareContext)
		if !ok {
			return fmt.Errorf("%T prepares no statements", raw)
		}
		stmt, err := preparer.PrepareContext(ctx, text)
		if err != nil {
			return err
		}
		if *to, ok = stmt.(prepared); !ok {
			_ = stmt.Close()
			return fmt.Errorf("%T takes no context", stmt)
		}
		return nil
	})
}
