package nodeclient

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
)

// finish reads resp to its end, and returns its body, or an error with the path,
// the code and the words where the answer is not a success.
func finish(resp *http.Response) ([]byte, error) {
	a, err := read(resp, lab.Bytes)
	switch {
	case err != nil:
		return nil, err
	case a.Status == http.StatusOK:
		return a.Body, nil
	case a.Code == "":
		return nil, fmt.Errorf("%s: %s", resp.Request.URL.Path, cmp.Or(a.Reason, resp.Status))
	}
	return nil, fmt.Errorf("%s: %s: %s", resp.Request.URL.Path, a.Code, a.Reason)
}

// post sends body to a path under /lab/ and reads the answer to its end.
func post(ctx context.Context, node, path string, body map[string]any) error {
	resp, err := send(ctx, client, node+path, body)
	if err == nil {
		_, err = finish(resp)
	}
	return err
}

// SetStock sets the stock of item, whatever it was.
func SetStock(ctx context.Context, node, item string, stock int64) error {
	return post(ctx, node, nodeapi.PathReset, map[string]any{"item": item, "stock": stock})
}

// SetBalance sets the balance of account, whatever it was.
func SetBalance(ctx context.Context, node, account string, balance int64) error {
	return post(ctx, node, nodeapi.PathReset, map[string]any{"account": account, "balance": balance})
}

// Hold has a node take the write lock and keep it for d. It returns when the
// node holds the lock; wait returns when the node has released it. When ctx is
// done the node releases it early.
func Hold(ctx context.Context, node string, d time.Duration) (wait func() error, err error) {
	resp, err := send(ctx, client, node+nodeapi.PathHold, map[string]any{"ms": d.Milliseconds()})
	if err != nil {
		return nil, err
	}
	return func() error { _, err := finish(resp); return err }, nil
}

// Crash has a node begin a transaction, write until some of it has left SQLite's
// cache for the disk, and kill itself with SIGKILL after d, before any commit. It
// returns when the node has written; until its end the node holds the write lock.
func Crash(ctx context.Context, node string, d time.Duration) error {
	resp, err := send(ctx, client, node+nodeapi.PathCrash, map[string]any{"after_ms": d.Milliseconds()})
	if err != nil {
		return err
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body.Close() // the node's end cuts the body short
	}
	_, err = finish(resp)
	return err
}

// Facts returns what a node's database holds now. Other nodes may be using it.
func Facts(ctx context.Context, node string) (facts store.Facts, err error) {
	resp, err := send(ctx, client, node+nodeapi.PathFacts, nil)
	if err != nil {
		return facts, err
	}
	body, err := finish(resp)
	if err != nil {
		return facts, err
	}
	if err = lab.Check(body); err == nil {
		err = json.Unmarshal(body, &facts)
	}
	if err != nil {
		return facts, fmt.Errorf("%s: not a node's answer: %w", nodeapi.PathFacts, err)
	}
	return facts, nil
}

// Close has a node finish what it has begun, refuse what comes with
// [nodeapi.CodeClosed], and close its database. With remove the node also removes
// the files of the database that was open last, if the lab made it; of several
// nodes on one database, close all before any removes it. Closing twice does no
// harm.
func Close(ctx context.Context, node string, remove bool) error {
	body := map[string]any{}
	if remove {
		body["remove"] = true
	}
	return post(ctx, node, nodeapi.PathClose, body)
}

// Open has a node, closed before, open database under d: the name of a file like
// "lab-1.db" beside the node's own, created where it is missing, or "" for the
// node's own. A nil d is the node's own discipline. With "" and nil the node
// returns to the database that it was started with, closed or not.
func Open(ctx context.Context, node, database string, d *store.Discipline) error {
	body := map[string]any{}
	if database != "" {
		body["database"] = database
	}
	if d != nil {
		body["discipline"] = d
	}
	return post(ctx, node, nodeapi.PathOpen, body)
}

// Sessions is a client of lab sessions. Unlike the rest of the package it keeps
// its connections, so that a step of a session does not pay for a new one.
type Sessions struct{ client *http.Client }

// NewSessions returns a client that keeps up to atOnce idle connections to each node.
func NewSessions(atOnce int) *Sessions {
	return &Sessions{&http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}, CheckRedirect: client.CheckRedirect}}
}

// CloseIdle closes the connections that no request uses. It closes no session:
// that is [nodeapi.DoClose].
func (s *Sessions) CloseIdle() { s.client.CloseIdleConnections() }

// A Reply is the database's answer to a session's request, a success or a refusal.
type Reply struct {
	nodeapi.SessionResponse
	Outcome history.Outcome
}

// Do sends request to node and returns the reply, or an error where the request
// never came to the database. It calls sent, which may be nil, when the request
// has been written to the connection.
func (s *Sessions) Do(ctx context.Context, node string, request nodeapi.SessionRequest, sent func()) (Reply, error) {
	if sent != nil {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			WroteRequest: func(httptrace.WroteRequestInfo) { sent() },
		})
	}
	resp, err := send(ctx, s.client, node+nodeapi.PathSession, request)
	if err != nil {
		return Reply{}, err
	}
	a, err := read(resp, lab.Bytes)
	if err != nil {
		return Reply{}, err
	}
	return understand(a.Status, a.Body)
}

// understand tells the database's answer, which names one of its result codes
// where it is no success, from a refusal that never reached the database.
func understand(status int, body []byte) (Reply, error) {
	var r Reply
	if err := json.Unmarshal(body, &r.SessionResponse); err != nil {
		return r, fmt.Errorf("answer %d is not JSON: %w", status, err)
	}
	if r.Error = begins(r.Error); len(r.Code) > maxName || len(r.Extended) > maxName {
		return Reply{}, fmt.Errorf("answer %d has a code of more than %d bytes", status, maxName)
	}
	switch {
	case status == http.StatusOK && r.Success:
		r.Outcome = history.OK
	case status == http.StatusOK || !strings.HasPrefix(r.Code, "SQLITE_"):
		return r, fmt.Errorf("answer %d: %s: %s", status, r.Code, r.Error)
	case nodeapi.Certain(status):
		r.Outcome = history.Failed
	}
	return r, nil
}
