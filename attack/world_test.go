//go:build linux

package attack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/contend/internal/testproc"
)

// markEnv is a variable that every process of a [world] has, its children too.
const markEnv = "CONTEND_ATTACK"

// A world is what one attack may touch: a directory with runs and temporary files, and
// processes that are told by their mark.
type world struct {
	t         *testing.T
	dir, mark string
	disk      int64 // bytes of a file system at dir/disk that contend runs on; 0: none of its own
}

// newWorld makes a world that is gone when the test is over.
func newWorld(t *testing.T) *world {
	t.Helper()
	// Not t.TempDir: the user of PostgreSQL must get into it.
	dir, err := os.MkdirTemp("", "contend-attack-")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir, mark: filepath.Base(dir)}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(w.path("tmp"), 0o777), os.Chmod(w.path("tmp"), 0o777|os.ModeSticky)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, pid := range w.processes() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) path(elem ...string) string {
	return filepath.Join(append([]string{w.dir}, elem...)...)
}

// command returns contend with args, in this world and in a process group of its own, as a
// shell starts it.
func (w *world) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	if w.disk > 0 {
		testproc.OnDisk(w.t, cmd, w.path("disk"), w.disk)
	}
	return w.marked(cmd)
}

// bounded is command with at most so many MiB of address space.
func (w *world) bounded(mebibytes int, args ...string) *exec.Cmd {
	limit := fmt.Sprintf("ulimit -v %d; exec \"$0\" \"$@\"", mebibytes<<10)
	return w.marked(exec.Command("sh", append([]string{"-c", limit, binary}, args...)...))
}

func (w *world) marked(cmd *exec.Cmd) *exec.Cmd {
	cmd.Dir = w.dir
	// Docker is not part of it, and other tests' containers are theirs.
	cmd.Env = append(os.Environ(), markEnv+"="+w.mark, "TMPDIR="+w.path("tmp"), "DOCKER_HOST=unix:///nowhere")
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Setpgid = true
	return cmd
}

// processes returns the ids of this world's processes: they have its mark, or stand in its
// directory, as those of PostgreSQL do, which overwrite their environment.
func (w *world) processes() (pids []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		w.t.Error(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		environ, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		cwd, _ := os.Readlink(filepath.Join("/proc", e.Name(), "cwd"))
		if bytes.Contains(environ, []byte(markEnv+"="+w.mark)) || strings.HasPrefix(cwd, w.dir) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// awaitEmpty waits until no process of this world is left, for as long as a guard may take,
// and returns those that are.
func (w *world) awaitEmpty() (pids []int) {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if pids = w.processes(); len(pids) == 0 || time.Now().After(deadline) {
			return pids
		}
	}
}

// A server is contend node, balance or up, in a process of its own.
type server struct {
	addr string // host:port
	cmd  *exec.Cmd
	log  *output
}

// serve starts contend node or balance on a free port, and returns once it listens. It ends
// with the test; then it must not have panicked.
func (w *world) serve(args ...string) *server {
	w.t.Helper()
	ready, announce, err := os.Pipe()
	if err != nil {
		w.t.Fatal(err)
	}
	defer ready.Close()
	s := &server{cmd: w.command(append(args, "--listen", "127.0.0.1:0", "--ready-fd", "3")...), log: new(output)}
	s.cmd.ExtraFiles = []*os.File{announce}
	s.cmd.Stderr = s.log
	err = s.cmd.Start()
	announce.Close()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { s.stop() })
	line, err := io.ReadAll(ready)
	if s.addr = strings.TrimSpace(string(line)); err != nil || s.addr == "" {
		w.t.Fatalf("contend %s does not listen: %v\n%s", args[0], err, s.log)
	}
	return s
}

// kill ends the server as SIGKILL does.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	s.awaitEnd(time.Minute)
}

// stop ends the server in order. It may have ended.
func (s *server) stop() end {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	return s.awaitEnd(time.Minute)
}

// awaitEnd waits until the server has ended.
func (s *server) awaitEnd(patience time.Duration) end {
	e := end{out: s.log}
	e.wait(s.cmd, time.Now(), patience)
	return e
}

// memory returns a line of the server's /proc/PID/status that is in kB, in MiB. Once the
// server has ended it is 0.
func (s *server) memory(name string) int { return memory(s.cmd.Process.Pid, name) }

func memory(pid int, name string) int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	found := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		return 0
	}
	kB, _ := strconv.Atoi(string(found[1]))
	return kB >> 10
}

// healthy reports whether /health answers 200, or 503 where no node is behind a balancer: in
// JSON and within the patience of a health check.
func (s *server) healthy(status int) error {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + s.addr + "/health")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != status {
		return fmt.Errorf("/health is %d %s (%v)", resp.StatusCode, body, err)
	}
	return nil
}

// output keeps what a process prints: its begin, its end and how much it was.
type output struct {
	mu         sync.Mutex
	head, tail []byte
	size       int
}

const mostOutput = 1 << 20 // bytes of head and of tail

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.size += len(p)
	n := min(len(p), mostOutput-len(o.head))
	o.head = append(o.head, p[:n]...)
	o.tail = append(o.tail, p[n:]...)
	if len(o.tail) > mostOutput {
		o.tail = o.tail[len(o.tail)-mostOutput/2:]
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.head) + string(o.tail)
}

var panicked = regexp.MustCompile(`(?m)^panic: |^fatal error: |^goroutine \d+ |"msg":"panic"|runtime error: `)

// panic returns the line by which the output shows a panic; "" where there was none.
func (o *output) panic() string {
	s := o.String()
	at := panicked.FindStringIndex(s)
	if at == nil {
		return ""
	}
	return s[at[0]:min(len(s), at[0]+500)]
}

// An end is how a process ended that was waited for.
type end struct {
	code int // exit code; -1: by a signal
	took time.Duration
	late bool // it did not end in time, and was killed
	most int  // MiB of memory, as was seen while it ran
	out  *output
}

func (e end) String() string {
	s := e.out.String()
	if len(s) > 600 {
		s = s[:300] + " … " + s[len(s)-300:]
	}
	return fmt.Sprintf("exit code %d after %.1f s: %q", e.code, e.took.Seconds(), s)
}

// run starts cmd and waits for its end. After patience it kills it.
func run(t *testing.T, cmd *exec.Cmd, patience time.Duration) end {
	t.Helper()
	e := end{out: new(output)}
	cmd.Stdout, cmd.Stderr = e.out, e.out
	cmd.WaitDelay = 5 * time.Second
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e.wait(cmd, began, patience)
	return e
}

// wait waits for the end of cmd, a process group, and kills it after patience.
func (e *end) wait(cmd *exec.Cmd, began time.Time, patience time.Duration) {
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	late, look := time.NewTimer(patience), time.NewTicker(10*time.Millisecond)
	defer late.Stop()
	defer look.Stop()
	for running := true; running; {
		select {
		case <-ended:
			running = false
		case <-look.C:
			// Not the rusage of Wait, which begins with what the process had that started it.
			e.most = max(e.most, memory(cmd.Process.Pid, "VmHWM"))
		case <-late.C:
			e.late = true
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
	}
	e.took, e.code = time.Since(began), cmd.ProcessState.ExitCode()
}

// mostServer is what is promised of the memory of a node or a balancer, in MiB, whatever its
// clients do.
const mostServer = 352
