package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/contend/internal/store"
)

// inspectPatience is for a file that, against the rule, someone still uses.
const inspectPatience = 10 * time.Second

// Inspect reads what the database at path says of itself. It is for a process
// that does not have the file open in any other way, after the nodes have
// ended: opening the file recovers what a crash left (a hot journal is rolled
// back, https://sqlite.org/lockingv3.html#hot_journals), closing it checkpoints
// a WAL. It never creates a file: where there is none, that is the error.
//
// A rollback journal's mode is not stored in the file; all of them read DELETE.
// A damaged database is no error as long as SQLite can tell: Integrity says what
// it found, and the figures that could not be read are left out.
func Inspect(ctx context.Context, path string) (facts store.Facts, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("inspect %s: %w", path, err)
		}
	}()
	pool, err := modernc.pool(path, "rw")
	if err != nil {
		return facts, err
	}
	defer pool.Close()
	sc, err := pool.Conn(ctx)
	if err != nil {
		return facts, describe("open", err)
	}
	defer sc.Close()
	return inspect(ctx, &conn{driver: modernc, sc: sc}, inspectPatience, true)
}

func inspect(ctx context.Context, c *conn, patience time.Duration, withRows bool) (facts store.Facts, err error) {
	if facts.DefaultBusyTimeout, err = c.busyTimeout(ctx); err != nil {
		return facts, err
	}
	if err := c.set(ctx, "busy_timeout", strconv.FormatInt(patience.Milliseconds(), 10)); err != nil {
		return facts, err
	}
	var version string
	if err := c.sc.QueryRowContext(ctx, getVersion).Scan(&version); err != nil {
		return facts, describe("version", err)
	}
	facts.Engine = "SQLite " + version
	if facts.Integrity, err = integrity(ctx, c.sc); err != nil {
		return facts, err
	}
	mode, err := c.get(ctx, "journal_mode")
	if err != nil && facts.Integrity == "ok" {
		return facts, err
	}
	facts.Journal = store.Journal(strings.ToUpper(mode))
	err = figures(ctx, c.sc, &facts)
	if err == nil && withRows {
		facts.Rows, err = rows(ctx, c.sc)
	}
	if err != nil && facts.Integrity != "ok" {
		err = nil // integrity_check has said more than this error does
	}
	return facts, err
}

// Facts reads what the database says of itself while others use it, as Inspect
// does, but in one read transaction: the figures are those of one moment. It has
// a connection of its own, which belongs to this DB's SQLite, so that closing it
// drops nobody's locks, and waits for a lock as long as the DB's patience. In a
// rollback journal nobody can commit while it reads. Without withRows it leaves
// the rows out.
func (db *DB) Facts(ctx context.Context, withRows bool) (store.Facts, error) {
	db.lab.RLock()
	defer db.lab.RUnlock()
	if db.isClosing() {
		return store.Facts{}, store.ErrClosed
	}
	start := time.Now()
	facts, err := db.snapshot(ctx, withRows)
	if err != nil && ctx.Err() == nil {
		err = newError("read facts", err, time.Since(start), db.patience)
	}
	return facts, err
}

func (db *DB) snapshot(ctx context.Context, withRows bool) (facts store.Facts, err error) {
	sc, err := db.sql.Conn(ctx)
	if err != nil {
		return facts, err
	}
	c := &conn{driver: db.driver, sc: sc}
	defer c.discard() // rolls back what is still open
	if _, err := sc.ExecContext(ctx, "BEGIN DEFERRED"); err != nil {
		return facts, err
	}
	return inspect(ctx, c, db.patience, withRows)
}

// busyTimeout reads how long c waits for a lock.
func (c *conn) busyTimeout(ctx context.Context) (store.Milliseconds, error) {
	got, err := c.get(ctx, "busy_timeout")
	if err != nil {
		return 0, err
	}
	ms, err := strconv.ParseInt(got, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("busy_timeout: %w", err)
	}
	return store.Milliseconds(ms), nil
}

func figures(ctx context.Context, sc *sql.Conn, facts *store.Facts) (err error) {
	if facts.Counters, err = numbers(ctx, sc, "SELECT key, value FROM counters"); err != nil {
		return err
	}
	if facts.Stock, err = numbers(ctx, sc, "SELECT item, stock FROM inventory"); err != nil {
		return err
	}
	if facts.Balances, err = numbers(ctx, sc, "SELECT name, balance FROM accounts"); err != nil {
		return err
	}
	err = sc.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM data), (SELECT count(*) FROM payments)").
		Scan(&facts.Records, &facts.Payments)
	if err != nil {
		return describe("count rows", err)
	}
	return nil
}

// rowPrefix is how much of a row's content Inspect reads, in bytes.
const rowPrefix = 64

// rows reads every row of table data. The cast has substr count bytes.
func rows(ctx context.Context, sc *sql.Conn) ([]store.Row, error) {
	rows, err := sc.QueryContext(ctx, "SELECT id, substr(CAST(content AS BLOB), 1, ?) FROM data ORDER BY id", rowPrefix)
	if err != nil {
		return nil, describe("read rows", err)
	}
	defer rows.Close()
	var all []store.Row
	for rows.Next() {
		var r store.Row
		if err := rows.Scan(&r.ID, &r.Content); err != nil {
			return nil, fmt.Errorf("read rows: %w", err)
		}
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return nil, describe("read rows", err)
	}
	return all, nil
}

func numbers(ctx context.Context, sc *sql.Conn, query string) (map[string]int64, error) {
	rows, err := sc.QueryContext(ctx, query)
	if err != nil {
		return nil, describe("read table", err)
	}
	defer rows.Close()
	all := make(map[string]int64)
	for rows.Next() {
		var key string
		var n int64
		if err := rows.Scan(&key, &n); err != nil {
			return nil, fmt.Errorf("read table: %w", err)
		}
		all[key] = n
	}
	if err := rows.Err(); err != nil {
		return nil, describe("read table", err)
	}
	return all, nil
}

// integrity returns what PRAGMA integrity_check says, line by line. A file that
// is too damaged to be checked answers with an error, which is a finding as well.
func integrity(ctx context.Context, sc *sql.Conn) (string, error) {
	rows, err := sc.QueryContext(ctx, "PRAGMA integrity_check")
	if err != nil {
		return damage(err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return "", err
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		return damage(err)
	}
	return strings.Join(lines, "\n"), nil
}

// damage turns CORRUPT and NOTADB into what integrity_check would have said.
func damage(err error) (string, error) {
	switch code := resultCode(err); code & 0xff {
	case 11, 26:
		return fmt.Sprintf("%s: %v", CodeName(code), err), nil
	}
	return "", describe("integrity_check", err)
}

const getVersion = "SELECT sqlite_version()" // touches no file

// Version returns the version of the default driver's SQLite library, such as
// "3.54.1", or "unknown".
var Version = sync.OnceValue(func() string {
	version, err := VersionOf(store.Modernc)
	if err != nil {
		return "unknown"
	}
	return version
})

// VersionOf returns the version of a driver's SQLite library, or an error where
// the driver is not built in.
func VersionOf(driver string) (version string, err error) {
	d, err := driverNamed(driver)
	if err != nil {
		return "", err
	}
	pool, err := d.open("file::memory:")
	if err != nil {
		return "", fmt.Errorf("version of driver %s: %w", driver, err)
	}
	defer pool.Close()
	if err := pool.QueryRow(getVersion).Scan(&version); err != nil {
		return "", fmt.Errorf("version of driver %s: %w", driver, err)
	}
	return version, nil
}
