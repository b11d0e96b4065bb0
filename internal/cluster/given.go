package cluster

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"

	"example.com/contend/internal/store"
)

// Given are nodes that somebody else started, and that run on when contend has
// ended. Make it with [Discover].
//
// It makes one recording at a time on them. Where all of them have their paths
// under /lab/ open, each recording has a fresh database and the discipline that
// it asks for, and the nodes have their own database again when it is over;
// without these paths, a recording takes the nodes as they are.
type Given struct {
	Containers  []string           // what each node calls itself, in the order of the nodes
	Disciplines []store.Discipline // of each node, as it was found
	Lab         bool               // all of them have the paths under /lab/ open

	nodes    []givenNode
	balancer string // URL of the balancer that was given; "" where each recording has its own
	word     string // in the names of the databases that recordings make

	mu      sync.Mutex
	taken   bool    // a recording is being made
	running Cluster // its cluster, once it has started
	count   int     // of recordings
}

// A givenNode is a node as it was found.
type givenNode struct {
	name string // "app-1": by its place among the nodes
	url  string // where it alone is asked
	addr string // host:port, for a balancer to be put before it; "" behind one that was given

	container  string // what it calls itself
	database   string // path of its own database, as it told it
	engine     string // version of its SQLite
	lab        bool
	discipline store.Discipline
}

// Discover finds the nodes behind urls, once for a run, and writes nothing to
// anything. Each URL is http://host[:port], and of these three forms:
//
//   - one URL of a balancer, http://host/app-1/health being that of its first
//     node: its nodes are app-1, app-2, … up to the first that is not there;
//   - URLs of nodes, one or several;
//   - a URL whose host name has several addresses, each of them a node's (a
//     headless Service of Kubernetes).
//
// A balancer is used as it is, and may have a path before its own. Nodes
// without one are named app-1, app-2, … in the order of the URLs, those of one
// name by their address, and have a balancer of contend's own in each recording.
//
// The error names the URL and what was expected there. A node that does not
// answer, is not healthy, or that another run has not given back is an error.
func Discover(ctx context.Context, urls []string) (*Given, error) {
	return newFinder().discover(ctx, urls)
}

// newGiven makes one of the nodes found behind balancer, which may be "".
func newGiven(nodes []givenNode, balancer string) (*Given, error) {
	if err := distinct(nodes); err != nil {
		return nil, err
	}
	word := make([]byte, 4)
	rand.Read(word) // it never fails
	g := &Given{nodes: nodes, balancer: balancer, word: hex.EncodeToString(word), Lab: true}
	for i := range nodes {
		g.Containers = append(g.Containers, nodes[i].container)
		g.Disciplines = append(g.Disciplines, nodes[i].discipline)
		g.Lab = g.Lab && nodes[i].lab
	}
	return g, nil
}

// distinct returns an error where one node stands behind two names: a claim
// about two nodes would be one about a single node.
func distinct(nodes []givenNode) error {
	seen := map[string]string{}
	for _, n := range nodes {
		if other, twice := seen[n.container]; twice {
			return fmt.Errorf("%s and %s both call themselves %q: it is one node given twice, or two of one name (--name, CONTAINER_ID)",
				other, n.url, n.container)
		}
		seen[n.container] = n.url
	}
	return nil
}

// URL says where the nodes are, for people: the address of the balancer that
// was given, or those of the nodes with commas between them. Requests of a
// recording go to [Cluster].URL.
func (g *Given) URL() string {
	if g.balancer != "" {
		return g.balancer
	}
	var all []string
	for i := range g.nodes {
		all = append(all, g.nodes[i].url)
	}
	return strings.Join(all, ",")
}

// Nodes returns every node in order.
func (g *Given) Nodes() []Node { return plain(g.nodes) }

// plain returns nodes as a cluster shows them.
func plain(nodes []givenNode) []Node {
	var all []Node
	for _, n := range nodes {
		all = append(all, Node{Name: n.name, URL: n.url, Engine: n.engine})
	}
	return all
}

