package clean

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/contend/internal/docker"
	"example.com/contend/internal/owner"
	"example.com/contend/internal/testbin"
	"example.com/contend/internal/testproc"
)

var binary string

func TestMain(m *testing.M) {
	testproc.Main(map[string]testproc.Role{"ward": ward, "maker": maker})
	os.Exit(testbin.Main(&binary, func() int {
		code := m.Run()
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return max(code, 1)
		}
		return code
	}))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// maker makes what a run with servers makes in the directory of runs args[0], says so, and
// goes on until it is killed.
func maker(args []string) error {
	run := filepath.Join(args[0], "20250101T000000-compare")
	servers := filepath.Join(run, Servers)
	if err := os.MkdirAll(filepath.Join(servers, "contend-postgres-1", "server", "data"), 0o700); err != nil {
		return err
	}
	if err := owner.Sign(servers); err != nil {
		return err
	}
	dir, err := owner.MakeDir(os.TempDir(), owner.Prefix+"postgres-")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o400); err != nil {
		return err
	}
	fmt.Println("made")
	select {}
}

// startMaker starts a maker with a temporary directory of its own, which becomes this
// process's too.
func startMaker(t *testing.T, runs string) *exec.Cmd {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	return start(t, testproc.Command("maker", runs), "made")
}

// start starts a process and waits until it says a word. It is killed when the test ends.
func start(t *testing.T, cmd *exec.Cmd, word string) *exec.Cmd {
	t.Helper()
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { kill(cmd) })
	if line, err := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != word {
		t.Fatalf("it said %q, %v", line, err)
	}
	return cmd
}

func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// leftovers removes what is left over, and returns the kinds and the last parts of the names.
func leftovers(t *testing.T, in Where) (names []string) {
	t.Helper()
	gone, err := Leftovers(t.Context(), in)
	must(t, err)
	for _, thing := range gone {
		names = append(names, thing.Kind+" "+filepath.Base(thing.Name))
	}
	slices.Sort(names)
	return names
}

// What a process has made stays while it runs, and goes when it has ended, but for what
// nobody has signed.
func TestLeftoversOfAProcess(t *testing.T) {
	runs := t.TempDir()
	cmd := startMaker(t, runs)
	strange := filepath.Join(os.TempDir(), owner.Prefix+"strange")
	recordings := filepath.Join(runs, "20250101T000001-busy", "recordings")
	must(t, errors.Join(os.Mkdir(strange, 0o700), os.MkdirAll(recordings, 0o700),
		os.MkdirAll(filepath.Join(runs, "20250101T000002-compare", Servers), 0o700)))
	in := Where{Runs: runs}
	if gone := leftovers(t, in); len(gone) > 0 {
		t.Errorf("%q went while its maker runs", gone)
	}
	if all, err := Find(t.Context(), in); err != nil || len(all) != 2 || all[0].Owner.PID != cmd.Process.Pid {
		t.Errorf("found %v, %v; want the two directories of process %d", all, err, cmd.Process.Pid)
	}
	kill(cmd)
	if gone := leftovers(t, in); len(gone) != 2 || !strings.HasPrefix(gone[0], "directory contend-postgres-") || gone[1] != "directory "+Servers {
		t.Errorf("%q went, want two directories", gone)
	}
	for path, stays := range map[string]bool{
		strange: true, recordings: true, filepath.Join(runs, "20250101T000002-compare", Servers): true,
		filepath.Join(runs, "20250101T000000-compare"): false,
	} {
		if _, err := os.Stat(path); (err == nil) != stays {
			t.Errorf("%s: %v, stays %t", path, err, stays)
		}
	}
	if gone := leftovers(t, in); len(gone) > 0 {
		t.Errorf("%q went again", gone)
	}
}

// Where something cannot be removed the error names it, and it can be found again.
func TestWhatCannotBeRemovedIsNotForgotten(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	busy := filepath.Join(os.TempDir(), owner.Prefix+"busy")
	within := filepath.Join(busy, "within")
	must(t, os.MkdirAll(filepath.Join(within, "more"), 0o700))
	must(t, owner.Sign(busy))
	free := obstruct(t, within)
	self := owner.Self()
	if err := clear(t.Context(), Where{}, self); err == nil || !strings.Contains(err.Error(), busy) {
		t.Errorf("error is %v, want one that names %s", err, busy)
	}
	free()
	must(t, clear(t.Context(), Where{}, self))
	if _, err := os.Stat(busy); err == nil {
		t.Error("it is still there")
	}
}

