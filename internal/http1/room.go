package http1

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// ErrFull is the error of a read for which a [Room] has no more room.
var ErrFull = errors.New("too many bytes of requests in memory")

// A Room is memory that all connections of a server share for requests' bodies, in
// bytes. Small ones need none of it, so clients that withhold large ones keep only each
// other out.
type Room struct{ left atomic.Int64 }

// NewRoom returns a Room of so many bytes.
func NewRoom(bytes int64) *Room {
	r := new(Room)
	r.left.Store(bytes)
	return r
}

// Take takes n bytes, and reports whether so many were left.
func (r *Room) Take(n int64) bool {
	for {
		left := r.left.Load()
		if left < n {
			return false
		}
		if r.left.CompareAndSwap(left, left-n) {
			return true
		}
	}
}

// Give gives back n bytes that were taken.
func (r *Room) Give(n int64) { r.left.Add(n) }

// FreeBody is the most bytes of a body that need no room.
const FreeBody = 4 << 10

// ReadBody appends in, up to its end, to b, which is empty; in ends with an error after most
// bytes. It takes room as b grows beyond FreeBody, and not before: a client may announce
// what it never sends. It takes two bytes for each, as whoever reads a body makes
// something of it. The caller gives back what was taken, also after an error.
func (r *Room) ReadBody(in io.Reader, b []byte, most int) (_ []byte, taken int64, err error) {
	if cap(b) == 0 {
		b = make([]byte, 0, FreeBody/4)
	}
	for {
		if len(b) == cap(b) {
			more := max(min(cap(b), most+1-cap(b)), 1)
			if cap(b)+more > FreeBody {
				claim := 2 * int64(more)
				if !r.Take(claim) {
					return b, taken, ErrFull
				}
				taken += claim
			}
			b = append(make([]byte, 0, cap(b)+more), b...)
		}
		n, err := in.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case err == io.EOF:
			return b, taken, nil
		case err != nil:
			return b, taken, err
		}
	}
}

// How those leave who are not let in.
const (
	mostLeaving = 64                     // at once; the others are cut off
	farewell    = 500 * time.Millisecond // to read the answer
)

// A Door lets a bounded number of connections in. The others get an answer, whatever
// they ask, and are closed.
type Door struct {
	Most   int    // connections at once
	Answer []byte // a whole answer of HTTP/1.1 that says that the connection ends

	inside, leaving atomic.Int64
	left            sync.WaitGroup
}

// Enter reports whether conn is let in. Who is must [Door.Leave]; who is not is answered
// and closed.
func (d *Door) Enter(conn net.Conn) bool {
	if d.inside.Add(1) <= int64(d.Most) {
		return true
	}
	d.inside.Add(-1)
	if d.leaving.Add(1) > mostLeaving {
		d.leaving.Add(-1)
		conn.Close()
		return false
	}
	d.left.Go(func() {
		defer d.leaving.Add(-1)
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(farewell))
		if _, err := conn.Write(d.Answer); err != nil {
			return
		}
		if half, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		_, _ = io.Copy(io.Discard, conn) // to close on unread bytes would reset the connection, and the answer would be lost with it
	})
	return false
}

// Leave makes room for another connection.
func (d *Door) Leave() { d.inside.Add(-1) }

// Wait returns when all who were not let in have left. Nobody may enter any more.
func (d *Door) Wait() { d.left.Wait() }
