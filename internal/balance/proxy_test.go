package balance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/contend/internal/http1"
	"example.com/contend/internal/nodeapi"
)

// newNode starts a node in this process that answers /health itself.
func newNode(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != nodeapi.PathHealth {
			h(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// said answers with a name and what was asked.
func said(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %s", name, r.Method, r.RequestURI)
	}
}

// raw starts a node that handles each connection by hand, and counts those on
// which a request under /api/ was read.
func rawNode(t *testing.T, answer func(c net.Conn, r *http.Request)) (addr string, seen *atomic.Int64) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seen = new(atomic.Int64)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				r, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				if r.URL.Path == nodeapi.PathHealth {
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				seen.Add(1)
				answer(c, r)
			})
		}
	})
	t.Cleanup(func() { ln.Close(); wg.Wait() })
	return ln.Addr().String(), seen
}

// call makes one request and returns the whole answer.
func call(t *testing.T, client *http.Client, method, url string, body io.Reader) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

// wantError checks that an answer is an nodeapi.Error with the status and code.
func wantError(t *testing.T, resp *http.Response, body string, status int, code string) {
	t.Helper()
	var e nodeapi.Error
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("%d %q is not an nodeapi.Error: %v", resp.StatusCode, body, err)
	}
	if resp.StatusCode != status || e.Code != code || e.Error == "" {
		t.Errorf("answer %d %s, want %d %s", resp.StatusCode, body, status, code)
	}
}

func TestAnyNodeInTurn(t *testing.T) {
	var addrs []string
	for i := range 4 {
		addrs = append(addrs, newNode(t, said(fmt.Sprint("n", i))))
	}
	_, url := serve(t, nil, addrs...)
	client := webClient(t)
	count := map[string]int{}
	for range 40 {
		_, body := call(t, client, "POST", url+"/api/increment?a=b%20c", strings.NewReader("{}"))
		name, asked, _ := strings.Cut(body, " ")
		if asked != "POST /api/increment?a=b%20c" {
			t.Fatalf("the node was asked %q", asked)
		}
		count[name]++
	}
	for i := range 4 {
		if n := count[fmt.Sprint("n", i)]; n != 10 {
			t.Errorf("node %d got %d of 40 requests, want 10: %v", i, n, count)
		}
	}
}

func TestOneNode(t *testing.T) {
	_, url := serve(t, nil, newNode(t, said("n1")), newNode(t, said("n2")))
	client := webClient(t)
	for _, c := range []struct{ path, want string }{
		{"/app-1/api/write", "n1 GET /api/write"},
		{"/app-2/api/counter?key=a%2Fb", "n2 GET /api/counter?key=a%2Fb"},
		{"/app-2/metrics", "n2 GET /metrics"},
		{"/app-2/a%2Fb", "n2 GET /a%2Fb"},
		{"/app-2//a", "n2 GET //a"},
		{"/app-2", "n2 GET /"},
	} {
		for range 2 { // where turns would show
			if _, got := call(t, client, "GET", url+c.path, nil); got != c.want {
				t.Errorf("%s: %q, want %q", c.path, got, c.want)
			}
		}
	}
}

func TestOneNodeAloneIsAsked(t *testing.T) {
	_, url := serve(t, nil, deadAddr(t), newNode(t, said("n2")))
	resp, body := call(t, webClient(t), "POST", url+"/app-1/api/increment", strings.NewReader("{}"))
	wantError(t, resp, body, http.StatusServiceUnavailable, nodeapi.CodeNoNode)
}

func TestOtherPathsNameTheWay(t *testing.T) {
	_, url := serve(t, nil, newNode(t, said("n1")))
	for _, path := range []string{"/", "/metrics", "/lab/hold", "/app-7/api/write", "/apix", "/health/x"} {
		resp, body := call(t, webClient(t), "GET", url+path, nil)
		wantError(t, resp, body, http.StatusNotFound, nodeapi.CodeNotFound)
		if !strings.Contains(body, "/app-1/") {
			t.Errorf("%s: %s does not say where to go", path, body)
		}
	}
}

