package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/contend/internal/logs"
)

// A log is followed while it grows, while another takes its name, and while it is cut off.
func TestLogsFollow(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.log")
	if err := os.WriteFile(path, []byte("SQLITE_BUSY\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	g := &growing{ctx: ctx, path: path, f: f}
	defer g.close()
	lines := bufio.NewReader(g)
	next := func(want string) {
		t.Helper()
		if got, err := lines.ReadString('\n'); err != nil || got != want+"\n" {
			t.Fatalf("%q, %v; want %q", got, err, want)
		}
	}
	next("SQLITE_BUSY")
	grown, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer grown.Close()
	if _, err := grown.WriteString("grown\n"); err != nil {
		t.Fatal(err)
	}
	next("grown")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if _, err := grown.WriteString("last\n"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("a new file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	next("last")
	next("a new file")
	if err := os.WriteFile(path, []byte("cut off\n"), 0o600); err != nil { // truncates
		t.Fatal(err)
	}
	next("cut off")
	cancel()
	if _, err := lines.ReadString('\n'); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// A line comes each minute, also while the log is silent, and none after the end.
func TestLogsFollowTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		go func() {
			io.WriteString(out, "SQLITE_BUSY\nSQLITE_IOERR_READ\n")
			time.Sleep(90 * time.Second)
			io.WriteString(out, "SQLITE_BUSY\n")
			time.Sleep(60 * time.Second)
			out.Close()
		}()
		var got []string
		var tally logs.Tally
		var last logs.Summary
		ticks := time.NewTicker(time.Minute)
		defer ticks.Stop()
		p := pumped(in, ticks.C, func(now time.Time) {
			next := tally.Summary()
			got = append(got, minuteText(now, &last, &next))
			last = next
		})
		if err := tally.Read(p, "x"); err != nil {
			t.Fatal(err)
		}
		p.wait()
		want := "00:01 UTC  1 refusal and 1 error in 2 lines: SQLITE_BUSY 1, SQLITE_IOERR_READ 1\n" +
			"00:02 UTC  1 refusal and 0 errors in 1 line: SQLITE_BUSY 1"
		if got := strings.Join(got, "\n"); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	})
}

// The whole verb follows a file until Ctrl-C.
func TestLogsFollowInterrupted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.log")
	log, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if _, err := log.WriteString("SQLITE_BUSY\n"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "logs", "-f", "--json", path)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for !opens(cmd.Process.Pid, path) {
		if ctx.Err() != nil {
			t.Fatal("the log is never opened")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	err = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d, want %d: %v", code, exitInterrupted, err)
	}
	var doc logsDocument
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil || !doc.Interrupted {
		t.Errorf("%v: %s", err, out.Bytes())
	}
}

// opens reports whether a process has a file open.
func opens(pid int, path string) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	fds, _ := os.ReadDir(dir)
	for _, fd := range fds {
		if to, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil && to == path {
			return true
		}
	}
	return false
}
