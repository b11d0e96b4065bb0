package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/contend/internal/api"
	"example.com/contend/internal/balance"
	"example.com/contend/internal/nodeclient"
)

// A finder finds nodes behind URLs. It only ever reads.
type finder struct {
	resolve func(ctx context.Context, host string) (addresses []string, err error)
}

func newFinder() finder { return finder{resolve: net.DefaultResolver.LookupHost} }

func (f finder) discover(ctx context.Context, urls []string) (*Given, error) {
	g, err := f.find(ctx, urls)
	if err != nil {
		return nil, fmt.Errorf("find nodes: %w", err)
	}
	return g, nil
}

func (f finder) find(ctx context.Context, urls []string) (*Given, error) {
	var bases []*url.URL
	var addrs []string
	for _, text := range urls {
		base, err := parseBase(text)
		if err != nil {
			return nil, err
		}
		behind, err := f.addresses(ctx, base)
		if err != nil {
			return nil, err
		}
		bases, addrs = append(bases, base), append(addrs, behind...)
	}
	switch len(addrs) {
	case 0:
		return nil, errors.New("no URL given: name the balancer or the nodes, as in http://127.0.0.1:8080")
	case 1:
		return behindOne(ctx, bases[0], addrs[0])
	}
	return behindSeveral(ctx, bases, addrs)
}

