package http1

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"example.com/contend/internal/nodeapi"
)

func TestGuardKnowsHosts(t *testing.T) {
	loopback, open := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, &net.TCPAddr{IP: net.IPv6unspecified}
	const taken, invalid, misdirected = 0, http.StatusBadRequest, http.StatusMisdirectedRequest
	for _, c := range []struct {
		host   string
		status int // on loopback, without names
	}{
		{"localhost", taken}, {"localhost:3000", taken}, {"LocalHost.", taken}, {"app.localhost:80", taken}, {"localhost:", taken},
		{"127.0.0.1", taken}, {"127.0.0.1:3000", taken}, {"192.168.1.9:80", taken}, {"[::1]", taken}, {"[::1]:3000", taken}, {"[::ffff:127.0.0.1]", taken},
		{"evil.example", misdirected}, {"evil.example:3000", misdirected}, {"localhost.evil.example", misdirected}, {"evil-localhost", misdirected},
		{"127.0.0.1.evil.example", misdirected}, {"lab.example", misdirected}, {"127.0.0.1.", taken}, {"127.1", misdirected}, {"0x7f000001", misdirected},
		{"2130706433", misdirected}, {"%6cocalhost", misdirected}, {"localhost.localhost.evil", misdirected},
		{"%6", invalid}, {"", invalid}, {".", invalid}, {":80", invalid}, {"::1", invalid}, {"[::1", invalid}, {"[::1]x", invalid}, {"[127.0.0.1]", invalid}, {"[fe80::1%25lo]", invalid},
		{"localhost:80:80", invalid}, {"localhost:http", invalid}, {"user@localhost", invalid}, {"local host", invalid}, {"localhost/", invalid}, {"[localhost]", invalid},
	} {
		byName := c.status // where no name is wrong
		if byName == misdirected {
			byName = taken
		}
		name, _, _ := strings.Cut(c.host, ":")
		for how, g := range map[string]struct {
			Guard
			status int
		}{
			"on loopback":                      {NewGuard(loopback, nil), c.status},
			"by its zero value":                {Guard{}, c.status},
			"open to others, with names":       {NewGuard(open, []string{"app-1"}), c.status},
			"open to others":                   {NewGuard(open, nil), byName},
			"on loopback, with every name":     {NewGuard(loopback, []string{AnyHost}), byName},
			"on loopback, with the very name":  {NewGuard(loopback, []string{"x", name}), byName},
			"on loopback, with it in capitals": {NewGuard(loopback, []string{strings.ToUpper(name) + "."}), byName},
		} {
			refused := g.Refuse(&http.Request{Method: "GET", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: c.host})
			switch {
			case refused == nil && g.status != taken:
				t.Errorf("%s: %q is taken, want %d", how, c.host, g.status)
			case refused != nil && (refused.Status != g.status || refused.Status == misdirected != (refused.Code == nodeapi.CodeMisdirected)):
				t.Errorf("%s: %q is %d %s %q, want %d", how, c.host, refused.Status, refused.Code, refused.Text, g.status)
			}
		}
	}
}

func TestCheckName(t *testing.T) {
	for name, ok := range map[string]bool{
		"lab.example": true, "lab.example.": true, "app-1": true, "192.168.1.9": true, AnyHost: true,
		"": false, ".": false, "lab.example:80": false, "http://lab.example": false, "lab.example/": false, "*.example": false, "[::1]": false, "lab example": false, "l%61b": false,
	} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("%q: %v, want it taken: %t", name, err, ok)
		}
	}
}

// request reads what a client sends.
func request(t *testing.T, text string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text + "\r\n\r\n")))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return r
}

