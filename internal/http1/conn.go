// Package http1 is what the balancer shares of HTTP/1.1, with the load client a TCP
// connection that needs few system calls a request and a strict reader of answers, and
// with nodes the one reading of requests: which of them are taken ([Guard]), and which
// paths are the same ([Path]).
//
// [Conn.Ask] saves most of the calls. A goroutine that writes a request and then
// reads tries to read before anything can have come, fails with EAGAIN, waits and
// reads again. Ask waits first. A deadline costs no call either: the socket's
// timer is set once in a while and not for each request.
//
// The package sends nothing twice, keeps no pool of connections, and parses no
// requests: net/http's parser does that.
package http1

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// bufferSize is the size of a Conn's read buffer in bytes, and so the longest
// line of an answer's head: see [Answer.ReadHead].
const bufferSize = 4096

var (
	// ErrVain is the error of a wait that Conn.Vain ended.
	ErrVain = errors.New("nothing left to wait for")
	// ErrLimit is the error of a read beyond [Conn.Limit].
	ErrLimit = errors.New("more bytes than allowed")

	errUnsent = errors.New("not all of the request could be written at once") // never leaves this file
)

// A Conn is one TCP connection, used by one goroutine at a time. Make it with
// [NewConn].
type Conn struct {
	TCP  *net.TCPConn
	R    *bufio.Reader // over the Conn itself
	Vain func() bool   // reports that a wait is pointless; called each nap; nil: no wait is

	raw  syscall.RawConn
	nap  time.Duration // the longest wait between two calls of Vain
	left int64         // how many bytes Read may still return

	deadline time.Time // when the current read or write must be done
	armed    time.Time // when the socket interrupts a wait; never after deadline

	// What step works on. It is one closure for all reads, because every
	// request needs it.
	step func(fd uintptr) (done bool)
	out  []byte // to be written before the read
	in   []byte // room for what is read
	n    int    // how many bytes were read
	err  error  // of the read, or of the write if out is not empty

	peek   func(fd uintptr) // looks for one byte and leaves in peeked what it found
	peeked error
	one    [1]byte
}

// NewConn returns a Conn over tcp without a limit. A wait is interrupted after
// nap, and goes on unless Vain ends it or its deadline has come. On an error it
// closes tcp.
func NewConn(tcp *net.TCPConn, nap time.Duration) (*Conn, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		_ = tcp.Close()
		return nil, err
	}
	c := &Conn{TCP: tcp, raw: raw, nap: nap}
	c.Limit(1<<63 - 1)
	c.R = bufio.NewReaderSize(c, bufferSize)
	c.step = c.writeThenRead
	c.peek = func(fd uintptr) {
		n, _, err := syscall.Recvfrom(int(fd), c.one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if err == nil && n == 0 {
			err = io.EOF
		}
		c.peeked = err
	}
	return c, nil
}

// Close closes the connection.
func (c *Conn) Close() error { return c.TCP.Close() }

// Abandon closes the connection with a reset: whoever is at work on an answer
// learns that nobody reads it, which the end of the stream would not say; see [Reset].
func (c *Conn) Abandon() error {
	_ = c.TCP.SetLinger(0) // if it fails, the connection is closed in order
	return c.TCP.Close()
}

// Look returns what a read would find, without reading and without waiting:
// nil for a byte, EAGAIN for nothing yet, io.EOF for the end of the stream.
func (c *Conn) Look() error {
	if err := c.raw.Control(c.peek); err != nil {
		return err
	}
	return c.peeked
}

// Reset reports whether the other side has reset the connection; see [Reset].
func (c *Conn) Reset() bool { return Reset(c.raw) }

// Reset reports whether the other side of a TCP connection has reset it, and so
// reads nothing any more. The end of its stream does not say that: a client may
// close its half of the connection and still read the answer
// (https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1). Nothing is sent: a
// write of no bytes fails on a connection that is reset, and on no other that is open.
func Reset(raw syscall.RawConn) bool {
	var err error
	if raw.Control(func(fd uintptr) { _, err = retry(syscall.Write, fd, nil) }) != nil {
		return true // closed by this side
	}
	return err != nil && err != syscall.EAGAIN
}

// HostLacks reports whether a connection failed because this host lacks something:
// descriptors, ports or memory.
func HostLacks(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.ENOBUFS)
}

// Silent reports whether the connection is open and has nothing to read. Only
// such a connection can take a request: at the end of the stream the other side
// is gone, and bytes that answer no request mean that the two sides disagree
// about whose turn it is.
func (c *Conn) Silent() bool { return c.Look() == syscall.EAGAIN }

