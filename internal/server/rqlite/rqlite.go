// Package rqlite is the database server of a run: an rqlite cluster of three
// nodes that it starts on loopback and may kill, or one that was given.
//
// A private cluster lives in one directory and ends with this process. Of a
// given one, only the tables that were made here are touched, and nothing of it
// is ever stopped.
package rqlite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/store"
	client "example.com/contend/internal/store/rqlite"
)

// size is how many nodes a private cluster has: the fewest of which one may fail
// (https://rqlite.io/docs/clustering/).
const size = 3

// How long things may take on a busy machine.
const (
	startPatience = time.Minute      // until a node is ready; an election takes one to two seconds
	leadPatience  = 20 * time.Second // until there is a leader again
	stopPatience  = 15 * time.Second // between SIGTERM and SIGKILL
)

// program is what Find looks for.
const program = "rqlited"

// Find returns the path of rqlited on PATH, or an error that says what to do.
func Find() (path string, err error) {
	path, err = exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("find rqlite: %w; install it (https://rqlite.io/docs/install-rqlite/), or give a cluster that runs with --rqlite URL", err)
	}
	return path, nil
}

// A Server is a cluster. Its methods may be called by any goroutine; one that
// changes the cluster waits for the one before.
type Server struct {
	nodes []*node // nil where the cluster was given
	hosts []string
	dir   string

	version, found string // as the cluster said when it was started or found

	mu     sync.Mutex
	killed *node           // by Kill, until Restart
	made   map[string]bool // prefixes that Fresh has handed out
}

// Start starts a cluster of three nodes on free loopback ports, with their data
// and logs in dir, which [Server.Close] removes, and waits until every node is
// ready and knows a leader. dir is made if it is missing; where it holds
// something already, that is an error. bin is rqlited's path.
func Start(ctx context.Context, bin, dir string) (s *Server, err error) {
	if err := makeEmpty(dir); err != nil {
		return nil, fmt.Errorf("start rqlite: %w", err)
	}
	s = &Server{dir: dir, made: map[string]bool{}}
	defer func() {
		if err != nil {
			err = fmt.Errorf("start rqlite: %w", errors.Join(err, s.Close()))
			s = nil
		}
	}()
	if s.nodes, err = layOut(bin, dir, size); err != nil {
		return s, err
	}
	for _, n := range s.nodes {
		if err := n.start(); err != nil {
			return s, err
		}
	}
	for _, n := range s.nodes {
		if err := n.awaitReady(ctx); err != nil {
			return s, err
		}
		s.hosts = append(s.hosts, n.http)
	}
	return s, s.identify(ctx)
}

// makeEmpty makes dir, which must not hold anything: all of it will be removed.
func makeEmpty(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	held, err := os.ReadDir(dir)
	if err == nil && len(held) > 0 {
		err = fmt.Errorf("%s is not empty", dir)
	}
	return err
}

