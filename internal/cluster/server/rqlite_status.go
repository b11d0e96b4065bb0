package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"example.com/contend/internal/store"
	client "example.com/contend/internal/store/rqlite"
)

// askPatience bounds one question to one node about itself.
const askPatience = 5 * time.Second

// maxStatus bounds an answer, in bytes.
const maxStatus = 8 << 20

// web is for questions about the nodes. It keeps no connection: they are rare,
// and a node that was killed leaves none behind.
var web = &http.Client{Transport: &http.Transport{
	DisableKeepAlives: true,
	DialContext:       (&net.Dialer{Timeout: time.Second}).DialContext,
}}

// get reads what a node answers, which has to be a success.
func get(ctx context.Context, host, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := web.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxStatus))
	if err != nil {
		return nil, fmt.Errorf("%s%s: %w", host, path, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s%s: HTTP status %d: %.200s", host, path, resp.StatusCode, strings.TrimSpace(string(body)))
	}
	return body, nil
}

// ask asks the nodes one after the other until one answers, and decodes the answer.
func (s *Rqlite) ask(ctx context.Context, path string, into any) error {
	var errs []error
	for _, host := range s.hosts {
		body, err := get(ctx, host, path)
		if err == nil {
			if err = json.Unmarshal(body, into); err == nil {
				return nil
			}
			err = fmt.Errorf("%s%s: is it rqlite? %w", host, path, err)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// identify finds out which versions the cluster has
// (https://rqlite.io/docs/guides/monitoring-rqlite/). That the Raft log is synced
// at every write is no setting that could be read: rqlite has no other way
// (https://rqlite.io/docs/guides/performance/).
func (s *Rqlite) identify(ctx context.Context) error {
	var status struct {
		Build struct{ Version string }
		Store struct {
			SQLite3 struct {
				Version string
				Pragmas struct {
					RW struct{ Synchronous string }
				}
			}
		}
	}
	if err := s.ask(ctx, "/status", &status); err != nil {
		return err
	}
	if status.Build.Version == "" || status.Store.SQLite3.Version == "" {
		return fmt.Errorf("%s does not answer as rqlite does", s.hosts[0])
	}
	nodes, err := s.members(ctx)
	if err != nil {
		return err
	}
	s.label = "rqlite " + strings.TrimPrefix(status.Build.Version, "v")
	s.says = fmt.Sprintf("(SQLite %s), %d nodes, %s; a write is acknowledged when a majority has synced it to its Raft log "+
		"(SQLite itself runs with synchronous=%s), and reads are %s unless the URL says otherwise",
		status.Store.SQLite3.Version, len(nodes), led(nodes), synchronous(status.Store.SQLite3.Pragmas.RW.Synchronous), client.Weak)
	return nil
}

// led says who leads.
func led(nodes []member) string {
	for _, n := range nodes {
		if n.Leader {
			return "leader " + n.ID
		}
	}
	return "no leader"
}

// synchronous names the setting that PRAGMA synchronous gives as a number.
func synchronous(number string) string {
	i := slices.Index([]string{"0", "1", "2", "3"}, number)
	if i < 0 {
		return "unknown"
	}
	return string(store.Synchronouses[i])
}

// A member is a node of the cluster, as /nodes has it.
type member struct {
	ID     string
	Leader bool
}

// members asks the cluster for its nodes.
func (s *Rqlite) members(ctx context.Context) ([]member, error) {
	var answer struct{ Nodes []member }
	err := s.ask(ctx, "/nodes?ver=2", &answer)
	return answer.Nodes, err
}

// leader returns which of our nodes leads now. It does not wait for one.
func (s *Rqlite) leader(ctx context.Context) (*daemon, error) {
	members, err := s.members(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		for _, d := range s.daemons {
			if m.Leader && m.ID == d.name {
				return d, nil
			}
		}
	}
	return nil, errors.New("the cluster has no leader now")
}
