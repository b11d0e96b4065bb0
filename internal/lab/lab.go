// Package lab asks nodes for what only an experiment wants of them: to lay
// down data, to hold the write lock, to change the database. It is the client of
// the paths under /lab/, which a node has open only when it is told to.
package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"example.com/contend/internal/api"
)

// A Refusal is an answer of a node that is not a success.
type Refusal struct {
	Path   string // "/lab/open"
	Status int    // HTTP
	Code   string // one of package api's, "" where the answer was not a node's
	Words  string // for people
}

// Error says what was asked and what came back.
func (r *Refusal) Error() string {
	if r.Code == "" {
		return r.Path + ": " + r.Words
	}
	return r.Path + ": " + r.Code + ": " + r.Words
}

// SetStock makes the stock of item what it is told, whatever it was.
func SetStock(ctx context.Context, node, item string, stock int64) error {
	return reset(ctx, node, map[string]any{"item": item, "stock": stock})
}

// SetBalance makes the balance of account what it is told, whatever it was.
func SetBalance(ctx context.Context, node, account string, balance int64) error {
	return reset(ctx, node, map[string]any{"account": account, "balance": balance})
}

func reset(ctx context.Context, node string, body any) error {
	answer, err := post(ctx, node+api.PathReset, body)
	if err != nil {
		return err
	}
	return finish(answer)
}

// Hold has a node take the write lock and keep it for d. It returns when the
// lock has been taken; wait returns when it has been given back. When ctx is
// done the node gives it back early.
func Hold(ctx context.Context, node string, d time.Duration) (wait func() error, err error) {
	answer, err := post(ctx, node+api.PathHold, map[string]any{"ms": d.Milliseconds()})
	if err != nil {
		return nil, err
	}
	return func() error { return finish(answer) }, nil
}

// Crash has a node begin a transaction, write until some of it has left SQLite's
// cache for the disk, and kill itself with SIGKILL after d, before any commit. It
// returns when the node has written; until its end the node holds the write lock.
func Crash(ctx context.Context, node string, d time.Duration) error {
	answer, err := post(ctx, node+api.PathCrash, map[string]any{"after_ms": d.Milliseconds()})
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return finish(answer)
	}
	return answer.Body.Close() // what it says is cut off by the end of the node
}

// client asks nodes as a load does: with no proxy in between, and on a
// connection of its own, for the node may be killed before it is asked again.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// post sends body as JSON to url, a node's address and a path, and returns the
// answer once its header is there.
func post(ctx context.Context, url string, body any) (*http.Response, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	return client.Do(request)
}

// get asks url, a node's address and a path, and reads the answer into what into
// points to.
func get(ctx context.Context, url string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	return read(answer, into)
}

// finish reads answer to its end and returns the error that it tells of.
func finish(answer *http.Response) error {
	_, err := body(answer)
	return err
}

// read is finish for an answer that has something to tell.
func read(answer *http.Response, into any) error {
	data, err := body(answer)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: not a node's answer: %w", answer.Request.URL.Path, err)
	}
	return nil
}

// body reads answer to its end. Where it is no success, it returns what it read
// and a *Refusal.
func body(answer *http.Response) ([]byte, error) {
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode == http.StatusOK {
		return data, err
	}
	refusal := &Refusal{Path: answer.Request.URL.Path, Status: answer.StatusCode, Words: answer.Status}
	var said api.Error
	if json.Unmarshal(data, &said) == nil && said.Error != "" {
		refusal.Code, refusal.Words = said.Code, said.Error
	}
	return data, refusal
}
