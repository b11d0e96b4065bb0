package node

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"example.com/contend/internal/app"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
	"example.com/contend/internal/testproc"
)

// childEnv turns this test binary into a node of its own process; its value is
// the discipline.
const childEnv = "CONTEND_NODE_TEST_CHILD"

// diskEnv has a child with mounts of its own put its database on a disk of so many bytes.
const diskEnv = "CONTEND_NODE_TEST_DISK"

func TestMain(m *testing.M) {
	if settings := os.Getenv(childEnv); settings != "" {
		if err := child(settings, os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// child is a node until SIGTERM. It says its address first.
func child(settings, name, path string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var d store.Discipline
	if err := json.Unmarshal([]byte(settings), &d); err != nil {
		return err
	}
	if size, err := strconv.ParseInt(os.Getenv(diskEnv), 10, 64); err == nil {
		if err := testproc.MountDisk(filepath.Dir(path), size); err != nil {
			return err
		}
	}
	db, err := app.Open(ctx, sqlite.At(path), d, app.Options{})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	cfg := Config{
		Name: name, DBPath: path, Discipline: d, Lab: true, Open: opener(app.Options{}),
		Log: slog.New(slog.NewJSONHandler(os.Stderr, nil)),
	}
	return New(cfg, db).Serve(ctx, ln)
}

// opener opens databases for the lab.
func opener(o app.Options) func(context.Context, string, store.Discipline) (*app.DB, error) {
	return func(ctx context.Context, path string, d store.Discipline) (*app.DB, error) {
		return app.Open(ctx, sqlite.At(path), d, o)
	}
}

// A process is a child.
type process struct {
	cmd *exec.Cmd
	url string
	log *bytes.Buffer // read it after wait
}

func startProcess(t *testing.T, name, path string, d store.Discipline, change ...func(*exec.Cmd)) *process {
	t.Helper()
	settings, err := json.Marshal(d)
	must(t, err)
	p := &process{cmd: exec.Command(os.Args[0], name, path), log: new(bytes.Buffer)}
	p.cmd.Env = append(os.Environ(), childEnv+"="+string(settings), "GORACE=atexit_sleep_ms=0")
	p.cmd.Stderr = p.log
	for _, change := range change {
		change(p.cmd)
	}
	stdout, err := p.cmd.StdoutPipe()
	must(t, err)
	must(t, p.cmd.Start())
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
	})
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = p.cmd.Wait()
		t.Fatalf("node %s did not start: %v\n%s", name, err, p.log)
	}
	p.url = "http://" + strings.TrimSpace(addr)
	return p
}

// A server is a node inside the test's process.
type server struct {
	t    *testing.T
	url  string
	addr string
	path string
	db   *app.DB
	log  *syncBuffer
	stop func() error // ends the node as SIGTERM would, once
}

func serve(t *testing.T, d store.Discipline, change func(*Node)) *server {
	t.Helper()
	return serveFrom(t, func(source store.Source) store.Source { return source }, d, change)
}

// serveFrom is serve on what wrap makes of the database.
func serveFrom(t *testing.T, wrap func(store.Source) store.Source, d store.Discipline, change func(*Node)) *server {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shared.db")
	metrics := NewMetrics()
	db, err := app.Open(t.Context(), wrap(sqlite.At(path)), d, app.Options{LockWait: metrics.LockWait})
	must(t, err)
	s := &server{t: t, path: path, db: db, log: new(syncBuffer)}
	n := New(Config{
		Name: "app-1", DBPath: path, SQLite: sqlite.Version(), Discipline: d, MaxInFlight: 4, Lab: true,
		Log: slog.New(slog.NewJSONHandler(s.log, nil)), Metrics: metrics,
		Open: opener(app.Options{LockWait: metrics.LockWait}),
	}, db)
	if change != nil {
		change(n)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s.addr = ln.Addr().String()
	s.url = "http://" + s.addr
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Serve(ctx, ln) }()
	s.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { must(t, s.stop()) })
	return s
}

func quick(change func(*store.Discipline)) store.Discipline {
	d := store.Discipline{
		Driver: "modernc", Busy: store.Stock, Journal: store.WAL, Synchronous: store.Off, BusyTimeout: 2000,
		Transaction: store.Immediate, Writer: store.Direct, Pool: 4,
	}
	if change != nil {
		change(&d)
	}
	return d
}

// A reply is an HTTP answer with its body read.
type reply struct {
	status int
	header http.Header
	body   string
}

// client keeps no connection, so that no goroutine outlives a test.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func send(t *testing.T, method, url, body string, header ...string) reply {
	t.Helper()
	r, err := try(method, url, body, header...)
	must(t, err)
	return r
}

func try(method, url, body string, header ...string) (reply, error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(text)}, err
}

func (r reply) failure(t *testing.T) (e nodeapi.Error) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), &e); err != nil {
		t.Fatalf("answer %d is %q: %v", r.status, r.body, err)
	}
	return e
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A syncBuffer is a log that can be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
