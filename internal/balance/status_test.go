package balance

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// What clients asked is counted by node and by its end, and what nobody was asked for under /api/ is not.
func TestCounter(t *testing.T) {
	c, at := newCounter(2), time.Unix(1000, 0)
	for i, status := range []int{200, 201, 503, 409, 502} {
		c.saw(i%2, "/api/increment", status, time.Duration(i+1)*time.Millisecond, at)
	}
	c.saw(-1, "/api/write", 503, time.Second, at)
	if s := c.status(at); s.PerSecond != 0 || s.P99 != 0 {
		t.Errorf("the second is not over, and it has %d answers with p99 %g", s.PerSecond, s.P99)
	}
	s := c.status(at.Add(time.Second))
	if want := (Tally{6, 2, 2, 2}); s.Tally != want {
		t.Errorf("counted %+v, want %+v", s.Tally, want)
	}
	if want := (Tally{3, 1, 1, 1}); s.Nodes[0].Tally != want {
		t.Errorf("of the first node %+v, want %+v", s.Nodes[0].Tally, want)
	}
	if s.Increments != 1 || s.PerSecond != 6 || s.P99 < 1000 || s.P99 > 1010 {
		t.Errorf("%d increments, %d a second, p99 %g ms; want 1, 6 and 1000", s.Increments, s.PerSecond, s.P99)
	}
	if s := c.status(at.Add(3 * time.Second)); s.PerSecond != 0 || s.P99 != 0 || s.Requests != 6 {
		t.Errorf("after a second of rest it has %d answers of %d with p99 %g", s.PerSecond, s.Requests, s.P99)
	}
}

// The balancer's own account of what it passed on, as JSON and as a page.
func TestStatus(t *testing.T) {
	codes := []int{200, 503, 200, 500}
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code := http.StatusOK
		if r.URL.Path == "/api/increment" {
			code, codes = codes[0], codes[1:]
		}
		w.WriteHeader(code)
	}))
	defer node.Close()
	_, url := serve(t, nil, node.Listener.Addr().String())
	client := webClient(t)
	ask := func(method, path string) (int, string, http.Header) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body), resp.Header
	}
	for range 3 {
		ask("POST", "/api/increment")
	}
	ask("POST", "/app-1/api/increment")
	ask("GET", "/app-1/metrics") // not under /api/
	ask("GET", "/nothing")
	_, body, _ := ask("GET", "/status?format=json")
	var s Status
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	want := Tally{4, 2, 1, 1}
	if s.Tally != want || len(s.Nodes) != 1 || s.Nodes[0].Tally != want || s.Nodes[0].Name != "app-1" || s.Increments != 2 {
		t.Errorf("status is %s", body)
	}
	code, page, header := ask("GET", "/status")
	if code != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "text/html") || strings.Contains(page, "<script") ||
		!strings.Contains(page, "<td>app-1</td>") || !strings.Contains(page, "4 requests under /api/") {
		t.Errorf("%d, %v:\n%s", code, header, page)
	}
	if code, _, header := ask("POST", "/status"); code != http.StatusMethodNotAllowed || header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST is answered %d, %v", code, header)
	}
}
