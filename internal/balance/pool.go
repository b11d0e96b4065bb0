package balance

import (
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	maxIdle   = 1024                   // connections kept for one node
	idleFor   = 10 * time.Second       // and how long; must be less than the nodes keep theirs
	maxAnswer = 64 << 10               // bytes of an answer's header
	nodeNap   = 100 * time.Millisecond // between two looks whether the client still waits
)

// A conn is a connection to a node, used by one request at a time.
type conn struct {
	*stream
	since time.Time // idle since then
}

func newConn(tcp *net.TCPConn) (*conn, error) {
	s, err := newStream(tcp, nodeNap)
	if err != nil {
		return nil, err
	}
	return &conn{stream: s}, nil
}

// alive reports whether the other end still holds the idle connection open.
// Nothing to read is well, the end of the stream means that the node is gone,
// and bytes that nobody asked for mean that the two ends disagree about whose
// turn it is.
func (c *conn) alive() bool { return c.look() == syscall.EAGAIN }

// A pool keeps the idle connections to one node, the one used last on top. The
// zero pool is empty.
type pool struct {
	mu     sync.Mutex
	idle   []*conn // by since
	closed bool
}

// get returns a live idle connection, or nil where there is none. Where the one
// used last is dead, so are the older ones: all are dropped.
func (p *pool) get(now time.Time) *conn {
	c := p.pop()
	if c == nil {
		return nil
	}
	if now.Sub(c.since) < idleFor && c.alive() {
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
	c.since, c.vain = now, nil
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
