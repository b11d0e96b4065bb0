// Package postgresqueue is package postgresupdate with one writer: it sends the
// requests that wait in one round trip, as one transaction.
package postgresqueue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A Service counts in a database.
type Service struct {
	db       *pgxpool.Pool
	requests chan request
	stop     chan struct{} // closed by Close
	stopped  chan struct{} // closed by the writer
}

// Open opens the database at the URL and makes its table where it is missing.
func Open(ctx context.Context, database string) (*Service, error) {
	db, err := pgxpool.New(ctx, database)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	_, err = db.Exec(ctx, `CREATE TABLE IF NOT EXISTS counters (key TEXT PRIMARY KEY, value BIGINT NOT NULL)`)
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
	s.db.Close()
	return nil
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

// commit carries out a batch in one transaction and answers when that is committed.
// Where the server refuses it, each request is tried alone, so that it fails alone.
func (s *Service) commit(batch []request) {
	values, err := s.transact(batch)
	for i, r := range batch {
		switch {
		case err == nil:
			r.done <- answer{value: values[i]}
		case len(batch) > 1 && undone(err):
			s.commit(batch[i : i+1])
		default:
			r.done <- answer{err: err}
		}
	}
}

// undone reports whether the server has answered with an error of the transaction,
// which it has then rolled back.
func undone(err error) bool {
	var failure *pgconn.PgError
	return errors.As(err, &failure) && failure.Severity == "ERROR"
}

// transact returns the counters after the requests. What is sent together is one
// transaction. Rows are locked in the order of their keys, because two batches that
// lock them in different orders wait for each other.
func (s *Service) transact(batch []request) ([]int64, error) {
	values := make([]int64, len(batch))
	order := make([]int, len(batch))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(batch[a].key, batch[b].key) })
	var sent pgx.Batch
	for _, i := range order {
		sent.Queue(`INSERT INTO counters (key, value) VALUES ($1, 1)
			ON CONFLICT (key) DO UPDATE SET value = counters.value + 1 RETURNING value`, batch[i].key).
			QueryRow(func(row pgx.Row) error { return row.Scan(&values[i]) })
	}
	if err := s.db.SendBatch(context.Background(), &sent).Close(); err != nil {
		return nil, fmt.Errorf("increment counters: %w", err)
	}
	return values, nil
}
