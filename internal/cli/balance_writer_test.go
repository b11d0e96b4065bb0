package cli

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// serving starts a verb that serves, and returns its URL once it logs where. It
// is killed when the test ends, if not before.
func serving(t *testing.T, args ...string) (*exec.Cmd, string) {
	t.Helper()
	cmd := program(t.TempDir(), append(args, "--listen", "127.0.0.1:0")...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	drained := make(chan struct{})
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-drained; _ = cmd.Wait() })
	log := bufio.NewReader(stderr)
	defer func() { go func() { defer close(drained); _, _ = io.Copy(io.Discard, log) }() }()
	for {
		text, err := log.ReadBytes('\n')
		if err != nil {
			t.Fatalf("%v ended before it served: %v", args, err)
		}
		var line struct{ Msg, Address, Listen string }
		if json.Unmarshal(text, &line) == nil && line.Address+line.Listen != "" {
			return cmd, "http://" + line.Address + line.Listen
		}
	}
}

// increments has a client add one to the counter until stop is closed, and
// counts the answers by their status, 0 for none.
func increments(url string, stop <-chan struct{}, count func(status int)) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		resp, err := http.Post(url+"/api/increment", "application/json", strings.NewReader(`{"key":"k"}`))
		if err != nil {
			count(0)
			continue
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		count(resp.StatusCode)
	}
}

// The writer of three nodes on one file is killed under load. What was
// acknowledged is in the database, before and after the takeover; what the dead
// one had in hand is unknown, and a client may be caught twice: the kernel closes
// the connections of a dying process one by one, and its listener among them.
// Nothing is refused, for the locks of a dead process are gone at once.
func TestSingleWriterKilledOnOneFile(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "shared.db")
	args := []string{"balance", "--single-writer"}
	var nodes []*exec.Cmd
	for _, name := range []string{"app-1", "app-2", "app-3"} {
		node, url := serving(t, "node", "--db", db, "--name", name, "--preset", "green")
		nodes = append(nodes, node)
		args = append(args, "--node", name+"="+strings.TrimPrefix(url, "http://"))
	}
	_, url := serving(t, args...)

	var mu sync.Mutex
	statuses := map[int]int64{}
	acknowledged := func() int64 { mu.Lock(); defer mu.Unlock(); return statuses[http.StatusOK] }
	const clients, enough = 8, 40
	stop := make(chan struct{})
	var load sync.WaitGroup
	for range clients {
		load.Go(func() {
			increments(url, stop, func(status int) { mu.Lock(); defer mu.Unlock(); statuses[status]++ })
		})
	}
	reach := func(n int64) {
		for late := time.Now().Add(30 * time.Second); acknowledged() < n && time.Now().Before(late); {
			time.Sleep(time.Millisecond)
		}
	}
	reach(enough)
	_ = nodes[0].Process.Kill()
	before := acknowledged()
	reach(before + clients + enough)
	close(stop)
	load.Wait()

	resp, err := http.Get(url + "/api/counter?key=k")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var counter struct{ Value int64 }
	if err := json.NewDecoder(resp.Body).Decode(&counter); err != nil {
		t.Fatal(err)
	}
	t.Logf("answers by status %v, %d of them 200 before the kill; the counter reads %d", statuses, before, counter.Value)
	ok, unknown := statuses[http.StatusOK], statuses[http.StatusBadGateway]
	if ok < before+enough || unknown > 2*clients || ok+unknown != sum(statuses) {
		t.Errorf("answers by status %v, want 200 before and after the kill at %d, and 502 for at most %d", statuses, before, 2*clients)
	}
	if counter.Value < ok || counter.Value > ok+unknown {
		t.Errorf("the counter reads %d, want %d to %d", counter.Value, ok, ok+unknown)
	}
}

func sum(counts map[int]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}
