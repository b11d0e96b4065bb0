package balance

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/contend/internal/http1"
	"example.com/contend/internal/nodeapi"
)

// dial connects to the balancer at url.
func dial(t *testing.T, url string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { c.Close() })
	return c, bufio.NewReader(c)
}

// next reads an answer with its body.
func next(t *testing.T, r *bufio.Reader) (*http.Response, string) {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// ended fails the test where the other side has not closed the connection in order.
func ended(t *testing.T, r *bufio.Reader) {
	t.Helper()
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("after the answer %q, %v; want the end", rest, err)
	}
}

func TestRefusedRequests(t *testing.T) {
	addr, seen := rawNode(t, func(net.Conn, *http.Request) {})
	_, url := serve(t, nil, addr)
	for _, c := range []struct {
		name, request string
		status        int
	}{
		{"not HTTP", "hello\r\n\r\n", 400},
		{"half a head", "GET /api/counter HTTP/1.1\r\nHo", 400},
		{"no host", "GET /api/counter HTTP/1.1\r\n\r\n", 400},
		{"two hosts", "GET /api/counter HTTP/1.1\r\nHost: localhost\r\nHost: b\r\n\r\n", 400},
		{"a host with a space", "GET /api/counter HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
		{"a space in a name", "POST /api/write HTTP/1.1\r\nHost: localhost\r\nContent-Length : 2\r\n\r\n{}", 400},
		{"a line break in a value", "GET /api/counter HTTP/1.1\r\nHost: localhost\r\nX: a\rY: b\r\n\r\n", 400},
		{"two lengths", "POST /api/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", 400},
		{"an unknown coding", "POST /api/write HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
		{"a strange expectation", "POST /api/write HTTP/1.1\r\nHost: localhost\r\nExpect: 200-maybe\r\nContent-Length: 2\r\n\r\n", 417},
		{"an endless head", "GET /api/counter HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 2*maxHeaderBytes), 431},
		{"a bad chunk", "POST /api/write HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400},
		{"half a body", "POST /api/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{}", 400},
		{"too much, with leave asked first", "POST /api/write HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n", 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conn, r := dial(t, url)
			io.WriteString(conn, c.request)
			_ = conn.(*net.TCPConn).CloseWrite()
			resp, body := next(t, r)
			var code = nodeapi.CodeInvalidArgument
			if c.status == http.StatusRequestEntityTooLarge {
				code = nodeapi.CodeTooLarge
			}
			wantError(t, resp, body, c.status, code)
			if !resp.Close {
				t.Error("the client is not told that the connection ends")
			}
			ended(t, r)
		})
	}
	t.Cleanup(func() {
		if n := seen.Load(); n != 0 {
			t.Errorf("the node saw %d requests, want none", n)
		}
	})
}

// Requests that come in one packet are answered one after the other.
func TestPipelinedRequests(t *testing.T) {
	_, url := serve(t, nil, newNode(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	conn, r := dial(t, url)
	const post = "POST /api/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n"
	io.WriteString(conn, post+"1\r\n"+post+"2"+post+"3") // the line break is one too many, and allowed
	for _, want := range []string{"1", "2", "3"} {
		if resp, body := next(t, r); body != want || resp.Close {
			t.Errorf("answer %d %q, close %t; want %q", resp.StatusCode, body, resp.Close, want)
		}
	}
}

func TestWhenTheConnectionIsKept(t *testing.T) {
	addr := newNode(t, func(w http.ResponseWriter, r *http.Request) { shapes[r.URL.Path](w, r) })
	_, url := serve(t, nil, addr)
	for _, c := range []struct {
		request, path, header string
		proto                 string
		keep                  bool
	}{
		{"HTTP/1.1", "/api/plain", "", "HTTP/1.1", true},
		{"HTTP/1.1", "/api/plain", "Connection: close\r\n", "HTTP/1.1", false},
		{"HTTP/1.0", "/api/plain", "", "HTTP/1.0", false},
		{"HTTP/1.0", "/api/plain", "Connection: keep-alive\r\n", "HTTP/1.0", false}, // see http1.Last
		{"HTTP/1.0", "/api/bigchunks", "Connection: keep-alive\r\n", "HTTP/1.0", false},
		{"HTTP/1.1", "/api/bigchunks", "", "HTTP/1.1", true},
	} {
		t.Run(c.request+" "+c.path+" "+strings.TrimSpace(c.header), func(t *testing.T) {
			conn, r := dial(t, url)
			ask := "GET " + c.path + " " + c.request + "\r\nHost: localhost\r\n" + c.header + "\r\n"
			io.WriteString(conn, ask)
			resp, body := next(t, r)
			if resp.Proto != c.proto || len(body) < len("sold out") {
				t.Errorf("%s with %d bytes", resp.Proto, len(body))
			}
			if !c.keep {
				ended(t, r)
				return
			}
			io.WriteString(conn, ask)
			if _, again := next(t, r); again != body {
				t.Errorf("the second answer has %d bytes, the first %d", len(again), len(body))
			}
		})
	}
}

// A head without a length under /lab/ is sent at once, but a body must not
// follow an answer to HEAD: the client would take it for the next answer.
func TestNoBodyAfterHead(t *testing.T) {
	addr, _ := rawNode(t, func(c net.Conn, _ *http.Request) { io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n") })
	_, url := serve(t, nil, addr)
	conn, r := dial(t, url)
	io.WriteString(conn, "HEAD /app-1"+nodeapi.PathHold+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	if resp, err := http.ReadResponse(r, &http.Request{Method: http.MethodHead}); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("answer %v, %v", resp, err)
	}
	ended(t, r)
}

// A client of HTTP/1.0 takes the end of the connection for the end of an answer
// of unknown length, so a broken one must not end in order.
func TestBrokenAnswerWithoutLength(t *testing.T) {
	addr, _ := rawNode(t, func(c net.Conn, _ *http.Request) {
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", 2*maxWhole, strings.Repeat("x", 2*maxWhole))
	})
	_, url := serve(t, nil, addr)
	conn, r := dial(t, url)
	io.WriteString(conn, "GET /api/counter HTTP/1.0\r\n\r\n")
	if all, err := io.ReadAll(r); err == nil {
		t.Errorf("%d bytes looked like a whole answer", len(all))
	}
}

// A client that goes away in the middle of a long answer ends it at the node too.
func TestClientGoneEndsALongAnswer(t *testing.T) {
	ended := make(chan struct{})
	addr := newNode(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		for {
			if _, err := w.Write(big); err != nil {
				return
			}
		}
	})
	_, url := serve(t, nil, addr)
	conn, r := dial(t, url)
	io.WriteString(conn, "GET /api/counter HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if _, err := io.CopyN(io.Discard, r, int64(len(big))); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the node goes on answering")
	}
}

// A node may take many times as long as the client is not looked at.
func TestAnswerAfterManyLooks(t *testing.T) {
	_, url := serve(t, nil, newNode(t, func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(3 * nodeNap)
		io.WriteString(w, "late")
	}))
	if _, body := call(t, webClient(t), "POST", url+"/api/write", strings.NewReader("{}")); body != "late" {
		t.Errorf("answer %q", body)
	}
}

// Where the client is gone before a node is connected to, the node is sent nothing.
func TestNothingIsSentForAClientThatIsGone(t *testing.T) {
	addr, seen := rawNode(t, func(net.Conn, *http.Request) {})
	b, err := New(Config{Nodes: []Node{{"app-1", addr}}})
	if err != nil {
		t.Fatal(err)
	}
	x := &exchange{client: "127.0.0.1", gone: func() bool { return true }}
	x.request, _ = http.NewRequest("GET", "http://x/api/counter", nil)
	if a := b.forward(x, "/api/counter", b.pick); a.status != 0 || seen.Load() != 0 {
		t.Errorf("answer %d, the node saw %d requests; want none of both", a.status, seen.Load())
	}
	if !b.ring.members[0].available(time.Now()) {
		t.Error("the node was ejected")
	}
}

// When the balancer stops, a request whose body is on its way is still
// answered, and a connection without a request ends at once.
func TestStopWaitsForAHalfSentRequest(t *testing.T) {
	b, err := New(Config{Nodes: []Node{{"app-1", newNode(t, said("n"))}}})
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
	idle, idleR := dial(t, ln.Addr().String())
	half, halfR := dial(t, ln.Addr().String())
	io.WriteString(idle, "GET /api/counter HTTP/1.1\r\nHost: localhost\r\n\r\n")
	next(t, idleR)
	io.WriteString(half, "POST /api/write HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
	if resp, err := http.ReadResponse(halfR, nil); err != nil || resp.StatusCode != http.StatusContinue {
		t.Fatalf("answer to Expect: %v, %v", resp, err)
	}
	cancel()
	ended(t, idleR)
	io.WriteString(half, "{}")
	if resp, body := next(t, halfR); body != "n POST /api/write" || !resp.Close {
		t.Errorf("answer %q, close %t; want the node's, and the connection's end", body, resp.Close)
	}
	ended(t, halfR)
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
}

// A request that does not end in time is cut off, and stop returns.
func TestStopCutsOff(t *testing.T) {
	asked, cut := make(chan struct{}), make(chan struct{})
	f := newFront(func(x *exchange) answer {
		close(asked)
		for !x.gone() {
			time.Sleep(time.Millisecond)
		}
		close(cut)
		return answer{}
	}, http1.Guard{}, slog.New(slog.DiscardHandler))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- f.accept(ln) }()
	conn, _ := dial(t, ln.Addr().String())
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	<-asked
	ln.Close()
	<-served
	f.stop(time.Millisecond)
	<-cut
	if len(f.clients) != 0 {
		t.Errorf("%d connections are left", len(f.clients))
	}
}
