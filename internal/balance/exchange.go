package balance

import (
	"bytes"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxWhole = 64 << 10  // an answer up to this is read whole before the client sees any of it
	oneWrite = 16 << 10  // a body up to this goes out together with its head
	maxKept  = 256 << 10 // a buffer above this is not kept for the next exchange
)

// An exchange is one client's request, ready to be sent to any node, and room
// for the answer. Its bytes are the same for every node.
type exchange struct {
	request  *http.Request
	client   string      // the client's IP address
	gone     func() bool // whether nobody waits for the answer any more
	arrived  time.Time   // when the request's head had been read
	deadline time.Time   // for the answer's last byte
	live     bool        // the answer's head is told at once where its length is open: it tells that a lock is held

	head   []byte // and the body too, where that is short
	body   bytes.Buffer
	answer bytes.Buffer
}

var exchanges = sync.Pool{New: func() any { return new(exchange) }}

// newExchange returns an exchange that release gives back.
func newExchange(client string, gone func() bool) *exchange {
	x := exchanges.Get().(*exchange)
	x.client, x.gone = client, gone
	return x
}

func (x *exchange) release() {
	if x.body.Cap() > maxKept || x.answer.Cap() > maxKept {
		return
	}
	x.request, x.gone, x.head = nil, nil, x.head[:0]
	x.body.Reset()
	x.answer.Reset()
	exchanges.Put(x)
}

// readBody reads the whole body of the request. Its error is an
// *http.MaxBytesError where the body is above MaxBody.
func (x *exchange) readBody() error {
	_, err := x.body.ReadFrom(http.MaxBytesReader(nil, x.request.Body, MaxBody))
	return err
}

// prepare writes the request's head for a node, asking it for path.
func (x *exchange) prepare(path string, deadline time.Time) {
	x.deadline, x.live = deadline, strings.HasPrefix(path, "/lab/")
	r, h := x.request, x.head[:0]
	h = append(h, r.Method...)
	h = append(h, ' ')
	h = append(h, path...)
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		h = append(h, '?')
		h = append(h, r.URL.RawQuery...)
	}
	h = append(h, " HTTP/1.1\r\n"...)
	h = appendField(h, "Host", r.Host)
	h = appendHeader(h, r.Header)
	h = appendField(h, "X-Forwarded-For", forwardedFor(r.Header["X-Forwarded-For"], x.client))
	if hasBody(r) {
		h = append(h, "Content-Length: "...)
		h = strconv.AppendInt(h, int64(x.body.Len()), 10)
		h = append(h, "\r\n"...)
	}
	h = append(h, "\r\n"...)
	if x.body.Len() <= oneWrite {
		h = append(h, x.body.Bytes()...)
	}
	x.head = h
}

// sendTo sends the request and returns how many bytes were taken.
func (x *exchange) sendTo(w io.Writer) (int, error) {
	n, err := w.Write(x.head)
	if err != nil || x.body.Len() <= oneWrite {
		return n, err
	}
	m, err := w.Write(x.body.Bytes())
	return n + m, err
}

// readAnswer reads an answer's body, but not much more than maxWhole of it.
func (x *exchange) readAnswer(resp *http.Response) ([]byte, error) {
	x.answer.Reset()
	var body io.Reader = resp.Body
	if resp.ContentLength < 0 || resp.ContentLength > maxWhole {
		body = io.LimitReader(body, maxWhole+1)
	}
	_, err := x.answer.ReadFrom(body)
	return x.answer.Bytes(), err
}

// hasBody reports whether a node must be told the body's length, 0 included.
func hasBody(r *http.Request) bool {
	if r.Body != http.NoBody {
		return true
	}
	return r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch
}

func appendHeader(h []byte, header http.Header) []byte {
	named := connectionNames(header)
	for k, values := range header {
		if ownedByHop(k) || ownedByRequest(k) || named[k] {
			continue
		}
		for _, v := range values {
			h = appendField(h, k, v)
		}
	}
	return h
}

// appendField needs no check against line breaks: net/http's parser, which
// reads requests and answers here, refuses them.
func appendField(h []byte, name, value string) []byte {
	h = append(h, name...)
	h = append(h, ": "...)
	h = append(h, value...)
	return append(h, "\r\n"...)
}

// ownedByHop reports whether a header field is about one connection alone, and
// so is not passed on. See RFC 9110, section 7.6.1.
func ownedByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// ownedByRequest reports whether prepare writes this field itself, or, with
// Expect, has answered it.
func ownedByRequest(name string) bool {
	switch name {
	case "Host", "Content-Length", "Expect", "X-Forwarded-For":
		return true
	}
	return false
}

// connectionNames returns the fields that the Connection field names as its own.
func connectionNames(header http.Header) map[string]bool {
	values := header["Connection"]
	if len(values) == 0 {
		return nil
	}
	names := make(map[string]bool)
	for _, v := range values {
		for name := range strings.SplitSeq(v, ",") {
			names[textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name))] = true
		}
	}
	return names
}

// forwardedFor adds the client to those that the request says it came through.
func forwardedFor(before []string, client string) string {
	if len(before) == 0 {
		return client
	}
	return strings.Join(before, ", ") + ", " + client
}
