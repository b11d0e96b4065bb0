package balance

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"example.com/contend/internal/api"
)

// An answer is what a client is told: a node's answer or the balancer's own.
// The zero answer is none: the client's connection is closed without a word.
type answer struct {
	resp *http.Response
	body []byte // all of the body, or its beginning where there is a rest
	rest *conn  // where the rest of the body is to be read, through resp.Body; nil where there is none
}

// A framing says how a client learns where an answer ends.
type framing struct {
	chunked bool
	keep    bool // the connection takes another request after it
}

// frame returns how a is told to the client that asked r. An answer whose length
// is not known beforehand is sent in chunks, or to the end of the connection
// where the client speaks HTTP/1.0 and knows no chunks.
func frame(r *http.Request, a answer) framing {
	f := framing{keep: !r.Close}
	if a.rest != nil && a.resp.ContentLength < 0 {
		f.chunked = r.ProtoAtLeast(1, 1)
		f.keep = f.keep && f.chunked
	}
	return f
}

// appendAnswer appends the head of a to h.
func appendAnswer(h []byte, r *http.Request, a answer, f framing, now time.Time) []byte {
	h = appendStatus(h, r, a.resp.StatusCode)
	h = appendEndToEnd(h, a.resp.Header)
	if a.resp.Header["Date"] == nil {
		h = append(h, "Date: "...)
		h = now.UTC().AppendFormat(h, http.TimeFormat)
		h = append(h, "\r\n"...)
	}
	h = appendLength(h, r, a, f)
	switch {
	case !f.keep:
		h = append(h, "Connection: close\r\n"...)
	case !r.ProtoAtLeast(1, 1): // it asked for more, and is told that it may
		h = append(h, "Connection: keep-alive\r\n"...)
	}
	return append(h, "\r\n"...)
}

func appendStatus(h []byte, r *http.Request, code int) []byte {
	proto := "HTTP/1.1 "
	if !r.ProtoAtLeast(1, 1) {
		proto = "HTTP/1.0 "
	}
	h = append(h, proto...)
	h = strconv.AppendInt(h, int64(code), 10)
	h = append(h, ' ')
	h = append(h, http.StatusText(code)...)
	return append(h, "\r\n"...)
}

// appendEndToEnd appends the fields that are for the client and not about the
// connection to the node.
func appendEndToEnd(h []byte, header http.Header) []byte {
	named := connectionNames(header)
	for k, values := range header {
		if ownedByHop(k) || k == "Content-Length" || named[k] || !isToken(k) {
			continue
		}
		for _, v := range values {
			h = appendField(h, k, v)
		}
	}
	return h
}

// appendLength appends the field that says how long the body is, or would be.
func appendLength(h []byte, r *http.Request, a answer, f framing) []byte {
	length := a.resp.ContentLength
	switch {
	case f.chunked:
		return append(h, "Transfer-Encoding: chunked\r\n"...)
	case a.rest == nil && bodyAllowed(r.Method, a.resp.StatusCode):
		length = int64(len(a.body))
	case a.rest == nil:
		if would := a.resp.Header["Content-Length"]; would != nil && a.resp.StatusCode != http.StatusNoContent {
			h = appendField(h, "Content-Length", would[0])
		}
		return h
	case length < 0: // to the end of the connection
		return h
	}
	h = append(h, "Content-Length: "...)
	h = strconv.AppendInt(h, length, 10)
	return append(h, "\r\n"...)
}

func bodyAllowed(method string, status int) bool {
	return method != http.MethodHead && status != http.StatusNoContent && status != http.StatusNotModified
}

// isToken reports whether a field name that net/http's parser let through is
// one: it lets spaces through, for others to decide about.
func isToken(name string) bool { return !strings.Contains(name, " ") }

// own returns an answer of the balancer itself, with body as JSON.
func own(status int, body any) answer {
	text, err := json.Marshal(body)
	if err != nil {
		text = []byte(`{"error":"the balancer cannot put its answer into JSON"}`)
	}
	text = append(text, '\n')
	header := http.Header{"Content-Type": {"application/json"}, "Content-Length": {strconv.Itoa(len(text))}}
	return answer{resp: &http.Response{StatusCode: status, Header: header}, body: text}
}

func fail(status int, code string, arrived time.Time, text string) answer {
	return failWith(status, api.Error{Code: code, Error: text}, arrived)
}

func failWith(status int, e api.Error, arrived time.Time) answer {
	e.Duration = float64(time.Since(arrived)) / float64(time.Millisecond)
	return own(status, e)
}

// failAsk answers for a node that did not. Its status says what may have
// happened to the request: see [api.Certain].
func failAsk(err error, arrived time.Time) answer {
	if errors.Is(err, errGone) {
		return answer{}
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
	return failWith(status, e, arrived)
}

// A refusal is a request that the balancer cannot or will not take.
type refusal struct {
	status int
	text   string
}

func (e *refusal) Error() string { return e.text }

// failRead answers for a request that could not be read.
func failRead(err error, arrived time.Time) answer {
	var refused *refusal
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &refused):
		return fail(refused.status, api.CodeInvalidArgument, arrived, refused.text)
	case errors.As(err, &tooLarge):
		return fail(http.StatusRequestEntityTooLarge, api.CodeTooLarge, arrived, fmt.Sprintf("the body is above %d bytes", MaxBody))
	case errors.Is(err, errTooLong):
		return fail(http.StatusRequestHeaderFieldsTooLarge, api.CodeInvalidArgument, arrived, fmt.Sprintf("the header is above %d bytes", maxHeaderBytes))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fail(http.StatusRequestTimeout, api.CodeInvalidArgument, arrived, "the request did not come in time")
	}
	return fail(http.StatusBadRequest, api.CodeInvalidArgument, arrived, fmt.Sprintf("read request: %v", err))
}
