// Package postgresforupdate counts with PostgreSQL and locks the row before it
// reads (https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-ROWS).
package postgresforupdate

import (
	"context"
	"database/sql"
	"fmt"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// A Service counts in a database.
type Service struct {
	db *sql.DB
}

// Open opens the database at the URL and makes its table where it is missing.
func Open(ctx context.Context, database string) (*Service, error) {
	db, err := sql.Open("pgx", database)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db.SetMaxOpenConns(20) // a server allows 100 by default, to all its clients
	db.SetMaxIdleConns(20) // else all but two would be dialled again and again
	_, err = db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS counters (key TEXT PRIMARY KEY, value BIGINT NOT NULL)`)
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
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // of no effect after a commit
	// A row that does not exist cannot be locked.
	_, err = tx.ExecContext(ctx, `INSERT INTO counters (key, value) VALUES ($1, 0) ON CONFLICT DO NOTHING`, key)
	if err != nil {
		return 0, fmt.Errorf("make counter: %w", err)
	}
	var value int64
	err = tx.QueryRowContext(ctx, `SELECT value FROM counters WHERE key = $1 FOR UPDATE`, key).Scan(&value)
	if err != nil {
		return 0, fmt.Errorf("read counter: %w", err)
	}
	value++
	_, err = tx.ExecContext(ctx, `UPDATE counters SET value = $2 WHERE key = $1`, key, value)
	if err != nil {
		return 0, fmt.Errorf("write counter: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return 0, fmt.Errorf("commit: %w", err)
	}
	return value, nil
}
