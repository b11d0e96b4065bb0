package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/api"
	"example.com/contend/internal/workload"
)

// HTTP returns what [Options].NewClient wants, for the server at base, an
// http:// URL; a path in it comes before the path of every call. It returns an
// error where base is not such a URL. It connects to nothing.
func HTTP(base string) (func(process int) Client, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("parse base URL: %w", err)
	}
	if u.Scheme != "http" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("base URL %q is not http://host[:port][/path]", base)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	target := target{
		address: net.JoinHostPort(u.Hostname(), port),
		prefix:  strings.TrimSuffix(u.EscapedPath(), "/"),
		headers: " HTTP/1.1\r\nHost: " + u.Host + "\r\n",
	}
	return func(int) Client { return &HTTPClient{target: target} }, nil
}

// A target is where a client sends its calls, and what is the same in all of them.
type target struct {
	address string // host:port to dial
	prefix  string // before every path
	headers string // the rest of the request line, and the headers of every request
}

// An HTTPClient is a [Client] that speaks HTTP/1.1 over one connection. Make
// it with [HTTP].
//
// It exists because a client from a library either takes several times the CPU
// that a load generator can spare, or sends a POST again when a kept-alive
// connection breaks, which no history could tell from the system's own doing.
// It keeps the connection as long as the server does, dials a new one when the
// next call needs it, and follows no redirect.
type HTTPClient struct {
	target target
	conn   *conn  // nil where there is none
	out    []byte // the request, reused
	body   []byte // the answer's body, reused
}

// Connect dials the server, unless there is a connection.
func (c *HTTPClient) Connect(ctx context.Context, now time.Time, timeout time.Duration) error {
	if c.conn != nil {
		return nil
	}
	return c.dial(ctx, now.Add(timeout))
}

// Close closes the connection, if there is one. A later call dials anew.
func (c *HTTPClient) Close() error {
	if c.conn == nil {
		return nil
	}
	conn := c.conn
	c.conn = nil
	return conn.Close()
}

// Do sends call once and fills in what came of it. Where no byte could be sent
// the op is failed with [api.CodeConnRefused]. After that, anything but a
// whole answer makes it unknown, with [api.CodeClientTimeout] after timeout or
// at the end of ctx, [api.CodeBadAnswer] where the answer is not HTTP or is
// larger than 1 MiB, and else [api.CodeConnLost].
func (c *HTTPClient) Do(ctx context.Context, call *workload.Call, now time.Time, timeout time.Duration) {
	deadline := now.Add(timeout)
	if c.conn != nil && !c.conn.fit(now) {
		c.Close()
	}
	if c.conn == nil {
		if err := c.dial(ctx, deadline); err != nil {
			end(call, history.Failed, api.CodeConnRefused)
			return
		}
	}
	c.conn.used = now
	c.conn.waitUntil(deadline)
	if keep := c.exchange(call); !keep {
		c.Close()
	}
}

// exchange sends call over the connection and reads the answer. Keep tells
// whether the connection can serve another call.
func (c *HTTPClient) exchange(call *workload.Call) (keep bool) {
	c.out = c.target.appendRequest(c.out[:0], call)
	if n, err := c.conn.Write(c.out); err != nil {
		if n == 0 {
			end(call, history.Failed, api.CodeConnRefused)
		} else {
			end(call, history.Unknown, codeOf(err))
		}
		return false
	}
	runtime.Gosched() // the answer cannot be here yet: other clients may send first, at less cost than a wait in vain
	a, err := readAnswer(c.conn.in, c.body)
	if err != nil {
		end(call, history.Unknown, codeOf(err))
		return false
	}
	c.body = a.body[:0]
	call.Answer(a.status, a.attempts, a.body)
	return a.keep && c.conn.in.Buffered() == 0
}

func (c *HTTPClient) dial(ctx context.Context, deadline time.Time) error {
	dialer := net.Dialer{Deadline: deadline, KeepAlive: -1}
	nc, err := dialer.DialContext(ctx, "tcp", c.target.address)
	if err != nil {
		return err
	}
	c.conn, err = newConn(ctx, nc.(*net.TCPConn))
	return err
}

