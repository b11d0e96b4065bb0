package fault

import (
	"context"
	"strings"
	"testing"

	"example.com/contend/internal/cluster/local"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// writeRows writes n rows, one after the other, and returns the size that the
// WAL has then. Left opens nothing, so that it may be asked of living nodes.
func writeRows(t *testing.T, c *local.Cluster, n int) int64 {
	t.Helper()
	for range n {
		if code := write(t, c.URL()); code != "" {
			t.Fatalf("a write ended with %s", code)
		}
	}
	left, err := c.Left()
	if err != nil {
		t.Fatal(err)
	}
	return left.WAL
}

// A row is two frames of the WAL and more. Left alone, the WAL grows by so much
// until it has 1000 of them; where somebody checkpoints, commits begin it anew.
func TestCheckpoint(t *testing.T) {
	const rows, frame = 200, 24 + 4096
	t.Run("nobody checkpoints", func(t *testing.T) {
		if size := writeRows(t, start(t, store.WAL, 5000), rows); size < rows*2*frame {
			t.Errorf("the WAL has %d bytes after %d rows, want %d or more", size, rows, rows*2*frame)
		}
	})
	t.Run("app-3 checkpoints", func(t *testing.T) {
		c := start(t, store.WAL, 5000)
		ctx, heal := context.WithCancelCause(t.Context())
		defer heal(nil)
		wait, err := Begin(ctx, run.Checkpoint{Node: "app-3", Mode: store.CheckpointPassive, Sessions: 2, Times: 10}, target(c))
		if err != nil {
			t.Fatal(err)
		}
		if size := writeRows(t, c, rows); size == 0 || size >= rows*2*frame {
			t.Errorf("the WAL has %d bytes after %d rows, want less than %d: nobody restarted it", size, rows, rows*2*frame)
		}
		heal(ErrOver)
		events, err := wait()
		if err != nil || len(events) != 1 || events[0].Kind != run.KindCheckpoint || events[0].Node != "app-3" || !events[0].To.After(events[0].From) {
			t.Errorf("%+v, %v; want one event of app-3", events, err)
		}
		if size := writeRows(t, c, rows); size < rows*2*frame {
			t.Errorf("the WAL has %d bytes after %d rows more, want %d or more: somebody goes on checkpointing", size, rows, rows*2*frame)
		}
	})
}

// The node is lost in the midst of it: that is an error, and the other sessions
// end all the same.
func TestCheckpointOfANodeThatDies(t *testing.T) {
	c := start(t, store.WAL, 5000)
	ctx, heal := context.WithCancelCause(t.Context())
	defer heal(nil)
	wait, err := Begin(ctx, run.Checkpoint{Node: "app-2", Mode: store.CheckpointTruncate, Sessions: 2}, target(c))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Kill(t.Context(), "app-2"); err != nil {
		t.Fatal(err)
	}
	if events, err := wait(); err == nil || !strings.HasPrefix(err.Error(), "checkpoint: ") || len(events) != 1 {
		t.Errorf("%+v, %v; want what was done, and an error", events, err)
	}
}

func TestCheckpointThatCannotBegin(t *testing.T) {
	c := start(t, store.WAL, 5000)
	for _, tt := range []struct {
		name string
		c    run.Checkpoint
		want string
	}{
		{"no such node", run.Checkpoint{Node: "app-9", Mode: store.CheckpointPassive, Sessions: 1}, `"app-9"`},
		{"no session", run.Checkpoint{Node: "app-1", Mode: store.CheckpointPassive}, "at least 1 session"},
		{"more sessions than a node opens", run.Checkpoint{Node: "app-1", Mode: store.CheckpointPassive, Sessions: 17}, nodeapi.CodeOverloaded},
	} {
		if _, err := Begin(t.Context(), tt.c, target(c)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", tt.name, err, tt.want)
		}
	}
	// Those that had been opened are closed again: there is room for as many.
	ctx, heal := context.WithCancelCause(t.Context())
	defer heal(nil)
	wait, err := Begin(ctx, run.Checkpoint{Node: "app-1", Mode: store.CheckpointPassive, Sessions: 16}, target(c))
	if err != nil {
		t.Fatal(err)
	}
	heal(ErrOver)
	if _, err := wait(); err != nil {
		t.Error(err)
	}
}
