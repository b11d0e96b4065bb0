package app

import (
	"cmp"
	"errors"
	"sync"

	"example.com/contend/internal/store"
)

// A pool holds connections that nobody uses, and gives away first what came
// back last: in SQLite a connection that finds the file changed by another one
// drops its whole page cache
// (https://sqlite.org/fileformat2.html#file_change_counter), so a single client
// that went round all of them would find every cache stale.
//
// It knows how many connections are there, and why the others are not.
type pool struct {
	use     store.Use
	refuses bool          // whoever finds no connection at all is refused
	idle    chan struct{} // a token for each of stack; who has taken one pops

	mu    sync.Mutex
	stack []*Tx // without a connection where it could not be replaced before Close
	up    int
	cause error         // of the latest loss, or of the latest try to make up for one
	gone  chan struct{} // closed while up is 0
}

// newPool returns an empty pool with room for size connections.
func newPool(use store.Use, size int, refuses bool) *pool {
	return &pool{
		use: use, refuses: refuses, idle: make(chan struct{}, size), stack: make([]*Tx, 0, size), up: size, gone: make(chan struct{}),
	}
}

// put gives t back. It never waits.
func (p *pool) put(t *Tx) {
	p.mu.Lock()
	p.stack = append(p.stack, t)
	p.mu.Unlock()
	p.idle <- struct{}{}
}

// pop returns the connection that the caller's token stands for.
func (p *pool) pop() *Tx {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.stack) - 1
	t := p.stack[last]
	p.stack = p.stack[:last]
	return t
}

// close waits until every connection has come back, closes it, and leaves the
// pool empty for ever.
func (p *pool) close() error {
	var errs []error
	for range cap(p.idle) {
		<-p.idle
		if t := p.pop(); t.c != nil {
			errs = append(errs, t.c.Close())
		}
	}
	return errors.Join(errs...)
}

// change notes a connection that was lost (by -1), was found again (1) or could not
// be made (0), and why, where it is missing.
func (p *pool) change(by int, cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up += by
	switch {
	case by < 0 && p.up == 0:
		close(p.gone)
	case by > 0 && p.up == 1:
		p.gone = make(chan struct{})
	}
	if by <= 0 {
		p.cause = cmp.Or(cause, errGone)
	}
}

// why returns why connections are missing.
func (p *pool) why() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cause
}

// none returns a channel that is closed once there is no connection, nil where
// that is no reason to refuse anybody.
func (p *pool) none() <-chan struct{} {
	if !p.refuses {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone
}