func TestRefusedConnectionIsTriedElsewhere(t *testing.T) {
	dead := deadAddr(t)
	b, url := serve(t, func(c *Config) { c.CheckInterval = time.Hour }, dead, newNode(t, said("n2")))
	client := webClient(t)
	for range 4 {
		resp, body := call(t, client, "POST", url+"/api/increment", strings.NewReader("{}"))
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("answer %d %s", resp.StatusCode, body)
		}
	}
	b.mu.Lock()
	left := time.Until(b.ring.members[0].ejectedUntil)
	b.mu.Unlock()
	if left <= 0 || left > DefaultEjectFor {
		t.Errorf("the dead node is ejected for another %s, want at most %s", left, DefaultEjectFor)
	}
}

func TestAllDown(t *testing.T) {
	b, url := serve(t, nil, deadAddr(t), deadAddr(t))
	client := webClient(t)
	for range 3 { // the third finds all of them ejected
		resp, body := call(t, client, "POST", url+"/api/increment", strings.NewReader("{}"))
		wantError(t, resp, body, http.StatusServiceUnavailable, nodeapi.CodeNoNode)
	}
	// A node that comes back while it is ejected is used at once: it is all there is.
	ln, err := net.Listen("tcp", b.nodes[1].Addr)
	if err != nil {
		t.Fatal(err)
	}
	srv := &httptest.Server{Listener: ln, Config: &http.Server{Handler: said("back")}}
	srv.Start()
	t.Cleanup(srv.Close)
	if resp, body := call(t, client, "GET", url+"/api/counter", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("answer %d %s although a node is back", resp.StatusCode, body)
	}
}

// sentToDyingNodes sends one POST to nodes that read it and die, and returns
// how many of them saw it.
func sentToDyingNodes(t *testing.T, again func(error) bool) (seen int64, resp *http.Response, body string) {
	die := func(net.Conn, *http.Request) {}
	a1, seen1 := rawNode(t, die)
	a2, seen2 := rawNode(t, die)
	b, err := New(Config{Nodes: []Node{{"app-1", a1}, {"app-2", a2}}})
	if err != nil {
		t.Fatal(err)
	}
	if again != nil {
		b.again = again
	}
	resp, body = call(t, webClient(t), "POST", run(t, b)+"/api/increment", strings.NewReader(`{"key":"k"}`))
	return seen1.Load() + seen2.Load(), resp, body
}

func TestSentAtMostOnce(t *testing.T) {
	seen, resp, body := sentToDyingNodes(t, nil)
	if seen != 1 {
		t.Errorf("nodes saw the request %d times, want once", seen)
	}
	wantError(t, resp, body, http.StatusBadGateway, nodeapi.CodeNodeLost)
	if !strings.Contains(body, `"container":"app-`) {
		t.Errorf("%s does not name the node that had the request", body)
	}
}

// A balancer that asks again after the sending is caught by the same count.
func TestSentAtMostOnceCatchesAResender(t *testing.T) {
	seen, _, _ := sentToDyingNodes(t, func(error) bool { return true })
	if seen != 2 {
		t.Errorf("nodes saw the careless balancer's request %d times, want 2: the count cannot catch it", seen)
	}
}

func TestBrokenAnswers(t *testing.T) {
	for _, c := range []struct{ name, answer string }{
		{"nothing", ""},
		{"not HTTP", "hello\r\n\r\n"},
		{"half a head", "HTTP/1.1 200 OK\r\nContent-Le"},
		{"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"},
		{"half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello"},
		{"no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"},
		{"a switch of protocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"},
		{"a status below 100", "HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n"},
		{"an endless head", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2*http1.MaxHead)},
		{"endless hints", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", http1.MaxHead/20)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			addr, seen := rawNode(t, func(conn net.Conn, _ *http.Request) { io.WriteString(conn, c.answer) })
			_, url := serve(t, nil, addr)
			resp, body := call(t, webClient(t), "GET", url+"/api/counter", nil)
			wantError(t, resp, body, http.StatusBadGateway, nodeapi.CodeNodeLost)
			if seen.Load() != 1 {
				t.Errorf("the node saw the GET %d times, want once", seen.Load())
			}
		})
	}
}

