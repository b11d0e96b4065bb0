// Package red is a web service that counts, as it is first written: it reads a
// counter, then writes it, and leaves every setting of SQLite's as it comes.
package red

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	_ "modernc.org/sqlite"
)

// A Service counts in a database.
type Service struct {
	db *sql.DB
}

// Open opens the database file and makes its table where it is missing.
func Open(ctx context.Context, database string) (*Service, error) {
	db, err := sql.Open("sqlite", database)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	_, err = db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS counters (key TEXT PRIMARY KEY, value INTEGER NOT NULL)`)
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
	var value int64
	err := s.db.QueryRowContext(ctx, `SELECT value FROM counters WHERE key = ?`, key).Scan(&value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read counter: %w", err)
	}
	value++
	_, err = s.db.ExecContext(ctx, `INSERT INTO counters (key, value) VALUES (?, ?)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, value)
	if err != nil {
		return 0, fmt.Errorf("write counter: %w", err)
	}
	return value, nil
}
