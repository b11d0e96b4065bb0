package lab

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"example.com/contend/internal/api"
	"example.com/contend/internal/node"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

// realNode serves a database in dir until the test ends.
func realNode(t *testing.T, dir string, d store.Discipline) (url string) {
	t.Helper()
	open := func(ctx context.Context, path string, d store.Discipline) (node.Database, error) {
		db, err := sqlite.Open(ctx, path, d, sqlite.Options{})
		if err != nil {
			return nil, err
		}
		return db, nil
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

// A node is asked, closed, opened on another database and given back.
func TestTheDatabaseOfARealNode(t *testing.T) {
	dir := t.TempDir()
	own, other := store.Green(), store.Red()
	url, ctx := realNode(t, dir, own), t.Context()
	is := func(when string, err error, database string, d store.Discipline) {
		t.Helper()
		about, errAsk := Ask(ctx, url)
		want := About{Name: "app-1", DBPath: filepath.Join(dir, database), SQLite: sqlite.Version(), Lab: true, Discipline: d}
		if err != nil || errAsk != nil || about != want {
			t.Errorf("%s (%v): %+v, %v; want %+v", when, err, about, errAsk, want)
		}
	}
	is("at first", SetStock(ctx, url, "book", 50), "shared.db", own)

	var refusal *Refusal
	if err := Open(ctx, url, "lab-1.db", &other); !errors.As(err, &refusal) || refusal.Code != api.CodeConflict || refusal.Status != http.StatusConflict {
		t.Errorf("open while open: %v", err)
	}
	if err := errors.Join(Close(ctx, url, false), Close(ctx, url, true)); err != nil {
		t.Error(err)
	}
	about, err := Ask(ctx, url)
	if !errors.Is(err, ErrClosed) || about.Name != "app-1" || !about.Lab || about.SQLite != sqlite.Version() {
		t.Errorf("while closed: %+v, %v", about, err)
	}
	if _, err := Facts(ctx, url); !errors.As(err, &refusal) || refusal.Code != api.CodeClosed {
		t.Errorf("facts while closed: %v", err)
	}

	is("on another", Open(ctx, url, "lab-1.db", &other), "lab-1.db", other)
	if err := SetStock(ctx, url, "book", 7); err != nil {
		t.Error(err)
	}
	if facts, err := Facts(ctx, url); err != nil || facts.Stock["book"] != 7 || facts.Integrity != "ok" || facts.Journal != store.Delete {
		t.Errorf("facts of another: %+v, %v", facts, err)
	}

	if err := Close(ctx, url, true); err != nil {
		t.Error(err)
	}
	is("back", Open(ctx, url, "", nil), "shared.db", own)
	if facts, err := Facts(ctx, url); err != nil || facts.Stock["book"] != 50 || facts.Journal != store.WAL {
		t.Errorf("facts of its own: %+v, %v", facts, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "lab-*")); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

func TestAskingWhatIsNoNode(t *testing.T) {
	healthy := `{"status":"healthy","container":"app-1","dbPath":"/data/shared.db","sqlite":"3.51.2","lab":true}`
	for name, c := range map[string]struct {
		health, metrics string
		status          int
		says            string
		about           About // beside the error
	}{
		"a page":             {"<html>", "", 200, "not a node's answer", About{}},
		"a balancer":         {`{"status":"ok"}`, "", 200, "tells no name", About{}},
		"nothing there":      {"404 page not found", "", 404, "/health: 404 Not Found", About{}},
		"an unhealthy node":  {`{"status":"unhealthy","container":"app-1","error":"disk I/O error"}`, "", 503, "disk I/O error", About{Name: "app-1"}},
		"a page for metrics": {healthy, "# HELP", 200, "/metrics: not a node's answer", About{"app-1", "/data/shared.db", "3.51.2", true, store.Discipline{}}},
		"no discipline":      {healthy, "{}", 200, "tells of no discipline", About{"app-1", "/data/shared.db", "3.51.2", true, store.Discipline{}}},
	} {
		t.Run(name, func(t *testing.T) {
			url := stand(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == api.PathMetrics {
					_, _ = w.Write([]byte(c.metrics))
					return
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.health))
			})
			about, err := Ask(t.Context(), url)
			if err == nil || !strings.Contains(err.Error(), c.says) || about != c.about {
				t.Errorf("got %+v, %v; want %q", about, err, c.says)
			}
		})
	}
}
