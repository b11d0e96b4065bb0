package balance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"example.com/contend/internal/api"
)

// ServeHTTP answers one request, mostly by asking a node.
func (b *Balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	arrived := time.Now()
	path := r.URL.EscapedPath()
	first, rest := split(path)
	i, named := b.index[first]
	switch {
	case first == "api":
		b.forward(w, r, path, func(x *exchange) (answer, error) { return b.askAny(r.Context(), x) }, arrived)
	case named:
		b.forward(w, r, rest, func(x *exchange) (answer, error) { return b.askOnly(r.Context(), i, x) }, arrived)
	case path == api.PathHealth:
		b.serveHealth(w, r)
	default:
		fail(w, http.StatusNotFound, api.CodeNotFound, arrived, fmt.Sprintf(
			"the balancer has no %s: /api/… is for any node, and /%s%s would ask %[2]s alone", path, b.nodes[0].Name, path))
	}
}

// split cuts a path after its first segment: "/app-1/api/write" into "app-1"
// and "/api/write".
func split(path string) (first, rest string) {
	first, rest, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return first, "/" + rest
}

// forward reads the request, has ask ask a node for path, and passes the answer on.
func (b *Balancer) forward(w http.ResponseWriter, r *http.Request, path string, ask func(*exchange) (answer, error), arrived time.Time) {
	x := newExchange(r)
	defer x.release()
	if err := x.readBody(w); err != nil {
		failBody(w, err, arrived)
		return
	}
	x.prepare(path, time.Now().Add(b.cfg.Timeout))
	a, err := ask(x)
	if err != nil {
		failAsk(w, err, arrived)
		return
	}
	pass(w, r, a)
}

// askAny asks the nodes in turn until one has been sent the request.
func (b *Balancer) askAny(ctx context.Context, x *exchange) (a answer, err error) {
	var tried set
	for {
		i, ok := b.pick(tried)
		if !ok {
			return a, err
		}
		if a, err = b.askOnly(ctx, i, x); err == nil || !b.again(err) {
			return a, err
		}
		tried.add(i)
	}
}

// askOnly asks node i, and puts its name before the error.
func (b *Balancer) askOnly(ctx context.Context, i int, x *exchange) (answer, error) {
	a, err := b.ask(ctx, i, x)
	if err != nil {
		return a, &nodeError{b.nodes[i].Name, err}
	}
	return a, nil
}

// A nodeError is an error with the name of the node that it came from.
type nodeError struct {
	node string
	err  error
}

func (e *nodeError) Error() string { return e.node + ": " + e.err.Error() }
func (e *nodeError) Unwrap() error { return e.err }

func (b *Balancer) pick(tried set) (int, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ring.pick(time.Now(), tried)
}

func (b *Balancer) eject(i int, cause error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.ring.eject(i, now.Add(b.cfg.EjectFor))
	b.tell(now, cause.Error())
}

// tell logs the nodes that went out or came back. It needs mu.
func (b *Balancer) tell(now time.Time, cause string) {
	for _, i := range b.ring.changes(now) {
		if n := b.nodes[i]; b.ring.members[i].out {
			b.log.Warn("node ejected", "node", n.Name, "addr", n.Addr, "cause", cause)
		} else {
			b.log.Info("node recovered", "node", n.Name, "addr", n.Addr)
		}
	}
}

// pass gives a node's answer to the client. An answer that breaks on the way
// breaks the client's connection too: a shortened one must not look whole.
func pass(w http.ResponseWriter, r *http.Request, a answer) {
	passHeader(w.Header(), r, a)
	w.WriteHeader(a.resp.StatusCode)
	_, err := w.Write(a.body)
	if a.conn == nil {
		return
	}
	defer a.conn.close()
	if err == nil {
		_, err = io.Copy(w, a.resp.Body)
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

func passHeader(h http.Header, r *http.Request, a answer) {
	named := connectionNames(a.resp.Header)
	for k, v := range a.resp.Header {
		if !ownedByHop(k) && !named[k] {
			h[k] = v
		}
	}
	if h["Content-Type"] == nil {
		h["Content-Type"] = nil // or net/http would guess one
	}
	if h["Content-Length"] == nil && a.conn == nil && bodyAllowed(r.Method, a.resp.StatusCode) {
		h["Content-Length"] = []string{strconv.Itoa(len(a.body))}
	}
}

func bodyAllowed(method string, status int) bool {
	return method != http.MethodHead && status != http.StatusNoContent && status != http.StatusNotModified
}

// failAsk answers for a node that did not. Its status says what may have
// happened to the request: see [api.Certain].
func failAsk(w http.ResponseWriter, err error, arrived time.Time) {
	if errors.Is(err, errGone) {
		panic(http.ErrAbortHandler) // nobody is there, but a silent return would say 200
	}
	status, e := http.StatusBadGateway, api.Error{Code: api.CodeNodeLost, Error: err.Error()}
	switch {
	case errors.Is(err, errTimeout):
		status, e.Code = http.StatusGatewayTimeout, api.CodeNodeTimeout
	case unsent(err):
		status, e.Code = http.StatusServiceUnavailable, api.CodeNoNode
		e.Error = "no node was reached, the last tried was " + e.Error
	}
	var from *nodeError
	if errors.As(err, &from) && !unsent(err) {
		e.Container = from.node // it had the request
	}
	writeError(w, status, e, arrived)
}

// failBody answers for a request whose body could not be read.
func failBody(w http.ResponseWriter, err error, arrived time.Time) {
	w.Header().Set("Connection", "close") // the rest of the body may be on its way
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		fail(w, http.StatusRequestEntityTooLarge, api.CodeTooLarge, arrived, fmt.Sprintf("the body is above %d bytes", MaxBody))
	case errors.Is(err, os.ErrDeadlineExceeded):
		fail(w, http.StatusRequestTimeout, api.CodeInvalidArgument, arrived, "the body did not come in time")
	default:
		fail(w, http.StatusBadRequest, api.CodeInvalidArgument, arrived, fmt.Sprintf("read body: %v", err))
	}
}

func fail(w http.ResponseWriter, status int, code string, arrived time.Time, text string) {
	writeError(w, status, api.Error{Code: code, Error: text}, arrived)
}

func writeError(w http.ResponseWriter, status int, e api.Error, arrived time.Time) {
	e.Duration = float64(time.Since(arrived)) / float64(time.Millisecond)
	writeJSON(w, status, e)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
