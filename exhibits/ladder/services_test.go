package ladder_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"example.com/contend/exhibits/ladder"
	busytimeout "example.com/contend/exhibits/ladder/busy-timeout"
	"example.com/contend/exhibits/ladder/fair"
	"example.com/contend/exhibits/ladder/immediate"
	postgresforupdate "example.com/contend/exhibits/ladder/postgres-for-update"
	postgresnaive "example.com/contend/exhibits/ladder/postgres-naive"
	postgresqueue "example.com/contend/exhibits/ladder/postgres-queue"
	postgresreadcommitted "example.com/contend/exhibits/ladder/postgres-read-committed"
	postgresserializable "example.com/contend/exhibits/ladder/postgres-serializable"
	postgresupdate "example.com/contend/exhibits/ladder/postgres-update"
	"example.com/contend/exhibits/ladder/queue"
	"example.com/contend/exhibits/ladder/red"
	rqlitenaive "example.com/contend/exhibits/ladder/rqlite-naive"
	rqlitequeue "example.com/contend/exhibits/ladder/rqlite-queue"
	rqliteupdate "example.com/contend/exhibits/ladder/rqlite-update"
	"example.com/contend/exhibits/ladder/wal"
	"example.com/contend/internal/testproc"
)

// A service is what every rung's application is.
type service interface {
	Increment(ctx context.Context, key string) (int64, error)
	Close() error
}

// opener makes one shape of the services' Open functions, whose types differ.
func opener[S service](open func(context.Context, string) (S, error)) func(string) (service, error) {
	return func(database string) (service, error) { return open(context.Background(), database) }
}

var openers = map[string]func(database string) (service, error){
	"red":                     opener(red.Open),
	"busy-timeout":            opener(busytimeout.Open),
	"wal":                     opener(wal.Open),
	"immediate":               opener(immediate.Open),
	"fair":                    opener(fair.Open),
	"queue":                   opener(queue.Open),
	"postgres-naive":          opener(postgresnaive.Open),
	"postgres-read-committed": opener(postgresreadcommitted.Open),
	"postgres-update":         opener(postgresupdate.Open),
	"postgres-queue":          opener(postgresqueue.Open),
	"postgres-for-update":     opener(postgresforupdate.Open),
	"postgres-serializable":   opener(postgresserializable.Open),
	"rqlite-naive":            opener(rqlitenaive.Open),
	"rqlite-update":           opener(rqliteupdate.Open),
	"rqlite-queue":            opener(rqlitequeue.Open),
}

func TestMain(m *testing.M) {
	testproc.Main(map[string]testproc.Role{"count": count, "acknowledge": acknowledge})
	os.Exit(m.Run())
}

// No service is counted that is not run.
func TestEveryServiceIsRun(t *testing.T) {
	files, err := filepath.Glob("*/app.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if _, run := openers[filepath.Dir(file)]; !run {
			t.Errorf("%s is not run by these tests", file)
		}
	}
	if len(files) != len(openers) {
		t.Errorf("%d services, and these tests run %d", len(files), len(openers))
	}
}

const (
	processes = 2
	clients   = 4  // of each process
	calls     = 25 // of each client
	all       = processes * clients * calls
)

// count is a process that opens the database args[1] as the rung args[0] does,
// increments with all its clients at once when its input ends, and prints how
// many increments succeeded. An error other than a refusal ends it.
func count(args []string) error {
	s, err := openers[args[0]](args[1])
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	results := make([]int, clients)
	errs := make([]error, clients)
	var wait sync.WaitGroup
	for c := range clients {
		wait.Go(func() { results[c], errs[c] = client(s) })
	}
	wait.Wait()
	ok := 0
	for _, n := range results {
		ok += n
	}
	fmt.Println(ok)
	return errors.Join(append(errs, s.Close())...)
}

// client returns how many of its increments succeeded.
func client(s service) (ok int, err error) {
	for range calls {
		switch _, err := s.Increment(context.Background(), "visits"); {
		case err == nil:
			ok++
		case !refused(err):
			return ok, err
		}
	}
	return ok, nil
}

// refused reports whether err says that others were in the way.
func refused(err error) bool {
	var busy *sqlite.Error
	var failure *pgconn.PgError
	return errors.As(err, &busy) && busy.Code()&0xff == sqlite3.SQLITE_BUSY ||
		errors.As(err, &failure) && failure.Code == "40001"
}

