package balance

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/contend/internal/http1"
	"example.com/contend/internal/nodeapi"
)

const (
	maxWhole = 8 << 10 // an answer up to this is read whole before the client sees any of it
	maxKept  = 8 << 10 // a buffer above this is not kept for the next request
)

// An exchange is one client's request, ready to be sent to any node, and room
// for the answer. A connection's requests share one.
type exchange struct {
	request  *http.Request
	client   string      // the client's IP address
	gone     func() bool // reports that nobody waits for the answer any more
	arrived  time.Time   // when the request's first byte was there
	deadline time.Time   // for the answer's last byte
	live     bool        // under /lab/. The answer's head goes out at once if its length is open: it says that a lock is held

	body   []byte // of the request
	taken  int64  // of the front's room, by the body
	out    []byte // the request as nodes get it, or the answer as the client gets it
	fields []byte // the answer's header
	answer []byte // the answer's body, or its beginning
}

// reset prepares x for the next request.
func (x *exchange) reset() {
	x.request, x.taken = nil, 0
	for _, b := range []*[]byte{&x.body, &x.out, &x.fields, &x.answer} {
		if *b = (*b)[:0]; cap(*b) > maxKept {
			*b = nil
		}
	}
}

// prepare writes the request as nodes get it, with the path.
func (x *exchange) prepare(path string, deadline time.Time) {
	x.deadline, x.live = deadline, strings.HasPrefix(path, "/lab/")
	r, h := x.request, x.out[:0]
	h = append(h, r.Method...)
	h = append(h, ' ')
	h = append(h, path...)
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		h = append(h, '?')
		h = append(h, r.URL.RawQuery...)
	}
	h = append(h, " HTTP/1.1\r\n"...)
	h = appendField(h, "Host", cmp.Or(r.Host, "localhost")) // HTTP/1.0 may lack one, and HTTP/1.1 may not
	hop := ownFields
	if named := r.Header["Connection"]; named != nil {
		hop = append(slices.Clip(named), ownFields...)
	}
	for name, values := range r.Header {
		if !ofOneHop(name, hop) {
			for _, v := range values {
				h = appendField(h, name, v)
			}
		}
	}
	h = appendField(h, "X-Forwarded-For", strings.Join(append(r.Header["X-Forwarded-For"], x.client), ", "))
	// A node learns a body's length, 0 included, unless the method needs none.
	if r.Body != http.NoBody || r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch {
		h = appendField(h, "Content-Length", strconv.Itoa(len(x.body)))
	}
	h = append(h, "\r\n"...)
	x.out = append(h, x.body...)
	x.body = x.body[:0]
	if cap(x.body) > maxKept {
		x.body = nil // while the node works, one copy is enough
	}
}

// An answer is what a client gets: a node's answer or the balancer's own. The
// zero answer is none: the client's connection is closed.
type answer struct {
	status int
	fields []byte // the header's lines but those about the length and the connection
	dated  bool   // one of them is the date
	length int64  // of the body, by the node's header; -1 if that does not give it
	body   []byte // all of the body, or its beginning if there is a rest
	rest   *conn  // where the rest of the body is to be read; nil if there is none
}

// received returns the answer of a node with its head and without its body.
func (x *exchange) received(from *http1.Answer) answer {
	a := answer{status: from.Status, length: from.Length}
	hop := []string{"Content-Length"}
	for name, value := range from.Fields() {
		if strings.EqualFold(string(name), "Connection") {
			hop = append(hop, string(value))
		}
	}
	h := x.fields[:0]
	for name, value := range from.Fields() {
		if !ofOneHop(string(name), hop) {
			h = appendField(h, name, value)
			a.dated = a.dated || strings.EqualFold(string(name), "Date")
		}
	}
	x.fields, a.fields = h, h
	return a
}

// appendField needs no check for line breaks: the readers of requests and
// answers refuse them.
func appendField[T string | []byte](h []byte, name, value T) []byte {
	h = append(h, name...)
	h = append(h, ": "...)
	h = append(h, value...)
	return append(h, "\r\n"...)
}

