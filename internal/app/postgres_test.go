package app_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/contend/internal/app"
	pgserver "example.com/contend/internal/cluster/server"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/postgres"
)

// server is the PostgreSQL of the tests that do not hurt it.
var server struct {
	once   sync.Once
	server *pgserver.Postgres
	err    error
}

// schema returns the URL of an empty schema. It skips the test where there is no
// PostgreSQL, but not in CI, which can have it.
func schema(t *testing.T) string {
	t.Helper()
	if isOneOfMany() {
		t.Skip("done in the process that started this one: it is about no driver of SQLite's")
	}
	server.once.Do(func() { server.server, server.err = pgserver.StartPostgres(context.Background(), os.TempDir()) })
	return schemaOf(t, server.server, server.err)
}

func schemaOf(t *testing.T, s *pgserver.Postgres, err error) string {
	t.Helper()
	if errors.Is(err, pgserver.ErrNoPostgres) && os.Getenv("CI") != "true" {
		t.Skipf("not tested against PostgreSQL: %v", err)
	}
	must(t, err)
	url, err := s.Fresh(t.Context())
	must(t, err)
	t.Cleanup(func() { must(t, s.Drop(context.Background(), url)) })
	return url
}

// queuedPostgres is a discipline with a queue on PostgreSQL.
func queuedPostgres(style store.Transaction) store.Discipline {
	return store.Discipline{
		Driver: store.Pgx, Synchronous: store.Full, Transaction: style, BusyTimeout: 5000, Writer: store.Queue, Pool: 2,
	}
}

// queuedStyles are those that PostgreSQL's queue can have.
var queuedStyles = []store.Transaction{store.ReadCommitted, store.ForUpdate, store.Serializable, store.Atomic}

func openPostgres(t *testing.T, url string, d store.Discipline) *app.DB {
	t.Helper()
	db, err := app.Open(t.Context(), postgres.At(url), d, app.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

// PostgreSQL takes no further statement of a transaction after an error; a
// savepoint for each request keeps it from being everybody's.
func TestPostgresQueueFailsAlone(t *testing.T) {
	for _, style := range queuedStyles {
		t.Run(string(style), func(t *testing.T) {
			db := openPostgres(t, schema(t), queuedPostgres(style))
			errs := failAlone(t, db)
			var e *store.Error
			if !errors.As(errs[5], &e) || e.Code != "NOT_NULL_VIOLATION" || e.Refused || e.Unsure {
				t.Errorf("a constraint came as %v", errs[5])
			}
			if batches, requests := db.Batches(); batches != 2 || requests != 8 {
				t.Errorf("%d batches of %d requests in all, want 2 and 8", batches, requests)
			}
			must(t, db.Update(t.Context(), add("k"))) // on another connection: one has panicked
		})
	}
}

// Several nodes with a queue each, and counters that are not there yet: the
// careful styles lose nothing. Within one node, where nobody else comes in
// between, READ COMMITTED does not either.
func TestPostgresQueuesCount(t *testing.T) {
	for style, nodes := range map[store.Transaction]int{store.ReadCommitted: 1, store.ForUpdate: 3, store.Serializable: 3, store.Atomic: 3} {
		t.Run(string(style), func(t *testing.T) {
			url := schema(t)
			var done atomic.Int64
			var group sync.WaitGroup
			var dbs []*app.DB
			for range nodes {
				db := openPostgres(t, url, queuedPostgres(style))
				dbs = append(dbs, db)
				for range 4 {
					group.Go(func() {
						for range 25 {
							err := db.Update(t.Context(), func(tx *app.Tx) error { return increment(tx, queuedPostgres(style)) })
							var e *store.Error
							switch {
							case err == nil:
								done.Add(1)
							case !errors.As(err, &e) || !e.Refused || e.Unsure:
								t.Errorf("increment: %v", err)
							}
						}
					})
				}
			}
			group.Wait()
			if n := count(t, dbs[0], "k"); n != done.Load() || n == 0 {
				t.Errorf("counter is %d after %d acknowledged", n, done.Load())
			}
		})
	}
}

// Of a node that is killed in the middle of its batches, what was acknowledged is
// there, what failed is not. And where the queue answers before its COMMIT, the
// same test sees that.
func TestPostgresQueueKilled(t *testing.T) {
	for role, wantLost := range map[string]bool{"queue": false, "queue-early": true} {
		t.Run(role, func(t *testing.T) {
			killAgainAndAgain(t, role, schema(t), queuedPostgres(store.ForUpdate), 8, wantLost)
		})
	}
}

// A server that is killed leaves nobody of a batch acknowledged: the requests are
// unsure where the COMMIT was on its way, and else refused. Whoever comes while
// it is away is refused at once, and the queue goes on by itself.
func TestPostgresQueueWhenTheServerIsKilled(t *testing.T) {
	if isOneOfMany() {
		t.Skip("it is about no driver of SQLite's")
	}
	s, err := pgserver.StartPostgres(t.Context(), os.TempDir())
	if err == nil {
		t.Cleanup(func() { must(t, s.Close()) })
	}
	url := schemaOf(t, s, err)
	db := openPostgres(t, url, queuedPostgres(store.ForUpdate))
	var done, unsure, refused atomic.Int64
	stop := make(chan struct{})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				err := db.Update(context.Background(), add("k"))
				var e *store.Error
				switch {
				case err == nil:
					done.Add(1)
				case errors.As(err, &e) && e.Unsure && !e.Refused:
					unsure.Add(1)
				case errors.As(err, &e) && e.Refused:
					refused.Add(1)
				default:
					t.Errorf("neither done, refused nor unsure: %v", err)
				}
			}
		})
	}
	for range 3 {
		reach(t, &done, done.Load()+100)
		must(t, s.Kill(t.Context()))
		reach(t, &refused, refused.Load()+8)
		must(t, s.Restart(t.Context()))
	}
	reach(t, &done, done.Load()+100)
	close(stop)
	group.Wait()
	for db.View(t.Context(), func(tx *app.Tx) error { _, err := tx.Counter("k"); return err }) != nil {
		time.Sleep(time.Millisecond) // reads have connections of their own, which come back in their own time
	}
	n := count(t, db, "k")
	t.Logf("counter %d: %d acknowledged, %d unsure, %d refused", n, done.Load(), unsure.Load(), refused.Load())
	if n < done.Load() || n > done.Load()+unsure.Load() {
		t.Errorf("counter is %d after %d acknowledged and %d unsure", n, done.Load(), unsure.Load())
	}
}

// reach waits until n is as much as want.
func reach(t *testing.T, n *atomic.Int64, want int64) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); n.Load() < want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d, and not %d after 30 s", n.Load(), want)
		}
	}
}

// A queue has a connection of its own beside the pool, and a server has room for
// both of four nodes.
func TestPostgresQueueLeavesRoomForOthers(t *testing.T) {
	d := queuedPostgres(store.Atomic)
	d.Pool = 200
	got, err := openPostgres(t, schema(t), d).Settings(t.Context())
	must(t, err)
	if got["pool"] != "70" { // (300 - 10) / 4, less one for the probe and one for the writer
		t.Errorf("the pool has %s connections, want 70", got["pool"])
	}
}
