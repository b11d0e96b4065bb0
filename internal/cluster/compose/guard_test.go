package compose

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/docker"
	"example.com/contend/internal/store"
	"example.com/contend/internal/testproc"
)

// parentOf, when set, makes the test binary start a cluster of
// containers in that directory, print its project and its guard's id, and wait
// to be killed.
const parentOf = "CONTEND_TEST_COMPOSE_DIR"

// beParent is the process that TestContainersGoWithTheirParent kills.
func beParent(dir string) {
	d, err := docker.Find(context.Background())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	spec := cluster.Spec{Nodes: 1, Discipline: store.Green(), Dir: dir, Binary: os.Getenv("CONTEND_TEST_BINARY")}
	c, err := Start(context.Background(), spec, Containers{Docker: d, Images: map[string]string{"": os.Getenv("CONTEND_TEST_IMAGE")}})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(c.project.Name, c.guard.cmd.Process.Pid)
	time.Sleep(time.Minute)
}

// startParent starts it and returns what it has printed.
func startParent(t *testing.T, dir string) (parent *exec.Cmd, project string, guard int) {
	t.Helper()
	on := containers(t)
	parent = exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentOf+"="+dir, "CONTEND_TEST_BINARY="+binary, "CONTEND_TEST_IMAGE="+on.Images[""])
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	project, pid, _ := strings.Cut(strings.TrimSpace(line), " ")
	if guard, err = strconv.Atoi(pid); err != nil {
		_ = parent.Process.Kill()
		_ = parent.Wait()
		t.Fatalf("the parent said %q", line)
	}
	return parent, project, guard
}

// A run that is killed with SIGKILL leaves nothing behind, and it is the guard
// that sees to it: without the guard everything stays.
func TestContainersGoWithTheirParent(t *testing.T) {
	t.Run("guarded", func(t *testing.T) {
		dir := t.TempDir()
		parent, project, guard := startParent(t, dir)
		if len(named(t, project)) == 0 {
			t.Error("nothing has the project's name, so nothing could be seen to be left")
		}
		_ = parent.Process.Kill()
		_ = parent.Wait()
		for deadline := time.Now().Add(time.Minute); testproc.Alive(guard) && time.Now().Before(deadline); {
			time.Sleep(50 * time.Millisecond) // it looks for a while whether more comes
		}
		testproc.AwaitEnd(t, guard)
		wantNothing(t, project)
		said, err := os.ReadFile(filepath.Join(dir, "guard.log"))
		if err != nil || !strings.Contains(string(said), project) || !strings.Contains(string(said), "nothing is left") {
			t.Errorf("the guard wrote %q, %v", said, err)
		}
	})
	t.Run("control without the guard", func(t *testing.T) {
		parent, project, guard := startParent(t, t.TempDir())
		t.Cleanup(func() {
			if err := new(docker.Docker).Remove(context.Background(), project); err != nil {
				t.Error(err)
			}
			wantNothing(t, project)
		})
		if err := syscall.Kill(guard, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = parent.Process.Kill()
		_ = parent.Wait()
		if len(named(t, project)) == 0 {
			t.Error("everything went without the guard: the test above shows nothing")
		}
	})
}

func TestGuardTakesNothingDownThatIsNotOurs(t *testing.T) {
	for _, project := range []string{"", "deploy", "contend", "contend-1-00000g", "x-contend-1-000000"} {
		if err := Guard(t.Context(), project, "", strings.NewReader(""), io.Discard); err == nil || !strings.Contains(err.Error(), "no project of contend's") {
			t.Errorf("project %q: error = %v", project, err)
		}
	}
	if name := projectName(); !ourProject.MatchString(name) {
		t.Errorf("a project of ours is named %s", name)
	}
}

func TestGuardHasNothingToDoOnceDismissed(t *testing.T) {
	log := filepath.Join(t.TempDir(), "guard.log")
	var said strings.Builder
	if err := Guard(t.Context(), projectName(), log, strings.NewReader(guardDismiss), &said); err != nil || said.String() != guardWatches {
		t.Errorf("it said %q, %v", &said, err)
	}
	if _, err := os.Stat(log); err == nil {
		t.Error("it wrote a log, though it had nothing to do")
	}
}
