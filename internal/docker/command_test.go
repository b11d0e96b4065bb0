package docker

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCommandNames(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"docker stop -t 3 abc", "docker stop"},
		{"docker start abc", "docker start"},
		{"docker image inspect --format x abc", "docker image inspect"},
		{"docker volume rm --force abc", "docker volume rm"},
		{"docker-compose -p x up", "docker-compose"},
	} {
		if got := (command{args: strings.Fields(test.args)}).name(); got != test.want {
			t.Errorf("%s is named %q, want %q", test.args, got, test.want)
		}
	}
}

func TestAnErrorSaysTheLastWords(t *testing.T) {
	failed := errors.New("exit status 1")
	for _, test := range []struct{ name, said, want string }{
		{"nothing said", "\n", "docker cp: exit status 1"},
		{"one line", "Error: no such container\n", "docker cp: Error: no such container"},
		{"many lines", "a\nb\n\nc\n d\n", "docker cp: b; c; d"},
	} {
		if got := (&Error{Command: "docker cp", Said: test.said, Err: failed}).Error(); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestACommandFailsWithWhatItSaid(t *testing.T) {
	err := command{args: []string{"sh", "-c", "echo no such thing >&2; exit 3"}}.run(t.Context())
	var failed *Error
	var exit *exec.ExitError
	if !errors.As(err, &failed) || !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("error = %v", err)
	}
}

func TestATailKeepsTheEnd(t *testing.T) {
	var kept tail
	for range 3 {
		if _, err := kept.Write(bytes.Repeat([]byte("a"), tailSize)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := kept.Write([]byte("the end")); err != nil {
		t.Fatal(err)
	}
	if got := string(kept.kept); len(got) != tailSize || !strings.HasSuffix(got, "athe end") {
		t.Errorf("it kept %d bytes that end in %q", len(got), got[len(got)-10:])
	}
}

// A command whose context is done dies with what it has started.
func TestCancelKillsTheGroup(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	cause := errors.New("changed my mind")
	ctx, cancel := context.WithCancelCause(t.Context())
	over := make(chan error)
	go func() {
		over <- command{args: []string{"sh", "-c", `sleep 1000 & echo $! > "$0.new"; mv "$0.new" "$0"; wait`, pidFile}}.run(ctx)
	}()
	grandchild := awaitFile(t, pidFile)
	cancel(cause)
	if err := <-over; !errors.Is(err, cause) {
		t.Errorf("error = %v, want the cause", err)
	}
	for range 500 {
		if stat, err := os.ReadFile("/proc/" + grandchild + "/stat"); err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %s, the command's child, is still there", grandchild)
}

// A patient command comes to its end, though its context is done.
func TestAPatientCommandEndsByItself(t *testing.T) {
	dir := t.TempDir()
	begun, done := filepath.Join(dir, "begun"), filepath.Join(dir, "done")
	cause := errors.New("changed my mind")
	ctx, cancel := context.WithCancelCause(t.Context())
	over := make(chan error)
	go func() {
		over <- command{args: []string{"sh", "-c", `echo > "$0"; sleep 0.2; echo > "$1"`, begun, done}, patient: true}.run(ctx)
	}()
	awaitFile(t, begun)
	cancel(cause)
	if err := <-over; !errors.Is(err, cause) {
		t.Errorf("error = %v, want the cause", err)
	}
	if _, err := os.Stat(done); err != nil {
		t.Errorf("it did not come to its end: %v", err)
	}
}

// awaitFile waits until there is a file at path and returns its line.
func awaitFile(t *testing.T, path string) string {
	t.Helper()
	for range 1000 {
		if text, err := os.ReadFile(path); err == nil {
			return strings.TrimSpace(string(text))
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s did not appear", path)
	return ""
}

// A Ctrl-C at the terminal goes to the process group in the foreground: a client
// has one of its own.
func TestAClientHasAGroupOfItsOwn(t *testing.T) {
	text, err := output(t.Context(), "sh", "-c", "echo $$ $(ps -o pgid= -p $$)")
	if pid, group, _ := strings.Cut(text, " "); err != nil || pid != group {
		t.Errorf("process and group are %q, %v", text, err)
	}
}