// appendRequest appends the bytes that say call. The path is sent as it is:
// it is the workload that escapes.
func (t *target) appendRequest(b []byte, call *workload.Call) []byte {
	b = append(b, call.Method...)
	b = append(b, ' ')
	b = append(b, t.prefix...)
	b = append(b, call.Path...)
	b = append(b, t.headers...)
	if call.Body != nil {
		b = append(b, "Content-Type: application/json\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(call.Body)), 10)
		b = append(b, '\r', '\n')
	}
	b = append(b, '\r', '\n')
	return append(b, call.Body...)
}

// end fills in the op of a call that got no answer.
func end(call *workload.Call, outcome history.Outcome, code string) {
	call.Op.Outcome, call.Op.Code = outcome, code
}

// codeOf returns the code for an error that came after the call was sent.
func codeOf(err error) string {
	switch {
	case errors.Is(err, errBadAnswer):
		return api.CodeBadAnswer
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed): // see newConn
		return api.CodeClientTimeout
	default:
		return api.CodeConnLost
	}
}

// A conn is a TCP connection with what is made once for it.
type conn struct {
	tcp     *net.TCPConn
	in      *bufio.Reader
	release func() bool
	used    time.Time // when the last call was sent

	deadline time.Time // when waits end
	armed    time.Time // when the socket ends them; never later, see [conn.rearm]

	raw    syscall.RawConn
	look   func(fd uintptr) // sets silent
	silent bool
}

// newConn makes a conn that is closed, under whoever waits on it, when ctx is done.
func newConn(ctx context.Context, tcp *net.TCPConn) (*conn, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		tcp.Close()
		return nil, err
	}
	c := &conn{tcp: tcp, raw: raw}
	c.in = bufio.NewReaderSize(c, maxLine)
	c.look = func(fd uintptr) { c.silent = silent(fd) }
	c.release = context.AfterFunc(ctx, func() { tcp.Close() })
	return c, nil
}

// Close closes the connection.
func (c *conn) Close() error {
	c.release()
	return c.tcp.Close()
}

// waitUntil makes the waits of the next call end at deadline.
func (c *conn) waitUntil(deadline time.Time) {
	c.deadline = deadline
	if c.armed.IsZero() || deadline.Before(c.armed) {
		c.arm()
	}
}

func (c *conn) arm() {
	c.armed = c.deadline
	c.tcp.SetDeadline(c.deadline)
}

// Read reads from the connection until the deadline.
func (c *conn) Read(p []byte) (int, error) {
	for {
		n, err := c.tcp.Read(p)
		if n > 0 || err == nil || !c.rearm(err) {
			return n, err
		}
	}
}

// Write writes to the connection until the deadline.
func (c *conn) Write(p []byte) (int, error) {
	written := 0
	for {
		n, err := c.tcp.Write(p[written:])
		written += n
		if err == nil || !c.rearm(err) {
			return written, err
		}
	}
}

// rearm reports whether a wait that ended with err was only cut short by the
// deadline of an earlier call, and if so gives the socket the right one. To
// set the socket's deadline for every call would cost more than to wait again
// once in a while.
func (c *conn) rearm(err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) || !c.armed.Before(c.deadline) {
		return false
	}
	c.arm()
	return true
}

// backToBack is how soon one call follows another when a connection counts as
// fit without a look. It was idle for less than that: in a closed loop for
// microseconds, in which there is nothing to see yet.
const backToBack = time.Millisecond

// fit reports whether the connection can take a call now: it is open and has
// nothing to read. A server may close it at any time between two calls; to
// send first and see then would make an unknown op of a call that no one got.
func (c *conn) fit(now time.Time) bool {
	if now.Sub(c.used) < backToBack {
		return true
	}
	c.silent = false
	err := c.raw.Control(c.look)
	return err == nil && c.silent
}