// Limit lets Read return up to n bytes from now on, and ErrLimit after them.
func (c *Conn) Limit(n int64) { c.left = n }

// Until sets the deadline of all later reads and writes. They return an
// os.ErrDeadlineExceeded after it.
func (c *Conn) Until(deadline time.Time) {
	c.deadline = deadline
	if c.armed.IsZero() || deadline.Before(c.armed) {
		c.arm(time.Now())
	}
}

// arm has the socket interrupt a wait at the deadline, or sooner for a nap's end.
func (c *Conn) arm(now time.Time) {
	c.armed = now.Add(c.nap)
	if c.deadline.Before(c.armed) {
		c.armed = c.deadline
	}
	_ = c.TCP.SetDeadline(c.armed) // if it fails, the wait fails too
}

// resume returns nil if a wait that ended with err was only interrupted and
// must go on, and otherwise the reason to stop. An interruption once in a while
// costs less than a timer set for each request, and less than a goroutine that
// watches the other side of each.
func (c *Conn) resume(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	now := time.Now()
	if !now.Before(c.deadline) {
		return err
	}
	c.arm(now) // before Vain is called: its answer may change together with a deadline in the past
	if c.Vain != nil && c.Vain() {
		return ErrVain
	}
	return nil
}

// Ask writes p and then waits for the first byte of the answer, which [Conn.R]
// holds afterwards. It returns how many bytes were written, and an error of the
// write or, if sent is len(p), of the wait; io.ErrUnexpectedEOF at the end of the
// stream.
//
// Nothing may be on its way from the other side when Ask is called: it is
// noticed only after a nap. So Ask is for requests, after a call of Silent, and
// not for answers, because clients may pipeline.
func (c *Conn) Ask(p []byte) (sent int, err error) {
	c.out, c.err = p, nil
	_, err = c.R.Peek(1)
	sent = len(p) - len(c.out)
	c.out = nil
	switch {
	case sent < len(p) && c.err != nil:
		return sent, c.err
	case sent < len(p): // the socket's buffer is full, or the deadline was an earlier request's
		n, err := c.Write(p[sent:])
		return sent + n, err
	}
	return sent, whole(err)
}

// writeThenRead writes what is in c.out and otherwise reads into c.in. It is
// called by RawConn.Read, which forgets earlier events of the socket, calls it,
// waits for the next event if it returns false, and calls it again. The write
// must stand in this call: its answer may come at once, and the event would be
// forgotten if the wait began with a call of its own.
func (c *Conn) writeThenRead(fd uintptr) (done bool) {
	c.n, c.err = 0, nil
	if len(c.out) > 0 {
		n, err := retry(syscall.Write, fd, c.out)
		c.out = c.out[n:]
		if err != nil && err != syscall.EAGAIN {
			c.err = c.opError("write", err)
			return true
		}
		return len(c.out) > 0 // what is left is for Ask
	}
	n, err := retry(syscall.Read, fd, c.in)
	switch {
	case err == syscall.EAGAIN:
		return false
	case err != nil:
		c.err = c.opError("read", err)
	case n == 0:
		c.err = io.EOF
	}
	c.n = n
	return true
}

// retry calls read or write until no signal interrupts it. The count is 0 if
// there is an error.
func retry(call func(int, []byte) (int, error), fd uintptr, p []byte) (int, error) {
	for {
		n, err := call(int(fd), p)
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}

func (c *Conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.TCP.LocalAddr(), Addr: c.TCP.RemoteAddr(), Err: os.NewSyscallError(op, err)}
}

// Read reads into p, but never more than Limit allows.
func (c *Conn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, ErrLimit
	}
	for {
		c.in = p[:min(int64(len(p)), c.left)]
		err := c.raw.Read(c.step)
		if len(c.out) > 0 {
			return 0, errUnsent
		}
		if err == nil {
			err = c.err
		}
		if err == nil {
			c.left -= int64(c.n)
			return c.n, nil
		}
		if err = c.resume(err); err != nil {
			return 0, err
		}
	}
}

// Write writes all of p, or returns how many bytes it wrote and why not the rest.
func (c *Conn) Write(p []byte) (int, error) {
	written := 0
	for {
		n, err := c.TCP.Write(p[written:])
		written += n
		if err == nil {
			return written, nil
		}
		if err = c.resume(err); err != nil {
			return written, err
		}
	}
}
