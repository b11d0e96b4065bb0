package cli

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

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
	driver   bool // it was given
	pool     int
	postgres string
	rqlite   []string
	keep     keepOptions
}

// quickly is what --quick makes of the flags that are not on the command line. Two steps of a search with one load each
// found highest rates that differed fivefold from run to run, so there is none.
var quickly = map[string]string{"workload": strings.Join(ladder.Workloads()[:2], ","), "clients": "10", "for": "350ms", "repeats": "1", "steps": "0"}

const compareHelp = `Compare runs the same workloads on every rung of a ladder: one SQLite file with
busy_timeout 0, with busy_timeout 5000, in WAL mode, with BEGIN IMMEDIATE, a fair busy
policy, a queue of writers, a single writer; then PostgreSQL, rqlite and any server
that speaks PostgreSQL's protocol. All rungs use the same nodes, clients, disk and
balancer, and take turns. The naive rungs read and then write without enough
isolation: they are there to lose acknowledged writes, on PostgreSQL too.

Compare starts a private PostgreSQL (programs on the PATH or in /usr/lib/postgresql)
and three nodes of rqlite (rqlited on the PATH), and removes their data. It skips
rungs whose programs are missing; the report says what they need.

Each rung that loses nothing gets the number of connections that serves it best, or all
rungs --pool. Each gets closed loops of clients, an open loop of --rate writes/s, and a search
for the highest rate that meets --expect. What is compared is sent --repeats times: where the
intervals of two rungs overlap, the table marks them as equal (~), and the advice says that it
cannot tell. With --expect on the command line, the exit code is 1 if no rung that loses
nothing meets it, and 3 if the loads disagree.

--quick sends each load once, but for the rung that is enough: it tells what loses data and what
is enough at --rate, and not which rung is faster.

The rungs: red, busy-timeout, wal, immediate, fair, queue, single-writer and
mixed-drivers; postgres/ and given/ (--postgres) with naive, read-committed, update,
queue, for-update and serializable; rqlite/ with naive, update and queue (docs/compare.md).`

func newCompareCommand(s streams) *cobra.Command {
	var o compareOptions
	var think int64
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "Measure what each fix buys and costs, from busy_timeout to PostgreSQL, and advise",
		Long:  compareHelp + "\n\nThe workloads:\n" + ladder.AboutWorkloads(),
		Example: `  contend compare --quick                  # every rung, in about a minute
  contend compare                          # all workloads, 1 to 500 clients
  contend compare --rate 800 --expect 'p99<50ms,errors<0.1%'
  contend compare --rung queue --rung 'postgres/*' --workload counter,transfer
  contend compare --postgres postgres://contend@10.0.0.5:5432/lab --rung 'given/*' --rung queue
  contend compare --rung queue --json | jq '.comparison.rungs[] | {name, highest_rate_between}'`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&o.ladder.Quick, "quick", false, "two workloads, 10 clients, short loads, no repeats, no highest rates: every rung in about a minute")
	flags.StringSliceVar(&o.ladder.Rungs, "rung", nil, "only rungs matching this `GLOB` prefix: queue, \"postgres/*\" (repeatable)")
	flags.StringSliceVar(&o.ladder.Workloads, "workload", ladder.Workloads(), "workloads to run; the rate search uses the first")
	flags.IntSliceVar(&o.ladder.Clients, "clients", []int{1, 10, 100, 500}, "numbers of clients in a closed loop; workloads beside the first two\nhave the most that are up to 100")
	flags.DurationVar(&o.ladder.Lasts, "for", time.Second, "duration of each load")
	flags.IntVar(&o.ladder.Repeats, "repeats", 5, "how often each load is sent whose figures are compared; an interval takes 5")
	flags.Float64Var(&o.ladder.Rate, "rate", 200, "target writes/s for the advice (0 = off)")
	flags.StringVar(&o.ladder.Expect, "expect", ladder.DefaultExpect, "target latency and share of errors")
	flags.IntVar(&o.ladder.Steps, "steps", 6, "rates in the search for the highest that meets --expect (0 = off)")
	flags.IntVar(&o.ladder.Nodes, "nodes", 4, "number of nodes")
	flags.StringVar(&o.ladder.Driver, "driver", store.Modernc, "SQLite driver of the nodes: "+strings.Join(sqlite.Drivers(), ", "))
	flags.IntVar(&o.pool, "pool", 0, "connections of each node, on every rung (0 = search for the best of each careful rung, 1 to 32)")
	flags.Int64Var(&think, "think", 0, "pause between the read and the write, in `ms`")
	flags.StringVar(&o.postgres, "postgres", "", "`URL` of a PostgreSQL, or of a server that speaks its protocol, to compare too;\ncontend creates its own schemas there and drops them; PGPASSWORD may hold the password")
	flags.StringSliceVar(&o.rqlite, "rqlite", nil, "`URL` of an rqlite node (repeatable); default: contend starts three nodes if rqlited is on the PATH")
	drawFlags(flags, &o.keep.draw)
	keepFlags(flags, &o.keep)
	_ = cmd.RegisterFlagCompletionFunc("rung", listOf(ladder.Names()...))
	_ = cmd.RegisterFlagCompletionFunc("workload", listOf(ladder.Workloads()...))
	_ = cmd.RegisterFlagCompletionFunc("driver", listOf(sqlite.Drivers()...))
	cmd.RunE = verb(func(cmd *cobra.Command, _ []string) error {
		if !flags.Changed("seed") {
			o.keep.seed = uint64(rand.Uint32())
		}
		o.ladder.Think, o.ladder.Mixed = store.Milliseconds(think), sqlite.Drivers()
		if o.ladder.Repeats == 0 { // what is stored as 0 is from before there were repeats
			return usagef("--repeats 0: want 1 to 20")
		}
		o.ladder.Decides, o.driver = flags.Changed("expect"), flags.Changed("driver")
		if o.ladder.Pools = ladder.Pools(); flags.Changed("pool") && o.pool != 0 {
			o.ladder.Pools = []int{o.pool}
		}
		for name, value := range quickly {
			if flag := flags.Lookup(name); o.ladder.Quick && !flag.Changed {
				if err := flag.Value.Set(value); err != nil {
					return err
				}
			}
		}
		return compare(cmd.Context(), s, o, commandLine(cmd, nil))
	})
	return cmd
}

