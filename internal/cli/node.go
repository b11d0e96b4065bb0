package cli

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.com/contend/internal/node"
	"example.com/contend/internal/store"
)

// nodeOptions are the flags of `contend node` that do not go into its Config.
type nodeOptions struct {
	listen      string
	allowRemote bool
	trace       string
	readyFD     int
}

func newNodeCommand(s streams) *cobra.Command {
	var o nodeOptions
	var cfg node.Config
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

On SIGTERM or Ctrl-C, node stops accepting connections, finishes the requests in
flight, closes the database and exits 0.`,
		Example: `  contend node --db ./shared.db
  contend node --db ./shared.db --name app-2 --listen 127.0.0.1:3002 --preset red
  contend node --db ./shared.db --transaction separate --busy-timeout 5000 --lab
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
	flags.StringVar(&o.listen, "listen", "127.0.0.1:3000", "address to listen on; port 0 picks a free port")
	flags.BoolVar(&o.allowRemote, "allow-remote", false, "allow a --listen address that other machines can reach")
	discipline := disciplineFlags(flags)
	flags.IntVar(&cfg.MaxInFlight, "max-in-flight", node.DefaultMaxInFlight, "requests served at once; the node refuses more")
	flags.Uint64Var(&cfg.Seed, "seed", 1, "seed of the random choices (jitter)")
	flags.BoolVar(&cfg.Lab, "lab", false, "open the paths under /lab/: hold, crash, reset, session, settings, facts, close, open")
	flags.StringVar(&o.trace, "trace", "", "append one JSON line per database attempt to `FILE`: when it began, got the lock, ended")
	flags.IntVar(&o.readyFD, "ready-fd", 0, "write the address to this inherited descriptor once healthy")
	_ = flags.MarkHidden("ready-fd")
	cmd.RunE = verb(func(cmd *cobra.Command, _ []string) (err error) {
		if err := fromEnvironment(flags); err != nil {
			return err
		}
		if cfg.Discipline, err = discipline(); err != nil {
			return usagef("%w", err)
		}
		return serveNode(cmd.Context(), s, o, cfg)
	})
	return cmd
}

// fromEnvironment sets the flags that were not given from the variables that
// the seed's containers have. A container's PORT has to be reached from outside
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

func serveNode(ctx context.Context, s streams, o nodeOptions, cfg node.Config) (err error) {
	if err := checkNode(cfg); err != nil {
		return err
	}
	ln, err := listen(o.listen, o.allowRemote)
	if err != nil {
		return err
	}
	attempts, stopTrace, err := openTrace(o.trace, cfg.Name)
	if err != nil {
		ln.Close()
		return err
	}
	defer func() { err = errors.Join(err, stopTrace()) }()
	cfg.Log = slog.New(slog.NewJSONHandler(s.err, nil))
	node.TuneMemory()
	cfg.Metrics = node.NewMetrics()
	databases := source{cfg.Metrics, attempts}
	db, err := databases.openFirst(ctx, cfg.DBPath, cfg.Discipline)
	if err != nil {
		ln.Close()
		return err
	}
	if engine := cfg.Discipline.Engine(); engine == store.SQLite {
		cfg.SQLite, cfg.Open = sqliteOf(cfg.Discipline), databases.open
	} else {
		cfg.Engine, cfg.DBPath = db.Engine(), shown(cfg.DBPath, engine)
	}
	// From here on the kernel accepts connections, and Serve finds them waiting.
	if err := announce(o.readyFD, ln.Addr()); err != nil {
		return errors.Join(err, ln.Close(), db.Close())
	}
	return node.New(cfg, db).Serve(ctx, ln)
}

// checkNode finds the mistakes that can be found without touching the database.
func checkNode(cfg node.Config) error {
	if err := checkDatabase(cfg.DBPath, cfg.Discipline); err != nil {
		return err
	}
	if cfg.Name == "" || len(cfg.Name) > 64 {
		return usagef("--name %q: want 1 to 64 bytes", cfg.Name)
	}
	if cfg.MaxInFlight < 1 || cfg.MaxInFlight > 1_000_000 {
		return usagef("--max-in-flight %d: want 1 to 1000000", cfg.MaxInFlight)
	}
	return nil
}
