package local

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"example.com/contend/internal/api"
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
				testbin.Write(t, c, &acknowledged, func() { killAll(t, c, unfinished) })
				inspectTheDead(t, c, acknowledged.Load(), unfinished && journal == store.Delete)
				for _, node := range c.Nodes() {
					if err := c.Restart(t.Context(), node.Name); err != nil {
						t.Fatal(err)
					}
				}
			}
			testbin.Write(t, c, &acknowledged, func() {})
			if err := c.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			facts, err := c.Inspect(t.Context())
			if err != nil || int64(len(facts.Rows)) < acknowledged.Load() || facts.Integrity != "ok" {
				t.Errorf("at the end: %d rows of %d acknowledged, %v", len(facts.Rows), acknowledged.Load(), err)
			}
			testbin.WantTraces(t, c)
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
	resp, err := http.Post(c.Nodes()[2].URL+api.PathCrash, "application/json", strings.NewReader(`{"after_ms":0}`))
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
