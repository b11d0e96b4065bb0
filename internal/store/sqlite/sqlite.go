// Package sqlite is the engine on one SQLite file, through any of the drivers
// that [Drivers] names.
//
// Two ideas carry it. Every setting that decides how the file is shared
// (journal mode, synchronous, busy_timeout) is set on each connection and read
// back, because SQLite answers a journal mode it could not give with the one it
// kept. And every error states what it proves: a refusal that was rolled back
// had no effect and may be tried again; anything that may have come after a
// commit is Unsure.
//
// The engine never retries: that is the application's decision. POSIX locks
// belong to the process (https://sqlite.org/howtocorrupt.html, section 2.2), so
// a process that has a database open must not open the file in any other way,
// and two nodes that are to exclude each other must be two processes.
package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"example.com/contend/internal/store"
)

// probePatience is how long a question about the node itself waits for a lock,
// so that health and metrics do not hang behind the contention that they report.
const probePatience = 250 * time.Millisecond

// A file is a database in one file.
type file struct {
	path     string
	d        store.Discipline
	program  *store.Program
	texts    []string // of the statements
	patience time.Duration
	driver   *driver
	sql      *sql.DB
	admitted string // its real path, once it was examined; guarded by examined
}

// dialect is the one that programs are written in.
var dialect = store.Dialect{Parameter: "?", Words: map[string]string{
	"integer": "INTEGER", "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
	"created": ",\n  created_at DATETIME DEFAULT CURRENT_TIMESTAMP", "lock": "",
}}

// At is the database in the file at path, which is made where it is missing;
// the directory must exist. Without a discipline the database is only for use
// Look, through the default driver, and a missing file is an error.
//
// Before the first connection that may write, the file is examined: one that cannot be the
// database of a node, as another program's, is refused with an [UnfitError], and stays as it is.
//
// Look is for a process that does not have the file open in any other way:
// opening the file recovers what a crash left (a hot journal is rolled back,
// https://sqlite.org/lockingv3.html#hot_journals), closing it checkpoints a WAL.
func At(path string) store.Source {
	return func(d store.Discipline, p *store.Program, patience time.Duration) (store.Database, error) {
		f := &file{path: path, d: d, program: p, texts: p.Texts(dialect), patience: patience, driver: modernc}
		mode := "rw"
		err := error(nil)
		if d != (store.Discipline{}) {
			mode = "rwc"
			if err = d.Validate(); err == nil {
				f.driver, err = driverNamed(d.Driver)
			}
		}
		abs := path
		if err == nil {
			abs, err = filepath.Abs(path)
		}
		if err == nil {
			f.sql, err = f.driver.open(uriOf(abs, "mode="+mode))
		}
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", path, err)
		}
		f.sql.SetMaxIdleConns(-1) // which connections there are is ours to decide
		return f, nil
	}
}

// Dial makes a connection. A connection of use Lab has a cache of ten pages, so
// that a large transaction leaves it for the disk before any commit
// (https://sqlite.org/pragma.html#pragma_cache_spill).
func (f *file) Dial(ctx context.Context, use store.Use) (store.Conn, error) {
	d := f.d
	switch use {
	case store.Look:
		start := time.Now()
		c, err := f.look(ctx)
		if err != nil && ctx.Err() == nil { // mattn reads the schema when it opens a connection, and can be refused
			return nil, (&conn{patience: f.patience}).Explain("open", err, time.Since(start), false)
		}
		return c, err
	case store.Probe:
		d.BusyTimeout = store.Milliseconds(probePatience.Milliseconds())
	case store.Lab:
		d.BusyTimeout = store.Milliseconds(f.patience.Milliseconds())
	}
	if err := f.admit(ctx); err != nil {
		return nil, err
	}
	c, err := f.dial(ctx, d)
	if err != nil {
		return nil, err
	}
	if use == store.Lab {
		if _, err := c.sc.ExecContext(always, "PRAGMA cache_size = 10"); err != nil {
			_ = c.Close()
			return nil, describe("cache_size", err)
		}
	}
	return c, nil
}

// Pool returns what the discipline asks for.
func (f *file) Pool() int { return f.d.Pool }

// Absent returns nil: a file is never away, so attempts wait for a connection.
func (f *file) Absent(error) error { return nil }

// Engine returns "SQLite" and the version of the driver's library.
func (f *file) Engine() string {
	version, err := VersionOf(f.driver.name)
	if err != nil {
		version = "unknown"
	}
	return "SQLite " + version
}

// String returns the path.
func (f *file) String() string { return f.path }

// Close frees what the connections shared.
func (f *file) Close() error {
	f.dismiss()
	return f.sql.Close()
}

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
	if err := pool.QueryRow("SELECT sqlite_version()").Scan(&version); err != nil {
		return "", fmt.Errorf("version of driver %s: %w", driver, err)
	}
	return version, nil
}
