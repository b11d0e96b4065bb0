package node

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

// journal returns what the connections of a node say.
func journal(t *testing.T, url string) string {
	t.Helper()
	var settings SettingsResponse
	must(t, json.Unmarshal([]byte(send(t, "GET", url+nodeapi.PathSettings, "").body), &settings))
	return settings.Pragmas["journal_mode"]
}

// together does one thing to every node at the same time.
func together(nodes []*process, do func(*process)) {
	var wg sync.WaitGroup
	for _, n := range nodes {
		wg.Go(func() { do(n) })
	}
	wg.Wait()
}

func TestTwoNodesSwitchTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shared.db")
	d := quick(func(d *store.Discipline) { d.Journal = store.Delete })
	nodes := []*process{startProcess(t, "app-1", path, d), startProcess(t, "app-2", path, d)}
	for i, mode := range []store.Journal{store.Delete, store.WAL, store.Delete, store.WAL, store.Delete} {
		body := openingBody(t, "", quick(func(d *store.Discipline) { d.Journal = mode }))
		if i > 0 {
			together(nodes, func(n *process) { asks(t, n.url, nodeapi.PathClose, `{}`, 200) })
			together(nodes, func(n *process) { asks(t, n.url, nodeapi.PathOpen, body, 200) })
		}
		for _, n := range nodes {
			if got := journal(t, n.url); got != strings.ToLower(string(mode)) {
				t.Errorf("after switch %d the journal is %s, want %s", i, got, mode)
			}
			asks(t, n.url, nodeapi.PathIncrement, `{"key":"k"}`, 200)
			counterIs(t, nodes[0].url, counted(i, n == nodes[1]))
		}
	}
}

// counted is how often the two nodes have counted in the rounds before, and this one.
func counted(round int, second bool) int {
	if second {
		return 2*round + 2
	}
	return 2*round + 1
}

// Two nodes are closed and opened again and again, on new databases and in other
// modes, in the middle of a load: what all databases hold together is exactly
// what was acknowledged.
func TestNothingAcknowledgedIsLostByCloseAndOpen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "shared.db")
	d := quick(func(d *store.Discipline) { d.Think, d.BusyTimeout = 1, 10_000 })
	nodes := []*process{startProcess(t, "app-1", path, d), startProcess(t, "app-2", path, d)}
	var acknowledged, refused, unknown atomic.Int64
	var over atomic.Bool
	var load sync.WaitGroup
	for i := range 8 {
		load.Go(func() {
			for !over.Load() {
				incrementOnce(nodes[i%2].url, &acknowledged, &refused, &unknown)
			}
		})
	}
	for i := range 6 {
		before := acknowledged.Load()
		for acknowledged.Load() < before+20 {
			time.Sleep(time.Millisecond)
		}
		together(nodes, func(n *process) { asks(t, n.url, nodeapi.PathClose, `{}`, 200) })
		other := d
		other.Journal = store.Journals[i%len(store.Journals)]
		body := openingBody(t, fmt.Sprintf("lab-%d.db", i), other)
		together(nodes, func(n *process) { asks(t, n.url, nodeapi.PathOpen, body, 200) })
	}
	for _, n := range nodes {
		asks(t, n.url, nodeapi.PathOpen, `{}`, 200)
	}
	over.Store(true)
	load.Wait()
	for _, n := range nodes {
		asks(t, n.url, nodeapi.PathClose, `{}`, 200)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.db"))
	must(t, err)
	var held int64
	for _, file := range files {
		facts, err := app.Inspect(t.Context(), sqlite.At(file))
		must(t, err)
		held += facts.Counters["k"]
		if facts.Integrity != "ok" {
			t.Errorf("%s: %s", file, facts.Integrity)
		}
	}
	t.Logf("acknowledged %d, held %d in %d databases, refused %d, unknown %d", acknowledged.Load(), held, len(files), refused.Load(), unknown.Load())
	if held != acknowledged.Load() || unknown.Load() != 0 || refused.Load() == 0 || len(files) != 7 {
		t.Errorf("%d databases hold %d of %d acknowledged, %d unknown, %d refused", len(files), held, acknowledged.Load(), unknown.Load(), refused.Load())
	}
}

// incrementOnce counts what came of one increment.
func incrementOnce(url string, acknowledged, refused, unknown *atomic.Int64) {
	got, err := try("POST", url+nodeapi.PathIncrement, `{"key":"k"}`)
	switch {
	case err == nil && got.status == http.StatusOK:
		acknowledged.Add(1)
	case err == nil && strings.Contains(got.body, nodeapi.CodeClosed):
		refused.Add(1)
		time.Sleep(time.Millisecond)
	default:
		unknown.Add(1)
	}
}
