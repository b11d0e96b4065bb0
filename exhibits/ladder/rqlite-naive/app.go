// Package rqlitenaive is package red with rqlite: it reads a counter, then writes
// it, each over HTTP (https://rqlite.io/docs/api/api/).
package rqlitenaive

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
}

// Open reaches the database through the node at the URL, and makes its table
// where it is missing.
func Open(ctx context.Context, database string) (*Service, error) {
	s := &Service{database: database}
	_, err := s.send(ctx, "/db/execute", `CREATE TABLE IF NOT EXISTS counters (key TEXT PRIMARY KEY, value INTEGER NOT NULL)`)
	if err != nil {
		return nil, fmt.Errorf("make table: %w", err)
	}
	return s, nil
}

// Close closes the connections to the node.
func (s *Service) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

// Increment adds one to the counter key, from 0, and returns what it is then.
func (s *Service) Increment(ctx context.Context, key string) (int64, error) {
	read, err := s.send(ctx, "/db/query", `SELECT value FROM counters WHERE key = ?`, key)
	if err != nil {
		return 0, fmt.Errorf("read counter: %w", err)
	}
	var value int64
	if len(read.Values) > 0 {
		value = read.Values[0][0]
	}
	value++
	_, err = s.send(ctx, "/db/execute", `INSERT INTO counters (key, value) VALUES (?, ?)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, value)
	if err != nil {
		return 0, fmt.Errorf("write counter: %w", err)
	}
	return value, nil
}

// A result is what rqlite says of one statement.
type result struct {
	Error  string    `json:"error"`
	Values [][]int64 `json:"values"`
}

// send sends one statement with its arguments
// (https://rqlite.io/docs/api/api/#parameterized-statements).
func (s *Service) send(ctx context.Context, path string, statement ...any) (result, error) {
	body, err := json.Marshal([][]any{statement})
	if err != nil {
		return result{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.database+path, bytes.NewReader(body))
	if err != nil {
		return result{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(r)
	if err != nil {
		return result{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return result{}, fmt.Errorf("rqlite answers %s", response.Status)
	}
	var answer struct {
		Results []result `json:"results"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return result{}, err
	}
	if len(answer.Results) != 1 {
		return result{}, errors.New("rqlite gives no result")
	}
	if message := answer.Results[0].Error; message != "" {
		return result{}, errors.New(message)
	}
	return answer.Results[0], nil
}
