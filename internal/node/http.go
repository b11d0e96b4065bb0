package node

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/http1"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
)

// An exchange is one request on its way to its answer.
type exchange struct {
	ctx   context.Context // the request's; it ends when the client goes away: see [attend]
	w     http.ResponseWriter
	r     *http.Request
	path  string
	query string
	body  []byte
	start time.Time
	on    *opened // the database it works on; nil where its route needs none

	taken    int64 // of the node's room, by the body
	attempts int   // under /api/: how often it was tried
	begun    bool  // the answer's header has been sent
	status   int   // of an answer whose handler gives a body and no error; 0 means 200
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
	handle func(*Node, *exchange) (body any, err error) // a body of nil: it has sent everything itself
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
		all[op.Path] = route{method, false, toBeOpen, func(n *Node, x *exchange) (any, error) { return n.operate(x, op) }}
	}
	return all
}()

// operate serves an operation of the application.
func (n *Node) operate(x *exchange, op app.Operation) (any, error) {
	call := op.New()
	do, err := x.on.db.Update, error(nil)
	if op.Reads {
		do, err = x.on.db.View, decodeQuery(x.query, call)
	} else {
		err = decode(x.body, call)
	}
	if err == nil {
		err = n.try(x, do, call.Do)
	}
	if err != nil {
		return nil, err
	}
	return call.Answer(n.cfg.Name, time.Since(x.start)), nil
}

// connKey is the key of a request's connection among the values of its context.
type connKey struct{}

// errClientGone is why a request of a client that has gone is given up.
var errClientGone = errors.New("the client went away before its request was begun")

// attend returns a context that ends once the client has certainly gone: when its
// connection is reset. That of net/http ends at the end of the client's stream, where
// a client that sends no more may still read the answer: see [http1.Reset].
func attend(ctx context.Context) (_ context.Context, release func()) {
	conn, ok := ctx.Value(connKey{}).(syscall.Conn)
	if !ok {
		return ctx, func() {}
	}
	attended, end := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if raw, err := conn.SyscallConn(); err != nil || http1.Reset(raw) {
			end(errClientGone)
		}
	})
	return attended, func() { stop(); end(nil) }
}

// ServeHTTP answers one request as package nodeapi says.
func (n *Node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{ctx: r.Context(), w: w, r: r, path: http1.Path(r.URL), query: r.URL.RawQuery, start: time.Now()}
	if !strings.HasPrefix(x.path, "/lab/") { // a hold lasts as long as its client stays
		var release func()
		x.ctx, release = attend(x.ctx)
		defer release()
	}
	if http1.Last(r) {
		w.Header().Set("Connection", "close")
	}
	rt, known := routes[x.path]
	body, err := n.answer(x, rt, known)
	status := n.respond(x, body, err)
	label := x.path
	if !known {
		label = "other" // paths that clients make up must not become series
	}
	n.metrics.answered(label, status, x.attempts, time.Since(x.start))
}

