package node

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

// Two nodes of their own processes are sent SIGTERM in the middle of a load:
// every increment that was acknowledged is in the file, and none that was
// refused.
func TestNothingAcknowledgedIsLostAtSIGTERM(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shared.db")
	d := quick(func(d *store.Discipline) { d.Think, d.BusyTimeout = 1, 10_000 })
	nodes := []*process{startProcess(t, "app-1", path, d), startProcess(t, "app-2", path, d)}
	var acknowledged, unknown atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() { incrementUntilGone(nodes[i%2].url, &acknowledged, &unknown) })
	}
	for acknowledged.Load() < 100 {
		time.Sleep(time.Millisecond)
	}
	for _, n := range nodes {
		must(t, n.cmd.Process.Signal(syscall.SIGTERM))
	}
	wg.Wait()
	for _, n := range nodes {
		if err := n.cmd.Wait(); err != nil {
			t.Errorf("node ended with %v\n%s", err, n.log)
		}
		if !strings.Contains(n.log.String(), `"msg":"database closed"`) {
			t.Errorf("the log does not say that the database was closed:\n%s", n.log)
		}
	}
	facts, err := app.Inspect(t.Context(), sqlite.At(path))
	must(t, err)
	final := facts.Counters["k"]
	t.Logf("acknowledged %d, unknown %d, final %d", acknowledged.Load(), unknown.Load(), final)
	if final < acknowledged.Load() || final > acknowledged.Load()+unknown.Load() || facts.Integrity != "ok" {
		t.Errorf("final %d is not within %d acknowledged and %d unknown", final, acknowledged.Load(), unknown.Load())
	}
}

// incrementUntilGone sends increments over one connection until there is none.
func incrementUntilGone(url string, acknowledged, unknown *atomic.Int64) {
	transport := &http.Transport{MaxIdleConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for {
		resp, err := client.Post(url+nodeapi.PathIncrement, asJSON, strings.NewReader(`{"key":"k"}`))
		if err != nil {
			if !strings.Contains(err.Error(), "connection refused") {
				unknown.Add(1)
			}
			return
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		switch {
		case resp.StatusCode == http.StatusOK && err == nil:
			acknowledged.Add(1)
		case !nodeapi.Certain(resp.StatusCode):
			unknown.Add(1)
		}
	}
}

// A request that comes in whole only after SIGTERM is refused, not begun.
func TestRequestThatComesTooLateIsRefused(t *testing.T) {
	s := serve(t, quick(nil), func(n *Node) { n.slowGrace = time.Millisecond })
	release := hold(t, s) // keeps one request in flight, and so the node
	begun := make(chan reply)
	go func() {
		r, _ := try("POST", s.url+nodeapi.PathIncrement, `{"key":"k"}`)
		begun <- r
	}()
	awaitInFlight(t, s, 1)
	conn, err := net.Dial("tcp", s.addr)
	must(t, err)
	defer conn.Close()
	const body = `{"key":"k"}`
	// The server says "100 Continue" once it wants the body, and so has the header.
	_, err = io.WriteString(conn, "POST /api/increment HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n")
	must(t, err)
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	must(t, err)
	if resp.StatusCode != http.StatusContinue {
		t.Fatalf("got %d, want 100", resp.StatusCode)
	}
	stopped := make(chan error)
	go func() { stopped <- s.stop() }()
	for !strings.Contains(s.log.String(), `"msg":"stopping"`) {
		time.Sleep(time.Millisecond)
	}
	_, err = io.WriteString(conn, body)
	must(t, err)
	resp, err = http.ReadResponse(in, nil)
	must(t, err)
	var e nodeapi.Error
	must(t, json.NewDecoder(resp.Body).Decode(&e))
	resp.Body.Close()
	if resp.StatusCode != 503 || e.Code != nodeapi.CodeStopping || !resp.Close {
		t.Errorf("got %d %+v, close %t; want 503 STOPPING and a closed connection", resp.StatusCode, e, resp.Close)
	}
	release()
	if r := <-begun; r.status != 200 {
		t.Errorf("the request in flight got %d %s", r.status, r.body)
	}
	must(t, <-stopped)
	facts, err := app.Inspect(t.Context(), sqlite.At(s.path))
	must(t, err)
	if facts.Counters["k"] != 1 {
		t.Errorf("counter is %d, want the one acknowledged", facts.Counters["k"])
	}
}

// A node is told to stop while its requests are between two attempts, or wait for its one
// connection, or for the queue's writer: all are answered, those that waited as what has
// changed nothing, and none of them keeps the node.
func TestStopAnswersWhatWaits(t *testing.T) {
	const minute = time.Minute // longer than the test may take
	for name, change := range map[string]func(*store.Discipline){
		"for a retry": func(d *store.Discipline) {
			d.Retries, d.Backoff, d.Pool = 3, store.Backoff{Base: minute, Max: minute}, 8
		},
		"for a connection": func(d *store.Discipline) { d.Think, d.Pool = 300, 1 },
		"for the writer":   func(d *store.Discipline) { d.Think, d.Writer = 300, store.Queue },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "shared.db")
			d := quick(func(d *store.Discipline) { d.BusyTimeout = 0; change(d) })
			n := startProcess(t, "app-1", path, d)
			if d.Retries > 0 {
				holdFrom(t, startProcess(t, "app-2", path, d))
			}
			const clients = 8
			answers := make(chan reply, clients)
			for i := range clients {
				go func() {
					r, err := try("POST", n.url+nodeapi.PathIncrement, `{"key":"k"}`)
					if err != nil {
						r.body = err.Error()
					}
					answers <- r
				}()
				if i == 0 || i == clients-1 { // the first is to be at work when the others come
					for !strings.Contains(send(t, "GET", n.url+"/metrics?format=prometheus", "").body, fmt.Sprintf("contend_in_flight_requests %d\n", i+2)) {
						time.Sleep(time.Millisecond)
					}
				}
			}
			must(t, n.cmd.Process.Signal(syscall.SIGTERM))
			refused := 0
			for range clients {
				switch r := <-answers; r.status {
				case http.StatusOK:
				case http.StatusServiceUnavailable:
					refused++
				default:
					t.Errorf("got %d %s, want 200 or 503", r.status, r.body)
				}
			}
			if err := n.cmd.Wait(); err != nil || refused < clients/2 {
				t.Errorf("%d were refused, and the node ended with %v\n%s", refused, err, n.log)
			}
			if d.Retries > 0 {
				return // the other node has the file open
			}
			facts, err := app.Inspect(t.Context(), sqlite.At(path))
			must(t, err)
			if facts.Counters["k"] != int64(clients-refused) {
				t.Errorf("counter is %d, want the %d that were acknowledged", facts.Counters["k"], clients-refused)
			}
		})
	}
}

