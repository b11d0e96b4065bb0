//go:build bench

// Package bench measures contend's own parts against well-known tools. Its
// tests need those tools and a quiet machine, and assert ratios only:
//
//	go test -tags bench -run TestLoadDriver -v ./bench
package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/load"
	"example.com/contend/internal/run"
	"example.com/contend/internal/testproc"
	"example.com/contend/internal/workload"
)

const (
	loadConnections = 64
	loadSeconds     = 2
	loadRounds      = 7

	maxOfWrk = 1.5  // our CPU per request, as a multiple of wrk's: about 1.2 when this was written
	maxOfHey = 0.25 // and of hey's; wrk itself is at 0.21
)

// TestLoadDriver holds the load driver against wrk and hey: 64 connections in
// a closed loop, posting the same small body to the same trivial server. The
// three take turns, so that a noisy moment meets all of them.
func TestLoadDriver(t *testing.T) {
	need(t, "wrk", "hey")
	url := "http://" + testproc.Start(t, "load server").Addr
	rounds := map[string][]loadFigures{}
	for round := range loadRounds {
		for _, g := range []struct {
			name  string
			cmd   *exec.Cmd
			count string
		}{
			{"contend", testproc.Command("load driver", url), driverCount},
			{"wrk", wrkLoad(t, url), wrkCount},
			{"hey", heyLoad(url), heyCount},
		} {
			f := measureLoad(t, g.cmd, g.count)
			t.Logf("round %d  %-8s %6.2f µs CPU a request, %7.0f requests/s", round+1, g.name, f.cpu, f.rate)
			rounds[g.name] = append(rounds[g.name], f)
		}
	}
	ours := rounds["contend"]
	compareCPU(t, "wrk", ours, rounds["wrk"], maxOfWrk)
	compareCPU(t, "hey", ours, rounds["hey"], maxOfHey)
}

// compareCPU compares round by round: what slows a whole round slows both.
func compareCPU(t *testing.T, name string, ours, theirs []loadFigures, most float64) {
	t.Helper()
	var ratios []float64
	for i := range ours {
		ratios = append(ratios, ours[i].cpu/theirs[i].cpu)
	}
	ratio := median(ratios)
	t.Logf("CPU a request: contend %.2f µs, %s %.2f µs; median ratio of %d rounds %.3f (at most %.2f)",
		loadMedian(ours).cpu, name, loadMedian(theirs).cpu, len(ours), ratio, most)
	t.Logf("requests/s: contend %.0f, %s %.0f", loadMedian(ours).rate, name, loadMedian(theirs).rate)
	if ratio > most {
		t.Errorf("CPU per request is %.3f times %s's, want at most %.2f", ratio, name, most)
	}
}

// loadFigures is what one run of a generator cost and did.
type loadFigures struct {
	cpu  float64 // µs of user and system time a request
	rate float64 // requests a second
}

func loadMedian(all []loadFigures) loadFigures {
	var cpu, rate []float64
	for _, f := range all {
		cpu, rate = append(cpu, f.cpu), append(rate, f.rate)
	}
	return loadFigures{cpu: median(cpu), rate: median(rate)}
}

// What each generator prints of its requests: how many were answered, and of how many.
const (
	driverCount = `(\d+) ok of (\d+)`
	wrkCount    = `(\d+) requests in`
	heyCount    = `\[200\]\s+(\d+) responses`
)

func wrkLoad(t *testing.T, url string) *exec.Cmd {
	return exec.Command("wrk", "-t2", "-c"+strconv.Itoa(loadConnections), fmt.Sprintf("-d%ds", loadSeconds),
		"-s", wrkPost(t, loadBody()), url+loadCall().Path)
}

func heyLoad(url string) *exec.Cmd {
	return exec.Command("hey", "-z", fmt.Sprintf("%ds", loadSeconds), "-c", strconv.Itoa(loadConnections),
		"-m", "POST", "-T", "application/json", "-d", loadBody(), url+loadCall().Path)
}

// loadRequests runs cmd and finds in its output how many requests it made.
func loadRequests(t *testing.T, cmd *exec.Cmd, count string) float64 {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("run %s: %v\n%s", cmd, err, out)
	}
	match := regexp.MustCompile(count).FindSubmatch(out)
	if match == nil {
		t.Fatalf("run %s: no count in its output:\n%s", cmd, out)
	}
	if bytes.Contains(out, []byte("Non-2xx")) || len(match) == 3 && !bytes.Equal(match[1], match[2]) {
		t.Fatalf("run %s: not all requests were answered:\n%s", cmd, out)
	}
	n, err := strconv.ParseFloat(string(match[1]), 64)
	if err != nil || n == 0 {
		t.Fatalf("run %s: %q requests", cmd, match[1])
	}
	return n
}

func measureLoad(t *testing.T, cmd *exec.Cmd, count string) loadFigures {
	t.Helper()
	n := loadRequests(t, cmd, count)
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return loadFigures{cpu: float64(used.Microseconds()) / n, rate: n / loadSeconds}
}

func loadCall() workload.Call {
	return workload.Increment{Key: "counter"}.Call(0, 0, nil)
}

func loadBody() string { return string(loadCall().Body) }

// driveLoad is our generator: the whole of it, every op recorded and sorted.
func driveLoad(args []string) error {
	newClient, err := load.HTTP(args[0])
	if err != nil {
		return err
	}
	spec := run.Load{Arrival: run.Closed, Clients: loadConnections, Duration: loadSeconds * time.Second}
	res, err := load.Run(context.Background(), spec, load.Options{NewClient: newClient, Workload: workload.Increment{Key: "counter"}})
	if err != nil {
		return err
	}
	ok := 0
	for i := range res.Ops {
		if res.Ops[i].Outcome == history.OK {
			ok++
		}
	}
	fmt.Printf("%d ok of %d\n", ok, len(res.Ops))
	return nil
}

// serveLoad gives every request the same answer, as cheaply as Go can, so that
// the generators and not the server set the pace.
func serveLoad([]string) error {
	listener, err := testproc.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go answerLoad(conn)
	}
}

func answerLoad(conn net.Conn) {
	defer conn.Close()
	const body = `{"success":true,"value":17,"container":"app-1"}`
	answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	in := bufio.NewReader(conn)
	for {
		length := 0
		for {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(line) <= 2 {
				break
			}
			if name, value, ok := bytes.Cut(line, []byte(":")); ok && bytes.EqualFold(name, []byte("Content-Length")) {
				length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
			}
		}
		if _, err := in.Discard(length); err != nil {
			return
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}
