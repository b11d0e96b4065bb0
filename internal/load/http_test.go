package load

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/workload"
)

// A site is a real server on a real socket, which counts every call it is
// sent by the tag of its row, and answers each as it is told to.
type site struct {
	url string
	// answer is given the n-th call of all (from 0) and what it should hear.
	// It returns false to have the connection closed.
	answer func(n int, conn *net.TCPConn, success string) bool

	mu       sync.Mutex
	listener net.Listener
	seen     map[string]int // calls by tag
	calls    int
	conns    map[net.Conn]bool
	dialled  int
	ended    chan struct{} // one value for each connection that is over
	handlers sync.WaitGroup
}

func newSite(t *testing.T, answer func(n int, conn *net.TCPConn, success string) bool) *site {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{
		url: "http://" + listener.Addr().String(), answer: answer, listener: listener,
		seen: map[string]int{}, conns: map[net.Conn]bool{}, ended: make(chan struct{}, 10_000),
	}
	s.handlers.Go(s.accept)
	t.Cleanup(s.stop)
	t.Cleanup(func() { s.checkSentOnce(t) })
	return s
}

func (s *site) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[conn] = true
		s.dialled++
		s.mu.Unlock()
		s.handlers.Go(func() { s.serve(conn.(*net.TCPConn)) })
	}
}

func (s *site) serve(conn *net.TCPConn) {
	defer func() {
		conn.Close()
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
		s.ended <- struct{}{}
	}()
	in := bufio.NewReader(conn)
	for {
		request, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		var body nodeapi.WriteRequest
		if json.NewDecoder(request.Body).Decode(&body) != nil {
			return
		}
		s.mu.Lock()
		n := s.calls
		s.calls++
		s.seen[workload.Tag(body.Data)]++
		s.mu.Unlock()
		success := fmt.Sprintf(`{"success":true,"id":%d,"duration":1,"container":"app-1"}`, n)
		if !s.answer(n, conn, success) {
			return
		}
	}
}

func (s *site) stop() {
	s.listener.Close()
	s.mu.Lock()
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.handlers.Wait()
}

// count returns how many calls came, over how many connections.
func (s *site) count() (calls, dialled int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls, s.dialled
}

// checkSentOnce checks that no call came twice. It runs after every test.
func (s *site) checkSentOnce(t *testing.T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for tag, n := range s.seen {
		if n > 1 {
			t.Errorf("call %q was sent %d times", tag, n)
		}
	}
}

// A caller makes calls to a site, one after the other.
type caller struct {
	t      *testing.T
	client *HTTPClient
	n      int
}

func newCaller(t *testing.T, url string) *caller {
	newClient, err := HTTP(url)
	if err != nil {
		t.Fatal(err)
	}
	client := newClient(0).(*HTTPClient)
	t.Cleanup(func() { client.Close() })
	return &caller{t: t, client: client}
}

// do makes the next call. It tells the client that it comes well after the
// last, as a call of an open load does.
func (c *caller) do(ctx context.Context, timeout time.Duration) history.Op {
	call := workload.Write{Nodes: 1}.Call(0, c.n, rand.New(rand.NewPCG(1, uint64(c.n))))
	c.n++
	ahead := time.Duration(c.n) * time.Second
	start := time.Now()
	c.client.Do(ctx, &call, start.Add(ahead), timeout-ahead)
	if time.Since(start) >= patient/2 {
		c.t.Errorf("call %d: waited %s with a timeout of %s", c.n-1, time.Since(start), timeout)
	}
	return call.Op
}

// want makes the next call and checks what comes of it.
func (c *caller) want(timeout time.Duration, outcome history.Outcome, code string) history.Op {
	c.t.Helper()
	op := c.do(c.t.Context(), timeout)
	if op.Outcome != outcome || op.Code != code {
		c.t.Errorf("call %d: got %+v, want %s with code %q", c.n-1, op, outcome, code)
	}
	if op.Func != history.Write || op.Key == "" || op.Node != "app-1" {
		c.t.Errorf("call %d: not what was asked: %+v", c.n-1, op)
	}
	return op
}

const (
	patient = 20 * time.Second
	hasty   = 30 * time.Millisecond
)

const crlf = "\r\n"

