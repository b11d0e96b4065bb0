package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"example.com/contend/internal/locktrace"
)

// traceInterval is the most that a node which is killed loses of its trace.
const traceInterval = 100 * time.Millisecond

// openTrace returns what writes the attempts of node to the file at path, and
// what writes out the rest and closes it. Without a path it writes nothing.
func openTrace(path, node string) (write func(locktrace.Attempt), stop func() error, err error) {
	if path == "" {
		return nil, func() error { return nil }, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, nil, fmt.Errorf("open trace: %w", err)
	}
	if err := cutTornLine(f); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open trace: %w", err), f.Close())
	}
	w := locktrace.NewWriter(f, node)
	ended := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() { flushOften(w, ended) })
	return w.Write, func() error {
		close(ended)
		group.Wait()
		return errors.Join(w.Flush(), f.Close())
	}, nil
}

func flushOften(w *locktrace.Writer, ended <-chan struct{}) {
	ticker := time.NewTicker(traceInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			_ = w.Flush() // the last flush has the first error
		case <-ended:
			return
		}
	}
}

// cutTornLine cuts off what stands after the last whole line of f: a node of
// the same name that was killed may have left it, and the next line would be
// written on to it.
func cutTornLine(f *os.File) error {
	const longest = 4096 // of an attempt's line, with much to spare
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	tail := make([]byte, min(size, longest))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil {
		return err
	}
	whole := size - int64(len(tail)) + int64(bytes.LastIndexByte(tail, '\n')+1)
	if whole == size {
		return nil
	}
	return f.Truncate(whole)
}
