// Package proc starts programs that do not outlive this one: each in a process
// group of its own, so that a Ctrl-C at the terminal reaches only us and we
// decide in which order things end, and killed by the kernel when we die
// (Linux; prctl(2), PR_SET_PDEATHSIG).
package proc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// A Process is a program that was started. Its methods may be called by any goroutine.
type Process struct {
	cmd    *exec.Cmd
	done   chan struct{}
	err    error        // of Wait; read it after done
	killed atomic.Int64 // processor time in ns that Kill found
}

// Start starts cmd. Its SysProcAttr keeps its credentials and its parent-death
// signal, which is SIGKILL where there is none.
func Start(cmd *exec.Cmd) (*Process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	bind(cmd.SysProcAttr)
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The parent-death signal is sent when the thread that forked ends, not
		// the process: this thread has to outlive the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		<-p.done
		return nil, err
	}
	return p, nil
}

// StartLogged is Start with the command's stdout and stderr appended to the
// file at path, which is created where it is missing, for nobody else to read.
func StartLogged(cmd *exec.Cmd, path string) (*Process, error) {
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	return Start(cmd)
}

// Run runs cmd to its end. When ctx is done first, cmd may go on for grace;
// then Run kills it with everything that it has started, and returns the cause
// of ctx. Where cmd has no WaitDelay, it is one second: a grandchild may keep a
// pipe open.
func Run(ctx context.Context, cmd *exec.Cmd, grace time.Duration) error {
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = time.Second
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p, err := Start(cmd)
	if err != nil {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
	}
	select {
	case <-p.done:
	case <-time.After(grace):
		p.Kill()
	}
	return context.Cause(ctx)
}

// PID is the process's id, which is its group's too.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended and has been waited for.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running reports whether the process has not yet been waited for. A nil
// Process has never run.
func (p *Process) Running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// State waits for the process and returns its state.
func (p *Process) State() *os.ProcessState {
	<-p.done
	return p.cmd.ProcessState
}

// ErrEnded is returned by Await for a process that ended before it was ready.
var ErrEnded = errors.New("it ended")

// Await calls ready again and again until it returns true. It returns
// [ErrEnded] where the process ends first, and the cause of ctx where that is
// done first.
func (p *Process) Await(ctx context.Context, every time.Duration, ready func() bool) error {
	for !ready() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.done:
			return ErrEnded
		case <-time.After(every):
		}
	}
	return nil
}

// lastWords is how long a process that Stop is about to kill has to say what it is doing.
const lastWords = time.Second

// Stop sends the process a signal and waits for its end. When ctx is done
// first, Stop kills it and returns the cause of ctx. Before that it sends SIGQUIT, at which
// a program in Go prints where each of its goroutines stands, and ends.
func (p *Process) Stop(ctx context.Context, s os.Signal) error {
	if !p.Running() {
		return nil
	}
	_ = p.cmd.Process.Signal(s) // it may have ended just now
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
	}
	_ = p.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-p.done:
		_ = syscall.Kill(-p.PID(), syscall.SIGKILL) // what it has started
	case <-time.After(lastWords):
		p.Kill()
	}
	return context.Cause(ctx)
}

// Kill ends the process's whole group at once, and everything else that it has
// started, also what has gone into a group of its own, as PostgreSQL's backends
// do. It waits for the process. Outside Linux it ends only the group.
func (p *Process) Kill() {
	if !p.Running() {
		return
	}
	all, _ := processes() // elsewhere only the group is known
	p.killed.Store(int64(all.used(p.PID())))
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	for _, pid := range all.family(p.PID()) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-p.done
}

// CPU returns the processor time that the processes and everything they have started
// have had so far, in user and kernel mode. What still runs is read to the nanosecond
// (clock_getcpuclockid(3)), what they have waited for to 10 ms (proc_pid_stat(5)). The time
// of a child that was not waited for is missing, but Kill counts it. While a process runs,
// its time is known on Linux only.
func CPU(of ...*Process) (sum time.Duration, err error) {
	all, err := processes()
	for _, p := range of {
		switch {
		case !p.Running():
			state := p.State()
			sum += max(state.UserTime()+state.SystemTime(), time.Duration(p.killed.Load()))
		case err != nil:
			return 0, fmt.Errorf("processor time of process %d: %w", p.PID(), err)
		default:
			sum += all.used(p.PID())
		}
	}
	return sum, nil
}

// A table is every process of the machine, by its ID.
type table map[int]process

// A process is what the kernel says of one.
type process struct {
	name   string        // the program's, at most 15 bytes
	parent int           // its parent's ID
	used   time.Duration // processor time, to 10 ms
	waited time.Duration // that of the children that it has waited for
}

// family returns pid and everything that it has started, or that one of those has, and
// that has not been waited for.
func (t table) family(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		for child, p := range t {
			if p.parent == all[i] {
				all = append(all, child)
			}
		}
	}
	return all
}

// used returns the processor time of the family of pid; 0 where nothing is known of it.
func (t table) used(pid int) (sum time.Duration) {
	for _, member := range t.family(pid) {
		p := t[member]
		if exact, err := clock(member); err == nil { // else it has ended
			p.used = exact
		}
		sum += p.used + p.waited
	}
	return sum
}

// tailSize is how much of a log LastWords reads, in bytes.
const tailSize = 4096

// LastWords returns the last n lines of the end of the log at path, joined by
// "; ", without those that are empty or begin with "hint:". Where the log
// cannot be read, it returns why.
func LastWords(path string, n int) string {
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > tailSize {
		_, _ = f.Seek(-tailSize, io.SeekEnd)
	}
	text, _ := io.ReadAll(f)
	return LastLines(string(text), n)
}

// LastLine returns the last of the [LastWords] of the log at path, and where to
// read the rest.
func LastLine(path string) string {
	return fmt.Sprintf("%s (log: %s)", cmp.Or(LastWords(path, 1), "it printed nothing"), path)
}

// LastLines is [LastWords] of a text.
func LastLines(text string, n int) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "hint:") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}