// headOf joins lines to the head of an answer.
func headOf(lines ...string) string { return strings.Join(lines, crlf) + crlf + crlf }

func say(conn net.Conn, text string) bool {
	_, err := io.WriteString(conn, text)
	return err == nil
}

func plain(conn net.Conn, success string) bool {
	return say(conn, headOf("HTTP/1.1 200 OK", fmt.Sprintf("Content-Length: %d", len(success)))+success)
}

// What a site may do to its first call, and what becomes of that call. The
// second call is always answered plainly, and must be ok.
func TestHTTPClient(t *testing.T) {
	for _, test := range []struct {
		name    string
		first   func(conn *net.TCPConn, success string) bool
		outcome history.Outcome
		code    string
		dialled int // connections in all, for both calls
	}{
		{"kept alive", func(conn *net.TCPConn, success string) bool { return plain(conn, success) }, history.OK, "", 1},
		{"chunked", func(conn *net.TCPConn, success string) bool {
			return say(conn, headOf("HTTP/1.1 200 OK", "Transfer-Encoding: chunked")) && say(conn, "5\r\n"+success[:5]+crlf) &&
				say(conn, fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(success)-5, success[5:]))
		}, history.OK, "", 1},
		{"1xx first", func(conn *net.TCPConn, success string) bool {
			return say(conn, headOf("HTTP/1.1 100 Continue")) && say(conn, headOf("HTTP/1.1 102 Processing")) && plain(conn, success)
		}, history.OK, "", 1},
		{"connection: close", func(conn *net.TCPConn, success string) bool {
			say(conn, headOf("HTTP/1.1 200 OK", "Connection: close", fmt.Sprintf("Content-Length: %d", len(success)))+success)
			return false
		}, history.OK, "", 2},
		{"connection: close, but left open", func(conn *net.TCPConn, success string) bool {
			return say(conn, headOf("HTTP/1.1 200 OK", "Connection: close", fmt.Sprintf("Content-Length: %d", len(success)))+success)
		}, history.OK, "", 2},
		{"body up to the end", func(conn *net.TCPConn, success string) bool {
			say(conn, headOf("HTTP/1.1 200 OK")+success)
			return false
		}, history.OK, "", 2},
		{"closed while idle", func(conn *net.TCPConn, success string) bool {
			plain(conn, success)
			return false
		}, history.OK, "", 2},
		{"reset while idle", func(conn *net.TCPConn, success string) bool {
			plain(conn, success)
			conn.SetLinger(0)
			return false
		}, history.OK, "", 2},
		{"unasked words while idle", func(conn *net.TCPConn, success string) bool {
			return plain(conn, success) && say(conn, headOf("HTTP/1.1 408 Request Timeout", "Content-Length: 0"))
		}, history.OK, "", 2},
		{"refused", func(conn *net.TCPConn, _ string) bool {
			body := `{"error":"locked","code":"SQLITE_BUSY","extended":"SQLITE_BUSY","container":"app-1","duration":1}`
			return say(conn, headOf("HTTP/1.1 503 Service Unavailable", fmt.Sprintf("Content-Length: %d", len(body)))+body)
		}, history.Failed, "SQLITE_BUSY", 1},

		{"closed without a word", func(*net.TCPConn, string) bool { return false }, history.Unknown, nodeapi.CodeConnLost, 2},
		{"reset without a word", func(conn *net.TCPConn, _ string) bool {
			conn.SetLinger(0)
			return false
		}, history.Unknown, nodeapi.CodeConnLost, 2},
		{"closed in the head", func(conn *net.TCPConn, _ string) bool {
			say(conn, "HTTP/1.1 200 OK\r\nContent-")
			return false
		}, history.Unknown, nodeapi.CodeConnLost, 2},
		{"closed in the body", func(conn *net.TCPConn, success string) bool {
			say(conn, headOf("HTTP/1.1 200 OK", "Content-Length: 1000")+success)
			return false
		}, history.Unknown, nodeapi.CodeConnLost, 2},
		{"garbage", func(conn *net.TCPConn, _ string) bool { return say(conn, "220 mail.example.com ESMTP\r\n") }, history.Unknown, nodeapi.CodeBadAnswer, 2},
		{"not the contract's JSON", func(conn *net.TCPConn, _ string) bool { return plain(conn, "<html>") }, history.Unknown, nodeapi.CodeBadAnswer, 1},
		{"a body without end", func(conn *net.TCPConn, _ string) bool {
			return say(conn, headOf("HTTP/1.1 200 OK", "Content-Length: 1048577"))
		}, history.Unknown, nodeapi.CodeBadAnswer, 2},
		{"a head without end", func(conn *net.TCPConn, _ string) bool {
			return say(conn, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 100_000))
		}, history.Unknown, nodeapi.CodeBadAnswer, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			firstOver := make(chan struct{})
			s := newSite(t, func(n int, conn *net.TCPConn, success string) bool {
				if n > 0 {
					return plain(conn, success)
				}
				defer close(firstOver)
				return test.first(conn, success)
			})
			c := newCaller(t, s.url)
			c.want(patient, test.outcome, test.code)
			<-firstOver
			if test.dialled == 2 && strings.Contains(test.name, "while idle") && !strings.Contains(test.name, "unasked") {
				<-s.ended // what happened to the connection has reached the client
			}
			c.want(patient, history.OK, "")
			if calls, dialled := s.count(); calls != 2 || dialled != test.dialled {
				t.Errorf("%d calls over %d connections, want 2 over %d", calls, dialled, test.dialled)
			}
		})
	}
}

