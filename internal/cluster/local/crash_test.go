package local

import (
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
	"example.com/contend/internal/testbin"
)

// All four nodes are killed in the midst of writing, the database is read while
// nobody has it open, and the nodes go on with it: nothing that was
// acknowledged before is gone, and reading has not stood in anyone's way.
func TestInspectWhileAllNodesAreDead(t *testing.T) {
	for _, journal := range []store.Journal{store.Delete, store.WAL} {
		t.Run(string(journal), func(t *testing.T) {
			s := testbin.Spec(t, binary)
			s.Nodes, s.Discipline.Journal, s.Trace, s.Lab = 4, journal, true, true
			c := start(t, s)
			var acknowledged atomic.Int64
			for _, unfinished := range []bool{false, true} {
				write(t, c, &acknowledged, func() { killAll(t, c, unfinished) })
				inspectTheDead(t, c, acknowledged.Load(), unfinished && journal == store.Delete)
				for _, node := range c.Nodes() {
					if err := c.Restart(t.Context(), node.Name); err != nil {
						t.Fatal(err)
					}
				}
			}
			write(t, c, &acknowledged, func() {})
			if err := c.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			facts, err := c.Inspect(t.Context())
			if err != nil || int64(len(facts.Rows)) < acknowledged.Load() || facts.Integrity != "ok" {
				t.Errorf("at the end: %d rows of %d acknowledged, %v", len(facts.Rows), acknowledged.Load(), err)
			}
			wantTraces(t, c)
		})
	}
}

// inspectTheDead reads the database while no node runs.
func inspectTheDead(t *testing.T, c *Cluster, acknowledged int64, hot bool) {
	t.Helper()
	if left, err := c.Left(); err != nil || hot && !left.Hot {
		t.Errorf("the nodes left %+v, %v; want a hot journal", left, err)
	}
	facts, err := c.Inspect(t.Context())
	if err != nil || facts.Integrity != "ok" || int64(len(facts.Rows)) < acknowledged || facts.Records != int64(len(facts.Rows)) {
		t.Errorf("%d rows of %d acknowledged, integrity %s, %v", len(facts.Rows), acknowledged, facts.Integrity, err)
	}
	for _, row := range facts.Rows {
		if row.Content != "a row" {
			t.Errorf("row %d is %q: it was never committed", row.ID, row.Content)
		}
	}
	// A journal whose header was never synced is not hot: SQLite lets it lie for
	// the next writer.
	if left, err := c.Left(); err != nil || left.Hot || left.WAL > 0 {
		t.Errorf("Inspect left %+v, %v", left, err)
	}
}

// killAll kills every node. With unfinished, app-3 is the last, and first
// brought into a transaction that has written to the disk: any other node that
// was still alive might recover what that leaves.
func killAll(t *testing.T, c *Cluster, unfinished bool) {
	t.Helper()
	for i, node := range c.Nodes() {
		if unfinished && i == 2 {
			continue
		}
		if err := c.Kill(t.Context(), node.Name); err != nil {
			t.Error(err)
		}
	}
	if !unfinished {
		return
	}
	resp, err := http.Post(c.Nodes()[2].URL+nodeapi.PathCrash, "application/json", strings.NewReader(`{"after_ms":0}`))
	if err != nil {
		t.Error(err)
		return
	}
	resp.Body.Close()
	<-c.nodes[2].Done()
}

func TestNoTraceUnlessAskedFor(t *testing.T) {
	c := start(t, testbin.Spec(t, binary))
	for _, node := range c.Nodes() {
		if node.Trace != "" {
			t.Errorf("%s writes %s", node.Name, node.Trace)
		}
	}
}

// write has a client for each node write rows until 40 more have been
// acknowledged, calls then in the midst of it, and waits for the clients: each
// ends when its node does not answer, or when then has returned.
func write(t *testing.T, c cluster.Cluster, acknowledged *atomic.Int64, then func()) {
	t.Helper()
	const more = 40
	least := acknowledged.Load() + more
	var over atomic.Bool
	var clients sync.WaitGroup
	for _, node := range c.Nodes() {
		clients.Go(func() {
			for !over.Load() {
				resp, err := http.Post(node.URL+nodeapi.PathWrite, "application/json", strings.NewReader(`{"data":"a row"}`))
				if err != nil {
					return
				}
				resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					acknowledged.Add(1)
				}
			}
		})
	}
	deadline := time.Now().Add(time.Minute)
	for acknowledged.Load() < least {
		if time.Now().After(deadline) {
			t.Fatalf("%d rows were acknowledged within a minute, want %d", acknowledged.Load(), least)
		}
		time.Sleep(time.Millisecond)
	}
	then()
	over.Store(true)
	clients.Wait()
}

// wantTraces checks that every node has written down its attempts, whole, before it
// was killed and after.
func wantTraces(t *testing.T, c cluster.Cluster) {
	t.Helper()
	for _, node := range c.Nodes() {
		f, err := os.Open(node.Trace)
		if err != nil {
			t.Fatal(err)
		}
		attempts, err := locktrace.Read(f)
		f.Close()
		if err != nil || len(attempts) == 0 {
			t.Errorf("%s: %d attempts, %v", node.Name, len(attempts), err)
		}
		for _, a := range attempts {
			if a.Node != node.Name || a.Kind != locktrace.Write || a.Ended < a.Began || a.Code == "" && a.Locked < a.Began {
				t.Errorf("%s told of %+v", node.Name, a)
			}
		}
	}
}
