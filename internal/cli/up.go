package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"example.com/contend/internal/archive"
	"example.com/contend/internal/balance"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/cluster/local"
	"example.com/contend/internal/nodeclient"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
	"example.com/contend/internal/units"
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
On a terminal it shows a line a second: requests, how many were refused, the p99 of the
last second and, while no request comes, how many acknowledged increments the database
has lost. /status of the balancer shows the same in a browser. The last line counts all.

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
	_ = cmd.RegisterFlagCompletionFunc("driver", listOf(sqlite.Drivers()...))
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
	shown := &upLine{cluster: c, w: s.err, terminal: isTerminal(s.err)}
	none := undelivered(s.out) // then nobody knows the nodes' addresses
	if none == nil {
		watching, end := context.WithCancel(ctx)
		var drawing sync.WaitGroup
		drawing.Go(func() { shown.follow(watching) })
		none = c.Watch(ctx, func(err error) {
			lost = errors.Join(lost, err)
			shown.say(fmt.Sprintf("%v; the others go on", err))
		})
		end()
		drawing.Wait()
	}
	shown.say("stopping")
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), downPatience)
	defer cancel()
	shown.look(stopping)
	stopped := c.Stop(stopping)
	if shown.status.Requests > 0 {
		shown.count(stopping)
		shown.say("in all " + shown.words(false))
	}
	return errors.Join(lost, none, stopped)
}

// An upLine says what clients have asked of a cluster that is up: on a terminal as one line that it redraws
// each second, and elsewhere only at the end.
type upLine struct {
	cluster  *local.Cluster
	w        io.Writer
	terminal bool

	mu      sync.Mutex // guards what is drawn
	status  balance.Status
	lost    int64 // acknowledged increments that are not in the database, at least
	known   bool  // lost is of this status
	visible bool  // the line is on the terminal
}

// follow draws the line each second until ctx is done.
func (u *upLine) follow(ctx context.Context) {
	if !u.terminal {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		before := u.status.Requests
		if !u.look(ctx) {
			continue
		}
		if u.status.Requests != before {
			u.known = false
		} else if before > 0 && !u.known { // nobody is disturbed by a reader now
			u.count(ctx)
		}
		u.mu.Lock()
		fmt.Fprint(raw(u.w), "\r\x1b[K"+u.words(true))
		u.visible = true
		u.mu.Unlock()
	}
}

// say prints a line of its own.
func (u *upLine) say(line string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.visible {
		fmt.Fprint(raw(u.w), "\r\x1b[K")
		u.visible = false
	}
	fmt.Fprintln(u.w, line)
}

// look asks the balancer what it has counted. It reports whether it answered.
func (u *upLine) look(ctx context.Context) bool {
	answer, err := nodeclient.Get(ctx, u.cluster.URL()+balance.PathStatus+"?format=json", time.Second)
	var s balance.Status
	if err != nil || json.Unmarshal(answer.Body, &s) != nil {
		return false
	}
	u.status = s
	return true
}

// mostToCount is how many requests at most are held against the database: to read more would take too long.
const mostToCount = 200_000

// count compares the acknowledged increments with the counters in the database. Those that clients sent to a
// node itself are in the counters too, so that fewer may seem lost than are.
func (u *upLine) count(ctx context.Context) {
	if u.status.Requests > mostToCount {
		return
	}
	facts, err := u.cluster.Inspect(ctx)
	if err != nil {
		return // a lock is held, or the file is no database any more: it is not known
	}
	var counted int64
	for _, n := range facts.Counters {
		counted += n
	}
	u.lost, u.known = max(u.status.Increments-counted, 0), true
}

// words are what is known: "1,204 requests, 310/s, 0 refused, 0 other, p99 4.1 ms, 0 lost".
func (u *upLine) words(live bool) string {
	s := &u.status
	said := []string{units.Plural(s.Requests, "request")}
	if live {
		said = append(said, units.Count(s.PerSecond)+"/s")
	}
	said = append(said, units.Count(s.Refused)+" refused", units.Count(s.Other)+" otherwise not ok")
	if live && s.PerSecond > 0 {
		said = append(said, "p99 "+units.Milliseconds(s.P99))
	}
	if s.Increments > 0 && u.known {
		said = append(said, fmt.Sprintf("%s of %s acknowledged increments lost", units.Count(u.lost), units.Count(s.Increments)))
	}
	return strings.Join(said, ", ")
}

// printSystem prints what runs where, and commands to try it with.
func printSystem(w io.Writer, c *local.Cluster, spec cluster.Spec) {
	d := spec.Discipline
	fmt.Fprintf(w, "balancer  %s\n", c.URL())
	for _, node := range c.Nodes() {
		fmt.Fprintf(w, "%-8s  %s  log %s\n", node.Name, node.URL, node.Log)
	}
	fmt.Fprintf(w, "status    %s%s\n", c.URL(), balance.PathStatus)
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