// hopFields are about one connection alone (RFC 9110, section 7.6.1).
var hopFields = []string{"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
	"Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// ownFields are those that prepare writes itself, and Expect, which the
// balancer has answered.
var ownFields = []string{"Host", "Content-Length", "Expect", "X-Forwarded-For"}

// ofOneHop reports whether a header field is not passed on: it is one of
// hopFields, or named in more, lists of names like those of a Connection field.
func ofOneHop(name string, more []string) bool {
	same := func(other string) bool { return len(other) == len(name) && strings.EqualFold(other, name) }
	if slices.ContainsFunc(hopFields, same) {
		return true
	}
	for _, list := range more {
		for other := range strings.SplitSeq(list, ",") {
			if same(strings.Trim(other, " \t")) {
				return true
			}
		}
	}
	return false
}

func bodyAllowed(method string, status int) bool {
	return method != http.MethodHead && status != http.StatusNoContent && status != http.StatusNotModified
}

// endless reports whether the client learns the body's end only while it comes.
func (a *answer) endless() bool { return a.rest != nil && a.length < 0 }

// appendHead appends the head of a as the client that sent r gets it. An
// endless answer goes out in chunks, or up to the connection's end if the client
// speaks HTTP/1.0, which has no chunks. Keep means that the connection takes
// another request.
func (a *answer) appendHead(h []byte, r *http.Request, keep bool, now time.Time) []byte {
	modern := r.ProtoAtLeast(1, 1)
	protocol := "HTTP/1.0 "
	if modern {
		protocol = "HTTP/1.1 "
	}
	h = append(h, protocol...)
	h = strconv.AppendInt(h, int64(a.status), 10)
	h = append(h, ' ')
	h = append(h, http.StatusText(a.status)...)
	h = append(h, "\r\n"...)
	h = append(h, a.fields...)
	if !a.dated {
		h = append(h, "Date: "...)
		h = now.UTC().AppendFormat(h, http.TimeFormat)
		h = append(h, "\r\n"...)
	}
	length := a.length
	if a.rest == nil && bodyAllowed(r.Method, a.status) {
		length = int64(len(a.body))
	}
	switch {
	case a.endless() && modern:
		h = append(h, "Transfer-Encoding: chunked\r\n"...)
	case length >= 0 && a.status != http.StatusNoContent:
		h = append(h, "Content-Length: "...)
		h = strconv.AppendInt(h, length, 10)
		h = append(h, "\r\n"...)
	}
	if !keep {
		h = append(h, "Connection: close\r\n"...)
	}
	return append(h, "\r\n"...)
}

// own returns an answer of the balancer itself, with body as JSON.
func own(status int, body any) answer {
	text, _ := json.Marshal(body) // our own types always marshal
	text = append(text, '\n')
	return answer{status: status, fields: []byte("Content-Type: application/json\r\n"), length: int64(len(text)), body: text}
}

// fail returns an answer with an error: e, and how long the request took.
func (x *exchange) fail(status int, e nodeapi.Error) answer {
	e.Duration = float64(time.Since(x.arrived)) / float64(time.Millisecond)
	return own(status, e)
}

// failAsk answers for a node that gave no answer. The status says what may have
// happened to the request: see [nodeapi.Certain].
func (x *exchange) failAsk(node string, err error) answer {
	status, e := http.StatusBadGateway, nodeapi.Error{Code: nodeapi.CodeNodeLost, Container: node, Error: node + ": " + err.Error()}
	switch {
	case errors.Is(err, errGone):
		return answer{}
	case errors.Is(err, errTimeout):
		status, e.Code = http.StatusGatewayTimeout, nodeapi.CodeNodeTimeout
	case unsent(err):
		status, e.Code, e.Container = http.StatusServiceUnavailable, nodeapi.CodeNoNode, ""
		e.Error = "no node was reached, the last tried was " + e.Error
	}
	return x.fail(status, e)
}

// failRead answers for a request that could not be read.
func (x *exchange) failRead(err error) answer {
	status, e := http.StatusBadRequest, nodeapi.Error{Code: nodeapi.CodeInvalidArgument, Error: fmt.Sprintf("read request: %v", err)}
	var refused *http1.Refusal
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &refused):
		status, e.Code, e.Error = refused.Status, refused.Code, refused.Text
	case errors.As(err, &tooLarge):
		status, e.Code, e.Error = http.StatusRequestEntityTooLarge, nodeapi.CodeTooLarge, nodeapi.TooLarge
	case errors.Is(err, http1.ErrFull):
		status, e.Code, e.Error = http.StatusServiceUnavailable, nodeapi.CodeBalancerFull, "the balancer holds too many large bodies already"
	case strings.HasPrefix(err.Error(), "unsupported transfer encoding"), strings.HasPrefix(err.Error(), "too many transfer encodings"):
		status = http.StatusNotImplemented // as RFC 9112, section 6.1, wants; net/http keeps the error's type to itself
	case errors.Is(err, http1.ErrLimit):
		status, e.Error = http.StatusRequestHeaderFieldsTooLarge, fmt.Sprintf("the header is above %d bytes", maxHeaderBytes)
	case errors.Is(err, os.ErrDeadlineExceeded):
		status, e.Error = http.StatusRequestTimeout, "the request did not come in time"
	}
	return x.fail(status, e)
}
