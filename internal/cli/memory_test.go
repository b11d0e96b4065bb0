package cli

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/contend/internal/nodeapi"
)

// mostMemory is what docs/design.md promises of a server's memory, in MiB, whatever its
// clients withhold.
const mostMemory = 352

// memoryOf returns a line of a process's /proc/PID/status that is in kB, in MiB.
func memoryOf(t *testing.T, pid int, name string) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		t.Fatalf("no %s in %s", name, status)
	}
	kB, _ := strconv.Atoi(string(found[1]))
	return kB >> 10
}

// served starts the real contend as a server, and returns its address and process id.
func served(t *testing.T, args ...string) (addr string, pid int) {
	t.Helper()
	ready, announce, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	cmd := program(t.TempDir(), append(args, "--listen", "127.0.0.1:0", "--ready-fd", "3")...)
	cmd.ExtraFiles = []*os.File{announce}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	announce.Close()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", args[0], err)
		}
	})
	line, err := io.ReadAll(ready)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(line)), cmd.Process.Pid
}

// withheld are requests whose last byte never comes.
var withheld = map[string]string{
	"large bodies": fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", nodeapi.PathWrite, nodeapi.MaxBody, strings.Repeat("x", nodeapi.MaxBody-1)),
	"chunks":       fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n%s", nodeapi.PathWrite, strings.Repeat("x", nodeapi.MaxBody-2)),
	"small fields": "GET /health HTTP/1.1\r\nHost: localhost\r\n" + smallFields(),
	"one field":    "GET /health HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("a:\r\n", 1500),
}

// smallFields are as many fields of a head as it may have, each with a name of its own.
func smallFields() string {
	var b strings.Builder
	for i := 0; b.Len() < nodeapi.MaxHead-200; i++ {
		b.WriteString(strconv.FormatInt(int64(i), 36) + ":\r\n")
	}
	return b.String()
}

// Clients that withhold the end of their requests cost a server no more memory than the
// documents say, and it gives that back when they are gone.
func TestWithheldRequestsAreBounded(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the memory of a process is read from /proc")
	}
	design, err := os.ReadFile("../../docs/design.md")
	if promise := fmt.Sprintf("at most %d MiB", mostMemory); err != nil || !strings.Contains(string(design), promise) {
		t.Errorf("docs/design.md does not say %q (%v)", promise, err)
	}
	const clients, left = 600, 24 // MiB
	for name, args := range map[string][]string{
		"balancer": {"balance", "--node", "app-1=127.0.0.1:9", "--check-interval", "1h"},
		"node":     {"node", "--db", filepath.Join(t.TempDir(), "shared.db"), "--pool", "2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr, pid := served(t, args...)
			before := memoryOf(t, pid, "VmRSS")
			for kind, request := range withheld {
				var all sync.WaitGroup
				conns := make([]net.Conn, clients)
				for i := range conns {
					all.Go(func() {
						c, err := net.Dial("tcp", addr)
						if err != nil {
							t.Errorf("%s: %v", kind, err)
							return
						}
						conns[i] = c
						_ = c.SetDeadline(time.Now().Add(20 * time.Second))
						_, _ = io.WriteString(c, request) // some are refused before all of it is written
					})
				}
				all.Wait()
				for last := -1; last < memoryOf(t, pid, "VmRSS"); time.Sleep(100 * time.Millisecond) { // until it has read what there is
					last = memoryOf(t, pid, "VmRSS")
				}
				for _, c := range conns {
					if c != nil {
						c.Close()
					}
				}
				t.Logf("%s: at most %d MiB, %d at the start", kind, memoryOf(t, pid, "VmHWM"), before)
			}
			if most := memoryOf(t, pid, "VmHWM"); most > mostMemory {
				t.Errorf("it had %d MiB, want at most %d", most, mostMemory)
			}
			for deadline := time.Now().Add(20 * time.Second); memoryOf(t, pid, "VmRSS") > before+left; time.Sleep(50 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("it still has %d MiB, %d at the start", memoryOf(t, pid, "VmRSS"), before)
				}
			}
		})
	}
}
