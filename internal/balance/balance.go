// Package balance is the load balancer: it sends requests to /api/ to the nodes
// in turn, and requests to /app-2/… to node app-2. It counts what becomes of them: see
// /status.
//
// Two rules carry it. A request is sent once: it goes to another node only if
// nothing of it can have left for the first, whatever its method, so the balancer
// never doubles a write and never turns "unknown" into "failed". And a node is
// passed over if it cannot be connected to, never because its /health says that
// the database is busy. All nodes share one database, so a lock held for a second
// would otherwise take every node out, and the balancer would answer in the
// database's place.
//
// With a single writer, writes go to one node and reads to all, so that nodes
// seldom wait for each other's locks. No promise rests on it: when another node
// becomes the writer the first may still be at work, and the file's locks hold.
//
// It does not speak HTTP/2, upgrade connections, pass trailers on or weigh nodes.
// It reads request bodies whole before it chooses a node, and answers of up to 8 KiB
// before the client sees any of them, so a slow client costs the nodes nothing. Only
// under /lab/ it sends a head before the body is there: with it POST /lab/hold says
// that the lock is held.
//
// Its memory is bounded, whatever clients do: by the number of connections, the length
// of a head, and the bytes of all bodies together. What is beyond is refused with
// BALANCER_FULL, and no node has seen it.
package balance

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/contend/internal/http1"
	"example.com/contend/internal/nodeapi"
)

// Defaults of a [Config].
const (
	DefaultCheckInterval = 500 * time.Millisecond
	DefaultEjectFor      = 2 * time.Second
	DefaultTimeout       = 60 * time.Second
)

// MaxNodes is the most nodes that one balancer stands before. MaxClients is the most
// connections of clients at once; fewer where the process may not have as many
// descriptors.
const (
	MaxNodes   = 64
	MaxClients = 2048
)

// roomForBodies bounds the bytes of all bodies in memory; see [http1.Room].
const roomForBodies = 64 << 20

// A Node is one process that requests go to.
type Node struct {
	Name string // the first part of the paths that are its own: "app-1"
	Addr string // host:port
}

// A Config says what to balance. Only Nodes must be set.
type Config struct {
	Nodes         []Node
	CheckInterval time.Duration // between two looks at a node's /health; 0 means DefaultCheckInterval
	EjectFor      time.Duration // how long a node that refused a connection is passed over; 0 means DefaultEjectFor
	Timeout       time.Duration // from a request's last byte to its answer's; 0 means DefaultTimeout
	SingleWriter  bool          // writes to /api/ go to one node, the first of Nodes while it is available
	AllowHosts    []string      // names in a Host field that are taken beside localhost and IP addresses; see http1.NewGuard
	Logger        *slog.Logger  // gets the start, ejections, recoveries and new writers; nil means no log
}

// A Balancer sends requests to nodes. Make it with [New].
type Balancer struct {
	cfg   Config
	nodes []*node
	index map[string]int // by name

	counter *counter

	mu   sync.Mutex
	ring ring // guarded by mu

	// again reports whether a request that ended in err may go to another node. It
	// is [unsent], except in tests of what a careless rule would do.
	again func(err error) bool
}

