package balance

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
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

// Who waits for a turn to connect to a node does not wait for a host that has just not answered another.
func TestWaitingForATurnToConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := New(Config{Nodes: []Node{{"app-1", "127.0.0.1:1"}}})
		if err != nil {
			t.Fatal(err)
		}
		for range maxDials {
			b.nodes[0].takeTurn()
		}
		ended := make(chan error, 1)
		x := &exchange{deadline: time.Now().Add(time.Hour), gone: func() bool { return false }}
		go func() {
			_, err := b.ask(0, x)
			ended <- err
		}()
		synctest.Wait()
		time.Sleep(dialTimeout)
		b.eject(0, errors.New("no answer"))
		<-b.nodes[0].dials
		if err := <-ended; !unsent(err) || !strings.Contains(err.Error(), "others") || len(b.nodes[0].dials) != maxDials-1 {
			t.Errorf("%v, with %d turns taken; want no connection, as for others", err, len(b.nodes[0].dials))
		}
	})
}
