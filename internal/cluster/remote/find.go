package remote

import (
	"cmp"
	"context"
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

	"example.com/contend/internal/balance"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/display"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/nodeclient"
)

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
func Discover(ctx context.Context, urls []string) (*Nodes, error) {
	return discover(ctx, urls, net.DefaultResolver.LookupNetIP)
}

// A lookup returns the addresses of a host; network is "ip", for both families.
type lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)

func discover(ctx context.Context, urls []string, resolve lookup) (_ *Nodes, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("find nodes: %w", err)
		}
	}()
	var bases []*url.URL
	var addrs []string
	for _, text := range urls {
		base, err := parseBase(text)
		if err != nil {
			return nil, err
		}
		behind, err := addresses(ctx, base, resolve)
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
	text = display.URL(text) // for people
	switch {
	case err != nil && !strings.Contains(text, "@"): // else the cause may show a part of the password
		return nil, fmt.Errorf("%q is not like http://host:port: %w", text, errors.Unwrap(err))
	case err != nil:
		return nil, fmt.Errorf("%q is not like http://host:port", text)
	case u.Scheme == "https":
		return nil, fmt.Errorf("%s: https is not supported yet: give a URL of plain http", text)
	case u.User != nil:
		return nil, fmt.Errorf("%s: a user and a password are not supported: nodes ask for none", text)
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
func addresses(ctx context.Context, base *url.URL, resolve lookup) ([]string, error) {
	port := cmp.Or(base.Port(), "80")
	found, err := resolve(ctx, "ip", base.Hostname())
	if err != nil {
		return nil, fmt.Errorf("%s: look up %s: %w", base, base.Hostname(), err)
	}
	for i, addr := range found {
		found[i] = addr.Unmap()
	}
	slices.SortFunc(found, netip.Addr.Compare) // IPv4 first
	found = slices.Compact(found)
	family := found
	if six := slices.IndexFunc(found, netip.Addr.Is6); six >= 0 {
		family = found[:six]
		if len(found)-six > six {
			family = found[six:]
		}
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

// behindOne finds the nodes where one address was given: a balancer's, or that
// of the only node.
func behindOne(ctx context.Context, base *url.URL, addr string) (*Nodes, error) {
	first, err := nodeclient.Look(ctx, base.String()+"/"+cluster.NodeName(0))
	if err != nil {
		return nil, err
	}
	// A balancer knows a node that it does not reach, too.
	if first.Health() != nil ||
		first.Code == nodeapi.CodeNoNode || first.Code == nodeapi.CodeNodeLost || first.Code == nodeapi.CodeNodeTimeout {
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
func behindBalancer(ctx context.Context, base string) (*Nodes, error) {
	var nodes []*node
	for {
		name := cluster.NodeName(len(nodes))
		n := &node{name: name, url: base + "/" + name}
		a, err := nodeclient.Look(ctx, n.url)
		if err != nil {
			return nil, err
		}
		if absent(a) {
			break
		}
		if len(nodes) == balance.MaxNodes {
			return nil, fmt.Errorf("%s has more than %d nodes", base, balance.MaxNodes)
		}
		if err := n.look(ctx); err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	all, err := newNodes(nodes, base)
	if err == nil {
		err = balanced(ctx, nodes, base)
	}
	return all, err
}

// balanced makes sure that requests that name no node come to one of nodes, too:
// it reads a counter again and again without saying which, and each node refuses
// that with its name. Behind a balancer with a node that has no path of its own, a
// part of the load would go to a database that nobody looks at.
func balanced(ctx context.Context, nodes []*node, base string) error {
	const rounds = 4
	for range rounds * len(nodes) {
		a, err := nodeclient.Get(ctx, base+nodeapi.PathCounter, nodeclient.Patience)
		if err != nil {
			return err
		}
		if a.Container == "" {
			return fmt.Errorf("%s leads to nodes under /%s/, and not under /api/: %w", base, nodes[0].name, a.Unlike())
		}
		if !slices.ContainsFunc(nodes, func(n *node) bool { return n.container == a.Container }) {
			return fmt.Errorf("%s shares requests out to %q too, which is none of its nodes %s to %s: give it a path of its own, /%s/",
				base, a.Container, nodes[0].name, nodes[len(nodes)-1].name, cluster.NodeName(len(nodes)))
		}
	}
	return nil
}

// behindSeveral finds a node at each of addrs.
func behindSeveral(ctx context.Context, bases []*url.URL, addrs []string) (*Nodes, error) {
	for _, base := range bases {
		if base.Path != "" {
			return nil, fmt.Errorf("%s: several addresses are those of several nodes, and a node has no path before its own: leave out %s", base, base.Path)
		}
	}
	if len(addrs) > balance.MaxNodes {
		return nil, fmt.Errorf("%d nodes were given: %d are the most", len(addrs), balance.MaxNodes)
	}
	var nodes []*node
	for i, addr := range addrs {
		nodes = append(nodes, &node{name: cluster.NodeName(i), url: "http://" + addr, addr: addr})
	}
	if err := errors.Join(cluster.Each(nodes, func(n *node) error {
		if err := n.look(ctx); err != nil {
			return err
		}
		return n.single(ctx)
	})...); err != nil {
		return nil, err
	}
	return newNodes(nodes, "")
}

// single asks the node's name again, a few times: behind an address that
// several nodes share, another one would answer.
func (n *node) single(ctx context.Context) error {
	for range 10 {
		a, err := nodeclient.Look(ctx, n.url)
		if err != nil {
			return err
		}
		if h := a.Health(); h == nil || h.Container != n.container {
			return fmt.Errorf("%s is not always the same node (%s at first): it looks like a balancer without paths such as /%s/health. "+
				"Give it such paths, or give the nodes' own addresses", n.url, n.container, cluster.NodeName(0))
		}
	}
	return nil
}

// look asks the node at n.url what it is, and fills in the rest of n.
func (n *node) look(ctx context.Context) error {
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

// advice is how a node gets its own database back by hand.
func (n *node) advice() string {
	return fmt.Sprintf("curl -d '{}' %s%s", n.url, nodeapi.PathOpen)
}

// borrowed reports whether a node has a database open that a recording made.
func borrowed(h *nodeapi.HealthResponse) bool {
	return strings.HasPrefix(path.Base(h.DBPath), labPrefix)
}

// absent reports whether there is no such node: none of that name, or a page of
// some other kind in its place. A node that is only not reached is not absent.
func absent(a *nodeclient.Answer) bool {
	foreign := a.Health() == nil && a.Code == ""
	return a.Status == http.StatusNotFound || foreign && (a.Status == http.StatusOK || a.Status == http.StatusServiceUnavailable)
}
