package node

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
)

// An exchange is one request on its way to its answer.
type exchange struct {
	ctx   context.Context // the request's; it ends when the client goes away
	w     http.ResponseWriter
	r     *http.Request
	path  string
	query string
	body  []byte
	start time.Time
	begun bool    // the answer's header has been sent
	on    *opened // the database it works on; nil where its route needs none
}

// begin sends the header of a success before the work is over.
func (x *exchange) begin() {
	x.begun = true
	x.w.Header().Set("Content-Type", "application/json")
	x.w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(x.w).Flush() // a client that has gone shows in ctx
}

// allow gives the answer d longer than the server's own limit would.
func (x *exchange) allow(d time.Duration) {
	_ = http.NewResponseController(x.w).SetWriteDeadline(time.Now().Add(d + time.Minute))
}

// A route is one path of the contract.
type route struct {
	method string // http.MethodGet stands for HEAD too
	free   bool   // needs no place among the requests in flight
	needs  need
	handle func(*Node, *exchange) answer
}

// A need is what a route wants of the node's database.
type need int

const (
	toBeOpen need = iota // refused while it is closed
	ifOpen               // asks it, and has something to say without it
	toChange             // closes or opens it, and so waits for everybody who uses it
)

var routes = func() map[string]route {
	all := map[string]route{
		nodeapi.PathHealth:   {http.MethodGet, true, ifOpen, (*Node).health},
		nodeapi.PathMetrics:  {http.MethodGet, true, ifOpen, (*Node).metricsPage},
		nodeapi.PathHold:     {http.MethodPost, false, toBeOpen, (*Node).hold},
		nodeapi.PathCrash:    {http.MethodPost, false, toBeOpen, (*Node).crash},
		nodeapi.PathReset:    {http.MethodPost, false, toBeOpen, (*Node).reset},
		nodeapi.PathSession:  {http.MethodPost, false, toBeOpen, (*Node).session},
		nodeapi.PathSettings: {http.MethodGet, false, toBeOpen, (*Node).settings},
		nodeapi.PathFacts:    {http.MethodGet, false, toBeOpen, (*Node).facts},
		nodeapi.PathClose:    {http.MethodPost, true, toChange, (*Node).closeForLab},
		nodeapi.PathOpen:     {http.MethodPost, true, toChange, (*Node).openForLab},
	}
	for _, op := range app.Operations {
		method := http.MethodPost
		if op.Reads {
			method = http.MethodGet
		}
		all[op.Path] = route{method, false, toBeOpen, func(n *Node, x *exchange) answer { return n.operate(x, op) }}
	}
	return all
}()

// operate serves an operation of the application.
func (n *Node) operate(x *exchange, op app.Operation) answer {
	call := op.New()
	err := error(nil)
	if op.Reads {
		err = decodeQuery(x.query, call)
	} else {
		err = decode(x.body, call)
	}
	if err != nil {
		return failure(err, 0)
	}
	make := x.on.db.Update
	if op.Reads {
		make = x.on.db.View
	}
	attempts, err := n.try(x, make, call.Do)
	if err != nil {
		return failure(err, attempts)
	}
	return ok(attempts, call.Answer(n.cfg.Name, time.Since(x.start)))
}

// ServeHTTP answers one request as package nodeapi says.
func (n *Node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{ctx: r.Context(), w: w, r: r, path: r.URL.Path, query: r.URL.RawQuery, start: time.Now()}
	rt, known := routes[x.path]
	a := n.answer(x, rt, known)
	n.respond(x, a)
	label := x.path
	if !known {
		label = "other" // paths that clients make up must not become series
	}
	n.metrics.answered(label, a.status, a.attempts, time.Since(x.start))
}

// answer decides whether the request is begun at all, and works on it if so.
// Nothing of the node is taken before the whole request has come in, so a slow
// client holds only its own connection.
func (n *Node) answer(x *exchange, rt route, known bool) answer {
	if refused, ok := n.judge(x, rt, known); !ok {
		return refused
	}
	if rt.method == http.MethodPost {
		if refused, ok := x.readBody(); !ok {
			return refused
		}
	}
	if !n.begin(x, rt.needs) {
		return n.absence()
	}
	defer n.end(x)
	if !rt.free {
		select {
		case n.places <- struct{}{}:
			defer func() { <-n.places }()
		default:
			return refuse(http.StatusServiceUnavailable, nodeapi.CodeOverloaded, "too many requests in flight")
		}
	}
	return n.work(x, rt)
}

