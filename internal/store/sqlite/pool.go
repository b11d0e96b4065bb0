package sqlite

import (
	"errors"
	"sync"
)

// A pool holds connections that nobody uses, and gives away first what came
// back last. A connection that finds the file changed by another one drops its
// whole page cache (https://sqlite.org/fileformat2.html#file_change_counter), so
// a single client that went round all of them would find every cache stale.
type pool struct {
	idle chan struct{} // a token for each of stack; who has taken one pops

	mu    sync.Mutex
	stack []*conn // nil stands for one that could not be replaced before Close
}

// newPool returns an empty pool with room for size connections.
func newPool(size int) *pool {
	return &pool{idle: make(chan struct{}, size), stack: make([]*conn, 0, size)}
}

// put gives c back. It never waits.
func (p *pool) put(c *conn) {
	p.mu.Lock()
	p.stack = append(p.stack, c)
	p.mu.Unlock()
	p.idle <- struct{}{}
}

// pop returns the connection that the caller's token stands for.
func (p *pool) pop() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.stack) - 1
	c := p.stack[last]
	p.stack = p.stack[:last]
	return c
}

// close waits until every connection has come back, closes it, and leaves the
// pool empty for ever.
func (p *pool) close() error {
	var errs []error
	for range cap(p.idle) {
		<-p.idle
		errs = append(errs, discard(p.pop()))
	}
	return errors.Join(errs...)
}