// together lets several processes increment one counter at the same time, and
// returns how many increments succeeded. The table has to be there: making it is
// not what is tested.
func together(t *testing.T, rung, database string) (ok int) {
	t.Helper()
	type process struct {
		start func() error
		out   *bufio.Reader
		cmd   *exec.Cmd
	}
	var started []process
	for range processes {
		cmd := testproc.Command("count", rung, database)
		cmd.Stderr = os.Stderr
		in, errIn := cmd.StdinPipe()
		out, errOut := cmd.StdoutPipe()
		if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		started = append(started, process{in.Close, bufio.NewReader(out), cmd})
	}
	for _, p := range started {
		if _, err := p.out.ReadString('\n'); err != nil {
			t.Fatalf("%s did not open: %v", rung, err)
		}
	}
	for _, p := range started {
		if err := p.start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range started {
		var n int
		if _, err := fmt.Fscan(p.out, &n); err != nil {
			t.Errorf("%s did not say what succeeded: %v", rung, err)
		}
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("%s: %v", rung, err)
		}
		ok += n
	}
	return ok
}

// next increments once, with nobody else about, and returns the counter.
func next(t *testing.T, rung, database string) int {
	t.Helper()
	s, err := openers[rung](database)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	value, err := s.Increment(t.Context(), "visits")
	if err != nil {
		t.Fatal(err)
	}
	return int(value)
}

// tally returns how many increments of processes that count together succeeded,
// and by how many the counter grew.
func tally(t *testing.T, rung, database string) (ok, grown int) {
	t.Helper()
	before := next(t, rung, database)
	ok = together(t, rung, database)
	grown = next(t, rung, database) - before - 1
	t.Logf("the counter grew by %d with %d acknowledged increments of %d", grown, ok, all)
	return ok, grown
}

// A careful rung loses nothing that it acknowledged, and waits rather than
// refuses: BEGIN DEFERRED loses nothing either, but acknowledges an eighth.
func losesNothing(t *testing.T, rung, database string) {
	t.Helper()
	if ok, grown := tally(t, rung, database); grown != ok || ok < all/2 {
		t.Errorf("the counter grew by %d with %d acknowledged increments of %d", grown, ok, all)
	}
}

// A naive rung that waits for locks does, which is also how these tests are known
// to see a loss.
func losesSome(t *testing.T, rung, database string) {
	t.Helper()
	for range 5 { // the more often, the less it hangs on luck
		ok, grown := tally(t, rung, database)
		if grown > ok {
			t.Errorf("the counter grew by %d with %d acknowledged increments", grown, ok)
		}
		if grown < ok {
			return
		}
	}
	t.Error("no increment was lost, want some: it reads, then writes")
}

func file(t *testing.T) string { return filepath.Join(t.TempDir(), "app.db") }

func TestSQLite(t *testing.T) {
	for _, rung := range []string{"immediate", "fair", "queue"} {
		t.Run(rung, func(t *testing.T) { losesNothing(t, rung, file(t)) })
	}
	for _, rung := range []string{"busy-timeout", "wal"} {
		t.Run(rung, func(t *testing.T) { losesSome(t, rung, file(t)) })
	}
}

// Red refuses instead: it seldom gets as far as losing something.
func TestRedRefuses(t *testing.T) {
	if ok, grown := tally(t, "red", file(t)); ok == 0 || ok >= all || grown > ok {
		t.Errorf("the counter grew by %d with %d acknowledged increments of %d, want some refused", grown, ok, all)
	}
}

// A journal mode is part of the file.
func TestWALIsOn(t *testing.T) {
	for rung, want := range map[string]string{"red": "delete", "busy-timeout": "delete", "wal": "wal", "immediate": "wal", "fair": "wal", "queue": "wal"} {
		database := file(t)
		next(t, rung, database)
		db, err := sql.Open("sqlite", database)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := db.QueryRow(`PRAGMA journal_mode`).Scan(&got); err != nil || got != want {
			t.Errorf("%s: journal mode %q, %v; want %q", rung, got, err, want)
		}
		db.Close()
	}
}

