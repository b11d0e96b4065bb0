package cli

import (
	"context"
	"io"
	"os"
	"time"
)

// A growing file is read on where it ends. It is begun anew where it was cut
// off, and where another file has taken its name.
type growing struct {
	ctx    context.Context
	path   string
	f      *os.File
	opened bool // f is another than the one that was given
	offset int64
}

// lookAgain is how long a growing file rests at its end.
const lookAgain = 200 * time.Millisecond

func (g *growing) Read(p []byte) (int, error) {
	for {
		n, err := g.f.Read(p)
		if g.offset += int64(n); n > 0 || err != io.EOF {
			return n, err
		}
		select {
		case <-g.ctx.Done():
			return 0, g.ctx.Err()
		case <-time.After(lookAgain):
		}
		named, err := os.Stat(g.path)
		if err != nil {
			continue // between two names: the next look will tell
		}
		own, err := g.f.Stat()
		if err != nil {
			return 0, err
		}
		switch {
		case !os.SameFile(named, own):
			if n, err := g.f.Read(p); n > 0 { // what came before the new file took the name
				g.offset += int64(n)
				return n, err
			}
			next, err := os.Open(g.path)
			if err != nil {
				continue
			}
			g.close()
			g.f, g.opened, g.offset = next, true, 0
		case own.Size() < g.offset:
			if g.offset, err = g.f.Seek(0, io.SeekStart); err != nil {
				return 0, err
			}
		}
	}
}

// close closes a file that Read has opened.
func (g *growing) close() {
	if g.opened {
		g.f.Close()
	}
}

// A pump reads ahead in a goroutine, so that its reader also gets to tick while
// nothing comes. Ticks come between two reads, in the reader's goroutine.
type pump struct {
	chunks <-chan chunk
	done   chan struct{} // closed: nobody reads any more
	ended  <-chan struct{}
	ticks  <-chan time.Time
	tick   func(time.Time)
	rest   []byte
	err    error
}

type chunk struct {
	data []byte
	err  error
}

func pumped(in io.Reader, ticks <-chan time.Time, tick func(time.Time)) *pump {
	chunks, done, ended := make(chan chunk), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			data := make([]byte, 64<<10)
			n, err := in.Read(data)
			select {
			case chunks <- chunk{data[:n], err}:
			case <-done:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return &pump{chunks: chunks, done: done, ended: ended, ticks: ticks, tick: tick}
}

func (p *pump) Read(buf []byte) (int, error) {
	for len(p.rest) == 0 {
		if p.err != nil {
			return 0, p.err
		}
		select {
		case c := <-p.chunks:
			p.rest, p.err = c.data, c.err
		case now := <-p.ticks:
			p.tick(now)
		}
	}
	n := copy(buf, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// wait ends the goroutine; what it reads from must end with the reader's context.
func (p *pump) wait() {
	close(p.done)
	<-p.ended
}
