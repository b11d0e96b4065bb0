// Package node is the application under test: the seed's small HTTP service
// over one [store.Store].
//
// Two ideas carry it. The application is written once, against store.Tx, and
// the discipline decides whether another node can come between its read and
// its write, so that an experiment compares settings and not programs. And
// every answer says exactly what its client may conclude: 503 and 4xx mean
// that nothing has changed, anything else that is not 200 means that nobody
// knows (see [api.Certain]).
//
// A node owns its database: [Node.Serve] closes it. It starts no other node
// and knows of none.
package node

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"example.com/contend/internal/store"
)

// A Database is what a node needs of its store: attempts, and two questions
// about the node itself that must not wait behind requests.
type Database interface {
	store.Store
	// Check asks something whose answer needs the database.
	Check(ctx context.Context) error
	// Stats counts rows.
	Stats(ctx context.Context) (store.Stats, error)
}

// DefaultMaxInFlight is how many requests a node works on at once, unless told otherwise.
const DefaultMaxInFlight = 1024

// Config is what a node is told at start.
type Config struct {
	Name        string           // "app-1", in answers, logs and metrics
	DBPath      string           // only to be shown
	Engine      string           // SQLite's version, only to be shown
	Discipline  store.Discipline // the one that the database was opened with
	MaxInFlight int              // more requests than this are refused at once; 0 means DefaultMaxInFlight
	Seed        uint64           // with Name, names the jitter
	Lab         bool             // open the paths under /lab/
	Log         *slog.Logger     // nil throws the log away
	Metrics     *Metrics         // nil makes new ones
}

// How long a client may take over each part of a request. Work has a bound of
// its own, see longest.
const (
	headerTimeout = 5 * time.Second
	bodyTimeout   = 10 * time.Second // header and body
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10
	// probeWait bounds health and metrics.
	probeWait = 2 * time.Second
	// slowGrace is what connections whose request has not come in whole are
	// given once the node is stopping and has nothing else to do.
	slowGrace = time.Second
)

// A Node serves the application. Make one with New.
type Node struct {
	cfg     Config
	db      Database
	log     *slog.Logger
	metrics *Metrics
	jitter  jitter
	started time.Time
	places  chan struct{} // one for each request being worked on

	gate     sync.RWMutex // guards stopping, so that no request begins once begun is waited for
	stopping bool
	begun    sync.WaitGroup

	readTimeout time.Duration // bodyTimeout, but for tests
	slowGrace   time.Duration // slowGrace, but for tests
}

// New returns a node over db, which becomes the node's.
func New(cfg Config, db Database) *Node {
	if cfg.MaxInFlight == 0 {
		cfg.MaxInFlight = DefaultMaxInFlight
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics()
	}
	cfg.Metrics.describe(cfg)
	name := fnv.New64a()
	name.Write([]byte(cfg.Name))
	return &Node{
		cfg: cfg, db: db, metrics: cfg.Metrics, started: time.Now(),
		log:         cfg.Log.With("container", cfg.Name),
		jitter:      jitter{rng: rand.New(rand.NewPCG(cfg.Seed, name.Sum64()))},
		places:      make(chan struct{}, cfg.MaxInFlight),
		readTimeout: bodyTimeout,
		slowGrace:   slowGrace,
	}
}

// Serve answers requests on ln until ctx is done. Then it accepts no more,
// finishes what it has begun, closes the database and returns nil; a request
// that has not come in whole by then is refused with STOPPING or cut off, and
// has changed nothing.
func (n *Node) Serve(ctx context.Context, ln net.Listener) error {
	n.logStart(ln.Addr())
	srv := &http.Server{
		Handler:           n,
		ReadHeaderTimeout: min(headerTimeout, n.readTimeout),
		ReadTimeout:       n.readTimeout,
		WriteTimeout:      n.readTimeout + longest(n.cfg.Discipline),
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(n.log.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	var err error
	select {
	case <-ctx.Done():
		n.drain(srv)
		err = <-ended
	case err = <-ended: // the listener broke
		n.drain(srv)
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return n.closeDatabase(err)
}

// drain gives back what the lab's sessions hold, waits for everything begun,
// gives clients that are still talking a little longer, and closes every
// connection.
func (n *Node) drain(srv *http.Server) {
	n.gate.Lock()
	n.stopping = true
	n.gate.Unlock()
	n.log.Info("stopping") // from here on, nothing more is begun
	patience, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if db, can := n.db.(sessioner); can {
			db.CloseSessions() // requests of any node may be waiting for their locks
		}
		n.begun.Wait()
		select {
		case <-time.After(n.slowGrace):
			cancel()
		case <-patience.Done():
		}
	}()
	_ = srv.Shutdown(patience) // an error says that only slow clients were left
	cancel()
	<-done
	_ = srv.Close()
}

func (n *Node) closeDatabase(err error) error {
	if errClose := n.db.Close(); errClose != nil {
		n.log.Error("close database", "error", errClose)
		return errors.Join(err, errClose)
	}
	requests, retries, refusals := n.metrics.tally()
	n.log.Info("database closed", "requests", requests, "retries", retries, "refusals", refusals)
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

func (n *Node) logStart(addr net.Addr) {
	d := n.cfg.Discipline
	n.log.Info("listening", "address", addr.String(), "db", n.cfg.DBPath, "sqlite", n.cfg.Engine, "lab", n.cfg.Lab,
		"max_in_flight", n.cfg.MaxInFlight, "seed", n.cfg.Seed,
		slog.Group("discipline",
			"driver", d.Driver, "journal", d.Journal, "synchronous", d.Synchronous, "busy_timeout_ms", d.BusyTimeout,
			"transaction", d.Transaction, "think_ms", d.Think, "retries", d.Retries, "backoff", d.Backoff.String(),
			"writer", d.Writer, "pool", d.Pool))
}
