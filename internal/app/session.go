package app

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
)

// MaxSessions is how many sessions a DB keeps open at once.
const MaxSessions = 16

// A Session is one connection that the lab keeps open between requests, in
// whatever transaction was begun on it. Calls of its Tx are part of that
// transaction, or each a transaction of its own where none is open.
//
// An error of the database comes as a *store.Error. Unlike an attempt's, a
// refusal here rolls nothing back: the statement had no effect, and the
// transaction mostly stays open. Everything but turn belongs to whoever has the turn.
type Session struct {
	*Tx                // nil until the connection has been dialed
	turn chan struct{} // holds one token while somebody has the turn
	over bool          // closed; who waited for the turn looks for the name again

	open      bool              // a transaction was open when the turn began
	committed bool              // the transaction that was open, in this turn
	trace     locktrace.Attempt // the open transaction, as far as it has come
}

// Begin begins a transaction of SQLite's: Deferred, Immediate or Exclusive.
func (s *Session) Begin(style store.Transaction) error {
	if err := s.Tx.begin(style); err != nil {
		return err
	}
	s.alone = false
	return nil
}

// Commit commits the open transaction. Where it is refused, the transaction
// stays open and Commit may be called again.
func (s *Session) Commit() error {
	start := time.Now()
	err := s.c.Do(store.Commit)
	if err == nil {
		s.alone, s.committed = true, true
		return nil
	}
	e := s.c.Explain("commit", err, time.Since(start), true)
	e.Unsure = e.Unsure && e.Code != "SQLITE_ERROR" // no transaction is open
	return e
}

// Rollback ends the open transaction with nothing changed.
func (s *Session) Rollback() error {
	start := time.Now()
	if err := s.c.Do(store.Rollback); err != nil {
		return s.c.Explain("rollback", err, time.Since(start), false)
	}
	s.alone = true
	return nil
}

// Checkpoint runs a checkpoint of the WAL.
func (s *Session) Checkpoint(mode store.CheckpointMode) (done store.Checkpoint, err error) {
	c, can := s.c.(store.Checkpointer)
	if !can {
		return done, ErrCannot
	}
	start := time.Now()
	if done, err = c.Checkpoint(mode); err != nil {
		return done, s.fail("checkpoint", err, time.Since(start), false)
	}
	return done, nil
}

// WALSize returns the size of the WAL file in bytes, 0 where there is none.
func (s *Session) WALSize() (int64, error) {
	c, can := s.c.(store.Checkpointer)
	if !can {
		return 0, ErrCannot
	}
	return c.WALSize()
}

// sessions are the lab's own connections, by name.
type sessions struct {
	mu     sync.Mutex
	named  map[string]*Session
	ending context.Context // ends when no more may be opened
	end    context.CancelFunc
}

// Session waits for its turn on the session called name, calls fn with it, and
// reports whether a transaction is open on it afterwards. A name that is not
// in use opens a session, with the discipline's own settings. The context
// bounds the wait for the turn and the opening, not fn. Only SQLite has sessions.
func (db *DB) Session(ctx context.Context, name string, fn func(*Session) error) (open bool, err error) {
	if db.d.Engine() != store.SQLite {
		return false, ErrCannot
	}
	s, err := db.takeTurn(ctx, name, true)
	if err != nil {
		return false, err
	}
	defer s.yield()
	if s.Tx == nil {
		c, err := db.database.Dial(ctx, store.Session)
		if err != nil {
			_ = db.endSession(name, s)
			return false, fmt.Errorf("open session: %w", err)
		}
		s.Tx = db.newTx(c)
		s.quiet = true
	}
	s.reset(false)
	s.alone, s.committed = !s.open, false
	if !s.open {
		s.trace = locktrace.Attempt{Kind: locktrace.Session, Began: time.Now().UnixNano()}
	}
	err = fn(s)
	begun := s.open
	s.open = !s.c.Idle()
	// A refusal stands until a commit shows that it was overcome.
	if s.trace.Locked == 0 {
		s.trace.Locked = nanoseconds(s.lockedAt)
	}
	if code := extended(err); code != "" || s.committed {
		s.trace.Code = code
	}
	// A lone statement that took no lock and was refused none is no attempt at one.
	if !s.open && (begun || s.trace.Locked != 0 || s.trace.Code != "") {
		db.finish(s)
	}
	return s.open, err
}

