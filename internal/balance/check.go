package balance

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"example.com/contend/internal/nodeapi"
)

const checkTimeout = time.Second // to connect, and again to answer

// What /health says of a node. It does not steer requests.
const (
	statusUnknown     = "unknown" // not checked yet
	statusHealthy     = "healthy"
	statusUnhealthy   = "unhealthy"
	statusUnreachable = "unreachable"
)

// Health is the body of the balancer's own /health.
type Health struct {
	Status string       `json:"status"`           // "healthy" if at least one node is
	Writer string       `json:"writer,omitempty"` // the node that writes go to; "" if they go to all
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
	tick := time.NewTicker(b.cfg.CheckInterval)
	defer tick.Stop()
	for {
		s, h, err := look(ctx, b.nodes[i].Addr)
		if ctx.Err() != nil {
			return
		}
		b.saw(i, s, h, err)
		b.nodes[i].pool.drop(time.Now().Add(-idleFor))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// checkClient makes a connection of its own for each check, for whether the node
// accepts one is the question. Connecting and answering have a timeout each, so
// that the error shows which it was.
var checkClient = &http.Client{
	Transport: &http.Transport{
		DialContext:           (&net.Dialer{Timeout: checkTimeout}).DialContext,
		ResponseHeaderTimeout: checkTimeout,
		DisableKeepAlives:     true,
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// look asks a node for its health once. The error says why it did not answer.
func look(ctx context.Context, addr string) (sight, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+nodeapi.PathHealth, nil)
	if err != nil {
		return refused, statusUnreachable, err
	}
	resp, err := checkClient.Do(req)
	var op *net.OpError
	switch {
	case errors.As(err, &op) && op.Op == "dial":
		return refused, statusUnreachable, err
	case err != nil:
		return silent, statusUnreachable, err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return answered, statusUnhealthy, nil
	}
	return answered, statusHealthy, nil
}

// saw takes in what a check saw, and logs what it changed.
func (b *Balancer) saw(i int, s sight, health string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes[i].health = health
	b.ring.saw(i, s)
	cause := "health check"
	if err != nil {
		cause += ": " + err.Error()
	}
	b.logChanges(time.Now(), cause)
}

func (b *Balancer) answerHealth(x *exchange) answer {
	if a, no := x.onlyRead("health"); no {
		return a
	}
	return own(b.health(x.arrived))
}

// onlyRead answers a method that would change what can only be read.
func (x *exchange) onlyRead(what string) (a answer, no bool) {
	if m := x.request.Method; m == http.MethodGet || m == http.MethodHead {
		return a, false
	}
	a = x.fail(http.StatusMethodNotAllowed, nodeapi.Error{Code: nodeapi.CodeMethodNotAllowed, Error: "the balancer's " + what + " can only be read"})
	a.fields = appendField(a.fields, "Allow", "GET, HEAD")
	return a, true
}

// health returns what is known of the nodes, and its status.
func (b *Balancer) health(now time.Time) (int, Health) {
	b.mu.Lock()
	defer b.mu.Unlock()
	code, h := http.StatusServiceUnavailable, Health{Status: statusUnhealthy}
	if b.cfg.SingleWriter {
		h.Writer = b.nodes[b.ring.writer].Name
	}
	for i, n := range b.nodes {
		if n.health == statusHealthy {
			code, h.Status = http.StatusOK, statusHealthy
		}
		h.Nodes = append(h.Nodes, NodeHealth{Name: n.Name, Addr: n.Addr, Status: n.health, InTurn: b.ring.members[i].available(now)})
	}
	return code, h
}
