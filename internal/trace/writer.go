package trace

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// A Writer writes attempts as JSON Lines. It keeps them in memory until it is
// flushed or has 64 KiB of them, and then writes whole lines only. It is safe
// for concurrent use.
type Writer struct {
	mu   sync.Mutex
	out  *bufio.Writer
	node string
	err  error // the first
}

// NewWriter returns a Writer to w for the attempts of node.
func NewWriter(w io.Writer, node string) *Writer {
	return &Writer{out: bufio.NewWriterSize(w, 64<<10), node: node}
}

// Write takes down a, with the Writer's node as its Node. An error shows at the
// next Flush: whoever makes an attempt can do nothing about it.
func (w *Writer) Write(a Attempt) {
	a.Node = w.node
	line, err := json.Marshal(a)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	if w.err == nil && w.out.Available() <= len(line) {
		w.err = w.out.Flush()
	}
	if w.err == nil {
		_, w.err = w.out.Write(append(line, '\n'))
	}
}

// Flush writes what is still in memory and returns the first error of all.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = w.out.Flush()
	}
	if w.err != nil {
		return fmt.Errorf("write trace: %w", w.err)
	}
	return nil
}