// answer decides whether the request is begun at all, and works on it if so.
// Nothing of the node is taken before the whole request has come in, so a slow
// client holds only its own connection.
func (n *Node) answer(x *exchange, rt route, known bool) (any, error) {
	if err := n.judge(x, rt, known); err != nil {
		return nil, err
	}
	if rt.method == http.MethodPost {
		err := x.readBody(n.room)
		defer n.room.Give(x.taken)
		if err != nil {
			return nil, err
		}
	}
	if !n.begin(x, rt.needs) {
		return nil, n.absence()
	}
	defer n.end(x)
	if !rt.free {
		select {
		case n.places <- struct{}{}:
			defer func() { <-n.places }()
		default:
			return nil, &refusal{http.StatusServiceUnavailable, nodeapi.CodeOverloaded, "too many requests in flight"}
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
func (n *Node) absence() error {
	n.gate.RLock()
	defer n.gate.RUnlock()
	if n.stopping {
		return &refusal{http.StatusServiceUnavailable, nodeapi.CodeStopping, "the node is stopping"}
	}
	return &refusal{http.StatusServiceUnavailable, nodeapi.CodeClosed, "the node's database is " + nodeapi.ClosedByLab}
}

// work runs the handler. A panic in it is an answer of 500, and the node lives:
// the store throws the connection away, and the transaction with it.
func (n *Node) work(x *exchange, rt route) (body any, err error) {
	n.metrics.inFlight.Inc()
	defer n.metrics.inFlight.Dec()
	if x.on != nil && x.on.longest > n.longest {
		x.allow(x.on.longest) // the server's own limit was made for the node's own discipline
	}
	defer func() {
		if p := recover(); p != nil {
			n.log.Error("panic", "path", x.path, "panic", p, "stack", string(debug.Stack()))
			err = &refusal{http.StatusInternalServerError, nodeapi.CodeInternal, "internal error"}
		}
	}()
	return rt.handle(n, x)
}

// judge looks at everything but the body, and returns why the request is refused.
func (n *Node) judge(x *exchange, rt route, known bool) error {
	if r := n.guard.Refuse(x.r); r != nil {
		x.w.Header().Set("Connection", "close") // as the balancer does
		return &refusal{r.Status, r.Code, r.Text}
	}
	switch {
	case !known:
		return &refusal{http.StatusNotFound, nodeapi.CodeNotFound, "no such path"}
	case x.r.Method != rt.method && !(rt.method == http.MethodGet && x.r.Method == http.MethodHead):
		x.w.Header().Set("Allow", strings.ReplaceAll(rt.method, http.MethodGet, "GET, HEAD"))
		return &refusal{http.StatusMethodNotAllowed, nodeapi.CodeMethodNotAllowed, "this path wants " + rt.method}
	case strings.HasPrefix(x.path, "/lab/") && !n.cfg.Lab:
		return &refusal{http.StatusForbidden, nodeapi.CodeLabOnly, "the node was not started with --lab"}
	case rt.method == http.MethodPost && x.query != "":
		return &invalid{"query", "must be empty: this path takes a JSON body"}
	case rt.method == http.MethodPost && !acceptable(x.r.Header):
		return &refusal{http.StatusUnsupportedMediaType, nodeapi.CodeMediaType, "the body must be JSON in UTF-8, sent as application/json"}
	}
	return nil
}

// acceptable reports whether the header lets the body be JSON. The source's own
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
	charset, given := parameters["charset"]
	if err != nil || given && !strings.EqualFold(charset, "utf-8") {
		return false
	}
	return slices.Contains([]string{"application/json", "text/plain", "application/x-www-form-urlencoded"}, kind)
}

// readBody takes the whole body in. One that is announced as too large is not waited for.
func (x *exchange) readBody(room *http1.Room) (err error) {
	var long *http.MaxBytesError
	if x.r.ContentLength <= maxBody {
		x.body, x.taken, err = room.ReadBody(http.MaxBytesReader(x.w, x.r.Body, maxBody), nil, maxBody)
	}
	switch {
	case x.r.ContentLength > maxBody, errors.As(err, &long):
		return &refusal{http.StatusRequestEntityTooLarge, nodeapi.CodeTooLarge, nodeapi.TooLarge}
	case errors.Is(err, http1.ErrFull):
		x.w.Header().Set("Connection", "close") // what is left of the body is not waited for
		return &refusal{http.StatusServiceUnavailable, nodeapi.CodeOverloaded, "too many large bodies at once"}
	case err != nil:
		return &invalid{"body", "must be sent whole and in time"}
	}
	return nil
}

// A refusal is an answer that the node gives without having begun anything.
type refusal struct {
	status         int
	code, sentence string
}

func (r *refusal) Error() string { return r.sentence }

// failure returns what err means to the client. The status decides what the
// client may conclude; see [nodeapi.Certain].
func failure(err error) (status int, body *nodeapi.Error) {
	status, body = http.StatusInternalServerError, &nodeapi.Error{Error: err.Error(), Code: nodeapi.CodeInternal}
	var refused *refusal
	var bad *invalid
	var wait *app.WaitError
	var e *store.Error
	switch {
	case errors.As(err, &refused):
		status, body.Code = refused.status, refused.code
	case errors.As(err, &bad):
		status, body.Code, body.Field = http.StatusBadRequest, nodeapi.CodeInvalidArgument, bad.field
	case errors.Is(err, store.ErrShort), errors.Is(err, store.ErrCancelled):
		status, body.Code = http.StatusConflict, nodeapi.CodeConflict
	case errors.Is(err, store.ErrNoSuch), errors.Is(err, app.ErrCannot):
		status, body.Code = http.StatusNotFound, nodeapi.CodeNotFound
	case errors.Is(err, store.ErrClosed):
		status, body.Code, body.Error = http.StatusServiceUnavailable, nodeapi.CodeStopping, "the node is stopping"
	case errors.Is(err, store.ErrSessions):
		status, body.Code = http.StatusServiceUnavailable, nodeapi.CodeOverloaded
	// Only a wait ends with a context: for a connection, for the queue's writer, for a
	// session. So this attempt was not begun, and every one before it was rolled back.
	case errors.Is(err, errClientGone), errors.Is(err, context.Canceled):
		status, body.Code, body.Error = http.StatusServiceUnavailable, nodeapi.CodeClientGone, errClientGone.Error()
	case errors.As(err, &wait):
		status, body.Code, body.Error = http.StatusServiceUnavailable, nodeapi.CodeOverloaded, "the wait for "+wait.For+" was too long"
	case errors.Is(err, context.DeadlineExceeded):
		status, body.Code, body.Error = http.StatusServiceUnavailable, nodeapi.CodeOverloaded, "the database was not reached in time"
	case errors.As(err, &e):
		status, *body = databaseFailure(e)
	}
	return status, body
}

func databaseFailure(e *store.Error) (status int, body nodeapi.Error) {
	status, body = http.StatusInternalServerError, nodeapi.Error{Error: "Database error", Code: e.Code, Extended: e.Extended}
	switch {
	case e.Refused:
		status, body.Error, body.Code = http.StatusServiceUnavailable, "Database is busy", nodeapi.CodeBusy
		if e.TimedOut {
			body.Code = nodeapi.CodeTimeout
		}
	case e.Unsure:
		body.Error = "Database error; what was asked may have been done, or a part of it"
	}
	return status, body
}

// respond sends an answer and returns its status.
func (n *Node) respond(x *exchange, body any, err error) (status int) {
	status = cmp.Or(x.status, http.StatusOK)
	if err != nil {
		var e *nodeapi.Error
		status, e = failure(err)
		e.Container, e.Duration = n.cfg.Name, milliseconds(time.Since(x.start))
		body = e
	}
	if body == nil {
		return status
	}
	text, err := json.Marshal(body)
	if err != nil { // our own types always marshal
		n.log.Error("marshal answer", "path", x.path, "error", err)
		status = http.StatusInternalServerError
	}
	if !x.begun {
		h := x.w.Header()
		h.Set("Content-Type", "application/json")
		if strings.HasPrefix(x.path, "/api/") {
			h.Set(nodeapi.HeaderAttempts, strconv.Itoa(x.attempts))
		}
		x.w.WriteHeader(status)
	}
	_, _ = x.w.Write(append(text, '\n')) // a client that has gone is the client's business
	return status
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
