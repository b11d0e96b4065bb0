package node

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/contend/internal/http1"
	"example.com/contend/internal/nodeapi"
)

// refusedAsOverloaded checks the answer on a connection that the node ends after it.
func refusedAsOverloaded(t *testing.T, conn net.Conn) {
	t.Helper()
	must(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	body, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusServiceUnavailable || !answer.Close || !strings.Contains(string(body), nodeapi.CodeOverloaded) {
		t.Errorf("%d %s, close %t", answer.StatusCode, body, answer.Close)
	}
}

// A connection too many is told so, and there is room again when another has ended.
func TestTooManyConnections(t *testing.T) {
	s := serve(t, quick(nil), func(n *Node) { n.door.Most = 2 })
	var conns []net.Conn
	for range 2 {
		conn, err := net.Dial("tcp", s.addr)
		must(t, err)
		defer conn.Close()
		conns = append(conns, conn)
	}
	refusedAsOverloaded(t, increment(t, s))
	conns[0].Close()
	for deadline := time.Now().Add(20 * time.Second); ; {
		got, err := try("POST", s.url+nodeapi.PathIncrement, `{"key":"k"}`)
		if err == nil && got.status == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("with room for one: %d %s, %v", got.status, got.body, err)
		}
		time.Sleep(time.Millisecond)
	}
}

// Withheld large bodies take the room of large bodies, and nothing of the small ones.
func TestTooManyLargeBodies(t *testing.T) {
	room := http1.NewRoom(100 << 10)
	s := serve(t, quick(nil), func(n *Node) { n.room = room })
	withhold := func() net.Conn {
		conn, err := net.Dial("tcp", s.addr)
		must(t, err)
		t.Cleanup(func() { conn.Close() })
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n%s", nodeapi.PathWrite, strings.Repeat("x", 19_999))
		must(t, err)
		return conn
	}
	first := withhold()
	for room.Take(50 << 10) { // until it has all that it needs
		room.Give(50 << 10)
		time.Sleep(time.Millisecond)
	}
	refusedAsOverloaded(t, withhold())
	if got := send(t, "POST", s.url+nodeapi.PathIncrement, `{"key":"k"}`); got.status != http.StatusOK {
		t.Errorf("a small request got %d %s", got.status, got.body)
	}
	first.Close()
	for !room.Take(100 << 10) {
		time.Sleep(time.Millisecond)
	}
}
