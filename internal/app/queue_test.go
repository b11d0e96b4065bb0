package app_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

func queued(change func(*store.Discipline)) store.Discipline {
	d := discipline(change)
	d.Writer = store.Queue
	return d
}

// A crowd is requests that wait together behind one that keeps the writer busy,
// so that they become one batch.
type crowd struct {
	t    *testing.T
	db   *app.DB
	free chan struct{}
	errs []error
	wg   sync.WaitGroup
}

func gather(t *testing.T, db *app.DB) *crowd {
	t.Helper()
	g := &crowd{t: t, db: db, free: make(chan struct{})}
	busy := make(chan struct{})
	g.wg.Go(func() {
		_ = db.Update(t.Context(), func(*app.Tx) error {
			close(busy)
			<-g.free
			return nil
		})
	})
	<-busy
	return g
}

// join adds a request and returns once it waits.
func (g *crowd) join(ctx context.Context, fn func(*app.Tx) error) {
	i := len(g.errs)
	g.errs = append(g.errs, nil)
	g.wg.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				g.errs[i] = fmt.Errorf("panic: %v", p)
			}
		}()
		g.errs[i] = g.db.Update(ctx, fn)
	})
	for g.waiting() <= i {
		time.Sleep(time.Millisecond)
	}
}

func (g *crowd) waiting() int {
	return g.db.Waiting()
}

func (g *crowd) run() []error {
	close(g.free)
	g.wg.Wait()
	return g.errs
}

func add(key string) func(*app.Tx) error {
	return func(tx *app.Tx) error {
		n, err := tx.Counter(key)
		if err != nil {
			return err
		}
		return tx.SetCounter(key, n+1)
	}
}

func count(t *testing.T, db *app.DB, key string) (n int64) {
	t.Helper()
	must(t, db.View(t.Context(), func(tx *app.Tx) (err error) {
		n, err = tx.Counter(key)
		return err
	}))
	return n
}

// Of a batch, only what fails fails, and takes back all that it wrote.
func TestQueueFailsAlone(t *testing.T) {
	for _, style := range []store.Transaction{store.Immediate, store.Exclusive, store.Atomic} {
		t.Run(string(style), func(t *testing.T) {
			db := open(t, file(t), queued(func(d *store.Discipline) { d.Transaction = style }), app.Options{})
			errs := failAlone(t, db)
			var e *store.Error
			if !errors.As(errs[5], &e) || e.Code != "SQLITE_CONSTRAINT" || e.Refused || e.Unsure {
				t.Errorf("a constraint came as %v", errs[5])
			}
			if batches, requests := db.Batches(); batches != 2 || requests != 8 {
				t.Errorf("%d batches of %d requests in all, want 2 and 8", batches, requests)
			}
			must(t, db.Update(t.Context(), add("k"))) // on another connection: one has panicked
		})
	}
}

// failAlone makes one batch of requests, three of which are good: the first, the
// fourth and the last. The sixth breaks a constraint.
func failAlone(t *testing.T, db *app.DB) (errs []error) {
	t.Helper()
	own := errors.New("changed its mind")
	g := gather(t, db)
	g.join(t.Context(), add("k"))
	g.join(t.Context(), func(tx *app.Tx) error {
		return errors.Join(add("k")(tx), tx.SetCounter("bad", 1), own)
	})
	g.join(t.Context(), func(tx *app.Tx) error {
		_ = add("k")(tx)
		panic("in mid-air")
	})
	g.join(t.Context(), add("k"))
	g.join(t.Context(), func(tx *app.Tx) error {
		_ = add("k")(tx)
		_, err := tx.TakeStock("nothing", 1)
		return err
	})
	g.join(t.Context(), func(tx *app.Tx) error {
		_ = add("k")(tx)
		_ = tx.Violate() // which an application overlooks
		return nil
	})
	g.join(t.Context(), add("k"))
	errs = g.run()
	for _, i := range []int{0, 3, 6} {
		must(t, errs[i])
	}
	switch {
	case !errors.Is(errs[1], own):
		t.Errorf("own error came as %v", errs[1])
	case errs[2] == nil || !strings.Contains(errs[2].Error(), "in mid-air") || !strings.Contains(errs[2].Error(), "failAlone"):
		t.Errorf("a panic came as %v, want it with the stack of fn", errs[2])
	case !errors.Is(errs[4], store.ErrNoSuch):
		t.Errorf("no stock came as %v", errs[4])
	}
	if k, bad := count(t, db, "k"), count(t, db, "bad"); k != 3 || bad != 0 {
		t.Errorf("counters are %d and %d, want 3 and 0: a failed request left something, or took something with it", k, bad)
	}
	return errs
}

