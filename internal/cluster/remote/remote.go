// Package remote makes recordings on nodes that somebody else started, and that
// run on when contend has ended.
//
// Where all nodes have their paths under /lab/ open, each recording has a fresh
// database and the discipline that it asks for, and the nodes have their own
// database again when it is over; without these paths, a recording takes the
// nodes as they are.
package remote

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/cluster/local"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/units"
)

// Nodes are nodes that somebody else started. Make it with [Discover]. It makes
// one recording at a time on them.
type Nodes struct {
	Lab bool // all of them have the paths under /lab/ open

	nodes    []*node
	balancer string // URL of the balancer that was given; "" where each recording has its own
	word     string // in the names of the databases that recordings make

	mu      sync.Mutex
	taken   bool            // a recording is being made
	running cluster.Cluster // its cluster, once it has started
	count   int             // of recordings
}

// A node is one of them as it was found.
type node struct {
	name string // "app-1": by its place among the nodes
	url  string // where it alone answers
	addr string // host:port, for a balancer to be put before it; "" behind one that was given

	container  string // what it calls itself
	database   string // path of its own database on its own host
	engine     string // version of its SQLite
	lab        bool
	discipline store.Discipline
}

// newNodes returns the nodes found behind balancer, which may be "". It is an
// error where one node stands behind two names: a claim about two nodes would be
// one about a single node.
func newNodes(nodes []*node, balancer string) (*Nodes, error) {
	all := &Nodes{nodes: nodes, balancer: balancer, word: strings.ToLower(rand.Text()[:8]), Lab: true}
	seen := map[string]string{}
	for _, n := range nodes {
		if other, twice := seen[n.container]; twice {
			return nil, fmt.Errorf("%s and %s both call themselves %q: it is one node given twice, or two of one name (--name, CONTAINER_ID)",
				other, n.url, n.container)
		}
		seen[n.container] = n.url
		all.Lab = all.Lab && n.lab
	}
	return all, nil
}

// URL says where the nodes are, for people: the address of the balancer that
// was given, or those of the nodes with commas between them. Requests of a
// recording go to its cluster's own URL.
func (all *Nodes) URL() string {
	if all.balancer != "" {
		return all.balancer
	}
	var urls []string
	for _, n := range all.nodes {
		urls = append(urls, n.url)
	}
	return strings.Join(urls, ",")
}

// Refuse says why no recording of spec can be made on these nodes, in words for
// a person; "" where one can. The caller has to know the rest: that nodes cannot
// be killed here, and that without the paths under /lab/ nothing but counters can
// be read back.
func (all *Nodes) Refuse(spec cluster.Spec) string {
	needed, given := units.Plural(spec.Nodes, "node"), units.PluralOf(len(all.nodes), "was", "were")
	switch {
	case spec.Mount != run.MountShared:
		return "it is about where a node has its database, and these nodes have theirs already"
	case spec.Build != "":
		return "it is about another build of the node, and these were started by somebody else"
	case spec.Nodes < 1 || spec.Nodes > len(all.nodes):
		return fmt.Sprintf("it needs %s, and %s given", needed, given)
	case all.Lab:
		return ""
	case spec.Lab:
		return fmt.Sprintf("it needs the paths under /lab/, and %s started without --lab", all.withoutLab())
	case spec.Nodes != len(all.nodes):
		return fmt.Sprintf("it needs %s, and %s given: start them with --lab, and contend leaves the others out", needed, given)
	}
	return all.otherDiscipline(spec.Discipline)
}

// withoutLab says which nodes have no paths under /lab/, with a verb.
func (all *Nodes) withoutLab() string {
	var without []string
	for _, n := range all.nodes {
		if !n.lab {
			without = append(without, n.name)
		}
	}
	switch len(without) {
	case len(all.nodes):
		return "the nodes were"
	case 1:
		return without[0] + " was"
	}
	return strings.Join(without, ", ") + " were"
}

// otherDiscipline says in which setting the nodes' discipline is not the one
// wanted: the first of the first node that differs, in the order of [store.Settings],
// but for those that decide most.
func (all *Nodes) otherDiscipline(want store.Discipline) string {
	first := []string{"busy_timeout", "journal", "transaction"}
	settings := slices.Clone(store.Settings)
	slices.SortStableFunc(settings, func(a, b store.Setting) int {
		return cmp.Compare(slices.Index(first, b.Title), slices.Index(first, a.Title))
	})
	for _, n := range all.nodes {
		for _, s := range settings {
			have := s.Value(n.discipline)
			if have == s.Value(want) {
				continue
			}
			who := n.name + " runs"
			if !slices.ContainsFunc(all.nodes, func(n *node) bool { return s.Value(n.discipline) != have }) {
				who = "the nodes run"
			}
			return fmt.Sprintf("%s %s %s, this needs %s: start them with --lab, and contend sets it", who, s.Title, have, s.Value(want))
		}
	}
	return ""
}

