//go:build linux

package attack

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A request is a file of testdata/requests: comments, a line "want STATUS…", and Go strings,
// with a number before what is sent so many times:
//
//	# RFC 9112, 3.2: a client must send one Host
//	want 400
//	"GET /api/total HTTP/1.1\r\n"
//	200 "X-Field: x\r\n"
//	"\r\n"
//
// STATUS is that of each answer before the server ends the connection, "400|501" where the
// standard leaves it open, "200?" for one that may be missing, and none where nothing
// is to be answered.
type request struct {
	name  string
	want  []string
	bytes []byte
}

func requests(t *testing.T) (all []request) {
	t.Helper()
	paths, err := filepath.Glob("testdata/requests/*.http")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no requests (%v)", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := parseRequest(strings.TrimSuffix(filepath.Base(path), ".http"), string(text))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, r)
	}
	return all
}

func parseRequest(name, text string) (request, error) {
	r := request{name: name}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if want, ok := strings.CutPrefix(line, "want "); ok {
			r.want = strings.Fields(want)
			continue
		}
		number, quoted, ok := strings.Cut(line, " ")
		times, err := strconv.Atoi(number)
		if !ok || err != nil {
			times, quoted = 1, line
		}
		s, err := strconv.Unquote(quoted)
		if err != nil {
			return r, fmt.Errorf("%s: %w", line, err)
		}
		r.bytes = append(r.bytes, strings.Repeat(s, times)...)
	}
	if len(r.want) == 0 || len(r.bytes) == 0 {
		return r, errors.New("want no status, or nothing to send")
	}
	return r, nil
}

// An exchange is what came of bytes that were sent to a server.
type exchange struct {
	statuses   []int
	increments int   // of the answers, those that acknowledge an increment
	err        error // the answers are not HTTP
	reset      bool  // the connection was reset: answers may be lost
}

func (e exchange) String() string {
	if e.err != nil {
		return fmt.Sprint(e.statuses, " ", e.err)
	}
	return fmt.Sprint(e.statuses)
}

// send sends b and nothing more, and reads answers until the server ends the connection.
func send(addr string, b []byte) (e exchange) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		e.err = err
		return e
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	go func() {
		_, _ = c.Write(b) // a server may refuse before it has read all
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	in := bufio.NewReader(c)
	for {
		if _, err := in.Peek(1); err != nil {
			e.reset = err != io.EOF
			if errors.Is(err, os.ErrDeadlineExceeded) {
				e.err = errors.New("it neither answers nor ends the connection")
			}
			return e
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			e.err = err
			return e
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
		if err != nil {
			e.err = fmt.Errorf("status %d: %w", resp.StatusCode, err)
			return e
		}
		if resp.StatusCode < 200 {
			continue
		}
		e.statuses = append(e.statuses, resp.StatusCode)
		var answer struct {
			Success bool
			Value   *int64
		}
		if json.Unmarshal(body, &answer) == nil && answer.Success && answer.Value != nil {
			e.increments++
		}
	}
}

// fits reports whether the statuses are those that are wanted. Before a balancer without a
// node, what was sent in order is answered 503.
func (r request) fits(statuses []int, nodeless bool) bool {
	left := statuses
	for _, want := range r.want {
		if want == "none" {
			continue
		}
		some, optional := strings.CutSuffix(want, "?")
		ok := len(left) > 0 && (slices.Contains(strings.Split(some, "|"), strconv.Itoa(left[0])) || nodeless && left[0] == 503)
		switch {
		case ok && nodeless && left[0] < 300:
			return false
		case ok:
			left = left[1:]
		case !optional:
			return false
		}
	}
	return len(left) == 0
}

// A target is a server that requests are sent to.
type target struct {
	name     string
	addr     string
	nodeless bool      // a balancer whose node is not there
	servers  []*server // it, and what is behind it
	node     *server   // what does the increments; may be nil
}

// targets starts a node, a balancer whose node is not there, and one before a node of its own.
func targets(w *world) []target {
	first := w.serve("node", "--db", w.path("first.db"), "--pool", "4", "--synchronous", "OFF", "--think", "0", "--lab")
	second := w.serve("node", "--db", w.path("second.db"), "--pool", "4", "--synchronous", "OFF", "--think", "0", "--lab")
	alone := w.serve("balance", "--node", "app-1=127.0.0.1:9", "--check-interval", "1h")
	before := w.serve("balance", "--node", "app-1="+second.addr)
	return []target{
		{"node", first.addr, false, []*server{first}, first},
		{"balancer", alone.addr, true, []*server{alone}, nil},
		{"balancer before a node", before.addr, false, []*server{before, second}, second},
	}
}

// check counts a failure for each server that is not well after an attack.
func (at target) check(t *testing.T, y *tally) {
	t.Helper()
	for _, s := range at.servers {
		status := http.StatusOK
		if at.nodeless {
			status = http.StatusServiceUnavailable
		}
		if err := s.healthy(status); err != nil {
			y.failed(t, 1, "%s: %v", at.name, err)
		}
		if said := s.log.panic(); said != "" {
			y.failed(t, 1, "%s panicked: %s", at.name, said)
		}
		if most := s.memory("VmHWM"); most > mostServer {
			y.failed(t, 1, "%s had %d MiB, and %d are promised", at.name, most, mostServer)
		}
	}
}

// Each request is answered as the standard says, by a node, a balancer and both.
func TestRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := requests(t)
	for _, at := range targets(w) {
		for _, r := range all {
			malformed.tries(1)
			if e := send(at.addr, r.bytes); e.err != nil || !r.fits(e.statuses, at.nodeless) {
				malformed.failed(t, 1, "%s answers %s with %s, want %v", at.name, r.name, e, r.want)
			}
		}
		at.check(t, malformed)
	}
}

