package node

import (
	"hash/fnv"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/store"
)

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
}

// newOpened describes db, which has been opened under d: the lab's database
// called name, or the node's own. Its jitter starts anew, as that of a node
// which has just been started.
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
