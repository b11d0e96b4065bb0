package balance

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/contend/internal/testproc"
)

// serveBalancer is a balancer in a process of its own, before a node at the address given.
func serveBalancer(args []string) error {
	b, err := New(Config{Nodes: []Node{{"app-1", args[0]}}, CheckInterval: time.Hour})
	if err != nil {
		return err
	}
	ln, err := testproc.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	return b.Serve(context.Background(), ln)
}

// A thousand clients ask at once, and the balancer gets no processor time for longer than a connection
// takes, as beside a thousand busy writers. That is no node's absence: all are answered.
func TestAThousandAtOnceFromAStarvedBalancer(t *testing.T) {
	const clients = 1000
	var asked atomic.Int64
	first := make(chan struct{})
	addr := newNode(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			close(first)
		}
		io.WriteString(w, "done")
	})
	b := testproc.Start(t, "balancer", addr)
	go func() {
		<-first
		_ = syscall.Kill(b.PID(), syscall.SIGSTOP)
		time.Sleep(1200 * time.Millisecond)
		_ = syscall.Kill(b.PID(), syscall.SIGCONT)
	}()
	if n := askAll(t, "http://"+b.Addr, clients); n != clients {
		t.Errorf("%d of %d were answered", n, clients)
	}
}

// askAll sends one request over each of n connections at once, and returns how many were answered with 200.
func askAll(t *testing.T, url string, n int) (ok int64) {
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i], _ = dial(t, url)
	}
	var all sync.WaitGroup
	var answered atomic.Int64
	for _, c := range conns {
		all.Go(func() {
			io.WriteString(c, "GET /api/counter HTTP/1.1\r\nHost: localhost\r\n\r\n")
			if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil && resp.StatusCode == http.StatusOK {
				answered.Add(1)
			}
		})
	}
	all.Wait()
	return answered.Load()
}

// A host that does not answer costs those who come together one wait, and not one after the other:
// of 24*maxDials, half of whom come to that host, the first maxDials dial it.
func TestManyAtOnceForAHostThatIsGone(t *testing.T) {
	b, err := New(Config{CheckInterval: time.Hour, Nodes: []Node{{"app-1", blackHole(t)}, {"app-2", newNode(t, said("n"))}}})
	if err != nil {
		t.Fatal(err)
	}
	var dialed atomic.Int64
	b.nodes[0].dialer = net.Dialer{Timeout: 300 * time.Millisecond, Control: func(string, string, syscall.RawConn) error {
		dialed.Add(1)
		return nil
	}}
	url := run(t, b)
	if n := askAll(t, url, 24*maxDials); n != 24*maxDials {
		t.Errorf("%d of %d were answered", n, 24*maxDials)
	}
	if n := dialed.Load(); n < 1 || n > 2*maxDials { // twelve times maxDials, if each had its own
		t.Errorf("%d dialed the host that is gone", n)
	}
}

// blackHole returns an address that answers no attempt to connect: its queue is full.
func blackHole(t *testing.T) string {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(at.(*syscall.SockaddrInet4).Port))
	for range 8 {
		c, err := net.DialTimeout("tcp", addr, 100*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { c.Close() })
	}
	testproc.Lacks(t, "a listener whose queue is full, because this kernel's does not fill")
	return ""
}
