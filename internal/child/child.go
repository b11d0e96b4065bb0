// Package child starts programs that do not outlive this one: each in a process
// group of its own, so that a Ctrl-C at the terminal reaches only us and we
// decide in which order things end, and killed by the kernel when we die
// (Linux; prctl(2), PR_SET_PDEATHSIG).
package child

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// A Child is a program that was started. Its methods may be called by any goroutine.
type Child struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of Wait; read it after done
}

// Start starts cmd. Its SysProcAttr keeps what it says of credentials and of
// the parent-death signal, which is SIGKILL where it says none.
func Start(cmd *exec.Cmd) (*Child, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	bind(cmd.SysProcAttr)
	c := &Child{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The parent-death signal is sent when the thread that forked ends, not
		// the process: this thread has to outlive the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(c.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			c.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		<-c.done
		return nil, err
	}
	return c, nil
}

// PID is the child's process id, which is its group's too.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Done is closed when the child has ended and has been waited for.
func (c *Child) Done() <-chan struct{} { return c.done }

// Running reports whether it has not yet been waited for. A nil Child has never run.
func (c *Child) Running() bool {
	if c == nil {
		return false
	}
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// Err waits for the child and returns how it ended: nil after exit code 0.
func (c *Child) Err() error {
	<-c.done
	return c.err
}

// State waits for the child and returns its state.
func (c *Child) State() *os.ProcessState {
	<-c.done
	return c.cmd.ProcessState
}

// Signal sends the child alone a signal. One that has ended gets none.
func (c *Child) Signal(s os.Signal) {
	if c.Running() {
		_ = c.cmd.Process.Signal(s) // it may have ended just now
	}
}

// Kill ends the child's whole group at once and waits for the child.
func (c *Child) Kill() {
	if !c.Running() {
		return
	}
	_ = syscall.Kill(-c.PID(), syscall.SIGKILL)
	<-c.done
}

// KillTree ends the child and everything that it has started, also what has
// gone into a group of its own, as PostgreSQL's backends do, and waits for the
// child. Outside Linux it is Kill.
func (c *Child) KillTree() {
	if !c.Running() {
		return
	}
	all := descendants(c.PID())
	_ = syscall.Kill(-c.PID(), syscall.SIGKILL)
	for _, pid := range all {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-c.done
}
