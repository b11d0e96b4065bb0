package balance

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"example.com/contend/internal/http1"
	"example.com/contend/internal/nodeapi"
)

// How long the front waits for its clients.
const (
	readHeaderTimeout = 10 * time.Second // from a request's first byte
	readTimeout       = 30 * time.Second // from the header's end to the body's
	writeGrace        = 30 * time.Second // to take the answer, once it is there
	lingerTimeout     = 500 * time.Millisecond
	frontIdleTimeout  = 2 * time.Minute
	acceptPause       = 50 * time.Millisecond // how long accepting waits for want of descriptors or memory
	maxHeaderBytes    = nodeapi.MaxHead
)

// A front accepts the clients' connections and ends them. net/http's Server starts
// a goroutine, a context and several timers for every request: a quarter of the
// balancer's processor time. Its parser still says which requests are good.
type front struct {
	answer   func(*exchange) answer
	guard    http1.Guard
	log      *slog.Logger
	stopping atomic.Bool
	room     *http1.Room // for bodies
	door     *http1.Door

	open    sync.WaitGroup
	mu      sync.Mutex
	clients map[*client]struct{} // guarded by mu
}

func newFront(answer func(*exchange) answer, guard http1.Guard, log *slog.Logger) *front {
	return &front{
		answer: answer, guard: guard, log: log, clients: make(map[*client]struct{}),
		room: http1.NewRoom(roomForBodies), door: newDoor(mostClients()),
	}
}

// mostClients is MaxClients, or fewer where the process may not have as many descriptors:
// each client may need another one to a node.
func mostClients() int {
	const spare = 32 // for the listener, the log, health checks
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 2*(MaxClients+spare) {
		return MaxClients
	}
	return max(1, int(limit.Cur)/2-spare)
}

func newDoor(most int) *http1.Door {
	a := own(http.StatusServiceUnavailable, nodeapi.Error{
		Code: nodeapi.CodeBalancerFull, Error: fmt.Sprintf("the balancer has %d connections of clients already", most),
	})
	a.dated = true // it is made once: it has no date
	head := a.appendHead(nil, &http.Request{ProtoMajor: 1, ProtoMinor: 1}, false, time.Time{})
	return &http1.Door{Most: most, Answer: append(head, a.body...)}
}

// accept serves the connections that ln accepts, each in a goroutine of its own,
// until it accepts no more, and returns why.
func (f *front) accept(ln net.Listener) error {
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			if !f.door.Enter(nc) {
				continue
			}
			c, err := newClient(f, nc)
			if err != nil {
				f.log.Warn("cannot serve a connection", "cause", err.Error())
				_ = nc.Close()
				f.door.Leave()
				continue
			}
			f.mu.Lock()
			f.clients[c] = struct{}{}
			f.mu.Unlock()
			f.open.Go(c.serve)
		case http1.HostLacks(err):
			f.log.Warn("cannot accept a connection", "cause", err.Error())
			time.Sleep(acceptPause)
		default:
			return err
		}
	}
}

// stop ends the idle connections at once and the others after their current
// request, or after the given time. It returns when all have ended. Nothing
// may be accepted any more.
func (f *front) stop(grace time.Duration) {
	f.stopping.Store(true)
	// A deadline in the past wakes all that wait; only the idle ones end, see
	// client.await. The others go on waiting.
	f.each(func(c *client) { _ = c.TCP.SetReadDeadline(time.Unix(1, 0)) })
	late := time.AfterFunc(grace, func() {
		f.each(func(c *client) {
			f.log.Warn("request cut off", "client", c.x.client)
			c.Close()
		})
	})
	defer late.Stop()
	f.open.Wait()
	f.door.Wait()
}

func (f *front) each(do func(*client)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.clients {
		do(c)
	}
}

// A client is a connection that requests come from, one after the other.
type client struct {
	*http1.Conn
	front *front
	x     exchange
	idle  bool   // between two requests
	after string // the method of the request before; "" before the first
}

func newClient(f *front, nc net.Conn) (*client, error) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nil, fmt.Errorf("a %T is no TCP connection", nc)
	}
	// No deadline of a client is sooner than this nap, so none is missed.
	conn, err := http1.NewConn(tcp, readHeaderTimeout)
	if err != nil {
		return nil, err
	}
	c := &client{Conn: conn, front: f, x: exchange{client: "unknown"}}
	if addr, ok := tcp.RemoteAddr().(*net.TCPAddr); ok {
		c.x.client = addr.IP.String()
	}
	c.Vain = c.dismissed
	c.x.gone = func() bool {
		if c.x.live { // a hold lasts as long as its client stays
			err := c.Look()
			return err != nil && err != syscall.EAGAIN
		}
		return c.Reset() // at the end of its stream it may still read: see http1.Reset
	}
	return c, nil
}

// serve answers the client's requests until one of the two sides ends it.
func (c *client) serve() {
	for c.await() && c.exchange() {
		c.reset()
	}
	c.reset()
	c.Close()
	c.front.door.Leave()
	c.front.mu.Lock()
	delete(c.front.clients, c)
	c.front.mu.Unlock()
}

// reset ends an exchange: the room that its body took is free again.
func (c *client) reset() {
	c.front.room.Give(c.x.taken)
	c.x.reset()
}

