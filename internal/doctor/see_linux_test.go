package doctor

import (
	"bytes"
	"context"
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

	"golang.org/x/sys/unix"

	"example.com/contend/internal/testproc"
)

func noNames(context.Context, []string) map[string]string { return nil }

// examineNow examines the database at path, and returns its findings without those on the file system, which differ
// from machine to machine.
func examineNow(t testing.TB, target Target) (Report, []string) {
	t.Helper()
	r, err := Examine(t.Context(), target, Options{Names: noNames})
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range r.Findings {
		if f.Sentence == "" || f.Consequence == "" || f.Source == "" || f.Subject == "" {
			t.Errorf("%s says not all: %+v", f.Rule, f)
		}
		if !slices.Contains([]string{"file-system", "container-layer"}, f.Rule) {
			found = append(found, f.Rule+": "+f.Severity.String())
		}
	}
	return r, found
}

var (
	inWAL   = []string{"PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=0", "PRAGMA synchronous=OFF", table, rows(10, 900)}
	bigWAL  = []string{"PRAGMA page_size=512", "PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=0", "PRAGMA synchronous=OFF", table, rows(10, 90)}
	noTable = []string{table}
)

// Each finding on processes and locks is made for real, and nothing is found beside it.
func TestFindings(t *testing.T) {
	for name, c := range map[string]struct {
		make   func(t *testing.T, path string)
		want   string // all findings but those on the file system
		answer string // a part of the first of them
	}{
		"at rest": {func(t *testing.T, path string) {
			c := connect(t, path)
			c.do(noTable...)
			c.close()
		}, "", ""},
		"in use, rollback": {func(t *testing.T, path string) {
			connect(t, path).do(noTable...)
			connect(t, path).do("BEGIN", "SELECT count(*) FROM t")
		}, "", ""},
		"in use, WAL": {func(t *testing.T, path string) {
			connect(t, path).do(inWAL...)
			connect(t, path).do("BEGIN", "SELECT count(*) FROM t")
		}, "", ""},
		"WAL deleted": {func(t *testing.T, path string) {
			connect(t, path).do(inWAL...)
			remove(t, path+"-wal", path+"-shm")
		}, "journal-generations: danger", "of commits in a deleted -wal file"},
		"two WALs": {func(t *testing.T, path string) {
			connect(t, path).do(inWAL...)
			remove(t, path+"-wal", path+"-shm")
			connect(t, path).do("PRAGMA journal_mode=WAL", "CREATE TABLE u(x)")
		}, "journal-generations: danger", "deleted -wal"},
		"replaced": {func(t *testing.T, path string) {
			connect(t, path).do(noTable...)
			other := connect(t, path+".new")
			other.do(noTable...)
			other.close()
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		}, "database-replaced: danger", "it is deleted"},
		"closed by the process itself": {func(t *testing.T, path string) {
			c := connect(t, path)
			c.do(inWAL...)
			c.do("touch " + path)
		}, "locks-missing: danger", "its locks are gone"},
		"-shm closed by the process itself": {func(t *testing.T, path string) {
			c := connect(t, path)
			c.do(inWAL...)
			c.do("touch " + path + "-shm")
		}, "locks-missing: danger", "its locks are gone"},
		"without locks": {func(t *testing.T, path string) {
			connect(t, "file:"+path+"?vfs=unix-none").do(table, "PRAGMA cache_size=5", "BEGIN IMMEDIATE", rows(100, 900))
		}, "locks-missing: danger; hot-journal: attention", "holds no lock"},
		"dotfile": {func(t *testing.T, path string) {
			connect(t, path).do(noTable...)
			connect(t, "file:"+path+"?vfs=unix-dotfile").do("BEGIN", "SELECT count(*) FROM t")
		}, "lock-protocol: attention", "lock file beside"},
		"hard link": {func(t *testing.T, path string) {
			connect(t, path).do(noTable...)
			link(t, path, filepath.Join(filepath.Dir(path), "other.db"))
		}, "several-names: attention", "2 names"},
		"hard link in use": {func(t *testing.T, path string) {
			connect(t, path).do(inWAL...)
			other := filepath.Join(t.TempDir(), "other.db")
			link(t, path, other)
			connect(t, other).do("PRAGMA journal_mode", "CREATE TABLE u(x)")
		}, "journal-generations: danger; several-names: danger", "has a -wal file of its own"},
		"WAL pinned": {func(t *testing.T, path string) {
			c := connect(t, path)
			c.do(bigWAL...)
			connect(t, path).do("BEGIN", "SELECT count(*) FROM t")
			c.do(rows(1, 3_000_000), "PRAGMA wal_checkpoint(PASSIVE)")
		}, "wal-pinned: attention", "A read transaction of process"},
		"WAL large, not pinned": {func(t *testing.T, path string) {
			c := connect(t, path)
			c.do(bigWAL...)
			c.do(rows(1, 3_000_000))
		}, "", ""},
		"write lock held": {func(t *testing.T, path string) {
			c := connect(t, path)
			c.do(inWAL...)
			c.do("BEGIN IMMEDIATE", rows(1, 9))
		}, "lock-held: attention", "has held WAL_WRITE for more than 2 s"},
		"checkpoint waits for a reader": {func(t *testing.T, path string) {
			c := connect(t, path)
			c.do(inWAL...)
			connect(t, path).do("BEGIN", "SELECT count(*) FROM t")
			c.do(rows(1, 9))
			checkpoint := connect(t, path)
			checkpoint.do("PRAGMA busy_timeout=20000")
			fmt.Fprintln(checkpoint.in, "PRAGMA wal_checkpoint(RESTART)")
			time.Sleep(100 * time.Millisecond)
		}, "lock-held: attention", "keeps all others from writing while it waits for process"},
		"COMMIT waits for a reader": {func(t *testing.T, path string) {
			c := connect(t, path)
			c.do(noTable...)
			connect(t, path).do("BEGIN", "SELECT count(*) FROM t")
			c.do("PRAGMA busy_timeout=20000")
			fmt.Fprintln(c.in, rows(1, 9))
			time.Sleep(100 * time.Millisecond)
		}, "lock-held: attention", "keeps all others from writing while it waits for process"},
		"RESERVED held": {func(t *testing.T, path string) {
			c := connect(t, path)
			c.do(noTable...)
			c.do("BEGIN IMMEDIATE")
		}, "lock-held: attention", "has held RESERVED for more than 2 s"},
		"EXCLUSIVE for good": {func(t *testing.T, path string) {
			connect(t, path).do("PRAGMA locking_mode=EXCLUSIVE", table)
		}, "lock-held: attention", "EXCLUSIVE"},
		"companion of another user": {func(t *testing.T, path string) {
			connect(t, path).do(inWAL...)
			if err := os.Chmod(path+"-wal", 0o400); err != nil {
				t.Fatal(err)
			}
			if os.Getuid() == 0 { // whom modes do not keep from anything
				if err := os.Chown(path, 65534, 65534); err != nil {
					t.Fatal(err)
				}
				_ = os.Chown(path+"-shm", 65534, 65534)
				_ = os.Chown(filepath.Dir(path), 65534, 65534)
			}
		}, "permissions: attention", "may write the database and not its -wal file"},
		"directory not writable": {func(t *testing.T, path string) {
			connect(t, path).do(noTable...)
			if os.Getuid() == 0 {
				if err := os.Chown(path, 65534, 65534); err != nil {
					t.Fatal(err)
				}
				return
			}
			_ = os.Chmod(filepath.Dir(path), 0o500)
			t.Cleanup(func() { _ = os.Chmod(filepath.Dir(path), 0o700) })
		}, "permissions: attention", "not its directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "app.db")
			c.make(t, path)
			settled()
			r, found := examineNow(t, Target{Path: path})
			if got := strings.Join(found, "; "); got != c.want {
				t.Errorf("found %q, want %q\n%+v", got, c.want, r.Findings)
			}
			if len(r.Findings) > 0 && c.answer != "" && !strings.Contains(r.Findings[0].Sentence, c.answer) {
				t.Errorf("the answer is %q, want %q", r.Findings[0].Sentence, c.answer)
			}
			var text bytes.Buffer
			if err := r.Text(&text); err != nil || strings.Contains(text.String(), "%!") {
				t.Errorf("%v: %s", err, &text)
			}
			first, _, _ := strings.Cut(text.String(), "\n\n")
			if c.want != "" && strings.Count(first, "\n") > 4 {
				t.Errorf("the answer has more than five lines: %s", first)
			}
		})
	}
}