// holdFrom has a node hold the write lock until the test ends. It is told to stop then, with
// most of a minute to go, and gives it back.
func holdFrom(t *testing.T, n *process) {
	t.Helper()
	resp, err := client.Post(n.url+nodeapi.PathHold, asJSON, strings.NewReader(`{"ms":60000}`)) // the header comes with the lock
	must(t, err)
	t.Cleanup(func() {
		must(t, n.cmd.Process.Signal(syscall.SIGTERM))
		_, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err := errors.Join(err, n.cmd.Wait()); err != nil {
			t.Errorf("the node that held the lock ended with %v\n%s", err, n.log)
		}
	})
}

// A crash on request ends the process in mid-transaction, and takes nothing
// acknowledged with it.
func TestCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shared.db")
	n := startProcess(t, "app-1", path, quick(func(d *store.Discipline) { d.Synchronous = store.Full }))
	for range 3 {
		if got := send(t, "POST", n.url+nodeapi.PathIncrement, `{"key":"k"}`); got.status != 200 {
			t.Fatalf("got %d %s", got.status, got.body)
		}
	}
	resp, err := client.Post(n.url+nodeapi.PathCrash, asJSON, strings.NewReader(`{"after_ms":1}`))
	must(t, err)
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the answer to a crash came to its end")
	}
	resp.Body.Close()
	_ = n.cmd.Wait()
	if status, ok := n.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Errorf("the node ended with %v, want SIGKILL", n.cmd.ProcessState)
	}
	facts, err := app.Inspect(t.Context(), sqlite.At(path))
	must(t, err)
	if facts.Counters["k"] != 3 || facts.Records != 0 || facts.Integrity != "ok" {
		t.Errorf("facts are %+v", facts)
	}
}