// await waits for a request's first byte. It is false if none comes.
func (c *client) await() bool {
	c.idle = true
	defer func() { c.idle = false }()
	c.Limit(maxHeaderBytes)
	c.Until(time.Now().Add(frontIdleTimeout))
	// This look comes after the deadline was set, for that may have undone what
	// stop set to wake this connection.
	if c.R.Buffered() == 0 && c.dismissed() {
		return false
	}
	runtime.Gosched() // the next request is hardly there yet: others go first, at less cost than a read in vain
	for skipped := 0; ; skipped++ {
		first, err := c.R.Peek(1)
		if err != nil {
			return false
		}
		if c.after != http.MethodPost || skipped == mostBreaks || first[0] != '\r' && first[0] != '\n' {
			return true
		}
		_, _ = c.R.Discard(1)
	}
}

// mostBreaks is how many bytes of line breaks may follow the body of a POST, as old
// clients send them (RFC 9112, section 2.2): as many as a node takes, by net/http.
const mostBreaks = 4

// dismissed reports whether the connection is to end because it is idle and
// the front stops. One with a request on its way is not idle.
func (c *client) dismissed() bool {
	return c.idle && c.front.stopping.Load() && c.Look() != nil
}

// exchange reads one request and answers it. It reports whether another may follow.
func (c *client) exchange() bool {
	if err := c.read(); err != nil {
		c.refuse(err)
		return false
	}
	c.after = c.x.request.Method
	return c.reply(c.front.answer(&c.x))
}

// read reads a request with its whole body. The error is an *http.MaxBytesError
// if the body is above nodeapi.MaxBody, and http1.ErrFull if there is no room for it.
func (c *client) read() (err error) {
	x := &c.x
	x.arrived = time.Now()
	c.Until(x.arrived.Add(readHeaderTimeout))
	if x.request, err = http.ReadRequest(c.R); err != nil {
		return err
	}
	x.request.Close = x.request.Close || http1.Last(x.request)
	if refused := c.front.guard.Refuse(x.request); refused != nil {
		return refused
	}
	if x.request.ContentLength > nodeapi.MaxBody { // before a client that waits for 100 Continue gets it
		return &http.MaxBytesError{Limit: nodeapi.MaxBody}
	}
	if x.request.Body == http.NoBody {
		return nil
	}
	c.Until(x.arrived.Add(readTimeout))
	c.Limit(math.MaxInt64)
	if x.request.Header.Get("Expect") != "" && x.request.ProtoAtLeast(1, 1) {
		if _, err := io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return err
		}
	}
	x.body, x.taken, err = c.front.room.ReadBody(http.MaxBytesReader(nil, x.request.Body, nodeapi.MaxBody), x.body[:0], nodeapi.MaxBody)
	return err
}

// refuse answers why a request could not be read, if the client may still
// listen, and then reads what may still come: to close on unread bytes would
// reset the connection, and the answer would be lost with it.
func (c *client) refuse(err error) {
	if c.x.request == nil {
		var broken *net.OpError
		if errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &broken) {
			return // no request was sent to its end
		}
		c.x.request = &http.Request{ProtoMajor: 1, ProtoMinor: 1}
	}
	c.x.request.Close = true
	c.reply(c.x.failRead(err))
	_ = c.TCP.CloseWrite()
	c.Until(time.Now().Add(lingerTimeout))
	c.Limit(math.MaxInt64)
	_, _ = io.Copy(io.Discard, c)
}

// reply gives the client an answer, and reports whether it can send another
// request. An answer that breaks on the way breaks the connection too, with a
// reset: a shortened one must not look whole, not even if the connection's
// end is the answer's.
func (c *client) reply(a answer) bool {
	r := c.x.request
	if a.status == 0 {
		return false
	}
	if !bodyAllowed(r.Method, a.status) {
		a.body = nil
	}
	keep := !r.Close && !c.front.stopping.Load()
	now := time.Now()
	c.x.out = a.appendHead(c.x.out[:0], r, keep, now)
	var err error
	if a.rest == nil {
		c.Until(now.Add(writeGrace))
		c.x.out = append(c.x.out, a.body...)
		_, err = c.Write(c.x.out)
	} else {
		c.Until(c.x.deadline.Add(writeGrace))
		err = c.replyLong(a)
		a.rest.Close()
	}
	if err != nil {
		_ = c.TCP.SetLinger(0)
	}
	return err == nil && keep
}

// replyLong passes an answer on as it comes.
func (c *client) replyLong(a answer) error {
	out := bufio.NewWriterSize(c, 16<<10)
	_, _ = out.Write(c.x.out) // its error comes again with the next write
	if c.x.live {
		_ = out.Flush()
	}
	body := io.MultiReader(bytes.NewReader(a.body), &a.rest.answer)
	if !a.endless() || !c.x.request.ProtoAtLeast(1, 1) {
		if _, err := io.Copy(out, body); err != nil {
			return err
		}
		return out.Flush()
	}
	chunks := httputil.NewChunkedWriter(out)
	if _, err := io.Copy(chunks, body); err != nil {
		return err
	}
	_ = chunks.Close()
	_, _ = io.WriteString(out, "\r\n") // no trailer
	return out.Flush()
}
