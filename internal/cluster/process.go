package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"example.com/contend/internal/child"
	"example.com/contend/internal/nodeclient"
)

// A process is one child: a node or the balancer.
type process struct {
	name string
	args []string // without --listen and --ready-fd
	env  []string // beside ours
	addr string   // "host:port", known once it has been ready
	log  string   // path

	engine string // version of its SQLite, known once it has been ready; the balancer has none
	trace  string // path; "" where it writes none

	child  *child.Child // nil until it has been started
	killed bool         // by us, so that its end is no error
}

// start runs the child and waits until it is ready: it has announced its
// address on the pipe it inherited, and GET /health there answers 200.
func (p *process) start(ctx context.Context, binary, listen string) error {
	ready, err := p.spawn(binary, listen)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	defer ready.Close()
	stop := context.AfterFunc(ctx, func() { ready.SetReadDeadline(time.Now()) })
	defer stop()
	line, err := bufio.NewReader(ready).ReadString('\n')
	if err == nil {
		p.addr = strings.TrimSpace(line)
		err = p.awaitHealth(ctx)
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

// spawn starts the child, with a pipe on which it tells where it listens.
func (p *process) spawn(binary, listen string) (ready *os.File, err error) {
	logfile, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer logfile.Close()
	ready, announce, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer announce.Close()
	cmd := exec.Command(binary, append(p.args, "--listen", listen, "--ready-fd", "3")...)
	cmd.Stdout, cmd.Stderr = logfile, logfile
	cmd.ExtraFiles = []*os.File{announce}
	cmd.Env = append(os.Environ(), p.env...)
	c, err := child.Start(cmd)
	if err != nil {
		ready.Close()
		return nil, err
	}
	p.child, p.killed = c, false
	return ready, nil
}

// awaitHealth polls GET /health until it answers 200, the child ends or ctx is done.
func (p *process) awaitHealth(ctx context.Context) error {
	for {
		engine, healthy := nodeclient.Healthy(ctx, "http://"+p.addr)
		if healthy {
			p.engine = engine
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.child.Done():
			return errors.New("it ended")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// kill ends the child's whole group at once and waits for the child.
func (p *process) kill() {
	if p.child.Running() {
		p.killed = true
		p.child.Kill()
	}
}

// stop asks the child to end, waits for it, and kills it when ctx is done first.
func (p *process) stop(ctx context.Context) error {
	if p.child == nil || p.killed {
		return nil
	}
	p.child.Signal(syscall.SIGTERM)
	select {
	case <-p.child.Done():
	case <-ctx.Done():
		p.kill()
		return fmt.Errorf("stop %s: killed, it had not ended: %w", p.name, context.Cause(ctx))
	}
	if p.child.Err() != nil {
		return fmt.Errorf("stop %s: %s", p.name, p.fate())
	}
	return nil
}

// fate says how the child ended: which signal ended it or, where it ended by
// itself, with which words.
func (p *process) fate() string {
	state := p.child.State()
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return fmt.Sprintf("%s (log: %s)", state, p.log)
	}
	return fmt.Sprintf("%s: %s", state, lastWords(p.log))
}

// lastWords returns the last line of a node's log that is no hint, and where to
// read the rest.
func lastWords(log string) string {
	const tail = 4096
	f, err := os.Open(log)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > tail {
		_, _ = f.Seek(-tail, io.SeekEnd)
	}
	text, _ := io.ReadAll(f)
	last := "it said nothing"
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "hint:") {
			last = line
		}
	}
	return fmt.Sprintf("%s (log: %s)", last, log)
}
