package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/store"
	client "example.com/contend/internal/store/rqlite"
)

func TestStartRqliteRefusesADirectoryThatHoldsSomething(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "kept")
	must(t, os.WriteFile(kept, nil, 0o600))
	if _, err := StartRqlite(t.Context(), "rqlited", dir); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("error is %v", err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("what was in the directory is gone: %v", err)
	}
}

func TestStartRqliteOfAnotherProgramShowsItsLastWords(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "program")
	must(t, os.WriteFile(bin, []byte("#!/bin/sh\necho 'I am not rqlite'\nexit 3\n"), 0o700))
	data := filepath.Join(dir, "data")
	if _, err := StartRqlite(t.Context(), bin, data); err == nil || !strings.Contains(err.Error(), "I am not rqlite") {
		t.Errorf("error is %v", err)
	}
	if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its directory is still there: %v", err)
	}
}

func TestStartRqliteIsCancelled(t *testing.T) {
	bin, dir := binary(t), filepath.Join(t.TempDir(), "rqlite")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // an election takes longer
	defer cancel()
	if _, err := StartRqlite(ctx, bin, dir); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its directory is still there: %v", err)
	}
}

func TestUseRqliteOfWhatIsNotRqlite(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) }))
	defer web.Close()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, nobody.Close())
	for _, url := range []string{web.URL, nobody.Addr().String(), "http://user@host:1/path", ""} {
		if _, err := UseRqlite(t.Context(), []string{url}); err == nil {
			t.Errorf("%q was taken for an rqlite cluster", url)
		}
	}
}

func TestLifeOfRqlite(t *testing.T) {
	s := startRqlite(t)
	t.Log(s.Says())
	if !strings.HasPrefix(s.Label(), "rqlite 1") || !strings.Contains(s.Says(), "3 nodes, leader rqlite-") {
		t.Errorf("it is %s: %s", s.Label(), s.Says())
	}
	url := fresh(t, s)
	must(t, open(t, url, nil).Update(t.Context(), add))
	facts, err := s.Inspect(t.Context(), url)
	must(t, err)
	if facts.Counters["k"] != 1 || facts.Integrity != "ok" || facts.Journal != store.WAL {
		t.Errorf("it holds %+v", facts)
	}
	if used, err := s.CPU(); err != nil || used <= 0 {
		t.Errorf("its processor time is %s, %v", used, err)
	}
	must(t, s.Drop(t.Context(), url))
	if _, err := s.Inspect(t.Context(), url); err == nil {
		t.Error("tables that were dropped were read")
	}
	must(t, s.Close())
	for _, n := range s.daemons {
		if n.process.Running() {
			t.Errorf("%s outlived Close", n.name)
		}
	}
	if _, err := os.Stat(s.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its directory is still there: %v", err)
	}
}

// Another server's tables, and anything else that was not made here, stay.
func TestRemoteRqlite(t *testing.T) {
	private := startRqlite(t)
	theirs := fresh(t, private)
	given, err := UseRqlite(t.Context(), []string{"http://" + private.hosts[0] + "/", private.hosts[1]})
	must(t, err)
	mine := fresh(t, given)
	must(t, open(t, mine, nil).Update(t.Context(), add))
	for _, refused := range []error{given.Kill(t.Context()), given.Restart(t.Context()), given.Drop(t.Context(), theirs)} {
		if refused == nil {
			t.Error("it did to a given cluster what it must not")
		}
	}
	if _, err := given.CPU(); err == nil {
		t.Error("it measured a cluster on other machines")
	}
	must(t, given.Drop(t.Context(), mine))
	must(t, given.Close())
	if _, err := private.Inspect(t.Context(), theirs); err != nil {
		t.Errorf("after the visitor has gone: %v", err)
	}
}

// Both applications do the same to the same cluster. The one that reads and then
// writes loses updates at either level: the read is right when it is answered,
// and old when the write comes.
func TestNaiveLosesAndAtomicDoesNot(t *testing.T) {
	const clients, each = 8, 12
	s := startRqlite(t)
	for _, level := range []string{"", "&level=linearizable"} {
		for name, app := range map[string]struct {
			change func(*store.Discipline)
			do     func(*app.Tx) error
			loses  bool
		}{
			"naive":  {separate, readThenSet, true},
			"atomic": {nil, add, false},
			"queue":  {queued, add, false},
		} {
			t.Run(name+level, func(t *testing.T) {
				url := fresh(t, s)
				db := open(t, url+level, app.change)
				var c tally
				var asked atomic.Int64
				ctx, cancel := context.WithCancel(t.Context())
				hammer(ctx, clients, func(int) {
					if asked.Add(1) > clients*each {
						cancel()
						return
					}
					c.count(db.Update(t.Context(), app.do))
				})
				facts, err := s.Inspect(t.Context(), url)
				must(t, err)
				lost := c.ok.Load() - facts.Counters["k"]
				t.Logf("%d acknowledged, %d lost", c.ok.Load(), lost)
				if c.ok.Load() != clients*each || (lost > 0) != app.loses || lost < 0 {
					t.Errorf("%d acknowledged, %d refused, %d unknown, %d lost", c.ok.Load(), c.refused.Load(), c.unsure.Load(), lost)
				}
			})
		}
	}
}

