package ladder_test

import (
	"context"
	"database/sql"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/contend/internal/cluster/server"
)

func TestPostgres(t *testing.T) {
	database := startPostgres(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, rung := range []string{"postgres-update", "postgres-queue", "postgres-for-update", "postgres-serializable"} {
		t.Run(rung, func(t *testing.T) { losesNothing(t, rung, database); checkHTTP(t, rung, database) })
	}
	for _, rung := range []string{"postgres-naive", "postgres-read-committed"} {
		t.Run(rung, func(t *testing.T) { losesSome(t, rung, database); checkHTTP(t, rung, database) })
	}
	t.Run("a request fails alone", func(t *testing.T) { failsAlone(t, database) })
}

// failsAlone has requests that fail beside others in a batch of postgres-queue.
func failsAlone(t *testing.T, database string) {
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`INSERT INTO counters VALUES ('bad', 7);
		CREATE FUNCTION bad() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'bad'; END $$;
		CREATE TRIGGER bad BEFORE UPDATE ON counters FOR EACH ROW WHEN (new.key = 'bad') EXECUTE FUNCTION bad()`); err != nil {
		t.Fatal(err)
	}
	s, err := openers["postgres-queue"](database)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	othersGoOn(t, s, db, 20)
}

func TestRqlite(t *testing.T) {
	database := startRqlite(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, rung := range []string{"rqlite-update", "rqlite-queue"} {
		t.Run(rung, func(t *testing.T) { losesNothing(t, rung, database); checkHTTP(t, rung, database) })
	}
	t.Run("rqlite-naive", func(t *testing.T) {
		losesSome(t, "rqlite-naive", database)
		checkHTTP(t, "rqlite-naive", database)
	})
}

// startPostgres starts a private server and returns the URL of a database there.
func startPostgres(t *testing.T) string {
	t.Helper()
	started, err := server.StartPostgres(t.Context(), t.TempDir())
	if errors.Is(err, server.ErrNoPostgres) {
		missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	return fresh(t, started)
}

// startRqlite starts three nodes and returns the URL of the first.
func startRqlite(t *testing.T) string {
	t.Helper()
	rqlited, err := exec.LookPath("rqlited")
	if err != nil {
		t.Skip(err)
	}
	started, err := server.StartRqlite(t.Context(), rqlited, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	nodes, _, _ := strings.Cut(strings.TrimPrefix(fresh(t, started), "rqlite://"), "?")
	first, _, _ := strings.Cut(nodes, ",")
	return "http://" + first
}

// fresh returns the URL of an empty database at a server, which is gone with the test.
func fresh(t *testing.T, server interface {
	Fresh(context.Context) (string, error)
	Close() error
}) string {
	t.Helper()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	url, err := server.Fresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// await returns when ready does without an error.
func await(t *testing.T, ready func() error) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := ready()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not ready: %v", err)
		}
	}
}
