package rqlite

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"example.com/contend/internal/store"
)

// Codes of a [store.Error]. rqlite has texts and HTTP statuses, but no codes.
const (
	CodeUnreachable = "RQLITE_UNREACHABLE" // no node could be connected to: nothing was sent
	CodeNoLeader    = "RQLITE_NO_LEADER"   // no node knew a leader, or the leader was not ready: nothing was begun
	CodeLost        = "RQLITE_LOST"        // the answer did not come: the connection broke, or the patience was over
	CodeLeadership  = "RQLITE_LEADERSHIP"  // the leader lost its place while it had the request
	CodeError       = "RQLITE_ERROR"       // everything else
)

// A failure is the error of a request that a node did not do, or not certainly.
type failure struct {
	code    string
	certain bool // nothing was begun, and another node may be tried
	timeout bool // the patience was over
	err     error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// unsent are what a leader answers before it gives a request to Raft
// (rqlite's store.ErrNotReady and ErrNotOpen; the Raft library's
// ErrEnqueueTimeout and ErrLeadershipTransferInProgress,
// https://pkg.go.dev/github.com/hashicorp/raft#pkg-variables). The texts are all
// that HTTP carries of them.
var unsent = []string{
	"store not ready", "store not open", "timed out enqueuing operation", "leadership transfer in progress",
}

// The other texts that mean something.
const (
	textNoLeader       = "leader not found"
	textLeadershipLost = "leadership lost while committing log" // "There is no way to guarantee whether the write succeeded", says the Raft library
)

// broken describes an error of the transport. Only one that came from making a
// connection proves that nothing was sent: net/http sends a POST again by
// itself only where nothing of it had been written.
func broken(err error) *failure {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return &failure{code: CodeUnreachable, certain: true, timeout: op.Timeout(), err: err}
	}
	var t interface{ Timeout() bool }
	return &failure{code: CodeLost, timeout: errors.As(err, &t) && t.Timeout(), err: err}
}

// refusedStatus describes an answer that is neither 200 nor a redirection.
func refusedStatus(status int, body []byte) *failure {
	text := strings.TrimSpace(string(body))
	err := fmt.Errorf("HTTP status %d: %.200s", status, text)
	if text == textNoLeader { // the status is 503, or 500 where the request wanted a redirection
		// A node says this before it has passed the request to anybody. A bare 503
		// may be that of a proxy, which proves nothing.
		return &failure{code: CodeNoLeader, certain: true, err: err}
	}
	return &failure{code: CodeError, err: err}
}

// refusedRequest describes the error of a whole request. Where another node has
// passed it on, perhaps twice, no text proves anything.
func refusedRequest(text string, forwarded bool) *failure {
	f := &failure{code: CodeError, err: errors.New(text)}
	if slices.Contains(unsent, text) && !forwarded {
		f.code, f.certain = CodeNoLeader, true
	}
	if text == textLeadershipLost {
		f.code = CodeLeadership
	}
	return f
}

// Explain returns what an error proves. One that is no failure is an answer that
// cannot be read. A read has no effect, whatever became of it, and may be tried again
// unless it is the statement that is wrong.
func (c *conn) Explain(op string, err error, waited time.Duration, committing bool) *store.Error {
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{code: CodeError, err: err}
	}
	refused := f.certain || !committing && f.code != CodeError
	return &store.Error{
		Op: op, Code: f.code, Extended: f.code, Refused: refused, Waited: waited,
		TimedOut: refused && f.timeout, Unsure: committing && !refused, Err: f.err,
	}
}