// Where BEGIN is refused, everyone in the batch is, and may try again.
func TestQueueBeginRefused(t *testing.T) {
	path := file(t)
	var waits int // told on the writer's goroutine, and read after it has ended
	db, err := app.Open(t.Context(), sqlite.At(path), queued(func(d *store.Discipline) { d.BusyTimeout = 100 }),
		app.Options{LockWait: func(time.Duration) { waits++ }})
	must(t, err)
	holder := start(t, "hold", path, discipline(nil))
	holder.awaitReady()
	for i, err := range all(t, db, 4) {
		var e *store.Error
		if !errors.As(err, &e) || !e.Refused || !e.TimedOut || e.Unsure {
			t.Errorf("request %d: %v, want it refused after busy_timeout", i, err)
		}
	}
	holder.goOn()
	if n := count(t, db, "k"); n != 0 {
		t.Errorf("counter is %d, want 0", n)
	}
	must(t, db.Update(t.Context(), add("k")))
	batches, _ := db.Batches()
	must(t, db.Close())
	if int64(waits) != batches {
		t.Errorf("%d waits for the lock were told of %d transactions", waits, batches)
	}
}

// all makes n increments at once and returns what became of them.
func all(t *testing.T, db *app.DB, n int) []error {
	errs := make([]error, n)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() { errs[i] = db.Update(t.Context(), add("k")) })
	}
	group.Wait()
	return errs
}

// In a rollback journal it is the COMMIT that a reader refuses. Whoever had
// failed before keeps the error that it had.
func TestQueueCommitRefused(t *testing.T) {
	path := file(t)
	db := open(t, path, queued(func(d *store.Discipline) { d.Journal, d.BusyTimeout = store.Delete, 50 }), app.Options{})
	g := gather(t, db)
	own := errors.New("changed its mind")
	g.join(t.Context(), add("k"))
	g.join(t.Context(), func(tx *app.Tx) error { return errors.Join(add("k")(tx), own) })
	g.join(t.Context(), add("k"))
	reader := start(t, "read", path, discipline(func(d *store.Discipline) { d.Journal = store.Delete }))
	reader.awaitReady()
	errs := g.run()
	for _, i := range []int{0, 2} {
		var e *store.Error
		if !errors.As(errs[i], &e) || e.Op != "commit" || !e.Refused || e.Unsure {
			t.Errorf("request %d: %v, want its commit refused", i, errs[i])
		}
	}
	if !errors.Is(errs[1], own) {
		t.Errorf("own error came as %v", errs[1])
	}
	reader.goOn()
	if n := count(t, db, "k"); n != 0 {
		t.Errorf("counter is %d after a refused commit, want 0", n)
	}
	must(t, db.Update(t.Context(), add("k")))
}

// Where SQLite has rolled back the whole transaction by itself, as it may after
// an error of the disk, nobody in it took effect, and all of them can know.
func TestQueueTransactionLost(t *testing.T) {
	db := open(t, file(t), queued(nil), app.Options{})
	g := gather(t, db)
	g.join(t.Context(), add("k"))
	g.join(t.Context(), func(tx *app.Tx) error {
		_ = tx.LoseTransaction() // what SQLite does then
		return tx.Violate()
	})
	g.join(t.Context(), add("k"))
	for i, err := range g.run() {
		var e *store.Error
		if !errors.As(err, &e) || e.Code != "SQLITE_CONSTRAINT" || e.Refused || e.Unsure {
			t.Errorf("request %d: %v, want the error that ended the transaction, and certainty", i, err)
		}
	}
	if n := count(t, db, "k"); n != 0 {
		t.Errorf("counter is %d, want 0", n)
	}
	must(t, db.Update(t.Context(), add("k")))
}

