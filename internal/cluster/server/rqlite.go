package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/nodeclient"
	"example.com/contend/internal/store"
	client "example.com/contend/internal/store/rqlite"
)

// size is how many nodes a private cluster has: the fewest of which one may fail
// (https://rqlite.io/docs/clustering/).
const size = 3

// leadPatience bounds how long there may be no leader.
const leadPatience = 20 * time.Second

// A Rqlite is an rqlite cluster. Its methods may be called by any goroutine.
type Rqlite struct {
	*private          // nil for a remote cluster
	hosts    []string // host:port of the nodes' HTTP APIs, in the order of the daemons

	label, says string // from when the cluster was started or found

	made sync.Map // prefixes that Fresh has handed out
}

// StartRqlite starts a cluster of three nodes on free loopback ports, with their
// data and logs in dir, which Close removes, and waits until every node is ready and
// knows a leader. dir is made if it is missing; where it holds something already,
// that is an error. bin is rqlited's path.
func StartRqlite(ctx context.Context, bin, dir string) (*Rqlite, error) {
	err := cluster.CheckSpace(filepath.Dir(dir), cluster.SpaceForServers)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	var held []os.DirEntry
	if err == nil {
		held, err = os.ReadDir(dir)
	}
	if err == nil && len(held) > 0 {
		err = fmt.Errorf("%s is not empty", dir) // all of it will be removed
	}
	if err != nil {
		return nil, fmt.Errorf("start rqlite: %w", err)
	}
	s := &Rqlite{private: &private{dir: dir, signal: syscall.SIGTERM}}
	s.victim = s.leader
	if err := s.start(ctx, bin); err != nil {
		return nil, fmt.Errorf("start rqlite: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

// start starts the nodes. Raft knows a node by its addresses, so they are the same
// after a restart.
func (s *Rqlite) start(ctx context.Context, bin string) error {
	ports, err := freeAddresses(2 * size)
	if err != nil {
		return err
	}
	raft, web := ports[:size], ports[size:]
	s.hosts = web
	for i := range size {
		id := fmt.Sprintf("rqlite-%d", i+1)
		args := []string{"-node-id", id, "-http-addr", web[i], "-raft-addr", raft[i],
			"-bootstrap-expect", fmt.Sprint(size), "-join", strings.Join(raft, ","), filepath.Join(s.dir, id)}
		d := &daemon{
			name: id, log: filepath.Join(s.dir, id+".log"),
			command: func() *exec.Cmd { return exec.Command(bin, args...) },
			// The node is up, knows the leader and can reach it
			// (https://rqlite.io/docs/guides/monitoring-rqlite/).
			ready: func(ctx context.Context) error { _, err := get(ctx, web[i], "/readyz"); return err },
		}
		s.daemons = append(s.daemons, d)
		if err := d.start(); err != nil {
			return err
		}
	}
	for _, d := range s.daemons {
		if err := d.await(ctx); err != nil {
			return err
		}
	}
	return s.identify(ctx)
}

// UseRqlite takes the cluster whose nodes' HTTP APIs are at urls, such as
// "http://10.0.0.7:4001" or "10.0.0.7:4001", and finds out what it is. It
// touches only tables that it makes.
func UseRqlite(ctx context.Context, urls []string) (*Rqlite, error) {
	s := &Rqlite{}
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

// Label names the cluster with its version: "rqlite 10.2.7"; nodes built without a
// version have only "10".
func (s *Rqlite) Label() string { return s.label }

// Says is what the cluster was when it was started or found.
func (s *Rqlite) Says() string { return s.says }

func (s *Rqlite) url(prefix string) string {
	return client.Address{Hosts: s.hosts, Prefix: prefix, Level: client.Weak}.String()
}

// Fresh makes empty tables under a new prefix, contend_ and
// something random, and returns the URL for the nodes.
func (s *Rqlite) Fresh(ctx context.Context) (url string, err error) {
	prefix := "contend_" + strings.ToLower(rand.Text()[:12])
	s.made.Store(prefix, true)
	url = s.url(prefix)
	db, err := s.open(ctx, url)
	if err != nil {
		return "", fmt.Errorf("make rqlite's tables: %w", err)
	}
	return url, db.Close()
}

// Inspect reads what the tables of url hold, linearizably. They must be there:
// it makes those that are missing.
func (s *Rqlite) Inspect(ctx context.Context, url string) (facts store.Facts, err error) {
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
func (s *Rqlite) Drop(ctx context.Context, url string) error {
	db, err := s.open(ctx, url)
	if err != nil {
		return fmt.Errorf("drop rqlite's tables: %w", err)
	}
	defer db.Close()
	if err := patiently(ctx, func() error { return db.Drop(ctx) }); err != nil {
		return fmt.Errorf("drop rqlite's tables: %w", err)
	}
	a, _ := client.Parse(url) // open has parsed it
	s.made.Delete(a.Prefix)
	return nil
}

// open opens tables that this server has made, and no others.
func (s *Rqlite) open(ctx context.Context, url string) (db *app.DB, err error) {
	a, err := client.Parse(url)
	if err != nil {
		return nil, err
	}
	if _, ours := s.made.Load(a.Prefix); !ours {
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
		if cluster.Sleep(ctx, 50*time.Millisecond) != nil {
			return err
		}
	}
}

// askPatience bounds one question to one node about itself.
const askPatience = 5 * time.Second

// get reads what a node answers, which has to be a success.
func get(ctx context.Context, host, path string) ([]byte, error) {
	a, err := nodeclient.Get(ctx, "http://"+host+path, askPatience)
	if err != nil {
		return nil, err
	}
	if a.Status != http.StatusOK {
		return nil, a.Unlike()
	}
	return a.Body, nil
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
	leader := "no leader"
	for _, n := range nodes {
		if n.Leader {
			leader = "leader " + n.ID
		}
	}
	synchronous := "unknown"
	if i, err := strconv.Atoi(status.Store.SQLite3.Pragmas.RW.Synchronous); err == nil && i >= 0 && i < len(store.Synchronouses) {
		synchronous = string(store.Synchronouses[i])
	}
	s.label = "rqlite " + strings.TrimPrefix(status.Build.Version, "v")
	s.says = fmt.Sprintf("(SQLite %s), %d nodes, %s; a write is acknowledged when a majority has synced it to its Raft log "+
		"(SQLite itself runs with synchronous=%s), and reads are %s unless the URL says otherwise",
		status.Store.SQLite3.Version, len(nodes), leader, synchronous, client.Weak)
	return nil
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
