package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/contend/internal/app"
	"example.com/contend/internal/cluster/server"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/postgres"
)

// shared is the server of all tests that do not hurt it.
var shared struct {
	once   sync.Once
	server *server.Postgres
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.server != nil {
		if err := shared.server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// fresh returns the URL of an empty schema on the shared server.
func fresh(t *testing.T) string {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.err = server.StartPostgres(context.Background(), os.TempDir()) })
	need(t, shared.err)
	return schema(t, shared.server)
}

// need skips a test where there is no PostgreSQL, but not in CI, which can have it.
func need(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, server.ErrNoPostgres) && os.Getenv("CI") != "true" {
		t.Skipf("not tested against PostgreSQL: %v", err)
	}
	must(t, err)
}

func schema(t *testing.T, s *server.Postgres) string {
	t.Helper()
	url, err := s.Fresh(t.Context())
	must(t, err)
	t.Cleanup(func() { must(t, s.Drop(context.Background(), url)) })
	return url
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// discipline is a quick one.
func discipline(style store.Transaction) store.Discipline {
	return store.Discipline{
		Driver: store.Pgx, Synchronous: store.Off, Transaction: style, BusyTimeout: 5000, Writer: store.Direct, Pool: 2,
	}
}

func open(t *testing.T, url string, d store.Discipline, o app.Options) *app.DB {
	t.Helper()
	db, err := app.Open(t.Context(), postgres.At(url), d, o)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

// increment is the application's, under db's discipline. It thinks between the
// read and the write, so that others come in between wherever they can.
func increment(db *app.DB, style store.Transaction) error {
	return db.Update(context.Background(), func(tx *app.Tx) error {
		if style == store.Atomic {
			_, err := tx.AddCounter("k", 1)
			return err
		}
		n, err := tx.Counter("k")
		if err != nil {
			return err
		}
		time.Sleep(200 * time.Microsecond)
		return tx.SetCounter("k", n+1)
	})
}

func counter(t *testing.T, db *app.DB) (n int64) {
	t.Helper()
	must(t, db.View(t.Context(), func(tx *app.Tx) (err error) {
		n, err = tx.Counter("k")
		return err
	}))
	return n
}

// storeError returns the store's error, which err must be.
func storeError(t *testing.T, err error) *store.Error {
	t.Helper()
	var e *store.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want one of the database", err)
	}
	return e
}

// certain checks that e is a refusal by that name.
func certain(t *testing.T, e *store.Error, code, sqlstate string) {
	t.Helper()
	if e.Code != code || e.Extended != sqlstate || !e.Refused || e.Unsure {
		t.Errorf("got %+v, want a certain refusal by %s (%s)", e, code, sqlstate)
	}
}

// eventually waits until fn is true.
func eventually(t *testing.T, what string, fn func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !fn(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen in 20 s", what)
		}
	}
}

var styles = []store.Transaction{store.Separate, store.ReadCommitted, store.ForUpdate, store.Serializable, store.Atomic}