// errTaken is the error of a second recording at the same time.
var errTaken = errors.New("another recording is being made on these nodes: stop it first")

// Start makes the nodes ready for one recording, and the cluster that it
// returns stands for it: its Stop stops no node. Where the paths under /lab/ are
// open it is a fresh database under the discipline of spec on the first nodes, with
// the others closed; else it is the nodes as they are. Nodes keep their logs, write no trace, and draw their
// jitter from a seed of their own. Behind a balancer that was given, requests that
// name no node come to the closed ones too, which refuse them with CLOSED.
//
// Start fails where Refuse says why it must, and while another recording is being
// made; what it had changed by then it has changed back.
func (all *Nodes) Start(ctx context.Context, spec cluster.Spec) (cluster.Cluster, error) {
	if why := all.Refuse(spec); why != "" {
		return nil, fmt.Errorf("start on given nodes: %s", why)
	}
	all.mu.Lock()
	if all.taken {
		all.mu.Unlock()
		return nil, fmt.Errorf("start on given nodes: %w", errTaken)
	}
	all.taken = true
	all.count++
	number := all.count
	all.mu.Unlock()
	c, err := all.start(ctx, spec, number)
	if err != nil {
		all.free()
		return nil, fmt.Errorf("start on given nodes: %w", err)
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	all.running = c
	return c, nil
}

func (all *Nodes) start(ctx context.Context, spec cluster.Spec, number int) (cluster.Cluster, error) {
	if err := all.unchanged(ctx); err != nil {
		return nil, err
	}
	r := &recording{all: all, nodes: all.nodes[:spec.Nodes], url: all.balancer}
	if all.balancer == "" {
		binary, err := spec.Program()
		if err != nil {
			return nil, err
		}
		var nodes []string
		for _, n := range r.nodes {
			nodes = append(nodes, n.name+"="+n.addr)
		}
		r.balancer = local.NewBalancer(spec, nodes)
		if err := r.balancer.Start(ctx, binary, cmp.Or(spec.Listen, cluster.AnyPort)); err != nil {
			return nil, err
		}
		r.url = r.balancer.URL()
	}
	if !all.Lab {
		return &inherited{recording: r, journal: spec.Discipline.Journal}, nil
	}
	c := &fresh{recording: r, database: fmt.Sprintf("%s%s-%d.db", labPrefix, all.word, number)}
	if err := c.open(ctx, spec.Discipline); err != nil {
		if c.balancer != nil {
			c.balancer.Kill() // it has had no request
		}
		return nil, errors.Join(err, c.release(ctx))
	}
	return c, nil
}

// free ends the recording that is being made.
func (all *Nodes) free() {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.taken, all.running = false, nil
}

// Close stops the recording that is being made, if there is one, so that the
// nodes have their own database again.
func (all *Nodes) Close(ctx context.Context) error {
	all.mu.Lock()
	c := all.running
	all.mu.Unlock()
	if c == nil {
		return nil
	}
	return c.Stop(ctx)
}

// unchanged returns an error where a node is not as it was found: somebody has
// started it anew, or another run is using it.
func (all *Nodes) unchanged(ctx context.Context) error {
	err := errors.Join(cluster.Each(all.nodes, func(n *node) error {
		now := node{name: n.name, url: n.url, addr: n.addr}
		if err := now.look(ctx); err != nil {
			return err
		}
		if now != *n {
			return fmt.Errorf("%s (%s) has changed since the run began: it was %s, and is %s", n.name, n.url, n.brief(), now.brief())
		}
		return nil
	})...)
	if err != nil || all.balancer == "" {
		return err
	}
	return balanced(ctx, all.nodes, all.balancer)
}

// brief says what n is.
func (n *node) brief() string {
	words := []string{n.container, "on " + n.database, "with SQLite " + n.engine, fmt.Sprintf("lab %t", n.lab)}
	for _, s := range store.Settings {
		words = append(words, s.Words(n.discipline))
	}
	return strings.Join(words, ", ")
}
