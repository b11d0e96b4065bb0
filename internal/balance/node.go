package balance

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"example.com/contend/internal/http1"
)

const (
	// A live host answers for a busy node at once. So this is for hosts that are gone, and long
	// enough for a balancer that is short of processor time beside a thousand busy clients.
	dialTimeout = 5 * time.Second
	maxDials    = 64                     // to one node at once: each is quick, and the first to fail speaks for those that wait
	maxIdle     = 1024                   // connections kept for one node
	idleFor     = 10 * time.Second       // and how long; must be less than the nodes keep theirs
	nodeNap     = 100 * time.Millisecond // between two looks whether the client still waits
)

// Why a node gave no answer.
var (
	errUnsent  = errors.New("nothing was sent")     // certainly: the request may go to another node
	errLost    = errors.New("node lost")            // something was sent, and the connection broke
	errTimeout = errors.New("no answer in time")    // something was sent, and nothing came back
	errGone    = errors.New("the client went away") // so nobody waits for an answer
)

// unsent reports whether a request that ended in err certainly never left for
// a node. Only then may it be sent again: a method that promises to be
// idempotent would be doubled in the history all the same.
func unsent(err error) bool { return errors.Is(err, errUnsent) }

// A node is a Node with the connections to it.
type node struct {
	Node
	pool   pool
	dials  chan struct{} // one for each dial under way
	dialer net.Dialer    // its Timeout is dialTimeout, but for tests
	health string        // as the latest check saw it; guarded by Balancer.mu
}

// A conn is a connection to a node, used by one request at a time.
type conn struct {
	*http1.Conn
	answer http1.Answer
	since  time.Time // idle since then
}

// ask sends x to node i and returns its answer. A node that cannot be connected
// to is ejected, unless the balancer is the reason: it has no descriptors left,
// or the node tried before has used up the time.
func (b *Balancer) ask(i int, x *exchange) (answer, error) {
	n, began := b.nodes[i], time.Now()
	if a, err := n.askIdle(x); !unsent(err) {
		return a, err
	}
	for n.takeTurn() && n.pool.some() { // another's connection has become idle meanwhile
		<-n.dials
		if a, err := n.askIdle(x); !unsent(err) {
			return a, err
		}
	}
	if b.ejectedSince(i, began) {
		<-n.dials
		return answer{}, fmt.Errorf("%w: others have just had no connection", errUnsent)
	}
	c, err := n.dial(x.deadline)
	<-n.dials
	if x.gone() { // nobody looks while a connection is made
		if err == nil {
			c.Close()
		}
		return answer{}, errGone
	}
	if err == nil {
		var a answer
		if a, err = n.converse(c, x); !unsent(err) {
			return a, err
		}
	}
	if !http1.HostLacks(err) && time.Now().Before(x.deadline) {
		n.pool.drop(time.Now())
		b.eject(i, err)
	}
	return answer{}, fmt.Errorf("%w: %v", errUnsent, err)
}

// askIdle sends x over an idle connection. The error is errUnsent where none takes it.
func (n *node) askIdle(x *exchange) (answer, error) {
	c := n.pool.get(time.Now())
	if c == nil {
		return answer{}, errUnsent
	}
	a, err := n.converse(c, x)
	if unsent(err) {
		n.pool.drop(time.Now()) // it died just now; a new connection shows whether the node did
	}
	return a, err
}

// takeTurn waits until one of maxDials may be made, which ends when dials is received from.
// It reports whether it had to wait.
func (n *node) takeTurn() (waited bool) {
	select {
	case n.dials <- struct{}{}:
		return false
	default:
	}
	n.dials <- struct{}{} // for dialTimeout at most: once one has failed, those that wait make none
	return true
}

func (n *node) dial(deadline time.Time) (*conn, error) {
	d := n.dialer
	d.Deadline = deadline
	tcp, err := d.Dial("tcp", n.Addr)
	if err != nil {
		return nil, err
	}
	c, err := http1.NewConn(tcp.(*net.TCPConn), nodeNap)
	return &conn{Conn: c}, err
}

// converse sends x over c and reads the answer. The connection is kept or
// closed, unless the rest of the answer is still to be read.
func (n *node) converse(c *conn, x *exchange) (answer, error) {
	c.Vain = x.gone
	c.Until(x.deadline)
	a, err := c.roundTrip(x)
	switch {
	case err == nil && a.rest != nil:
		return a, nil
	case err == nil && !c.answer.Close:
		n.pool.put(c, time.Now())
		return a, nil
	case err == nil:
		c.Close()
		return a, nil
	}
	c.Abandon()
	switch {
	case unsent(err):
		return a, err
	case errors.Is(err, http1.ErrVain):
		return a, errGone
	case errors.Is(err, os.ErrDeadlineExceeded):
		return a, errTimeout
	}
	return a, fmt.Errorf("%w: %v", errLost, err)
}

// roundTrip sends x and reads the answer: whole, unless it is long or live.
func (c *conn) roundTrip(x *exchange) (answer, error) {
	sent, err := c.Ask(x.out)
	switch {
	case errors.Is(err, http1.ErrVain):
		return answer{}, err
	case err != nil && sent == 0:
		return answer{}, fmt.Errorf("%w: %v", errUnsent, err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return answer{}, err
	}
	// A node may answer and close before it has read the whole body, with 413
	// for one. So an answer counts even if the sending broke.
	if readErr := c.answer.ReadHead(c.R, x.request.Method); readErr != nil {
		return answer{}, cmp.Or(err, readErr)
	}
	c.answer.Close = c.answer.Close || err != nil
	a := x.received(&c.answer)
	if x.live && a.length < 0 && bodyAllowed(x.request.Method, a.status) {
		a.rest = c
		return a, nil
	}
	body, whole, readErr := c.answer.ReadUpTo(x.answer[:0], maxWhole)
	x.answer, a.body = body, body
	switch {
	case readErr != nil:
		return answer{}, cmp.Or(err, fmt.Errorf("read the answer's body: %w", readErr))
	case !whole:
		a.rest = c
	}
	return a, nil
}

// A pool keeps the idle connections to one node, the one used last on top. The
// zero pool is empty.
type pool struct {
	mu     sync.Mutex
	idle   []*conn // by since
	closed bool
}

// get returns a live idle connection, or nil if there is none. If the one used
// last is dead, so are the older ones: all are closed.
func (p *pool) get(now time.Time) *conn {
	p.mu.Lock()
	n := len(p.idle) - 1
	if n < 0 {
		p.mu.Unlock()
		return nil
	}
	c := p.idle[n]
	p.idle = slices.Delete(p.idle, n, n+1)
	p.mu.Unlock()
	if now.Sub(c.since) < idleFor && c.Silent() {
		return c
	}
	c.Close()
	p.drop(now)
	return nil
}

// some reports whether there is an idle connection.
func (p *pool) some() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle) > 0
}

// put keeps a connection for the next request, or closes it.
func (p *pool) put(c *conn, now time.Time) {
	c.since, c.Vain = now, nil
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= maxIdle || c.R.Buffered() > 0 {
		c.Close()
		return
	}
	p.idle = append(p.idle, c)
}

// drop closes the connections that have been idle since the given time or longer.
func (p *pool) drop(since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.idle) && !p.idle[n].since.After(since) {
		p.idle[n].Close()
		n++
	}
	p.idle = slices.Delete(p.idle, 0, n)
}

// close closes all idle connections and those that are put later.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.idle {
		c.Close()
	}
	p.idle, p.closed = nil, true
}
