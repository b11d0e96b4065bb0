package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The labels by which both composes mark what they make.
const (
	labelProject = "com.docker.compose.project"
	labelService = "com.docker.compose.service"
)

// A Project is one compose file under a name of its own.
type Project struct {
	Name string // lower case letters, digits and dashes
	File string // path of the compose file
}

// ErrOverlap is returned by Up where another network has the project's addresses.
var ErrOverlap = errors.New("another network has the addresses")

// Up makes and starts everything in the project's file, and returns once the
// containers have been started; whether they serve is another question. When
// it fails, what it has made is left for Remove.
func (d *Docker) Up(ctx context.Context, p Project) error {
	args := append(slices.Clone(d.compose), "-p", p.Name, "-f", p.File, "up", "-d")
	err := command{args: args, patient: true}.run(ctx)
	var failed *Error
	// "Pool overlaps with other one on this address space", and of a bridge that
	// the engine does not know: "networks have overlapping IPv4".
	if errors.As(err, &failed) && strings.Contains(strings.ToLower(failed.Said), "overlap") {
		return fmt.Errorf("%w: %w", ErrOverlap, err)
	}
	return err
}

// Containers returns the ids of a project's containers, alive or not, by service.
func (d *Docker) Containers(ctx context.Context, project string) (map[string]string, error) {
	text, err := output(ctx, "docker", "ps", "--all", "--no-trunc", "--filter", "label="+labelProject+"="+project,
		"--format", `{{.Label "`+labelService+`"}} {{.ID}}`)
	if err != nil {
		return nil, err
	}
	ids := map[string]string{}
	for line := range strings.Lines(text) {
		if service, id, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			ids[service] = id
		}
	}
	return ids, nil
}

// A kind is a sort of thing that a project is made of.
type kind struct {
	name   string // for people
	list   []string
	id     string // of one in a list, and its name, as a template of docker's
	remove []string
}

// kinds are in the order in which they can be removed.
var kinds = []kind{
	{"container", []string{"docker", "ps", "--all"}, "{{.ID}} {{.Names}}", []string{"docker", "rm", "--force", "--volumes"}},
	{"volume", []string{"docker", "volume", "ls"}, "{{.Name}} {{.Name}}", []string{"docker", "volume", "rm", "--force"}},
	{"network", []string{"docker", "network", "ls"}, "{{.ID}} {{.Name}}", []string{"docker", "network", "rm"}},
}

func (k kind) of(ctx context.Context, project string) ([]string, error) {
	text, err := output(ctx, append(slices.Clone(k.list), "--quiet", "--filter", "label="+labelProject+"="+project)...)
	return strings.Fields(text), err
}

// Left lists what is left of a project: "container 3f2a…", "volume p_shared".
func (d *Docker) Left(ctx context.Context, project string) ([]string, error) {
	var left []string
	var errs []error
	for _, k := range kinds {
		ids, err := k.of(ctx, project)
		errs = append(errs, err)
		for _, id := range ids {
			left = append(left, k.name+" "+id)
		}
	}
	return left, errors.Join(errs...)
}

// Remove kills and removes every container of a project, its volumes and its
// networks, by their label: that needs no compose file, and finds also what was
// half made. It looks again until nothing is there.
func (d *Docker) Remove(ctx context.Context, project string) error {
	const tries, pause = 5, 200 * time.Millisecond
	for try := 1; ; try++ {
		var errs []error
		for _, k := range kinds {
			ids, err := k.of(ctx, project)
			if err == nil && len(ids) > 0 {
				err = command{args: append(slices.Clone(k.remove), ids...), patient: true}.run(ctx)
			}
			errs = append(errs, err)
		}
		left, errLeft := d.Left(ctx, project)
		switch {
		case errLeft == nil && len(left) == 0:
			return nil // whatever could not be removed is gone all the same
		case try == tries || ctx.Err() != nil:
			still := fmt.Errorf("remove project %s: still there: %q", project, left)
			return errors.Join(append(errs, still, errLeft)...)
		}
		time.Sleep(pause)
	}
}
