package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/contend/internal/archive"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/cluster/local"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

// How long `contend up` waits for its nodes to be healthy, and to end.
const (
	upPatience   = 60 * time.Second
	downPatience = 30 * time.Second
)

func newUpCommand(s streams) *cobra.Command {
	var spec cluster.Spec
	var at listener
	var dir string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start nodes and a balancer, and keep them running for your own client",
		Long: `Up starts nodes that share one SQLite file, and a balancer in front of them. It prints
their URLs and commands to try. The database and the logs are in runs/<time>-up/.

If a node ends, up reports it and the other nodes go on. Ctrl-C stops them all: every
node finishes its requests and closes the database. The exit code is then 0, or 4 if
a process had ended before.

Web pages must not reach the lab under a name of their own: on a loopback address it
refuses every Host but localhost, IP addresses and --allow-host with 421. With
--allow-remote it takes every Host, unless --allow-host is given.`,
		Example: `  contend up
  contend up --preset red --nodes 2 --listen 127.0.0.1:0
  contend up --transaction separate --busy-timeout 5000 --lab
  contend up --listen :8080 --allow-remote --allow-host lab.example`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.IntVar(&spec.Nodes, "nodes", 4, "number of nodes")
	at.addFlags(flags, "address of the balancer; port 0 picks a free port", "127.0.0.1:8080")
	flags.StringVar(&dir, "dir", "runs", "directory that the run is stored in")
	flags.Uint64Var(&spec.Seed, "seed", 1, "seed of the random choices (jitter)")
	flags.BoolVar(&spec.Lab, "lab", false, "open the paths under /lab/ of the nodes: hold, crash, reset, settings")
	discipline := disciplineFlags(flags)
	flags.Lookup("driver").Usage = "SQLite driver of the nodes: " + strings.Join(sqlite.Drivers(), ", ")
	flags.Lookup("transaction").Usage = "read and write as: separate, deferred, immediate, exclusive or atomic"
	cmd.RunE = verb(func(cmd *cobra.Command, _ []string) error {
		var err error
		if spec.Discipline, err = discipline(); err != nil {
			return usagef("%w", err)
		}
		if spec.Discipline.Engine() != store.SQLite {
			return &exitError{
				code: exitUsage,
				hint: "start nodes with contend node --driver " + spec.Discipline.Driver + " --db URL, and contend balance before them",
				err:  fmt.Errorf("--driver %s: up starts nodes on a SQLite file, and no database server", spec.Discipline.Driver),
			}
		}
		if err := checkDriver(spec.Discipline.Driver); err != nil {
			return err
		}
		if spec.Nodes < 1 || spec.Nodes > 64 {
			return usagef("--nodes %d: want 1 to 64", spec.Nodes)
		}
		// Opened only to see that it can be, before four nodes have started for nothing.
		ln, err := at.listen()
		if err != nil {
			return err
		}
		ln.Close()
		spec.Listen, spec.AllowRemote, spec.AllowHosts = at.addr, at.allowRemote, at.allowHosts
		if spec.Dir, err = archive.Create(dir, "up", time.Now()); err != nil {
			return cannotKeep(err)
		}
		return up(cmd.Context(), s, spec)
	})
	return cmd
}

func up(ctx context.Context, s streams, spec cluster.Spec) error {
	fmt.Fprintf(s.err, "starting %d nodes\n", spec.Nodes)
	starting, cancel := context.WithTimeoutCause(ctx, upPatience, fmt.Errorf("not healthy within %s", upPatience))
	defer cancel()
	c, err := local.Start(starting, spec)
	if err != nil {
		return interruptedBy(ctx, err)
	}
	printSystem(s.out, c, spec)
	var lost error
	none := undelivered(s.out) // then nobody knows the nodes' addresses
	if none == nil {
		none = c.Watch(ctx, func(err error) {
			lost = errors.Join(lost, err)
			fmt.Fprintf(s.err, "%v; the others go on\n", err)
		})
	}
	fmt.Fprintln(s.err, "stopping")
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), downPatience)
	defer cancel()
	return errors.Join(lost, none, c.Stop(stopping))
}

// printSystem prints what runs where, and commands to try it with.
func printSystem(w io.Writer, c *local.Cluster, spec cluster.Spec) {
	d := spec.Discipline
	fmt.Fprintf(w, "balancer  %s\n", c.URL())
	for _, node := range c.Nodes() {
		fmt.Fprintf(w, "%-8s  %s  log %s\n", node.Name, node.URL, node.Log)
	}
	fmt.Fprintf(w, "database  %s  (%s, synchronous %s, busy_timeout %d ms, transaction %s, think %d ms, %d retries)\n\n",
		filepath.Join(spec.Dir, cluster.Database), d.Journal, d.Synchronous, d.BusyTimeout, d.Transaction, d.Think, d.Retries)
	fmt.Fprintf(w, `curl -s -d '{"key":"counter"}' %[1]s/api/increment
curl -s -d '{"key":"counter"}' %[1]s/app-1/api/increment
curl -s '%[1]s/api/counter?key=counter'
curl -s '%[1]s/app-1/metrics'
`, c.URL())
	if spec.Lab {
		fmt.Fprintf(w, "curl -s -d '{\"ms\":5000}' %s/app-1/lab/hold\n", c.URL())
	}
	fmt.Fprintf(w, "\nCtrl-C stops it.\n")
}
