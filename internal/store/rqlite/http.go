package rqlite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// The two endpoints that are used. /db/execute returns the rows of RETURNING,
// in one Raft entry (https://rqlite.io/docs/api/api/).
const (
	pathExecute = "/db/execute"
	pathQuery   = "/db/query"
)

// dialPatience is how long making a connection may take. It is shorter than any
// patience for a whole request, so that a node which is not there is told from
// one that does not answer.
const dialPatience = 500 * time.Millisecond

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 256 << 20

// A client sends requests to whichever node is the leader.
type client struct {
	address  Address
	patience time.Duration
	http     *http.Client

	mu      sync.Mutex
	first   string // the node that is tried first: the leader, as far as we know
	version string // of the latest answer: "10"
}

func newClient(a Address, patience time.Duration, connections int) *client {
	dialer := net.Dialer{Timeout: dialPatience}
	return &client{
		address: a, patience: patience, first: a.Hosts[0],
		http: &http.Client{
			// No proxy: the nodes are where the address says.
			Transport: &http.Transport{
				DialContext: dialer.DialContext, MaxIdleConnsPerHost: connections,
				IdleConnTimeout: time.Minute, DisableCompression: true,
			},
			// net/http would follow a redirected POST with a GET.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// A query is one statement and its parameters, as rqlite takes it: the text first.
type query []any

// A result is what became of one statement.
type result struct {
	Columns []string            `json:"columns"`
	Values  [][]json.RawMessage `json:"values"`
	Error   string              `json:"error"`
}

// execute sends statements that write, all in one transaction and one Raft entry.
func (c *client) execute(ctx context.Context, queries ...query) ([]result, *failure) {
	params := url.Values{}
	if len(queries) > 1 {
		params.Set("transaction", "")
	}
	return c.send(ctx, pathExecute, params, queries)
}

// query sends statements that read. More than one are answered from one snapshot.
func (c *client) query(ctx context.Context, level Level, queries ...query) ([]result, *failure) {
	params := url.Values{"level": {string(level)}}
	if len(queries) > 1 {
		params.Set("transaction", "")
	}
	return c.send(ctx, pathQuery, params, queries)
}

// send asks one node after the other until one has begun the request. It goes
// where a node says the leader is, and never sends again what may have been
// begun.
func (c *client) send(ctx context.Context, path string, params url.Values, queries []query) ([]result, *failure) {
	body, err := json.Marshal(queries)
	if err != nil {
		return nil, &failure{code: CodeError, certain: true, err: fmt.Errorf("marshal request: %w", err)}
	}
	if !c.address.Forward {
		params.Set("redirect", "")
	}
	last := &failure{}
	var tried, ask []string
	c.locked(func() { ask = append([]string{c.first}, c.address.Hosts...) })
	for len(ask) > 0 {
		node := ask[0]
		ask = ask[1:]
		if slices.Contains(tried, node) {
			continue
		}
		tried = append(tried, node)
		results, leader, f := c.ask(ctx, "http://"+node+path+"?"+params.Encode(), body, len(queries))
		switch {
		case leader != "":
			ask = append([]string{leader}, ask...)
			last = &failure{code: CodeNoLeader, certain: true, err: fmt.Errorf("%s says that %s is the leader", node, leader)}
		case f == nil:
			c.locked(func() { c.first = node })
			return results, nil
		case !f.certain:
			c.locked(func() { c.avoid(node) })
			return nil, f
		case last.code != CodeNoLeader: // a node that is up says more than one that is not
			last = f
		}
	}
	return nil, last
}

// locked runs fn while nobody else looks at first and version.
func (c *client) locked(fn func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fn()
}

// avoid makes another node the first, where there is one: one that does not
// answer would cost every attempt its whole patience.
func (c *client) avoid(node string) {
	if c.first == node {
		i := slices.Index(c.address.Hosts, node)
		c.first = c.address.Hosts[(i+1)%len(c.address.Hosts)]
	}
}

// ask sends the request to one node. It returns the results of all statements,
// or the address of the leader, or what went wrong.
func (c *client) ask(ctx context.Context, target string, body []byte, statements int) (results []result, leader string, f *failure) {
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return nil, "", &failure{code: CodeError, certain: true, err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, "", broken(err)
	}
	defer resp.Body.Close()
	c.locked(func() { c.version = resp.Header.Get("X-Rqlite-Version") })
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, "", broken(fmt.Errorf("read answer: %w", err))
	}
	switch resp.StatusCode {
	case http.StatusOK:
		results, f = c.results(text, statements)
		return results, "", f
	case http.StatusMovedPermanently:
		leader, f = redirection(resp)
		return nil, leader, f
	}
	return nil, "", refusedStatus(resp.StatusCode, text)
}

// redirection returns the leader's HTTP address. A node that redirects has
// begun nothing.
func redirection(resp *http.Response) (leader string, f *failure) {
	location, err := resp.Location()
	if err == nil && location.Scheme != "http" {
		err = fmt.Errorf("the leader is at %s, and only http is spoken here", location.Redacted())
	}
	if err != nil {
		return "", &failure{code: CodeNoLeader, certain: true, err: fmt.Errorf("redirection: %w", err)}
	}
	return location.Host, nil
}

// results reads an answer. An error of one statement is one of the request.
//
// A write that a statement refused is not certain either: it is in the Raft log,
// and what one node could not do for want of disk space another may have done.
func (c *client) results(text []byte, statements int) ([]result, *failure) {
	var answer struct {
		Results []result `json:"results"`
		Error   string   `json:"error"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, &failure{code: CodeError, err: fmt.Errorf("read answer: %w", err)}
	}
	if answer.Error != "" {
		return nil, refusedRequest(answer.Error, c.address.Forward)
	}
	for _, r := range answer.Results {
		if r.Error != "" {
			return nil, &failure{code: CodeError, err: errors.New(r.Error)}
		}
	}
	if len(answer.Results) != statements {
		return nil, &failure{code: CodeError, err: fmt.Errorf("%d statements have %d results", statements, len(answer.Results))}
	}
	return answer.Results, nil
}