func TestQueueOnBadDisk(t *testing.T) {
	child := start(t, "disk-error", file(t), queued(nil))
	if said := child.goOn(); said != "commit SQLITE_IOERR refused=false unsure=true" && !strings.HasPrefix(said, "commit SQLITE_FULL") {
		t.Errorf("a commit on a bad disk: %s", said)
	}
}

// The context bounds the wait for the writer and nothing after it.
func TestQueueContext(t *testing.T) {
	db := open(t, file(t), queued(nil), app.Options{})
	g := gather(t, db)
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	taken := make(chan struct{})
	g.join(t.Context(), func(*app.Tx) error { cancel(gone); <-taken; return nil })
	g.join(ctx, add("k")) // taken up with the first, and not before
	early, cancelEarly := context.WithCancelCause(t.Context())
	g.wg.Go(func() {
		err := db.Update(early, add("k"))
		if !errors.Is(err, gone) {
			t.Errorf("a wait that was given up ended with %v", err)
		}
	})
	for g.waiting() < 3 {
		time.Sleep(time.Millisecond)
	}
	cancelEarly(gone)
	for g.waiting() > 2 {
		time.Sleep(time.Millisecond)
	}
	time.AfterFunc(20*time.Millisecond, func() { close(taken) })
	for i, err := range g.run() {
		if err != nil {
			t.Errorf("request %d, taken up already, ended with %v", i, err)
		}
	}
	if n := count(t, db, "k"); n != 1 {
		t.Errorf("counter is %d, want 1", n)
	}
}

// Whoever leaves with the turn to write passes it on: the requests behind, and the
// one after, still are written.
func TestQueueTurnIsPassedOn(t *testing.T) {
	db := open(t, file(t), queued(nil), app.Options{})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var left, written atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 100 {
				ctx := t.Context()
				if i%2 == 0 {
					ctx = gone // which is seen with the turn, before it, or too late
				}
				switch err := db.Update(ctx, add("k")); {
				case err == nil:
					written.Add(1)
				case i%2 == 0 && errors.Is(err, context.Canceled):
					left.Add(1)
				default:
					t.Errorf("%v", err)
				}
			}
		})
	}
	wg.Wait()
	if n := count(t, db, "k"); n != written.Load() || n+left.Load() != 400 || left.Load() == 0 {
		t.Errorf("%d written, %d acknowledged and %d left, want 400 in all and some that left", n, written.Load(), left.Load())
	}
}

// Close finishes what waits, and nothing joins after it. Reads meanwhile have
// connections of their own.
func TestQueueClose(t *testing.T) {
	path := file(t)
	db, err := app.Open(t.Context(), sqlite.At(path), queued(nil), app.Options{})
	must(t, err)
	g := gather(t, db)
	for range 3 {
		g.join(t.Context(), add("k"))
	}
	if n := count(t, db, "k"); n != 0 {
		t.Errorf("a read sees %d of a transaction that is not committed", n)
	}
	closed := make(chan error, 1)
	go func() { closed <- db.Close() }()
	<-db.Closing()
	for _, err := range g.run() {
		must(t, err)
	}
	must(t, <-closed)
	if err := db.Update(t.Context(), add("k")); !errors.Is(err, store.ErrClosed) {
		t.Errorf("after Close an update ends with %v", err)
	}
	facts, err := app.Inspect(t.Context(), sqlite.At(path))
	must(t, err)
	if facts.Counters["k"] != 3 {
		t.Errorf("counter is %d after Close, want 3", facts.Counters["k"])
	}
}

// Everyone in a batch waited until the batch had the lock, and had it until the
// batch was over.
func TestQueueTrace(t *testing.T) {
	var attempts []locktrace.Attempt // appended to by whoever has the turn to write
	db, err := app.Open(t.Context(), sqlite.At(file(t)), queued(nil), app.Options{Trace: func(a locktrace.Attempt) { attempts = append(attempts, a) }})
	must(t, err)
	g := gather(t, db)
	g.join(t.Context(), add("k"))
	g.join(t.Context(), (*app.Tx).Violate)
	g.run()
	must(t, db.Close())
	if len(attempts) != 3 {
		t.Fatalf("%d attempts were told, want 3", len(attempts))
	}
	first, a, b := attempts[0], attempts[1], attempts[2]
	if a.Kind != locktrace.Write || a.Began > first.Ended || a.Locked < first.Ended || a.Locked != b.Locked || a.Ended != b.Ended ||
		a.Code != "" || b.Code != "SQLITE_CONSTRAINT_NOTNULL" {
		t.Errorf("attempts are %+v", attempts)
	}
}

