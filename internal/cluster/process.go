package cluster

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"example.com/contend/internal/nodeclient"
	"example.com/contend/internal/proc"
)

// A process is one contend: a node or the balancer.
type process struct {
	name string
	args []string // without --listen and --ready-fd
	env  []string // beside ours
	addr string   // "host:port", known once it has been ready
	log  string   // path

	engine string // version of its SQLite, known once it has been ready; the balancer has none
	trace  string // path; "" where it writes none

	*proc.Process      // nil until it has been started
	killed        bool // by us, so that its end is no error
}

// start runs the process and waits until it is ready: it has announced its
// address on the pipe it inherited, and GET /health there answers 200.
func (p *process) start(ctx context.Context, binary, listen string) error {
	ready, announce, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	defer ready.Close()
	cmd := exec.Command(binary, append(p.args, "--listen", listen, "--ready-fd", "3")...)
	cmd.ExtraFiles = []*os.File{announce}
	cmd.Env = append(os.Environ(), p.env...)
	started, err := proc.StartLogged(cmd, p.log)
	announce.Close()
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	p.Process, p.killed = started, false
	stop := context.AfterFunc(ctx, func() { ready.SetReadDeadline(time.Now()) })
	defer stop()
	line, err := bufio.NewReader(ready).ReadString('\n')
	if err == nil {
		p.addr = strings.TrimSpace(line)
		err = p.Await(ctx, 10*time.Millisecond, func() (healthy bool) {
			p.engine, healthy = nodeclient.Healthy(ctx, "http://"+p.addr)
			return healthy
		})
	}
	if err == nil {
		return nil
	}
	p.kill()
	if ctx.Err() != nil {
		return fmt.Errorf("start %s: %w", p.name, context.Cause(ctx))
	}
	return fmt.Errorf("start %s: it was not ready: %s", p.name, lastWords(p.log))
}

// kill ends the process at once and waits for it.
func (p *process) kill() {
	if p.Running() {
		p.killed = true
		p.Kill()
	}
}

// stop asks the process to end, waits for it, and kills it when ctx is done first.
func (p *process) stop(ctx context.Context) error {
	if p.Process == nil || p.killed {
		return nil
	}
	p.killed = true // a second stop has nothing to say of it
	if err := p.Stop(ctx, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop %s: killed, it had not ended: %w", p.name, err)
	}
	if p.Err() != nil {
		return fmt.Errorf("stop %s: %s", p.name, p.fate())
	}
	return nil
}

// fate says how the process ended: which signal ended it or, where it ended by
// itself, with which words.
func (p *process) fate() string {
	state := p.State()
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return fmt.Sprintf("%s (log: %s)", state, p.log)
	}
	return fmt.Sprintf("%s: %s", state, lastWords(p.log))
}

// lastWords returns the last line of a log, and where to read the rest.
func lastWords(log string) string {
	return fmt.Sprintf("%s (log: %s)", cmp.Or(proc.LastWords(log, 1), "it said nothing"), log)
}
