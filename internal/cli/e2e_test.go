package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/history"
	"example.com/contend/internal/archive"
	"example.com/contend/internal/run"
	"example.com/contend/internal/testproc"
)

// program is the real contend with args, its runs kept in dir.
func program(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Dir = dir
	return cmd
}

// ofRun returns the ids of processes whose command line names dir: the nodes
// of runs that are kept there.
func ofRun(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		if line, _ := os.ReadFile(file); bytes.Contains(line, []byte(dir)) {
			found = append(found, file)
		}
	}
	return found
}

func TestInterruptedRunIsJudgedAndStored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := program(dir, "run", "lost-update", "--seed", "1", "--dir", filepath.Join(dir, "runs"))
	var out bytes.Buffer
	cmd.Stdout = &out
	progress, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(progress)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "3 of ") {
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	doc, err := archive.Load(filepath.Join(dir, "runs", archive.Latest))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(doc.Experiments[0].Arms); !doc.Interrupted || n < 2 || n > 5 {
		t.Errorf("interrupted: %t, %d arms; want what was done before the signal", doc.Interrupted, n)
	}
	if !strings.Contains(out.String(), "INTERRUPTED") {
		t.Errorf("the report does not say that it was cut short:\n%s", out.String())
	}
	if left := ofRun(t, dir); len(left) > 0 {
		t.Errorf("left running: %v", left)
	}
}

// Ctrl-C ends PostgreSQL too, and takes its data away.
func TestInterruptedComparisonIsJudgedAndStored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // so that PostgreSQL's user comes that far
		t.Fatal(err)
	}
	relative := strings.TrimPrefix(dir, "/")
	cmd := program("/", "compare", "--rung", "queue", "--rung", "postgres/update", "--workload", "counter", "--clients", "2", "--dir", filepath.Join(relative, "runs"))
	progress, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(progress)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "3 of ") {
		if strings.HasPrefix(lines.Text(), "its data are in ") {
			t.Errorf("%s, and they are to be in %s", lines.Text(), dir)
		}
	}
	running := len(ofRun(t, relative))
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	doc, err := archive.Load(filepath.Join(dir, "runs", archive.Latest))
	if err != nil {
		t.Fatal(err)
	}
	if !doc.Interrupted || doc.Comparison == nil || len(doc.Comparison.Rungs) == 0 {
		t.Errorf("interrupted: %t, comparison %+v; want what was done before the signal", doc.Interrupted, doc.Comparison)
	}
	if left := ofRun(t, relative); running == 0 || len(left) > 0 {
		t.Errorf("of %d processes left running: %v", running, left)
	}
	if _, err := os.Stat(filepath.Join(dir, "runs", archive.Latest, "servers")); err == nil {
		t.Error("the servers' data are still there")
	}
}

// asked is what a run's clients sent, without what came of it.
func asked(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, archive.Latest, "recordings", "*", run.HistoryFile))
	if err != nil || len(files) == 0 {
		t.Fatalf("no history in %s (%v)", dir, err)
	}
	var all []string
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		reader := history.NewReader(f, file)
		for op := range reader.Ops() {
			if op.Process >= 0 {
				all = append(all, fmt.Sprint(filepath.Base(filepath.Dir(file)), op.Process, op.Node, op.Func, op.Key))
			}
		}
		if err := reader.Err(); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(all) // the order of arrival is the machine's
	return all
}

func TestTwoRunsOfOneSeedSendTheSameOps(t *testing.T) {
	t.Parallel()
	var sent [2][]string
	for i := range sent {
		dir := t.TempDir()
		out, err := program(dir, "run", "busy", "--seed", "7", "--arm", "immediate/0/WAL", "-q", "--dir", dir).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		sent[i] = asked(t, dir)
	}
	if len(sent[0]) != 200 {
		t.Errorf("%d ops, want 100 in each of two arms", len(sent[0]))
	}
	if diff := cmp.Diff(sent[0], sent[1]); diff != "" {
		t.Errorf("two runs of one seed differ:\n%s", diff)
	}
}

// The commands that `contend up` prints are run as they stand.
func TestUpPrintsCommandsThatWork(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("no curl on PATH: apt-get install curl")
		}
		t.Skip("not checked: the printed commands, because there is no curl on PATH")
	}
	dir := t.TempDir()
	cmd := program(dir, "up", "--listen", "127.0.0.1:0", "--preset", "red", "--nodes", "2", "--lab")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tried := 0
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Ctrl-C") {
		if line := lines.Text(); strings.HasPrefix(line, "curl ") {
			tried++
			answer, err := exec.Command("sh", "-c", strings.ReplaceAll(line, "5000", "50")).Output()
			if err != nil || !json.Valid(answer) || bytes.Contains(answer, []byte(`"error"`)) {
				t.Errorf("%s: %v, %s", line, err, answer)
			}
		}
	}
	if tried < 5 {
		t.Errorf("%d commands printed, want 5", tried)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v, want exit code 0", err)
	}
	if left := ofRun(t, dir); len(left) > 0 {
		t.Errorf("left running: %v", left)
	}
}

func TestUpDiesWithItsParent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := program(dir, "up", "--listen", "127.0.0.1:0", "--nodes", "2")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for range 500 { // the kernel kills them at once; reaping orphans is init's work
		if len(ofRun(t, dir)) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("outlived a kill -9 of contend up: %v", ofRun(t, dir))
}

// Without the space that a run needs, nothing begins.
func TestNothingBeginsOnAFullDisk(t *testing.T) {
	t.Parallel()
	for _, line := range [][]string{{"run", "busy"}, {"compare", "--quick"}, {"up", "--listen", "127.0.0.1:0"}} {
		dir := t.TempDir()
		cmd := program(dir, append(line, "--dir", filepath.Join(dir, "runs"))...)
		testproc.OnDisk(t, cmd, dir, 8<<20)
		out, err := cmd.CombinedOutput()
		want := "8 MiB free on its disk, and 64 MiB needed\nhint: make room there, or choose another directory with --dir\n"
		if cmd.ProcessState.ExitCode() != exitCannotRun || !strings.HasPrefix(string(out), "contend: ") || !strings.HasSuffix(string(out), want) {
			t.Errorf("%q: %v\n%s", line, err, out)
		}
	}
}

// A disk that fills up ends the run at the recording that meets it, with what there is.
func TestADiskThatFillsUpEndsTheRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := program(dir, "run", "lost-update", "--seed", "1", "--dir", filepath.Join(dir, "runs"))
	testproc.OnDisk(t, cmd, dir, 80<<20)
	progress, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(progress)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "2 of ") {
	}
	filler := fmt.Sprintf("/proc/%d/root%s", cmd.Process.Pid, filepath.Join(dir, "filler"))
	if err := os.WriteFile(filler, make([]byte, 80<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the disk is not full: %v", err)
	}
	var after []string
	for lines.Scan() {
		after = append(after, lines.Text())
	}
	_ = cmd.Wait()
	said := strings.Join(after, "\n")
	if cmd.ProcessState.ExitCode() != exitCannotRun || !strings.Contains(said, "contend: record ") || !strings.Contains(said, "\nhint: make room there") {
		t.Errorf("%s, it says:\n%s", cmd.ProcessState, said)
	}
	if strings.Contains(said, "4 of ") {
		t.Errorf("it goes on:\n%s", said)
	}
}