// obstruct keeps directory dir from being removed until free is called, or the test is over. Root needs a mount for it.
func obstruct(t *testing.T, dir string) (free func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		must(t, os.Chmod(dir, 0o500))
		free = func() { _ = os.Chmod(dir, 0o700) }
	} else {
		if out, err := exec.Command("mount", "-t", "tmpfs", "none", dir).CombinedOutput(); err != nil {
			testproc.Lacks(t, "a directory that root cannot remove, because nothing can be mounted: %s", out)
		}
		free = func() { _ = exec.Command("umount", dir).Run() }
	}
	t.Cleanup(free)
	return free
}

// ward is a process with a guard. It makes a directory and, where there is Docker, a volume,
// and goes on until it is killed or its stdin ends: then it sends the guard away.
func ward(args []string) error {
	in := Where{Docker: args[1] == "docker"}
	g, err := StartGuard(context.Background(), args[0], in)
	if err != nil {
		return err
	}
	if _, err := owner.MakeDir(os.TempDir(), owner.Prefix+"postgres-"); err != nil {
		return err
	}
	self := owner.Self()
	project := docker.NewProjectName()
	if in.Docker {
		out, err := exec.Command("docker", "volume", "create", "--label", docker.OwnerLabel+"="+self.String(),
			"--label", "com.docker.compose.project="+project, project+"_shared").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w", out, err)
		}
	}
	fmt.Println("guarded", g.cmd.Process.Pid, self)
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	return g.Dismiss(context.Background())
}

// A ward and what it says.
type guarded struct {
	cmd   *exec.Cmd
	guard int
	mark  owner.Mark
	end   func() // ends it in order
}

func startWard(t *testing.T, what string) (w guarded) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	w.cmd = testproc.Command("ward", binary, what)
	w.cmd.Stderr = os.Stderr
	in, err := w.cmd.StdinPipe()
	must(t, err)
	out, err := w.cmd.StdoutPipe()
	must(t, err)
	must(t, w.cmd.Start())
	t.Cleanup(func() { kill(w.cmd) })
	var mark string
	_, err = fmt.Fscanf(out, "guarded %d %s\n", &w.guard, &mark)
	must(t, err)
	w.mark, err = owner.Parse(mark)
	must(t, err)
	w.end = func() { in.Close(); must(t, w.cmd.Wait()) }
	return w
}

// of returns what there is of a process.
func of(t *testing.T, m owner.Mark, in Where) []Thing {
	t.Helper()
	all, err := Find(t.Context(), in)
	must(t, err)
	return slices.DeleteFunc(all, func(t Thing) bool { return t.Owner != m })
}

// However a process ends its guard sees to it that nothing is left of it, and then goes.
// Without the guard, it stays until somebody cleans up.
func TestGuard(t *testing.T) {
	for _, end := range []string{"in order", "killed", "killed with its guard"} {
		t.Run(end, func(t *testing.T) {
			w := startWard(t, "")
			if n := len(of(t, w.mark, Where{})); n != 1 {
				t.Fatalf("it has %d directories, want 1", n)
			}
			switch end {
			case "in order":
				w.end()
			case "killed with its guard":
				guard, err := os.FindProcess(w.guard)
				must(t, err)
				must(t, guard.Kill())
				kill(w.cmd)
				if n := len(of(t, w.mark, Where{})); n != 1 {
					t.Errorf("%d are left without a guard, so that the others show nothing", n)
				}
				if gone := leftovers(t, Where{}); len(gone) != 1 {
					t.Errorf("%q went, want the directory", gone)
				}
			default:
				kill(w.cmd)
			}
			for deadline := time.Now().Add(30 * time.Second); testproc.Alive(w.guard) && time.Now().Before(deadline); {
				time.Sleep(5 * time.Millisecond)
			}
			testproc.AwaitEnd(t, w.guard)
			if left := of(t, w.mark, Where{}); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// The guard removes what the engine has, too.
func TestGuardOfContainers(t *testing.T) {
	testbin.Docker(t)
	w := startWard(t, "docker")
	in := Where{Docker: true}
	if n := len(of(t, w.mark, in)); n != 2 {
		t.Fatalf("it has %d things, want a directory and a volume", n)
	}
	kill(w.cmd)
	for deadline := time.Now().Add(30 * time.Second); len(of(t, w.mark, in)) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("left: %v", of(t, w.mark, in))
		}
	}
	guard, err := os.FindProcess(w.guard) // it would look for a while whether more comes
	must(t, err)
	must(t, guard.Kill())
}

func TestGuardIsContend(t *testing.T) {
	if _, err := StartGuard(t.Context(), "/bin/false", Where{}); err == nil || !strings.Contains(err.Error(), "/bin/false") {
		t.Errorf("error is %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("changed my mind")
	cancel(cause)
	if _, err := StartGuard(ctx, binary, Where{}); !errors.Is(err, cause) {
		t.Errorf("error is %v, want the cause", err)
	}
}
