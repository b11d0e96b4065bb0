//go:build bench

package bench

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/app"
	"example.com/contend/internal/load"
	"example.com/contend/internal/node"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
	"example.com/contend/internal/testproc"
	"example.com/contend/internal/workload"
)

const (
	queueSeconds = 2
	queuePairs   = 5

	minOfIdle   = 0.6 // of what the node answers where it asks no database
	minOfDriver = 0.5 // of a loop on the driver that nobody asks over HTTP
	maxResident = 100 // MiB
	minOfP99    = 10  // how many times lower the queue's p99 is where there is a crowd
)

// queueDiscipline is what the queue is compared under: WAL, durable commits,
// and five seconds of patience.
func queueDiscipline(writer store.Writer) store.Discipline {
	return store.Discipline{
		Driver: store.Modernc, Journal: store.WAL, Synchronous: store.Full, BusyTimeout: 5000, Busy: store.Stock,
		Transaction: store.Immediate, Writer: writer, Pool: store.DefaultPool,
	}
}

// TestQueue holds a node with a queue against the same node whose requests
// write for themselves, and against one that asks no database at all: the limit
// that HTTP sets. The three take turns.
func TestQueue(t *testing.T) {
	queue, _ := startQueueNode(t, store.Queue, filepath.Join(t.TempDir(), "queue.db"))
	direct, _ := startQueueNode(t, store.Direct, filepath.Join(t.TempDir(), "direct.db"))
	idle := "http://" + testproc.Start(t, "idle node").Addr
	for _, tt := range []struct {
		clients int
		atLeast float64 // of direct
		crowd   bool
	}{{1, 0.9, false}, {8, 2, false}, {64, 5, true}, {256, 5, true}} {
		t.Run(fmt.Sprint(tt.clients), func(t *testing.T) {
			arms := takeTurns(t, tt.clients, queue, direct, idle)
			ofDirect := compareQueue(t, tt.clients, "queue, direct", arms[0], arms[1])
			ofIdle := compareQueue(t, tt.clients, "queue, no database", arms[0], arms[2])
			if ofDirect < tt.atLeast {
				t.Errorf("%d clients: the queue does %.2f times as much as direct writers, want at least %g", tt.clients, ofDirect, tt.atLeast)
			}
			if !tt.crowd {
				return
			}
			if ofIdle < minOfIdle {
				t.Errorf("%d clients: the queue does %.2f of what the node does without a database, want at least %g", tt.clients, ofIdle, minOfIdle)
			}
			if better := medianP99(arms[1]) / medianP99(arms[0]); better < minOfP99 {
				t.Errorf("%d clients: p99 is %.1f times lower than with direct writers, want at least %d times", tt.clients, better, minOfP99)
			}
		})
	}
}

// TestQueueOfFourNodes is the same for four nodes on one file, behind the
// balancer. The queues stand one rung above the fair busy policy and have it too:
// while one of four writers sleeps for 100 ms, a quarter of the clients does.
func TestQueueOfFourNodes(t *testing.T) {
	const clients, atLeast = 64, 4
	arms := takeTurns(t, clients, startQueueCluster(t, store.Queue), startQueueCluster(t, store.Direct))
	if ratio := compareQueue(t, clients, "4 nodes: queue, direct", arms[0], arms[1]); ratio < atLeast {
		t.Errorf("four nodes with queues do %.2f times as much as direct writers, want at least %d", ratio, atLeast)
	}
}

// TestDirectNode holds one client of a node against the node's statements in a
// loop on the driver: what the node, its store and HTTP cost together.
func TestDirectNode(t *testing.T) {
	url, _ := startQueueNode(t, store.Direct, filepath.Join(t.TempDir(), "node.db"))
	loop := bareLoop(t)
	var node, bare, ratios []float64
	for range queuePairs {
		a, b := runQueueLoad(t, url, 1).rate(), loop()
		node, bare, ratios = append(node, a), append(bare, b), append(ratios, a/b)
	}
	ratio := median(ratios)
	t.Logf("1 client: node %.0f, loop on the driver %.0f increments/s; median ratio of %d pairs %.2f (at least %.1f)",
		median(node), median(bare), queuePairs, ratio, minOfDriver)
	if ratio < minOfDriver {
		t.Errorf("a node does %.2f of a loop on the driver, want at least %g", ratio, minOfDriver)
	}
}

