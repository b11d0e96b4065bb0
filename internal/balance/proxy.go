package balance

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"example.com/contend/internal/api"
)

// answer answers one request, mostly by asking a node.
func (b *Balancer) answer(x *exchange) answer {
	path := x.request.URL.EscapedPath()
	first, rest := split(path)
	i, named := b.index[first]
	switch {
	case first == "api" && b.cfg.SingleWriter && mayWrite(x.request.Method):
		return b.forward(x, path, func(x *exchange) (answer, error) { return b.askAny(x, b.pickWriter) })
	case first == "api":
		return b.forward(x, path, func(x *exchange) (answer, error) { return b.askAny(x, b.pick) })
	case named:
		return b.forward(x, rest, func(x *exchange) (answer, error) { return b.askOnly(i, x) })
	case path == api.PathHealth:
		return b.answerHealth(x)
	}
	return fail(http.StatusNotFound, api.CodeNotFound, x.arrived, fmt.Sprintf(
		"the balancer has no %s: /api/… is for any node, and /%s%s would ask %[2]s alone", path, b.nodes[0].Name, path))
}

// split cuts a path after its first segment: "/app-1/api/write" into "app-1"
// and "/api/write".
func split(path string) (first, rest string) {
	first, rest, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return first, "/" + rest
}

// mayWrite reports whether a method is more than a safe one, of those that the
// nodes answer: see RFC 9110, section 9.2.1.
func mayWrite(method string) bool {
	return method != http.MethodGet && method != http.MethodHead
}

// forward has ask ask a node for path.
func (b *Balancer) forward(x *exchange, path string, ask func(*exchange) (answer, error)) answer {
	x.prepare(path, time.Now().Add(b.cfg.Timeout))
	a, err := ask(x)
	if err != nil {
		return failAsk(err, x.arrived)
	}
	return a
}

// askAny asks one node after the other, as pick chooses them, until one has been
// sent the request.
func (b *Balancer) askAny(x *exchange, pick func(tried set) (int, bool)) (a answer, err error) {
	var tried set
	for {
		i, ok := pick(tried)
		if !ok {
			return a, err
		}
		if a, err = b.askOnly(i, x); err == nil || !b.again(err) {
			return a, err
		}
		tried.add(i)
	}
}

// askOnly asks node i, and puts its name before the error.
func (b *Balancer) askOnly(i int, x *exchange) (answer, error) {
	a, err := b.ask(i, x)
	if err != nil {
		return a, &nodeError{b.nodes[i].Name, err}
	}
	return a, nil
}

// A nodeError is an error with the name of the node that it came from.
type nodeError struct {
	node string
	err  error
}

func (e *nodeError) Error() string { return e.node + ": " + e.err.Error() }
func (e *nodeError) Unwrap() error { return e.err }

func (b *Balancer) pick(tried set) (int, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ring.pick(time.Now(), tried)
}

func (b *Balancer) pickWriter(tried set) (int, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.handOver(now)
	return b.ring.pickWriter(now, tried)
}

// handOver makes another node the writer where the writer is out, and logs it.
// It needs mu.
func (b *Balancer) handOver(now time.Time) {
	if !b.cfg.SingleWriter {
		return
	}
	from := b.ring.writer
	if to := b.ring.elect(now); to != from {
		b.log.Warn("writer changed", "from", b.nodes[from].Name, "to", b.nodes[to].Name)
	}
}

func (b *Balancer) eject(i int, cause error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.ring.eject(i, now.Add(b.cfg.EjectFor))
	b.tell(now, cause.Error())
}

// tell logs the nodes that went out or came back, and who writes now. It needs mu.
func (b *Balancer) tell(now time.Time, cause string) {
	for _, i := range b.ring.changes(now) {
		if n := b.nodes[i]; b.ring.members[i].out {
			b.log.Warn("node ejected", "node", n.Name, "addr", n.Addr, "cause", cause)
		} else {
			b.log.Info("node recovered", "node", n.Name, "addr", n.Addr)
		}
	}
	b.handOver(now)
}
