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

	"example.com/contend/internal/app"
	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/node"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/postgres"
	"example.com/contend/internal/store/rqlite"
	"example.com/contend/internal/store/sqlite"
)

// A source opens databases for a node, its own and the lab's.
type source struct {
	metrics  *node.Metrics
	attempts func(locktrace.Attempt) // nil: no trace
}

// open opens the database at a path or URL by the driver that d names.
func (s source) open(ctx context.Context, at string, d store.Discipline) (*app.DB, error) {
	o := app.Options{LockWait: s.metrics.LockWait, Trace: s.attempts}
	switch d.Engine() {
	case store.Postgres:
		return app.Open(ctx, postgres.At(at), d, o)
	case store.Rqlite:
		o.LockWait = nil // its locks are the server's business
		return app.Open(ctx, rqlite.At(at), d, o)
	default:
		return app.Open(ctx, sqlite.At(at), d, o)
	}
}

// openFirst opens the node's own database and asks it a first question.
func (s source) openFirst(ctx context.Context, at string, d store.Discipline) (*app.DB, error) {
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
		return "use one of the drivers that are built in: " + strings.Join(sqlite.Drivers(), ", ")
	case engine != store.SQLite:
		return urlHints[engine]
	}
	var setting *store.SettingError
	if errors.As(err, &setting) && setting.Setting == "journal_mode" {
		return "another process has the file open in that mode: use the same --journal, or stop that process first"
	}
	return "make " + filepath.Dir(at) + " writable (SQLite creates files beside the database), and check that the file is a database"
}

// urlHints say what a database's URL looks like.
var urlHints = map[store.Engine]string{
	store.Postgres: "use --db postgres://USER@HOST/DATABASE?search_path=SCHEMA, with a running server and an existing schema",
	store.Rqlite:   "use --db rqlite://HOST:PORT,HOST:PORT?prefix=NAME, with a running cluster",
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
		return usagef("no database given: add --db PATH, or set DB_PATH")
	}
	if d.Engine() != store.SQLite {
		return nil // its driver knows what a URL of it looks like
	}
	dir := filepath.Dir(at)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return hinted(fmt.Errorf("open %s: directory %s does not exist", at, dir), "create it first: contend creates no directory for a database")
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
