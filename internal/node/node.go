// Package node serves the application of package app over HTTP: limits, retries,
// metrics, and the paths of the lab.
//
// Two ideas carry it. Every answer states exactly what its client may conclude: 503
// and 4xx mean that nothing has changed, anything else that is not 200 means that
// nobody knows (see [api.Certain]). And a request is begun only when it has come
// in whole, and has one database and one discipline from its beginning to its end.
//
// A node owns its database: [Node.Serve] closes it. The lab can have it close
// that and open another, each under a discipline of its own. A node starts no
// other node and knows of none.
package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/http1"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
)

// DefaultMaxInFlight is how many requests a node works on at once, by default.
const DefaultMaxInFlight = 1024

// Config is how a node is started.
type Config struct {
	Name        string           // "app-1", in answers, logs and metrics
	DBPath      string           // to be shown; the lab's databases are made in the same directory
	SQLite      string           // its version: to be shown, and to know its bugs by; "" where the database is another engine's
	Engine      string           // that other engine and its version: "PostgreSQL 15.18"
	Discipline  store.Discipline // the one that the database was opened with
	MaxInFlight int              // more requests than this are refused at once; 0 means DefaultMaxInFlight
	Seed        uint64           // with Name, names the jitter
	Lab         bool             // open the paths under /lab/
	AllowHosts  []string         // names in a Host field that are taken beside localhost and IP addresses; see http1.NewGuard
	Log         *slog.Logger     // nil throws the log away
	Metrics     *Metrics         // nil makes new ones

	// Open opens the database at path for the lab, as the node's own was opened,
	// with connections as d says. nil means that the lab cannot have another.
	Open func(ctx context.Context, path string, d store.Discipline) (*app.DB, error)
}

// How long a client may take over each part of a request. Work has a bound of
// its own, see longest.
const (
	headerTimeout = 5 * time.Second
	bodyTimeout   = 10 * time.Second // header and body
	idleTimeout   = 2 * time.Minute
	maxHeader     = nodeapi.MaxHead - 4<<10 // net/http takes 4 KiB more
	// roomForBodies bounds the bodies in memory; see [http1.Room].
	roomForBodies = 64 << 20
	maxConns      = 2048 // see newDoor
	maxLooks      = 4    // at the facts at once: each holds all rows in memory
	// probeWait bounds health and metrics.
	probeWait = 2 * time.Second
	// slowGrace is what connections whose request has not come in whole are
	// given once the node is stopping and has nothing else to do.
	slowGrace = time.Second
)

// A Node serves the application. Make one with New.
type Node struct {
	cfg     Config
	log     *slog.Logger
	metrics *Metrics
	started time.Time
	guard   http1.Guard   // set by Serve
	places  chan struct{} // one for each request being worked on
	room    *http1.Room
	door    *http1.Door
	looks   chan struct{} // one for each request that reads the facts

	gate     sync.RWMutex // guards stopping, on and last, so that no request begins once its like are waited for
	stopping bool
	on       *opened // what requests work on; nil while the lab has it closed
	last     string  // the name of what is open or was to be open last, see opened
	begun    sync.WaitGroup
	ending   chan struct{} // closed once the node is stopping
	changing sync.Mutex    // held by the request of the lab that changes on

	longest     time.Duration // that handling a request may take under the node's own discipline
	readTimeout time.Duration // bodyTimeout, but for tests
	slowGrace   time.Duration // slowGrace, but for tests
}

// New returns a node over db, which becomes the node's.
func New(cfg Config, db *app.DB) *Node {
	if cfg.MaxInFlight == 0 {
		cfg.MaxInFlight = DefaultMaxInFlight
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics()
	}
	own := newOpened(cfg, db, "", cfg.Discipline)
	cfg.Metrics.describe(cfg, own)
	return &Node{
		cfg: cfg, on: own, metrics: cfg.Metrics, started: time.Now(),
		log:         cfg.Log.With("container", cfg.Name),
		places:      make(chan struct{}, cfg.MaxInFlight),
		ending:      make(chan struct{}),
		room:        http1.NewRoom(roomForBodies),
		door:        newDoor(cfg),
		looks:       make(chan struct{}, maxLooks),
		longest:     longest(cfg.Discipline),
		readTimeout: bodyTimeout,
		slowGrace:   slowGrace,
	}
}

// Serve answers requests on ln until ctx is done. Then it accepts no more,
// finishes the attempts that it has begun, closes the database and returns nil. It makes
// no other attempt: a request that waits for a connection, or has not come in whole by
// then, is refused with STOPPING or cut off, one that would be tried again is
// answered as its last attempt was, and none of these has changed anything.
func (n *Node) Serve(ctx context.Context, ln net.Listener) error {
	n.log.Info("listening", "address", ln.Addr().String(), "db", n.cfg.DBPath, "sqlite", n.cfg.SQLite, "engine", n.cfg.Engine, "lab", n.cfg.Lab,
		"max_in_flight", n.cfg.MaxInFlight, "seed", n.cfg.Seed, described(n.cfg.Discipline))
	n.warn(n.current())
	n.guard = http1.NewGuard(ln.Addr(), n.cfg.AllowHosts)
	srv := &http.Server{
		Handler:           n,
		ReadHeaderTimeout: min(headerTimeout, n.readTimeout),
		ReadTimeout:       n.readTimeout,
		WriteTimeout:      n.readTimeout + n.longest,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },

		DisableGeneralOptionsHandler: true, // OPTIONS * is as unknown here as to the balancer

		ErrorLog: slog.NewLogLogger(n.log.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(doorway{ln, n.door}) }()
	var err error
	select {
	case <-ctx.Done():
		n.drain(srv)
		err = <-ended
	case err = <-ended: // the listener broke
		n.drain(srv)
	}
	n.door.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return n.closeDatabase(err)
}

