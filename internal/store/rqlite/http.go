package rqlite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"example.com/contend/internal/display"
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

// A query is one statement and its parameters, as rqlite takes it: the text first.
type query []any

// A result is what became of one statement.
type result struct {
	Columns []string            `json:"columns"`
	Values  [][]json.RawMessage `json:"values"`
	Error   string              `json:"error"`
}

// send asks one node after the other until one has begun the request. It goes
// where a node says the leader is, and never sends again what may have been
// begun.
func (cl *cluster) send(ctx context.Context, path string, params url.Values, queries []query) ([]result, error) {
	body, err := json.Marshal(queries)
	if err != nil {
		return nil, &failure{code: CodeError, certain: true, err: fmt.Errorf("marshal request: %w", err)}
	}
	if !cl.address.Forward {
		params.Set("redirect", "")
	}
	apart := len(queries) > 1 && !params.Has("transaction")
	last := &failure{}
	var tried, ask []string
	cl.locked(func() { ask = append([]string{cl.first}, cl.address.Hosts...) })
	for len(ask) > 0 {
		node := ask[0]
		ask = ask[1:]
		if slices.Contains(tried, node) {
			continue
		}
		tried = append(tried, node)
		results, leader, f := cl.ask(ctx, "http://"+node+path+"?"+params.Encode(), body, len(queries), apart)
		switch {
		case leader != "":
			ask = append([]string{leader}, ask...)
			last = &failure{code: CodeNoLeader, certain: true, err: fmt.Errorf("%s says that %s is the leader", node, leader)}
		case f == nil:
			cl.locked(func() { cl.first = node })
			return results, nil
		case !f.certain:
			cl.locked(func() {
				if cl.first == node { // one that does not answer would cost every attempt its whole patience
					i := slices.Index(cl.address.Hosts, node)
					cl.first = cl.address.Hosts[(i+1)%len(cl.address.Hosts)]
				}
			})
			return nil, f
		case last.code != CodeNoLeader: // a node that is up says more than one that is not
			last = f
		}
	}
	return nil, last
}

// locked runs fn while nobody else looks at first and version.
func (cl *cluster) locked(fn func()) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	fn()
}

// ask sends the request to one node. It returns the results of all statements,
// or the address of the leader, or what went wrong.
func (cl *cluster) ask(ctx context.Context, target string, body []byte, statements int, apart bool) (results []result, leader string, f *failure) {
	ctx, cancel := context.WithTimeout(ctx, cl.patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return nil, "", &failure{code: CodeError, certain: true, err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := cl.http.Do(req)
	if err != nil {
		return nil, "", broken(err)
	}
	defer resp.Body.Close()
	cl.locked(func() { cl.version = resp.Header.Get("X-Rqlite-Version") })
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, "", broken(fmt.Errorf("read answer: %w", err))
	}
	switch resp.StatusCode {
	case http.StatusOK:
		results, f = cl.results(text, statements, apart)
		return results, "", f
	case http.StatusMovedPermanently:
		// A node that redirects has begun nothing.
		location, err := resp.Location()
		if err == nil && location.Scheme != "http" {
			err = fmt.Errorf("the leader is at %s, and only http is spoken here", display.URL(location.String()))
		}
		if err != nil {
			return nil, "", &failure{code: CodeNoLeader, certain: true, err: fmt.Errorf("redirection: %w", err)}
		}
		return nil, location.Host, nil
	}
	return nil, "", refusedStatus(resp.StatusCode, text)
}

// results reads an answer. An error of one statement is one of the request, unless
// its statements stand apart.
//
// A write that a statement refused is not certain either: it is in the Raft log,
// and what one node could not do for want of disk space another may have done.
func (cl *cluster) results(text []byte, statements int, apart bool) ([]result, *failure) {
	var answer struct {
		Results []result `json:"results"`
		Error   string   `json:"error"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, &failure{code: CodeError, err: fmt.Errorf("read answer: %w", err)}
	}
	if answer.Error != "" {
		return nil, refusedRequest(answer.Error, cl.address.Forward)
	}
	for _, r := range answer.Results {
		if r.Error != "" && !apart {
			return nil, &failure{code: CodeError, err: errors.New(r.Error)}
		}
	}
	if len(answer.Results) != statements {
		return nil, &failure{code: CodeError, err: fmt.Errorf("%d statements have %d results", statements, len(answer.Results))}
	}
	return answer.Results, nil
}
