// Package rqlitequeue is package rqliteupdate with one writer: it sends the requests
// that wait in one, which is one entry of the Raft log
// (https://rqlite.io/docs/api/bulk-api/).
package rqlitequeue

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// A Service counts in a database.
type Service struct {
	client   http.Client
	database string // the URL of a node: "http://127.0.0.1:4001"
	requests chan request
	stop     chan struct{} // closed by Close
	stopped  chan struct{} // closed by the writer
}

// Open reaches the database through the node at the URL, and makes its table
// where it is missing.
func Open(ctx context.Context, database string) (*Service, error) {
	s := &Service{database: database, requests: make(chan request), stop: make(chan struct{}), stopped: make(chan struct{})}
	made, err := s.send(ctx, "/db/execute", []any{`CREATE TABLE IF NOT EXISTS counters (key TEXT PRIMARY KEY, value INTEGER NOT NULL)`})
	if err == nil && made[0].Error != "" {
		err = errors.New(made[0].Error)
	}
	if err != nil {
		return nil, fmt.Errorf("make table: %w", err)
	}
	go s.write()
	return s, nil
}

// Close ends the writer, after the batch that it is at, and closes the connections
// to the node.
func (s *Service) Close() error {
	close(s.stop)
	<-s.stopped
	s.client.CloseIdleConnections()
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

// commit carries out a batch and answers when a majority has it. Each statement is a
// transaction of its own, which fails alone.
func (s *Service) commit(batch []request) {
	var statements [][]any
	for _, r := range batch {
		statements = append(statements, []any{`INSERT INTO counters (key, value) VALUES (?, 1)
		ON CONFLICT (key) DO UPDATE SET value = value + 1 RETURNING value`, r.key})
	}
	changed, err := s.send(context.Background(), "/db/request", statements...)
	for i, r := range batch {
		if err != nil {
			r.done <- answer{err: fmt.Errorf("increment counter: %w", err)}
		} else {
			r.done <- changed[i].answer()
		}
	}
}

// answer returns what came of an increment.
func (r result) answer() answer {
	if r.Error != "" {
		return answer{err: errors.New(r.Error)}
	}
	if len(r.Values) != 1 || len(r.Values[0]) != 1 {
		return answer{err: errors.New("increment counter: rqlite returns no value")}
	}
	return answer{value: r.Values[0][0]}
}

// A result is what rqlite says of one statement.
type result struct {
	Error  string    `json:"error"`
	Values [][]int64 `json:"values"`
}

// send sends statements with their arguments
// (https://rqlite.io/docs/api/api/#parameterized-statements).
func (s *Service) send(ctx context.Context, path string, statements ...[]any) ([]result, error) {
	body, err := json.Marshal(statements)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.database+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("rqlite answers %s", response.Status)
	}
	var answer struct {
		Results []result `json:"results"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if len(answer.Results) != len(statements) {
		return nil, errors.New("rqlite gives no result")
	}
	return answer.Results, nil
}
