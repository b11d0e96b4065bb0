package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/contend/check"
	"example.com/contend/internal/archive"
	"example.com/contend/internal/run"
)

// Whatever lies where a reader expects a file, it ends with an error, in bounded memory.
func TestReadersAreBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stored := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	doc := func(experiments string) string { return `{"schema":2,"experiments":[` + experiments + `]}` }
	// A run whose recording has no end.
	asked := filepath.Join(dir, "endless")
	stored("endless/run.json", doc(""))
	if err := os.MkdirAll(filepath.Join(asked, "recordings", "01"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", filepath.Join(asked, "recordings", "01", run.RecordingFile)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no end":              {[]string{"report", "/dev/zero"}, "longer than 33,554,432 bytes"},
		"a history of zeros":  {[]string{"check", "counter", "/dev/zero"}, "longer than 1048576 bytes"},
		"a run of zeros":      {[]string{"report", "--judge", asked}, "recordings/01: read recording.json: it is longer"},
		"too deep":            {[]string{"report", stored("deep", doc(strings.Repeat("[", 1<<20)))}, "more than 64 deep"},
		"a long name":         {[]string{"report", stored("name", doc(`{"arms":[{"name":"`+strings.Repeat("a", 5<<20)+`"}]}`))}, "a string of 5,242,880 bytes"},
		"a name that is long": {[]string{"report", stored("longer", doc(`{"arms":[{"name":"`+strings.Repeat("a", 60_000)+`"}]}`))}, "60,000 bytes in a name, and 256 are the most"},
		"many values":         {[]string{"report", stored("many", doc(`{"arms":[`+strings.Repeat("{},", 1<<20)+"{}]}"))}, "more than 400,000 values"},
		"many arms":           {[]string{"report", stored("arms", doc(`{"arms":[`+strings.Repeat("{},", 2_000)+"{}]}"))}, "2,001 arms, and 2,000 are the most"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var out, said bytes.Buffer
			cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", `ulimit -v 3000000; exec "$0" "$@"`, binary}, c.args...)...)
			cmd.Stdout, cmd.Stderr = &out, &said
			err := cmd.Run()
			if cmd.ProcessState.ExitCode() != exitCannotRun || !strings.Contains(said.String(), c.want) || said.Len() > 1000 || out.Len() > 0 {
				t.Errorf("%v; want exit code %d; stderr has %d bytes: %.500s; want %q", err, exitCannotRun, said.Len(), said.String(), c.want)
			}
		})
	}
}

// The first signal ends a reader, also while it opens a FIFO that nobody writes to, and where a
// shell in whose background it runs has it ignore SIGINT.
func TestReadersEndAtTheFirstSignal(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"report", fifo}, {"report", "--judge", fifo}, {"check", "counter", fifo}, {"logs", fifo}} {
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			for _, shell := range []string{"exec", "trap '' INT; exec"} {
				t.Run(fmt.Sprint(args[:len(args)-1], signal, shell), func(t *testing.T) {
					t.Parallel()
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", shell + ` "$0" "$@"`, binary}, args...)...)
					if err := cmd.Start(); err != nil {
						t.Fatal(err)
					}
					for !waitsForWriter(cmd.Process.Pid) && ctx.Err() == nil {
						time.Sleep(5 * time.Millisecond)
					}
					if err := cmd.Process.Signal(signal); err != nil {
						t.Error(err)
					}
					err := cmd.Wait()
					if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
						t.Errorf("exit code %d, want %d: %v", code, exitInterrupted, err)
					}
				})
			}
		}
	}
}

// waitsForWriter reports whether a thread of the process waits in the kernel for somebody to
// open or write the other end of a FIFO.
func waitsForWriter(pid int) bool {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/wchan", pid))
	for _, file := range files {
		where, _ := os.ReadFile(file)
		if bytes.Contains(where, []byte("wait_for_partner")) || bytes.HasPrefix(where, []byte("poll_schedule_timeout")) {
			return true
		}
	}
	return false
}

