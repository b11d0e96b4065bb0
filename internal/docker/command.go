package docker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"

	"example.com/contend/internal/proc"
)

// grace bounds how long a patient command goes on once its context is done.
const grace = 20 * time.Second

// A command is one run of a client.
type command struct {
	args []string
	in   io.Reader // its stdin; nil is empty
	out  io.Writer // its stdout; nil throws it away
	both bool      // stderr goes to out as well

	// patient lets the command come to its end when its context is done, within
	// grace: killed, it would leave the engine at work on its last request.
	patient bool
}

// run runs the command to its end, in a process group of its own. When ctx is
// done first, the command is killed with all that it has started, and the error
// is ctx's cause.
func (c command) run(ctx context.Context) error {
	said := &tail{}
	cmd := exec.Command(c.args[0], c.args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.in, c.out, said
	if c.both {
		together := io.MultiWriter(c.out, said)
		cmd.Stdout, cmd.Stderr = together, together
	}
	var patience time.Duration
	if c.patient {
		patience = grace
	}
	err := proc.Run(ctx, cmd, patience)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", c.name(), context.Cause(ctx))
	case err != nil:
		return &Error{Command: c.name(), Said: string(said.kept), Err: err}
	}
	return nil
}

// name is what the command is known by: "docker stop", "docker volume ls", "docker-compose".
func (c command) name() string {
	groups := []string{"image", "volume", "network"} // the word after is a command, not a name of something
	words := c.args[:1]
	for _, arg := range c.args[1:] {
		if strings.HasPrefix(arg, "-") || len(words) == 2 && !slices.Contains(groups, words[1]) || len(words) == 3 {
			break
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

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
	if said := proc.LastLines(e.Said, 3); said != "" {
		return e.Command + ": " + said
	}
	return fmt.Sprintf("%s: %v", e.Command, e.Err)
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
