package fault

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// One node dies while it writes. The others go on, since what it left is where
// they find it; it comes back, and every acknowledged row is there.
func TestKill(t *testing.T) {
	for _, journal := range []store.Journal{store.Delete, store.WAL} {
		t.Run(string(journal), func(t *testing.T) {
			c := start(t, journal, 5000)
			ctx, heal := context.WithCancelCause(t.Context())
			defer heal(nil)
			wait, err := Begin(ctx, run.Kill{Node: "app-2", After: time.Millisecond, For: time.Hour}, target(c))
			if err != nil {
				t.Fatal(err)
			}
			acknowledged := int64(0)
			for end := time.Now().Add(time.Minute); answers(t, c.Nodes()[1].URL); {
				if time.Now().After(end) {
					t.Fatal("app-2 is not killed")
				}
				if write(t, c.Nodes()[0].URL) == "" {
					acknowledged++
				}
			}
			if code := write(t, c.Nodes()[2].URL); code != "" {
				t.Fatalf("with app-2 dead, a write ended with %s", code)
			}
			heal(ErrOver) // the load is over, long before the hour is
			events, err := wait()
			if err != nil || len(events) != 1 || events[0].Kind != run.KindCrash || events[0].Node != "app-2" || !events[0].To.After(events[0].From) {
				t.Fatalf("events %+v, %v; want one crash of app-2", events, err)
			}
			if code := write(t, c.Nodes()[1].URL); code != "" {
				t.Errorf("app-2 is not healed: %s", code)
			}
			if err := c.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			facts, err := c.Inspect(t.Context())
			if err != nil || facts.Integrity != "ok" || facts.Records != acknowledged+2 {
				t.Errorf("%d rows of %d, integrity %s, %v", facts.Records, acknowledged+2, facts.Integrity, err)
			}
		})
	}
}

// answers reports whether a node is there.
func answers(t *testing.T, url string) bool {
	t.Helper()
	resp, err := http.Get(url + "/health")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return true
}

func TestKillThatIsLateKillsNobody(t *testing.T) {
	c := start(t, store.WAL, 5000)
	ctx, heal := context.WithCancelCause(t.Context())
	wait, err := Begin(ctx, run.Kill{Node: "app-1", After: time.Hour}, target(c))
	if err != nil {
		t.Fatal(err)
	}
	heal(ErrOver)
	if events, err := wait(); err != nil || len(events) > 0 {
		t.Errorf("events %+v, %v; want none: the load was over", events, err)
	}
}

func TestKillThatCannotBegin(t *testing.T) {
	for _, tt := range []struct {
		name string
		k    run.Kill
		c    cluster.Cluster
		want string
	}{
		{"no such node", run.Kill{Node: "app-9"}, start(t, store.WAL, 0), `"app-9" is not in the cluster`},
		{"nodes of others", run.Kill{Node: "app-1"}, immortal{}, "cannot be killed"},
	} {
		if _, err := Begin(t.Context(), tt.k, target(tt.c)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one that says %q", tt.name, err, tt.want)
		}
	}
}

func TestKills(t *testing.T) {
	for _, tt := range []struct {
		f    run.Fault
		want bool
	}{{nil, false}, {run.Crash{}, true}, {run.Kill{}, true}, {run.Strike{}, true}, {run.Hold{}, false}, {run.Checkpoint{}, false}} {
		if got := run.Kills(tt.f); got != tt.want {
			t.Errorf("Kills(%v) = %v", tt.f, got)
		}
	}
}
