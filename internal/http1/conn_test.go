package http1

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// restless ends every nap at once.
const restless = time.Millisecond

// pair returns the two ends of a connection.
func pair(t *testing.T) (*Conn, *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	near, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	c, err := NewConn(near.(*net.TCPConn), restless)
	if err != nil {
		t.Fatal(err)
	}
	return c, far.(*net.TCPConn)
}

// A wait that a nap's end interrupts goes on, and neither loses nor doubles a byte.
func TestConnWaitsOn(t *testing.T) {
	near, far := pair(t)
	near.Until(time.Now().Add(time.Minute))
	naps, enough := 0, make(chan struct{})
	near.Vain = func() bool {
		if naps++; naps == 3 {
			close(enough)
		}
		return false
	}
	go func() { <-enough; io.WriteString(far, "x") }()
	if _, err := io.ReadFull(near, make([]byte, 1)); err != nil || naps < 3 {
		t.Fatalf("read: %v, after %d naps", err, naps)
	}

	for _, write := range []struct {
		name string
		do   func([]byte) (int, error)
	}{
		{"write", near.Write},
		{"ask", near.Ask},
	} {
		naps, enough = 0, make(chan struct{})
		sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // more than the sockets' buffers take
		var got bytes.Buffer
		drained := make(chan error, 1)
		go func() {
			<-enough
			_, err := io.CopyN(&got, far, int64(len(sent)))
			drained <- err
			io.WriteString(far, "answer")
		}()
		n, err := write.do(sent)
		if err != nil || n != len(sent) {
			t.Fatalf("%s: %d of %d bytes: %v", write.name, n, len(sent), err)
		}
		if err := <-drained; err != nil || !bytes.Equal(got.Bytes(), sent) {
			t.Errorf("%s: %d bytes came, %d were sent, or not the same (%v)", write.name, got.Len(), len(sent), err)
		}
		if _, err := io.ReadFull(near.R, make([]byte, len("answer"))); err != nil {
			t.Errorf("%s: read the answer: %v", write.name, err)
		}
	}
}

func TestConnStopsWaiting(t *testing.T) {
	for _, c := range []struct {
		name     string
		deadline time.Duration
		vain     func() bool
		want     error
	}{
		{"at the deadline", 5 * restless, nil, os.ErrDeadlineExceeded},
		{"at the deadline of a request after a longer one", -time.Second, nil, os.ErrDeadlineExceeded},
		{"if it is in vain", time.Minute, func() bool { return true }, ErrVain},
	} {
		near, _ := pair(t)
		near.Until(time.Now().Add(time.Hour))
		near.Until(time.Now().Add(c.deadline))
		near.Vain = c.vain
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, c.want) {
			t.Errorf("%s: read: %v, want %v", c.name, err, c.want)
		}
		n, err := near.Write(make([]byte, 16<<20))
		if !errors.Is(err, c.want) || n == 16<<20 {
			t.Errorf("%s: wrote %d bytes: %v, want %v", c.name, n, err, c.want)
		}
		if n, err := near.Ask(make([]byte, 16<<20)); !errors.Is(err, c.want) || n == 16<<20 {
			t.Errorf("%s: asked with %d bytes: %v, want %v", c.name, n, err, c.want)
		}
	}
}

// An echo sends back what it reads, four bytes at a time, until the end.
func echo(far *net.TCPConn) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4)
		for {
			if _, err := io.ReadFull(far, buf); err != nil {
				return
			}
			far.Write(buf)
		}
	}()
	return done
}

// Each question gets its own answer, also if the socket's deadline has passed
// between two of them, or the answer is there before the wait for it begins.
func TestAskAgainAndAgain(t *testing.T) {
	near, far := pair(t)
	done := echo(far)
	for i := range 1000 {
		question := []byte{byte(i), byte(i >> 8), 'x', 'y'}
		near.Until(time.Now().Add(time.Minute))
		if i%100 == 0 {
			time.Sleep(2 * restless)
		}
		if n, err := near.Ask(question); n != 4 || err != nil {
			t.Fatalf("question %d: %d bytes sent, %v", i, n, err)
		}
		answer := make([]byte, 4)
		if _, err := io.ReadFull(near.R, answer); err != nil || !bytes.Equal(answer, question) {
			t.Fatalf("question %d: answer %q, %v", i, answer, err)
		}
	}
	near.Close()
	<-done
}