// New returns a balancer for cfg, or an error that names the first node or
// setting that is not valid.
func New(cfg Config) (*Balancer, error) {
	for _, d := range []struct {
		name  string
		value *time.Duration
		zero  time.Duration
	}{
		{"check interval", &cfg.CheckInterval, DefaultCheckInterval},
		{"ejection", &cfg.EjectFor, DefaultEjectFor},
		{"timeout", &cfg.Timeout, DefaultTimeout},
	} {
		if *d.value < 0 {
			return nil, fmt.Errorf("configure balancer: %s %s is below 0", d.name, *d.value)
		}
		*d.value = cmp.Or(*d.value, d.zero)
	}
	if err := checkNodes(cfg.Nodes); err != nil {
		return nil, fmt.Errorf("configure balancer: %w", err)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	b := &Balancer{cfg: cfg, index: map[string]int{}, counter: newCounter(len(cfg.Nodes)), ring: newRing(len(cfg.Nodes)), again: unsent}
	for i, n := range cfg.Nodes {
		b.index[n.Name] = i
		b.nodes = append(b.nodes, &node{Node: n, dials: make(chan struct{}, maxDials), dialer: net.Dialer{Timeout: dialTimeout}, health: statusUnknown})
	}
	return b, nil
}

// nodeName is a path segment that needs no escaping and starts with a letter.
var nodeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// reserved are the first path segments that the balancer gives another meaning.
var reserved = []string{"api", "health", "metrics", "lab", "status"}

func checkNodes(nodes []Node) error {
	if len(nodes) < 1 || len(nodes) > MaxNodes {
		return fmt.Errorf("want 1 to %d nodes, have %d", MaxNodes, len(nodes))
	}
	seen := make(map[string]bool, len(nodes))
	for _, n := range nodes {
		if !nodeName.MatchString(n.Name) || slices.Contains(reserved, n.Name) {
			return fmt.Errorf("node name %q cannot begin a path: want letters, digits, - and _, and none of %q", n.Name, reserved)
		}
		if seen[n.Name] {
			return fmt.Errorf("two nodes are named %s", n.Name)
		}
		seen[n.Name] = true
		switch host, port, err := net.SplitHostPort(n.Addr); {
		case err != nil:
			return fmt.Errorf("node %s: %w", n.Name, err)
		case host == "" || port == "" || port == "0":
			return fmt.Errorf("node %s: address %q lacks a host or a port", n.Name, n.Addr)
		}
	}
	return nil
}

// Serve accepts TCP connections on ln until ctx is done. Then it stops
// accepting, finishes the requests in flight (for at most the configured timeout
// and half a minute), and returns nil once all that it started has ended. It
// closes ln. Serve may be called once.
func (b *Balancer) Serve(ctx context.Context, ln net.Listener) error {
	checks, stopChecks := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer func() {
		stopChecks()
		background.Wait()
		for _, n := range b.nodes {
			n.pool.close()
		}
	}()
	var names []string // as the command line has them
	for i, n := range b.nodes {
		names = append(names, n.Name+"="+n.Addr)
		background.Go(func() { b.check(checks, i) })
	}
	b.cfg.Logger.Info("balancer started", "listen", ln.Addr().String(), "nodes", names, "single_writer", b.cfg.SingleWriter)

	f := newFront(b.answer, http1.NewGuard(ln.Addr(), b.cfg.AllowHosts), b.cfg.Logger)
	served := make(chan error, 1)
	background.Go(func() { served <- f.accept(ln) })
	select {
	case err := <-served:
		f.stop(0)
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	_ = ln.Close()
	<-served // no connection is accepted after this
	f.stop(b.cfg.Timeout + writeGrace)
	b.cfg.Logger.Info("balancer stopped")
	return nil
}

// PathStatus is where a balancer says what it has done.
const PathStatus = "/status"

// answer answers one request, mostly by asking a node.
func (b *Balancer) answer(x *exchange) answer {
	path := http1.Path(x.request.URL)
	first, rest := split(path)
	i, named := b.index[first]
	switch {
	case first == "api" && b.cfg.SingleWriter && x.request.Method != http.MethodGet && x.request.Method != http.MethodHead:
		return b.forward(x, path, b.pickWriter) // of the methods that nodes answer, only those two are safe: RFC 9110, section 9.2.1
	case first == "api":
		return b.forward(x, path, b.pick)
	case named:
		return b.forward(x, rest, func(tried set) (int, bool) { return i, tried == 0 })
	case path == nodeapi.PathHealth:
		return b.answerHealth(x)
	case path == PathStatus:
		return b.answerStatus(x)
	}
	return x.fail(http.StatusNotFound, nodeapi.Error{Code: nodeapi.CodeNotFound, Error: fmt.Sprintf(
		"the balancer has no %s: /api/… is for any node, and /%s%s would ask %[2]s alone", path, b.nodes[0].Name, path)})
}

// split cuts a path after its first segment: "/app-1/api/write" into "app-1"
// and "/api/write".
func split(path string) (first, rest string) {
	first, rest, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return first, "/" + rest
}

// forward asks one node after the other for path, as pick chooses them, until one
// has been sent the request, and counts how it ended.
func (b *Balancer) forward(x *exchange, path string, pick func(tried set) (int, bool)) answer {
	x.prepare(path, time.Now().Add(b.cfg.Timeout))
	a, i := b.send(x, pick)
	if strings.HasPrefix(path, "/api/") && a.status != 0 { // else nobody waits any more
		now := time.Now()
		b.counter.saw(i, path, a.status, now.Sub(x.arrived), now)
	}
	return a
}

// send returns the answer to x, and the node that gave it or was sent x in vain; -1: x was sent to none.
func (b *Balancer) send(x *exchange, pick func(tried set) (int, bool)) (answer, int) {
	var tried set
	last, err := "", error(nil)
	for {
		i, ok := pick(tried)
		if !ok {
			return x.failAsk(last, err), -1
		}
		var a answer
		if a, err = b.ask(i, x); err == nil {
			return a, i
		}
		if last = b.nodes[i].Name; !b.again(err) {
			return x.failAsk(last, err), i
		}
		tried.add(i)
	}
}

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

// handOver makes another node the writer if the writer is out, and logs it.
// It needs mu.
func (b *Balancer) handOver(now time.Time) {
	if !b.cfg.SingleWriter {
		return
	}
	from := b.ring.writer
	if to := b.ring.elect(now); to != from {
		b.cfg.Logger.Warn("writer changed", "from", b.nodes[from].Name, "to", b.nodes[to].Name)
	}
}

func (b *Balancer) eject(i int, cause error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.ring.eject(i, now.Add(b.cfg.EjectFor))
	b.logChanges(now, cause.Error())
}

// ejectedSince reports whether node i has refused a connection since the given time.
func (b *Balancer) ejectedSince(i int, since time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ring.members[i].ejectedUntil.After(since.Add(b.cfg.EjectFor))
}

// logChanges logs the nodes that went out or came back, and who writes now. It
// needs mu.
func (b *Balancer) logChanges(now time.Time, cause string) {
	for _, i := range b.ring.changes(now) {
		if n := b.nodes[i]; b.ring.members[i].out {
			b.cfg.Logger.Warn("node ejected", "node", n.Name, "addr", n.Addr, "cause", cause)
		} else {
			b.cfg.Logger.Info("node recovered", "node", n.Name, "addr", n.Addr)
		}
	}
	b.handOver(now)
}
