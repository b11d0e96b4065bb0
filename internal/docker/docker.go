// Package docker talks to Docker through its command line: the one interface
// that is there wherever Docker is, follows the user's contexts and needs no
// library of ours to keep up with it.
//
// [Find] says what is missing where something is. A [Project] is what compose
// makes of one file: containers, volumes and networks that carry its name as a
// label, by which [Docker.Remove] finds them again, whoever started them and
// however far they came. Commands are argument lists and never go through a
// shell; each runs in a process group of its own, so that a Ctrl-C at the
// terminal reaches only contend, which decides what is to be taken down.
package docker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// A Docker is a Docker client, the engine that it reaches and a compose. The
// zero Docker is the client on the PATH: all but Up and Image work with it.
type Docker struct {
	compose  []string // "docker compose" or "docker-compose", as an argument list
	platform string   // "linux/amd64"
}

// What Find can miss. Each comes with a sentence on what to install or start.
var (
	ErrNoClient  = errors.New("no docker command")
	ErrNoEngine  = errors.New("the Docker engine is not reached")
	ErrNoCompose = errors.New("no compose")
)

// Find looks for a Docker client, the engine behind it and compose: the plugin
// (docker compose), else the program (docker-compose).
func Find(ctx context.Context) (*Docker, error) {
	if _, err := exec.LookPath("docker"); err != nil {
		return nil, fmt.Errorf("%w: install Docker (https://docs.docker.com/engine/install/) and put it on the PATH", ErrNoClient)
	}
	platform, err := output(ctx, "docker", "version", "--format", "{{.Server.Os}}/{{.Server.Arch}}")
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: start it, or let this user reach it: %w", ErrNoEngine, err)
	}
	if !strings.HasPrefix(platform, "linux/") {
		return nil, fmt.Errorf("%w: it runs %s containers, and contend needs Linux ones: switch it over", ErrNoEngine, platform)
	}
	for _, compose := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		if _, err := output(ctx, append(compose, "version")...); err == nil {
			return &Docker{compose: compose, platform: platform}, nil
		}
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("find compose: %w", context.Cause(ctx))
	}
	return nil, fmt.Errorf("%w: install the plugin docker-compose-plugin (https://docs.docker.com/compose/install/), or docker-compose 1.29", ErrNoCompose)
}

// Platform is the engine's: "linux/amd64".
func (d *Docker) Platform() string { return d.platform }

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
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
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
