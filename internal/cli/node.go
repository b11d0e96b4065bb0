package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.com/contend/internal/app"
	"example.com/contend/internal/display"
	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/memory"
	"example.com/contend/internal/node"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/postgres"
	"example.com/contend/internal/store/rqlite"
	"example.com/contend/internal/store/sqlite"
)

func newNodeCommand(s streams) *cobra.Command {
	var cfg node.Config
	var trace string
	cmd := &cobra.Command{
		Use:   "node --db PATH",
		Short: "Run one node: the application on a shared SQLite file or a database server",
		Long: `Node serves the lab's application over HTTP from one SQLite file. Start several nodes
on one file to make them contend for it. The discipline of a node is how it uses the
file: a preset, and flags that override single settings. The node logs it at start,
as SQLite reports it. With --driver pgx or rqlite, the same application runs on
PostgreSQL or rqlite. --db is then a URL: it names an existing schema (search_path)
or a prefix of the tables (prefix). Put a password into DB_PATH, not into --db.

Flags that are missing come from the environment: --name from CONTAINER_ID, --db from
DB_PATH, and --listen from PORT (127.0.0.1:$PORT; with --allow-remote :$PORT, every
interface). A container needs only these three and "node --allow-remote". Logs go to
stderr as JSON.

Web pages must not reach a node under a name of their own: on a loopback address it
refuses every Host but localhost, IP addresses and --allow-host with 421. With
--allow-remote it takes every Host, unless --allow-host is given.

On SIGTERM or Ctrl-C, node stops accepting connections, finishes the transactions that
it has begun, refuses what waits, closes the database and exits 0.`,
		Example: `  contend node --db ./shared.db
  contend node --db ./shared.db --name app-2 --listen 127.0.0.1:3002
  contend node --db ./red.db --listen 127.0.0.1:3003 --preset red
  contend node --db ./shared.db --transaction separate --busy-timeout 5000 --lab
  contend node --db ./shared.db --listen :3000 --allow-remote --allow-host lab.example
  contend node --db ./shared.db --transaction immediate --busy-policy random --writer queue
  DB_PATH='postgres://me@127.0.0.1/lab?search_path=app' contend node --driver pgx
  curl -s -d '{"key":"counter"}' http://127.0.0.1:3000/api/increment
  curl -s 'http://127.0.0.1:3000/metrics?format=prometheus'`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&cfg.DBPath, "db", "", "`PATH` of the database, created if missing in an existing directory; or the URL of a server")
	flags.StringVar(&cfg.Name, "name", "app-1", "name of the node in answers, logs and metrics")
	at := listenFlags(flags, "127.0.0.1:3000")
	discipline := disciplineFlags(flags)
	flags.IntVar(&cfg.MaxInFlight, "max-in-flight", node.DefaultMaxInFlight, "requests served at once; the node refuses more")
	flags.Uint64Var(&cfg.Seed, "seed", 1, "seed of the random choices (jitter)")
	flags.BoolVar(&cfg.Lab, "lab", false, "open the paths under /lab/: hold, crash, reset, session, settings, facts, close, open")
	flags.StringVar(&trace, "trace", "", "append one JSON line per database attempt to `FILE`: when it began, got the lock, ended")
	cmd.RunE = verb(func(cmd *cobra.Command, _ []string) (err error) {
		if err := fromEnvironment(flags); err != nil {
			return err
		}
		if cfg.Discipline, err = discipline(); err != nil {
			return usagef("%w", err)
		}
		return serveNode(cmd.Context(), s, cfg, at, trace)
	})
	return cmd
}

// fromEnvironment sets the flags that were not given from the variables that
// the source's containers have. A container's PORT has to be reached from outside
// it, but only --allow-remote opens a port to others.
func fromEnvironment(flags *pflag.FlagSet) error {
	host := "127.0.0.1"
	if remote, err := flags.GetBool("allow-remote"); err == nil && remote {
		host = ""
	}
	for _, v := range []struct{ variable, flag, before string }{
		{"CONTAINER_ID", "name", ""},
		{"DB_PATH", "db", ""},
		{"PORT", "listen", host + ":"},
	} {
		value := os.Getenv(v.variable)
		if value == "" || flags.Changed(v.flag) {
			continue
		}
		if v.variable == "PORT" {
			if _, err := net.LookupPort("tcp", value); err != nil {
				return usagef("PORT=%s: %w", value, err)
			}
		}
		if err := flags.Set(v.flag, v.before+value); err != nil {
			return usagef("%s=%s: %w", v.variable, value, err)
		}
	}
	return nil
}