// begin counts a request as begun, on what is open now, unless the node is
// stopping or has not got what the request needs.
func (n *Node) begin(x *exchange, needs need) bool {
	n.gate.RLock()
	defer n.gate.RUnlock()
	if n.stopping || needs == toBeOpen && n.on == nil {
		return false
	}
	n.begun.Add(1)
	if needs != toChange && n.on != nil {
		x.on = n.on
		x.on.begun.Add(1)
	}
	return true
}

func (n *Node) end(x *exchange) {
	if x.on != nil {
		x.on.begun.Done()
	}
	n.begun.Done()
}

// absence refuses a request for which there is no database.
func (n *Node) absence() answer {
	n.gate.RLock()
	defer n.gate.RUnlock()
	if n.stopping {
		return refuse(http.StatusServiceUnavailable, nodeapi.CodeStopping, "the node is stopping")
	}
	return refuse(http.StatusServiceUnavailable, nodeapi.CodeClosed, "the node's database is "+nodeapi.ClosedByLab)
}

// work runs the handler. A panic in it is an answer of 500, and the node lives:
// the store throws the connection away, and the transaction with it.
func (n *Node) work(x *exchange, rt route) (a answer) {
	n.metrics.inFlight.Inc()
	defer n.metrics.inFlight.Dec()
	if x.on != nil && x.on.longest > n.longest {
		x.allow(x.on.longest) // the server's own limit was made for the node's own discipline
	}
	defer func() {
		if p := recover(); p != nil {
			n.log.Error("panic", "path", x.path, "panic", p, "stack", string(debug.Stack()))
			a = refuse(http.StatusInternalServerError, nodeapi.CodeInternal, "internal error")
		}
	}()
	return rt.handle(n, x)
}

// crossOrigin finds requests that a browser sends for a page from elsewhere.
// Bodies of type text/plain are taken, which such a page may send without
// asking, so a node on loopback would be open to every page its owner visits.
var crossOrigin = http.NewCrossOriginProtection()

// judge looks at everything but the body.
func (n *Node) judge(x *exchange, rt route, known bool) (refused answer, ok bool) {
	switch {
	case !known:
		return refuse(http.StatusNotFound, nodeapi.CodeNotFound, "no such path"), false
	case x.r.Method != rt.method && !(rt.method == http.MethodGet && x.r.Method == http.MethodHead):
		x.w.Header().Set("Allow", strings.ReplaceAll(rt.method, http.MethodGet, "GET, HEAD"))
		return refuse(http.StatusMethodNotAllowed, nodeapi.CodeMethodNotAllowed, "this path wants "+rt.method), false
	case strings.HasPrefix(x.path, "/lab/") && !n.cfg.Lab:
		return refuse(http.StatusForbidden, nodeapi.CodeLabOnly, "the node was not started with --lab"), false
	case crossOrigin.Check(x.r) != nil:
		return refuse(http.StatusForbidden, nodeapi.CodeCrossOrigin, "a page from elsewhere may not write here"), false
	case rt.method == http.MethodPost && x.query != "":
		return failure(&invalid{"query", "must be empty: this path takes a JSON body"}, 0), false
	case rt.method == http.MethodPost && !acceptable(x.r.Header):
		return refuse(http.StatusUnsupportedMediaType, nodeapi.CodeMediaType, "the body must be JSON in UTF-8, sent as application/json"), false
	}
	return answer{}, true
}

// acceptable reports whether the header lets the body be JSON. The seed's own
// tests pass a string to fetch, which calls it text/plain, and curl -d calls
// it a form: both, and silence, are taken for JSON, which decode makes sure of.
func acceptable(h http.Header) bool {
	if encoding := h.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return false
	}
	value := h.Get("Content-Type")
	if value == "" {
		return true
	}
	kind, parameters, err := mime.ParseMediaType(value)
	if err != nil {
		return false
	}
	if charset, given := parameters["charset"]; given && !strings.EqualFold(charset, "utf-8") {
		return false
	}
	switch kind {
	case "application/json", "text/plain", "application/x-www-form-urlencoded":
		return true
	}
	return false
}

// readBody takes the whole body in, or returns the refusal.
func (x *exchange) readBody() (refused answer, ok bool) {
	tooLarge := refuse(http.StatusRequestEntityTooLarge, nodeapi.CodeTooLarge, "the body must be at most 64 KiB")
	if x.r.ContentLength > maxBody {
		return tooLarge, false
	}
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return tooLarge, false
	case err != nil:
		return failure(&invalid{"body", "must be sent whole and in time"}, 0), false
	}
	x.body = body
	return answer{}, true
}

func isRefusal(err error) bool {
	var e *store.Error
	return errors.As(err, &e) && e.Refused
}