func TestAskOfOneThatIsGone(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(near *Conn, far *net.TCPConn)
		sent int
		want error
	}{
		{"closed here", func(near *Conn, _ *net.TCPConn) { near.Close() }, 0, net.ErrClosed},
		{"reset there", func(near *Conn, far *net.TCPConn) { far.SetLinger(0); far.Close(); await(near, syscall.ECONNRESET) }, 0, syscall.EPIPE},
		{"closed there", func(near *Conn, far *net.TCPConn) { far.Close(); await(near, io.EOF) }, 1, io.ErrUnexpectedEOF},
		{"half closed there", func(near *Conn, far *net.TCPConn) { far.CloseWrite() }, 1, io.ErrUnexpectedEOF},
	} {
		near, far := pair(t)
		near.Until(time.Now().Add(time.Minute))
		c.do(near, far)
		if near.Silent() && c.sent == 0 {
			t.Errorf("%s: silent", c.name)
		}
		n, err := near.Ask([]byte("x"))
		// On a busy machine the nap may be over before Ask begins. It then only writes, and
		// the read that follows finds the end.
		if err == nil {
			if _, err = near.R.Peek(1); err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
		}
		if n != c.sent || !errors.Is(err, c.want) {
			t.Errorf("%s: %d bytes sent, error %v; want %d, %v", c.name, n, err, c.sent, c.want)
		}
	}
}

// await waits until a look finds want.
func await(c *Conn, want error) {
	for c.Look() != want {
		time.Sleep(restless)
	}
}

func TestConnLimit(t *testing.T) {
	near, far := pair(t)
	io.WriteString(far, "12345")
	near.Limit(3)
	if got, err := io.ReadAll(near.R); string(got) != "123" || err != ErrLimit {
		t.Errorf("read %q, %v; want 123, %v", got, err, ErrLimit)
	}
	near.Limit(2)
	if got := make([]byte, 2); near.Look() != nil {
		t.Error("nothing is left")
	} else if _, err := io.ReadFull(near, got); err != nil || string(got) != "45" {
		t.Errorf("read %q, %v; want 45", got, err)
	}
}

// Only a reset says that the other side reads nothing any more.
func TestConnReset(t *testing.T) {
	for _, c := range []struct {
		name  string
		far   func(*net.TCPConn)
		reset bool
	}{
		{"silent", func(*net.TCPConn) {}, false},
		{"talking", func(far *net.TCPConn) { io.WriteString(far, "x") }, false},
		{"half closed", func(far *net.TCPConn) { far.CloseWrite() }, false},
		{"reset", func(far *net.TCPConn) { far.SetLinger(0); far.Close() }, true},
		{"half closed, then reset", func(far *net.TCPConn) { far.CloseWrite(); far.SetLinger(0); far.Close() }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			near, far := pair(t)
			if near.Reset() {
				t.Fatal("reset from the start")
			}
			c.far(far)
			for c.name != "silent" && near.Silent() || c.reset && !near.Reset() {
				time.Sleep(time.Millisecond)
			}
			for range 2 { // the socket tells its error once, and the answer stays
				if got := near.Reset(); got != c.reset {
					t.Errorf("reset %t", got)
				}
			}
		})
	}
	near, far := pair(t)
	near.Abandon()
	other, err := NewConn(far, restless)
	if err != nil {
		t.Fatal(err)
	}
	for other.Silent() {
		time.Sleep(time.Millisecond)
	}
	if !other.Reset() {
		t.Error("an abandoned connection looks like one that was closed in order")
	}
}
