package fault

import (
	"context"
	"strings"
	"testing"
	"time"

	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// A node is gone and comes back, and the load's end is enough to heal it.
func TestStrike(t *testing.T) {
	c := start(t, store.WAL, 5000)
	ctx, heal := context.WithCancelCause(t.Context())
	defer heal(nil)
	wait, err := Begin(ctx, run.Strike{Whom: "app-2", After: time.Millisecond, For: time.Hour}, target(c))
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); answers(t, c.Nodes()[1].URL); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("app-2 is not killed")
		}
	}
	if code := write(t, c.Nodes()[0].URL); code != "" {
		t.Fatalf("with app-2 dead, a write ended with %s", code)
	}
	heal(ErrOver)
	events, err := wait()
	if err != nil || len(events) != 1 || events[0].Kind != run.KindCrash || events[0].Node != "app-2" || !events[0].To.After(events[0].From) {
		t.Fatalf("events %+v, %v; want one crash of app-2", events, err)
	}
	if code := write(t, c.Nodes()[1].URL); code != "" {
		t.Errorf("app-2 is not healed: %s", code)
	}
}

func TestStrikeThatIsLateKillsNobody(t *testing.T) {
	c := start(t, store.WAL, 5000)
	ctx, heal := context.WithCancelCause(t.Context())
	wait, err := Begin(ctx, run.Strike{Whom: "app-1", After: time.Hour}, target(c))
	if err != nil {
		t.Fatal(err)
	}
	heal(ErrOver)
	if events, err := wait(); err != nil || len(events) > 0 {
		t.Errorf("events %+v, %v; want none: the load was over", events, err)
	}
}

func TestStrikeThatFindsNobody(t *testing.T) {
	if _, err := Begin(t.Context(), run.Strike{Whom: "app-1"}, target(immortal{})); err == nil || !strings.Contains(err.Error(), "cannot be killed") {
		t.Errorf("nodes of others: error %v", err)
	}
	c := start(t, store.WAL, 0)
	for _, whom := range []string{"app-9", run.ServerName} { // there is no server: the nodes share a file
		wait, err := Begin(t.Context(), run.Strike{Whom: whom}, target(c))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wait(); err == nil || !strings.Contains(err.Error(), "is not in the cluster") {
			t.Errorf("%s: error %v", whom, err)
		}
	}
}
