package compose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/testbin"
	"example.com/contend/internal/testproc"
)

func TestStartComposeLeavesNothingWhenItFails(t *testing.T) {
	on := containers(t)
	for _, test := range []struct {
		name   string
		change func(*cluster.Spec, *Containers)
		want   []string
	}{
		{"a node that ends", func(s *cluster.Spec, _ *Containers) { s.Discipline.Pool = 100_000 }, []string{"app-", "pool", "exit status 2"}},
		{"no such image", func(_ *cluster.Spec, on *Containers) { on.Images = map[string]string{"": "contend-run:none"} }, []string{"contend-run"}},
		{"no image of the build", func(s *cluster.Spec, _ *Containers) { s.Build = "old-engine" }, []string{"old-engine"}},
		{"no node", func(s *cluster.Spec, _ *Containers) { s.Nodes = 0 }, []string{"at least 1 node"}},
		{"no such mount", func(s *cluster.Spec, _ *Containers) { s.Mount = "sideways" }, []string{"sideways"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, on := testbin.Spec(t, binary), on
			s.Nodes = 2
			test.change(&s, &on)
			_, err := Start(t.Context(), s, on)
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error = %v, want one that says %q", err, want)
				}
			}
			wantNothing(t, ours())
			if left := testproc.Children(t); len(left) > 0 {
				t.Errorf("processes %v are still there", left)
			}
		})
	}
	s := testbin.Spec(t, binary)
	if err := os.WriteFile(filepath.Join(s.Dir, cluster.Database), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), s, on); err == nil || !strings.Contains(err.Error(), "not fresh") {
		t.Errorf("error = %v, want one that says the directory is not fresh", err)
	}
}

// The context ends before the start, or while compose is at work.
func TestStartComposeGivesUpWithItsContext(t *testing.T) {
	on := containers(t)
	cause := errors.New("changed my mind")
	for _, during := range []string{"nothing", "compose"} {
		t.Run("during "+during, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if during == "nothing" {
				cancel(cause)
			}
			// The subnet is asked for just before compose is started.
			on.subnet = func() int {
				time.AfterFunc(300*time.Millisecond, func() { cancel(cause) })
				return subnet()
			}
			_, err := Start(ctx, testbin.Spec(t, binary), on)
			if !errors.Is(err, cause) {
				t.Errorf("error = %v, want the cause", err)
			}
			wantNothing(t, ours())
			if left := testproc.Children(t); len(left) > 0 {
				t.Errorf("processes %v are still there", left)
			}
		})
	}
}

func TestASubnetThatIsTakenIsNotInsistedOn(t *testing.T) {
	on := containers(t)
	taken := subnet()
	network := ours() + "taken"
	out, err := exec.Command("docker", "network", "create", "--subnet", fmt.Sprintf("198.18.%d.0/24", taken), network).CombinedOutput()
	if err != nil {
		t.Fatalf("take a subnet: %s", out)
	}
	defer func() {
		if err := exec.Command("docker", "network", "rm", network).Run(); err != nil {
			t.Error(err)
		}
	}()
	asked := 0
	s := testbin.Spec(t, binary)
	s.Nodes = 1
	on.subnet = func() int {
		if asked++; asked == 1 {
			return taken
		}
		return subnet()
	}
	c, err := Start(t.Context(), s, on)
	if err != nil {
		t.Fatal(err)
	}
	if asked < 2 {
		t.Error("the taken subnet was not in the way")
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	wantNothing(t, c.project.Name)
}
