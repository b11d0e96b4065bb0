package app_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

// on runs one statement on a session and returns whether a transaction is open
// afterwards.
func on(t *testing.T, db *app.DB, name string, fn func(*app.Session) error) bool {
	t.Helper()
	open, err := db.Session(t.Context(), name, fn)
	must(t, err)
	return open
}

func begin(style store.Transaction) func(*app.Session) error {
	return func(s *app.Session) error { return s.Begin(style) }
}

func setIn(value int64) func(*app.Session) error {
	return func(s *app.Session) error { return s.SetCounter("k", value) }
}

func TestSessionKeepsItsTransaction(t *testing.T) {
	for _, style := range []store.Transaction{store.Deferred, store.Immediate, store.Exclusive} {
		t.Run(string(style), func(t *testing.T) {
			db := open(t, file(t), discipline(nil), app.Options{})
			if !on(t, db, "A", begin(style)) || !on(t, db, "A", setIn(5)) {
				t.Error("the transaction is not open")
			}
			if n := counter(t, db); n != 0 {
				t.Errorf("the counter is %d before the commit", n)
			}
			if on(t, db, "A", (*app.Session).Commit) {
				t.Error("the transaction is open after its commit")
			}
			if n := counter(t, db); n != 5 {
				t.Errorf("the counter is %d after the commit, want 5", n)
			}
			on(t, db, "A", begin(style))
			on(t, db, "A", setIn(6))
			if on(t, db, "A", (*app.Session).Rollback) || counter(t, db) != 5 {
				t.Error("the rollback left something")
			}
			if on(t, db, "A", setIn(7)) || counter(t, db) != 7 {
				t.Error("a lone statement was not committed")
			}
		})
	}
}

// Statements that have no place in the session's state change nothing about it.
func TestSessionStatementsOutOfPlace(t *testing.T) {
	db := open(t, file(t), discipline(nil), app.Options{})
	for _, fn := range []func(*app.Session) error{(*app.Session).Commit, (*app.Session).Rollback} {
		open, err := db.Session(t.Context(), "A", fn)
		if e := refusedBy(t, err); e.Code != "SQLITE_ERROR" || e.Refused || e.Unsure || open {
			t.Errorf("got %+v, open %t; want a plain SQLITE_ERROR", e, open)
		}
	}
	on(t, db, "A", begin(store.Immediate))
	on(t, db, "A", setIn(3))
	isOpen, err := db.Session(t.Context(), "A", begin(store.Deferred))
	if e := refusedBy(t, err); e.Code != "SQLITE_ERROR" || !isOpen {
		t.Errorf("got %+v, open %t; want a plain SQLITE_ERROR and the first transaction", e, isOpen)
	}
	on(t, db, "A", (*app.Session).Commit)
	if n := counter(t, db); n != 3 {
		t.Errorf("the counter is %d, want 3", n)
	}
	if _, err := db.Session(t.Context(), "A", begin(store.Separate)); err == nil {
		t.Error("no error for a style that has no BEGIN")
	}
	if _, err := db.Session(t.Context(), "A", func(s *app.Session) error {
		_, err := s.Checkpoint("HARD")
		return err
	}); err == nil {
		t.Error("no error for a checkpoint of no mode")
	}
}

func TestSessionIsRolledBackWhenItCloses(t *testing.T) {
	db := open(t, file(t), discipline(func(d *store.Discipline) { d.BusyTimeout = 0 }), app.Options{})
	on(t, db, "A", begin(store.Immediate))
	on(t, db, "A", setIn(5))
	if e := refusedBy(t, db.Update(t.Context(), set(6))); !e.Refused {
		t.Errorf("got %+v, want a refusal", e)
	}
	must(t, db.CloseSession(t.Context(), "A"))
	must(t, db.CloseSession(t.Context(), "A")) // there is none any more
	must(t, db.Update(t.Context(), set(6)))
	if on(t, db, "A", func(*app.Session) error { return nil }) {
		t.Error("a new session of that name has the old one's transaction")
	}
}

func TestSessionServesOneAtATime(t *testing.T) {
	db := open(t, file(t), discipline(nil), app.Options{})
	entered, leave, second := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	first := make(chan error, 1)
	go func() {
		_, err := db.Session(t.Context(), "A", func(*app.Session) error {
			close(entered)
			<-leave
			return nil
		})
		first <- err
	}()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, err := db.Session(ctx, "A", func(*app.Session) error { return errors.New("it was not its turn") })
		second <- err
	}()
	on(t, db, "B", func(*app.Session) error { return nil }) // another session does not wait
	cancel()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("the one that waited got %v", err)
	}
	go func() { second <- db.CloseSession(t.Context(), "A") }()
	close(leave)
	must(t, <-first)
	must(t, <-second)
}

