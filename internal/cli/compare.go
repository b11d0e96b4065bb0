package cli

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.com/contend/internal/archive"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/ladder"
	"example.com/contend/internal/place"
	"example.com/contend/internal/record"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

// compareOptions are the flags of `contend compare`.
type compareOptions struct {
	ladder   run.Ladder
	postgres string
	rqlite   []string
	keep     keepOptions
}

// Defaults of `contend compare`, and what --quick makes of them.
var (
	allClients   = []int{1, 10, 100, 500}
	quickClients = []int{10}
)

const (
	defaultRate  = 200
	defaultSteps = 6
	quickSteps   = 2
	quickLasts   = 600 * time.Millisecond
)

const compareHelp = `Compare puts the same work to every rung of a ladder: one SQLite file without
patience, with busy_timeout, in WAL mode, with BEGIN IMMEDIATE, a fair busy policy, a
queue of writers, a single writer; then PostgreSQL, rqlite and whatever speaks
PostgreSQL's protocol at a URL. All rungs have the same nodes, clients, disk and
balancer, and take turns. Rungs that read and then write without a transaction are
there on purpose: they lose what they acknowledge, on PostgreSQL too.

PostgreSQL is run from its own programs (on the PATH, or under /usr/lib/postgresql) as
a private cluster in the run's directory, which is removed; rqlite likewise, where
there is an rqlited. What is not there is left out, and the report says what it needs.

Each rung is asked with clients who never rest, with --rate writes a second, and then
for the highest rate that is good enough by --expect. With --expect on the command
line the exit code is 1 where no rung that loses nothing is good enough.

The rungs: red, busy-timeout, wal, immediate, fair, queue, single-writer and
mixed-drivers; postgres/ and given/ (--postgres) with naive, read-committed, update,
for-update and serializable; rqlite/ with naive and update. docs/compare.md tells more.`

func newCompareCommand(s streams) *cobra.Command {
	var o compareOptions
	var think int64
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "Measure what each fix would buy, from busy_timeout to PostgreSQL, and advise",
		Long:  compareHelp + "\n\nThe workloads:\n" + ladder.AboutWorkloads(),
		Example: `  contend compare --quick                  # every rung, within a minute
  contend compare                          # all workloads, 1 to 500 clients
  contend compare --rate 800 --expect 'p99<50ms,errors<0.1%'
  contend compare --rung immediate --rung queue --rung 'postgres/*' --workload counter,transfer
  contend compare --postgres postgres://contend@10.0.0.5:5432/lab --rung 'given/*' --rung queue
  contend compare --quick --json | jq '.comparison.rungs[] | {name, highest_rate_per_s}'`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&o.ladder.Quick, "quick", false, "one workload, ten clients, short loads: every rung within a minute")
	flags.StringSliceVar(&o.ladder.Rungs, "rung", nil, "only `RUNGS` whose name begins so, part by part, each part a glob: queue, \"postgres/*\" (repeatable)")
	flags.StringSliceVar(&o.ladder.Workloads, "workload", ladder.Workloads(), "what clients ask for; rates are searched for with the first")
	flags.IntSliceVar(&o.ladder.Clients, "clients", allClients, "numbers of clients who never rest")
	flags.DurationVar(&o.ladder.Lasts, "for", time.Second, "how long each load lasts")
	flags.Float64Var(&o.ladder.Rate, "rate", defaultRate, "writes a second that you need, to be advised about; 0: none")
	flags.StringVar(&o.ladder.Expect, "expect", ladder.DefaultExpect, "what is good enough")
	flags.IntVar(&o.ladder.Steps, "steps", defaultSteps, "of the search for the highest rate that is good enough; 0 leaves it out")
	flags.IntVar(&o.ladder.Nodes, "nodes", 4, "nodes before the database")
	flags.StringVar(&o.ladder.Driver, "driver", store.Modernc, "SQLite driver of the nodes: "+strings.Join(sqlite.Drivers(), ", "))
	flags.Int64Var(&think, "think", 0, "`ms` between the read and the write")
	flags.StringVar(&o.postgres, "postgres", "", "`URL` of a PostgreSQL, or of another engine that speaks its protocol, as further rungs; contend makes schemas of its own there, and removes them. A password can stay in PGPASSWORD")
	flags.StringSliceVar(&o.rqlite, "rqlite", nil, "`URL` of a node of rqlite (repeatable); default: three nodes are started, where there is an rqlited")
	keepFlags(flags, &o.keep)
	cmd.RunE = verb(func(cmd *cobra.Command, _ []string) error {
		if !flags.Changed("seed") {
			o.keep.seed = uint64(rand.Uint32())
		}
		o.ladder.Think, o.ladder.Mixed = store.Milliseconds(think), sqlite.Drivers()
		o.ladder.Decides = flags.Changed("expect")
		o.smaller(flags)
		return compare(cmd.Context(), s, o, commandLine(cmd, nil))
	})
	return cmd
}

// smaller makes the comparison quick where that was asked for, and leaves alone what
// stands on the command line.
func (o *compareOptions) smaller(flags *pflag.FlagSet) {
	if !o.ladder.Quick {
		return
	}
	if !flags.Changed("workload") {
		o.ladder.Workloads = o.ladder.Workloads[:1]
	}
	if !flags.Changed("clients") {
		o.ladder.Clients = quickClients
	}
	if !flags.Changed("for") {
		o.ladder.Lasts = quickLasts
	}
	if !flags.Changed("steps") {
		o.ladder.Steps = quickSteps
	}
}

func compare(ctx context.Context, s streams, o compareOptions, command []string) (err error) {
	color, err := useColor(o.keep.color, s.out)
	if err != nil {
		return err
	}
	if _, err := ladder.ParseExpect(o.ladder.Expect); err != nil {
		return usagef("--expect: %w", err)
	}
	if _, err := ladder.New(o.ladder); err != nil { // before anything is started or kept
		return usagef("%w", err)
	}
	dir, err := archive.Create(o.keep.dir, "compare", time.Now())
	if err != nil {
		return hinted(err, "--dir names a directory that can be written")
	}
	defer func() { _ = os.Remove(dir) }() // which succeeds if nothing was kept in it
	servers, err := place.OpenServers(ctx, place.ServerOptions{
		Dir: filepath.Join(dir, "servers"), Rungs: o.ladder.Rungs, Postgres: o.postgres, Rqlite: o.rqlite,
		Say: func(what string) { o.keep.say(s, what) },
	})
	if err != nil {
		return interruptedBy(ctx, err)
	}
	defer func() { err = withCloseError(s, err, servers.Close()) }()
	o.ladder.Servers, o.ladder.Missing = servers.All, servers.Missing
	x, err := ladder.New(o.ladder)
	if err != nil {
		return usagef("%w", err)
	}
	if len(x.Arms) == 0 {
		return nothingToCompare(servers)
	}
	return o.keep.record(ctx, s, dir, []record.Place{servers.Place()}, []experiment.Experiment{x}, run.Asked{Ladder: &o.ladder}, command, color)
}

// nothingToCompare says why no rung could be run.
func nothingToCompare(servers *place.Servers) error {
	var why []string
	for _, m := range servers.Missing {
		why = append(why, m.Why)
	}
	return hinted(errors.New("no rung can be run: "+strings.Join(why, "; ")), servers.Missing[0].Hint)
}
