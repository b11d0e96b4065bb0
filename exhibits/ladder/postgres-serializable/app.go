// Package postgresserializable counts with PostgreSQL in serializable transactions,
// which are refused where no serial order fits, and tries those again
// (https://www.postgresql.org/docs/current/mvcc-serialization-failure-handling.html).
package postgresserializable

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
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
	deadline := time.Now().Add(patience)
	for {
		value, err := s.attempt(ctx, key)
		if !again(err) || time.Now().After(deadline) {
			return value, err
		}
		select {
		case <-time.After(rand.N(10 * time.Millisecond)):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// patience is how long to try again for.
const patience = 5 * time.Second

// again reports whether the transaction was refused because others ran beside it,
// and is to be tried again as a whole.
func again(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "40001"
}

func (s *Service) attempt(ctx context.Context, key string) (int64, error) {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable})
	if err != nil {
		return 0, fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // of no effect after a commit
	var value int64
	err = tx.QueryRowContext(ctx, `SELECT value FROM counters WHERE key = $1`, key).Scan(&value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read counter: %w", err)
	}
	value++
	_, err = tx.ExecContext(ctx, `INSERT INTO counters (key, value) VALUES ($1, $2)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, value)
	if err != nil {
		return 0, fmt.Errorf("write counter: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return 0, fmt.Errorf("commit: %w", err)
	}
	return value, nil
}
