package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestRoom(t *testing.T) {
	r := NewRoom(100)
	for _, step := range []struct {
		n    int64
		want bool
	}{{60, true}, {41, false}, {40, true}, {1, false}, {0, true}} {
		if got := r.Take(step.n); got != step.want {
			t.Errorf("take %d: %t", step.n, got)
		}
	}
	if r.Give(7); !r.Take(7) || r.Take(1) {
		t.Error("what was given back cannot be taken")
	}
}

func TestReadBody(t *testing.T) {
	const room = 200 << 10
	broken := errors.New("broken")
	for _, c := range []struct {
		name  string
		in    io.Reader
		n     int // bytes read
		taken bool
		err   error
	}{
		{"nothing", strings.NewReader(""), 0, false, nil},
		{"small", strings.NewReader("{}"), 2, false, nil},
		{"as much as is free", bytes.NewReader(make([]byte, FreeBody-1)), FreeBody - 1, false, nil},
		{"large", bytes.NewReader(make([]byte, 60<<10)), 60 << 10, true, nil},
		{"the longest", bytes.NewReader(make([]byte, 100<<10)), 100 << 10, true, nil},
		{"byte by byte", iotest.OneByteReader(bytes.NewReader(make([]byte, 20<<10))), 20 << 10, true, nil},
		{"broken", io.MultiReader(bytes.NewReader(make([]byte, 5<<10)), iotest.ErrReader(broken)), 5 << 10, true, broken},
		{"more than there is room for", bytes.NewReader(make([]byte, room)), -1, true, ErrFull},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := NewRoom(room)
			b, taken, err := r.ReadBody(c.in, nil, 100<<10)
			if err != c.err || c.n >= 0 && len(b) != c.n || (taken > 0) != c.taken {
				t.Errorf("%d bytes, %d taken, %v", len(b), taken, err)
			}
			if most := int64(2 * cap(b)); taken > most || taken > 0 && taken < most/2 {
				t.Errorf("%d taken for a buffer of %d", taken, cap(b))
			}
			if r.Give(taken); !r.Take(room) {
				t.Error("something was taken and not returned")
			}
		})
	}
}

// Who finds the door closed is told so; who leaves makes room.
func TestDoor(t *testing.T) {
	d := &Door{Most: 1, Answer: []byte("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	arrive := func() (visitor net.Conn, in bool) {
		visitor, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { visitor.Close() })
		host, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { host.Close() })
		return visitor, d.Enter(host)
	}
	if _, in := arrive(); !in {
		t.Fatal("the first was not let in")
	}
	for range 3 {
		visitor, in := arrive()
		if in {
			t.Fatal("the second was let in")
		}
		io.WriteString(visitor, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		visitor.SetDeadline(time.Now().Add(20 * time.Second))
		answer, err := http.ReadResponse(bufio.NewReader(visitor), nil)
		if err != nil || answer.StatusCode != http.StatusServiceUnavailable || !answer.Close {
			t.Errorf("answer %v, %v", answer, err)
		}
		visitor.Close()
	}
	d.Wait()
	d.Leave()
	if _, in := arrive(); !in {
		t.Error("nobody was let in after one had left")
	}
}
