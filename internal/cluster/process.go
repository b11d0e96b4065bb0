package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// A process is one child: a node or the balancer.
type process struct {
	name string
	args []string // without --listen and --ready-fd
	addr string   // "host:port", known once it has been ready
	log  string   // path

	engine string // version of its SQLite, known once it has been ready; the balancer has none
	trace  string // path; "" where it writes none

	cmd    *exec.Cmd
	done   chan struct{} // closed when the child has been waited for
	err    error         // of Wait; read it after done
	killed bool          // by us, so that its end is no error
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

// spawn starts the child in a process group of its own, so that a Ctrl-C at
// the terminal reaches only us and we decide in which order things end.
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
	cmd.SysProcAttr = attributes()

	started := make(chan error)
	done := make(chan struct{})
	go func() {
		// The parent-death signal is sent when the thread that forked ends,
		// not the process (prctl(2), PR_SET_PDEATHSIG): this thread has to
		// outlive the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(done)
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		<-done
		ready.Close()
		return nil, err
	}
	p.cmd, p.done, p.killed = cmd, done, false
	return ready, nil
}

// awaitHealth polls GET /health until it answers 200, the child ends or ctx is done.
func (p *process) awaitHealth(ctx context.Context) error {
	for {
		engine, healthy := health(ctx, "http://"+p.addr)
		if healthy {
			p.engine = engine
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.done:
			return errors.New("it ended")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// running reports whether the child has been started and not yet been waited for.
func (p *process) running() bool {
	if p.done == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// kill ends the child's whole group at once and waits for the child.
func (p *process) kill() {
	if !p.running() {
		return
	}
	p.killed = true
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

// stop asks the child to end, waits for it, and kills it when ctx is done first.
func (p *process) stop(ctx context.Context) error {
	if p.done == nil || p.killed {
		return nil
	}
	if p.running() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.kill()
		return fmt.Errorf("stop %s: killed, it had not ended: %w", p.name, context.Cause(ctx))
	}
	if p.err != nil {
		return fmt.Errorf("stop %s: %s", p.name, p.fate())
	}
	return nil
}

// fate says how the child ended: which signal ended it or, where it ended by
// itself, with which words.
func (p *process) fate() string {
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return fmt.Sprintf("%s (log: %s)", p.cmd.ProcessState, p.log)
	}
	return fmt.Sprintf("%s: %s", p.cmd.ProcessState, lastWords(p.log))
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
