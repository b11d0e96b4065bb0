package balance

import (
	"bufio"
	"errors"
	"math"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	maxIdle   = 1024             // connections kept for one node
	idleFor   = 10 * time.Second // and how long; must be less than the nodes keep theirs
	maxAnswer = 64 << 10         // bytes of an answer's header
)

// A conn is a connection to a node, used by one request at a time.
type conn struct {
	tcp   *net.TCPConn
	raw   syscall.RawConn
	r     *bufio.Reader // over the conn itself
	left  int64         // how many bytes Read may still return
	since time.Time     // idle since then

	// peek looks for one byte without taking it, and leaves in peeked why there
	// was none. They are kept here because every request needs them.
	peek   func(fd uintptr) bool
	peeked error
	one    [1]byte
}

func newConn(tcp *net.TCPConn) (*conn, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &conn{tcp: tcp, raw: raw}
	c.r = bufio.NewReaderSize(c, 4096)
	c.peek = func(fd uintptr) bool {
		_, _, c.peeked = syscall.Recvfrom(int(fd), c.one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true
	}
	return c, nil
}

var errAnswerHead = errors.New("the answer's header is too long")

// Read reads from the node, but never more than left allows.
func (c *conn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errAnswerHead
	}
	n, err := c.tcp.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// expectHead limits what is read until expectBody is called.
func (c *conn) expectHead() { c.left = maxAnswer }
func (c *conn) expectBody() { c.left = math.MaxInt64 }

// alive reports whether the other end still holds the idle connection open. It
// looks without taking: nothing to read is well, the end of the stream means
// that the node is gone, and bytes that nobody asked for mean that the two ends
// disagree about whose turn it is.
func (c *conn) alive() bool {
	return c.raw.Read(c.peek) == nil && c.peeked == syscall.EAGAIN
}

func (c *conn) close() { _ = c.tcp.Close() }

// A pool keeps the idle connections to one node, the one used last on top. The
// zero pool is empty.
type pool struct {
	mu     sync.Mutex
	idle   []*conn // by since
	closed bool
}

// get returns a live idle connection that is due by deadline, or nil where
// there is none. Where the one used last is dead, so are the older ones: all
// are dropped.
func (p *pool) get(now, deadline time.Time) *conn {
	c := p.pop()
	if c == nil {
		return nil
	}
	// The deadline comes first, for the one of the request before may have
	// passed, and then alive would see a dead connection.
	if now.Sub(c.since) < idleFor && c.tcp.SetDeadline(deadline) == nil && c.alive() {
		return c
	}
	c.close()
	p.drop()
	return nil
}

func (p *pool) pop() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	c := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	return c
}

// put keeps a connection for the next request, or closes it.
func (p *pool) put(c *conn, now time.Time) {
	c.since = now
	if c.r.Buffered() > 0 || !p.push(c) {
		c.close()
	}
}

func (p *pool) push(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= maxIdle {
		return false
	}
	p.idle = append(p.idle, c)
	return true
}

// drop closes all idle connections.
func (p *pool) drop() { p.trim(func(*conn) bool { return true }) }

// expire closes the connections that have been idle for too long.
func (p *pool) expire(now time.Time) {
	p.trim(func(c *conn) bool { return now.Sub(c.since) >= idleFor })
}

// close closes all idle connections and those that are put later.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.drop()
}

// trim closes the oldest connections, up to the first that is not to go.
func (p *pool) trim(goes func(*conn) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.idle) && goes(p.idle[n]) {
		p.idle[n].close()
		n++
	}
	kept := copy(p.idle, p.idle[n:])
	clear(p.idle[kept:])
	p.idle = p.idle[:kept]
}
