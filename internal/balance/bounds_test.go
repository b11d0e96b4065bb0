package balance

import (
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

// serveBounded serves with a front that change has changed, until the test ends.
func serveBounded(t *testing.T, change func(*front)) (url string, f *front) {
	t.Helper()
	f = newFront(func(x *exchange) answer { return own(http.StatusOK, len(x.body)) }, http1.Guard{}, slog.New(slog.DiscardHandler))
	change(f)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- f.accept(ln) }()
	t.Cleanup(func() { ln.Close(); <-served; f.stop(0) })
	return "http://" + ln.Addr().String(), f
}

// A connection too many is told so, and there is room again when another has ended.
func TestTooManyClients(t *testing.T) {
	url, _ := serveBounded(t, func(f *front) { f.door = newDoor(2) })
	inside, _ := dial(t, url)
	dial(t, url)
	late, r := dial(t, url)
	io.WriteString(late, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	resp, body := next(t, r)
	wantError(t, resp, body, http.StatusServiceUnavailable, nodeapi.CodeBalancerFull)
	ended(t, r)
	inside.Close()
	for deadline := time.Now().Add(20 * time.Second); ; {
		c, r := dial(t, url)
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if resp, err := http.ReadResponse(r, nil); err == nil && resp.StatusCode == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("there is no room, although one has left")
		}
		time.Sleep(time.Millisecond)
	}
}

// Withheld large bodies take the room of large bodies, and nothing of the small ones.
func TestTooManyLargeBodies(t *testing.T) {
	const room = 100 << 10
	url, f := serveBounded(t, func(f *front) { f.room = http1.NewRoom(room) })
	withheld := fmt.Sprintf("POST /api/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n%s", strings.Repeat("x", 19_999))
	first, firstR := dial(t, url)
	io.WriteString(first, withheld)
	for f.room.Take(room / 2) { // until it has all that it needs
		f.room.Give(room / 2)
		time.Sleep(time.Millisecond)
	}
	second, r := dial(t, url)
	io.WriteString(second, withheld)
	resp, body := next(t, r)
	wantError(t, resp, body, http.StatusServiceUnavailable, nodeapi.CodeBalancerFull)
	ended(t, r)
	small, r := dial(t, url)
	io.WriteString(small, "POST /api/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
	if resp, body := next(t, r); resp.StatusCode != http.StatusOK || body != "2\n" {
		t.Errorf("a small request got %d %s", resp.StatusCode, body)
	}
	io.WriteString(first, "x")
	if resp, body := next(t, firstR); resp.StatusCode != http.StatusOK || body != "20000\n" {
		t.Errorf("the first got %d %s", resp.StatusCode, body)
	}
	for !f.room.Take(room) { // it is free although the connection stays
		time.Sleep(time.Millisecond)
	}
}