// Whatever a request was mutated into, the answers are HTTP, nobody panics, and what was
// acknowledged is what the node did: a request that two readers end in different places
// (smuggling) would be done, and its answer be somebody else's.
func TestMutatedRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	chance := chance(t)
	var seeds [][]byte
	for _, r := range requests(t) {
		times := 1
		if strings.HasPrefix(r.name, "good-") { // a little beside what is done
			times = 15
		}
		if len(r.bytes) < 4<<10 { // the others are all alike
			seeds = append(seeds, slices.Repeat([][]byte{r.bytes}, times)...)
		}
	}
	for _, at := range targets(w) {
		var all sync.WaitGroup
		var mu sync.Mutex
		acknowledged, resets := 0, 0
		work := make(chan []byte)
		for range 16 {
			all.Go(func() {
				for b := range work {
					e := send(at.addr, b)
					if e.err != nil {
						mutated.failed(t, 1, "%s answers %q with %s", at.name, b, e)
					}
					mu.Lock()
					acknowledged += e.increments
					if e.reset {
						resets++
					}
					mu.Unlock()
				}
			})
		}
		for range form(300, 20_000) {
			mutated.tries(1)
			work <- mutate(chance, seeds)
		}
		close(work)
		all.Wait()
		at.check(t, mutated)
		if at.node == nil {
			continue
		}
		done, err := incremented(at.node.addr)
		if err != nil || done < acknowledged || done > acknowledged+resets {
			mutated.failed(t, 1, "%s: %d increments were acknowledged, %d done, %d connections reset (%v)", at.name, acknowledged, done, resets, err)
		}
		t.Logf("%s: %d increments acknowledged, %d done, %d connections reset", at.name, acknowledged, done, resets)
	}
}

// mutate returns one of the seeds with some bytes changed, left out, repeated or taken from
// another one.
func mutate(chance *rand.Rand, seeds [][]byte) []byte {
	b := bytes.Clone(seeds[chance.IntN(len(seeds))])
	for range 1 + chance.IntN(4) {
		i := chance.IntN(len(b) + 1)
		j := min(len(b), i+1+chance.IntN(16))
		switch chance.IntN(6) {
		case 0: // another byte
			if i < len(b) {
				b[i] = byte(chance.IntN(256))
			}
		case 1: // a byte of those that mean something
			const telling = "\r\n\x00 :;,%/?#\t0"
			b = slices.Insert(b, i, telling[chance.IntN(len(telling))])
		case 2:
			b = slices.Delete(b, i, j)
		case 3:
			b = slices.Insert(b, i, bytes.Clone(b[i:j])...)
		case 4: // the end of another one
			other := seeds[chance.IntN(len(seeds))]
			b = append(b[:i:i], other[chance.IntN(len(other)):]...)
		case 5:
			b = b[:i]
		}
	}
	return b
}

// incremented returns how many increments a node has done: the sum of all counters that the
// requests name.
func incremented(addr string) (int, error) {
	resp, err := http.Get("http://" + addr + "/lab/facts")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var facts struct {
		Counters map[string]int
	}
	if err := json.NewDecoder(resp.Body).Decode(&facts); err != nil {
		return 0, err
	}
	sum := 0
	for _, n := range facts.Counters {
		sum += n
	}
	return sum, nil
}