func remove(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

func link(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Link(from, to); err != nil {
		t.Fatal(err)
	}
}

// The commands that the finding on a deleted WAL gives save what was committed there.
func TestRescue(t *testing.T) {
	t.Parallel()
	sqlite3, err := exec.LookPath("sqlite3")
	if err != nil {
		testproc.Lacks(t, "the program sqlite3")
	}
	path := filepath.Join(t.TempDir(), "it's mine.db")
	c := connect(t, path)
	c.do(inWAL...)
	remove(t, path+"-wal", path+"-shm")
	c.do(rows(32, 90))
	r, _ := examineNow(t, Target{Path: path})
	if len(r.Findings) == 0 || r.Findings[0].Rule != "journal-generations" {
		t.Fatalf("found %+v", r.Findings)
	}
	dir := t.TempDir()
	sh := exec.Command("sh", "-ec", r.Findings[0].Command)
	sh.Dir = dir
	out, err := sh.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "ok") {
		t.Fatalf("%s: %v: %s", r.Findings[0].Command, err, out)
	}
	count, err := exec.Command(sqlite3, filepath.Join(dir, "rescue", "it's mine.db"), "SELECT count(*) FROM t").CombinedOutput()
	if err != nil || strings.TrimSpace(string(count)) != "42" {
		t.Errorf("rescued %s rows (%v), want 42", count, err)
	}
	c.do(rows(1, 9)) // it goes on
}

