// Package fair is package immediate with a wait of its own in place of SQLite's:
// random and short, so that it is fair.
package fair

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
	db *sql.DB
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
	return &Service{db: db}, nil
}

// Close closes the database.
func (s *Service) Close() error {
	return s.db.Close()
}

// Increment adds one to the counter key, from 0, and returns what it is then.
func (s *Service) Increment(ctx context.Context, key string) (int64, error) {
	var tx *sql.Tx
	err := patiently(ctx, func() (err error) {
		tx, err = s.db.BeginTx(ctx, nil)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // of no effect after a commit
	var value int64
	err = tx.QueryRowContext(ctx, `SELECT value FROM counters WHERE key = ?`, key).Scan(&value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read counter: %w", err)
	}
	value++
	_, err = tx.ExecContext(ctx, `INSERT INTO counters (key, value) VALUES (?, ?)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, value)
	if err != nil {
		return 0, fmt.Errorf("write counter: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return 0, fmt.Errorf("commit: %w", err)
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
