package docker

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Names returns the names of containers by their whole ids. Those that the engine does not know are missing, as all
// are where no engine is reached.
func (d *Docker) Names(ctx context.Context, ids []string) map[string]string {
	// docker inspect prints those that it finds, and fails where one is missing.
	text, _ := output(ctx, append([]string{"docker", "inspect", "--type", "container", "--format", "{{.Id}} {{.Name}}"}, ids...)...)
	names := map[string]string{}
	for line := range strings.Lines(text) {
		if id, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			names[id] = strings.TrimPrefix(name, "/")
		}
	}
	return names
}

// PID returns the process id, on the engine's host, of the first process of a container.
func (d *Docker) PID(ctx context.Context, container string) (int, error) {
	text, err := output(ctx, "docker", "inspect", "--type", "container", "--format", "{{.State.Pid}}", container)
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(text)
	if err == nil && pid == 0 {
		err = fmt.Errorf("container %s does not run", container)
	}
	return pid, err
}
