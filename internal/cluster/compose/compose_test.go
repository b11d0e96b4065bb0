package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/docker"
	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/nodeclient"
	"example.com/contend/internal/owner"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
	"example.com/contend/internal/testbin"
)

var binary string

func TestMain(m *testing.M) {
	os.Exit(testbin.Main(&binary, func() int { return cmp.Or(m.Run(), removeImage()) }))
}

// The image of this test's contend, built once.
var testImage struct {
	once sync.Once
	tag  string
	err  error
}

// containers returns what clusters of containers are made of here, or skips the test.
func containers(t *testing.T) Containers {
	t.Helper()
	d := testbin.Docker(t)
	testImage.once.Do(func() {
		testImage.tag, testImage.err = d.Image(t.Context(), binary, owner.Self())
	})
	if testImage.err != nil {
		t.Fatal(testImage.err)
	}
	return Containers{Docker: d, Images: map[string]string{"": testImage.tag}}
}

// removeImage removes it when all tests are over, and returns an exit code.
func removeImage() int {
	if testImage.tag == "" {
		return 0
	}
	if err := new(docker.Docker).RemoveImage(context.Background(), testImage.tag); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// startContainers starts a cluster that is stopped after the test, and checks
// that nothing of it is left then.
func startContainers(t *testing.T, s cluster.Spec) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), s, containers(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Stop(ctx); err != nil {
			t.Error(err)
		}
		wantNothing(t, c.project.Name)
	})
	return c
}

// wantNothing checks that no container, volume or network has a name that
// begins with the project's. It asks docker another way than Remove does.
func wantNothing(t *testing.T, project string) {
	t.Helper()
	if left := named(t, project); len(left) > 0 {
		t.Errorf("%q are still there", left)
	}
}

func named(t *testing.T, project string) (names []string) {
	t.Helper()
	for _, list := range []string{"ps --all --format {{.Names}}", "volume ls --format {{.Name}}", "network ls --format {{.Name}}"} {
		out, err := exec.Command("docker", strings.Fields(list)...).Output()
		if err != nil {
			t.Fatalf("docker %s: %v", list, err)
		}
		for _, name := range strings.Fields(string(out)) {
			if strings.HasPrefix(name, project) {
				names = append(names, name)
			}
		}
	}
	return names
}

// ours is what the names of all projects of this test begin with.
func ours() string { return fmt.Sprintf("contend-%d-", os.Getpid()) }

func TestContainersShareOneDatabaseBehindNginx(t *testing.T) {
	s := testbin.Spec(t, binary)
	s.Trace = true
	c := startContainers(t, s)
	for _, node := range c.Nodes() {
		if status, container := testbin.Increment(t, node.URL); status != http.StatusOK || container != node.Name {
			t.Errorf("%s: status %d from %q", node.Name, status, container)
		}
		if node.Engine != sqlite.Version() {
			t.Errorf("%s runs on SQLite %q, want %s", node.Name, node.Engine, sqlite.Version())
		}
	}
	seen := map[string]bool{}
	for range 6 {
		_, container := testbin.Increment(t, c.URL())
		seen[container] = true
	}
	if len(seen) != 3 {
		t.Errorf("without a name, %v answered; want all three in turn", seen)
	}
	if len(named(t, c.project.Name)) == 0 {
		t.Error("nothing has the project's name, so nothing could be seen to be left")
	}
	wantOwned(t, c, map[string]int{"container": 4, "volume": 1, "network": 1})
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantNothing(t, c.project.Name)
	facts, err := c.Inspect(t.Context())
	if err != nil || facts.Counters["k"] != 9 || facts.Integrity != "ok" {
		t.Errorf("Inspect = %+v, %v; want counter 9 and integrity ok", facts, err)
	}
	for _, node := range c.Nodes() {
		f, err := os.Open(node.Trace)
		if err != nil {
			t.Fatal(err)
		}
		attempts, err := locktrace.Read(f)
		f.Close()
		if err != nil || len(attempts) == 0 || attempts[0].Node != node.Name {
			t.Errorf("%s traced %+v, %v", node.Name, attempts, err)
		}
	}
	wantFiles(t, s.Dir, "app-1.log", "app-3.log", "app-3.trace.jsonl", "compose.yaml", "nginx.conf", "nginx.log", "shared.db")
	if err := c.Stop(t.Context()); err != nil {
		t.Errorf("second Stop: %v", err)
	}
}

