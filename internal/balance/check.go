package balance

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"example.com/contend/internal/api"
)

const checkTimeout = time.Second // to connect, and again to answer

// A status is what a node says of itself, or what its silence says. It is told
// in /health and does not steer requests.
type status string

const (
	statusUnknown     status = "" // not checked yet
	statusHealthy     status = "healthy"
	statusUnhealthy   status = "unhealthy"
	statusUnreachable status = "unreachable"
)

// Health is the body of the balancer's own /health.
type Health struct {
	Status string       `json:"status"`           // "healthy" where at least one node is
	Writer string       `json:"writer,omitempty"` // the node that writes go to; "" where they go to all
	Nodes  []NodeHealth `json:"nodes"`
}

// NodeHealth is what the balancer knows of one node.
type NodeHealth struct {
	Name   string `json:"name"`
	Addr   string `json:"addr"`
	Status string `json:"status"` // by its own /health: healthy, unhealthy or unreachable; unknown before the first check
	InTurn bool   `json:"inTurn"` // it gets requests to /api/; else it is passed over
}

// check looks at node i again and again until ctx is done.
func (b *Balancer) check(ctx context.Context, i int) {
	client := newCheckClient()
	tick := time.NewTicker(b.cfg.CheckInterval)
	defer tick.Stop()
	for {
		s, h, err := look(ctx, client, b.nodes[i].Addr)
		if ctx.Err() != nil {
			return
		}
		b.saw(i, s, h, err)
		b.nodes[i].pool.expire(time.Now())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// newCheckClient returns a client that makes a connection of its own for each
// check, for whether the node accepts one is the question. Connecting and
// answering have a timeout each, so that the error tells which it was.
func newCheckClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: checkTimeout}).DialContext,
			ResponseHeaderTimeout: checkTimeout,
			DisableKeepAlives:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// look asks a node for its health once. The error tells why it did not answer.
func look(ctx context.Context, client *http.Client, addr string) (sight, status, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+api.PathHealth, nil)
	if err != nil {
		return refused, statusUnreachable, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return unanswered(err), statusUnreachable, err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return answered, statusUnhealthy, nil
	}
	return answered, statusHealthy, nil
}

// unanswered tells a node that cannot be connected to from one that says nothing.
func unanswered(err error) sight {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return refused
	}
	return silent
}

// saw takes in what a check saw, and tells of what it changed.
func (b *Balancer) saw(i int, s sight, h status, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes[i].health = h
	b.ring.saw(i, s)
	cause := "health check"
	if err != nil {
		cause += ": " + err.Error()
	}
	b.tell(time.Now(), cause)
}

func (b *Balancer) answerHealth(x *exchange) answer {
	if m := x.request.Method; m != http.MethodGet && m != http.MethodHead {
		a := fail(http.StatusMethodNotAllowed, api.CodeMethodNotAllowed, x.arrived, "the balancer's health can only be read")
		a.resp.Header.Set("Allow", "GET, HEAD")
		return a
	}
	h := b.health(x.arrived)
	code := http.StatusOK
	if h.Status != string(statusHealthy) {
		code = http.StatusServiceUnavailable
	}
	return own(code, h)
}

func (b *Balancer) health(now time.Time) Health {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := Health{Status: string(statusUnhealthy), Nodes: make([]NodeHealth, len(b.nodes))}
	if b.cfg.SingleWriter {
		h.Writer = b.nodes[b.ring.writer].Name
	}
	for i, n := range b.nodes {
		if n.health == statusHealthy {
			h.Status = string(statusHealthy)
		}
		h.Nodes[i] = NodeHealth{
			Name:   n.Name,
			Addr:   n.Addr,
			Status: n.health.String(),
			InTurn: b.ring.members[i].available(now),
		}
	}
	return h
}

// String returns the word for s in /health.
func (s status) String() string {
	if s == statusUnknown {
		return "unknown"
	}
	return string(s)
}