// TestQueueMemory looks at the most that a node with 500 clients ever had in
// memory (VmHWM, proc_pid_status(5)).
func TestQueueMemory(t *testing.T) {
	const clients = 500
	for _, writer := range []store.Writer{store.Queue, store.Direct} {
		url, pid := startQueueNode(t, writer, filepath.Join(t.TempDir(), "node.db"))
		f := runQueueLoad(t, url, clients)
		most := residentMiB(t, pid)
		t.Logf("%d clients, writer %s: %.0f MiB resident at most (at most %d), %.0f increments/s", clients, writer, most, maxResident, f.rate())
		if most > maxResident {
			t.Errorf("writer %s: %.0f MiB resident, want at most %d", writer, most, maxResident)
		}
	}
}

// queueFigures is what one run of a load did, in its own process's words.
type queueFigures struct {
	OK, Total int
	Seconds   float64
	P50, P99  float64 // ms
}

func (f queueFigures) rate() float64 { return float64(f.OK) / f.Seconds }

// takeTurns runs the load on every url in turn and returns the runs of each.
func takeTurns(t *testing.T, clients int, urls ...string) [][]queueFigures {
	t.Helper()
	arms := make([][]queueFigures, len(urls))
	for range queuePairs {
		for i, url := range urls {
			arms[i] = append(arms[i], runQueueLoad(t, url, clients))
		}
	}
	return arms
}

// compareQueue logs two arms and returns the median of the pairs' ratios.
func compareQueue(t *testing.T, clients int, names string, a, b []queueFigures) float64 {
	t.Helper()
	var as, bs, ratios []float64
	for i := range a {
		as, bs, ratios = append(as, a[i].rate()), append(bs, b[i].rate()), append(ratios, a[i].rate()/b[i].rate())
	}
	t.Logf("%3d clients: %s: %.0f, %.0f increments/s, p99 %.1f, %.1f ms; median ratio of %d pairs %.2f",
		clients, names, median(as), median(bs), medianP99(a), medianP99(b), len(a), median(ratios))
	return median(ratios)
}

func medianP99(all []queueFigures) float64 {
	var p99 []float64
	for _, f := range all {
		p99 = append(p99, f.P99)
	}
	return median(p99)
}

func startQueueNode(t *testing.T, writer store.Writer, path string) (url string, pid int) {
	t.Helper()
	return startNodeUnder(t, path, queueDiscipline(writer))
}

func startNodeUnder(t *testing.T, path string, d store.Discipline) (url string, pid int) {
	t.Helper()
	settings, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	p := testproc.Start(t, "queue node", path, string(settings))
	return "http://" + p.Addr, p.PID()
}

func startQueueCluster(t *testing.T, writer store.Writer) (url string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shared.db")
	d := queueDiscipline(writer)
	if writer == store.Queue {
		d.Busy = store.Random
	}
	var addrs []string
	for range balanceNodes {
		url, _ := startNodeUnder(t, path, d)
		addrs = append(addrs, strings.TrimPrefix(url, "http://"))
	}
	return startBalancer(t, addrs)
}

// serveQueueNode is a node on the file and under the discipline given.
func serveQueueNode(args []string) error {
	var d store.Discipline
	if err := json.Unmarshal([]byte(args[1]), &d); err != nil {
		return err
	}
	return serveNodeOn(sqlite.At(args[0]), node.Config{Name: "app-1", DBPath: args[0], Discipline: d})
}

// serveIdleNode is the same node on a database that answers at once.
func serveIdleNode([]string) error {
	source := func(store.Discipline, *store.Program, time.Duration) (store.Database, error) {
		return idleDatabase{}, nil
	}
	return serveNodeOn(source, node.Config{Name: "app-1", Discipline: queueDiscipline(store.Direct)})
}

func serveNodeOn(source store.Source, cfg node.Config) error {
	ctx := context.Background()
	node.TuneMemory()
	cfg.Metrics = node.NewMetrics()
	db, err := app.Open(ctx, source, cfg.Discipline, app.Options{LockWait: cfg.Metrics.LockWait})
	if err != nil {
		return err
	}
	ln, err := testproc.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	return node.New(cfg, db).Serve(ctx, ln)
}

