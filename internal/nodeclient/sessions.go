package nodeclient

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptrace"
	"strings"

	"example.com/contend/history"
	"example.com/contend/internal/nodeapi"
)

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
	a, err := read(resp, math.MaxInt64)
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