// Under load a database is healthy each time.
func TestHealthyUnderLoad(t *testing.T) {
	t.Parallel()
	for _, journal := range []string{"WAL", "DELETE"} {
		t.Run(journal, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "app.db")
			connect(t, path).do("PRAGMA journal_mode="+journal, table)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			const clients = 3
			for range clients {
				c := connect(t, path)
				c.do("PRAGMA busy_timeout=5000")
				go func() {
					defer func() { done <- struct{}{} }()
					for i := 0; ctx.Err() == nil; i++ {
						c.try([...]string{rows(20, 500), "SELECT count(*) FROM t", "DELETE FROM t WHERE id % 3 = 0"}[i%3])
					}
				}()
			}
			times := 8
			if n := os.Getenv("CONTEND_DOCTOR_TIMES"); n != "" {
				_, _ = fmt.Sscan(n, &times)
			}
			for range times {
				r, found := examineNow(t, Target{Path: path})
				if len(found) > 0 {
					t.Errorf("found %q under load: %+v", found, r.Findings)
				}
				if len(r.Facts.Holders) != clients+1 {
					t.Errorf("%d processes have it open, want %d", len(r.Facts.Holders), clients+1)
				}
			}
			cancel()
			for range clients {
				<-done
			}
		})
	}
}

// inNamespace runs a shell script in mount and user namespaces of its own. It must end with exec.
func inNamespace(t *testing.T, script, path string) *connection {
	t.Helper()
	c := &connection{t: t, cmd: testproc.Command("sqlite", path)}
	c.cmd.SysProcAttr = testproc.OwnMounts(t)
	shell := exec.Command("sh", "-ec", script+"\nexec \"$0\" \"$@\"", c.cmd.Path, path)
	c.cmd.Path, c.cmd.Args = shell.Path, shell.Args
	c.start()
	return c
}

// A process in a mount namespace is seen with its own mounts: those of a database that is mounted as a single file.
func TestMountNamespaces(t *testing.T) {
	t.Parallel()
	t.Run("single file", func(t *testing.T) {
		t.Parallel()
		path, elsewhere := filepath.Join(t.TempDir(), "app.db"), filepath.Join(t.TempDir(), "data.db")
		connect(t, path).do(inWAL...)
		if err := os.WriteFile(elsewhere, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		inNamespace(t, fmt.Sprintf("mount --bind %s %s", path, elsewhere), elsewhere).do("CREATE TABLE u(x)")
		r, found := examineNow(t, Target{Path: path})
		if !slices.Contains(found, "single-file-mount: danger") || !slices.Contains(found, "journal-generations: danger") {
			t.Errorf("found %q: %+v", found, r.Findings)
		}
	})
	t.Run("directory", func(t *testing.T) {
		t.Parallel()
		path, elsewhere := filepath.Join(t.TempDir(), "app.db"), t.TempDir()
		connect(t, path).do(inWAL...)
		inNamespace(t, fmt.Sprintf("mount --bind %s %s", filepath.Dir(path), elsewhere), filepath.Join(elsewhere, "app.db")).do("CREATE TABLE u(x)")
		r, found := examineNow(t, Target{Path: path})
		if len(found) > 0 || len(r.Facts.Holders) != 2 {
			t.Errorf("found %q with %d processes: %+v", found, len(r.Facts.Holders), r.Findings)
		}
	})
	// A database that only the namespace has is examined by a process of it.
	for name, c := range map[string]struct{ mount, want string }{
		"inside":       {"mount -t tmpfs tmpfs %[1]s", ""},
		"full disk":    {"mount -t tmpfs -o size=1m tmpfs %[1]s", "space: attention"},
		"few inodes":   {"mount -t tmpfs -o nr_inodes=6 tmpfs %[1]s", "space: attention"},
		"a bind, -wal": {"mount -t tmpfs tmpfs %[1]s; touch %[1]s/app.db-wal; mount --bind %[1]s/app.db-wal %[1]s/app.db-wal", "companion-mount: danger"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "app.db")
			holder := inNamespace(t, fmt.Sprintf(c.mount, dir), path)
			holder.do(inWAL...)
			r, found := examineNow(t, Target{Path: path, PID: holder.cmd.Process.Pid, Container: "it"})
			if got := strings.Join(found, "; "); got != c.want {
				t.Errorf("found %q, want %q: %+v", got, c.want, r.Findings)
			}
			if r.Facts.Mount.Type != "tmpfs" || r.Facts.Path != path {
				t.Errorf("it lies at %s on %+v", r.Facts.Path, r.Facts.Mount)
			}
		})
	}
}

