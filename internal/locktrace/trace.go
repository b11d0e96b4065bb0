// Package locktrace holds attempts to lock the database: when each began to wait for
// the write lock, when it had it, and when it was over. A node that traces writes
// one line an attempt, as JSON; the recorder reads the lines when the nodes have
// ended, and sets them beside what the clients saw.
//
// Clients know when they sent a request and when the answer came. Only the node
// knows how much of that was waiting for a lock and how much was holding it.
package locktrace

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// The kinds of attempts, values of [Attempt.Kind].
const (
	Write    = "write"   // an attempt of the application that writes
	ReadOnly = "read"    // one that only reads: it never holds the write lock
	Hold     = "hold"    // the lab kept the lock on purpose
	Session  = "session" // one transaction of a lab session; a lone statement only where it wrote or was refused
)

// An Attempt is one try at the database. Times are nanoseconds since 1970 by
// the clock of the node's host. The lock was taken a moment before Locked and
// given back a moment before Ended, so two nodes that follow each other closely
// may seem to overlap by as long as a statement takes to return.
//
// Without a transaction (separate, atomic) each write takes the lock and gives
// it back by itself, so Locked is when the last of them was done and does not
// tell how long it had the lock.
type Attempt struct {
	Node   string `json:"node"` // empty where whoever saw the lock knows no node
	Kind   string `json:"kind"`
	Began  int64  `json:"began"`            // it began to wait for its first lock
	Locked int64  `json:"locked,omitempty"` // it had the write lock; 0 where it never had
	Ended  int64  `json:"ended"`            // it had given back whatever it had
	Code   string `json:"code,omitempty"`   // the extended result code that ended it; empty where SQLite refused nothing
}

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

// Write records a, with the Writer's node as its Node. The next Flush returns its
// error, because an attempt goes on without its trace.
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

// MaxLine is the most bytes of a line that [Read] takes, its end included. A [Writer] writes
// less than 1 KiB: a node's name has at most 64 bytes.
const MaxLine = 4 << 10

// Read reads the output of a [Writer]. A last line that was cut off, as a node
// that was killed leaves it, is left out and is no error.
func Read(r io.Reader) ([]Attempt, error) {
	in := bufio.NewReaderSize(r, MaxLine)
	var all []Attempt
	for {
		line, errRead := in.ReadSlice('\n')
		if errRead == bufio.ErrBufferFull {
			return all, fmt.Errorf("read trace: line %d: it is longer than %d bytes", len(all)+1, MaxLine)
		}
		if errRead != nil && errRead != io.EOF {
			return all, fmt.Errorf("read trace: %w", errRead)
		}
		if len(line) == 0 {
			return all, nil
		}
		var a Attempt
		err := json.Unmarshal(line, &a)
		if err == nil && a.Kind == "" {
			err = errors.New("the attempt has no kind")
		}
		switch {
		case err == nil:
			all = append(all, a)
		case errRead == nil: // a whole line
			return all, fmt.Errorf("read trace: line %d: %w", len(all)+1, err)
		}
		if errRead == io.EOF {
			return all, nil
		}
	}
}
