package app_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
)

// A tracer keeps the attempts that a DB reports.
type tracer struct {
	mu  sync.Mutex
	all []locktrace.Attempt
}

func (r *tracer) take(a locktrace.Attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, a)
}

// last returns the attempts reported since it was last called.
func (r *tracer) last() []locktrace.Attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.all
	r.all = nil
	return last
}

// wantTrace checks kinds and codes, and that times are in order and Locked is
// told where it should be.
func wantTrace(t *testing.T, got []locktrace.Attempt, want ...locktrace.Attempt) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("attempts are %+v, want %d", got, len(want))
	}
	now := time.Now().UnixNano()
	for i, a := range got {
		if a.Kind != want[i].Kind || a.Code != want[i].Code || (a.Locked != 0) != (want[i].Locked != 0) {
			t.Errorf("attempt %d is %+v, want one like %+v", i, a, want[i])
		}
		if a.Began < now-int64(time.Minute) || a.Ended < a.Began || a.Ended > now || a.Locked != 0 && (a.Locked < a.Began || a.Locked > a.Ended) {
			t.Errorf("attempt %d: times of %+v are not in order", i, a)
		}
	}
}

func TestTraceOfAttempts(t *testing.T) {
	for _, style := range store.Transactions {
		t.Run(string(style), func(t *testing.T) {
			var r tracer
			d := discipline(func(d *store.Discipline) { d.Transaction, d.BusyTimeout = style, 0 })
			path := file(t)
			db := open(t, path, d, app.Options{Trace: r.take})
			must(t, db.Update(t.Context(), set(1)))
			wantTrace(t, r.last(), locktrace.Attempt{Kind: locktrace.Write, Locked: 1})
			counter(t, db)
			wantTrace(t, r.last(), locktrace.Attempt{Kind: locktrace.ReadOnly})
			_ = db.Update(t.Context(), func(tx *app.Tx) error { return errors.New("the application's own") })
			early := int64(0) // whether the lock is taken before anything is written
			if style == store.Immediate || style == store.Exclusive {
				early = 1
			}
			wantTrace(t, r.last(), locktrace.Attempt{Kind: locktrace.Write, Locked: early})

			holder := open(t, path, d, app.Options{Trace: r.take})
			must(t, holder.Hold(t.Context(), 0, func() {
				e := refusedBy(t, db.Update(t.Context(), set(2)))
				if !e.Refused {
					t.Errorf("got %+v, want a refusal", e)
				}
			}))
			wantTrace(t, r.last(), locktrace.Attempt{Kind: locktrace.Write, Code: "SQLITE_BUSY"}, locktrace.Attempt{Kind: locktrace.Hold, Locked: 1})
		})
	}
}

// What the trace says of the lock is what the lock does: who waits has it only
// when the holder has given it back.
func TestTraceTellsWaitingFromHolding(t *testing.T) {
	var r tracer
	path := file(t)
	d := discipline(func(d *store.Discipline) { d.BusyTimeout = 10_000 })
	first, second := open(t, path, d, app.Options{Trace: r.take}), open(t, path, d, app.Options{Trace: r.take})
	const held = 50 * time.Millisecond
	waiting := make(chan error, 1)
	must(t, first.Hold(t.Context(), held, func() {
		go func() { waiting <- second.Update(t.Context(), set(1)) }()
	}))
	must(t, <-waiting)
	kinds := map[string]locktrace.Attempt{}
	for _, a := range r.last() {
		kinds[a.Kind] = a
	}
	hold, write := kinds[locktrace.Hold], kinds[locktrace.Write]
	if hold.Ended-hold.Locked < held.Nanoseconds() {
		t.Errorf("the lock was held for %d ns, want %s", hold.Ended-hold.Locked, held)
	}
	if write.Locked < hold.Locked+held.Nanoseconds() {
		t.Errorf("%+v had the lock during %+v", write, hold)
	}
}

func TestTraceOfSessions(t *testing.T) {
	var r tracer
	db := open(t, file(t), discipline(func(d *store.Discipline) { d.BusyTimeout = 0 }), app.Options{Trace: r.take})
	session := func(name string, fn func(*app.Session) error) { _, _ = db.Session(t.Context(), name, fn) }
	session("A", countRows)
	session("A", func(s *app.Session) error { _, err := s.WALSize(); return err })
	session("A", begin(store.Deferred))
	wantTrace(t, r.last()) // nothing is over, and what only looked is no attempt
	session("A", setIn(1))
	session("B", begin(store.Immediate))
	wantTrace(t, r.last(), locktrace.Attempt{Kind: locktrace.Session, Code: "SQLITE_BUSY"})
	session("A", (*app.Session).Commit)
	session("B", setIn(2))
	wantTrace(t, r.last(), locktrace.Attempt{Kind: locktrace.Session, Locked: 1}, locktrace.Attempt{Kind: locktrace.Session, Locked: 1})

	session("A", begin(store.Deferred))
	session("A", func(s *app.Session) error { _, err := s.Counter("k"); return err })
	session("B", setIn(3))
	session("A", setIn(4)) // its snapshot is stale
	session("A", (*app.Session).Rollback)
	session("A", begin(store.Immediate))
	must(t, db.CloseSession(t.Context(), "A"))
	wantTrace(t, r.last(), locktrace.Attempt{Kind: locktrace.Session, Locked: 1},
		locktrace.Attempt{Kind: locktrace.Session, Code: "SQLITE_BUSY_SNAPSHOT"}, locktrace.Attempt{Kind: locktrace.Session, Locked: 1})
}

func countRows(s *app.Session) error {
	return app.Acts[nodeapi.DoCountRows].Do(s, nil, new(nodeapi.SessionResponse))
}