// Refuse says why no recording of spec can be made on these nodes, in words for
// a person; "" where one can. It knows nothing of what is going to be asked of
// them: that nodes cannot be killed here, and that without the paths under /lab/
// nothing but counters can be read back, is for the caller to see.
func (g *Given) Refuse(spec Spec) string {
	switch {
	case spec.Mount != MountShared:
		return "it is about how a volume is mounted into containers, and these nodes have theirs already"
	case spec.Build != "":
		return "it is about another build of the node, and these were started by somebody else"
	case spec.Nodes < 1 || spec.Nodes > len(g.nodes):
		return fmt.Sprintf("it needs %s, and %s given", count(spec.Nodes), were(len(g.nodes)))
	case g.Lab:
		return ""
	case spec.Lab:
		return fmt.Sprintf("it needs the paths under /lab/, and %s started without --lab", g.withoutLab())
	case spec.Nodes != len(g.nodes):
		return fmt.Sprintf("it needs %s, and %s given: start them with --lab, and contend leaves the others out", count(spec.Nodes), were(len(g.nodes)))
	}
	return g.otherDiscipline(spec.Discipline)
}

func count(nodes int) string {
	if nodes == 1 {
		return "1 node"
	}
	return fmt.Sprintf("%d nodes", nodes)
}

func were(nodes int) string {
	if nodes == 1 {
		return "1 was"
	}
	return fmt.Sprintf("%d were", nodes)
}

// withoutLab says which nodes have no paths under /lab/, with a verb.
func (g *Given) withoutLab() string {
	var without []string
	for i := range g.nodes {
		if !g.nodes[i].lab {
			without = append(without, g.nodes[i].name)
		}
	}
	switch len(without) {
	case len(g.nodes):
		return "the nodes were"
	case 1:
		return without[0] + " was"
	}
	return strings.Join(without, ", ") + " were"
}

// otherDiscipline says in which setting the nodes' discipline is not the one
// wanted: the first of the first node that differs.
func (g *Given) otherDiscipline(want store.Discipline) string {
	for i, d := range g.Disciplines {
		for _, s := range settings {
			have := s.of(d)
			if have == s.of(want) {
				continue
			}
			who := g.nodes[i].name + " runs"
			if g.all(func(d store.Discipline) bool { return s.of(d) == have }) {
				who = "the nodes run"
			}
			return fmt.Sprintf("%s %s %s, this needs %s: start them with --lab, and contend sets it", who, s.name, have, s.of(want))
		}
	}
	return ""
}

func (g *Given) all(is func(store.Discipline) bool) bool {
	for _, d := range g.Disciplines {
		if !is(d) {
			return false
		}
	}
	return true
}

// settings are those of a discipline, the most telling first.
var settings = []struct {
	name string
	of   func(store.Discipline) string
}{
	{"transaction", func(d store.Discipline) string { return string(d.Transaction) }},
	{"journal", func(d store.Discipline) string { return string(d.Journal) }},
	{"busy_timeout", func(d store.Discipline) string { return fmt.Sprint(d.BusyTimeout.Duration()) }},
	{"synchronous", func(d store.Discipline) string { return string(d.Synchronous) }},
	{"think time", func(d store.Discipline) string { return fmt.Sprint(d.Think.Duration()) }},
	{"retries", func(d store.Discipline) string { return fmt.Sprint(d.Retries) }},
	{"backoff", func(d store.Discipline) string { return d.Backoff.String() }},
	{"driver", func(d store.Discipline) string { return d.Driver }},
	{"writer", func(d store.Discipline) string { return string(d.Writer) }},
	{"busy policy", func(d store.Discipline) string { return string(d.Busy) }},
	{"pool", func(d store.Discipline) string { return fmt.Sprint(d.Pool) }},
}

// errTaken says that two recordings were asked for at once.
var errTaken = errors.New("another recording is being made on these nodes: stop it first")

// Start makes the nodes ready for one recording, and the cluster that it
// returns stands for it: its Stop stops no node. Where the paths under /lab/ are
// open it is a fresh database under the discipline of spec on the first nodes, with
// the others closed; else it is the nodes as they are, and implements
// [Inherited]. Nodes keep their logs, write no trace, and draw their jitter from a
// seed of their own. Behind a balancer that was given, requests that name no
// node come to the closed ones too, which refuse them with CLOSED.
//
// Start fails where Refuse says why it must, and while another recording is being
// made; what it had changed by then it has changed back.
func (g *Given) Start(ctx context.Context, spec Spec) (Cluster, error) {
	if why := g.Refuse(spec); why != "" {
		return nil, fmt.Errorf("start on given nodes: %s", why)
	}
	number, err := g.take()
	if err != nil {
		return nil, fmt.Errorf("start on given nodes: %w", err)
	}
	c, err := g.start(ctx, spec, number)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.taken = false
		return nil, fmt.Errorf("start on given nodes: %w", err)
	}
	g.running = c
	return c, nil
}

