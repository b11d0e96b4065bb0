package balance

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// A stream is one TCP connection, to a client or to a node, used by one
// goroutine at a time. Reading and writing wait until its deadline, and look up
// from waiting now and then: see resume.
type stream struct {
	tcp  *net.TCPConn
	raw  syscall.RawConn
	r    *bufio.Reader // over the stream itself
	left int64         // how many bytes Read may still return

	deadline time.Time     // when what is read or written now must be done
	armed    time.Time     // when the socket breaks a wait off; never after deadline
	nap      time.Duration // the longest wait between two looks up
	vain     func() bool   // whether nothing is left to wait for, asked at each look up; nil means never

	// peek looks for one byte without taking it, and leaves in peeked what it
	// found. They are kept here because every request needs them.
	peek   func(fd uintptr)
	peeked error
	one    [1]byte
}

var (
	errVain    = errors.New("nothing left to wait for")
	errTooLong = errors.New("the header is too long")
)

func newStream(tcp *net.TCPConn, nap time.Duration) (*stream, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &stream{tcp: tcp, raw: raw, nap: nap}
	s.r = bufio.NewReaderSize(s, 4096)
	s.peek = func(fd uintptr) {
		n, _, err := syscall.Recvfrom(int(fd), s.one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if err == nil && n == 0 {
			err = io.EOF
		}
		s.peeked = err
	}
	return s, nil
}

// look tells what there is to read, without taking it and without waiting: nil
// for a byte, EAGAIN for nothing yet, io.EOF at the end of the stream.
func (s *stream) look() error {
	if err := s.raw.Control(s.peek); err != nil {
		return err
	}
	return s.peeked
}

// limit lets Read return up to n bytes from now on, and errTooLong after them.
func (s *stream) limit(n int64) { s.left = n }

// until makes what is read and written from now on end at the deadline.
func (s *stream) until(deadline time.Time) {
	s.deadline = deadline
	if s.armed.IsZero() || deadline.Before(s.armed) {
		s.arm(time.Now())
	}
}

// arm has the socket break a wait off at the deadline, or sooner to look up.
func (s *stream) arm(now time.Time) {
	s.armed = now.Add(s.nap)
	if s.deadline.Before(s.armed) {
		s.armed = s.deadline
	}
	_ = s.tcp.SetDeadline(s.armed) // where it fails, so does what is waited for
}

// resume returns nil where a read or write that ended with err was only broken
// off to look up and is to go on, and else why it is not. To wait again once in
// a while costs less than to set the socket's deadline for every request, and
// than a goroutine that watches the other side of each.
func (s *stream) resume(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	now := time.Now()
	if !now.Before(s.deadline) {
		return err
	}
	s.arm(now) // before vain is asked: what it tells may come with a deadline in the past
	if s.vain != nil && s.vain() {
		return errVain
	}
	return nil
}

// Read reads into p, but never more than limit allows.
func (s *stream) Read(p []byte) (int, error) {
	if s.left <= 0 {
		return 0, errTooLong
	}
	p = p[:min(int64(len(p)), s.left)]
	for {
		n, err := s.tcp.Read(p)
		s.left -= int64(n)
		if n > 0 || err == nil {
			return n, err
		}
		if err = s.resume(err); err != nil {
			return 0, err
		}
	}
}

// Write writes all of p, or says how much was taken and why not the rest.
func (s *stream) Write(p []byte) (int, error) {
	written := 0
	for {
		n, err := s.tcp.Write(p[written:])
		written += n
		if err == nil {
			return written, nil
		}
		if err = s.resume(err); err != nil {
			return written, err
		}
	}
}

func (s *stream) close() { _ = s.tcp.Close() }
