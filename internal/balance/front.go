package balance

import (
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// acceptPause is how long accepting waits for want of descriptors or memory.
const acceptPause = 50 * time.Millisecond

// A front accepts the clients' connections and ends them. It stands where
// net/http's Server could, which starts a goroutine, a context and several
// timers for every request: a quarter of the balancer's processor time. What
// tells a good request from a bad one is still net/http's parser. Make it with
// newFront.
type front struct {
	answer   func(*exchange) answer
	log      *slog.Logger
	stopping atomic.Bool

	open    sync.WaitGroup
	mu      sync.Mutex
	clients map[*client]struct{} // guarded by mu
}

func newFront(answer func(*exchange) answer, log *slog.Logger) *front {
	return &front{answer: answer, log: log, clients: make(map[*client]struct{})}
}

// accept serves the connections that ln accepts until it accepts no more, and
// returns why.
func (f *front) accept(ln net.Listener) error {
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			f.begin(nc)
		case ours(err):
			f.log.Warn("cannot accept a connection", "cause", err.Error())
			time.Sleep(acceptPause)
		default:
			return err
		}
	}
}

// begin serves one connection in a goroutine of its own.
func (f *front) begin(nc net.Conn) {
	c, err := newClient(f, nc)
	if err != nil {
		f.log.Warn("cannot serve a connection", "cause", err.Error())
		_ = nc.Close()
		return
	}
	f.mu.Lock()
	f.clients[c] = struct{}{}
	f.mu.Unlock()
	f.open.Go(func() {
		c.serve()
		f.mu.Lock()
		delete(f.clients, c)
		f.mu.Unlock()
	})
}

// stop ends the idle connections at once and the others after the request that
// they are at, or after the given time. It returns when all have ended. Nothing
// may be accepted any more.
func (f *front) stop(grace time.Duration) {
	f.stopping.Store(true)
	// A deadline in the past wakes those who wait; only the idle ones end, see
	// client.await. The others go on waiting for what they waited for.
	f.each(func(c *client) { _ = c.tcp.SetReadDeadline(time.Unix(1, 0)) })
	late := time.AfterFunc(grace, func() {
		f.each(func(c *client) {
			f.log.Warn("request cut off", "client", c.ip)
			c.close()
		})
	})
	defer late.Stop()
	f.open.Wait()
}

func (f *front) each(do func(*client)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.clients {
		do(c)
	}
}
