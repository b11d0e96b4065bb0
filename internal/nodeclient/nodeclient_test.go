package nodeclient

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"example.com/contend/internal/app"
	"example.com/contend/internal/node"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

// realNode serves a database in dir until the test ends.
func realNode(t *testing.T, dir string, d store.Discipline) (url string) {
	t.Helper()
	open := func(ctx context.Context, path string, d store.Discipline) (*app.DB, error) {
		return app.Open(ctx, sqlite.At(path), d, app.Options{})
	}
	path := filepath.Join(dir, "shared.db")
	db, err := open(t.Context(), path, d)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := node.New(node.Config{Name: "app-1", DBPath: path, SQLite: sqlite.Version(), Discipline: d, Lab: true, Open: open}, db)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Serve(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "http://" + ln.Addr().String()
}

// A node is closed, opened on another database and given back.
func TestTheDatabaseOfARealNode(t *testing.T) {
	dir := t.TempDir()
	own, other := store.Green(), store.Red()
	url, ctx := realNode(t, dir, own), t.Context()
	is := func(when string, err error, status, database string, d store.Discipline) {
		t.Helper()
		a, errLook := Look(ctx, url)
		if err := errors.Join(err, errLook); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		want := nodeapi.HealthResponse{Status: status, Container: "app-1", DBPath: filepath.Join(dir, database), SQLite: sqlite.Version(), Lab: true}
		if status == "unhealthy" {
			want.Error = nodeapi.ClosedByLab
		}
		if h := a.Health(); h == nil || *h != want {
			t.Errorf("%s: %+v; want %+v", when, h, want)
		}
		if engine, healthy := Healthy(ctx, url); engine != want.SQLite || healthy != (status == "healthy") {
			t.Errorf("%s: engine %q, healthy %t", when, engine, healthy)
		}
		if have, err := Discipline(ctx, url); status == "healthy" && (err != nil || have != d) {
			t.Errorf("%s: discipline %+v, %v", when, have, err)
		}
	}
	is("at first", SetStock(ctx, url, "book", 50), "healthy", "shared.db", own)

	if err := Open(ctx, url, "lab-1.db", &other); err == nil || !strings.HasPrefix(err.Error(), "/lab/open: "+nodeapi.CodeConflict+": ") {
		t.Errorf("open while open: %v", err)
	}
	is("closed", errors.Join(Close(ctx, url, false), Close(ctx, url, true)), "unhealthy", "shared.db", own)
	if _, err := Facts(ctx, url); err == nil || !strings.HasPrefix(err.Error(), "/lab/facts: "+nodeapi.CodeClosed+": ") {
		t.Errorf("facts while closed: %v", err)
	}
	if _, err := Counter(ctx, url, "k"); err == nil || !strings.Contains(err.Error(), "answered 503 CLOSED") {
		t.Errorf("counter while closed: %v", err)
	}

	is("on another", Open(ctx, url, "lab-1.db", &other), "healthy", "lab-1.db", other)
	if err := SetStock(ctx, url, "book", 7); err != nil {
		t.Error(err)
	}
	if facts, err := Facts(ctx, url); err != nil || facts.Stock["book"] != 7 || facts.Integrity != "ok" || facts.Journal != store.Delete {
		t.Errorf("facts of another: %+v, %v", facts, err)
	}
	if n, err := Counter(ctx, url, "nobody's & <strange>"); err != nil || n != 0 {
		t.Errorf("a counter that nobody has made: %d, %v", n, err)
	}

	if err := Close(ctx, url, true); err != nil {
		t.Error(err)
	}
	is("back", Open(ctx, url, "", nil), "healthy", "shared.db", own)
	if facts, err := Facts(ctx, url); err != nil || facts.Stock["book"] != 50 || facts.Journal != store.WAL {
		t.Errorf("facts of its own: %+v, %v", facts, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "lab-*")); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

func TestAnswersThatAreNoNodes(t *testing.T) {
	for name, c := range map[string]struct {
		status       int
		body, unlike string
	}{
		"a page":               {200, "<html>\n<p>Welcome", `answered 200 "<html> <p>Welcome"`},
		"a long page":          {200, strings.Repeat("x", 100), strings.Repeat("x", 80) + `…"`},
		"a balancer":           {200, `{"status":"ok"}`, "answered 200"},
		"nothing there":        {404, "404 page not found", "answered 404"},
		"another engine":       {200, `{"status":"healthy","container":"app-1","dbPath":"postgres://x","engine":"PostgreSQL 15"}`, "answered 200"},
		"the words of the api": {503, `{"error":"no node","code":"NO_NODE"}`, "/health answered 503 NO_NODE: no node"},
		"a failure":            {500, `{"status":"healthy","container":"a","dbPath":"/x.db","sqlite":"3.54.1"}`, "answered 500"},
	} {
		t.Run(name, func(t *testing.T) {
			url := stand(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			})
			a, err := Look(t.Context(), url)
			if err != nil || a.Health() != nil || !strings.Contains(a.Unlike().Error(), c.unlike) {
				t.Errorf("got %+v, %v; want %q", a, err, c.unlike)
			}
			if _, healthy := Healthy(t.Context(), url); healthy != (c.status == 200) {
				t.Errorf("healthy %t after %d", healthy, c.status)
			}
			if _, err := Discipline(t.Context(), url); err == nil {
				t.Error("it has a discipline")
			}
		})
	}
}

// A busy database refuses reads for a while; that is no answer yet.
func TestCounterInsists(t *testing.T) {
	for name, c := range map[string]struct{ then, says string }{
		"and is read":        {`{"key":"k","value":7}`, ""},
		"of another":         {`{"key":"other","value":7}`, "another counter"},
		"in no node's words": {"what?", `answered 200 "what?"`},
	} {
		t.Run(name, func(t *testing.T) {
			busy := 3
			url := stand(t, func(w http.ResponseWriter, r *http.Request) {
				if busy--; busy >= 0 {
					w.WriteHeader(http.StatusServiceUnavailable)
					_, _ = w.Write([]byte(`{"error":"database is locked","code":"SQLITE_BUSY"}`))
					return
				}
				_, _ = w.Write([]byte(c.then))
			})
			n, err := Counter(t.Context(), url, "k")
			if c.says == "" && (err != nil || n != 7) || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%d, %v; want %q", n, err, c.says)
			}
		})
	}
}
