package balance

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

const dialTimeout = time.Second

// How asking a node can end without an answer.
var (
	errUnsent  = errors.New("nothing was sent")     // certainly: another node may be asked
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
	health status // as its latest check saw it; guarded by Balancer.mu
}

// ask sends x to node i and returns its answer. A node that cannot be connected
// to is ejected, unless it is this side that could not: for want of descriptors,
// or because the node tried before has used up the time.
func (b *Balancer) ask(i int, x *exchange) (answer, error) {
	n := b.nodes[i]
	if c := n.pool.get(time.Now()); c != nil {
		a, err := n.converse(c, x)
		if !unsent(err) {
			return a, err
		}
		n.pool.drop() // it died just now; a new connection tells whether the node did
	}
	c, err := n.dial(x.deadline)
	if x.gone() { // to dial takes up to a second, in which nobody looks
		if err == nil {
			c.close()
		}
		return answer{}, errGone
	}
	if err == nil {
		var a answer
		if a, err = n.converse(c, x); !unsent(err) {
			return a, err
		}
	}
	if !ours(err) && time.Now().Before(x.deadline) {
		n.pool.drop()
		b.eject(i, err)
	}
	return answer{}, fmt.Errorf("%w: %v", errUnsent, err)
}

// ours reports whether a connection failed for a reason on this side.
func ours(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.ENOBUFS)
}

func (n *node) dial(deadline time.Time) (*conn, error) {
	d := net.Dialer{Timeout: dialTimeout, Deadline: deadline}
	nc, err := d.Dial("tcp", n.Addr)
	if err != nil {
		return nil, err
	}
	return newConn(nc.(*net.TCPConn))
}

// converse sends x over c and reads the answer, at once whole unless it is
// long or live. It is done with c after it, unless the answer says otherwise.
func (n *node) converse(c *conn, x *exchange) (answer, error) {
	c.vain = x.gone
	c.until(x.deadline)
	a, err := c.roundTrip(x)
	switch {
	case err != nil:
		c.close()
		return answer{}, name(err)
	case a.rest != nil: // the client has yet to take it
	case a.resp.Close:
		c.close()
	default:
		n.pool.put(c, time.Now())
	}
	return a, nil
}

// name gives a failed round trip the one of the package's errors that fits.
func name(err error) error {
	switch {
	case unsent(err):
		return err
	case errors.Is(err, errVain):
		return errGone
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errTimeout
	}
	return fmt.Errorf("%w: %v", errLost, err)
}

// roundTrip sends x and reads the answer.
func (c *conn) roundTrip(x *exchange) (answer, error) {
	sent, err := x.sendTo(c)
	switch {
	case errors.Is(err, errVain):
		return answer{}, err
	case err != nil && sent == 0:
		return answer{}, fmt.Errorf("%w: %v", errUnsent, err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return answer{}, err
	}
	// A node may answer and close before it has read the whole body, 413 for
	// one. So an answer counts even where the sending broke.
	a, readErr := c.readAnswer(x)
	if err != nil {
		if readErr != nil {
			return answer{}, err
		}
		a.resp.Close = true
	}
	return a, readErr
}

func (c *conn) readAnswer(x *exchange) (answer, error) {
	resp, err := c.readHead(x.request)
	if err != nil {
		return answer{}, err
	}
	c.limit(math.MaxInt64)
	if x.live && resp.ContentLength < 0 && bodyAllowed(x.request.Method, resp.StatusCode) {
		return answer{resp: resp, rest: c}, nil
	}
	body, err := x.readAnswer(resp)
	if err != nil {
		return answer{}, fmt.Errorf("read the answer's body: %w", err)
	}
	a := answer{resp: resp, body: body}
	if len(body) > maxWhole {
		a.rest = c
	}
	return a, nil
}

// readHead reads an answer's head, past the informational ones before it.
func (c *conn) readHead(r *http.Request) (*http.Response, error) {
	c.limit(maxAnswer)
	for {
		resp, err := http.ReadResponse(c.r, r)
		switch {
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		case resp.StatusCode >= 200:
			return resp, nil
		case resp.StatusCode < 100 || resp.StatusCode == http.StatusSwitchingProtocols:
			return nil, fmt.Errorf("unexpected status %d", resp.StatusCode)
		}
	}
}
