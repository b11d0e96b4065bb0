package balance

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/contend/internal/http1"
)

// A witness writes down the requests that a server let through.
type witness struct {
	mu     sync.Mutex
	seen   []string
	hosted bool // one of them named its host in the request line
}

func (w *witness) saw(r *http.Request, body []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosted = w.hosted || r.URL.Host != ""
	w.seen = append(w.seen, fmt.Sprintf("%s %s host %q close %t body %q %d fields", r.Method, r.RequestURI, r.Host, r.Close, body, len(r.Header)))
}

// take returns what was seen since it was last called.
func (w *witness) take() (seen []string, hosted bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen, hosted = w.seen, w.hosted
	w.seen, w.hosted = nil, false
	return seen, hosted
}

// everyHost is the guard of both.
var everyHost = http1.NewGuard(nil, []string{http1.AnyHost})

// reference serves with net/http's server until the test ends.
func reference(f *testing.F, w *witness) (addr string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	srv := &http.Server{
		ErrorLog:                     log.New(io.Discard, "", 0),
		DisableGeneralOptionsHandler: true,
		Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if everyHost.Refuse(r) != nil {
				panic(http.ErrAbortHandler) // as the front does
			}
			if http1.Last(r) {
				r.Close = true
				rw.Header().Set("Connection", "close") // as a node does
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			w.saw(r, body)
		}),
	}
	go func() { _ = srv.Serve(ln) }()
	f.Cleanup(func() { srv.Close() })
	return ln.Addr().String()
}

// serveFront serves with a front until the test ends.
func serveFront(f *testing.F, w *witness) (addr string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	front := newFront(func(x *exchange) answer {
		w.saw(x.request, x.body)
		return answer{status: http.StatusOK, length: -1}
	}, everyHost, slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- front.accept(ln) }()
	f.Cleanup(func() { ln.Close(); <-served; front.stop(0) })
	return ln.Addr().String()
}

// statuses sends input and returns the statuses of all answers to it. They
// must be answers: anything else ends the list with the error.
func statuses(t *testing.T, addr string, input []byte) (list []string) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = c.Write(input) // it may be refused before all of it is written
	_ = c.(*net.TCPConn).CloseWrite()
	r := bufio.NewReader(c)
	for {
		if _, err := r.Peek(1); err != nil {
			return list
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return append(list, err.Error())
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return append(list, err.Error())
		}
		list = append(list, fmt.Sprint(resp.StatusCode))
	}
}

// FuzzRequests sends the same bytes to the front and to net/http's own server:
// both must let the same requests through, or bytes that one takes for a body
// would be another's request.
func FuzzRequests(f *testing.F) {
	for _, s := range []string{
		"GET /api/counter?key=a HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.0\r\n\r\n",
		"POST /api/write HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2;x=y\r\n{}\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 2\r\n\r\n{}",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n{}",
		"GET http://b/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
		"CONNECT a:1 HTTP/1.1\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET / HTTP/1.0\r\nConnection: keep-alive\r\nA: b\r\n c\r\n\r\nGET / HTTP/1.0\r\n\r\n",
		"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	var ours, theirs witness
	ourAddr, theirAddr := serveFront(f, &ours), reference(f, &theirs)
	f.Fuzz(func(t *testing.T, input []byte) {
		answers := statuses(t, ourAddr, input)
		statuses(t, theirAddr, input)
		got, hosted := ours.take()
		want, _ := theirs.take()
		// With a host in the request line the Host field does not count. The
		// server looks at it all the same, and the parser does not show it.
		if !hosted && !slices.Equal(got, want) {
			t.Errorf("%q: let through\n%s\nnet/http lets through\n%s", input, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if ok := slices.DeleteFunc(slices.Clone(answers), func(s string) bool { return s != "200" }); len(ok) != len(got) {
			t.Errorf("%q: %d requests, answers %q", input, len(got), answers)
		}
	})
}

// FuzzAnswers passes on the answers of a node. The client must read with
// net/http what net/http reads from the node: the status, the body to the same
// end, and the fields that are for it.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}",
		"HTTP/1.1 409 Conflict\r\nTransfer-Encoding: chunked\r\nX: a\r\nX: b\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"HTTP/1.0 200 OK\r\n\r\nuntil the end",
		"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
		"HTTP/1.1 200 OK\r\nConnection: X , y\r\nX: 1\r\nY z: 2\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nconnection: x-own\r\nX-OWN: 1\r\nkeep-alive: 9\r\ndate: now\r\ncontent-length: 0\r\n\r\n",
		"HTTP/1.1 799 Odd\r\nContent-Length: 0\r\n\r\n",
	} {
		f.Add([]byte(s), true, true)
		f.Add([]byte(s), false, true)
		f.Add([]byte(s), true, false)
	}
	f.Fuzz(func(t *testing.T, input []byte, get, modern bool) {
		r := &http.Request{Method: http.MethodHead, ProtoMajor: 1, ProtoMinor: 0}
		if get {
			r.Method = http.MethodGet
		}
		if modern {
			r.ProtoMinor = 1
		}
		var from http1.Answer
		if from.ReadHead(bufio.NewReader(bytes.NewReader(input)), r.Method) != nil {
			return
		}
		var x exchange
		a := x.received(&from)
		var err error
		if a.body, err = from.ReadAll(nil, len(input)); err != nil {
			return
		}
		node, body := readFinal(t, input, r)
		told := append(a.appendHead(nil, r, true, time.Unix(0, 0)), a.body...)
		in := bufio.NewReader(bytes.NewReader(append(told, "next"...)))
		resp, err := http.ReadResponse(in, r)
		if err != nil {
			t.Fatalf("the client cannot read %q: %v", told, err)
		}
		got, err := io.ReadAll(resp.Body)
		if err != nil || !bytes.Equal(got, body) || resp.StatusCode != node.StatusCode {
			t.Errorf("%q became %q: %d %q (%v)", input, told, resp.StatusCode, got, err)
		}
		if rest, _ := io.ReadAll(in); string(rest) != "next" {
			t.Errorf("%q became %q: the end is not where it should be, %q is left", input, told, rest)
		}
		checkFields(t, input, node.Header, resp.Header)
	})
}

// readFinal reads the answer in input, after those with a status of 1xx, with net/http.
func readFinal(t *testing.T, input []byte, r *http.Request) (resp *http.Response, body []byte) {
	in := bufio.NewReaderSize(bytes.NewReader(input), len(input)+16)
	for resp == nil || resp.StatusCode < 200 {
		var err error
		if resp, err = http.ReadResponse(in, r); err != nil {
			t.Fatalf("%q: taken, but net/http says %v", input, err)
		}
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%q: taken, but net/http says %v", input, err)
	}
	return resp, body
}

// checkFields checks that the client gets the node's fields, but none that are
// about the node's connection.
func checkFields(t *testing.T, input []byte, node, client http.Header) {
	for name, values := range node {
		if ofOneHop(name, append(node["Connection"], "Content-Length")) {
			if name != "Connection" && name != "Content-Length" && name != "Date" && client[name] != nil {
				t.Errorf("%q: field %s of the node's connection is passed on", input, name)
			}
			continue
		}
		if !slices.Equal(client[name], values) {
			t.Errorf("%q: field %s is %q, was %q", input, name, client[name], values)
		}
	}
}