// An answer that nobody can read is no answer, whatever it says.
func TestAnswerThatCannotBeWritten(t *testing.T) {
	dir := storedRun(t, madeRun(check.Holds, run.ExpectHolds))
	history := filepath.Join(dir, "history.jsonl")
	if err := os.WriteFile(history, []byte(`{"process":-1,"op":"reset","key":"k","value":0,"outcome":"ok"}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("some.log", []byte("database is locked\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for _, args := range [][]string{
		{"list"}, {"list", "--json"}, {"list", "busy", "--arms"}, {"help"}, {"help", "run"}, {"run", "--help"}, {"exit-codes"}, {"--version"},
		{"report"}, {"report", "--json"}, {"report", "--html"}, {"report", "--claims"}, {"report", "--color", "always"},
		{"check", "counter", history}, {"check", "counter", "--json", history}, {"logs", "some.log"}, {"logs", "--json", "some.log"}, {"completion", "bash"},
	} {
		var said bytes.Buffer
		code := execute(t.Context(), args, streams{strings.NewReader(""), full, &said})
		if code != exitCannotRun || !strings.Contains(said.String(), "no space left on device") || strings.Count(said.String(), "\n") != 1 {
			t.Errorf("contend %q = %d, %q; want %d and an error", args, code, said.String(), exitCannotRun)
		}
	}
}

// Nothing that a terminal would obey comes out, whatever files are called.
func TestNamesOfFilesAreHarmless(t *testing.T) {
	dir := storedRun(t, madeRun(check.Holds, run.ExpectHolds))
	const evil = "evil\x1b]0;owned\a\x9b\u009b31m\u202e\r"
	for _, name := range []string{evil, evil + "2"} {
		if err := os.WriteFile(name, []byte(`{"process":-1,"op":"reset","key":"k","value":0,"outcome":"ok"}`+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(dir, "runs/"+evil); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", t.TempDir()) // no browser
	for _, args := range [][]string{
		{"report", evil}, {"report", "no" + evil}, {"report", "--open", "runs/" + evil}, {"report", "--judge", "runs/" + evil}, {"check", "counter", "no" + evil},
		{"check", "counter", evil, evil + "2"}, {"check", "counter", "--json", evil}, {"check", evil}, {"logs", "no" + evil}, {"logs", evil}, {"logs", "--json", evil},
		{"logs", "--recording", evil, "runs/" + evil}, {"run", evil}, {"run", "busy", "--arm", evil}, {"run", "--on", evil}, {"run", "--" + evil}, {"list", evil}, {evil}, {"help", evil},
		{"compare", "--rung", evil}, {"compare", "--workload", evil}, {"node", "--db", evil + "/x"}, {"node", "--db", "x", "--name", strings.Repeat(evil, 9)}, {"up", "--listen", evil},
		{"healthcheck", "--url", evil}, {"balance", "--node", evil}, {"report", "--color", evil}, {"run", "--seed", evil},
	} {
		code, out, said := contend("", args...)
		for _, text := range []string{out, said} {
			if strings.ContainsFunc(text, func(r rune) bool {
				return r == '\r' || r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r == '\u202e'
			}) ||
				strings.Contains(text, "\x9b3") {
				t.Errorf("contend %q = %d, and writes %q", args, code, text)
			}
		}
	}
}

// A run that was interrupted before a node was asked anything is not kept, and leaves the latest
// run the latest.
func TestNothingRecordedIsNotKept(t *testing.T) {
	latest := storedRun(t, madeRun(check.Holds, run.ExpectHolds))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, said bytes.Buffer
	code := execute(ctx, []string{"run", "busy", "--seed", "1"}, streams{strings.NewReader(""), &out, &said})
	if code != exitInterrupted || !strings.Contains(said.String(), "nothing is kept") {
		t.Errorf("exit code %d, %s", code, said.String())
	}
	runs, err := filepath.Glob("runs/*")
	if target, _ := os.Readlink("runs/" + archive.Latest); err != nil || len(runs) != 2 || target != filepath.Base(latest) {
		t.Errorf("there are %q, %v, and the latest is %s", runs, err, target)
	}
}

func TestToldWhetherAnythingWasAsked(t *testing.T) {
	arm := func(change func(*run.ArmResult)) *run.Run {
		a := run.ArmResult{Trials: []run.TrialResult{{}}}
		change(&a)
		return &run.Run{Experiments: []run.Result{{}, {Arms: []run.ArmResult{{}, a}}}}
	}
	for name, c := range map[string]struct {
		doc  *run.Run
		want bool
	}{
		"no experiment":          {&run.Run{}, false},
		"an arm that only ended": {arm(func(a *run.ArmResult) { a.Error = "interrupted" }), false},
		"a request":              {arm(func(a *run.ArmResult) { a.Ops.Total = 1 }), true},
		"a step":                 {arm(func(a *run.ArmResult) { a.Trials[0].Steps = []run.StepResult{{}} }), true},
	} {
		if got := told(c.doc); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// A flag that nothing reads would promise what is not done.
func TestFlagsThatNothingReads(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		args []string
		want string // "" where the flag is read
	}{
		{[]string{"run", "busy", "--levels", "7"}, "--levels is for the experiment load"},
		{[]string{"run", "busy", "load", "--arm", "red/*", "--levels", "7"}, "--levels"},
		{[]string{"run", "busy", "--old-engine", binary}, "--old-engine is for the experiment wal-reset"},
		{[]string{"compare", "--rung", "queue", "--postgres", "postgres://127.0.0.1:1/x"}, "--postgres: no rung that was chosen reads it: add --rung 'given/*'"},
		{[]string{"compare", "--rung", "postgres/*", "--rqlite", "127.0.0.1:1"}, "--rqlite: no rung"},
		{[]string{"compare", "--rung", "rqlite/*", "--driver", "ncruces"}, "--driver: no rung"},
	} {
		code, _, said := contend("", c.args...)
		if code != exitUsage || !strings.Contains(said, c.want) {
			t.Errorf("contend %q = %d, %s; want %d and %q", c.args, code, said, exitUsage, c.want)
		}
	}
	if left, _ := os.ReadDir("."); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