// A request that fails has no effect, and those beside it in its batch have
// theirs. RAISE(FAIL) keeps what the statement has done so far
// (https://sqlite.org/lang_createtrigger.html#raise), so that only the savepoint
// can undo it.
func TestQueueFailsAlone(t *testing.T) {
	defer goleak.VerifyNone(t)
	database := file(t)
	s, err := queue.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", database+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`INSERT INTO counters VALUES ('bad', 7);
		CREATE TRIGGER bad AFTER UPDATE ON counters WHEN new.key = 'bad' BEGIN SELECT RAISE(FAIL, 'bad'); END`); err != nil {
		t.Fatal(err)
	}
	othersGoOn(t, s, db, 50)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Increment(t.Context(), "good"); err == nil {
		t.Error("it counts on after Close")
	}
}

// othersGoOn has n increments of a counter that fail at once with n of another one, and
// reads both counters back: the ones have no effect, the others have theirs.
func othersGoOn(t *testing.T, s service, db *sql.DB, n int) {
	t.Helper()
	var wait sync.WaitGroup
	for range n {
		wait.Go(func() {
			if _, err := s.Increment(t.Context(), "good"); err != nil {
				t.Errorf("good: %v", err)
			}
		})
		wait.Go(func() {
			if v, err := s.Increment(t.Context(), "bad"); err == nil {
				t.Errorf("bad: %d, want an error", v)
			}
		})
	}
	wait.Wait()
	var good, bad int
	if err := errors.Join(
		db.QueryRow(`SELECT value FROM counters WHERE key = 'good'`).Scan(&good),
		db.QueryRow(`SELECT value FROM counters WHERE key = 'bad'`).Scan(&bad)); err != nil || good != n || bad != 7 {
		t.Errorf("good is %d and bad %d, %v; want %d and still 7", good, bad, err, n)
	}
}

// acknowledge is a process that increments without end and prints a line for
// each increment that is acknowledged.
func acknowledge(args []string) error {
	s, err := openers[args[0]](args[1])
	if err != nil {
		return err
	}
	for range 8 {
		go func() {
			for {
				if _, err := s.Increment(context.Background(), "visits"); err == nil {
					fmt.Println("ok")
				}
			}
		}()
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// What the queue acknowledges is committed: killed in mid-load, it has kept it.
func TestQueueKeepsWhatItAcknowledged(t *testing.T) {
	for range 5 {
		database := file(t)
		cmd := testproc.Command("acknowledge", "queue", database)
		cmd.Stderr = os.Stderr
		_, errIn := cmd.StdinPipe() // open for as long as the process is to run
		out, errOut := cmd.StdoutPipe()
		if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
			t.Fatal(err)
		}
		lines, acknowledged := bufio.NewScanner(out), 0
		for lines.Scan() {
			if acknowledged++; acknowledged == 100 {
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait()
		if got := next(t, "queue", database) - 1; got < acknowledged || acknowledged < 100 {
			t.Errorf("the counter is %d after %d acknowledged increments", got, acknowledged)
		}
	}
}

// A wait ends with its request.
func TestFairEndsWithItsContext(t *testing.T) {
	database := file(t)
	s, err := fair.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	db, err := sql.Open("sqlite", database+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	holder, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Rollback()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if v, err := s.Increment(ctx, "visits"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%d, %v; want the context's end", v, err)
	}
}

// checkHTTP sees a rung's service behind the handler that all of them share.
func checkHTTP(t *testing.T, rung, database string) {
	t.Helper()
	s, err := openers[rung](database)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	post := func(body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		ladder.ServeIncrement(w, httptest.NewRequest(http.MethodPost, "/api/increment", strings.NewReader(body)), s.Increment)
		return w
	}
	for want := range int64(3) {
		var answer struct{ Value int64 }
		w := post(fmt.Sprintf(`{"key":%q}`, rung+" over HTTP"))
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK || answer.Value != want+1 {
			t.Errorf("%s: %d %s, want the value %d", rung, w.Code, w.Body, want+1)
		}
	}
	if w := post(`{"key":7}`); w.Code != http.StatusBadRequest {
		t.Errorf("%s: %d for a bad request", rung, w.Code)
	}
}

func TestHTTP(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, rung := range []string{"red", "busy-timeout", "wal", "immediate", "fair", "queue"} {
		checkHTTP(t, rung, file(t))
	}
}
