package cli

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/contend/internal/archive"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/ladder"
	"example.com/contend/internal/place"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

// compareOptions are the flags of `contend compare`.
type compareOptions struct {
	ladder   ladder.Options
	expect   string
	postgres string
	rqlite   []string
	keep     keepOptions
	given    map[string]bool // flags that were on the command line, by name
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
	quick := flags.Bool("quick", false, "one workload, ten clients, short loads: every rung within a minute")
	flags.StringSliceVar(&o.ladder.Rungs, "rung", nil, "only `RUNGS` whose name begins so, part by part, each part a glob: queue, \"postgres/*\" (repeatable)")
	flags.StringSliceVar(&o.ladder.Workloads, "workload", ladder.Workloads(), "what clients ask for; rates are searched for with the first")
	flags.IntSliceVar(&o.ladder.Clients, "clients", allClients, "numbers of clients who never rest")
	flags.DurationVar(&o.ladder.Lasts, "for", time.Second, "how long each load lasts")
	flags.Float64Var(&o.ladder.Rate, "rate", defaultRate, "writes a second that you need, to be advised about; 0: none")
	flags.StringVar(&o.expect, "expect", ladder.DefaultExpect, "what is good enough")
	flags.IntVar(&o.ladder.Steps, "steps", defaultSteps, "of the search for the highest rate that is good enough; 0 leaves it out")
	flags.IntVar(&o.ladder.Nodes, "nodes", 4, "nodes before the database")
	flags.StringVar(&o.ladder.Driver, "driver", store.Modernc, "SQLite driver of the nodes: "+strings.Join(sqlite.Drivers(), ", "))
	flags.Int64Var(&think, "think", 0, "`ms` between the read and the write")
	flags.StringVar(&o.postgres, "postgres", "", "`URL` of a PostgreSQL, or of another engine that speaks its protocol, as further rungs; contend makes schemas of its own there, and removes them. A password can stay in PGPASSWORD")
	flags.StringSliceVar(&o.rqlite, "rqlite", nil, "`URL` of a node of rqlite (repeatable); default: three nodes are started, where there is an rqlited")
	keepFlags(flags, &o.keep)
	cmd.RunE = verb(func(cmd *cobra.Command, _ []string) (err error) {
		o.given = map[string]bool{}
		for _, name := range []string{"workload", "clients", "for", "steps", "expect", "seed"} {
			o.given[name] = flags.Changed(name)
		}
		o.ladder.Think, o.ladder.Quick = store.Milliseconds(think), *quick
		if o.ladder.Expect, err = ladder.ParseExpect(o.expect); err != nil {
			return usagef("--expect: %w", err)
		}
		if !o.given["seed"] {
			o.keep.seed = uint64(rand.Uint32())
		}
		return compare(cmd.Context(), s, o.complete())
	})
	return cmd
}

// complete fills in what hangs on --quick and on what is built in.
func (o compareOptions) complete() compareOptions {
	o.ladder.Mixed = sqlite.Drivers()
	if !o.ladder.Quick {
		return o
	}
	if !o.given["workload"] {
		o.ladder.Workloads = o.ladder.Workloads[:1]
	}
	if !o.given["clients"] {
		o.ladder.Clients = quickClients
	}
	if !o.given["for"] {
		o.ladder.Lasts = quickLasts
	}
	if !o.given["steps"] {
		o.ladder.Steps = quickSteps
	}
	return o
}

func compare(ctx context.Context, s streams, o compareOptions) (err error) {
	color, err := useColor(o.keep.color, s.out)
	if err != nil {
		return err
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
	defer func() { err = told(s, err, servers.Close()) }()
	run, err := o.climb(ctx, s, dir, servers)
	if err != nil {
		return err
	}
	return o.keep.finish(s, dir, run, color)
}

// climb runs the ladder that these servers make possible.
func (o compareOptions) climb(ctx context.Context, s streams, dir string, servers *place.Servers) (*experiment.Run, error) {
	started := time.Now()
	o.ladder.Servers = servers.All
	l, err := ladder.New(o.ladder)
	if err != nil {
		return nil, usagef("%w", err)
	}
	if l.Rungs() == 0 {
		return nil, nothingToCompare(servers)
	}
	shown := newProgress(s.err, o.keep.quiet)
	engine := &experiment.Engine{Dir: dir, Seed: o.keep.seed, Places: []experiment.Place{servers.Place()}, Observe: shown.observe}
	result, comparison, cut := l.Run(ctx, engine)
	shown.close()

	comparison.Servers, comparison.Missing = servers.Found, servers.Missing
	comparison.Decides = o.given["expect"]
	comparison.Advice = ladder.Advise(comparison)
	run := newRun(dir, started, o.keep.seed, cut, []experiment.Result{result})
	run.Places, run.Command, run.Comparison = []string{experiment.Processes}, o.command(), comparison
	return run, nil
}

// nothingToCompare says why no rung could be run.
func nothingToCompare(servers *place.Servers) error {
	var why []string
	for _, m := range servers.Missing {
		why = append(why, m.Why)
	}
	return hinted(errors.New("no rung can be run: "+strings.Join(why, "; ")), servers.Missing[0].Hint)
}

// command is what to type to repeat the comparison. A URL may hold a password,
// so it is left for whoever types it.
func (o compareOptions) command() []string {
	args := []string{"contend", "compare"}
	add := func(flag, value string) { args = append(args, "--"+flag, value) }
	if o.ladder.Quick {
		args = append(args, "--quick")
	}
	for _, rung := range o.ladder.Rungs {
		add("rung", rung)
	}
	if o.given["workload"] {
		add("workload", strings.Join(o.ladder.Workloads, ","))
	}
	if o.given["clients"] {
		add("clients", strings.Trim(strings.ReplaceAll(fmt.Sprint(o.ladder.Clients), " ", ","), "[]"))
	}
	if o.given["for"] {
		add("for", o.ladder.Lasts.String())
	}
	if o.ladder.Rate != defaultRate {
		add("rate", strconv.FormatFloat(o.ladder.Rate, 'g', -1, 64))
	}
	if o.given["steps"] {
		add("steps", strconv.Itoa(o.ladder.Steps))
	}
	if o.given["expect"] {
		add("expect", o.expect)
	}
	if o.ladder.Nodes != 4 {
		add("nodes", strconv.Itoa(o.ladder.Nodes))
	}
	if o.ladder.Driver != store.Modernc {
		add("driver", o.ladder.Driver)
	}
	if o.ladder.Think != 0 {
		add("think", strconv.FormatInt(int64(o.ladder.Think), 10))
	}
	if o.postgres != "" {
		add("postgres", "URL")
	}
	if len(o.rqlite) > 0 {
		add("rqlite", "URL")
	}
	return append(args, "--seed", strconv.FormatUint(o.keep.seed, 10))
}
