package balance

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/contend/internal/http1"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/testproc"
)

// A node is killed while connections to it lie in the pool, and is back before
// the next request. No request may be lost on the dead ones.
func TestDeadPooledConnectionIsNotUsed(t *testing.T) {
	t.Parallel()
	n := testproc.Start(t, "node", "127.0.0.1:0")
	b, url := serve(t, func(c *Config) { c.CheckInterval = time.Hour }, n.Addr)
	client := webClient(t)
	for range 5 {
		call(t, client, "POST", url+"/api/increment", strings.NewReader("{}"))
		if b.idle(0) == 0 {
			t.Fatal("nothing is pooled, so nothing is tested")
		}
		n.Kill()
		n = testproc.Start(t, "node", n.Addr)
		if resp, body := call(t, client, "POST", url+"/api/increment", strings.NewReader("{}")); resp.StatusCode != http.StatusOK {
			t.Fatalf("after the restart: %d %s", resp.StatusCode, body)
		}
	}
}

// pair returns the two ends of a connection.
func pair(t *testing.T) (*conn, net.Conn) {
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
	c, err := http1.NewConn(near.(*net.TCPConn), nodeNap)
	if err != nil {
		t.Fatal(err)
	}
	return &conn{Conn: c}, far
}

func TestPoolKeepsOnlyTheLiving(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name    string
		far     func(net.Conn)
		idle    time.Duration
		usable  bool
		waitFor bool // for what far did to arrive
	}{
		{"silent", func(net.Conn) {}, 0, true, false},
		{"closed", func(c net.Conn) { c.Close() }, 0, false, true},
		{"reset", func(c net.Conn) { c.(*net.TCPConn).SetLinger(0); c.Close() }, 0, false, true},
		{"talking out of turn", func(c net.Conn) { io.WriteString(c, "HTTP/1.1 408 Late\r\n\r\n") }, 0, false, true},
		{"idle for too long", func(net.Conn) {}, idleFor, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p pool
			old, _ := pair(t)
			p.put(old, now)
			young, far := pair(t)
			young.Until(now.Add(-time.Second)) // the last request's
			p.put(young, now)
			c.far(far)
			for c.waitFor && young.Silent() {
				time.Sleep(time.Millisecond)
			}
			got := p.get(now.Add(c.idle))
			if (got == young) != c.usable {
				t.Fatalf("got %p, usable %t, want %t", got, got == young, c.usable)
			}
			if !c.usable && len(p.idle) != 0 {
				t.Error("the older connections were kept")
			}
			p.close()
		})
	}
}

func TestPoolExpiresAndCloses(t *testing.T) {
	now := time.Now()
	var p pool
	a, _ := pair(t)
	b, _ := pair(t)
	p.put(a, now)
	p.put(b, now.Add(time.Second))
	p.drop(now)
	if len(p.idle) != 1 || p.idle[0] != b {
		t.Errorf("%d connections left, want the younger one", len(p.idle))
	}
	p.close()
	late, _ := pair(t)
	p.put(late, now)
	if len(p.idle) != 0 || !errors.Is(late.TCP.SetDeadline(now), net.ErrClosed) {
		t.Error("a closed pool took a connection in")
	}
}

// A node that says "Connection: close" gets a new connection each time.
func TestNodeThatCloses(t *testing.T) {
	addr, seen := rawNode(t, func(c net.Conn, _ *http.Request) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end")
	})
	b, url := serve(t, nil, addr)
	for range 3 {
		if resp, body := call(t, webClient(t), "POST", url+"/api/write", strings.NewReader("{}")); body != "until the end" || resp.StatusCode != 200 {
			t.Fatalf("answer %d %s", resp.StatusCode, body)
		}
	}
	if seen.Load() != 3 || b.idle(0) != 0 {
		t.Errorf("%d requests seen, %d connections pooled; want 3 and 0", seen.Load(), b.idle(0))
	}
}

