package sqlite

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"example.com/contend/internal/store"
	"example.com/contend/internal/trace"
)

// MaxSessions is how many sessions a DB keeps open at once.
const MaxSessions = 16

// sessions are the lab's own connections, by name.
type sessions struct {
	mu     sync.Mutex
	named  map[string]*session
	ending chan struct{} // closed when no more may be opened
	once   sync.Once
}

func newSessions() *sessions {
	return &sessions{named: map[string]*session{}, ending: make(chan struct{})}
}

// A session is a connection that is kept open between requests. Everything but
// turn belongs to whoever has the turn.
type session struct {
	turn chan struct{} // holds one token while somebody has the turn
	c    *conn         // nil until it has been dialed
	over bool          // closed; who waited for the turn looks for the name again

	open    bool          // a transaction is open
	attempt trace.Attempt // the open transaction, as far as it has come
}

// Session waits for its turn on the session called name, calls fn with it, and
// reports whether a transaction is open on it afterwards. A name that is not
// in use opens a session, with the discipline's own settings. The context
// bounds the wait for the turn and the opening, not fn.
func (db *DB) Session(ctx context.Context, name string, fn func(store.Session) error) (open bool, err error) {
	s, err := db.takeTurn(ctx, name, db.sessions.find)
	if err != nil {
		return false, err
	}
	defer s.yield()
	if s.c == nil {
		if s.c, err = dial(ctx, db.sql, db.d, db.patience); err != nil {
			db.forget(name, s)
			return false, fmt.Errorf("open session: %w", err)
		}
	}
	return db.step(s, fn)
}

// CloseSession waits for its turn on the session called name and closes it;
// SQLite rolls back what is open on it. Where there is no such session there is
// nothing to do.
func (db *DB) CloseSession(ctx context.Context, name string) error {
	s, err := db.takeTurn(ctx, name, db.sessions.existing)
	if s == nil || err != nil {
		return err
	}
	defer s.yield()
	return db.end(name, s)
}

// CloseSessions closes every session, each once its statement in progress is
// done, and opens no more. It is safe to call it more than once.
func (db *DB) CloseSessions() {
	db.sessions.once.Do(func() { close(db.sessions.ending) })
	var group sync.WaitGroup
	for name, s := range db.sessions.all() {
		// All at once: one may be waiting for a lock that another one holds.
		group.Go(func() {
			s.turn <- struct{}{}
			defer s.yield()
			_ = db.end(name, s) // a connection that does not close well is closed all the same
		})
	}
	group.Wait()
}

// find returns the session called name, made if need be and not yet dialed.
func (all *sessions) find(name string) (*session, error) {
	all.mu.Lock()
	defer all.mu.Unlock()
	select {
	case <-all.ending:
		return nil, store.ErrClosed
	default:
	}
	s := all.named[name]
	switch {
	case s != nil:
		return s, nil
	case len(all.named) == MaxSessions:
		return nil, store.ErrSessions
	}
	s = &session{turn: make(chan struct{}, 1)}
	all.named[name] = s
	return s, nil
}

// existing returns the session called name, nil where there is none.
func (all *sessions) existing(name string) (*session, error) {
	all.mu.Lock()
	defer all.mu.Unlock()
	return all.named[name], nil
}

func (all *sessions) all() map[string]*session {
	all.mu.Lock()
	defer all.mu.Unlock()
	return maps.Clone(all.named)
}

// takeTurn returns the session that find gives, with its turn.
func (db *DB) takeTurn(ctx context.Context, name string, find func(string) (*session, error)) (*session, error) {
	for {
		s, err := find(name)
		if s == nil || err != nil {
			return nil, err
		}
		select {
		case s.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the session: %w", context.Cause(ctx))
		case <-db.sessions.ending:
			return nil, store.ErrClosed
		}
		if !s.over {
			return s, nil
		}
		s.yield()
	}
}

func (s *session) yield() { <-s.turn }

// forget takes s out of the names in use. The caller has its turn.
func (db *DB) forget(name string, s *session) {
	s.over = true
	db.sessions.mu.Lock()
	defer db.sessions.mu.Unlock()
	delete(db.sessions.named, name)
}

// end closes s, whose turn the caller has.
func (db *DB) end(name string, s *session) error {
	if s.over {
		return nil
	}
	db.forget(name, s)
	err := discard(s.c)
	if s.open {
		db.finish(s)
	}
	if err != nil {
		return fmt.Errorf("close session: %w", err)
	}
	return nil
}