// A child that has its parent's descriptors by fork is no process whose locks were dropped.
func TestFork(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		testproc.Lacks(t, "python3")
	}
	path := filepath.Join(t.TempDir(), "app.db")
	cmd := exec.Command(python, "-c", `
import os, sqlite3, sys
c = sqlite3.connect(sys.argv[1])
c.execute("PRAGMA journal_mode=WAL"); c.execute("CREATE TABLE t(x)"); c.commit()
if os.fork() == 0:
    print("ready", flush=True)
sys.stdin.read()
os._exit(0)`, path)
	started(t, cmd)
	_, found := examineNow(t, Target{Path: path})
	if !slices.Contains(found, "locks-missing: note") || slices.Contains(found, "locks-missing: danger") {
		t.Errorf("found %q", found)
	}
}

// started starts a program that prints a line once it is ready, and ends with its input.
func started(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.Stderr = os.Stderr
	in, errIn := cmd.StdinPipe()
	out, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
}

// Two copies of SQLite in one process are told apart, with their version, which is that of the library itself.
func TestTwoLibraries(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		testproc.Lacks(t, "python3")
	}
	const find = `
import sqlite3, sys
c = sqlite3.connect(sys.argv[1]); c.execute("CREATE TABLE t(x)")
print(sqlite3.sqlite_version, flush=True)
for line in open("/proc/self/maps"):
    name = line.split()[-1]
    if "libsqlite3" in name: print(name, flush=True); break`
	path := filepath.Join(t.TempDir(), "app.db")
	out, err := exec.Command(python, "-c", find, path).Output()
	version, library, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil || library == "" {
		testproc.Lacks(t, "a Python with a shared library of SQLite: %v", err)
	}
	text, err := os.ReadFile(library)
	if err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(t.TempDir(), "second.so")
	if err := os.WriteFile(second, text, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", `
import ctypes, sqlite3, sys
c = sqlite3.connect(sys.argv[1])
c.execute("PRAGMA journal_mode=WAL"); c.execute("INSERT INTO t VALUES (1)"); c.commit()
other, db = ctypes.CDLL(sys.argv[2]), ctypes.c_void_p()
other.sqlite3_open(sys.argv[1].encode(), ctypes.byref(db))
other.sqlite3_exec(db, b"INSERT INTO t VALUES (2)", None, None, None)
other.sqlite3_close(db)
c.execute("INSERT INTO t VALUES (3)"); c.commit()
print("ready", flush=True)
sys.stdin.read()`, path, second)
	started(t, cmd)
	r, found := examineNow(t, Target{Path: path})
	// The close by the second took its connection for the last one.
	for _, want := range []string{"journal-generations: danger", "locks-missing: danger", "two-libraries: attention"} {
		if !slices.Contains(found, want) {
			t.Errorf("found %q and not %s", found, want)
		}
	}
	for _, e := range r.Facts.Holders[0].Engines {
		if e.Version != version {
			t.Errorf("%s has version %q, want %q", e.File, e.Version, version)
		}
	}
}

// doctor leaves the files as they are: it changes neither them nor any lock.
func TestReadsOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	c := connect(t, path)
	c.do(inWAL...)
	settled()
	before := snapshot(t, path)
	first, _ := examineNow(t, Target{Path: path})
	second, _ := examineNow(t, Target{Path: path})
	if after := snapshot(t, path); after != before {
		t.Errorf("the files were\n%s, and are\n%s", before, after)
	}
	if a, b := first.Facts.Holders[0].Locks, second.Facts.Holders[0].Locks; !slices.Equal(a, b) || len(a) == 0 {
		t.Errorf("the locks were %q, and are %q", a, b)
	}
}

func snapshot(t *testing.T, path string) string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		stat := info.Sys().(*syscall.Stat_t)
		text, _ := os.ReadFile(filepath.Join(filepath.Dir(path), e.Name()))
		fmt.Fprintln(&b, e.Name(), info.Size(), info.ModTime().UnixNano(), stat.Ctim.Nano(), len(text))
	}
	return b.String()
}

// What is no database to open is said, and no FIFO is waited for.
func TestCannotOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{fifo: "no regular file", dir: "no regular file", filepath.Join(dir, "none"): "no such file"} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := Examine(ctx, Target{Path: name}, Options{Names: noNames}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}
