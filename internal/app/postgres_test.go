package app_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/contend/internal/app"
	pgserver "example.com/contend/internal/cluster/server"
	"example.com/contend/internal/nodeapi"
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
	for _, style := range []store.Transaction{store.ForUpdate, store.Atomic} {
		for role, wantLost := range map[string]bool{"queue": false, "queue-early": true} {
			t.Run(string(style)+"/"+role, func(t *testing.T) {
				killAgainAndAgain(t, role, schema(t), queuedPostgres(style), 8, wantLost)
			})
		}
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
	for _, style := range []store.Transaction{store.ForUpdate, store.Atomic} {
		t.Run(string(style), func(t *testing.T) { whenKilled(t, s, openPostgres(t, schemaOf(t, s, err), queuedPostgres(style))) })
	}
}

func whenKilled(t *testing.T, s *pgserver.Postgres, db *app.DB) {
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
				err := db.Update(context.Background(), call(nodeapi.PathIncrement, `{"key":"k"}`).Do)
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

// What waits goes to PostgreSQL in one round trip where each request says that its
// statement is its last, else in one for each statement that a request has, and one
// for the COMMIT.
func TestPostgresQueueSharesRoundTrips(t *testing.T) {
	for name, tt := range map[string]struct {
		path, request string
		sent          int64
		commits       int64
	}{
		"one statement":     {nodeapi.PathIncrement, `{"key":"k"}`, 1, 0},
		"two statements":    {nodeapi.PathTransfer, `{"from":"a","to":"b","amount":1}`, 2, 0},
		"one that asks why": {nodeapi.PathPurchase, `{"item":"nothing","quantity":1}`, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var trips trips
			url := schema(t)
			source := func(d store.Discipline, p *store.Program, patience time.Duration) (store.Database, error) {
				database, err := postgres.At(url)(d, p, patience)
				return counted{database, &trips}, err
			}
			db, err := app.Open(t.Context(), source, queuedPostgres(store.Atomic), app.Options{})
			must(t, err)
			defer func() { must(t, db.Close()) }()
			must(t, db.Reset(t.Context(), func(tx *app.Tx) error { return errors.Join(tx.SetBalance("a", 100), tx.SetBalance("b", 100)) }))
			g := gather(t, db)
			for range 8 {
				g.join(t.Context(), func(tx *app.Tx) error { return call(tt.path, tt.request).Do(tx) })
			}
			trips.sent.Store(0)
			trips.controls.Store(0)
			for _, err := range g.run() {
				if err != nil && !errors.Is(err, store.ErrNoSuch) {
					t.Error(err)
				}
			}
			if sent, controls := trips.sent.Load(), trips.controls.Load(); sent != tt.sent || controls != tt.commits {
				t.Errorf("8 requests took %d round trips and %d for a COMMIT or the like, want %d and %d", sent, controls, tt.sent, tt.commits)
			}
		})
	}
}

// Trips counts round trips of statements, and those of BEGIN, COMMIT and the like.
type trips struct{ sent, controls atomic.Int64 }

type counted struct {
	store.Database
	trips *trips
}

func (c counted) Dial(ctx context.Context, use store.Use) (store.Conn, error) {
	conn, err := c.Database.Dial(ctx, use)
	if err != nil {
		return nil, err
	}
	return countedConn{conn.(store.Sender), c.trips}, nil
}

type countedConn struct {
	store.Sender
	trips *trips
}

func (c countedConn) Send(steps []*store.Step, whole bool) error {
	c.trips.sent.Add(1)
	return c.Sender.Send(steps, whole)
}

func (c countedConn) Do(which store.Control) error {
	c.trips.controls.Add(1)
	return c.Sender.Do(which)
}

func (c countedConn) Begin(style store.Transaction) error {
	c.trips.controls.Add(1)
	return c.Sender.Begin(style)
}

// Batches of several nodes that change the same rows, and transfers in opposite
// directions, wait for each other in one order: none is ended by the server for a
// deadlock.
func TestPostgresQueuesDoNotDeadlock(t *testing.T) {
	url := schema(t)
	const accounts, transfers = 5, 40
	var group sync.WaitGroup
	var dbs []*app.DB
	for range 3 {
		db := openPostgres(t, url, queuedPostgres(store.Atomic))
		dbs = append(dbs, db)
	}
	must(t, dbs[0].Reset(t.Context(), func(tx *app.Tx) (err error) {
		for i := range accounts {
			err = errors.Join(err, tx.SetBalance(strconv.Itoa(i), 1000))
		}
		return err
	}))
	for client, db := range slices.Repeat(dbs, 8) {
		group.Go(func() {
			for i := range transfers {
				from := (client + i) % accounts
				to := (from + 1 + i%(accounts-1)) % accounts
				request := fmt.Sprintf(`{"from":"%d","to":"%d","amount":1}`, from, to)
				if err := db.Update(t.Context(), call(nodeapi.PathTransfer, request).Do); err != nil {
					t.Error(err)
				}
				if err := db.Update(t.Context(), call(nodeapi.PathIncrement, fmt.Sprintf(`{"key":"%d"}`, from)).Do); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	var sum, counted int64
	must(t, dbs[0].View(t.Context(), func(tx *app.Tx) (err error) { sum, _, err = tx.Total(); return err }))
	for i := range accounts {
		counted += count(t, dbs[0], strconv.Itoa(i))
	}
	if sum != accounts*1000 || counted != 3*8*transfers {
		t.Errorf("the balances add up to %d and the counters to %d, want %d and %d", sum, counted, accounts*1000, 3*8*transfers)
	}
}
