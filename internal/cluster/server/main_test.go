package server

import (
	"context"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/contend/internal/app"
	"example.com/contend/internal/store"
	client "example.com/contend/internal/store/rqlite"
	"example.com/contend/internal/testproc"
)

func TestMain(m *testing.M) {
	testproc.Main(map[string]testproc.Role{"parent": parent})
	goleak.VerifyTestMain(m)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// binary returns rqlited's path. rqlite is no Go module that could be built for
// the tests, so they also skip in CI where nobody has installed it.
func binary(t *testing.T) string {
	t.Helper()
	bin, err := exec.LookPath("rqlited")
	if err != nil {
		t.Skip(err)
	}
	return bin
}

// startRqlite starts a cluster that ends with the test.
func startRqlite(t *testing.T) *Rqlite {
	t.Helper()
	s, err := StartRqlite(t.Context(), binary(t), filepath.Join(t.TempDir(), "rqlite"))
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func fresh(t *testing.T, s *Rqlite) (url string) {
	t.Helper()
	url, err := s.Fresh(t.Context())
	must(t, err)
	return url
}

func open(t *testing.T, url string, change func(*store.Discipline)) *app.DB {
	t.Helper()
	d := store.Green().With(store.RqliteHTTP)
	d.Think = 0
	if change != nil {
		change(&d)
	}
	db, err := app.Open(t.Context(), client.At(url), d, app.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func separate(d *store.Discipline) { d.Transaction = store.Separate }

func queued(d *store.Discipline) { d.Writer = store.Queue }

// add is the careful application's increment, readThenSet the naive one's.
func add(tx *app.Tx) error {
	_, err := tx.AddCounter("k", 1)
	return err
}

func readThenSet(tx *app.Tx) error {
	n, err := tx.Counter("k")
	if err != nil {
		return err
	}
	return tx.SetCounter("k", n+1)
}

// A tally counts what became of attempts.
type tally struct{ ok, refused, unsure, other atomic.Int64 }

func (c *tally) count(err error) {
	e, _ := err.(*store.Error)
	switch {
	case err == nil:
		c.ok.Add(1)
	case e != nil && e.Refused:
		c.refused.Add(1)
	case e != nil && e.Unsure:
		c.unsure.Add(1)
	default:
		c.other.Add(1)
	}
}

// hammer has n clients call do until ctx is done.
func hammer(ctx context.Context, n int, do func(client int)) {
	var clients sync.WaitGroup
	for i := range n {
		clients.Go(func() {
			for ctx.Err() == nil {
				do(i)
			}
		})
	}
	clients.Wait()
}

// within waits until ok, and fails the test when that takes too long.
func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	began := time.Now()
	for !ok() {
		if time.Since(began) > time.Minute {
			t.Fatalf("%s: not after a minute", what)
		}
		time.Sleep(time.Millisecond)
	}
}