// A connection is idle from its last answer on and not from the call: a slow
// server is not a reason to look at it again.
func TestHTTPClientIsIdleFromTheAnswerOn(t *testing.T) {
	var answered time.Time
	s := newSite(t, func(_ int, conn *net.TCPConn, success string) bool {
		time.Sleep(2 * backToBack)
		answered = time.Now()
		return plain(conn, success)
	})
	c := newCaller(t, s.url)
	c.want(patient, history.OK, "")
	if c.client.used.Before(answered) {
		t.Errorf("idle since %s before the answer", answered.Sub(c.client.used))
	}
}

func TestAttempts(t *testing.T) {
	for header, want := range map[string]int{"": 0, "3": 3, "many": 0, "-1": 0} {
		if got := attempts([]byte(header)); got != want {
			t.Errorf("%q: %d attempts, want %d", header, got, want)
		}
	}
}

func TestHTTPClientTimeout(t *testing.T) {
	thawed := make(chan struct{})
	s := newSite(t, func(_ int, conn *net.TCPConn, success string) bool {
		<-thawed
		return plain(conn, success)
	})
	c := newCaller(t, s.url)
	if err := c.client.Connect(t.Context(), time.Now(), patient); err != nil {
		t.Fatal(err)
	}
	c.want(hasty, history.Unknown, nodeapi.CodeClientTimeout)
	close(thawed)
	// The late answer to the first call must not be taken for the second's.
	c.want(patient, history.OK, "")
	if _, dialled := s.count(); dialled != 2 {
		t.Errorf("%d connections, want a new one for the second call", dialled)
	}
}

// The deadline of an earlier call must not end a later one, though the socket
// still has it; nor may it make a hasty call wait.
func TestHTTPClientDeadlines(t *testing.T) {
	stalled := make(chan struct{})
	s := newSite(t, func(n int, conn *net.TCPConn, success string) bool {
		if n == 3 {
			<-stalled
		}
		return plain(conn, success)
	})
	t.Cleanup(func() { close(stalled) })
	c := newCaller(t, s.url)
	c.want(patient, history.OK, "")
	c.client.conn.Until(time.Now().Add(-time.Second)) // as if the last call had been due by then
	c.want(patient, history.OK, "")
	c.client.conn.Until(time.Now().Add(hasty)) // or would be while the next one waits
	time.Sleep(2 * hasty)
	c.want(patient, history.OK, "")
	c.want(hasty, history.Unknown, nodeapi.CodeClientTimeout)
	if _, dialled := s.count(); dialled != 1 {
		t.Errorf("%d connections, want 1", dialled)
	}
}

// A client that stops waiting resets the connection: the end of its stream would not
// tell the server that nobody reads the answer.
func TestHTTPClientAbandons(t *testing.T) {
	ended := make(chan error, 1)
	s := newSite(t, func(_ int, conn *net.TCPConn, _ string) bool {
		_, err := conn.Read(make([]byte, 1))
		ended <- err
		return false
	})
	c := newCaller(t, s.url)
	c.want(hasty, history.Unknown, nodeapi.CodeClientTimeout)
	if err := <-ended; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after its client stopped waiting, the connection ended with %v, want a reset", err)
	}
}