func compare(ctx context.Context, s streams, o compareOptions, command []string) (err error) {
	drawn, err := o.keep.draw.of(s.out)
	if err != nil {
		return err
	}
	if _, err := ladder.ParseExpect(o.ladder.Expect); err != nil {
		return usagef("--expect: %w", err)
	}
	if _, err := ladder.New(o.ladder); err != nil { // before anything is started or kept
		return usagef("%w", err)
	}
	for _, unread := range []struct {
		flag    string
		given   bool
		read    bool
		addRung string
	}{
		{"--postgres", o.postgres != "", ladder.Wants(o.ladder.Rungs, ladder.Given), "'given/*'"},
		{"--rqlite", len(o.rqlite) > 0, ladder.Wants(o.ladder.Rungs, ladder.Rqlite), "'rqlite/*'"},
		{"--driver", o.driver, ladder.WantsFile(o.ladder.Rungs), "queue"},
	} {
		if unread.given && !unread.read {
			return usagef("%s: no rung that was chosen reads it: add --rung %s, or leave it out", unread.flag, unread.addRung)
		}
	}
	if err := checkDriver(o.ladder.Driver); err != nil {
		return err
	}
	dir, err := archive.Create(o.keep.dir, "compare", time.Now())
	if err != nil {
		return cannotKeep(err)
	}
	defer func() { _ = os.Remove(dir) }() // which succeeds if nothing was kept in it
	if os.Geteuid() == 0 {                // PostgreSQL does not run as root, and has its data in there
		defer archive.LetThrough(dir)()
	}
	servers, err := place.OpenServers(ctx, place.ServerOptions{
		Run: dir, Rungs: o.ladder.Rungs, Postgres: o.postgres, Rqlite: o.rqlite,
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
		var why []string
		for _, m := range servers.Missing {
			why = append(why, m.Why)
		}
		return hinted(errors.New("no rung can be run: "+strings.Join(why, "; ")), servers.Missing[0].Hint)
	}
	return o.keep.record(ctx, s, dir, []record.Place{servers.Place()}, []experiment.Experiment{x}, run.Asked{Ladder: &o.ladder}, command, drawn)
}
