package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/contend/internal/cluster/server"
	"example.com/contend/internal/owner"
)

// leave makes a directory as a process with another mark would.
func leave(t *testing.T, dir string, change func(*owner.Mark)) {
	t.Helper()
	m := owner.Self()
	change(&m)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%s %d\n", m, info.Sys().(*syscall.Stat_t).Ino)
	if err := os.WriteFile(filepath.Join(dir, owner.File), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// inTemp runs the program with a temporary directory of its own and no Docker.
func inTemp(t *testing.T, tmp string, args ...string) (out, said string, code int) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "PATH=/nonexistent")
	var outText, errText strings.Builder
	cmd.Stdout, cmd.Stderr = &outText, &errText
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outText.String(), errText.String(), cmd.ProcessState.ExitCode()
}

func TestClean(t *testing.T) {
	t.Parallel()
	tmp, runs := t.TempDir(), t.TempDir()
	dead, alive, away := filepath.Join(tmp, "contend-postgres-1"), filepath.Join(tmp, "contend-postgres-2"), filepath.Join(tmp, "contend-postgres-3")
	ofRun := filepath.Join(runs, "20250101T000000-compare", "servers")
	ended := func(m *owner.Mark) { m.Start = "1" } // this process's PID, but another process
	leave(t, dead, ended)
	leave(t, ofRun, ended)
	leave(t, alive, func(*owner.Mark) {})
	leave(t, away, func(m *owner.Mark) { m.Host = strings.Repeat("0", len(m.Host)) })

	out, said, code := inTemp(t, tmp, "clean", "--dir", runs, "--dry-run")
	if code != exitOK || said != "" || strings.Count(out, "would remove  directory  ") != 2 || strings.Count(out, "kept ") != 2 ||
		!strings.Contains(out, "another machine") || !strings.Contains(out, fmt.Sprintf("process %d runs", os.Getpid())) {
		t.Errorf("--dry-run: %d, %s\n%s", code, said, out)
	}
	out, said, code = inTemp(t, tmp, "clean", "--dir", runs, "--json")
	var done cleaning
	if err := json.Unmarshal([]byte(out), &done); err != nil || code != exitOK || said != "" || done.Schema != 1 || done.DryRun ||
		len(done.Removed) != 2 || done.Removed[0] != (thing{"directory", dead, os.Getpid(), "ended"}) || done.Removed[1].Name != ofRun ||
		len(done.Kept) != 2 || done.Kept[0] != (thing{"directory", alive, os.Getpid(), "runs"}) || done.Kept[1].State != "unknown" {
		t.Errorf("--json: %d, %v, %s\n%s", code, err, said, out)
	}
	for path, stays := range map[string]bool{dead: false, filepath.Dir(ofRun): false, alive: true, away: true} {
		if _, err := os.Stat(path); (err == nil) != stays {
			t.Errorf("%s: %v, want that it stays %t", path, err, stays)
		}
	}
	if err := errors.Join(os.RemoveAll(alive), os.RemoveAll(away)); err != nil {
		t.Fatal(err)
	}
	if out, said, code := inTemp(t, tmp, "clean", "--dir", runs); out != "nothing is left of any run\n" || said != "" || code != exitOK {
		t.Errorf("with nothing left: %d, %q, %q", code, out, said)
	}
	if _, said, code := inTemp(t, tmp, "clean", "everything"); code != exitUsage || said == "" {
		t.Errorf("with an argument: %d, %q", code, said)
	}
	none := filepath.Join(runs, "none")
	if out, said, code := inTemp(t, tmp, "clean", "--dir", none); out != "" || code != exitCannotRun || !strings.Contains(said, none) || !strings.Contains(said, "hint: ") {
		t.Errorf("with a directory that is not there: %d, %q, %q", code, out, said)
	}
}