func TestHTTPClientCancel(t *testing.T) {
	stalled := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	s := newSite(t, func(_ int, conn *net.TCPConn, success string) bool {
		cancel()
		<-stalled
		return plain(conn, success)
	})
	t.Cleanup(func() { close(stalled) })
	c := newCaller(t, s.url)
	if op := c.do(ctx, patient); op.Outcome != history.Unknown || op.Code != nodeapi.CodeClientTimeout {
		t.Errorf("cancelled in flight: %+v", op)
	}
	if op := c.do(ctx, patient); op.Outcome != history.Failed || op.Code != nodeapi.CodeConnRefused {
		t.Errorf("cancelled before it was sent: %+v", op)
	}
	if calls, _ := s.count(); calls != 1 {
		t.Errorf("%d calls came, want 1", calls)
	}
}

func TestHTTPClientRefused(t *testing.T) {
	s := newSite(t, func(_ int, conn *net.TCPConn, success string) bool { return plain(conn, success) })
	c := newCaller(t, s.url)
	c.want(patient, history.OK, "")
	s.stop()
	c.want(patient, history.Failed, nodeapi.CodeConnRefused)
	if err := c.client.Connect(t.Context(), time.Now(), patient); err == nil {
		t.Error("connected to nobody")
	}
}

func TestHTTPBase(t *testing.T) {
	for base, want := range map[string]string{
		"http://h":             "POST /api/write HTTP/1.1\r\nHost: h\r\n",
		"http://h:81/":         "POST /api/write HTTP/1.1\r\nHost: h:81\r\n",
		"http://[::1]:81/a/b/": "POST /a/b/api/write HTTP/1.1\r\nHost: [::1]:81\r\n",
	} {
		newClient, err := HTTP(base)
		if err != nil {
			t.Error(err)
			continue
		}
		call := workload.Call{Method: "POST", Path: "/api/write", Body: []byte("{}")}
		client := newClient(0).(*HTTPClient)
		want += "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
		if got := string(client.appendRequest(nil, &call)); got != want {
			t.Errorf("%s: got %q, want %q", base, got, want)
		}
	}
	for _, base := range []string{"", "h:80", "https://h", "http://", "http://:80", "http://u@h", "http://h/?q", "http://h/#f", "http://h:x"} {
		if _, err := HTTP(base); err == nil {
			t.Errorf("took base %q", base)
		}
	}
}

// A whole load against a site that breaks one connection in three, before or
// after it took note of the call, or in the middle of an answer. The ledger
// must agree with the site: an ok op was seen once, a failed one never.
func TestRunAgainstABreakingSite(t *testing.T) {
	s := newSite(t, func(n int, conn *net.TCPConn, success string) bool {
		switch n % 9 {
		case 2:
			return false
		case 5:
			conn.SetLinger(0)
			return false
		case 8:
			say(conn, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"+success)
			return false
		}
		return plain(conn, success)
	})
	newClient, err := HTTP(s.url)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range []run.Load{
		{Arrival: run.Burst, Clients: 50, Requests: 50},
		{Arrival: run.Sequence, Clients: 5, Requests: 300},
		{Arrival: run.Open, Clients: 8, Rate: 2000, Duration: 200 * time.Millisecond},
	} {
		res, err := Run(t.Context(), spec, Options{NewClient: newClient, Workload: workload.Write{}, Seed: uint64(len(spec.Arrival))})
		if err != nil {
			t.Fatal(err)
		}
		count := map[history.Outcome]int{}
		for _, op := range res.Ops {
			count[op.Outcome]++
			s.mu.Lock()
			seen := s.seen[op.Key]
			s.mu.Unlock()
			if op.Outcome == history.OK && seen != 1 || op.Outcome == history.Failed && seen != 0 {
				t.Errorf("the site saw call %q %d times, but the op is %+v", op.Key, seen, op)
			}
		}
		if count[history.OK] == 0 || count[history.Unknown] == 0 {
			t.Errorf("%s: %v: want some ok and some unknown", spec.Arrival, count)
		}
	}
}