// An idleDatabase knows of one counter, and does not even keep that.
type idleDatabase struct{ store.Database }

func (idleDatabase) Dial(context.Context, store.Use) (store.Conn, error) { return new(idleConn), nil }
func (idleDatabase) Pool() int                                           { return store.DefaultPool }
func (idleDatabase) Absent(error) error                                  { return nil }

type idleConn struct{ store.Conn }

var idleRow = []any{int64(123456)}

func (*idleConn) Begin(store.Transaction) error { return nil }
func (*idleConn) Do(store.Control) error        { return nil }
func (*idleConn) Idle() bool                    { return true }
func (*idleConn) Alive() bool                   { return true }
func (*idleConn) Run(_ int, _ []any, row func([]any) error) error {
	if row == nil {
		return nil
	}
	return row(idleRow)
}

// runQueueLoad runs a closed loop of increments of one counter on url, from a
// process of its own.
func runQueueLoad(t *testing.T, url string, clients int) (f queueFigures) {
	t.Helper()
	cmd := testproc.Command("queue load", url, strconv.Itoa(clients))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run load: %v", err)
	}
	if err := json.Unmarshal(out, &f); err != nil || f.OK == 0 {
		t.Fatalf("the load said %q: %v", out, err)
	}
	if f.OK < f.Total {
		t.Logf("%d clients on %s: %d of %d requests were not answered 200", clients, url, f.Total-f.OK, f.Total)
	}
	return f
}

// driveQueueLoad is that process.
func driveQueueLoad(args []string) error {
	newClient, err := load.HTTP(args[0])
	if err != nil {
		return err
	}
	clients, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	spec := run.Load{Arrival: run.Closed, Clients: clients, Duration: queueSeconds * time.Second}
	res, err := load.Run(context.Background(), spec, load.Options{NewClient: newClient, Workload: workload.Increment{Key: "counter"}})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(summarize(res.Ops))
}

// summarize counts what was answered and looks at how long that took. What was
// sent last may be answered long after the load's time: all of it counts.
func summarize(ops []history.Op) queueFigures {
	var last time.Duration
	var took []time.Duration
	for i := range ops {
		last = max(last, ops[i].Returned)
		if ops[i].Outcome == history.OK {
			took = append(took, ops[i].Latency())
		}
	}
	f := queueFigures{OK: len(took), Total: len(ops), Seconds: last.Seconds()}
	if len(took) > 0 {
		slices.Sort(took)
		f.P50, f.P99 = inMilliseconds(took[len(took)/2]), inMilliseconds(took[len(took)*99/100])
	}
	return f
}

func inMilliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// bareLoop opens a database of its own and returns a function that increments
// a counter in it as fast as the driver does, and says how many a second that was.
func bareLoop(t *testing.T) func() float64 {
	t.Helper()
	ctx := t.Context()
	pool, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "bare.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	c, err := pool.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL",
		"CREATE TABLE counters (key TEXT PRIMARY KEY, value INTEGER DEFAULT 0)"} {
		_, err := c.ExecContext(ctx, text)
		must(err)
	}
	var stmts []*sql.Stmt
	for _, text := range []string{"BEGIN IMMEDIATE", "SELECT coalesce(max(value), 0) FROM counters WHERE key = ?",
		"INSERT OR REPLACE INTO counters (key, value) VALUES (?, ?)", "COMMIT"} {
		stmt, err := c.PrepareContext(ctx, text)
		must(err)
		stmts = append(stmts, stmt)
	}
	return func() float64 {
		n, start := 0, time.Now()
		for time.Since(start) < queueSeconds*time.Second {
			_, err := stmts[0].Exec()
			must(err)
			var value int64
			must(stmts[1].QueryRow("counter").Scan(&value))
			_, err = stmts[2].Exec("counter", value+1)
			must(err)
			_, err = stmts[3].Exec()
			must(err)
			n++
		}
		return float64(n) / time.Since(start).Seconds()
	}
}

// residentMiB returns the most memory that a process ever had resident.
func residentMiB(t *testing.T, pid int) float64 {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kib float64
		if n, _ := fmt.Sscanf(lines.Text(), "VmHWM: %f kB", &kib); n == 1 {
			return kib / 1024
		}
	}
	t.Fatalf("process %d has no VmHWM", pid)
	return 0
}
