package docker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.com/contend/internal/owner"
)

// OwnerLabel is the label of all that contend has the engine make: the mark of the
// process that made it, see package owner.
const OwnerLabel = "contend.owner"

// NewProjectName returns a name that no other project has, of this contend or another.
func NewProjectName() string { return "contend-" + unique() }

// unique ends a name: it says which process gave it, and nobody gives it twice.
func unique() string { return fmt.Sprintf("%d-%06x", os.Getpid(), rand.Uint32N(1<<24)) }

// named is what the names of our projects and images look like, with the process that
// gave them.
var named = regexp.MustCompile(`^(?:contend|` + repository + `:[0-9a-f]{12})-([0-9]+)-[0-9a-f]{6}$`)

// namedBy reports whether the process pid gave a project or an image its name.
func namedBy(pid int, name string) bool {
	by := named.FindStringSubmatch(name)
	return by != nil && by[1] == strconv.Itoa(pid)
}

// An Owned is something that contend has made, and that can outlive it.
type Owned struct {
	Kind   string // container, volume, network or image
	Name   string
	Owner  owner.Mark
	remove []string // the command that does it
}

// Owned lists what contend has made with the engine and is still there, in the order in
// which it can be removed.
//
// A label alone proves nothing: whoever makes a container or an image of one of contend's
// images gets its labels too. So a container, volume or network counts only in a project that is
// named after its owner, and an image only under such a name.
func (d *Docker) Owned(ctx context.Context) (all []Owned, err error) {
	for _, k := range kinds {
		format := fmt.Sprintf(`%s {{.Label %q}} {{.Label %q}}`, k.id, OwnerLabel, labelProject)
		text, err := output(ctx, append(slices.Clone(k.list), "--filter", "label="+OwnerLabel, "--format", format)...)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(text) {
			if o, ok := parseOwned(k, line); ok {
				all = append(all, o)
			}
		}
	}
	tags, err := output(ctx, "docker", "image", "ls", "--filter", "label="+OwnerLabel, "--format", "{{.Repository}}:{{.Tag}}", repository)
	if err != nil {
		return nil, err
	}
	for _, tag := range strings.Fields(tags) {
		label, err := output(ctx, "docker", "image", "inspect", "--format", fmt.Sprintf(`{{index .Config.Labels %q}}`, OwnerLabel), tag)
		if mark, wrong := owner.Parse(label); err == nil && wrong == nil && namedBy(mark.PID, tag) {
			all = append(all, Owned{"image", tag, mark, []string{"docker", "image", "rm", tag}})
		}
	}
	return all, nil
}

// parseOwned reads a line of the list of a kind; ok is false where it is nothing of contend's.
func parseOwned(k kind, line string) (o Owned, ok bool) {
	fields := strings.Fields(line) // id, name, owner, project
	if len(fields) != 4 {
		return o, false
	}
	mark, err := owner.Parse(fields[2])
	if err != nil || !namedBy(mark.PID, fields[3]) {
		return o, false
	}
	return Owned{k.name, fields[1], mark, append(slices.Clone(k.remove), fields[0])}, true
}

// RemoveOwned removes what Owned has listed.
func (d *Docker) RemoveOwned(ctx context.Context, o Owned) error {
	return command{args: o.remove, patient: true}.run(ctx)
}