// A node may refuse a body and close before it has read all of it.
func TestAnswerBeforeTheBodyIsRead(t *testing.T) {
	addr := newNode(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	})
	_, url := serve(t, nil, addr)
	resp, body := call(t, webClient(t), "POST", url+"/api/write", strings.NewReader(strings.Repeat("x", nodeapi.MaxBody)))
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("answer %d %s, want 413", resp.StatusCode, body)
	}
}

func TestClientGoneEndsTheRequest(t *testing.T) {
	asked, ended := make(chan struct{}), make(chan struct{})
	addr := newNode(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // net/http sees the end of a connection only after the body's
		close(asked)
		<-r.Context().Done()
		close(ended)
	})
	b, url := serve(t, nil, addr)
	conn, _ := dial(t, url)
	io.WriteString(conn, "POST /api/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
	<-asked
	_ = conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the node was not told that its client is gone")
	}
	if b.idle(0) != 0 {
		t.Error("the connection of an unfinished request was pooled")
	}
}

// A client that closes its half of the connection after its request still reads, and
// gets its answer however long the node takes. Under /lab/ it ends what it has begun.
func TestHalfClosedClients(t *testing.T) {
	var late time.Duration
	addr := newNode(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == nodeapi.PathHold {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return
		}
		time.Sleep(late)
		io.WriteString(w, "done")
	})
	_, url := serve(t, nil, addr)
	for _, late = range []time.Duration{0, 3 * nodeNap} {
		conn, r := dial(t, url)
		io.WriteString(conn, "POST /api/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
		_ = conn.(*net.TCPConn).CloseWrite()
		if _, body := next(t, r); body != "done" {
			t.Errorf("after %s the answer is %q", late, body)
		}
		ended(t, r)
	}
	conn, r := dial(t, url)
	io.WriteString(conn, "POST /app-1/lab/hold HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
	hold, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	if _, err := io.ReadAll(hold.Body); err == nil {
		t.Error("an answer that was cut short looked whole")
	}
}

// A client that takes its time to send holds no node.
func TestSlowClient(t *testing.T) {
	addr := newNode(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	b, url := serve(t, nil, addr)
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "POST /api/write HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
	r := bufio.NewReader(c)
	if resp, err := http.ReadResponse(r, nil); err != nil || resp.StatusCode != http.StatusContinue {
		t.Fatalf("answer to Expect: %v, %v", resp, err)
	}
	io.WriteString(c, "a")
	call(t, webClient(t), "POST", url+"/api/write", strings.NewReader("{}"))
	if n := b.idle(0); n != 1 {
		t.Errorf("%d connections to the node, want the other client's alone", n)
	}
	io.WriteString(c, "b")
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(resp.Body); string(body) != "ab" {
		t.Errorf("answer %d %s", resp.StatusCode, body)
	}
}

// An answer too long to hold back breaks the client's connection when it breaks.
func TestLongAnswerThatBreaks(t *testing.T) {
	addr, _ := rawNode(t, func(c net.Conn, _ *http.Request) {
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", 2*maxWhole, strings.Repeat("x", 2*maxWhole))
	})
	_, url := serve(t, nil, addr)
	resp, err := webClient(t).Get(url + "/api/counter")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("a shortened answer looked whole")
	}
}

func TestStopFinishesWhatIsInFlight(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	addr := newNode(t, func(w http.ResponseWriter, _ *http.Request) { close(asked); <-release; io.WriteString(w, "done") })
	b, err := New(Config{Nodes: []Node{{"app-1", addr}}})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- b.Serve(ctx, ln) }()
	url := "http://" + ln.Addr().String()
	go func() {
		<-asked
		cancel()
		for { // until nobody accepts any more
			c, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				break
			}
			c.Close()
			time.Sleep(time.Millisecond)
		}
		close(release)
	}()
	if _, body := call(t, webClient(t), "POST", url+"/api/write", strings.NewReader("{}")); body != "done" {
		t.Errorf("the request in flight got %q", body)
	}
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
	if b.idle(0) != 0 {
		t.Error("a connection to the node outlives the balancer")
	}
}

