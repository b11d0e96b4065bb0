//go:build linux

package attack

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	mostBody = 64 << 10 // bytes of a request's body, by the API
	keptRest = 32       // MiB that a server may keep after its slow clients, beyond what it had before
)

// slowness are ways to be slow. Each sends what it sends, until stop, and returns.
var slowness = map[string]func(c net.Conn, stop <-chan struct{}){
	"withholds the last byte of a body":                  withholds(fmt.Sprintf("Content-Length: %d\r\n\r\n%s", mostBody, strings.Repeat("x", mostBody-1))),
	"withholds the last byte of a body that is too long": withholds(fmt.Sprintf("Content-Length: %d\r\n\r\n%s", 1<<20, strings.Repeat("x", 1<<20-1))),
	"withholds the last chunk":                           withholds("Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\nx\r\n", mostBody-1)),
	"withholds the end of a head":                        withholds(strings.Repeat("a:\r\n", 1500)),
	"reads nothing": func(c net.Conn, stop <-chan struct{}) {
		_ = c.(*net.TCPConn).SetReadBuffer(1 << 10)
		all := []byte(strings.Repeat("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 100))
		for {
			select {
			case <-stop:
				return
			default:
			}
			_ = c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
			n, err := c.Write(all)
			if all = all[n:]; len(all) == 0 || err != nil {
				<-stop
				return
			}
		}
	},
	"sends a byte now and then": func(c net.Conn, stop <-chan struct{}) {
		for _, b := range []byte("POST /api/increment HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\n") {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
			select {
			case <-stop:
				return
			case <-time.After(form(200*time.Millisecond, time.Second)):
			}
		}
	},
}

// withholds returns a slowness that sends text after the begin of a head, and nothing more.
func withholds(text string) func(net.Conn, <-chan struct{}) {
	all := []byte("POST /api/write HTTP/1.1\r\nHost: localhost\r\n" + text)
	return func(c net.Conn, stop <-chan struct{}) {
		_, _ = c.Write(all) // a server may refuse before it has read all
		<-stop
	}
}

// However slow clients are, a server's memory is bounded and given back.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := slices.Sorted(maps.Keys(slowness))
	waves := [][]string{all}
	if *longForm {
		for _, kind := range all {
			waves = append(waves, []string{kind})
		}
	}
	for _, at := range targets(w) {
		s := at.servers[0]
		before := s.memory("VmRSS")
		for _, kinds := range waves {
			beside := attackSlowly(at, kinds, form(480, 2000)/len(kinds))
			t.Logf("%s: after clients of which each %s: %d MiB, at most %d so far", at.name, strings.Join(kinds, " or "), s.memory("VmRSS"), s.memory("VmHWM"))
			if beside.err != nil || len(beside.statuses) != 1 {
				slow.failed(t, 1, "%s: beside clients of which each %s, another is answered %s", at.name, strings.Join(kinds, " or "), beside)
			}
		}
		most := s.memory("VmHWM")
		if most > mostServer {
			slow.failed(t, 1, "%s had %d MiB, and %d are promised", at.name, most, mostServer)
		}
		left := s.memory("VmRSS")
		for deadline := time.Now().Add(20 * time.Second); left > before+keptRest && time.Now().Before(deadline); left = s.memory("VmRSS") {
			time.Sleep(50 * time.Millisecond)
		}
		if left > before+keptRest {
			slow.failed(t, 1, "%s still has %d MiB; it had %d before", at.name, left, before)
		}
		t.Logf("%s: %d MiB before, at most %d, %d after", at.name, before, most, left)
		at.check(t, slow)
	}
}

// attackSlowly connects so many clients of each kind to a server, and leaves after a while. It
// returns how another client was answered meanwhile.
func attackSlowly(at target, kinds []string, clients int) (beside exchange) {
	stop := make(chan struct{})
	var all sync.WaitGroup
	for _, kind := range kinds {
		slow.tries(clients)
		for range clients {
			all.Go(func() {
				c, err := net.Dial("tcp", at.addr)
				if err != nil {
					return // it takes no more
				}
				go func() { <-stop; c.Close() }()
				slowness[kind](c, stop)
				<-stop
			})
		}
	}
	time.Sleep(form(500*time.Millisecond, 5*time.Second))
	beside = send(at.addr, []byte("GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
	close(stop)
	all.Wait()
	return beside
}
