package docker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// A State is how a container is doing.
type State struct {
	Running  bool
	ExitCode int  // once it has ended; 128 + n where signal n ended it
	OOM      bool // the kernel ended it, for want of memory
}

// String says how a container ended: "exit status 4".
func (s State) String() string {
	switch {
	case s.Running:
		return "running"
	case s.OOM:
		return fmt.Sprintf("exit status %d, out of memory", s.ExitCode)
	}
	return fmt.Sprintf("exit status %d", s.ExitCode)
}

// State returns the state of container id.
func (d *Docker) State(ctx context.Context, id string) (State, error) {
	text, err := output(ctx, "docker", "inspect", "--type", "container",
		"--format", "{{.State.Running}} {{.State.ExitCode}} {{.State.OOMKilled}}", id)
	if err != nil {
		return State{}, err
	}
	var s State
	if _, err := fmt.Sscan(text, &s.Running, &s.ExitCode, &s.OOM); err != nil {
		return State{}, fmt.Errorf("docker inspect %s: %q: %w", id, text, err)
	}
	return s, nil
}

// Start starts a container that has ended.
func (d *Docker) Start(ctx context.Context, id string) error {
	return command{args: []string{"docker", "start", id}, patient: true}.run(ctx)
}

// Kill sends a container SIGKILL and waits until it is gone. One that is not
// running is an error.
func (d *Docker) Kill(ctx context.Context, id string) error {
	if err := (command{args: []string{"docker", "kill", id}}).run(ctx); err != nil {
		return err
	}
	return command{args: []string{"docker", "wait", id}}.run(ctx)
}

// Stop asks a container to end, by SIGTERM or what its image says, kills it when
// it has not ended within patience (whole seconds), and waits until it is gone.
func (d *Docker) Stop(ctx context.Context, id string, patience time.Duration) error {
	seconds := strconv.Itoa(int(math.Ceil(max(patience, 0).Seconds())))
	return command{args: []string{"docker", "stop", "-t", seconds, id}}.run(ctx)
}

// Port returns the host address that a container's TCP port is published on.
func (d *Docker) Port(ctx context.Context, id string, port int) (string, error) {
	text, err := output(ctx, "docker", "port", id, strconv.Itoa(port)+"/tcp")
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(text, "\n") // there may be one for IPv6 as well
	return strings.TrimSpace(first), nil
}

// Logs writes everything that a container has printed to the file at path.
func (d *Docker) Logs(ctx context.Context, id, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = command{args: []string{"docker", "logs", id}, out: f, both: true}.run(ctx)
	return errors.Join(err, f.Close())
}

// CopyOut copies what lies in the directory dir of a container into the
// directory into, which has to exist. The container need not run. The files
// belong to this process's user.
func (d *Docker) CopyOut(ctx context.Context, id, dir, into string) error {
	return command{args: []string{"docker", "cp", id + ":" + dir + "/.", into}}.run(ctx)
}