// wantOwned checks that so much of each kind in the cluster's project says that we made it.
func wantOwned(t *testing.T, c *Cluster, want map[string]int) {
	t.Helper()
	self := owner.Self()
	all, err := c.docker.Owned(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, o := range all {
		if o.Owner == self && strings.HasPrefix(o.Name, c.project.Name) {
			got[o.Kind]++
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("%v of the project are ours, want %v", got, want)
	}
}

// wantFiles checks that dir holds these, and not what was put there for a moment.
func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
		if strings.HasPrefix(entry.Name(), ".look-") {
			t.Errorf("%s is there", entry.Name())
		}
	}
	for _, name := range want {
		if !slices.Contains(names, name) {
			t.Errorf("there is no %s among %q", name, names)
		}
	}
}

// awaitExit waits until a container has ended by itself.
func awaitExit(t *testing.T, c *Cluster, n *container) {
	t.Helper()
	for range 600 {
		state, err := c.docker.State(t.Context(), n.id)
		if err != nil {
			t.Fatal(err)
		}
		if !state.Running {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s still runs", n.name)
}

func TestKillAndRestartAContainer(t *testing.T) {
	s := testbin.Spec(t, binary)
	s.Lab = true
	c := startContainers(t, s)
	if err := c.Kill(t.Context(), "app-2"); err != nil {
		t.Fatal(err)
	}
	if status, _ := testbin.Increment(t, c.Nodes()[1].URL); status < 500 {
		t.Errorf("a killed node answers %d through nginx", status)
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
	if status, container := testbin.Increment(t, c.Nodes()[1].URL); status != http.StatusOK || container != "app-2" {
		t.Errorf("the restarted node answers %d from %q", status, container)
	}
	if err := c.Restart(t.Context(), "app-2"); err == nil {
		t.Error("restarted a running node without an error")
	}
	if err := c.Kill(t.Context(), "app-9"); err == nil {
		t.Error("killed a node that is not there")
	}
	// One that ends unasked is told of at the end. It is its container's first
	// process, which cannot send itself SIGKILL.
	if err := nodeclient.Crash(t.Context(), c.Nodes()[2].URL, 0); err != nil {
		t.Fatal(err)
	}
	awaitExit(t, c, c.nodes[2])
	if err := c.Stop(t.Context()); err == nil || !strings.Contains(err.Error(), "stop app-3: exit status 137") || strings.Contains(err.Error(), "app-2") {
		t.Errorf("Stop = %v, want that app-3, and no other, had ended with status 137", err)
	}
}

// All containers are killed, one of them in the midst of a transaction that has
// written; the database is read from outside, and the nodes go on with it.
func TestInspectWhileAllContainersAreDead(t *testing.T) {
	s := testbin.Spec(t, binary)
	s.Lab = true
	c := startContainers(t, s)
	var acknowledged int64
	write(t, c, &acknowledged)
	resp, err := http.Post(c.Nodes()[1].URL+nodeapi.PathCrash, "application/json", strings.NewReader(`{"after_ms":60000}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	for _, node := range []string{"app-1", "app-3", "app-2"} {
		if err := c.Kill(t.Context(), node); err != nil {
			t.Fatal(err)
		}
	}
	// Looking changes nothing: the second time there is the same to see.
	for range 2 {
		if left, err := c.Left(); err != nil || !left.Hot {
			t.Errorf("the nodes left %+v, %v; want a hot journal", left, err)
		}
		wantRows(t, c, acknowledged)
	}
	if err := errors.Join(cluster.Each(c.Nodes(), func(n cluster.Node) error { return c.Restart(t.Context(), n.Name) })...); err != nil {
		t.Fatal(err)
	}
	write(t, c, &acknowledged)
	if err := c.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	wantRows(t, c, acknowledged)
	wantFiles(t, s.Dir, cluster.Database)
}

// write writes rows through every node, and counts those that are acknowledged.
func write(t *testing.T, c cluster.Cluster, acknowledged *int64) {
	t.Helper()
	for i := range 40 {
		node := c.Nodes()[i%len(c.Nodes())]
		resp, err := http.Post(node.URL+nodeapi.PathWrite, "application/json", strings.NewReader(`{"data":"a row"}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			*acknowledged++
		}
	}
	if *acknowledged == 0 {
		t.Fatal("no row was acknowledged")
	}
}

// wantRows checks that the database is sound and holds what was acknowledged.
func wantRows(t *testing.T, c cluster.Cluster, acknowledged int64) {
	t.Helper()
	facts, err := c.Inspect(t.Context())
	if err != nil || facts.Integrity != "ok" || facts.Records < acknowledged {
		t.Errorf("%d rows of %d acknowledged, integrity %s, %v", facts.Records, acknowledged, facts.Integrity, err)
	}
	for _, row := range facts.Rows {
		if row.Content != "a row" {
			t.Errorf("row %d is %q: it was never committed", row.ID, row.Content)
		}
	}
}

// Each way to mount, in a cluster of its own, all at once. Every node adds one
// to the counter; what each then has shows with whom it shares a database.
func TestMountsAndSeveralClustersAtOnce(t *testing.T) {
	on := containers(t)
	tests := []mountTest{
		{mount: run.MountShared, counts: []int64{2, 2}},
		{mount: run.MountDirectory, counts: []int64{2, 2}},
		{mount: run.MountTwoVolumes, counts: []int64{2, 1, 2}},
		{mount: run.MountNone, counts: []int64{1, 1}},
		{mount: run.MountSingleFile, counts: []int64{1, 1}},
	}
	base := testbin.Spec(t, binary)
	base.Discipline.Journal = store.WAL
	for i := range tests {
		tests[i].spec = base
		tests[i].spec.Dir, tests[i].spec.Mount, tests[i].spec.Nodes = t.TempDir(), tests[i].mount, len(tests[i].counts)
	}
	cluster.Each(tests, func(test mountTest) error {
		test.run(t, on)
		return nil
	})
	wantNothing(t, ours())
}

type mountTest struct {
	mount  run.Mount
	spec   cluster.Spec
	counts []int64 // what each node has in the counter
}

func (test mountTest) run(t *testing.T, on Containers) {
	c, err := Start(t.Context(), test.spec, on)
	if err != nil {
		t.Errorf("mount %q: %v", test.mount, err)
		return
	}
	for _, node := range c.Nodes() {
		if status, _ := testbin.Increment(t, node.URL); status != http.StatusOK {
			t.Errorf("mount %q: %s answers %d", test.mount, node.Name, status)
		}
	}
	// While the nodes run their WAL is there, but not beside a file that alone is mounted.
	if left, err := c.Left(); err != nil || (left.WAL > 0) == (test.mount == run.MountSingleFile) {
		t.Errorf("mount %q: beside the database lies %+v, %v", test.mount, left, err)
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Errorf("mount %q: %v", test.mount, err)
	}
	if facts, err := c.Inspect(t.Context()); err != nil || facts.Counters["k"] != test.counts[0] {
		t.Errorf("mount %q: the database has counter %d, %v; want %d", test.mount, facts.Counters["k"], err, test.counts[0])
	}
	views, err := c.Views(t.Context())
	if err != nil || len(views) != len(test.counts) {
		t.Errorf("mount %q: %d views, %v", test.mount, len(views), err)
		return
	}
	for i, view := range views {
		if got, want := view.Counters["k"], test.counts[i]; got != want || view.Integrity != "ok" {
			t.Errorf("mount %q: app-%d has counter %d, want %d; integrity %s", test.mount, i+1, got, want, view.Integrity)
		}
	}
}
