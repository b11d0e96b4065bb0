package fault

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/cluster/local"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/testbin"
)

var binary string

func TestMain(m *testing.M) { os.Exit(testbin.Main(&binary, m.Run)) }

// start starts real nodes, and makes sure that the test leaves nothing running.
func start(t *testing.T, journal store.Journal, timeout store.Milliseconds) *local.Cluster {
	t.Helper()
	d := store.Red()
	d.Journal, d.BusyTimeout, d.Pool = journal, timeout, 4
	c, err := local.Start(t.Context(), cluster.Spec{Nodes: 3, Discipline: d, Dir: t.TempDir(), Lab: true, Binary: binary})
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
	return c
}

func target(c cluster.Cluster) Target {
	return Target{Cluster: c, Chance: rand.New(rand.NewPCG(1, 2))}
}

// write asks a node for one row and returns the code of its refusal, empty where it took it.
func write(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Post(url+nodeapi.PathWrite, "application/json", strings.NewReader(`{"data":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var refusal nodeapi.Error
	if err := json.Unmarshal(body, &refusal); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return refusal.Code
}

func TestHold(t *testing.T) {
	for _, journal := range []store.Journal{store.Delete, store.WAL} {
		t.Run(string(journal), func(t *testing.T) {
			c := start(t, journal, 0)
			ctx, heal := context.WithCancelCause(t.Context())
			defer heal(nil)
			began := time.Now()
			wait, err := Begin(ctx, run.Hold{Node: "app-2", For: 300 * time.Millisecond}, target(c))
			if err != nil {
				t.Fatal(err)
			}
			for _, node := range c.Nodes() {
				if code := write(t, node.URL); code != nodeapi.CodeBusy {
					t.Errorf("%s: a write while the lock was held ended with %q, want %s", node.Name, code, nodeapi.CodeBusy)
				}
			}
			heal(ErrOver) // the load is over, and the hold is not
			time.Sleep(600 * time.Millisecond)
			late := time.Now() // the event tells when the hold was over, not when somebody asked
			events, err := wait()
			if err != nil || len(events) != 1 || events[0].Kind != run.KindHold || events[0].Node != "app-2" {
				t.Fatalf("events %+v, %v; want one hold of app-2", events, err)
			}
			if e := events[0]; e.From.Before(began) || !e.To.After(e.From) || e.To.Sub(began) < 300*time.Millisecond || e.To.After(late) {
				t.Errorf("it lasted from %s to %s, want 300ms and more from %s, and the end before %s", e.From, e.To, began, late)
			}
			if code := write(t, c.Nodes()[0].URL); code != "" {
				t.Errorf("a write after the hold ended with %s", code)
			}
		})
	}
}

// A run that is cut short does not wait for the hold to end by itself.
func TestHoldIsGivenUp(t *testing.T) {
	c := start(t, store.WAL, 10_000)
	ctx, cancel := context.WithCancelCause(t.Context())
	wait, err := Begin(ctx, run.Hold{Node: "app-1", For: time.Minute}, target(c))
	if err != nil {
		t.Fatal(err)
	}
	cancel(errors.New("interrupted"))
	if events, err := wait(); err != nil || len(events) != 1 {
		t.Errorf("events %+v, %v; want the hold and no error", events, err)
	}
	if code := write(t, c.Nodes()[1].URL); code != "" {
		t.Errorf("a write after the hold was given up ended with %s", code)
	}
}

func TestHoldThatCannotBegin(t *testing.T) {
	c := start(t, store.Delete, 0)
	if _, err := Begin(t.Context(), run.Hold{Node: "app-9", For: time.Second}, target(c)); err == nil || !strings.Contains(err.Error(), `"app-9"`) {
		t.Errorf("error %v, want one that names the node", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	if err := c.Kill(ctx, "app-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := Begin(ctx, run.Hold{Node: "app-1", For: time.Second}, target(c)); err == nil {
		t.Error("a dead node holds the lock")
	}
}

// crashFor crashes c until as many rounds are over, or the test takes too long.
func crashFor(t *testing.T, c *local.Cluster, rounds int) []run.FaultEvent {
	t.Helper()
	ctx, heal := context.WithCancelCause(t.Context())
	defer heal(nil)
	seen := &counted{Cluster: c, looks: make(chan struct{}, 100)}
	wait, err := Begin(ctx, run.Crash{Within: 50 * time.Millisecond}, target(seen))
	if err != nil {
		t.Fatal(err)
	}
	for range 1 + rounds { // the first look is before the first crash
		select {
		case <-seen.looks:
		case <-time.After(time.Minute):
			t.Fatal("it does not crash")
		}
	}
	heal(ErrOver)
	events, err := wait()
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// counted is a cluster that tells when it is looked at.
type counted struct {
	*local.Cluster
	looks chan struct{}
}

func (c *counted) Left() (cluster.Left, error) {
	c.looks <- struct{}{}
	return c.Cluster.Left()
}

func TestCrash(t *testing.T) {
	for _, journal := range []store.Journal{store.Delete, store.WAL} {
		t.Run(string(journal), func(t *testing.T) {
			c := start(t, journal, 5000)
			const rows = 5
			for range rows {
				if code := write(t, c.URL()); code != "" {
					t.Fatalf("a write ended with %s", code)
				}
			}
			events := crashFor(t, c, 4)
			looks, kills := split(events)
			if len(looks) < 5 || len(kills) != 3*(len(looks)-1) {
				t.Fatalf("%d looks and %d kills; want 5 or more, and three kills for each but the first", len(looks), len(kills))
			}
			for i, look := range looks {
				if look.Integrity != "ok" || look.Rows != rows {
					t.Errorf("look %d: integrity %q and %d rows, want ok and %d: nothing else was committed", i, look.Integrity, look.Rows, rows)
				}
				// The first, the third … crash has a victim in a transaction.
				if victim := i%2 == 1; victim && (look.Journal == 0 || look.Hot != (journal == store.Delete)) {
					t.Errorf("look %d: %d bytes of journal, hot: %t", i, look.Journal, look.Hot)
				}
			}
			for _, kill := range kills {
				if kill.Node == "" || !kill.To.After(kill.From) {
					t.Errorf("%+v: want a node, killed and serving later", kill)
				}
			}
			for _, node := range c.Nodes() {
				if code := write(t, node.URL); code != "" {
					t.Errorf("%s is not healed: %s", node.Name, code)
				}
			}
		})
	}
}

func split(events []run.FaultEvent) (looks, kills []run.FaultEvent) {
	for _, e := range events {
		if e.Kind == run.KindLook {
			looks = append(looks, e)
		} else {
			kills = append(kills, e)
		}
	}
	return looks, kills
}

// Whatever goes wrong in a round, no node is left dead.
func TestCrashHealsWhatItCannotLookAt(t *testing.T) {
	c := start(t, store.Delete, 5000)
	blind := &blind{Cluster: c}
	wait, err := Begin(t.Context(), run.Crash{Within: 10 * time.Millisecond}, target(blind))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wait(); err == nil || !strings.Contains(err.Error(), "crash 1: look at the journal: no eyes") {
		t.Errorf("error %v, want the one of the first crash's look", err)
	}
	for _, node := range c.Nodes() {
		if code := write(t, node.URL); code != "" {
			t.Errorf("%s is not healed: %s", node.Name, code)
		}
	}
}

// blind is a cluster that can be looked at only once.
type blind struct {
	*local.Cluster
	looked bool
}

func (b *blind) Left() (cluster.Left, error) {
	if b.looked {
		return cluster.Left{}, errors.New("no eyes")
	}
	b.looked = true
	return b.Cluster.Left()
}

func TestCrashNeedsNodesThatCanBeKilled(t *testing.T) {
	if _, err := Begin(t.Context(), run.Crash{}, Target{Cluster: immortal{}}); err == nil {
		t.Error("it began")
	}
}

type immortal struct{ cluster.Cluster }

// Chance decides when nodes are killed, within bounds, and a seed names it.
func TestCrashPause(t *testing.T) {
	c := run.Crash{Within: 400 * time.Millisecond}
	pauses := func(seed uint64) (all []time.Duration) {
		chance := rand.New(rand.NewPCG(seed, 0))
		for range 50 {
			all = append(all, pause(c, chance))
		}
		return all
	}
	a, again, other := pauses(1), pauses(1), pauses(2)
	same := 0
	for i, d := range a {
		if d < 100*time.Millisecond || d > 400*time.Millisecond {
			t.Errorf("a pause of %s, want 100ms to 400ms", d)
		}
		if d != again[i] {
			t.Errorf("one seed, two pauses: %s and %s", d, again[i])
		}
		if d == other[i] {
			same++
		}
	}
	if same == len(a) {
		t.Error("two seeds, one row of pauses")
	}
}

func TestFaultsSayWhatTheyDo(t *testing.T) {
	for f, want := range map[run.Fault]string{
		run.Hold{Node: "app-1", For: 5 * time.Second}: "app-1 holds the write lock for 5s",
		run.Crash{Within: time.Second}:                "every node is killed with SIGKILL, again and again",
		run.Kill{Node: "app-1"}:                       "app-1 is killed with SIGKILL while it writes",
		run.Strike{Whom: "app-1"}:                     "app-1 is killed with SIGKILL",
	} {
		if got := f.String(); got != want {
			t.Errorf("%T says %q, want %q", f, got, want)
		}
	}
}
