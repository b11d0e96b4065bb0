package local

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/cluster/server"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/testbin"
)

// postgres starts a real PostgreSQL, which is gone with the test.
func postgres(t *testing.T) *server.Postgres {
	t.Helper()
	s, err := server.StartPostgres(t.Context(), t.TempDir())
	if errors.Is(err, server.ErrNoPostgres) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// onServer is a cluster of two nodes on a server of their own.
func onServer(t *testing.T) cluster.Spec {
	all := testbin.Spec(t, binary)
	all.Nodes, all.Service, all.Server = 2, postgres(t), "postgres"
	all.Discipline = store.Green().With(store.Pgx)
	return all
}

// page returns the body of what is at url.
func page(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestNodesUseAServer(t *testing.T) {
	c := start(t, onServer(t))
	for range 4 {
		if status, _ := testbin.Increment(t, c.URL()); status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	}
	if engine := c.Nodes()[0].Engine; !strings.HasPrefix(engine, "PostgreSQL ") {
		t.Errorf("the node runs on %q", engine)
	}
	if _, err := os.Stat(c.dir + "/" + cluster.Database); err == nil {
		t.Error("there is a SQLite file too")
	}
	if used, err := c.CPU(); err != nil || used <= 0 {
		t.Errorf("processor time %s, %v", used, err)
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	facts, err := c.Inspect(t.Context())
	if err != nil || facts.Counters["k"] != 4 || !strings.HasPrefix(facts.Engine, "PostgreSQL ") {
		t.Errorf("facts %+v, %v; want counter 4", facts, err)
	}
	if err := c.Discard(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := c.Inspect(t.Context()); err == nil {
		t.Error("what was discarded can be inspected")
	}
}

// A password in the database's URL is no secret if ps or a log shows it.
func TestTheServersPasswordIsToldToNobody(t *testing.T) {
	c := start(t, onServer(t))
	at, err := url.Parse(c.database)
	if err != nil {
		t.Fatal(err)
	}
	password, has := at.User.Password()
	if !has {
		t.Fatal("the server's URL has no password: this test looks for it")
	}
	for _, p := range c.nodes {
		seen := []string{strings.Join(p.Args, " ")}
		log, err := os.ReadFile(p.Log)
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, string(log))
		for _, path := range []string{"/health", "/metrics"} {
			seen = append(seen, page(t, "http://"+p.addr+path))
		}
		for _, text := range seen {
			if strings.Contains(text, password) {
				t.Errorf("%s tells the password: %s", p.Name, text)
			}
		}
	}
}

func TestAServerDiesAndComesBack(t *testing.T) {
	c := start(t, onServer(t))
	if status, _ := testbin.Increment(t, c.URL()); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	if err := c.Kill(t.Context(), run.ServerName); err != nil {
		t.Fatal(err)
	}
	if status, _ := testbin.Increment(t, c.URL()); status == http.StatusOK {
		t.Error("an increment succeeded without a server")
	}
	if err := c.Restart(t.Context(), run.ServerName); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if status, _ := testbin.Increment(t, c.URL()); status == http.StatusOK {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the nodes do not find the server again")
		}
	}
}

func TestAServerThatHasNoRoomIsAnError(t *testing.T) {
	all := testbin.Spec(t, binary)
	all.Service = noRoom{}
	if _, err := Start(t.Context(), all); err == nil || !strings.Contains(err.Error(), "start cluster: no room") {
		t.Errorf("error %v", err)
	}
}

// noRoom is a server that can make no database.
type noRoom struct{ cluster.Server }

func (noRoom) Fresh(context.Context) (string, error) { return "", errors.New("no room") }

// The nodes take the drivers in turns, on one file.
func TestMixedDrivers(t *testing.T) {
	all := testbin.Spec(t, binary)
	all.Nodes, all.Drivers = 3, store.Modernc+","+store.Ncruces
	c := start(t, all)
	for i, want := range []string{store.Modernc, store.Ncruces, store.Modernc} {
		if args := strings.Join(c.nodes[i].Args, " "); !strings.Contains(args, "--driver "+want+" ") {
			t.Errorf("node %d: %s; want driver %s", i, args, want)
		}
	}
	for range 9 {
		if status, _ := testbin.Increment(t, c.URL()); status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if facts, err := c.Inspect(t.Context()); err != nil || facts.Counters["k"] != 9 {
		t.Errorf("facts %+v, %v; want counter 9", facts, err)
	}
}

func TestASingleWriterWrites(t *testing.T) {
	all := testbin.Spec(t, binary)
	all.SingleWriter = true
	c := start(t, all)
	for range 6 {
		if status, container := testbin.Increment(t, c.URL()); status != http.StatusOK || container != "app-1" {
			t.Errorf("status %d from %q, want app-1", status, container)
		}
	}
}
