package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/contend/internal/run"
	"example.com/contend/internal/testbin"
	"example.com/contend/internal/testproc"
)

// started starts `contend up` with args and returns the balancer's URL.
func started(t *testing.T, args ...string) string {
	t.Helper()
	cmd := program(t.TempDir(), append([]string{"up", "--listen", "127.0.0.1:0"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("contend up: %v", err)
		}
	})
	first, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(strings.TrimPrefix(first, "balancer"))
}

// ran runs contend, which has to exit with code, and returns the run that it printed.
// A burst on a machine that is busy with other tests may miss one another: what is
// not as expected must come again in a second run to count.
func ran(t *testing.T, code int, args ...string) run.Run {
	t.Helper()
	doc, got, said := runOnce(t, args)
	if code == exitOK && (got == exitSurprise || got == exitInconclusive) {
		t.Logf("exit code %d, so it runs again: %s", got, unmet(doc))
		doc, got, said = runOnce(t, args)
	}
	if got != code {
		t.Fatalf("exit code %d, want %d: %s%s", got, code, said, unmet(doc))
	}
	return doc
}

func runOnce(t *testing.T, args []string) (doc run.Run, code int, said string) {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd := program(t.TempDir(), append(args, "--json", "-q")...)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	_ = cmd.Run()
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatalf("exit code %d, %v: %s%s", cmd.ProcessState.ExitCode(), err, out.String(), stderr.String())
	}
	return doc, cmd.ProcessState.ExitCode(), stderr.String()
}

// unmet is the arms of doc that could not run and the findings that were not as expected, a line each.
func unmet(doc run.Run) string {
	var b strings.Builder
	for _, x := range doc.Experiments {
		for _, arm := range x.Arms {
			if arm.Error != "" {
				fmt.Fprintf(&b, "\n%s %s on %s: %s", x.Name, arm.Name, arm.Place, arm.Error)
			}
			for _, f := range arm.Findings {
				if f.Surprise() || f.Undecided() {
					fmt.Fprintf(&b, "\n%s %s: %s %s: %s", x.Name, arm.Name, f.Claim, f.Verdict, f.Reason)
				}
			}
		}
	}
	return b.String()
}

// What rests on the time of a commit may come out either way in memory, and is no surprise there.
func TestRunInMemory(t *testing.T) {
	t.Parallel()
	const memory = "/dev/shm"
	var at unix.Statfs_t
	if err := unix.Statfs(memory, &at); err != nil || at.Type != unix.TMPFS_MAGIC {
		testproc.Lacks(t, "storage as fast as memory, because %s is no tmpfs (%v)", memory, err)
	}
	dir, err := os.MkdirTemp(memory, "contend-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	fast := 0
	for _, arm := range ran(t, exitOK, "run", "busy", "--quick", "--dir", dir).Experiments[0].Arms {
		for _, f := range arm.Findings {
			if f.Fast {
				fast++
			}
		}
		if arm.SyncTime == nil {
			t.Errorf("%s: nobody measured how long a sync takes", arm.Name)
		}
	}
	if fast == 0 {
		t.Error("nothing rests on the time of a commit here")
	}
}

// Nodes that others started are taken as they are: only the arms run whose
// discipline they have, and the report says of the others why not.
func TestRunOnGivenNodes(t *testing.T) {
	t.Parallel()
	url := started(t)
	doc := ran(t, exitOK, "run", "busy", "crash", "--quick", "--on", url)
	busy, crash := doc.Experiments[0], doc.Experiments[1]
	if len(busy.Arms) != 1 || busy.Arms[0].Name != "green/burst" || busy.Arms[0].Place != url || busy.Arms[0].Ops.OK != 24 {
		t.Errorf("busy ran %+v, want green/burst alone, and nobody refused", busy.Arms)
	}
	if len(crash.Arms) != 0 || len(crash.Skipped) != 1 || !strings.Contains(crash.Skipped[0].Reason, "killed") {
		t.Errorf("crash: %d arms, skipped %+v; want all skipped because nodes are killed", len(crash.Arms), crash.Skipped)
	}
	// The counter goes on from where it was: what was there before is nobody's increment.
	again := ran(t, exitOK, "run", "lost-update", "--quick", "--on", url).Experiments[0].Arms[0]
	if again.Lost == nil || *again.Lost != 0 || *again.Final != 24 {
		t.Errorf("the second time %v of 24 lost, final %v", again.Lost, again.Final)
	}
}

// With their lab open, the nodes get the discipline of each arm, on a database of its own.
func TestRunOnGivenNodesWithALab(t *testing.T) {
	t.Parallel()
	url := started(t, "--lab")
	doc := ran(t, exitOK, "run", "busy", "--quick", "--arm", "red", "--arm", "separate/5000", "--arm", "green", "--on", url)
	if n := len(doc.Experiments[0].Arms); n != 3 || len(doc.Experiments[0].Skipped) != 0 {
		t.Errorf("%d arms, skipped %+v; want three, and none skipped", n, doc.Experiments[0].Skipped)
	}
	for _, arm := range doc.Experiments[0].Arms {
		if arm.Error != "" || arm.Integrity != "ok" || len(arm.Engines) != 1 {
			t.Errorf("%s: error %q, integrity %q, engines %q", arm.Name, arm.Error, arm.Integrity, arm.Engines)
		}
	}
}

// Everything is skipped where no arm can be run; that is not "as expected".
func TestRunOfNothing(t *testing.T) {
	t.Parallel()
	doc := ran(t, exitCannotRun, "run", "crash", "--quick", "--on", started(t))
	if len(doc.Experiments) != 1 || len(doc.Experiments[0].Skipped) == 0 {
		t.Errorf("%+v; want the experiment, and why it was skipped", doc.Experiments)
	}
}

// A run in containers stands beside one in processes, and nothing of it is left.
func TestRunOnCompose(t *testing.T) {
	t.Parallel()
	testbin.Docker(t)
	doc := ran(t, exitOK, "run", "lost-update", "--quick", "--arm", "separate/5000/WAL/burst", "--arm", "immediate/5000/WAL/burst", "--on", "compose")
	var got []string
	for _, arm := range doc.Experiments[0].Arms {
		got = append(got, arm.Name+" "+arm.Place)
		if lost := *arm.Lost > 0; lost != strings.HasPrefix(arm.Name, "separate") {
			t.Errorf("%s on %s lost %d", arm.Name, arm.Place, *arm.Lost)
		}
	}
	want := "separate/5000/WAL/burst processes, separate/5000/WAL/burst compose, immediate/5000/WAL/burst processes, immediate/5000/WAL/burst compose"
	if strings.Join(got, ", ") != want {
		t.Errorf("arms %q, want %q", strings.Join(got, ", "), want)
	}
}

// Without Docker the error says what to install, and nothing is kept of the run.
func TestRunOnComposeWithoutDocker(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := program(dir, "run", "busy", "--on", "compose")
	cmd.Env = append(os.Environ(), "PATH="+dir)
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != exitCannotRun || !strings.Contains(string(out), "install Docker") {
		t.Errorf("exit code %d: %s", code, out)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "runs", "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
