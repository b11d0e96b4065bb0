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
	"os/exec"
	"strings"
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