// early says for how long before its COMMIT the queue of a child has answered
// already.
var early = map[string]time.Duration{"queue-early": 5 * time.Millisecond}

// queueLoad writes rows from sixteen clients until it is killed, and says which
// have been acknowledged. One in three says that it is bad and fails after it
// has written.
func queueLoad(ctx context.Context, db *app.DB) error {
	fmt.Println("ready")
	var group sync.WaitGroup
	for client := range 16 {
		group.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%d-%d", client, i)
				bad := i%3 == 2
				if bad {
					name = "bad-" + name
				}
				err := db.Update(ctx, func(tx *app.Tx) error {
					_, err := tx.Insert(name)
					if err == nil && bad {
						err = tx.Violate()
					}
					return err
				})
				if err == nil {
					_, _ = os.Stdout.WriteString(name + "\n") // one write: a line is whole or not there
				}
			}
		})
	}
	group.Wait()
	return nil
}

// TestQueueKilled kills a process in the middle of its batches, again and again
// on one file: what was acknowledged is there, what failed is not. And where the
// queue answers before its COMMIT, the same test sees that.
func TestQueueKilled(t *testing.T) {
	for _, tt := range []struct {
		role string
		lost bool
	}{{"queue", false}, {"queue-early", true}} {
		t.Run(tt.role, func(t *testing.T) {
			killAgainAndAgain(t, tt.role, file(t), queued(func(d *store.Discipline) { d.Synchronous = store.Full }), 20, tt.lost)
		})
	}
}

// killAgainAndAgain kills a node of a role so often on one database, and compares
// what it acknowledged with what is there.
func killAgainAndAgain(t *testing.T, role, at string, d store.Discipline, kills int, wantLost bool) {
	t.Helper()
	all := map[string]int{} // acknowledged, by name
	var facts store.Facts
	var total, lost, bad int
	// Whether a kill meets the moment between the answer and the COMMIT is chance: where
	// something should be lost, it may take more kills.
	for round := 0; round == 0 || wantLost && lost == 0 && round < 10; round++ {
		for range kills {
			for _, name := range killedWhileWriting(t, role, at, d) {
				all[name]++
			}
		}
		var err error
		facts, err = app.Inspect(t.Context(), source(at, d))
		must(t, err)
		acknowledged := maps.Clone(all)
		total, lost, bad = 0, 0, 0
		for _, row := range facts.Rows {
			acknowledged[row.Content]--
			if strings.HasPrefix(row.Content, "bad-") {
				bad++
			}
		}
		for _, n := range acknowledged {
			total++
			lost += max(n, 0)
		}
	}
	t.Logf("%d kills and more: %d rows, %d acknowledged ones lost, %d of failed requests kept", kills, len(facts.Rows), lost, bad)
	if bad > 0 || facts.Integrity != "ok" && facts.Integrity != "" || total == 0 {
		t.Errorf("%d rows of failed requests are there, integrity %s, %d names", bad, facts.Integrity, total)
	}
	if (lost > 0) != wantLost {
		t.Errorf("%d acknowledged rows are lost; some should be: %t", lost, wantLost)
	}
}

// killedWhileWriting starts a child, kills it after a while and returns the
// names that it acknowledged.
func killedWhileWriting(t *testing.T, role, at string, d store.Discipline) (names []string) {
	t.Helper()
	child := start(t, role, at, d)
	child.awaitReady()
	time.AfterFunc(20*time.Millisecond+rand.N(60*time.Millisecond), func() { _ = child.cmd.Process.Kill() })
	lines := bufio.NewScanner(child.out)
	for lines.Scan() {
		names = append(names, lines.Text())
	}
	_ = child.cmd.Wait() // it was killed
	return names
}