// The leader is killed while 16 clients write, twice. What was acknowledged is
// there, what was refused is not, and what is unknown is called so.
func TestLeaderIsKilledUnderLoad(t *testing.T) {
	s := startRqlite(t)
	t.Run("direct", func(t *testing.T) { leaderIsKilled(t, s, nil) })
	t.Run("queue", func(t *testing.T) { leaderIsKilled(t, s, queued) })
}

func leaderIsKilled(t *testing.T, s *Rqlite, change func(*store.Discipline)) {
	url := fresh(t, s)
	db := open(t, url, change)
	var c tally
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		hammer(ctx, 16, func(int) {
			err := db.Update(t.Context(), add)
			c.count(err)
			if err != nil {
				time.Sleep(5 * time.Millisecond)
			}
		})
	}()
	for range 2 {
		mark := c.ok.Load()
		within(t, "load", func() bool { return c.ok.Load() > mark+200 })
		killed := time.Now()
		must(t, s.Kill(t.Context()))
		mark = c.ok.Load()
		if _, err := s.Inspect(t.Context(), url); err != nil {
			t.Errorf("nobody waited for the election: %v", err)
		}
		if err := s.Kill(t.Context()); err == nil {
			t.Error("a second node was killed, which leaves no majority")
		}
		within(t, "writes after the leader's end", func() bool { return c.ok.Load() > mark })
		t.Logf("writes went on within %s: %d acknowledged, %d refused, %d unknown so far", time.Since(killed).Round(time.Millisecond), mark, c.refused.Load(), c.unsure.Load())
		must(t, s.Restart(t.Context()))
	}
	stop()
	<-ended
	facts, err := s.Inspect(t.Context(), url)
	must(t, err)
	final := facts.Counters["k"]
	t.Logf("%d acknowledged, %d refused, %d unknown, final %d", c.ok.Load(), c.refused.Load(), c.unsure.Load(), final)
	if final < c.ok.Load() || final > c.ok.Load()+c.unsure.Load() {
		t.Errorf("final is not within acknowledged and acknowledged and unknown")
	}
	if c.refused.Load()+c.unsure.Load() == 0 || c.other.Load() != 0 {
		t.Errorf("nobody noticed that the leader was gone, or %d had an error that says nothing", c.other.Load())
	}
	if used, err := s.CPU(); err != nil || used <= 0 {
		t.Errorf("processor time after a restart is %s, %v", used, err)
	}
}

// A cluster without a majority acknowledges nothing, and the last node says so.
func TestNoMajority(t *testing.T) {
	s := startRqlite(t)
	db := open(t, fresh(t, s), nil)
	must(t, db.Update(t.Context(), add))
	leader, err := s.leader(t.Context())
	must(t, err)
	for _, n := range s.daemons {
		if n != leader {
			n.kill()
		}
	}
	// A leader that has not yet noticed that it is alone takes the write into its
	// log: whoever joins it later may still find it there.
	var e *store.Error
	err = db.Update(t.Context(), add)
	t.Logf("the first write of a leader alone: %v", err)
	if !errors.As(err, &e) || !(e.Unsure && e.Extended == client.CodeLeadership || e.Refused && e.Extended == client.CodeNoLeader) {
		t.Errorf("the write of a leader alone ended with %v", err)
	}
	if err := db.Update(t.Context(), add); !errors.As(err, &e) || !e.Refused || e.Extended != client.CodeNoLeader {
		t.Errorf("a write without a leader ended with %v", err)
	}
	if err := db.Check(t.Context()); err == nil {
		t.Error("without a leader it called itself healthy")
	}
	for _, n := range s.daemons {
		if n != leader {
			must(t, n.start())
		}
	}
	for _, n := range s.daemons {
		must(t, n.await(t.Context()))
	}
	must(t, db.Update(t.Context(), add))
	var n int64
	must(t, db.View(t.Context(), func(tx *app.Tx) (err error) {
		n, err = tx.Counter("k")
		return err
	}))
	if n != 2 && n != 3 {
		t.Errorf("the counter is %d, want 2 acknowledged and perhaps 1 unknown", n)
	}
}
