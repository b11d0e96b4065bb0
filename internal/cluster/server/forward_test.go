package server

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/store"
	client "example.com/contend/internal/store/rqlite"
)

// Why the client has nodes redirect and not forward: a follower that gets no
// answer from the leader in time sends the write again, on a new connection,
// and the leader does both. One request, two increments. Whether rqlite still
// does that is logged; that the client does not is asserted.
func TestAWriteIsNotSentTwice(t *testing.T) {
	s := startRqlite(t)
	url := fresh(t, s)
	a, err := client.Parse(url)
	must(t, err)
	freeze := func(ask func(follower string)) {
		leader, err := s.leader(t.Context())
		must(t, err)
		follower := s.hosts[0]
		if s.daemons[0] == leader {
			follower = s.hosts[1]
		}
		must(t, syscall.Kill(leader.process.PID(), syscall.SIGSTOP))
		asked := make(chan struct{})
		go func() { defer close(asked); ask(follower) }()
		time.Sleep(300 * time.Millisecond) // shorter than a leader's lease, so that it stays the leader
		must(t, syscall.Kill(leader.process.PID(), syscall.SIGCONT))
		<-asked
	}
	freeze(func(follower string) {
		resp, err := http.Post("http://"+follower+"/db/execute?timeout=100ms", "application/json",
			strings.NewReader(`[["INSERT INTO `+a.Prefix+`_counters (key, value) VALUES ('forwarded', 1) ON CONFLICT (key) DO UPDATE SET value = value + 1"]]`))
		if err == nil {
			resp.Body.Close()
		}
	})
	http.DefaultClient.CloseIdleConnections()
	d := store.Green().With(store.RqliteHTTP)
	var db *app.DB
	must(t, patiently(t.Context(), func() (err error) { // a busy disk alone can take longer than the client's patience
		db, err = app.Open(t.Context(), client.At(url), d, app.Options{Patience: 100 * time.Millisecond})
		return err
	}))
	defer db.Close()
	var unsure error
	freeze(func(string) {
		unsure = db.Update(t.Context(), func(tx *app.Tx) error {
			_, err := tx.AddCounter("redirected", 1)
			return err
		})
	})
	time.Sleep(300 * time.Millisecond) // for what is still on its way to the leader
	facts, err := s.Inspect(t.Context(), url)
	must(t, err)
	t.Logf("one write each: forwarded %d times, redirected %d times (%v)", facts.Counters["forwarded"], facts.Counters["redirected"], unsure)
	if e, ok := unsure.(*store.Error); !ok || !e.Unsure || e.Refused {
		t.Errorf("a write whose answer did not come ended with %v, want unsure", unsure)
	}
	if n := facts.Counters["redirected"]; n > 1 {
		t.Errorf("one write was done %d times", n)
	}
}