// drain ends every wait, gives back what the lab holds, waits for everything begun,
// gives clients that are still talking a little longer, and closes every
// connection.
func (n *Node) drain(srv *http.Server) {
	n.locked(func() { n.stopping = true })
	n.log.Info("stopping") // from here on, nothing more is begun
	close(n.ending)
	patience, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if o := n.current(); o != nil {
			o.db.Drain()
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
	if errClose := n.current().close(); errClose != nil {
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

// described returns every setting of d for a line of the log.
func described(d store.Discipline) slog.Attr {
	var attrs []any
	for _, s := range store.Settings {
		text := s.Get(d)
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && s.Number {
			attrs = append(attrs, slog.Int64(s.Name, n))
		} else {
			attrs = append(attrs, slog.String(s.Name, text))
		}
	}
	return slog.Group("discipline", attrs...)
}

// warn logs that what is open may lose acknowledged writes because of the
// engine alone.
func (n *Node) warn(o *opened) {
	if !o.walResetBug {
		return
	}
	n.log.Warn("this SQLite has the WAL-reset bug: a checkpoint that races a commit may lose acknowledged writes and damage the file",
		"sqlite", n.cfg.SQLite, "fixed_in", "3.51.3, 3.50.7, 3.44.6", "page", "https://sqlite.org/wal.html#walresetbug", "db", o.path)
}

// An opened is a database and everything that hangs on how it was opened. The
// node swaps it as a whole, so a request has one discipline from its beginning
// to its end.
type opened struct {
	db         *app.DB
	path       string
	name       string // of the lab's database; "" for the node's own
	discipline store.Discipline
	jitter     jitter

	longest     time.Duration // that handling a request may take
	walResetBug bool          // see store.WALResetFixed

	begun sync.WaitGroup // requests that work on it
	full  atomic.Bool    // a write has ended in SQLITE_FULL; health looks when there is space again
}

// newOpened describes db, which has been opened under d: the lab's database called
// name, or the node's own. Its jitter starts anew, as in a node just started.
func newOpened(cfg Config, db *app.DB, name string, d store.Discipline) *opened {
	source := fnv.New64a()
	source.Write([]byte(cfg.Name))
	fixed, known := store.WALResetFixed(cfg.SQLite)
	return &opened{
		db: db, path: pathOf(cfg, name), name: name, discipline: d,
		jitter:      jitter{rng: rand.New(rand.NewPCG(cfg.Seed, source.Sum64()))},
		longest:     longest(d),
		walResetBug: known && !fixed && d.Journal == store.WAL,
	}
}

// pathOf returns where the lab's database called name is, or the node's own.
func pathOf(cfg Config, name string) string {
	if name == "" {
		return cfg.DBPath
	}
	return filepath.Join(filepath.Dir(cfg.DBPath), name)
}

// current returns what is open, nil while nothing is.
func (n *Node) current() (o *opened) {
	n.gate.RLock()
	defer n.gate.RUnlock()
	return n.on
}

// lastPath returns where the database is that is open or was to be open last,
// and whether it is the lab's.
func (n *Node) lastPath() (path string, lab bool) {
	n.gate.RLock()
	defer n.gate.RUnlock()
	return pathOf(n.cfg, n.last), n.last != ""
}

// locked changes on and last while no request begins.
func (n *Node) locked(change func()) {
	n.gate.Lock()
	defer n.gate.Unlock()
	change()
}

// closeSessions gives back what the lab's sessions hold: requests of any node
// may be waiting for their locks.
func (o *opened) closeSessions() {
	if o != nil {
		o.db.CloseSessions()
	}
}

// close finishes what has begun and closes the database. Whoever calls it has
// seen to it that no more begins.
func (o *opened) close() error {
	if o == nil {
		return nil
	}
	o.closeSessions()
	o.begun.Wait()
	return o.db.Close()
}

// newDoor returns the door of a node: it lets in twice as many connections as the node works
// on requests, and at least maxConns.
func newDoor(cfg Config) *http1.Door {
	body, _ := json.Marshal(nodeapi.Error{Error: "too many connections", Code: nodeapi.CodeOverloaded, Container: cfg.Name}) // our own types always marshal
	body = append(body, '\n')
	head := fmt.Sprintf("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", len(body))
	return &http1.Door{Most: max(maxConns, 2*cfg.MaxInFlight), Answer: append([]byte(head), body...)}
}

// A doorway accepts the connections that a door lets in.
type doorway struct {
	net.Listener
	door *http1.Door
}

// Accept returns the next connection that is let in.
func (d doorway) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if d.door.Enter(conn) {
			return &guest{TCPConn: conn.(*net.TCPConn), leave: sync.OnceFunc(d.door.Leave)}, nil
		}
	}
}

// A guest is a connection that leaves the door's count when it is closed.
type guest struct {
	*net.TCPConn
	leave func()
}

// Close closes the connection.
func (g *guest) Close() error {
	defer g.leave()
	return g.TCPConn.Close()
}

// TuneMemory sets the garbage collector of a process that is a node and nothing
// else, unless the environment's GOGC has done so
// (https://pkg.go.dev/runtime#hdr-Environment_Variables). A node has some 10 MiB in
// use under 500 clients: by Go's own 100 it would collect dozens of times a second,
// and each time look at the stack of every request that waits.
func TuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}
