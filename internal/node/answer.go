package node

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
)

// An answer is a status and a body, not yet sent.
type answer struct {
	status   int
	body     any // marshalled to JSON; nil where the handler has sent everything
	attempts int // under /api/: how often it was tried
}

func ok(attempts int, body any) answer {
	return answer{status: http.StatusOK, attempts: attempts, body: body}
}

// refuse is an answer that the node gives without having begun anything.
func refuse(status int, code, sentence string) answer {
	return answer{status: status, body: &nodeapi.Error{Error: sentence, Code: code}}
}

// failure returns what err means to the client. The status decides what the
// client may conclude; see [nodeapi.Certain].
func failure(err error, attempts int) answer {
	status, body := http.StatusInternalServerError, &nodeapi.Error{Error: err.Error(), Code: nodeapi.CodeInternal}
	var bad *invalid
	var e *store.Error
	switch {
	case errors.As(err, &bad):
		status, body.Code, body.Field = http.StatusBadRequest, nodeapi.CodeInvalidArgument, bad.field
	case errors.Is(err, store.ErrShort), errors.Is(err, store.ErrCancelled):
		status, body.Code = http.StatusConflict, nodeapi.CodeConflict
	case errors.Is(err, store.ErrNoSuch):
		status, body.Code = http.StatusNotFound, nodeapi.CodeNotFound
	case errors.Is(err, store.ErrClosed):
		status, body.Code, body.Error = http.StatusServiceUnavailable, nodeapi.CodeStopping, "the node is stopping"
	case errors.Is(err, app.ErrCannot):
		status, body.Code = http.StatusNotFound, nodeapi.CodeNotFound
	case errors.Is(err, store.ErrSessions):
		status, body.Code = http.StatusServiceUnavailable, nodeapi.CodeOverloaded
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		// Only the wait for a connection, or for the queue's writer, ends with a
		// context, so this attempt was not begun, and every one before it was rolled back.
		status, body.Code, body.Error = http.StatusServiceUnavailable, nodeapi.CodeOverloaded, "no connection to the database became free"
	case errors.As(err, &e):
		status, *body = databaseFailure(e)
	}
	return answer{status: status, body: body, attempts: attempts}
}

func databaseFailure(e *store.Error) (status int, body nodeapi.Error) {
	switch {
	case e.Refused && e.TimedOut:
		return http.StatusServiceUnavailable, nodeapi.Error{Error: "Database is busy", Code: nodeapi.CodeTimeout, Extended: e.Extended}
	case e.Refused:
		return http.StatusServiceUnavailable, nodeapi.Error{Error: "Database is busy", Code: nodeapi.CodeBusy, Extended: e.Extended}
	case e.Unsure:
		return http.StatusInternalServerError, nodeapi.Error{Error: "Database error; what was asked may have been done, or a part of it", Code: e.Code, Extended: e.Extended}
	}
	return http.StatusInternalServerError, nodeapi.Error{Error: "Database error", Code: e.Code, Extended: e.Extended}
}

// respond sends a.
func (n *Node) respond(x *exchange, a answer) {
	if e, isError := a.body.(*nodeapi.Error); isError {
		e.Container, e.Duration = n.cfg.Name, milliseconds(time.Since(x.start))
	}
	if a.body == nil {
		return
	}
	body, err := json.Marshal(a.body)
	if err != nil { // our own types always marshal
		n.log.Error("marshal answer", "path", x.path, "error", err)
		a.status, body = http.StatusInternalServerError, nil
	}
	if !x.begun {
		h := x.w.Header()
		h.Set("Content-Type", "application/json")
		if strings.HasPrefix(x.path, "/api/") {
			h.Set(nodeapi.HeaderAttempts, strconv.Itoa(a.attempts))
		}
		x.w.WriteHeader(a.status)
	}
	_, _ = x.w.Write(append(body, '\n')) // a client that has gone is the client's business
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