// However a comparison ends, nothing is left of its PostgreSQL: no file, no shared memory,
// no process.
func TestCompareLeavesNothing(t *testing.T) {
	if _, err := server.FindPostgres(); errors.Is(err, server.ErrNoPostgres) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	for _, test := range []struct {
		name  string
		ready string // what is there once it is to end
		end   func(t *testing.T, contend *os.Process)
		code  int // -1: killed by a signal
	}{
		{"killed while it makes the files", "PG_VERSION", killed, -1},
		{"killed", "postmaster.opts", killed, -1},
		{"two SIGINTs", "postmaster.opts", func(t *testing.T, contend *os.Process) {
			for range 2 {
				if err := contend.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
					t.Error(err)
				}
				time.Sleep(20 * time.Millisecond)
			}
		}, -1},
		{"SIGHUP", "postmaster.opts", func(t *testing.T, contend *os.Process) {
			if err := contend.Signal(syscall.SIGHUP); err != nil {
				t.Error(err)
			}
		}, exitInterrupted},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tmp, runs := openTemp(t), t.TempDir()
			cmd := exec.Command(binary, "compare", "--quick", "--rung", "postgres/update", "--dir", runs, "-q")
			cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
			data := awaitFile(t, test.ready, tmp, runs)
			info, err := os.Stat(data)
			if err != nil {
				t.Fatal(err)
			}
			key := fmt.Sprint(int32(info.Sys().(*syscall.Stat_t).Ino)) // PostgreSQL's for its segment
			test.end(t, cmd.Process)
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != test.code && (test.name != "two SIGINTs" || code != exitInterrupted) {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			wantNothingLeft(t, tmp, runs, key)
		})
	}
}

func killed(t *testing.T, contend *os.Process) {
	if err := contend.Kill(); err != nil {
		t.Error(err)
	}
}

// openTemp makes a temporary directory that PostgreSQL's user can get into.
func openTemp(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ends-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// awaitFile waits until one of the directories has a file of this name somewhere, and returns
// the directory that it is in.
func awaitFile(t *testing.T, name string, dirs ...string) (in string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); in == ""; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s in %q after a minute", name, dirs)
		}
		for _, dir := range dirs {
			_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error { // what vanishes meanwhile is passed over
				if err == nil && filepath.Base(path) == name {
					in = filepath.Dir(path)
				}
				return nil
			})
		}
	}
	return in
}

// wantNothingLeft checks that soon there is nothing in tmp, nothing of servers in runs, no process
// of theirs, and no segment with the key.
func wantNothingLeft(t *testing.T, tmp, runs, key string) {
	t.Helper()
	var left []string
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		left = nil
		for _, pattern := range []string{filepath.Join(tmp, "*"), filepath.Join(runs, "*", "servers")} {
			found, err := filepath.Glob(pattern)
			if err != nil {
				t.Fatal(err)
			}
			left = append(left, found...)
		}
		listed, _ := os.ReadFile("/proc/sysvipc/shm") // elsewhere than on Linux nothing is known of them
		for line := range strings.Lines(string(listed)) {
			fields := strings.Fields(line)
			if len(fields) > 1 && fields[0] == key {
				left = append(left, "segment "+fields[1])
			}
		}
		left = append(left, ofRun(t, tmp)...)
		left = append(left, ofRun(t, runs)...)
		if len(left) == 0 {
			return
		}
	}
	t.Errorf("left: %q", left)
}

// nobody returns the writing end of a pipe that nobody reads.
func nobody(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	t.Cleanup(func() { w.Close() })
	return w
}

// A verb whose output nobody reads ends in order, without a word, with an exit code of its own.
func TestUnreadOutput(t *testing.T) {
	for _, args := range [][]string{{"list"}, {"list", "--json"}, {"help", "run"}, {"clean", "--dry-run"}} {
		cmd := exec.Command(binary, args...)
		var said strings.Builder
		cmd.Stdout, cmd.Stderr = nobody(t), &said
		_ = cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != exitUnread || said.Len() > 0 {
			t.Errorf("%q: exit code %d and %q, want %d and nothing", args, code, &said, exitUnread)
		}
	}
}

// So does a run that reports its progress to nobody, and PostgreSQL and its data go.
func TestUnreadProgress(t *testing.T) {
	t.Parallel()
	if _, err := server.FindPostgres(); errors.Is(err, server.ErrNoPostgres) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	tmp, runs := openTemp(t), t.TempDir()
	cmd := exec.Command(binary, "compare", "--quick", "--rung", "postgres/update", "--dir", runs)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	cmd.Stdout, cmd.Stderr = nobody(t), nobody(t)
	_ = cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != exitUnread {
		t.Errorf("exit code %d, want %d", code, exitUnread)
	}
	wantNothingLeft(t, tmp, runs, "none")
}