// Use takes the cluster whose nodes' HTTP APIs are at urls, such as
// "http://10.0.0.7:4001" or "10.0.0.7:4001", and finds out what it is. It
// touches only tables that it makes.
func Use(ctx context.Context, urls []string) (*Server, error) {
	s := &Server{made: map[string]bool{}}
	for _, url := range urls {
		s.hosts = append(s.hosts, strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/"))
	}
	if _, err := client.Parse(s.url("contend")); err != nil {
		return nil, fmt.Errorf("use rqlite: %w", err)
	}
	if err := s.identify(ctx); err != nil {
		return nil, fmt.Errorf("use rqlite: %w", err)
	}
	return s, nil
}

// Name returns "rqlite".
func (s *Server) Name() string { return "rqlite" }

// Version returns rqlite's version as it says it, such as "10.2.7"; a node built
// without one says only "10".
func (s *Server) Version() string { return s.version }

// Found says in one sentence what the cluster was when it was started or found.
func (s *Server) Found() string { return s.found }

func (s *Server) url(prefix string) string {
	return client.Address{Hosts: s.hosts, Prefix: prefix, Level: client.Weak}.String()
}

// Fresh makes empty tables under a prefix that nobody else has, contend_ and
// something random, and returns the URL for the nodes.
func (s *Server) Fresh(ctx context.Context) (url string, err error) {
	prefix := "contend_" + strings.ToLower(rand.Text()[:12])
	s.mu.Lock()
	s.made[prefix] = true
	s.mu.Unlock()
	url = s.url(prefix)
	db, err := s.open(ctx, url)
	if err != nil {
		return "", fmt.Errorf("make rqlite's tables: %w", err)
	}
	return url, db.Close()
}

// Inspect reads what the tables of url hold, linearizably. They must be there:
// it makes those that are missing.
func (s *Server) Inspect(ctx context.Context, url string) (facts store.Facts, err error) {
	db, err := s.open(ctx, url)
	if err != nil {
		return facts, fmt.Errorf("inspect rqlite: %w", err)
	}
	defer db.Close()
	err = patiently(ctx, func() (err error) {
		facts, err = db.Facts(ctx, true)
		return err
	})
	if err != nil {
		return facts, fmt.Errorf("inspect rqlite: %w", err)
	}
	return facts, nil
}

// Drop removes the tables of url, which Fresh must have made.
func (s *Server) Drop(ctx context.Context, url string) error {
	db, err := s.open(ctx, url)
	if err != nil {
		return fmt.Errorf("drop rqlite's tables: %w", err)
	}
	defer db.Close()
	if err := patiently(ctx, func() error { return db.Drop(ctx) }); err != nil {
		return fmt.Errorf("drop rqlite's tables: %w", err)
	}
	a, _ := client.Parse(url) // open has parsed it
	s.mu.Lock()
	delete(s.made, a.Prefix)
	s.mu.Unlock()
	return nil
}

// open opens tables that this server has made, and no others.
func (s *Server) open(ctx context.Context, url string) (db *app.DB, err error) {
	a, err := client.Parse(url)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	ours := s.made[a.Prefix]
	s.mu.Unlock()
	if !ours {
		return nil, fmt.Errorf("the tables of %s were not made here", url)
	}
	d := store.Green().With(store.RqliteHTTP)
	d.Pool = 1
	err = patiently(ctx, func() (err error) {
		db, err = app.Open(ctx, client.At(url), d, app.Options{})
		return err
	})
	return db, err
}

// patiently calls fn again while it is refused, certainly without effect: while
// the nodes elect a leader.
func patiently(ctx context.Context, fn func() error) error {
	ctx, cancel := context.WithTimeout(ctx, leadPatience)
	defer cancel()
	for {
		err := fn()
		var e *store.Error
		if err == nil || !errors.As(err, &e) || !e.Refused {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// errGiven is answered where a given cluster would have to be stopped or measured.
var errGiven = errors.New("the rqlite cluster was given: it is not ours to kill, to restart or to measure")

// Kill ends the leader as kill -9 does. One node at a time: the next waits for
// [Server.Restart].
func (s *Server) Kill(ctx context.Context) error {
	if s.nodes == nil {
		return errGiven
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.killed != nil {
		return fmt.Errorf("kill the leader: %s is dead already, and without a second node there is no majority", s.killed.id)
	}
	leader, err := s.leader(ctx)
	if err != nil {
		return fmt.Errorf("kill the leader: %w", err)
	}
	leader.kill()
	s.killed = leader
	return nil
}

// Restart starts the node that Kill has ended, with its data and on its ports,
// and waits until it is ready. Where none has been killed it does nothing.
func (s *Server) Restart(ctx context.Context) error {
	if s.nodes == nil {
		return errGiven
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.killed == nil {
		return nil
	}
	if err := s.killed.start(); err != nil {
		return fmt.Errorf("restart rqlite: %w", err)
	}
	if err := s.killed.awaitReady(ctx); err != nil {
		return fmt.Errorf("restart rqlite: %w", err)
	}
	s.killed = nil
	return nil
}

// CPU returns the processor time that the nodes of a private cluster have had
// so far, those that were killed included.
func (s *Server) CPU() (time.Duration, error) {
	if s.nodes == nil {
		return 0, errGiven
	}
	var sum time.Duration
	for _, n := range s.nodes {
		used, err := n.cpu()
		if err != nil {
			return 0, fmt.Errorf("processor time of rqlite: %w", err)
		}
		sum += used
	}
	return sum, nil
}

// Close ends a private cluster, each node with SIGTERM and after 15 s with
// SIGKILL, and removes its directory. A given one stays as it is. It may be
// called again.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	errs := make([]error, len(s.nodes))
	var group sync.WaitGroup
	for i, n := range s.nodes { // all at once: a majority may be what a node waits for
		group.Go(func() { errs[i] = n.stop(ctx) })
	}
	group.Wait()
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close rqlite: %w", err)
	}
	return nil
}