func TestServeSaysWhyItCannot(t *testing.T) {
	b, err := New(Config{Nodes: []Node{{"app-1", "127.0.0.1:1"}}})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := b.Serve(t.Context(), ln); !errors.Is(err, net.ErrClosed) {
		t.Errorf("err %v, want closed", err)
	}
}

// healthOf polls the balancer's health until good is satisfied.
func healthOf(t *testing.T, url string, good func(int, Health) bool) Health {
	t.Helper()
	client := webClient(t)
	var h Health
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		resp, body := call(t, client, "GET", url+nodeapi.PathHealth, nil)
		h = Health{}
		if err := json.Unmarshal([]byte(body), &h); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		if good(resp.StatusCode, h) {
			return h
		}
	}
	t.Fatalf("health stays %+v", h)
	return h
}

// A node whose database is busy says so in /health, and keeps its turn.
func TestBusyNodeKeepsItsTurn(t *testing.T) {
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(busy.Close)
	_, url := serve(t, func(c *Config) { c.CheckInterval = 5 * time.Millisecond }, busy.Listener.Addr().String(), deadAddr(t))
	h := healthOf(t, url, func(code int, h Health) bool {
		return code == 503 && h.Nodes[0].Status == "unhealthy" && h.Nodes[1].Status == "unreachable" && !h.Nodes[1].InTurn
	})
	if h.Status != "unhealthy" || !h.Nodes[0].InTurn {
		t.Errorf("health %+v: want the busy node in turn", h)
	}
	if resp, _ := call(t, webClient(t), "DELETE", url+nodeapi.PathHealth, nil); resp.StatusCode != 405 || resp.Header.Get("Allow") == "" {
		t.Errorf("DELETE: %d %v", resp.StatusCode, resp.Header)
	}
}

func TestHealthOfTheLiving(t *testing.T) {
	_, url := serve(t, func(c *Config) { c.CheckInterval = 5 * time.Millisecond }, newNode(t, said("n1")), deadAddr(t))
	healthOf(t, url, func(code int, h Health) bool {
		return code == 200 && h.Status == "healthy" && h.Nodes[0].Status == "healthy" && h.Nodes[1].Status == "unreachable"
	})
}

// A check tells a node that is gone from one that says nothing: the first is
// passed over soon, the second may only be waiting for its database.
func TestLookTellsRefusedFromSilent(t *testing.T) {
	t.Parallel()
	mute, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, as for a frozen node
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	well := newNode(t, said("n"))
	for _, c := range []struct {
		name, addr string
		want       sight
		health     string
	}{
		{"nobody listens", deadAddr(t), refused, statusUnreachable},
		{"nobody answers", mute.Addr().String(), silent, statusUnreachable},
		{"somebody answers", well, answered, statusHealthy},
	} {
		if s, h, err := look(t.Context(), c.addr); s != c.want || h != c.health {
			t.Errorf("%s: saw %d %q (%v), want %d %q", c.name, s, h, err, c.want, c.health)
		}
	}
}

// A node that cannot be connected to in time must not have the others ejected
// for the time that it took.
func TestLateIsNobodysFault(t *testing.T) {
	b, err := New(Config{Nodes: []Node{{"app-1", deadAddr(t)}}})
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequest("GET", "http://x/api/counter", nil)
	x := &exchange{client: "127.0.0.1", gone: func() bool { return false }}
	x.request = req
	x.prepare("/api/counter", time.Now().Add(-time.Second))
	if _, err := b.ask(0, x); !unsent(err) {
		t.Errorf("err %v, want unsent", err)
	}
	if !b.ring.members[0].available(time.Now()) {
		t.Error("the node was ejected")
	}
}
