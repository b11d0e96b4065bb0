// Package queue is package fair with one writer: it carries out the requests that
// wait in one transaction, so that they share one write to the disk.
package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// A Service counts in a database.
type Service struct {
	db       *sql.DB
	requests chan request
	stop     chan struct{} // closed by Close
	stopped  chan struct{} // closed by the writer
}

// Open opens the database file and makes its table where it is missing.
func Open(ctx context.Context, database string) (*Service, error) {
	db, err := sql.Open("sqlite", database+"?_pragma=journal_mode(WAL)&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	err = patiently(ctx, func() error {
		_, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS counters (key TEXT PRIMARY KEY, value INTEGER NOT NULL)`)
		return err
	})
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("make table: %w", err)
	}
	s := &Service{db: db, requests: make(chan request), stop: make(chan struct{}), stopped: make(chan struct{})}
	go s.write()
	return s, nil
}

// Close ends the writer, after the batch that it is at, and closes the database.
func (s *Service) Close() error {
	close(s.stop)
	<-s.stopped
	return s.db.Close()
}

// Increment adds one to the counter key, from 0, and returns what it is then. Once
// the writer has taken the request, it is carried out even where ctx ends.
func (s *Service) Increment(ctx context.Context, key string) (int64, error) {
	done := make(chan answer, 1)
	select {
	case s.requests <- request{key: key, done: done}:
	case <-s.stop:
		return 0, errors.New("the service is closed")
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	a := <-done
	return a.value, a.err
}

// A request waits for the writer, which sends what came of it to done.
type request struct {
	key  string
	done chan<- answer
}

type answer struct {
	value int64
	err   error
}

// write carries out requests until the service is closed.
func (s *Service) write() {
	defer close(s.stopped)
	for {
		select {
		case first := <-s.requests:
			s.commit(s.gather(first))
		case <-s.stop:
			return
		}
	}
}

// maxBatch bounds how long the first request of a batch waits for the others.
const maxBatch = 256

// gather returns first and the requests that wait behind it.
func (s *Service) gather(first request) []request {
	batch := []request{first}
	for len(batch) < maxBatch {
		select {
		case next := <-s.requests:
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

// commit carries out a batch in one transaction. It answers only when that is
// committed: until then, a crash would undo what was promised.
func (s *Service) commit(batch []request) {
	answers, err := s.transact(batch)
	for i, r := range batch {
		if err != nil {
			r.done <- answer{err: err}
		} else {
			r.done <- answers[i]
		}
	}
}

// transact returns what came of each request, or why all of them failed.
func (s *Service) transact(batch []request) ([]answer, error) {
	ctx := context.Background() // a batch ends with no single request
	var tx *sql.Tx
	err := patiently(ctx, func() (err error) {
		tx, err = s.db.BeginTx(ctx, nil)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // of no effect after a commit
	answers := make([]answer, len(batch))
	for i, r := range batch {
		if answers[i], err = attempt(ctx, tx, r.key); err != nil {
			return nil, err
		}
	}
	if err := tx.Commit(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return answers, nil
}

// attempt carries out one request of a batch in a savepoint, so that it fails
// alone. Its error is one that ends the whole batch.
func attempt(ctx context.Context, tx *sql.Tx, key string) (answer, error) {
	if _, err := tx.ExecContext(ctx, `SAVEPOINT request`); err != nil {
		return answer{}, fmt.Errorf("set savepoint: %w", err)
	}
	var a answer
	if a.value, a.err = increment(ctx, tx, key); a.err != nil {
		if _, err := tx.ExecContext(ctx, `ROLLBACK TO request`); err != nil {
			return answer{}, fmt.Errorf("undo request: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, `RELEASE request`); err != nil {
		return answer{}, fmt.Errorf("release savepoint: %w", err)
	}
	return a, nil
}

func increment(ctx context.Context, tx *sql.Tx, key string) (int64, error) {
	var value int64
	err := tx.QueryRowContext(ctx, `SELECT value FROM counters WHERE key = ?`, key).Scan(&value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read counter: %w", err)
	}
	value++
	_, err = tx.ExecContext(ctx, `INSERT INTO counters (key, value) VALUES (?, ?)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, value)
	if err != nil {
		return 0, fmt.Errorf("write counter: %w", err)
	}
	return value, nil
}

// patience is how long to wait for the write lock.
const patience = 5 * time.Second

// patiently calls try until SQLite is not busy, or patience is over. It sleeps a
// random short while between, so that nobody who waits is worse off than another:
// under busy_timeout, whoever has waited longest tries least often.
func patiently(ctx context.Context, try func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := try()
		var refused *sqlite.Error
		if !errors.As(err, &refused) || refused.Code()&0xff != sqlite3.SQLITE_BUSY || time.Now().After(deadline) {
			return err
		}
		select {
		case <-time.After(rand.N(2 * time.Millisecond)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