func TestSessionLimit(t *testing.T) {
	db := open(t, file(t), discipline(nil), app.Options{})
	nothing := func(*app.Session) error { return nil }
	for i := range app.MaxSessions {
		on(t, db, fmt.Sprint(i), nothing)
	}
	if _, err := db.Session(t.Context(), "one more", nothing); !errors.Is(err, store.ErrSessions) {
		t.Errorf("error is %v, want ErrSessions", err)
	}
	on(t, db, "0", nothing)
	must(t, db.CloseSession(t.Context(), "0"))
	on(t, db, "one more", nothing)
}

// One session holds the lock that another waits for with all the patience in
// the world. Closing must not wait for that patience to end.
func TestCloseEndsSessionsThatWaitForEachOther(t *testing.T) {
	path := file(t)
	db := open(t, path, discipline(func(d *store.Discipline) { d.BusyTimeout = 3_600_000 }), app.Options{})
	on(t, db, "A", begin(store.Immediate))
	on(t, db, "A", setIn(5))
	entered, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := db.Session(context.Background(), "B", func(s *app.Session) error {
			close(entered)
			return s.Begin(store.Immediate)
		})
		ended <- err
	}()
	<-entered
	must(t, db.Close())
	must(t, <-ended)
	if _, err := db.Session(t.Context(), "A", begin(store.Deferred)); !errors.Is(err, store.ErrClosed) {
		t.Errorf("error is %v, want ErrClosed", err)
	}
	facts, err := app.Inspect(t.Context(), sqlite.At(path))
	must(t, err)
	if len(facts.Counters) != 0 {
		t.Errorf("counters are %v, want none", facts.Counters)
	}
}

// After some errors SQLite itself ends the transaction; Open says so
// (https://sqlite.org/lang_transaction.html, "Response To Errors Within A
// Transaction").
func TestSessionNoticesThatSQLiteRolledBack(t *testing.T) {
	db := open(t, file(t), discipline(nil), app.Options{})
	on(t, db, "A", begin(store.Immediate))
	isOpen, err := db.Session(t.Context(), "A", func(s *app.Session) error {
		return s.Conflict()
	})
	if err == nil || isOpen {
		t.Errorf("open %t after %v, want it closed by a constraint", isOpen, err)
	}
}

func TestSessionCounts(t *testing.T) {
	db := open(t, file(t), discipline(func(d *store.Discipline) { d.Journal = store.Delete }), app.Options{})
	act := func(do string, r nodeapi.SessionRequest) (a nodeapi.SessionResponse) {
		on(t, db, "A", func(s *app.Session) error { return app.Acts[do].Do(s, &r, &a) })
		return a
	}
	act(nodeapi.DoWriteRows, nodeapi.SessionRequest{Value: 3})
	act(nodeapi.DoRecordPayment, nodeapi.SessionRequest{Name: "ann", To: "bob", Value: 5})
	rows, payments := *act(nodeapi.DoCountRows, nodeapi.SessionRequest{}).Value, *act(nodeapi.DoCountPayments, nodeapi.SessionRequest{}).Value
	on(t, db, "A", func(s *app.Session) error {
		size, errSize := s.WALSize()
		c, errCheckpoint := s.Checkpoint(store.CheckpointPassive)
		if rows != 3 || payments != 1 || size != 0 || c != (store.Checkpoint{Frames: -1, Moved: -1}) {
			t.Errorf("%d rows, %d payments, WAL of %d bytes, checkpoint %+v", rows, payments, size, c)
		}
		return errors.Join(errSize, errCheckpoint)
	})
}

func TestSessionTimesOut(t *testing.T) {
	db := open(t, file(t), discipline(func(d *store.Discipline) { d.BusyTimeout = 40 }), app.Options{})
	on(t, db, "A", begin(store.Immediate))
	isOpen, err := db.Session(t.Context(), "B", begin(store.Immediate))
	if e := refusedBy(t, err); !e.Refused || !e.TimedOut || e.Waited < 40*time.Millisecond || isOpen {
		t.Errorf("got %+v, open %t; want a refusal after 40 ms", e, isOpen)
	}
}

// A checkpoint that must wait for a reader has the session's patience, whoever
// does the waiting, and that it was in vain is no error.
func TestCheckpointWaitsForReaders(t *testing.T) {
	db := open(t, file(t), discipline(func(d *store.Discipline) { d.BusyTimeout = 40 }), app.Options{})
	on(t, db, "reader", begin(store.Deferred))
	on(t, db, "reader", func(s *app.Session) error { _, err := s.Counter("k"); return err })
	must(t, db.Update(t.Context(), set(1)))
	checkpoint := func() (c store.Checkpoint, took time.Duration) {
		start := time.Now()
		on(t, db, "B", func(s *app.Session) (err error) {
			c, err = s.Checkpoint(store.CheckpointTruncate)
			return err
		})
		return c, time.Since(start)
	}
	if c, took := checkpoint(); !c.Blocked || took < 40*time.Millisecond {
		t.Errorf("got %+v after %s, want it blocked after 40 ms", c, took)
	}
	on(t, db, "reader", (*app.Session).Rollback)
	if c, _ := checkpoint(); c.Blocked || c.Frames != 0 {
		t.Errorf("got %+v, want an empty WAL", c)
	}
}