// finish reports the transaction of s, which has just ended.
func (db *DB) finish(s *Session) {
	s.trace.Ended = time.Now().UnixNano()
	if db.o.Trace != nil {
		db.o.Trace(s.trace)
	}
}

// CloseSession waits for its turn on the session called name and closes it;
// SQLite rolls back what is open on it. Where there is no such session there is
// nothing to do.
func (db *DB) CloseSession(ctx context.Context, name string) error {
	if db.d.Engine() != store.SQLite {
		return ErrCannot
	}
	s, err := db.takeTurn(ctx, name, false)
	if s == nil || err != nil {
		return err
	}
	defer s.yield()
	return db.endSession(name, s)
}

// CloseSessions closes every session, each once its statement in progress is
// done, and opens no more. It is safe to call it more than once.
func (db *DB) CloseSessions() {
	db.sessions.end()
	db.sessions.mu.Lock()
	all := maps.Clone(db.sessions.named)
	db.sessions.mu.Unlock()
	var group sync.WaitGroup
	for name, s := range all {
		// All at once: one may be waiting for a lock that another one holds.
		group.Go(func() {
			s.turn <- struct{}{}
			defer s.yield()
			_ = db.endSession(name, s) // a connection that does not close well is closed all the same
		})
	}
	group.Wait()
}

// find returns the session called name, made if need be and not yet dialed; nil
// where there is none and create is false.
func (all *sessions) find(name string, create bool) (*Session, error) {
	all.mu.Lock()
	defer all.mu.Unlock()
	s := all.named[name]
	switch {
	case s != nil || !create:
		return s, nil
	case len(all.named) == MaxSessions:
		return nil, store.ErrSessions
	case all.ending.Err() != nil:
		return nil, store.ErrClosed
	}
	s = &Session{turn: make(chan struct{}, 1)}
	all.named[name] = s
	return s, nil
}

// takeTurn returns the session that find does, with its turn.
func (db *DB) takeTurn(ctx context.Context, name string, create bool) (*Session, error) {
	for {
		s, err := db.sessions.find(name, create)
		if s == nil || err != nil {
			return nil, err
		}
		select {
		case s.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, &WaitError{"the session", context.Cause(ctx)}
		case <-db.sessions.ending.Done():
			return nil, store.ErrClosed
		}
		if !s.over {
			return s, nil
		}
		s.yield()
	}
}

func (s *Session) yield() { <-s.turn }

// endSession closes s, whose turn the caller has, and takes it out of the names
// in use.
func (db *DB) endSession(name string, s *Session) (err error) {
	if s.over {
		return nil
	}
	s.over = true
	db.sessions.mu.Lock()
	delete(db.sessions.named, name)
	db.sessions.mu.Unlock()
	if s.Tx != nil {
		err = s.c.Close()
	}
	if s.open {
		db.finish(s)
	}
	if err != nil {
		return fmt.Errorf("close session: %w", err)
	}
	return nil
}

// An Act is one thing that a session can do, and which fields its request has
// beside session and do.
type Act struct {
	Name, To    bool
	Least, Most int64 // of Value; where Most is 0 there is none
	Optional    bool  // Value may be missing, for 0, as package nodeapi's type has it in JSON

	// Do does it and puts the result into the answer. Of nodeapi.DoClose it is nil: a
	// session cannot close itself.
	Do func(*Session, *nodeapi.SessionRequest, *nodeapi.SessionResponse) error
}

