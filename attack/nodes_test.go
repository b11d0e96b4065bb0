//go:build linux

package attack

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A villain answers requests on a connection otherwise than a node does.
type villain struct {
	name   string
	answer func(c net.Conn, slowly time.Duration)
	passed bool // it is HTTP, so a balancer passes it on
}

func says(text string) func(net.Conn, time.Duration) {
	return func(c net.Conn, _ time.Duration) { _, _ = io.WriteString(c, text) }
}

// forever says begin, and then text until nobody reads any more.
func forever(begin, text string) func(net.Conn, time.Duration) {
	return func(c net.Conn, _ time.Duration) {
		_, _ = io.Copy(c, endless(begin, text))
	}
}

const (
	okHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	other  = "an answer to nobody" // must not be the answer to another request
)

var villains = []villain{
	{"garbage", says("\x00\x1b[2J\xff garbage\r\n\r\n"), false},
	{"nothing", says(""), false},
	{"a head without an end", forever(okHead, "X-Field: x\r\n"), false},
	{"a field without an end", forever(okHead+"X-Field: ", "x"), false},
	{"100 Continue without an end", forever("", "HTTP/1.1 100 Continue\r\n\r\n"), false},
	{"a body without an end", forever(okHead+"Transfer-Encoding: chunked\r\n\r\n", "8000\r\n"+strings.Repeat("[", 0x8000)+"\r\n"), true},
	{"a body of 2^62 bytes", forever(okHead+"Content-Length: 4611686018427387904\r\n\r\n", "["), true},
	{"a body that is cut off", says(okHead + "Content-Length: 1000\r\n\r\n{"), true},
	{"a negative length", says(okHead + "Content-Length: -1\r\n\r\n{}"), false},
	{"two lengths", says(okHead + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"), false},
	{"bad chunks", says(okHead + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), true},
	{"no JSON", says(okHead + "Content-Length: 3\r\n\r\nyes"), true},
	{"lists in one another", says(okHead + "Content-Length: 1048576\r\n\r\n" + strings.Repeat("[", 1<<20)), true},
	{"other types", says(okHead + "Content-Length: 50\r\n\r\n" + `{"status":1,"container":[],"lab":"yes","sqlite":{}}`[:50]), true},
	{"control characters", says("HTTP/1.1 503 \x1b[2J\r\nContent-Type: application/json\r\nContent-Length: 48\r\n\r\n" + `{"error":"\u001b[2J\u009b31m","code":"\u001b[2J"}`[:48]), true},
	{"a redirection to itself", says("HTTP/1.1 302 Found\r\nLocation: /health\r\nContent-Length: 0\r\n\r\n"), true},
	{"two answers", says(okHead + "Content-Length: 2\r\n\r\n{}" + okHead + "Content-Length: 19\r\n\r\n" + other), true},
	{"a byte now and then", func(c net.Conn, slowly time.Duration) {
		for _, b := range []byte(okHead + "Content-Length: 2\r\n\r\n{}") {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(slowly)
		}
	}, true},
	{"silence", func(c net.Conn, _ time.Duration) { _, _ = io.Copy(io.Discard, c) }, false},
}

// listen has the villain answer on a port of its own until the test ends.
func (v villain) listen(t *testing.T, slowly time.Duration) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			all.Go(func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					v.answer(c, slowly)
				}
			})
		}
	})
	return ln.Addr().String()
}

// Whatever a node answers, those who ask it end in time, in bounds and with the right exit code.
func TestHostileNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	slowly := form(30*time.Millisecond, time.Second)
	room := make(chan bool, 4)
	var all sync.WaitGroup
	for _, v := range villains {
		all.Go(func() {
			room <- true
			defer func() { <-room }()
			hostileNodes.tries(1)
			url := "http://" + v.listen(t, slowly)
			codes := []int{4}
			if v.passed { // 200 is health, whatever else it says
				codes = []int{0, 4}
			}
			if failure := w.asks(codes, 15*time.Second, "healthcheck", "--url", url+"/health", "--timeout", "1s"); failure != "" {
				hostileNodes.failed(t, 1, "%s to contend healthcheck: %s", v.name, failure)
			}
			if v.name == "silence" || *longForm || len(v.name)%5 == 0 {
				hostileNodes.tries(1)
				if failure := w.asks([]int{4}, time.Minute, "run", "busy", "--quick", "--arm", "separate/0", "-q", "--on", url); failure != "" {
					hostileNodes.failed(t, 1, "%s to contend run --on: %s", v.name, failure)
				}
			}
			w.behindBalancer(v, strings.TrimPrefix(url, "http://"))
		})
	}
	all.Wait()
}

// behindBalancer sends requests to a balancer whose node, at addr, is a villain.
func (w *world) behindBalancer(v villain, addr string) {
	balancer := w.serve("balance", "--node", "app-1="+addr, "--timeout", "1s", "--check-interval", "100ms")
	for range form(1, 20) {
		hostileNodes.tries(1)
		for _, failure := range behind(balancer.addr, v) {
			hostileNodes.failed(w.t, 1, "%s to contend balance: %s", v.name, failure)
		}
	}
	if most := balancer.memory("VmHWM"); most > mostServer {
		hostileNodes.failed(w.t, 1, "%s: the balancer had %d MiB, and %d are promised", v.name, most, mostServer)
	}
	if e := balancer.stop(); e.late || e.code != 0 || e.out.panic() != "" {
		hostileNodes.failed(w.t, 1, "%s: the balancer ended with %v", v.name, e)
	}
}

// mostAsker is what is promised of the memory of who asks a node, in MiB.
const mostAsker = 192

// asks runs contend, and returns what is wrong with its end.
func (w *world) asks(codes []int, patience time.Duration, args ...string) string {
	e := run(w.t, w.bounded(addressSpace, args...), patience)
	switch {
	case e.late, !slices.Contains(codes, e.code), e.out.panic() != "":
		return e.String()
	case e.most > mostAsker:
		return fmt.Sprintf("%d MiB of memory", e.most)
	}
	if at := commanding(e.out.String()); at != "" {
		return fmt.Sprintf("a terminal would obey %q", at)
	}
	return ""
}

// behind sends two requests on one connection to a balancer whose node is a villain.
func behind(addr string, v villain) (failures []string) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return []string{err.Error()}
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	in := bufio.NewReader(c)
	for range 2 {
		if _, err := io.WriteString(c, "POST /api/increment HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\n{\"key\":\"k\"}"); err != nil {
			break // after a body that was cut off there is no second request
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			if !v.passed {
				failures = append(failures, "no answer: "+err.Error())
			}
			break
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
		switch {
		case strings.Contains(string(body), other):
			failures = append(failures, "a client got the answer to another request")
		case !v.passed && resp.StatusCode < 500:
			failures = append(failures, fmt.Sprintf("%d %s", resp.StatusCode, body[:min(len(body), 200)]))
		}
		if err != nil || resp.Close || len(body) == 64<<20 {
			break
		}
	}
	return failures
}