func TestGuardRefuses(t *testing.T) {
	const post = "POST /api/increment HTTP/1.1\r\nHost: localhost"
	const evil = post + "\r\nOrigin: http://evil.example"
	for _, c := range []struct {
		name, request string
		status        int // 0: taken
	}{
		{"nothing", post, 0},
		{"a page of its own", post + "\r\nOrigin: http://localhost", 0},
		{"a page of its own, by the browser's word", evil + "\r\nSec-Fetch-Site: same-origin", 0},
		{"a page from elsewhere", evil, 403},
		{"a page from elsewhere, by the browser's word", post + "\r\nSec-Fetch-Site: cross-site", 403},
		{"a page from elsewhere that reads", "GET /api/total HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example", 0},
		{"a page from elsewhere that would have a balancer forget it", evil + "\r\nConnection: origin, sec-fetch-site", 403},
		{"a page with this machine's address", "POST / HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\nSec-Fetch-Site: same-origin", 421},
		{"a page with this machine's address, in the request line", "POST http://evil.example/ HTTP/1.1\r\nHost: localhost", 421},
		{"Connection with a field about it", post + "\r\nConnection: X-Own, keep-alive\r\nConnection: close", 0},
		{"Connection with a field about the content", post + "\r\nConnection: close ,Content-Type", 400},
		{"Connection with a field about the content, in its second line", post + "\r\nConnection: close\r\nConnection: origin", 400},
		{"an expectation", post + "\r\nExpect: 100-Continue", 0},
		{"an expectation twice", post + "\r\nExpect: 100-continue,\t100-continue", 0},
		{"no expectation", post + "\r\nExpect: ", 0},
		{"an expectation and nothing", post + "\r\nExpect: 100-continue,", 0},
		{"a strange expectation", post + "\r\nExpect: 200-maybe", 417},
		{"a strange expectation beside the known one", post + "\r\nExpect: 100-continue, 200-maybe", 417},
		{"a strange expectation in a second line", post + "\r\nExpect: 100-continue\r\nExpect: 200-maybe", 417},
		{"an expectation with a parameter", post + "\r\nExpect: 100-continue;now", 417},
		{"expectations that are none", post + "\r\nExpect: ,", 417},
		{"HTTP/1.0 without a host", "GET / HTTP/1.0", 0},
		{"HTTP/1.1 without a host", "GET / HTTP/1.1", 400},
		{"HTTP/2", "PRI * HTTP/2.0", 505},
		{"a blank in a name", post + "\r\nContent-Length : 2", 400},
	} {
		refused := Guard{}.Refuse(request(t, c.request))
		if (refused == nil) != (c.status == 0) || refused != nil && refused.Status != c.status {
			t.Errorf("%s: %+v, want %d", c.name, refused, c.status)
		}
	}
}

func TestPath(t *testing.T) {
	for target, want := range map[string]string{
		"/api/increment": "/api/increment", "/%61pi/incr%65ment": "/api/increment", "/app%2D1/%7E": "/app-1/~",
		"/api%2fincrement": "/api%2Fincrement", "/api%2Fincrement": "/api%2Fincrement", "/api%252fx": "/api%252fx",
		"/a%3fb?c=%61": "/a%3Fb", "/%e4": "/%E4", "/\xe4": "/%E4", "//api": "//api", "/a/../b": "/a/../b", "/%2e%2e/b": "/../b",
		"*": "*", "http://h/%61": "/a", "http://h": "", "/a;b=%3b": "/a;b=%3B",
	} {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Fatal(err)
		}
		if got := Path(u); got != want {
			t.Errorf("%q: %q, want %q", target, got, want)
		}
	}
}

// The normal form of a path is its own, stands for the same octets, and has the same segments.
func FuzzPath(f *testing.F) {
	for _, target := range []string{"/api/increment", "/%61pi/increment", "/api%2fincrement", "/%e4\xe4%25/..", "/%", "/\"<>"} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		path := Path(u)
		again, err := url.ParseRequestURI(path)
		if err != nil {
			if path == "" || path[0] != '/' { // of an absolute target
				return
			}
			t.Fatalf("%q became %q: %v", target, path, err)
		}
		if Path(again) != path || again.Path != u.Path {
			t.Errorf("%q became %q, and that %q", target, path, Path(again))
		}
		if strings.Count(path, "/") != strings.Count(u.EscapedPath(), "/") {
			t.Errorf("%q became %q: other segments", target, path)
		}
	})
}

// A host that a guard on loopback takes is this machine's by name, or an address.
func FuzzHost(f *testing.F) {
	for _, host := range []string{"localhost", "127.0.0.1:80", "[::1]:80", "evil.example", "a.localhost.", "[::1%25lo]", "a@b:", "::"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, field string) {
		r := &http.Request{Method: "GET", ProtoMajor: 1, ProtoMinor: 1, Host: field}
		if (Guard{}).Refuse(r) != nil || strings.Contains(field, "%") { // package url takes few that are encoded
			return
		}
		u, err := url.Parse("http://" + field + "/")
		if err != nil {
			t.Fatalf("%q is taken, and is no host: %v", field, err)
		}
		name := strings.TrimSuffix(u.Hostname(), ".")
		_, err = netip.ParseAddr(name)
		if lower := strings.ToLower(name); err != nil && lower != "localhost" && !strings.HasSuffix(lower, ".localhost") {
			t.Errorf("%q is taken, and names %q", field, name)
		}
		if bytes.ContainsAny([]byte(field), "@/\\?# \r\n") {
			t.Errorf("%q is taken", field)
		}
	})
}
