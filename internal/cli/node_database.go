package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"example.com/contend/internal/node"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/postgres"
	"example.com/contend/internal/store/rqlite"
	"example.com/contend/internal/store/sqlite"
	"example.com/contend/internal/trace"
)

// A source opens databases for a node, its own and the lab's.
type source struct {
	metrics  *node.Metrics
	attempts func(trace.Attempt) // nil: nobody is told
}

// open opens the database at a path or URL by the driver that d names.
func (s source) open(ctx context.Context, at string, d store.Discipline) (node.Database, error) {
	switch d.Engine() {
	case store.Postgres:
		return opened(postgres.Open(ctx, at, d, postgres.Options{LockWait: s.metrics.LockWait, Trace: s.attempts}))
	case store.Rqlite:
		return opened(rqlite.Open(ctx, at, d, rqlite.Options{Trace: s.attempts}))
	default:
		return opened(sqlite.Open(ctx, at, d, sqlite.Options{LockWait: s.metrics.LockWait, Trace: s.attempts}))
	}
}

// opened keeps a nil pointer from becoming a database that is not nil.
func opened[DB node.Database](db DB, err error) (node.Database, error) {
	if err != nil {
		return nil, err
	}
	return db, nil
}

// openFirst opens the node's own database and asks it a first question.
func (s source) openFirst(ctx context.Context, at string, d store.Discipline) (node.Database, error) {
	db, err := s.open(ctx, at, d)
	if err != nil {
		if ctx.Err() != nil {
			return nil, &exitError{code: exitInterrupted, err: err}
		}
		return nil, hinted(err, openHint(err, at, d.Engine()))
	}
	var e *store.Error
	if err := db.Check(ctx); err != nil && !(errors.As(err, &e) && e.Refused) {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func openHint(err error, at string, engine store.Engine) string {
	switch {
	case errors.Is(err, sqlite.ErrNotBuiltIn):
		return "the drivers that are: " + strings.Join(sqlite.Drivers(), ", ")
	case engine != store.SQLite:
		return urlHints[engine]
	}
	var setting *sqlite.SettingError
	if errors.As(err, &setting) && setting.Setting == "journal_mode" {
		return "another process has the file open in that mode: ask for the same --journal, or end it first"
	}
	return filepath.Dir(at) + " must be writable (SQLite makes files beside the database), and the file a database"
}

// urlHints say what a database's URL looks like.
var urlHints = map[store.Engine]string{
	store.Postgres: "--db is like postgres://USER@HOST/DATABASE?search_path=SCHEMA, of a server that runs, and a schema that is there",
	store.Rqlite:   "--db is like rqlite://HOST:PORT,HOST:PORT?prefix=NAME, of a cluster that runs",
}

// engineOf is what db runs on, as it says of itself.
func engineOf(db node.Database, engine store.Engine) string {
	if named, can := db.(interface{ Engine() string }); can {
		return named.Engine()
	}
	return string(engine)
}

// sqliteOf is the version of SQLite that a discipline's driver brings.
func sqliteOf(d store.Discipline) string {
	version, err := sqlite.VersionOf(d.Driver)
	if err != nil {
		return "unknown"
	}
	return version
}

// checkDatabase finds the mistakes that can be found without touching the database.
func checkDatabase(at string, d store.Discipline) error {
	if at == "" {
		return usagef("no database given: say --db PATH, or set DB_PATH")
	}
	if d.Engine() != store.SQLite {
		return nil // its driver knows what a URL of it looks like
	}
	dir := filepath.Dir(at)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return hinted(fmt.Errorf("open %s: directory %s does not exist", at, dir), "make it first: contend makes no directories for a database")
	case err != nil:
		return fmt.Errorf("open %s: %w", at, err)
	case !info.IsDir():
		return fmt.Errorf("open %s: %s is not a directory", at, dir)
	}
	return nil
}

// shown is a path or URL as it may be seen: without a password.
func shown(at string, engine store.Engine) string {
	if engine == store.SQLite {
		return at
	}
	u, err := url.Parse(at)
	if err != nil {
		return string(engine)
	}
	return u.Redacted()
}
