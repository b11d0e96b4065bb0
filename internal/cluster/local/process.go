package local

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/nodeclient"
	"example.com/contend/internal/proc"
)

// A Process is one contend that serves: a node or the balancer.
type Process struct {
	Name string
	Args []string // without --listen and --ready-fd
	Env  []string // beside ours
	Log  string   // path

	addr   string // "host:port", known once it has been ready
	engine string // version of its SQLite, likewise; the balancer has none
	trace  string // path; "" where it writes none

	*proc.Process      // nil until it has been started
	expected      bool // its end is no error: we killed or stopped it, or it was reported
}

// NewBalancer returns `contend balance` before nodes, each NAME=ADDRESS.
func NewBalancer(spec cluster.Spec, nodes []string) *Process {
	args := []string{"balance"}
	for _, node := range nodes {
		args = append(args, "--node", node)
	}
	if spec.AllowRemote {
		args = append(args, "--allow-remote")
	}
	args = append(args, allowHosts(spec.AllowHosts)...)
	if spec.SingleWriter {
		args = append(args, "--single-writer")
	}
	return &Process{Name: "balancer", Args: args, Log: filepath.Join(spec.Dir, "balancer.log")}
}

// allowHosts are the flags of a server that takes these names in a Host field.
func allowHosts(names []string) (flags []string) {
	for _, name := range names {
		flags = append(flags, "--allow-host", name)
	}
	return flags
}

// Start runs the process and waits until it is ready: it has announced its
// address on the pipe it inherited, and GET /health there answers 200.
func (p *Process) Start(ctx context.Context, binary, listen string) error {
	ready, announce, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	defer ready.Close()
	cmd := exec.Command(binary, append(p.Args, "--listen", listen, "--ready-fd", "3")...)
	cmd.ExtraFiles = []*os.File{announce}
	cmd.Env = append(os.Environ(), p.Env...)
	started, err := proc.StartLogged(cmd, p.Log)
	announce.Close()
	if err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	p.Process, p.expected = started, false
	stop := context.AfterFunc(ctx, func() { ready.SetReadDeadline(time.Now()) })
	defer stop()
	line, err := bufio.NewReader(ready).ReadString('\n')
	if err == nil {
		p.addr = strings.TrimSpace(line)
		err = p.Await(ctx, 10*time.Millisecond, func() (healthy bool) {
			p.engine, healthy = nodeclient.Healthy(ctx, p.URL())
			return healthy
		})
	}
	if err == nil {
		return nil
	}
	p.Kill()
	if ctx.Err() != nil {
		return fmt.Errorf("start %s: %w", p.Name, context.Cause(ctx))
	}
	return fmt.Errorf("start %s: it was not ready: %s", p.Name, proc.LastLine(p.Log))
}

// URL is where the process listens, "http://127.0.0.1:40001", once it is ready.
func (p *Process) URL() string { return "http://" + p.addr }

// Kill ends the process at once and waits for it.
func (p *Process) Kill() {
	if p.Running() {
		p.expected = true
		p.Process.Kill()
	}
}

// Stop ends the process with SIGTERM, and kills it when ctx is done first. It is
// an error where the process fails, or had ended before; a second Stop has none.
func (p *Process) Stop(ctx context.Context) error {
	if p.Process == nil || p.expected {
		return nil
	}
	p.expected = true
	if err := p.Process.Stop(ctx, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop %s: killed, it had not ended: %w (what it was doing: %s)", p.Name, err, p.Log)
	}
	if !p.State().Success() {
		return fmt.Errorf("stop %s: %s", p.Name, p.fate())
	}
	return nil
}

// fate says how the process ended: which signal ended it or, where it ended by
// itself, with which words.
func (p *Process) fate() string {
	state := p.State()
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return fmt.Sprintf("%s (log: %s)", state, p.Log)
	}
	return fmt.Sprintf("%s: %s", state, proc.LastLine(p.Log))
}
