package node

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
)

// waits are disciplines under which requests wait in each of the places where their
// clients are looked at, and how many requests do not wait there but in SQLite, where
// nobody looks.
func waits(backoff time.Duration) map[string]struct {
	d      store.Discipline
	inside int
} {
	type wait = struct {
		d      store.Discipline
		inside int
	}
	return map[string]wait{
		"for a connection": {quick(func(d *store.Discipline) { d.Pool, d.BusyTimeout = 1, 60_000 }), 1},
		"for the writer":   {quick(func(d *store.Discipline) { d.Writer, d.BusyTimeout = store.Queue, 60_000 }), 1},
		"for a retry": {quick(func(d *store.Discipline) {
			d.BusyTimeout, d.Retries, d.Backoff = 0, 100, store.Backoff{Base: backoff, Max: backoff}
		}), 0},
	}
}

// increment sends one over a connection of its own.
func increment(t *testing.T, s *server) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	const body = `{"key":"k"}`
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", nodeapi.PathIncrement, len(body), body)
	must(t, err)
	return conn.(*net.TCPConn)
}

// A client that closes its half of the connection after its request still reads, and
// is answered like any other.
func TestHalfClosedClientsAreAnswered(t *testing.T) {
	for name, c := range waits(20 * time.Millisecond) {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c.d, func(n *Node) { n.places = make(chan struct{}, 64) })
			release := hold(t, s)
			const clients = 8
			answers := make(chan string, clients)
			for range clients {
				conn := increment(t, s)
				must(t, conn.CloseWrite())
				go func() {
					answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
					if err != nil {
						answers <- err.Error()
						return
					}
					body, _ := io.ReadAll(answer.Body)
					answers <- fmt.Sprintf("%d %s", answer.StatusCode, body)
				}()
			}
			waiting := fmt.Sprintf("contend_in_flight_requests %d\n", clients+1)
			for len(answers) == 0 && !strings.Contains(send(t, "GET", s.url+"/metrics?format=prometheus", "").body, waiting) {
				time.Sleep(time.Millisecond)
			}
			release()
			for range clients {
				if got := <-answers; !strings.HasPrefix(got, "200 ") {
					t.Error(got)
				}
			}
		})
	}
}

// A client that resets its connection has gone: whatever waits for it is given up.
func TestResetEndsTheWait(t *testing.T) {
	for name, c := range waits(time.Minute) {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c.d, func(n *Node) { n.places = make(chan struct{}, 64) })
			release := hold(t, s)
			conns := []*net.TCPConn{increment(t, s)}
			awaitInFlight(t, s, 1) // it waits for the lock, and the others for it
			for range 7 {
				conns = append(conns, increment(t, s))
			}
			awaitInFlight(t, s, len(conns))
			for _, conn := range conns {
				must(t, conn.SetLinger(0))
				conn.Close()
			}
			awaitInFlight(t, s, c.inside)
			release()
		})
	}
}

// What waits too long is refused, and the answer names what it waited for.
func TestWordsOfAWait(t *testing.T) {
	for what, want := range map[string]string{
		"a connection to the database": "the wait for a connection to the database was too long",
		"the session":                  "the wait for the session was too long",
	} {
		status, e := failure(&app.WaitError{For: what, Err: context.DeadlineExceeded})
		if status != http.StatusServiceUnavailable || e.Code != nodeapi.CodeOverloaded || e.Error != want {
			t.Errorf("%s: %d %+v", what, status, e)
		}
		status, e = failure(&app.WaitError{For: what, Err: errClientGone})
		if status != http.StatusServiceUnavailable || e.Code != nodeapi.CodeClientGone {
			t.Errorf("%s, client gone: %d %+v", what, status, e)
		}
	}
}
