package scene_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/contend/history"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/cluster/local"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/scene"
	"example.com/contend/internal/store"
	"example.com/contend/internal/testbin"
)

var binary string

func TestMain(m *testing.M) { os.Exit(testbin.Main(&binary, m.Run)) }

// stage starts two nodes behind a balancer, with 10 cups in stock.
func stage(t *testing.T, journal store.Journal, busyTimeout store.Milliseconds) *local.Cluster {
	t.Helper()
	goleak.VerifyNone(t)
	d := store.Red()
	d.Journal, d.BusyTimeout, d.Pool = journal, busyTimeout, 1
	c, err := local.Start(t.Context(), cluster.Spec{
		Nodes: 2, Discipline: d, Dir: t.TempDir(), Lab: true, Binary: binary,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := c.Stop(ctx); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
		goleak.VerifyNone(t)
	})
	resp, err := http.Post(c.Nodes()[0].URL+nodeapi.PathReset, "application/json", strings.NewReader(`{"item":"cup","stock":10}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return c
}

// on returns a step of session A on app-1 or session B on app-2.
func on(session, do string) run.Step {
	return run.Step{Session: session, Node: map[string]string{"A": "app-1", "B": "app-2"}[session], Do: do}
}

func cup(session, do string, value int64) run.Step {
	s := on(session, do)
	s.Name, s.Value = "cup", value
	return s
}

func play(t *testing.T, c *local.Cluster, steps ...run.Step) []run.StepEvent {
	t.Helper()
	events, err := scene.Play(t.Context(), c.URL(), &run.Scene{Name: t.Name(), Steps: steps})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// told says what came of a step, without times.
func told(e run.StepEvent) string {
	s := fmt.Sprintf("%s %s: %s", e.Session, e.Do, e.Outcome)
	if e.Got.Valid {
		s += fmt.Sprintf(" %d", e.Got.Int64)
	}
	if e.Code != "" {
		s += " " + e.Code + "/" + e.Extended
	}
	if e.Open {
		s += ", open"
	}
	return s
}

func wantTold(t *testing.T, events []run.StepEvent, want ...string) {
	t.Helper()
	for i := range max(len(events), len(want)) {
		switch {
		case i >= len(events):
			t.Errorf("step %d: nothing, want %s", i+1, want[i])
		case i >= len(want):
			t.Errorf("step %d: %s, want nothing", i+1, told(events[i]))
		case told(events[i]) != want[i]:
			t.Errorf("step %d: %s, want %s", i+1, told(events[i]), want[i])
		}
	}
}

// took is how long a step's answer was waited for.
func took(e run.StepEvent) time.Duration { return e.Answered - e.Sent }

// In a rollback journal two deferred transactions that have both read cannot
// both write: the second is refused without a wait, and as long as it goes on
// reading, the first cannot commit (https://sqlite.org/lockingv3.html).
func TestDeferredTransactionsInARollbackJournal(t *testing.T) {
	c := stage(t, store.Delete, 300)
	events := play(t, c,
		on("A", nodeapi.DoBeginDeferred), on("B", nodeapi.DoBeginDeferred),
		cup("A", nodeapi.DoReadStock, 0), cup("B", nodeapi.DoReadStock, 0),
		cup("A", nodeapi.DoSetStock, 9), cup("B", nodeapi.DoSetStock, 8),
		on("A", nodeapi.DoCommit), on("B", nodeapi.DoRollback), on("A", nodeapi.DoCommit),
		cup("B", nodeapi.DoReadStock, 0),
	)
	wantTold(t, events,
		"A begin-deferred: ok, open", "B begin-deferred: ok, open",
		"A read-stock: ok 10, open", "B read-stock: ok 10, open",
		"A set-stock: ok 9, open",
		"B set-stock: failed SQLITE_BUSY/SQLITE_BUSY, open", // at once
		"A commit: failed SQLITE_TIMEOUT/SQLITE_BUSY, open", // after busy_timeout
		"B rollback: ok", "A commit: ok", "B read-stock: ok 9",
	)
	if patience := 300 * time.Millisecond; took(events[6]) < patience {
		t.Errorf("A's commit was refused after %s, want at least %s", took(events[6]), patience)
	}
}

// In WAL mode a snapshot that someone has written past cannot be written to,
// and waiting would not help (https://sqlite.org/rescode.html#busy_snapshot).
func TestStaleSnapshotInWAL(t *testing.T) {
	c := stage(t, store.WAL, 300)
	wantTold(t, play(t, c,
		on("A", nodeapi.DoBeginDeferred), cup("A", nodeapi.DoReadStock, 0),
		on("B", nodeapi.DoBeginImmediate), cup("B", nodeapi.DoSetStock, 9), on("B", nodeapi.DoCommit),
		cup("A", nodeapi.DoReadStock, 0), cup("A", nodeapi.DoSetStock, 8), on("A", nodeapi.DoRollback),
		cup("A", nodeapi.DoReadStock, 0),
	),
		"A begin-deferred: ok, open", "A read-stock: ok 10, open",
		"B begin-immediate: ok, open", "B set-stock: ok 9, open", "B commit: ok",
		"A read-stock: ok 10, open", // of its snapshot
		"A set-stock: failed SQLITE_BUSY/SQLITE_BUSY_SNAPSHOT, open", "A rollback: ok",
		"A read-stock: ok 9",
	)
}

// A reader keeps the WAL from being emptied (https://sqlite.org/wal.html,
// "Avoiding Excessively Large WAL Files").
func TestReaderBlocksCheckpoint(t *testing.T) {
	c := stage(t, store.WAL, 300)
	count, write := on("A", nodeapi.DoCountRows), on("B", nodeapi.DoWriteRows)
	write.Value = 50
	checkpoint := func(mode string) run.Step {
		s := on("B", nodeapi.DoCheckpoint)
		s.Name = mode
		return s
	}
	events := play(t, c,
		write, checkpoint("TRUNCATE"), on("A", nodeapi.DoBeginDeferred), count,
		write, on("B", nodeapi.DoWALSize), checkpoint("PASSIVE"), write, checkpoint("PASSIVE"), checkpoint("TRUNCATE"), on("B", nodeapi.DoWALSize), count,
		on("A", nodeapi.DoRollback), checkpoint("TRUNCATE"), on("B", nodeapi.DoWALSize), count,
	)
	for i, e := range events {
		if e.Outcome != history.OK {
			t.Errorf("step %d: %s", i+1, told(e))
		}
	}
	if first, last := events[5].Got.Int64, events[10].Got.Int64; first < 50*2048 || last <= first {
		t.Errorf("the WAL grew to %d and then %d bytes, want at least 100 KiB and then more", first, last)
	}
	if e := events[8]; e.Frames.Int64 <= e.Checkpointed.Int64 || e.Frames.Int64 < 50 {
		t.Errorf("PASSIVE moved %d of %d frames, want not all", e.Checkpointed.Int64, e.Frames.Int64)
	}
	if e := events[9]; !e.Blocked || took(e) < 300*time.Millisecond {
		t.Errorf("TRUNCATE: blocked %t after %s, want it blocked after busy_timeout", e.Blocked, took(e))
	}
	if n := events[11].Got; n != history.Some(50) {
		t.Errorf("the snapshot holds %v rows, want 50", n)
	}
	if events[13].Blocked || events[14].Got != history.Some(0) || events[15].Got != history.Some(150) {
		t.Errorf("without the reader: blocked %t, WAL %v, rows %v; want an empty WAL and 150 rows",
			events[13].Blocked, events[14].Got, events[15].Got)
	}
}

// Two containers that each read the stock and write it less one, without a
// transaction around it: one sale is lost.
func TestRelativeAndApart(t *testing.T) {
	c := stage(t, store.WAL, 10_000)
	sell := func(session string) run.Step {
		s := cup(session, nodeapi.DoSetStock, -1)
		s.Relative = true
		return s
	}
	events := play(t, c, cup("A", nodeapi.DoReadStock, 0), cup("B", nodeapi.DoReadStock, 0), sell("A"), sell("B"), cup("A", nodeapi.DoReadStock, 0))
	for _, i := range []int{2, 3} {
		if events[i].Wrote != history.Some(9) {
			t.Errorf("step %d wrote %v, want 9", i+1, events[i].Wrote)
		}
	}
	if events[4].Got != history.Some(9) {
		t.Errorf("%v left after two sales of 10", events[4].Got)
	}

	apart, late := on("B", nodeapi.DoBeginImmediate), on("A", nodeapi.DoCommit)
	apart.Apart, late.After = true, 50*time.Millisecond
	events = play(t, c, on("A", nodeapi.DoBeginImmediate), apart, late, on("B", nodeapi.DoRollback), sell("A"))
	wantTold(t, events,
		"A begin-immediate: ok, open", "B begin-immediate: ok, open", "A commit: ok", "B rollback: ok",
		"A set-stock: failed NOT_READ/") // nothing was sent
	if waited, commit, rollback := events[1], events[2], events[3]; waited.Answered < commit.Sent || rollback.Sent < waited.Answered ||
		commit.Sent-waited.Sent < late.After {
		t.Errorf("B waited from %s to %s, A's commit went out at %s and B's next step at %s",
			waited.Sent, waited.Answered, commit.Sent, rollback.Sent)
	}
}

func TestExclusiveBarsReadersInARollbackJournalOnly(t *testing.T) {
	for journal, want := range map[store.Journal]string{
		store.Delete: "B read-stock: failed SQLITE_TIMEOUT/SQLITE_BUSY",
		store.WAL:    "B read-stock: ok 10",
	} {
		t.Run(string(journal), func(t *testing.T) {
			c := stage(t, journal, 100)
			wantTold(t, play(t, c, on("A", nodeapi.DoBeginExclusive), cup("B", nodeapi.DoReadStock, 0)), "A begin-exclusive: ok, open", want)
		})
	}
}

func TestWhatCannotBePlayed(t *testing.T) {
	c := stage(t, store.WAL, 300)
	lock := on("A", nodeapi.DoBeginImmediate)
	nowhere := run.Step{Session: "C", Node: "app-9", Do: nodeapi.DoBeginDeferred}
	moved := on("A", nodeapi.DoCommit)
	moved.Node = "app-2"
	for name, c2 := range map[string]struct {
		step   run.Step
		events int
		says   string
	}{
		"no such statement": {on("B", "drop"), 2, "step 2, drop of session B: answer 400: INVALID_ARGUMENT"},
		"no such item":      {run.Step{Session: "B", Node: "app-2", Do: nodeapi.DoReadStock, Name: "pen"}, 2, "answer 404: NOT_FOUND"},
		"no such node":      {nowhere, 0, "open session C: answer 404"},
		"another node":      {moved, 0, "session A lives on app-1, not on app-2"},
	} {
		t.Run(name, func(t *testing.T) {
			events, err := scene.Play(t.Context(), c.URL(), &run.Scene{Name: "x", Steps: []run.Step{lock, c2.step, on("A", nodeapi.DoCommit)}})
			if err == nil || !strings.Contains(err.Error(), c2.says) || len(events) != c2.events {
				t.Errorf("%d events and %v, want %d and %q", len(events), err, c2.events, c2.says)
			}
		})
	}
	wantTold(t, play(t, c, lock), "A begin-immediate: ok, open") // no session of the scenes above has kept the lock
}

func TestPlayEndsWithItsContext(t *testing.T) {
	c := stage(t, store.WAL, 60_000)
	enough := errors.New("seen enough")
	ctx, stop := context.WithCancelCause(t.Context())
	blocked, never := on("B", nodeapi.DoBeginImmediate), on("A", nodeapi.DoCommit)
	blocked.Apart = true
	never.After = time.Hour
	go func() {
		awaitInFlight(c.Nodes()[1].URL)
		stop(enough)
	}()
	events, err := scene.Play(ctx, c.URL(), &run.Scene{Name: "x", Steps: []run.Step{
		on("A", nodeapi.DoBeginImmediate), cup("B", nodeapi.DoReadStock, 0), blocked, never,
	}})
	if !errors.Is(err, enough) {
		t.Errorf("error is %v, want the cause", err)
	}
	wantTold(t, events, "A begin-immediate: ok, open", "B read-stock: ok 10", "B begin-immediate: unknown CLIENT_TIMEOUT/")
	wantTold(t, play(t, c, on("B", nodeapi.DoBeginImmediate)), "B begin-immediate: ok, open")
}

// awaitInFlight waits until node has been at work on another request than its
// own for many looks in a row: one that waits for a lock.
func awaitInFlight(node string) {
	for seen := 0; seen < 20; {
		resp, err := http.Get(node + nodeapi.PathMetrics + "?format=prometheus")
		if err != nil {
			return
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if seen++; !strings.Contains(string(text), "contend_in_flight_requests 2\n") {
			seen = 0
		}
		time.Sleep(time.Millisecond)
	}
}