// take makes the nodes those of one recording, and returns its number, from 1.
func (g *Given) take() (number int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.taken {
		return 0, errTaken
	}
	g.taken = true
	g.count++
	return g.count, nil
}

func (g *Given) free() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.taken, g.running = false, nil
}

// Close stops the recording that is being made, if there is one, so that the
// nodes have their own database again. See [Given.Start].
func (g *Given) Close(ctx context.Context) error {
	g.mu.Lock()
	c := g.running
	g.mu.Unlock()
	if c == nil {
		return nil
	}
	return c.Stop(ctx)
}

func (g *Given) start(ctx context.Context, spec Spec, number int) (Cluster, error) {
	if err := g.unchanged(ctx); err != nil {
		return nil, err
	}
	part := &part{given: g, nodes: g.nodes[:spec.Nodes]}
	if err := part.stand(ctx, spec); err != nil {
		return nil, err
	}
	if !g.Lab {
		return &inheritedCluster{part: part, journal: spec.Discipline.Journal}, nil
	}
	c := &labCluster{part: part, database: fmt.Sprintf("%s%s-%d.db", labPrefix, g.word, number)}
	if err := c.open(ctx, spec.Discipline); err != nil {
		if c.balancer != nil {
			c.balancer.kill() // nobody has asked it for anything
		}
		return nil, errors.Join(err, c.release(ctx))
	}
	return c, nil
}

// unchanged returns an error where a node is not as it was found: somebody has
// started it anew, or another run is using it.
func (g *Given) unchanged(ctx context.Context) error {
	err := together(g.nodes, func(n *givenNode) error {
		now := givenNode{name: n.name, url: n.url, addr: n.addr}
		if err := now.look(ctx); err != nil {
			return err
		}
		if now != *n {
			return fmt.Errorf("%s (%s) has changed since the run began: it was %s, and is %s", n.name, n.url, n.brief(), now.brief())
		}
		return nil
	})
	if err != nil || g.balancer == "" {
		return err
	}
	return shared(ctx, g.nodes, g.balancer)
}

// brief says what n is.
func (n *givenNode) brief() string {
	words := []string{n.container, "on " + n.database, "with SQLite " + n.engine, fmt.Sprintf("lab %t", n.lab)}
	for _, s := range settings {
		words = append(words, s.name+" "+s.of(n.discipline))
	}
	return strings.Join(words, ", ")
}

// together calls do for every node at once and returns every error, in the
// order of the nodes.
func together(nodes []givenNode, do func(*givenNode) error) error {
	errs := make([]error, len(nodes))
	var group sync.WaitGroup
	for i := range nodes {
		group.Go(func() { errs[i] = do(&nodes[i]) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// A part is what both kinds of recording on given nodes have: some of the
// nodes, and a balancer before them.
type part struct {
	given    *Given
	nodes    []givenNode
	url      string   // of the balancer
	balancer *process // nil where it was given
	stopping sync.Once
}

// URL is the balancer's.
func (p *part) URL() string { return p.url }

// Nodes returns the nodes that the recording uses, in order.
func (p *part) Nodes() []Node { return plain(p.nodes) }

// stand puts a balancer before the nodes, unless one was given.
func (p *part) stand(ctx context.Context, spec Spec) error {
	if p.given.balancer != "" {
		p.url = p.given.balancer
		return nil
	}
	binary, err := spec.binary()
	if err != nil {
		return err
	}
	var nodes []string
	for _, n := range p.nodes {
		nodes = append(nodes, n.name+"="+n.addr)
	}
	p.balancer = newBalancer(spec, nodes)
	if err := p.balancer.start(ctx, binary, cmp.Or(spec.Listen, anyPort)); err != nil {
		return err
	}
	p.url = "http://" + p.balancer.addr
	return nil
}

// leave ends what stand started.
func (p *part) leave(ctx context.Context) error {
	if p.balancer == nil {
		return nil
	}
	return p.balancer.stop(ctx)
}