// Acts lists every act by its name in a request.
var Acts = map[string]Act{
	nodeapi.DoOpen:           {Do: ends(func(*Session) error { return nil })},
	nodeapi.DoBeginDeferred:  {Do: ends(func(s *Session) error { return s.Begin(store.Deferred) })},
	nodeapi.DoBeginImmediate: {Do: ends(func(s *Session) error { return s.Begin(store.Immediate) })},
	nodeapi.DoBeginExclusive: {Do: ends(func(s *Session) error { return s.Begin(store.Exclusive) })},
	nodeapi.DoCommit:         {Do: ends((*Session).Commit)},
	nodeapi.DoRollback:       {Do: ends((*Session).Rollback)},
	nodeapi.DoReadCounter:    {Name: true, Do: reads((*Tx).Counter)},
	nodeapi.DoSetCounter:     sets((*Tx).SetCounter),
	nodeapi.DoReadStock:      {Name: true, Do: reads((*Tx).Stock)},
	nodeapi.DoSetStock:       sets((*Tx).SetStock),
	nodeapi.DoReadBalance:    {Name: true, Do: reads((*Tx).Balance)},
	nodeapi.DoSetBalance:     sets((*Tx).SetBalance),
	nodeapi.DoCountPayments:  {Do: counts(countPayments)},
	nodeapi.DoCountRows:      {Do: counts(countData)},
	nodeapi.DoRecordPayment: {Name: true, To: true, Least: 1, Most: MaxQuantity,
		Do: func(s *Session, r *nodeapi.SessionRequest, _ *nodeapi.SessionResponse) error {
			return s.RecordPayment(r.Name, r.To, r.Value)
		}},
	nodeapi.DoWriteRows: {Least: 1, Most: MaxRows, Do: func(s *Session, r *nodeapi.SessionRequest, a *nodeapi.SessionResponse) error {
		a.Value = &r.Value
		return s.Exec(sceneRows, r.Value)
	}},
	nodeapi.DoCheckpoint: {Name: true, Most: MaxRows, Optional: true, Do: checkpoint},
	nodeapi.DoWALSize: {Do: func(s *Session, _ *nodeapi.SessionRequest, a *nodeapi.SessionResponse) error {
		n, err := s.WALSize()
		a.Value = &n
		return err
	}},
	nodeapi.DoClose: {},
}

func ends(how func(*Session) error) func(*Session, *nodeapi.SessionRequest, *nodeapi.SessionResponse) error {
	return func(s *Session, _ *nodeapi.SessionRequest, _ *nodeapi.SessionResponse) error { return how(s) }
}

func reads(what func(*Tx, string) (int64, error)) func(*Session, *nodeapi.SessionRequest, *nodeapi.SessionResponse) error {
	return func(s *Session, r *nodeapi.SessionRequest, a *nodeapi.SessionResponse) error {
		n, err := what(s.Tx, r.Name)
		a.Value = &n
		return err
	}
}

func sets(what func(*Tx, string, int64) error) Act {
	return Act{Name: true, Least: -MaxLevel, Most: MaxLevel, Optional: true,
		Do: func(s *Session, r *nodeapi.SessionRequest, a *nodeapi.SessionResponse) error {
			a.Value = &r.Value
			return what(s.Tx, r.Name, r.Value)
		}}
}

func counts(what *store.Statement) func(*Session, *nodeapi.SessionRequest, *nodeapi.SessionResponse) error {
	return func(s *Session, _ *nodeapi.SessionRequest, a *nodeapi.SessionResponse) error {
		n, err := s.Must(what)
		a.Value = &n
		return err
	}
}

func checkpoint(s *Session, r *nodeapi.SessionRequest, a *nodeapi.SessionResponse) error {
	for range max(r.Value, 1) {
		c, err := s.Checkpoint(store.CheckpointMode(r.Name))
		if err != nil {
			return err
		}
		a.Blocked, a.Frames, a.Checkpointed = &c.Blocked, &c.Frames, &c.Moved
	}
	return nil
}
