package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"example.com/contend/internal/store"
	"example.com/contend/internal/trace"
)

// A sessionTx is what a request does on a session.
type sessionTx struct {
	*tx
	committed bool // the transaction that was open
}

var _ store.Session = (*sessionTx)(nil)

// step calls fn with s, whose turn the caller has.
func (db *DB) step(s *session, fn func(store.Session) error) (open bool, err error) {
	x := &sessionTx{tx: &tx{c: s.c, db: db, alone: !s.open, locked: true}} // locked: its waits are not the application's
	if !s.open {
		s.attempt = trace.Attempt{Kind: trace.Session, Began: time.Now().UnixNano()}
	}
	err = fn(x)
	begun := s.open
	s.open = s.c.inTransaction()
	s.note(x, err)
	// A lone statement that took no lock and was refused none is no attempt at one.
	if !s.open && (begun || s.attempt.Locked != 0 || s.attempt.Code != "") {
		db.finish(s)
	}
	return s.open, err
}

// note takes down what came of a statement of the transaction. A refusal
// stands until a commit shows that it was overcome.
func (s *session) note(x *sessionTx, err error) {
	if s.attempt.Locked == 0 {
		s.attempt.Locked = nanoseconds(x.lockedAt)
	}
	if code := extended(err); code != "" || x.committed {
		s.attempt.Code = code
	}
}

// finish reports the transaction of s, which has just ended.
func (db *DB) finish(s *session) {
	s.attempt.Ended = time.Now().UnixNano()
	if db.trace != nil {
		db.trace(s.attempt)
	}
}

func (x *sessionTx) Begin(style store.Transaction) error {
	b, known := begins[style]
	if !known {
		return fmt.Errorf("begin: no BEGIN makes a transaction %s", style)
	}
	start := time.Now()
	if err := x.c.exec(b.text); err != nil {
		return x.fail(b.name, err, time.Since(start), false)
	}
	x.alone = false
	if style != store.Deferred {
		x.lockedAt = time.Now()
	}
	return nil
}

func (x *sessionTx) Commit() error {
	start := time.Now()
	err := x.c.exec(commit)
	if err == nil {
		x.alone, x.committed = true, true
		return nil
	}
	e := newError("commit", err, time.Since(start), x.db.busyTimeout)
	e.Unsure = !e.Refused && e.Code != CodeName(codeError)
	return e
}

func (x *sessionTx) Rollback() error {
	start := time.Now()
	if err := x.c.exec(rollback); err != nil {
		return newError("rollback", err, time.Since(start), x.db.busyTimeout)
	}
	x.alone = true
	return nil
}

func (x *sessionTx) Payments() (int64, error) {
	return x.count("count payments", "SELECT count(*) FROM payments")
}

func (x *sessionTx) Rows() (int64, error) {
	return x.count("count rows", "SELECT count(*) FROM data")
}

func (x *sessionTx) count(op, query string) (n int64, err error) {
	start := time.Now()
	if err := x.c.ask(query, &n); err != nil {
		return 0, x.fail(op, err, time.Since(start), false)
	}
	return n, nil
}

// sceneRows are 2 KiB each, marked so that no ledger takes them for a client's.
const sceneRows = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO data (content) SELECT 'scene:' || hex(zeroblob(1021)) FROM n`

func (x *sessionTx) WriteRows(n int64) error {
	for start := time.Now(); ; {
		_, err := x.c.sc.ExecContext(always, sceneRows, n)
		if !x.c.waits.again(ownText, err, start) {
			return x.written("write rows", err, start, true)
		}
	}
}

func (x *sessionTx) Checkpoint(mode store.CheckpointMode) (c store.Checkpoint, err error) {
	if !slices.Contains(store.CheckpointModes, mode) {
		return c, fmt.Errorf("checkpoint: no mode is called %q", mode)
	}
	for start := time.Now(); ; {
		row := x.c.sc.QueryRowContext(always, "PRAGMA wal_checkpoint("+string(mode)+")")
		err := row.Scan(&c.Blocked, &c.Frames, &c.Moved)
		if x.c.waits.again(ownText, err, start) {
			continue
		}
		if err != nil {
			return store.Checkpoint{}, x.fail("checkpoint", err, time.Since(start), false)
		}
		// All but PASSIVE would have waited, and being blocked is no error.
		if mode == store.CheckpointPassive || !c.Blocked || !x.c.waits.sleep(start) {
			return c, nil
		}
	}
}

// WALSize asks the file system and opens nothing: closing any descriptor of the
// database or its files would drop the locks that this process has on it. SQLite
// puts the WAL beside the file that a symbolic link leads to.
func (x *sessionTx) WALSize() (int64, error) {
	file, err := filepath.EvalSymlinks(x.db.path)
	if err != nil {
		return 0, fmt.Errorf("size of the WAL: %w", err)
	}
	info, err := os.Stat(file + "-wal")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("size of the WAL: %w", err)
	}
	return info.Size(), nil
}