func TestNodeTimeout(t *testing.T) {
	release := make(chan struct{})
	addr, seen := rawNode(t, func(net.Conn, *http.Request) { <-release })
	_, url := serve(t, func(c *Config) { c.Timeout = 50 * time.Millisecond }, addr)
	resp, body := call(t, webClient(t), "POST", url+"/api/increment", strings.NewReader("{}"))
	close(release)
	wantError(t, resp, body, http.StatusGatewayTimeout, nodeapi.CodeNodeTimeout)
	if seen.Load() != 1 {
		t.Errorf("the node saw the request %d times, want once", seen.Load())
	}
}

// big is longer than what is read whole before it is passed on.
var big = bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB

// shapes are the forms that an answer can come in.
var shapes = map[string]http.HandlerFunc{
	"/api/plain": func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["X-Many"] = []string{"a", "b"}
		w.Header().Set("Keep-Alive", "timeout=9")
		w.WriteHeader(http.StatusConflict)
		io.WriteString(w, "sold out")
	},
	"/api/untyped": func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		io.WriteString(w, "<html>")
	},
	"/api/chunked": func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "a")
		w.(http.Flusher).Flush()
		io.WriteString(w, "b")
	},
	"/api/big": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(big)))
		w.Write(big)
	},
	"/api/bigchunks": func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); w.Write(big) },
	"/api/none":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
	"/api/hint":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); io.WriteString(w, "after") },
}

func TestPassesAnswersOn(t *testing.T) {
	addr := newNode(t, func(w http.ResponseWriter, r *http.Request) { shapes[r.URL.Path](w, r) })
	b, url := serve(t, nil, addr)
	client := webClient(t)
	for _, c := range []struct {
		method, path string
		status       int
		body         string
		length       int64
	}{
		{"GET", "/api/plain", 409, "sold out", 8},
		{"HEAD", "/api/plain", 409, "", 8},
		{"GET", "/api/untyped", 200, "<html>", 6},
		{"GET", "/api/chunked", 200, "ab", 2},
		{"GET", "/api/big", 200, string(big), int64(len(big))},
		{"HEAD", "/api/big", 200, "", int64(len(big))},
		{"GET", "/api/bigchunks", 200, string(big), -1},
		{"GET", "/api/none", 204, "", 0},
		{"GET", "/api/hint", 200, "after", 5},
	} {
		for range 2 { // the second on a pooled connection
			resp, body := call(t, client, c.method, url+c.path, nil)
			if resp.StatusCode != c.status || body != c.body || resp.ContentLength != c.length {
				t.Errorf("%s %s: %d, %d bytes, length %d; want %d, %d bytes, length %d", c.method, c.path,
					resp.StatusCode, len(body), resp.ContentLength, c.status, len(c.body), c.length)
			}
			h := resp.Header
			if c.path == "/api/plain" && (len(h["X-Many"]) != 2 || h["Keep-Alive"] != nil || len(h["Date"]) != 1) {
				t.Errorf("%s %s: header %v", c.method, c.path, h)
			}
			if c.path == "/api/untyped" && h["Content-Type"] != nil {
				t.Errorf("a type was made up: %v", h)
			}
		}
	}
	if n := b.idle(0); n != 1 {
		t.Errorf("%d idle connections after requests one by one, want 1", n)
	}
}

// idle returns how many connections to node i are pooled.
func (b *Balancer) idle(i int) int {
	p := &b.nodes[i].pool
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}