func serveNode(ctx context.Context, s streams, cfg node.Config, at *listener, trace string) (err error) {
	if err := checkNode(cfg); err != nil {
		return err
	}
	ln, err := at.listen()
	if err != nil {
		return err
	}
	attempts, stopTrace, err := openTrace(trace, cfg.Name)
	if err != nil {
		ln.Close()
		return err
	}
	defer func() { err = errors.Join(err, stopTrace()) }()
	cfg.AllowHosts = at.allowHosts
	cfg.Log = slog.New(slog.NewJSONHandler(s.err, nil))
	node.TuneMemory()
	cfg.Metrics = node.NewMetrics()
	databases := source{cfg.Metrics, attempts}
	db, err := databases.openFirst(ctx, cfg.DBPath, cfg.Discipline)
	if err != nil {
		ln.Close()
		return err
	}
	if cfg.Discipline.Engine() == store.SQLite {
		cfg.Open = databases.open
		cfg.SQLite, _ = sqlite.VersionOf(cfg.Discipline.Driver) // that it is built in, the opening has shown
	} else {
		cfg.Engine, cfg.DBPath = db.Engine(), display.URL(cfg.DBPath) // it is shown, and may have a password
	}
	// From here on the kernel accepts connections, and Serve finds them waiting.
	if err := at.announce(ln); err != nil {
		return errors.Join(err, ln.Close(), db.Close())
	}
	defer memory.Bound()()
	return node.New(cfg, db).Serve(ctx, ln)
}

// checkNode finds the mistakes that can be found without touching the database.
func checkNode(cfg node.Config) error {
	at, dir := cfg.DBPath, filepath.Dir(cfg.DBPath)
	switch {
	case at == "":
		return usagef("no database given: add --db PATH, or set DB_PATH")
	case cfg.Name == "" || len(cfg.Name) > 64:
		return usagef("--name %q: want 1 to 64 bytes", cfg.Name)
	case cfg.MaxInFlight < 1 || cfg.MaxInFlight > 1_000_000:
		return usagef("--max-in-flight %d: want 1 to 1000000", cfg.MaxInFlight)
	case cfg.Discipline.Engine() != store.SQLite:
		return nil // its driver knows what a URL of it looks like
	case strings.Contains(at, "://"):
		return usagef("--db %s is a URL: name what is there with --driver pgx or --driver rqlite", display.URL(at))
	}
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
		return nil, hinted(err, openHint(err, d.Engine()))
	}
	var e *store.Error
	if err := db.Check(ctx); err != nil && !(errors.As(err, &e) && e.Refused) {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func openHint(err error, engine store.Engine) string {
	switch {
	case errors.Is(err, sqlite.ErrNotBuiltIn):
		return builtIn()
	case engine != store.SQLite:
		return "use --db " + urlForms[engine]
	}
	if unfit, ok := errors.AsType[*sqlite.UnfitError](err); ok {
		return unfit.Hint
	}
	setting, ok := errors.AsType[*store.SettingError](err)
	switch {
	case ok && setting.InUse:
		return fmt.Sprintf("use --journal %s too, or stop whoever has the file open", setting.Got)
	case ok && setting.Setting == "journal_mode" && setting.Wanted == string(store.WAL):
		return "the file system cannot share memory between processes, as WAL needs it: use --journal DELETE"
	}
	return ""
}

// urlForms say what a database's URL looks like, and what has to be there.
var urlForms = map[store.Engine]string{
	store.Postgres: "postgres://USER@HOST/DATABASE?search_path=SCHEMA, with a running server and an existing schema",
	store.Rqlite:   "rqlite://HOST:PORT,HOST:PORT?prefix=NAME, with a running cluster",
}

// traceInterval is the most that a node which is killed loses of its trace.
const traceInterval = 100 * time.Millisecond

// openTrace returns what writes the attempts of node to the file at path, and
// what writes out the rest and closes it. Without a path it writes nothing.
func openTrace(path, node string) (write func(locktrace.Attempt), stop func() error, err error) {
	if path == "" {
		return nil, func() error { return nil }, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, nil, fmt.Errorf("open trace: %w", err)
	}
	if err := cutTornLine(f); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open trace: %w", err), f.Close())
	}
	w := locktrace.NewWriter(f, node)
	ended := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		ticker := time.NewTicker(traceInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				_ = w.Flush() // the last flush has the first error
			case <-ended:
				return
			}
		}
	})
	return w.Write, func() error {
		close(ended)
		group.Wait()
		return errors.Join(w.Flush(), f.Close())
	}, nil
}

// cutTornLine cuts off what stands after the last whole line of f: a node of
// the same name that was killed may have left it, and the next line would be
// written on to it.
func cutTornLine(f *os.File) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	tail := make([]byte, min(size, locktrace.MaxLine))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil {
		return err
	}
	whole := size - int64(len(tail)) + int64(bytes.LastIndexByte(tail, '\n')+1)
	if whole == size {
		return nil
	}
	return f.Truncate(whole)
}
