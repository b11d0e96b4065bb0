package balance

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"strings"
	"syscall"
	"time"
)

// A client is a connection that requests come from, one after the other.
type client struct {
	*stream
	front *front
	ip    string
	idle  bool        // between two requests
	after string      // the method of the request before; "" before the first
	gone  func() bool // isGone, made once
}

func newClient(f *front, nc net.Conn) (*client, error) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nil, fmt.Errorf("a %T is no TCP connection", nc)
	}
	// No deadline of a client is sooner than this one, so none is missed.
	s, err := newStream(tcp, readHeaderTimeout)
	if err != nil {
		return nil, err
	}
	c := &client{stream: s, front: f, ip: "unknown"}
	if addr, ok := tcp.RemoteAddr().(*net.TCPAddr); ok {
		c.ip = addr.IP.String()
	}
	c.gone, c.vain = c.isGone, c.dismissed
	return c, nil
}

// isGone reports whether the client has closed its side: it waits for no answer.
func (c *client) isGone() bool {
	err := c.look()
	return err != nil && err != syscall.EAGAIN
}

// serve answers the client's requests until one of the two sides has enough.
func (c *client) serve() {
	defer c.close()
	for c.await() && c.exchange() {
	}
}

// await waits for a request's first byte. It is false where none comes.
func (c *client) await() bool {
	c.idle = true
	defer func() { c.idle = false }()
	c.limit(maxHeaderBytes)
	c.until(time.Now().Add(frontIdleTimeout))
	// Asked after the deadline was set, for that may have undone what stop set
	// to wake this connection.
	if c.r.Buffered() == 0 && c.dismissed() {
		return false
	}
	for {
		first, err := c.r.Peek(1)
		if err != nil {
			return false
		}
		// Clients of old end a POST with a line break that does not count: RFC 9112, section 2.2.
		if c.after != http.MethodPost || first[0] != '\r' && first[0] != '\n' {
			return true
		}
		_, _ = c.r.Discard(1)
	}
}

// dismissed reports whether the connection is to end because it is idle and
// the front stops. One with a request on its way is not idle.
func (c *client) dismissed() bool {
	return c.idle && c.front.stopping.Load() && c.look() != nil
}

// exchange reads one request and answers it. It reports whether another may follow.
func (c *client) exchange() bool {
	x := newExchange(c.ip, c.gone)
	defer x.release()
	if err := c.read(x); err != nil {
		c.refuse(x, err)
		return false
	}
	c.after = x.request.Method
	return c.tell(x, c.front.answer(x))
}

// read reads a request with its whole body.
func (c *client) read(x *exchange) (err error) {
	x.arrived = time.Now()
	c.until(x.arrived.Add(readHeaderTimeout))
	if x.request, err = http.ReadRequest(c.r); err != nil {
		return err
	}
	if err := acceptable(x.request); err != nil {
		return err
	}
	if x.request.Body == http.NoBody {
		return nil
	}
	c.until(x.arrived.Add(readTimeout))
	c.limit(math.MaxInt64)
	if expectsContinue(x.request) {
		if _, err := io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return err
		}
	}
	return x.readBody()
}

// acceptable says why a request that is well-formed is not taken all the same.
func acceptable(r *http.Request) error {
	for name := range r.Header {
		if !isToken(name) {
			return &refusal{http.StatusBadRequest, fmt.Sprintf("invalid header name %q", name)}
		}
	}
	switch expect := r.Header.Get("Expect"); {
	case r.ProtoMajor != 1:
		return &refusal{http.StatusHTTPVersionNotSupported, "want HTTP/1.1 or HTTP/1.0, not " + r.Proto}
	case r.Host == "" && r.ProtoAtLeast(1, 1) && r.Method != http.MethodConnect:
		return &refusal{http.StatusBadRequest, "a Host header is missing"}
	case strings.ContainsFunc(r.Host, notInHost):
		return &refusal{http.StatusBadRequest, fmt.Sprintf("invalid host %q", r.Host)}
	case expect != "" && !strings.EqualFold(expect, "100-continue"):
		return &refusal{http.StatusExpectationFailed, fmt.Sprintf("cannot do what is expected: %q", expect)}
	case r.ContentLength > MaxBody: // before a client that asked first is told to go on
		return &http.MaxBytesError{Limit: MaxBody}
	}
	return nil
}

// notInHost reports whether a rune cannot be in a host with its port: RFC 3986, section 3.2.2.
func notInHost(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("-._~!$&'()*+,;=%:[]", r)
}

func expectsContinue(r *http.Request) bool {
	return r.Header["Expect"] != nil && r.ProtoAtLeast(1, 1)
}

// refuse tells a client why its request could not be read, where it may still
// listen, and then takes what it may still be sending: to close on unread bytes
// would reset the connection, and the answer be lost with it.
func (c *client) refuse(x *exchange, err error) {
	r := x.request
	if r == nil {
		if broken(err) {
			return
		}
		r = &http.Request{ProtoMajor: 1, ProtoMinor: 1}
	}
	r.Close = true
	x.request = r
	c.tell(x, failRead(err, x.arrived))
	_ = c.tcp.CloseWrite()
	c.until(time.Now().Add(lingerTimeout))
	c.limit(math.MaxInt64)
	_, _ = io.Copy(io.Discard, c)
}

// broken reports whether no request came because none was sent to its end.
func broken(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &op)
}

// tell gives the client an answer, and reports whether it can send another
// request. An answer that breaks on the way breaks the connection too, with a
// reset: a shortened one must not look whole, not even where the connection's
// end is the answer's.
func (c *client) tell(x *exchange, a answer) bool {
	if a.resp == nil {
		return false
	}
	if !bodyAllowed(x.request.Method, a.resp.StatusCode) {
		a.body = nil
	}
	f := frame(x.request, a)
	f.keep = f.keep && !c.front.stopping.Load()
	now := time.Now()
	x.head = appendAnswer(x.head[:0], x.request, a, f, now)
	var err error
	if a.rest == nil {
		c.until(now.Add(writeGrace))
		err = c.tellWhole(x, a.body)
	} else {
		c.until(x.deadline.Add(writeGrace))
		err = c.tellLong(x, a, f)
		a.rest.close()
	}
	if err != nil {
		_ = c.tcp.SetLinger(0)
	}
	return err == nil && f.keep
}

// tellWhole writes an answer, with one call where its body is short.
func (c *client) tellWhole(x *exchange, body []byte) error {
	if len(body) <= oneWrite {
		x.head = append(x.head, body...)
		body = nil
	}
	_, err := c.Write(x.head)
	if err == nil && body != nil {
		_, err = c.Write(body)
	}
	return err
}

// tellLong passes on an answer as it comes.
func (c *client) tellLong(x *exchange, a answer, f framing) error {
	out := bufio.NewWriterSize(c, oneWrite)
	_, _ = out.Write(x.head) // its error comes again with the next write
	if x.live {
		_ = out.Flush()
	}
	if !f.chunked {
		return copyBody(out, out, a)
	}
	chunks := httputil.NewChunkedWriter(out)
	if err := copyBody(chunks, out, a); err != nil {
		return err
	}
	_ = chunks.Close()
	_, _ = io.WriteString(out, "\r\n") // no trailer
	return out.Flush()
}

// copyBody writes the body of a to w and flushes what is under it.
func copyBody(w io.Writer, out *bufio.Writer, a answer) error {
	if _, err := w.Write(a.body); err != nil {
		return err
	}
	if _, err := io.Copy(w, a.resp.Body); err != nil {
		return err
	}
	return out.Flush()
}
