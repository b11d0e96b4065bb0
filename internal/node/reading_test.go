package node

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/contend/internal/balance"
	"example.com/contend/internal/nodeapi"
)

// serveBalancer runs a balancer before the node at addr until the test ends.
func serveBalancer(t *testing.T, addr string) string {
	t.Helper()
	b, err := balance.New(balance.Config{Nodes: []balance.Node{{Name: "app-1", Addr: addr}}})
	must(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		must(t, <-ended)
	})
	return ln.Addr().String()
}

// saidTo returns what a server says to a request: the status, and the code in the body if
// that is the API's JSON.
func saidTo(t *testing.T, addr, request string) (all []string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	must(t, err)
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, err = io.WriteString(c, request)
	must(t, err)
	r := bufio.NewReader(c)
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return append(all, err.Error())
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return append(all, err.Error())
		}
		if resp.StatusCode == http.StatusContinue {
			continue
		}
		var e nodeapi.Error
		if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
			if err := json.Unmarshal(body, &e); err != nil {
				t.Errorf("%q: %q is not JSON: %v", request, body, err)
			}
		}
		all = append(all, strings.TrimSpace(fmt.Sprintf("%d %s", resp.StatusCode, e.Code)))
		if resp.Close {
			return all
		}
	}
}

// A node and a balancer before it read a request alike. Where net/http answers before
// the node can, its answer is a text, which has no code.
//
// Two differences are left. A balancer reads the body before it looks at path and method,
// so a body that is wrong is what it finds first. And where the request line names the host,
// the parser keeps the Host field from the balancer, which then cannot refuse a wrong one.
func TestNodeAndBalancerReadAlike(t *testing.T) {
	nodeAddr := serve(t, quick(nil), nil).addr
	balancerAddr := serveBalancer(t, nodeAddr)
	const (
		host = "\r\nHost: localhost"
		end  = "\r\nConnection: close\r\n\r\n"
		body = "\r\nContent-Length: 11" + end + `{"key":"k"}`
		post = "POST /api/increment HTTP/1.1" + host
		kept = post + "\r\nContent-Length: 11\r\n\r\n" + `{"key":"k"}`
		evil = "\r\nOrigin: http://evil.example"
		text = "of net/http" // no code at the node
	)
	for _, c := range []struct {
		name, request string
		want          string // status and code
		by            string // text: see above
	}{
		{"as it should be", post + body, "200", ""},
		{"a query", "GET /api/counter?key=%6b HTTP/1.1" + host + end, "200", ""},

		{"an octet that needs no encoding", "POST /%61pi/incr%65ment HTTP/1.1" + host + body, "200", ""},
		{"a slash encoded", "POST /api%2fincrement HTTP/1.1" + host + body, "404 NOT_FOUND", ""},
		{"a slash encoded, in capitals", "POST /api%2Fincrement HTTP/1.1" + host + body, "404 NOT_FOUND", ""},
		{"a slash encoded twice", "POST /api%252fincrement HTTP/1.1" + host + body, "404 NOT_FOUND", ""},
		{"a question mark encoded", "GET /api/counter%3fkey=k HTTP/1.1" + host + end, "404 NOT_FOUND", ""},
		{"no encoding", "POST /api/increment%zz HTTP/1.1" + host + body, "400 INVALID_ARGUMENT", text},
		{"a slash more", "POST //api/increment HTTP/1.1" + host + body, "404 NOT_FOUND", ""},
		{"a slash more within", "POST /api//increment HTTP/1.1" + host + body, "404 NOT_FOUND", ""},
		{"a slash at the end", "POST /api/increment/ HTTP/1.1" + host + body, "404 NOT_FOUND", ""},
		{"a dot", "POST /./api/increment HTTP/1.1" + host + body, "404 NOT_FOUND", ""},
		{"dots", "POST /api/../api/increment HTTP/1.1" + host + body, "404 NOT_FOUND", ""},
		{"dots encoded", "POST /api/%2e%2e/api/increment HTTP/1.1" + host + body, "404 NOT_FOUND", ""},
		{"other letters", "POST /API/increment HTTP/1.1" + host + body, "404 NOT_FOUND", ""},
		{"no path", "GET  HTTP/1.1" + host + end, "400 INVALID_ARGUMENT", text},
		{"a relative path", "GET api/total HTTP/1.1" + host + end, "400 INVALID_ARGUMENT", text},
		{"an octet beyond ASCII", "GET /api/\xff HTTP/1.1" + host + end, "404 NOT_FOUND", ""},
		{"a fragment", "GET /api/total#x HTTP/1.1" + host + end, "404 NOT_FOUND", ""},
		{"the whole URL", "GET http://localhost/api/total HTTP/1.1" + host + end, "200", ""},
		{"the whole URL, without a path", "GET http://localhost HTTP/1.1" + host + end, "404 NOT_FOUND", ""},
		{"another scheme", "GET ftp://localhost/api/total HTTP/1.1" + host + end, "200", ""},
		{"the server as such", "OPTIONS * HTTP/1.1" + host + end, "404 NOT_FOUND", ""},
		{"a tunnel", "CONNECT localhost:80 HTTP/1.1" + host + end, "404 NOT_FOUND", ""},
		{"a tunnel without a host", "CONNECT localhost:80 HTTP/1.1" + end, "404 NOT_FOUND", ""},

		{"a wrong method", "DELETE /api/increment HTTP/1.1" + host + end, "405 METHOD_NOT_ALLOWED", ""},
		{"a method in small letters", "post /api/increment HTTP/1.1" + host + body, "405 METHOD_NOT_ALLOWED", ""},
		{"a method that is none", "PO(ST /api/increment HTTP/1.1" + host + body, "400 INVALID_ARGUMENT", text},
		{"HTTP/1.0", "GET /api/total HTTP/1.0\r\n\r\n", "200", ""},
		{"HTTP/1.2", "GET /api/total HTTP/1.2" + host + end, "200", ""},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 INVALID_ARGUMENT", ""},
		{"HTTP/3", "GET /api/total HTTP/3.0" + host + end, "505 INVALID_ARGUMENT", text},

		{"no host", "GET /api/total HTTP/1.1" + end, "400 INVALID_ARGUMENT", text},
		{"an empty host", "GET /api/total HTTP/1.1\r\nHost:" + end, "400 INVALID_ARGUMENT", ""},
		{"a port alone", "GET /api/total HTTP/1.1\r\nHost: :80" + end, "400 INVALID_ARGUMENT", ""},
		{"two hosts", "GET /api/total HTTP/1.1" + host + host + end, "400 INVALID_ARGUMENT", text},
		{"a host with a blank", "GET /api/total HTTP/1.1\r\nHost: local host" + end, "400 INVALID_ARGUMENT", text},
		{"a port that is none", "GET /api/total HTTP/1.1\r\nHost: localhost:http" + end, "400 INVALID_ARGUMENT", ""},
		{"an address", "GET /api/total HTTP/1.1\r\nHost: [::1]:80" + end, "200", ""},
		{"another host", "GET /api/total HTTP/1.1\r\nHost: evil.example" + end, "421 MISDIRECTED", ""},
		{"another host in the URL", "GET http://evil.example/api/total HTTP/1.1" + host + end, "421 MISDIRECTED", ""},
		{"another host, HTTP/1.0", "GET /api/total HTTP/1.0\r\nHost: evil.example\r\n\r\n", "421 MISDIRECTED", ""},
		{"another host, no such path", "GET /nothing HTTP/1.1\r\nHost: evil.example" + end, "421 MISDIRECTED", ""},
		{"a page whose name resolves to this machine", "POST /api/increment HTTP/1.1\r\nHost: evil.example\r\nSec-Fetch-Site: same-origin" + evil + body, "421 MISDIRECTED", ""},

		{"a page from elsewhere", post + evil + body, "403 CROSS_ORIGIN", ""},
		{"a page from elsewhere, no such path", "POST /nothing HTTP/1.1" + host + evil + body, "403 CROSS_ORIGIN", ""},
		{"a page from elsewhere, as if for one connection", post + evil + "\r\nConnection: origin, sec-fetch-site" + body, "403 CROSS_ORIGIN", ""},
		{"a page from elsewhere, by the browser's word", post + "\r\nSec-Fetch-Site: cross-site\r\nConnection: Sec-Fetch-Site" + body, "403 CROSS_ORIGIN", ""},
		{"a page of its own", post + "\r\nOrigin: http://localhost" + body, "200", ""},
		{"a type", post + "\r\nContent-Type: text/xml" + body, "415 UNSUPPORTED_MEDIA_TYPE", ""},
		{"a type, as if for one connection", post + "\r\nContent-Type: text/xml\r\nConnection: content-type" + body, "400 INVALID_ARGUMENT", ""},
		{"a field for one connection", post + "\r\nX-Own: 1\r\nConnection: x-own" + body, "200", ""},

		{"an expectation", post + "\r\nExpect: 100-continue" + body, "200", ""},
		{"no expectation", post + "\r\nExpect:" + body, "200", ""},
		{"a strange expectation", post + "\r\nExpect: 200-maybe" + body, "417 INVALID_ARGUMENT", text},
		{"a list of expectations", post + "\r\nExpect: 100-continue, 200-maybe" + body, "417 INVALID_ARGUMENT", ""},
		{"a list of one expectation twice", post + "\r\nExpect: 100-continue, 100-Continue" + body, "200", ""},
		{"expectations in two lines", post + "\r\nExpect: 100-continue\r\nExpect: 200-maybe" + body, "417 INVALID_ARGUMENT", ""},
		{"expectations that are none", post + "\r\nExpect: ," + body, "417 INVALID_ARGUMENT", text},

		{"a line break after a body", kept + "\r\n" + post + body, "200, 200", ""},
		{"two line breaks after a body", kept + "\r\n\r\n" + post + body, "200, 200", ""},
		{"four line feeds after a body", kept + "\n\n\n\n" + post + body, "200, 200", ""},
		{"five line feeds after a body", kept + "\n\n\n\n\n" + post + body, "200, 400 INVALID_ARGUMENT", text},
		{"a line break before the first request", "\r\n" + post + body, "400 INVALID_ARGUMENT", text},
		{"a line break between two reads", "GET /api/total HTTP/1.1" + host + "\r\n\r\n\r\n" + post + body, "200, 400 INVALID_ARGUMENT", text},

		{"two lengths", post + "\r\nContent-Length: 10" + body, "400 INVALID_ARGUMENT", text},
		{"a length with a sign", post + "\r\nContent-Length: +11" + end + `{"key":"k"}`, "400 INVALID_ARGUMENT", text},
		{"chunks", post + "\r\nTransfer-Encoding: chunked" + end + "b\r\n{\"key\":\"k\"}\r\n0\r\n\r\n", "200", ""},
		{"a request behind chunks", post + "\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{\"key\":\"k\"}\r\n0\r\n\r\n" + post + body, "200", ""},
		{"a request behind chunks with a length", post + "\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{\"key\":\"k\"}\r\n0\r\n\r\n" + post + body, "200", ""},
		{"a request behind one of HTTP/1.0", "GET /api/total HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + post + body, "200", ""},
		{"chunks that are none", post + "\r\nTransfer-Encoding: chunked" + end + "x\r\n", "400 INVALID_ARGUMENT", ""},
		{"an unknown coding", post + "\r\nTransfer-Encoding: gzip, chunked" + body, "501 INVALID_ARGUMENT", text},
		{"codings in two lines", post + "\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked" + body, "501 INVALID_ARGUMENT", text},
		{"a blank before a colon", post + "\r\nX-Own : 1" + body, "400 INVALID_ARGUMENT", text},
		{"a folded field", post + "\r\nX-Own: 1\r\n 2" + body, "200", ""},
		{"a line break within a field", post + "\r\nX-Own: 1\rX: 2" + body, "400 INVALID_ARGUMENT", text},
		{"a field without a name", post + "\r\n: 1" + body, "400 INVALID_ARGUMENT", text},
		{"line feeds alone", strings.ReplaceAll(post+body, "\r", ""), "200", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, at := range []struct{ who, addr, request string }{
				{"the node", nodeAddr, c.request},
				{"the balancer", balancerAddr, c.request},
				{"the balancer, for that node", balancerAddr, strings.Replace(c.request, "/api/", "/app-1/api/", 1)},
			} {
				want := c.want
				if c.by == text && at.addr == nodeAddr {
					want = want[:strings.LastIndex(want, " ")]
				}
				if got := strings.Join(saidTo(t, at.addr, at.request), ", "); got != want {
					t.Errorf("%s says %s, want %s", at.who, got, want)
				}
			}
		})
	}
}
