package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/http1"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/workload"
)

// maxBody is the largest body of an answer, in bytes. Those under /api/ have less than 4 KiB.
const maxBody = 64 << 10

// HTTP returns what [Options].NewClient wants, for the server at base, an
// http:// URL; a path in it comes before the path of every call. It returns an
// error if base is not such a URL. It connects to nothing.
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
	address, prefix := net.JoinHostPort(u.Hostname(), port), strings.TrimSuffix(u.EscapedPath(), "/")
	headers := " HTTP/1.1\r\nHost: " + u.Host + "\r\n"
	return func(int) Client { return &HTTPClient{address: address, prefix: prefix, headers: headers} }, nil
}

// An HTTPClient is a [Client] that speaks HTTP/1.1 over one connection. Make
// it with [HTTP].
//
// It exists because a client from a library either takes several times the CPU
// that a load generator can spare, or sends a POST again when a kept-alive
// connection breaks, which no history could distinguish from the system's own doing.
// It keeps the connection as long as the server does, dials a new one when the
// next call needs it, and follows no redirect.
type HTTPClient struct {
	address string // host:port to dial
	prefix  string // before every path
	headers string // the rest of the request line, and the headers of every request

	conn    *http1.Conn // nil if there is none
	release func() bool // ends the watch on ctx that closes conn
	used    time.Time   // when the last answer had been read

	// Reused from call to call.
	out    []byte
	answer http1.Answer
	body   []byte
}

// Connect dials the server, unless there is a connection.
func (c *HTTPClient) Connect(ctx context.Context, now time.Time, timeout time.Duration) error {
	if c.conn != nil {
		return nil
	}
	dialer := net.Dialer{Deadline: now.Add(timeout), KeepAlive: -1}
	tcp, err := dialer.DialContext(ctx, "tcp", c.address)
	if err != nil {
		return err
	}
	if c.conn, err = http1.NewConn(tcp.(*net.TCPConn), time.Second); err != nil {
		return err
	}
	conn := c.conn
	c.release = context.AfterFunc(ctx, func() { conn.Abandon() }) // under a call that waits
	c.used = now
	return nil
}

// abandon closes the connection of a call that has no whole answer, so that whoever
// still works on it learns that nobody waits.
func (c *HTTPClient) abandon() {
	if c.conn != nil {
		c.conn.Abandon()
		c.Close()
	}
}

// Close closes the connection, if there is one. A later call dials anew.
func (c *HTTPClient) Close() error {
	if c.conn == nil {
		return nil
	}
	c.release()
	conn := c.conn
	c.conn = nil
	return conn.Close()
}

// backToBack is how soon one call follows another if the connection counts as
// usable without a look. In a closed loop it was idle for microseconds, in which
// the server can hardly have closed it; to look would be a third system call.
const backToBack = time.Millisecond

// Do sends call once and fills in its result. If no byte could be sent the op
// is failed with [nodeapi.CodeConnRefused], or [nodeapi.CodeNoSocket] if the reason is this
// host. After that, anything but a
// whole answer makes it unknown, with [nodeapi.CodeClientTimeout] after timeout or
// at the end of ctx, [nodeapi.CodeBadAnswer] if the answer is not HTTP or is
// larger than 64 KiB, and else [nodeapi.CodeConnLost].
//
// A server may close an idle connection at any time. So Do looks at the
// connection first: to send and then see would make an unknown op of a call that
// no one received.
func (c *HTTPClient) Do(ctx context.Context, call *workload.Call, now time.Time, timeout time.Duration) {
	if c.conn != nil && now.Sub(c.used) >= backToBack && !c.conn.Silent() {
		c.Close()
	}
	if err := c.Connect(ctx, now, timeout); err != nil {
		call.Op.Outcome, call.Op.Code = history.Failed, nodeapi.CodeConnRefused
		if http1.HostLacks(err) {
			call.Op.Code = nodeapi.CodeNoSocket
		}
		return
	}
	c.conn.Until(now.Add(timeout))
	c.out = c.appendRequest(c.out[:0], call)
	sent, err := c.conn.Ask(c.out)
	if err == nil {
		err = c.answer.ReadHead(c.conn.R, call.Method)
	}
	if err == nil {
		c.body, err = c.answer.ReadAll(c.body[:0], maxBody)
	}
	switch {
	case err == nil:
		c.used = time.Now()
		call.Answer(c.answer.Status, attempts(c.answer.Field(nodeapi.HeaderAttempts)), c.body)
	case sent == 0:
		call.Op.Outcome, call.Op.Code = history.Failed, nodeapi.CodeConnRefused
	default:
		call.Op.Outcome, call.Op.Code = history.Unknown, codeOf(err)
	}
	switch {
	case err != nil:
		c.abandon()
	case c.answer.Close || c.conn.R.Buffered() > 0:
		c.Close()
	}
}

// appendRequest appends the bytes of call's request. The path is sent as it is:
// it is the workload that escapes.
func (c *HTTPClient) appendRequest(b []byte, call *workload.Call) []byte {
	b = append(b, call.Method...)
	b = append(b, ' ')
	b = append(b, c.prefix...)
	b = append(b, call.Path...)
	b = append(b, c.headers...)
	if call.Body != nil {
		b = append(b, "Content-Type: application/json\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(call.Body)), 10)
		b = append(b, '\r', '\n')
	}
	b = append(b, '\r', '\n')
	return append(b, call.Body...)
}

// attempts reads an [nodeapi.HeaderAttempts]; 0 if it is missing or no number.
func attempts(header []byte) int {
	if header == nil {
		return 0 // the error of Atoi would be garbage in every call
	}
	n, _ := strconv.Atoi(string(header))
	return max(n, 0)
}

// codeOf returns the code for an error that came after the call was sent.
func codeOf(err error) string {
	switch {
	case errors.Is(err, http1.ErrBad):
		return nodeapi.CodeBadAnswer
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed): // closed at the end of ctx
		return nodeapi.CodeClientTimeout
	}
	return nodeapi.CodeConnLost
}
