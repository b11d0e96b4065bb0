//go:build linux

package attack

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Nodes are killed in the midst of writing, again and again: `contend run crash` does so,
// with a ledger outside the database.
func TestKilledNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	args := []string{"run", "crash", "--json", "--seed", fmt.Sprint(*seed)}
	if !*longForm {
		args = append(args, "--quick")
	}
	for range form(1, 8) {
		cmd := w.command(args...)
		var doc bytes.Buffer
		e := end{out: new(output)}
		cmd.Stdout, cmd.Stderr = &doc, e.out
		began := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		e.wait(cmd, began, 2*time.Minute)
		var run struct {
			Experiments []struct {
				Arms []struct {
					Name      string
					Ops       struct{ OK int }
					Lost      *int
					Integrity string
					Error     string
					Trials    []struct {
						Faults []struct{ Kind string }
					}
				}
			}
		}
		if err := json.Unmarshal(doc.Bytes(), &run); err != nil {
			t.Fatalf("%v: %v", e, err)
		}
		for _, x := range run.Experiments {
			for _, arm := range x.Arms {
				for _, trial := range arm.Trials {
					for _, fault := range trial.Faults {
						if fault.Kind != "look" {
							killedNodes.tries(1)
						}
					}
				}
				killedWrites.tries(arm.Ops.OK)
				// synchronous=OFF may lose what a power cut takes, and nothing by a kill.
				switch {
				case arm.Error != "" || arm.Integrity != "ok":
					killedNodes.failed(t, 1, "%s: integrity %q, error %q", arm.Name, arm.Integrity, arm.Error)
				case arm.Lost == nil:
					killedNodes.failed(t, 1, "%s: what was lost is not known", arm.Name)
				case *arm.Lost > 0:
					killedWrites.failed(t, *arm.Lost, "%s: %d acknowledged writes are lost", arm.Name, *arm.Lost)
				}
			}
		}
	}
	if killedNodes.tried == 0 || killedWrites.tried == 0 {
		t.Error("nobody was killed, or nothing written")
	}
}

// up starts contend up with so many nodes and args beside. The server that it returns has the
// address of the balancer.
func (w *world) up(nodes int, args ...string) (*server, error) {
	s := &server{log: new(output), cmd: w.command(append([]string{"up", "--listen", "127.0.0.1:0", "--nodes", fmt.Sprint(nodes)}, args...)...)}
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	w.t.Cleanup(func() { s.stop() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) == 2 && fields[0] == "balancer" {
			s.addr = strings.TrimPrefix(fields[1], "http://")
		}
		if strings.HasPrefix(lines.Text(), "Ctrl-C") {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return s, nil
		}
	}
	return nil, fmt.Errorf("contend up did not start: %s", s.log)
}

// The balancer is killed in the midst of increments. What it has acknowledged is in the
// counter, no call was done twice, and the nodes go on.
func TestKilledBalancer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	chance := chance(t)
	args := []string{"balance", "--check-interval", "50ms"}
	var nodes []*server
	for n := range 2 {
		node := w.serve("node", "--db", w.path("shared.db"), "--think", "0", "--name", fmt.Sprint("app-", n+1))
		nodes, args = append(nodes, node), append(args, "--node", fmt.Sprintf("app-%d=%s", n+1, node.addr))
	}
	for n := range form(3, 60) {
		balancer := w.serve(args...)
		key := fmt.Sprint("kill-", n)
		sent, acknowledged := hammer(balancer.addr, key, time.Duration(20+chance.IntN(200))*time.Millisecond, balancer.kill)
		for _, node := range nodes {
			if err := node.healthy(http.StatusOK); err != nil {
				killedBal.failed(t, 1, "after a kill of the balancer: %v", err)
			}
		}
		judgeCounter(t, nodes[n%2].addr, key, sent, acknowledged)
	}
	if killedIncr.tried == 0 {
		t.Error("nothing was acknowledged")
	}
}

// judgeCounter counts one kill of a balancer, and the acknowledged increments that a node
// does not know of, or those that it has beyond those that were sent.
func judgeCounter(t *testing.T, addr, key string, sent, acknowledged int) {
	t.Helper()
	killedBal.tries(1)
	killedIncr.tries(acknowledged)
	value, err := counter(addr, key)
	switch {
	case err != nil:
		killedBal.failed(t, 1, "read the counter after a kill: %v", err)
	case value < acknowledged:
		killedIncr.failed(t, acknowledged-value, "%s: of %d acknowledged increments %d are there", key, acknowledged, value)
	case value > sent:
		killedIncr.failed(t, value-sent, "%s: %d increments were sent, and %d are there", key, sent, value)
	}
}

// The balancer of contend up is killed: up stops its nodes, says so and exits with 4, and the
// file has what was acknowledged.
func TestKilledBalancerOfUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	chance := chance(t)
	for n := range form(1, 10) {
		s, err := w.up(2, "--think", "0", "--dir", fmt.Sprint("runs-", n))
		if err != nil {
			t.Fatal(err)
		}
		sent, acknowledged := hammer(s.addr, "k", time.Duration(20+chance.IntN(200))*time.Millisecond, func() {
			for _, pid := range w.processes() {
				if commandLine(pid, "balance") {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
		})
		if e := s.awaitEnd(time.Minute); e.late || e.code != 4 || !strings.Contains(e.out.String(), "balancer ended") {
			killedBal.failed(t, 1, "contend up without its balancer: %v", e)
		}
		found, err := filepath.Glob(w.path(fmt.Sprint("runs-", n), "*", "shared.db"))
		if err != nil || len(found) != 1 {
			t.Fatalf("databases of contend up: %v (%v)", found, err)
		}
		node := w.serve("node", "--db", found[0])
		judgeCounter(t, node.addr, "k", sent, acknowledged)
		node.kill()
	}
}

// commandLine reports whether the process was started as contend VERB.
func commandLine(pid int, verb string) bool {
	line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	args := strings.Split(string(line), "\x00")
	return len(args) > 1 && args[1] == verb
}

// hammer increments key at addr by 16 clients, each request once, and has kill done after a
// while. It returns how many requests were sent, and how many acknowledged.
func hammer(addr, key string, after time.Duration, kill func()) (sent, acknowledged int) {
	var begun, done atomic.Int64
	dead := make(chan struct{})
	time.AfterFunc(after, func() { kill(); close(dead) })
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for {
				select {
				case <-dead:
					return
				default:
				}
				begun.Add(1)
				// A body without GetBody: the transport must not send it a second time.
				body := io.NopCloser(strings.NewReader(fmt.Sprintf(`{"key":%q}`, key)))
				resp, err := client.Post("http://"+addr+"/api/increment", "application/json", body)
				if err != nil {
					continue // it may have been done
				}
				var answer struct{ Success bool }
				err = json.NewDecoder(resp.Body).Decode(&answer)
				resp.Body.Close()
				if err == nil && answer.Success && resp.StatusCode == http.StatusOK {
					done.Add(1)
				}
			}
		})
	}
	all.Wait()
	return int(begun.Load()), int(done.Load())
}

// counter asks a node for the value of a counter.
func counter(addr, key string) (int, error) {
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + addr + "/api/counter?key=" + key)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var answer struct{ Value *int }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Value == nil {
		return 0, fmt.Errorf("status %d, no value (%v)", resp.StatusCode, err)
	}
	return *answer.Value, nil
}