// simplePath is a prefix that needs no escaping.
var simplePath = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$`)

// parseBase takes a URL apart that was given, and refuses what is none of a
// balancer or a node.
func parseBase(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, err // it names the URL
	case u.Scheme == "https":
		return nil, fmt.Errorf("%s: https is not supported yet: give a URL of plain http", u.Redacted())
	case u.User != nil:
		return nil, fmt.Errorf("%s: a user and a password are not supported: nodes ask for none", u.Redacted())
	case u.Scheme != "http" || u.Hostname() == "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("%q is not like http://host:port", text)
	}
	if _, err := strconv.ParseUint(cmp.Or(u.Port(), "80"), 10, 16); err != nil {
		return nil, fmt.Errorf("%s: %s is no port", text, u.Port())
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	if u.RawPath != "" || !simplePath.MatchString(u.Path) {
		return nil, fmt.Errorf("%s: a path before the balancer's own may have letters, digits and . _ ~ - in it", text)
	}
	return u, nil
}

// addresses returns the host:port of whatever stands behind base, in a stable
// order. A host name is kept where it has one address, or one of each family:
// then both lead to one place, as those of localhost do.
func (f finder) addresses(ctx context.Context, base *url.URL) ([]string, error) {
	port := cmp.Or(base.Port(), "80")
	found, err := f.resolve(ctx, base.Hostname())
	if err != nil {
		return nil, fmt.Errorf("%s: look up %s: %w", base, base.Hostname(), err)
	}
	var four, six []netip.Addr
	for _, text := range found {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("%s: look up %s: %w", base, base.Hostname(), err)
		}
		if addr = addr.Unmap(); addr.Is4() {
			four = append(four, addr)
		} else {
			six = append(six, addr)
		}
	}
	family := sorted(four)
	if other := sorted(six); len(other) > len(family) {
		family = other
	}
	if len(family) == 1 {
		return []string{net.JoinHostPort(base.Hostname(), port)}, nil
	}
	var all []string
	for _, addr := range family {
		all = append(all, net.JoinHostPort(addr.String(), port))
	}
	return all, nil
}

// sorted returns addrs in order, each once.
func sorted(addrs []netip.Addr) []netip.Addr {
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs)
}

// behindOne finds the nodes where one address was given: a balancer's, or that
// of the only node.
func behindOne(ctx context.Context, base *url.URL, addr string) (*Given, error) {
	first, err := nodeclient.Look(ctx, base.String()+"/"+nodeName(0))
	if err != nil {
		return nil, err
	}
	if first.Health() != nil || down(first) {
		return behindBalancer(ctx, base.String())
	}
	root, err := nodeclient.Look(ctx, base.String())
	if err != nil {
		return nil, err
	}
	switch {
	case root.Health() == nil:
		return nil, fmt.Errorf("%s is no balancer before nodes of contend: %w. Nor is it a node: %w", base, first.Unlike(), root.Unlike())
	case base.Path != "":
		return nil, fmt.Errorf("%s is a node behind a path: give its own address, without %s", base, base.Path)
	}
	return behindSeveral(ctx, []*url.URL{base}, []string{addr})
}

// behindBalancer finds app-1, app-2, … up to the first that is not there.
func behindBalancer(ctx context.Context, base string) (*Given, error) {
	var nodes []givenNode
	for {
		n := givenNode{name: nodeName(len(nodes)), url: base + "/" + nodeName(len(nodes))}
		a, err := nodeclient.Look(ctx, n.url)
		switch {
		case err != nil:
			return nil, err
		case absent(a):
			return balanced(ctx, nodes, base)
		case len(nodes) == balance.MaxNodes:
			return nil, fmt.Errorf("%s has more than %d nodes", base, balance.MaxNodes)
		}
		if err := n.look(ctx); err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
}

// balanced makes sure that requests that name no node come to one of nodes, too.
func balanced(ctx context.Context, nodes []givenNode, base string) (*Given, error) {
	g, err := newGiven(nodes, base)
	if err != nil {
		return nil, err
	}
	if err := shared(ctx, nodes, base); err != nil {
		return nil, err
	}
	return g, nil
}

// shared asks any node again and again for a counter without saying which: each
// refuses that, and says its name. Behind a balancer with a node that has no
// path of its own, a part of the load would go to a database that nobody looks at.
func shared(ctx context.Context, nodes []givenNode, base string) error {
	const rounds = 4
	for range rounds * len(nodes) {
		a, err := nodeclient.Get(ctx, base+api.PathCounter)
		if err != nil {
			return err
		}
		var refusal api.Error
		if json.Unmarshal(a.Body, &refusal) != nil || refusal.Container == "" {
			return fmt.Errorf("%s leads to nodes under /%s/, and not under /api/: %w", base, nodes[0].name, a.Unlike())
		}
		if !slices.ContainsFunc(nodes, func(n givenNode) bool { return n.container == refusal.Container }) {
			return fmt.Errorf("%s shares requests out to %q too, which is none of its nodes %s to %s: give it a path of its own, /%s/",
				base, refusal.Container, nodes[0].name, nodes[len(nodes)-1].name, nodeName(len(nodes)))
		}
	}
	return nil
}

// behindSeveral finds a node at each of addrs.
func behindSeveral(ctx context.Context, bases []*url.URL, addrs []string) (*Given, error) {
	for _, base := range bases {
		if base.Path != "" {
			return nil, fmt.Errorf("%s: several addresses are those of several nodes, and a node has no path before its own: leave out %s", base, base.Path)
		}
	}
	if len(addrs) > balance.MaxNodes {
		return nil, fmt.Errorf("%d nodes were given: %d are the most", len(addrs), balance.MaxNodes)
	}
	nodes := make([]givenNode, len(addrs))
	for i, addr := range addrs {
		nodes[i] = givenNode{name: nodeName(i), url: "http://" + addr, addr: addr}
	}
	if err := together(nodes, func(n *givenNode) error {
		return cmp.Or(n.look(ctx), n.single(ctx))
	}); err != nil {
		return nil, err
	}
	return newGiven(nodes, "")
}

// single asks the node's name again, a few times: behind an address that
// several nodes share, another one would answer.
func (n *givenNode) single(ctx context.Context) error {
	for range 10 {
		a, err := nodeclient.Look(ctx, n.url)
		if err != nil {
			return err
		}
		if h := a.Health(); h == nil || h.Container != n.container {
			return fmt.Errorf("%s is not always the same node (%s at first): it looks like a balancer without paths such as /%s/health. "+
				"Give it such paths, or give the nodes' own addresses", n.url, n.container, nodeName(0))
		}
	}
	return nil
}

// look asks the node at n.url what it is, and fills in the rest of n.
func (n *givenNode) look(ctx context.Context) error {
	a, err := nodeclient.Look(ctx, n.url)
	if err != nil {
		return err
	}
	h := a.Health()
	switch {
	case h == nil:
		return fmt.Errorf("%s is not a healthy node of contend: %w", n.url, a.Unlike())
	case borrowed(h):
		return fmt.Errorf("%s (%s) has %s, which a run made: another one is using it, or was killed before it could give it back. "+
			"When none is: %s", n.url, h.Container, h.DBPath, n.advice())
	case a.Status != http.StatusOK:
		return fmt.Errorf("%s (%s) is not healthy: %s. If a run has closed it and was killed: %s", n.url, h.Container, h.Error, n.advice())
	}
	if n.discipline, err = nodeclient.Discipline(ctx, n.url); err != nil {
		return fmt.Errorf("%s (%s) does not tell its discipline, as a node of contend does: %w", n.url, h.Container, err)
	}
	n.container, n.database, n.engine, n.lab = h.Container, h.DBPath, h.SQLite, h.Lab
	return nil
}

// labPrefix begins the names of databases that recordings make.
const labPrefix = "lab-"

// advice is how a node gets its own database back by hand.
func (n *givenNode) advice() string {
	return fmt.Sprintf("curl -d '{}' %s%s", n.url, api.PathOpen)
}

// health reads the node's health. The error says why there is none.
func (n *givenNode) health(ctx context.Context) (*api.HealthResponse, error) {
	a, err := nodeclient.Look(ctx, n.url)
	if err != nil {
		return nil, err
	}
	if h := a.Health(); h != nil {
		return h, nil
	}
	return nil, a.Unlike()
}

// A sight is a node's health at one moment, or why there was none.
type sight struct {
	node   *givenNode
	health *api.HealthResponse // nil where there is none
	err    error
}

// seeAll reads the health of all nodes at once.
func seeAll(ctx context.Context, nodes []givenNode) []sight {
	sights := make([]sight, len(nodes))
	var group sync.WaitGroup
	for i := range nodes {
		group.Go(func() {
			h, err := nodes[i].health(ctx)
			sights[i] = sight{&nodes[i], h, err}
		})
	}
	group.Wait()
	return sights
}

// borrowed reports whether a node has a database open that a recording made.
func borrowed(h *api.HealthResponse) bool { return strings.HasPrefix(path.Base(h.DBPath), labPrefix) }

// down reports whether a balancer answered that it does not reach the node asked for.
func down(a *nodeclient.Answer) bool {
	return a.Code == api.CodeNoNode || a.Code == api.CodeNodeLost || a.Code == api.CodeNodeTimeout
}

// absent reports whether there is no such node: none of that name, or a page of
// some other kind in its place. A node that is only not reached is not absent.
func absent(a *nodeclient.Answer) bool {
	foreign := a.Health() == nil && a.Code == ""
	return a.Status == http.StatusNotFound || foreign && (a.Status == http.StatusOK || a.Status == http.StatusServiceUnavailable)
}

// pause waits for d, or until ctx is done.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
