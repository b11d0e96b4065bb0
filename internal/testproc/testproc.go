// Package testproc lets the binary of a package's tests be other programs too:
// a node or a balancer in a process of its own, that can be killed as one.
//
// The binary starts itself again, with the role to play in its environment. A process
// started so ends when the test process does, however that ends.
package testproc

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// roleEnv names the role that the process is to play.
const roleEnv = "CONTEND_TEST_ROLE"

// A Role is what a process does instead of running tests. Its error ends the
// process with exit code 1.
type Role func(args []string) error

// Main plays the role that the process was started for, and exits. It returns
// where it was started to run tests.
//
//	func TestMain(m *testing.M) {
//		testproc.Main(map[string]testproc.Role{"node": serveNode})
//		os.Exit(m.Run())
//	}
func Main(roles map[string]Role) {
	name := os.Getenv(roleEnv)
	if name == "" {
		return
	}
	role, ok := roles[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "testproc: these tests have no role %q\n", name)
		os.Exit(2)
	}
	if err := role(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "testproc: %s: %v\n", name, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Command returns a command that plays the role. It is not started yet.
func Command(role string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	return cmd
}

// Lacks skips a test for what this machine lacks, or fails it where nothing may be skipped: in CI.
func Lacks(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("nothing may be skipped in CI, but: "+format, args...)
	}
	t.Skipf("not tested here: "+format, args...)
}

// Listen is for roles that serve: it listens at the TCP address, tells [Start]
// where, and from then on ends the process when the test process is gone.
func Listen(addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); os.Exit(0) }()
	fmt.Println(ln.Addr())
	return ln, nil
}

// A Process is a role that serves, in a process of its own.
type Process struct {
	Addr string // host:port where it listens
	cmd  *exec.Cmd
}

// Start starts the role, which must call [Listen], and returns once it listens.
// It is killed when the test ends.
func Start(t testing.TB, role string, args ...string) *Process {
	t.Helper()
	p := &Process{cmd: Command(role, args...)}
	p.cmd.Stderr = os.Stderr
	if _, err := p.cmd.StdinPipe(); err != nil { // its end is the end of the test process
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", role, err)
	}
	t.Cleanup(p.Kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("start %s: it did not say where it listens: %v", role, err)
	}
	p.Addr = strings.TrimSpace(line)
	return p
}

// PID returns the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Kill ends the process as kill -9 does, and returns when it is gone. It may be
// called again.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// AwaitEnd waits until the process pid is gone, for 5 s at most. The kernel sends
// the parent-death signal at once; to reap the orphan may take a moment.
func AwaitEnd(t testing.TB, pid int) {
	t.Helper()
	for range 500 {
		if !Alive(pid) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d outlived its parent", pid)
}

// Alive reports whether pid runs; a zombie does not.
func Alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}

// Children returns the ids of this process's children. It reads nothing below /proc/PID/task;
// package proc says why.
func Children(t testing.TB) []string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	for _, path := range stats {
		stat, _ := os.ReadFile(path)                   // one that has ended has no parent
		_, after, _ := strings.Cut(string(stat), ") ") // state, ppid, …
		if fields := strings.Fields(after); len(fields) > 1 && fields[1] == fmt.Sprint(os.Getpid()) {
			pids = append(pids, filepath.Base(filepath.Dir(path)))
		}
	}
	return pids
}