func TestPassesRequestsOn(t *testing.T) {
	type request struct {
		header   http.Header
		host     string
		encoding []string
		body     string
	}
	got := make(chan request, 1)
	addr := newNode(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- request{r.Header, r.Host, r.TransferEncoding, string(body)}
	})
	_, url := serve(t, nil, addr)
	req, _ := http.NewRequestWithContext(t.Context(), "POST", url+"/api/write", struct{ io.Reader }{strings.NewReader("chunked body")})
	req.Host = "lab.localhost"
	for k, v := range map[string]string{
		"X-Forwarded-For": "10.0.0.1", "Connection": "X-Own, keep-alive", "X-Own": "1", "Te": "trailers",
		"Proxy-Authorization": "secret", "Upgrade": "h2c", "X-Kept": "yes", "Expect": "100-continue",
	} {
		req.Header.Set(k, v)
	}
	resp, err := webClient(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	r := <-got
	if r.host != "lab.localhost" || r.body != "chunked body" || r.encoding != nil {
		t.Errorf("host %q, body %q, encoding %v", r.host, r.body, r.encoding)
	}
	for k, want := range map[string]string{
		"X-Forwarded-For": "10.0.0.1, 127.0.0.1", "Content-Length": "12", "X-Kept": "yes", "Connection": "", "X-Own": "",
		"Te": "", "Proxy-Authorization": "", "Upgrade": "", "Expect": "",
	} {
		if v := r.header.Get(k); v != want {
			t.Errorf("%s: %q, want %q", k, v, want)
		}
	}
}

func TestBodyLimit(t *testing.T) {
	var seen atomic.Int64
	addr := newNode(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		seen.Add(1)
		fmt.Fprint(w, n)
	})
	_, url := serve(t, nil, addr)
	client := webClient(t)
	largest, above := make([]byte, nodeapi.MaxBody), make([]byte, nodeapi.MaxBody+1)
	for _, body := range []io.Reader{bytes.NewReader(largest), struct{ io.Reader }{bytes.NewReader(largest)}} {
		if resp, text := call(t, client, "POST", url+"/api/write", body); resp.StatusCode != 200 || text != fmt.Sprint(nodeapi.MaxBody) {
			t.Errorf("at the limit: %d %s", resp.StatusCode, text)
		}
	}
	for _, body := range []io.Reader{bytes.NewReader(above), struct{ io.Reader }{bytes.NewReader(above)}} {
		resp, text := call(t, client, "POST", url+"/api/write", body)
		wantError(t, resp, text, http.StatusRequestEntityTooLarge, nodeapi.CodeTooLarge)
		if !strings.Contains(text, nodeapi.TooLarge) {
			t.Errorf("%s: not in the words of a node", text)
		}
	}
	if seen.Load() != 2 {
		t.Errorf("the node saw %d requests, want the 2 within the limit", seen.Load())
	}
}

// What a head under /lab/ tells, that the lock is held, is told at once; a head
// under /api/ waits for its body, since an answer that breaks must not look begun.
func TestALabAnswersHeadIsToldAtOnce(t *testing.T) {
	release := make(chan struct{})
	addr := newNode(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		if r.URL.Path == nodeapi.PathHold {
			<-release
		}
		io.WriteString(w, "given back")
	})
	_, url := serve(t, nil, addr)
	resp, err := webClient(t).Post(url+"/app-1"+nodeapi.PathHold, "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	close(release) // only now, with the head here
	if body, err := io.ReadAll(resp.Body); string(body) != "given back" || err != nil {
		t.Errorf("body %q, %v", body, err)
	}
	if resp, _ := call(t, webClient(t), "POST", url+"/app-1"+nodeapi.PathWrite, strings.NewReader("{}")); resp.ContentLength < 0 {
		t.Error("an answer under /api/ was told before it was whole")
	}
}
