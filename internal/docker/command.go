package docker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// grace bounds how long a patient command goes on once its context is done.
const grace = 20 * time.Second

// A command is one run of a client.
type command struct {
	args []string
	out  io.Writer // its stdout; nil throws it away
	both bool      // stderr goes to out as well

	// patient lets the command come to its end when its context is done, within
	// grace: killed, it would leave the engine at work on what it asked for last.
	patient bool
}

// run runs the command to its end. When ctx is done first, the command's whole
// process group is killed and the error is ctx's cause.
func (c command) run(ctx context.Context) error {
	said := &tail{}
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Stdout, cmd.Stderr = c.out, said
	if c.both {
		together := io.MultiWriter(c.out, said)
		cmd.Stdout, cmd.Stderr = together, together
	}
	cmd.SysProcAttr = attributes()
	killGroup := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Cancel, cmd.WaitDelay = killGroup, time.Second // a second for pipes that a grandchild keeps open
	if c.patient {
		cmd.Cancel, cmd.WaitDelay = func() error { return nil }, grace
	}
	// The parent-death signal is sent when the thread that forked ends, not the
	// process (prctl(2), PR_SET_PDEATHSIG): this thread has to outlive the child.
	runtime.LockOSThread()
	err := cmd.Run()
	runtime.UnlockOSThread()
	switch {
	case ctx.Err() != nil:
		if cmd.Process != nil {
			_ = killGroup() // what a patient command that ran out of grace has left
		}
		return fmt.Errorf("%s: %w", c.name(), context.Cause(ctx))
	case err != nil:
		return &Error{Command: c.name(), Said: said.String(), Err: err}
	}
	return nil
}

// name is what the command is known by: "docker stop", "docker volume ls", "docker-compose".
func (c command) name() string {
	words := c.args[:1]
	for _, arg := range c.args[1:] {
		if strings.HasPrefix(arg, "-") || len(words) == 2 && !isGroup(words[1]) || len(words) == 3 {
			break
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

// isGroup reports whether word stands for a group of docker's commands, so that
// the word after it is a command and no name of something.
func isGroup(word string) bool { return word == "image" || word == "volume" || word == "network" }

// output runs a command and returns what it printed, without the white space around it.
func output(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	err := command{args: args, out: &out}.run(ctx)
	return strings.TrimSpace(out.String()), err
}

// An Error is a command that failed.
type Error struct {
	Command string // "docker start"
	Said    string // the end of its stderr
	Err     error  // how it ended
}

// Error says which command failed and with which last words.
func (e *Error) Error() string {
	const most = 3 // lines
	var lines []string
	for line := range strings.Lines(e.Said) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return fmt.Sprintf("%s: %v", e.Command, e.Err)
	}
	return e.Command + ": " + strings.Join(lines[max(0, len(lines)-most):], "; ")
}

// Unwrap returns how the command ended.
func (e *Error) Unwrap() error { return e.Err }

// A tail keeps the end of what is written to it.
type tail struct{ kept []byte }

const tailSize = 4096 // bytes

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - tailSize; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.kept) }
