package local

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/testbin"
	"example.com/contend/internal/testproc"
)

var binary string

// parentOf, when set, makes the test binary start a cluster in that directory,
// print its children's ids and wait to be killed.
const parentOf = "CONTEND_TEST_CLUSTER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentOf); dir != "" {
		beParent(dir)
		return
	}
	os.Exit(testbin.Main(&binary, m.Run))
}

func start(t *testing.T, s cluster.Spec) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := c.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return c
}

// Nodes with files of their own write to these alone, and together they hold what all have counted.
func TestOwnFiles(t *testing.T) {
	spec := testbin.Spec(t, binary)
	spec.Mount = run.MountOwnFile
	c := start(t, spec)
	for i, node := range c.Nodes() {
		for range i + 1 {
			if status, _ := testbin.Increment(t, node.URL); status != http.StatusOK {
				t.Fatalf("%s: status %d", node.Name, status)
			}
		}
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	sum := func(f store.Facts) (n int64) {
		for _, v := range f.Counters {
			n += v
		}
		return n
	}
	facts, err := c.Inspect(t.Context())
	if err != nil || sum(facts) != 6 || facts.Integrity != "ok" {
		t.Errorf("together: %+v, %v; want 6 increments", facts, err)
	}
	views, err := c.Views(t.Context())
	if err != nil || len(views) != 3 || sum(views[0]) != 1 || sum(views[2]) != 3 {
		t.Errorf("each: %+v, %v; want 1, 2 and 3 increments", views, err)
	}
	if _, err := Start(t.Context(), spec); err == nil {
		t.Error("a second cluster is started on the files of the first")
	}
}

func TestNodesShareOneDatabaseBehindTheBalancer(t *testing.T) {
	c := start(t, testbin.Spec(t, binary))
	for i, node := range c.Nodes() {
		if status, container := testbin.Increment(t, c.URL()+"/"+node.Name); status != http.StatusOK || container != node.Name {
			t.Errorf("%s through the balancer: status %d from %q", node.Name, status, container)
		}
		if status, _ := testbin.Increment(t, node.URL); status != http.StatusOK {
			t.Errorf("node %d itself: status %d", i, status)
		}
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, p := range c.all() {
		if testproc.Alive(p.PID()) {
			t.Errorf("%s is still there after Stop", p.Name)
		}
	}
	facts, err := c.Inspect(t.Context())
	if err != nil || facts.Counters["k"] != 6 || facts.Integrity != "ok" {
		t.Errorf("Inspect = %+v, %v; want counter 6 and integrity ok", facts, err)
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Errorf("second Stop: %v", err)
	}
}

func TestKillAndRestart(t *testing.T) {
	c := start(t, testbin.Spec(t, binary))
	if err := c.Kill(t.Context(), "app-2"); err != nil {
		t.Fatal(err)
	}
	if status, _ := testbin.Increment(t, c.URL()+"/app-2"); status != http.StatusServiceUnavailable {
		t.Errorf("a killed node answers %d through the balancer, want 503", status)
	}
	for range 6 {
		if status, container := testbin.Increment(t, c.URL()); status != http.StatusOK || container == "app-2" {
			t.Errorf("with app-2 gone: status %d from %q", status, container)
		}
	}
	if err := c.Kill(t.Context(), "app-2"); err == nil {
		t.Error("killed twice without an error")
	}
	if err := c.Restart(t.Context(), "app-2"); err != nil {
		t.Fatal(err)
	}
	if status, _ := testbin.Increment(t, c.Nodes()[1].URL); status != http.StatusOK {
		t.Errorf("the restarted node answers %d", status)
	}
	if err := c.Restart(t.Context(), "app-2"); err == nil {
		t.Error("restarted a running node without an error")
	}
}

// A node that does not end in time is killed, and its log says what it was doing.
func TestANodeThatDoesNotEndSaysWhatItWaitsFor(t *testing.T) {
	s := testbin.Spec(t, binary)
	s.Nodes, s.Lab, s.Discipline.BusyTimeout = 2, true, 60_000
	c := start(t, s)
	hold, err := http.Post(c.Nodes()[1].URL+nodeapi.PathHold, "application/json", strings.NewReader(`{"ms":60000}`))
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Body.Close()
	answered := make(chan error, 1)
	go func() {
		resp, err := http.Post(c.Nodes()[0].URL+nodeapi.PathIncrement, "application/json", strings.NewReader(`{"key":"k"}`))
		if err == nil {
			resp.Body.Close()
		}
		answered <- err
	}()
	for !strings.Contains(page(t, c.Nodes()[0].URL+"/metrics?format=prometheus"), "contend_in_flight_requests 2\n") {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.Stop(ctx); err == nil || !strings.Contains(err.Error(), "stop app-1: killed, it had not ended") || !strings.Contains(err.Error(), c.Nodes()[0].Log) {
		t.Errorf("error is %v, want one that names the node and its log", err)
	}
	if err := <-answered; err == nil {
		t.Error("the request was answered")
	}
	log, err := os.ReadFile(c.Nodes()[0].Log)
	if err != nil || !strings.Contains(string(log), "(*Node).try(") {
		t.Errorf("the log does not say that a request was tried: %v\n%s", err, log)
	}
}

func TestWatchTellsOfEachNodeThatEnds(t *testing.T) {
	c := start(t, testbin.Spec(t, binary))
	ended := make(chan error)
	left := make(chan error)
	go func() { left <- c.Watch(t.Context(), func(err error) { ended <- err }) }()
	for _, i := range []int{2, 0, 1} {
		if err := syscall.Kill(c.nodes[i].PID(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		want := c.nodes[i].Name + " ended: signal: killed"
		if err := <-ended; !strings.HasPrefix(err.Error(), want) {
			t.Errorf("told %q, want %q", err, want)
		}
	}
	if err := <-left; err == nil {
		t.Error("no error when no node is left")
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	c := start(t, testbin.Spec(t, binary))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Watch(ctx, func(err error) { t.Error(err) }); err != nil {
		t.Error(err)
	}
}

func TestStartLeavesNothingWhenItFails(t *testing.T) {
	s := testbin.Spec(t, binary)
	s.Discipline.Pool = 100_000 // refused by the node
	_, err := Start(t.Context(), s)
	if err == nil || !strings.Contains(err.Error(), "app-1") || !strings.Contains(err.Error(), "pool") {
		t.Errorf("error = %v, want one that names the node and the setting", err)
	}

	s = testbin.Spec(t, binary)
	s.Listen = "192.0.2.1:1" // TEST-NET-1: never an address of this machine
	if _, err = Start(t.Context(), s); err == nil || !strings.Contains(err.Error(), "balancer") {
		t.Errorf("error = %v, want one that names the balancer", err)
	}
	if left := testproc.Children(t); len(left) > 0 {
		t.Errorf("processes %v are still there", left)
	}
}

func TestStartGivesUpWithItsContext(t *testing.T) {
	cause := errors.New("changed my mind")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := Start(ctx, testbin.Spec(t, binary)); !errors.Is(err, cause) {
		t.Errorf("error = %v, want the cause", err)
	}
	if left := testproc.Children(t); len(left) > 0 {
		t.Errorf("processes %v are still there", left)
	}
}

func TestADatabasePathIsNotUsedTwice(t *testing.T) {
	s := testbin.Spec(t, binary)
	if err := os.WriteFile(filepath.Join(s.Dir, cluster.Database+"-wal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), s); err == nil || !strings.Contains(err.Error(), "not fresh") {
		t.Errorf("error = %v, want one that says the directory is not fresh", err)
	}
}

// beParent is the process that TestNodesDieWithTheirParent kills.
func beParent(dir string) {
	d := store.Green()
	d.Pool = 2
	c, err := Start(context.Background(), cluster.Spec{Nodes: 2, Discipline: d, Dir: dir, Binary: os.Getenv("CONTEND_TEST_BINARY")})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for _, p := range c.all() {
		fmt.Println(p.PID())
	}
	fmt.Println("ready")
	if os.Getenv("CONTEND_TEST_PANIC") != "" {
		panic("on purpose")
	}
	time.Sleep(time.Minute)
}

func TestNodesDieWithTheirParent(t *testing.T) {
	for _, how := range []string{"kill -9", "panic"} {
		t.Run(how, func(t *testing.T) {
			parent := exec.Command(os.Args[0])
			parent.Env = append(os.Environ(), parentOf+"="+t.TempDir(), "CONTEND_TEST_BINARY="+binary)
			if how == "panic" {
				parent.Env = append(parent.Env, "CONTEND_TEST_PANIC=1")
			}
			out, err := parent.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := parent.Start(); err != nil {
				t.Fatal(err)
			}
			var pids []int
			lines := bufio.NewScanner(out)
			for lines.Scan() && lines.Text() != "ready" {
				pid, err := strconv.Atoi(lines.Text())
				if err != nil {
					t.Fatalf("parent: %s", lines.Text())
				}
				pids = append(pids, pid)
			}
			if how == "kill -9" {
				_ = parent.Process.Kill()
			}
			_ = parent.Wait()
			if len(pids) != 3 {
				t.Fatalf("%d children, want 3", len(pids))
			}
			for _, pid := range pids {
				testproc.AwaitEnd(t, pid)
			}
		})
	}
}

// By names of their own nodes have one file and its locks, and each a WAL that no other finds.
func TestLinkedNodesHaveWALsOfTheirOwn(t *testing.T) {
	for _, journal := range []store.Journal{store.WAL, store.Delete} {
		spec := testbin.Spec(t, binary)
		spec.Mount, spec.Discipline.Journal = run.MountLinked, journal
		c := start(t, spec)
		for _, node := range c.Nodes() {
			if status, _ := testbin.Increment(t, node.URL); status != http.StatusOK {
				t.Errorf("%s, %s: status %d", journal, node.Name, status)
			}
		}
		if err := c.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := int64(1)
		if journal == store.Delete {
			want = int64(spec.Nodes)
		}
		facts, err := c.Inspect(t.Context())
		if err != nil || facts.Counters["k"] != want {
			t.Errorf("%s: the file has %v, %v; want %d", journal, facts.Counters, err, want)
		}
		views, err := c.Views(t.Context())
		if err != nil || len(views) != spec.Nodes {
			t.Fatalf("%s: %d views, %v", journal, len(views), err)
		}
		for i, view := range views {
			if view.Counters["k"] != want {
				t.Errorf("%s: %s finds %v, want %d", journal, cluster.NodeName(i), view.Counters, want)
			}
		}
	}
}
