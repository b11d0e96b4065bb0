//go:build bench

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/contend/internal/testproc"
)

// The most system calls a request, a figure that no machine changes: a call that
// is made in vain shows here first. What the Go runtime's threads do to sleep and
// to wake each other is not in it, for that goes with the time. Counted when this
// was written: load client 2.1 (before 3.8, wrk 4.1), balancer 5.8 (before 7.2,
// nginx 5.2).
const (
	maxLoadCalls    = 2.5
	maxBalanceCalls = 6.5
)

var ofTime = []string{"nanosleep", "futex", "sched_yield"}

// TestSystemCalls counts with strace what TestLoadDriver and
// TestBalanceThroughput time: the load client beside wrk and hey, and the
// balancer beside nginx. Each is stopped at every call, so nothing is timed here.
func TestSystemCalls(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("strace is not on PATH: install the package strace (Debian, Ubuntu) and run again")
	}
	need(t, "wrk", "hey", "nginx")
	url := "http://" + testproc.Start(t, "load server").Addr
	for _, g := range []struct {
		name  string
		cmd   *exec.Cmd
		count string
		most  float64
	}{
		{"contend", testproc.Command("load driver", url), driverCount, maxLoadCalls},
		{"wrk", wrkLoad(t, url), wrkCount, 0},
		{"hey", heyLoad(url), heyCount, 0},
	} {
		summary := filepath.Join(t.TempDir(), "strace")
		g.cmd.Args = append([]string{"strace", "-f", "-c", "-o", summary, g.cmd.Path}, g.cmd.Args[1:]...)
		g.cmd.Path, _ = exec.LookPath("strace")
		checkCalls(t, "load client", g.name, summary, loadRequests(t, g.cmd, g.count), g.most)
	}

	_, addrs := startNodes(t)
	ours := testproc.Start(t, "balancer", addrs...)
	nginx, master := startNginx(t, addrs)
	for _, url := range []string{"http://" + ours.Addr, nginx} { // so that workers run and connections to the nodes are there
		loadRequests(t, wrkLoad(t, url), wrkCount)
	}
	workers, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", master))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []struct {
		name, url string
		pids      []string
		most      float64
	}{
		{"contend", "http://" + ours.Addr, []string{strconv.Itoa(ours.PID())}, maxBalanceCalls},
		{"nginx", nginx, strings.Fields(string(workers)), 0},
	} {
		summary := filepath.Join(t.TempDir(), "strace")
		trace := exec.Command("strace", "-f", "-c", "-o", summary, "-p", strings.Join(b.pids, ","))
		if err := trace.Start(); err != nil {
			t.Fatal(err)
		}
		for _, pid := range b.pids {
			awaitTracer(t, pid)
		}
		requests := loadRequests(t, wrkLoad(t, b.url), wrkCount)
		_ = trace.Process.Signal(syscall.SIGINT)
		_ = trace.Wait() // by the signal
		checkCalls(t, "balancer", b.name, summary, requests, b.most)
	}
}

// awaitTracer waits until the process is traced.
func awaitTracer(t *testing.T, pid string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		status, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(status), "TracerPid:\t0\n") {
			return
		}
	}
	t.Fatalf("strace does not attach to process %s", pid)
}

// checkCalls logs strace's summary by request, and checks the sum if most is not 0.
func checkCalls(t *testing.T, what, name, summary string, requests, most float64) {
	t.Helper()
	text, err := os.ReadFile(summary)
	if err != nil {
		t.Fatal(err)
	}
	sum, words := 0.0, ""
	for line := range strings.Lines(string(text)) {
		// % time, seconds, µs a call, calls, errors or nothing, the call's name
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		calls, err := strconv.ParseFloat(fields[3], 64)
		if err != nil {
			continue
		}
		call, each := fields[len(fields)-1], calls/requests
		if call != "total" && !slices.Contains(ofTime, call) {
			sum += each
		}
		if each >= 0.02 {
			words += fmt.Sprintf(" %s %.2f", call, each)
		}
	}
	t.Logf("%s %-8s %5.2f system calls a request (%.0f requests):%s", what, name, sum, requests, words)
	if most > 0 && !(sum > 1 && sum <= most) {
		t.Errorf("%s: %.2f system calls a request, want at most %.1f", what, sum, most)
	}
}
