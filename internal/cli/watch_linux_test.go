package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/testproc"
	"example.com/contend/internal/watch"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A watching is a contend watch --json in a process of its own.
type watching struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	Start watch.Start
}

// A seen is what a watch has printed; locks are by name there.
type seen struct {
	Holds  []seenHold
	Waits  []seenWait
	Report watch.Report
	Code   int
	locks  int // that are held at the end
}

type seenHold struct {
	Lock    string
	Began   time.Time
	MS      float64
	Ended   bool
	Process watch.Process
	Doing   []watch.Share
	SQL     *watch.SQL
}

func (h seenHold) end() time.Time {
	return h.Began.Add(time.Duration(h.MS * float64(time.Millisecond)))
}

type seenWait struct {
	Lock     string
	Process  watch.Process
	Refusals int
	Outcome  string
	Behind   []watch.Blame

	Statement string
}

// startWatch starts a watch, and returns when it watches.
func startWatch(t *testing.T, db string, args ...string) *watching {
	t.Helper()
	w := &watching{cmd: exec.Command(binary, append([]string{"watch", db, "--json"}, args...)...)}
	w.cmd.Stderr = os.Stderr
	out, err := w.cmd.StdoutPipe()
	must(t, err)
	must(t, w.cmd.Start())
	t.Cleanup(func() { _ = w.cmd.Process.Kill(); _ = w.cmd.Wait() })
	w.lines = bufio.NewScanner(out)
	w.lines.Buffer(nil, 16<<20)
	if !w.lines.Scan() {
		t.Fatal("watch printed nothing")
	}
	must(t, json.Unmarshal(w.lines.Bytes(), &w.Start))
	return w
}

// traced is startWatch where the kernel's trace can be read.
func traced(t *testing.T, db string, args ...string) *watching {
	t.Helper()
	w := startWatch(t, db, args...)
	if !w.Start.Trace {
		testproc.Lacks(t, "the kernel's trace: %s", w.Start.Unseen)
	}
	return w
}

// stop ends the watch as Ctrl-C does.
func (w *watching) stop(t *testing.T) (s seen) {
	t.Helper()
	must(t, w.cmd.Process.Signal(os.Interrupt))
	for w.lines.Scan() {
		var kind struct{ Type string }
		line := w.lines.Bytes()
		must(t, json.Unmarshal(line, &kind))
		switch kind.Type {
		case "hold":
			var h seenHold
			must(t, json.Unmarshal(line, &h))
			s.Holds = append(s.Holds, h)
		case "wait":
			var h seenWait
			must(t, json.Unmarshal(line, &h))
			s.Waits = append(s.Waits, h)
		case "report":
			var r struct{ Held []json.RawMessage }
			must(t, json.Unmarshal(line, &r))
			s.locks = len(r.Held)
			line = bytes.ReplaceAll(line, []byte(`"held":`), []byte(`"-":`)) // whose locks are names
			must(t, json.Unmarshal(line, &s.Report))
		}
	}
	must(t, w.lines.Err())
	_ = w.cmd.Wait()
	s.Code = w.cmd.ProcessState.ExitCode()
	return s
}

// A shell is Debian's sqlite3, which reads statements from us: while it has none it waits for its input.
type shell struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	dir string
	n   int

	says bytes.Buffer // its complaints: refusals are what the tests want
}

func newShell(t *testing.T, db string) *shell {
	t.Helper()
	sh := &shell{t: t, cmd: exec.Command("sqlite3", "-batch", db), dir: t.TempDir()}
	in, err := sh.cmd.StdinPipe()
	must(t, err)
	sh.in = in
	sh.start()
	return sh
}

// newSocketShell is a shell whose input is a TCP socket.
func newSocketShell(t *testing.T, db string) (sh *shell, addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer ln.Close()
	theirs, err := net.Dial("tcp", ln.Addr().String())
	must(t, err)
	defer theirs.Close()
	ours, err := ln.Accept()
	must(t, err)
	file, err := theirs.(*net.TCPConn).File()
	must(t, err)
	defer file.Close()
	must(t, syscall.SetNonblock(int(file.Fd()), false)) // or sqlite3 takes EAGAIN for the end
	sh = &shell{t: t, cmd: exec.Command("sqlite3", "-batch", db), dir: t.TempDir(), in: ours}
	sh.cmd.Stdin = file
	sh.start()
	return sh, ln.Addr().String()
}

func (sh *shell) start() {
	sh.t.Helper()
	if _, err := exec.LookPath("sqlite3"); err != nil {
		testproc.Lacks(sh.t, "%v", err)
	}
	sh.cmd.Stdout, sh.cmd.Stderr = io.Discard, &sh.says
	must(sh.t, sh.cmd.Start())
	sh.t.Cleanup(sh.end)
}

// do runs statements, and returns when they are done.
func (sh *shell) do(statements ...string) {
	sh.t.Helper()
	sh.n++
	mark := filepath.Join(sh.dir, fmt.Sprint(sh.n))
	_, err := fmt.Fprintf(sh.in, "%s\n.shell touch %s\n", strings.Join(statements, "\n"), mark)
	must(sh.t, err)
	for range 1000 {
		if _, err := os.Stat(mark); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	sh.t.Fatalf("sqlite3 did not do %q within 10 s", statements)
}

func (sh *shell) pid() int { return sh.cmd.Process.Pid }

func (sh *shell) end() {
	_ = sh.in.Close()
	_ = sh.cmd.Process.Signal(syscall.SIGCONT)
	_ = sh.cmd.Wait()
	if sh.t.Failed() && sh.says.Len() > 0 {
		sh.t.Logf("sqlite3 %d says: %s", sh.pid(), &sh.says)
	}
}

func database(t *testing.T, journal string) string {
	t.Helper()
	db := filepath.Join(t.TempDir(), "app.db")
	sh := newShell(t, db)
	sh.do("PRAGMA journal_mode = "+journal+";", "CREATE TABLE t(v);", "INSERT INTO t VALUES (1);")
	sh.end()
	return db
}

// Each finding is made for real, by unmodified programs, and watch names it and whose doing it is.
func TestWatchFinds(t *testing.T) {
	const slow = "20ms"
	longer := func() { time.Sleep(time.Second) }              // than ten times that, also where others keep watch waiting
	givenUp := func() { time.Sleep(1200 * time.Millisecond) } // lockstate.GiveUp and more
	for name, c := range map[string]struct {
		journal string
		rule    string
		do      func(t *testing.T, db string) (pid int, says string)
	}{
		"a writer waits at a pipe": {"delete", "idle-holder", func(t *testing.T, db string) (int, string) {
			sh := newShell(t, db)
			sh.do("BEGIN IMMEDIATE;", "INSERT INTO t VALUES (2);")
			longer()
			sh.do("COMMIT;")
			return sh.pid(), "waiting for a pipe"
		}},
		"a writer waits at a socket": {"wal", "idle-holder", func(t *testing.T, db string) (int, string) {
			sh, addr := newSocketShell(t, db)
			sh.do("BEGIN IMMEDIATE;", "INSERT INTO t VALUES (2);")
			longer()
			sh.do("COMMIT;")
			return sh.pid(), "waiting for the tcp socket to " + addr
		}},
		"a writer that never ends": {"wal", "idle-holder", func(t *testing.T, db string) (int, string) {
			sh := newShell(t, db)
			sh.do("BEGIN IMMEDIATE;")
			longer()
			return sh.pid(), "WAL_WRITE"
		}},
		"a writer closes its database's file": {"delete", "dropped-lock", func(t *testing.T, db string) (int, string) {
			sh := newShell(t, db)
			sh.do("BEGIN IMMEDIATE;", "SELECT length(readfile('"+db+"'));") // readfile opens and closes it
			longer()
			return sh.pid(), "released its lock RESERVED"
		}},
		"a stopped writer": {"wal", "stopped-process", func(t *testing.T, db string) (int, string) {
			sh := newShell(t, db)
			sh.do("BEGIN IMMEDIATE;")
			must(t, sh.cmd.Process.Signal(syscall.SIGSTOP))
			longer()
			return sh.pid(), "is stopped"
		}},
		"a reader pins the WAL": {"wal", "pinned-wal", func(t *testing.T, db string) (int, string) {
			reader, writer := newShell(t, db), newShell(t, db)
			reader.do("BEGIN;", "SELECT * FROM t;")
			time.Sleep(100 * time.Millisecond)
			writer.do("INSERT INTO t SELECT randomblob(9000);", "INSERT INTO t SELECT randomblob(9000);")
			longer()
			reader.do("COMMIT;")
			return reader.pid(), "read transaction"
		}},
		"a checkpoint behind a reader": {"wal", "blocked-checkpoint", func(t *testing.T, db string) (int, string) {
			reader, writer := newShell(t, db), newShell(t, db)
			writer.do("INSERT INTO t VALUES (2);")
			reader.do("BEGIN;", "SELECT * FROM t;")
			writer.do("INSERT INTO t VALUES (3);")
			longer()
			writer.do("PRAGMA wal_checkpoint;")
			givenUp()
			return writer.pid(), fmt.Sprintf("(%d) had been reading", reader.pid())
		}},
		"a read that becomes a write": {"delete", "deferred-upgrade", func(t *testing.T, db string) (int, string) {
			one, two := newShell(t, db), newShell(t, db)
			one.do(".timeout 5000", "BEGIN;", "SELECT * FROM t;")
			two.do("BEGIN IMMEDIATE;")
			one.do("INSERT INTO t VALUES (2);")
			givenUp()
			return one.pid(), fmt.Sprintf("(%d) held the lock", two.pid())
		}},
		"a read that becomes a write in WAL mode": {"wal", "deferred-upgrade", func(t *testing.T, db string) (int, string) {
			one, two := newShell(t, db), newShell(t, db)
			one.do(".timeout 5000", "BEGIN;", "SELECT * FROM t;")
			two.do("BEGIN IMMEDIATE;")
			one.do("INSERT INTO t VALUES (2);")
			givenUp()
			return one.pid(), "wanted to write (WAL_WRITE)"
		}},
		"no busy_timeout": {"wal", "no-busy-timeout", func(t *testing.T, db string) (int, string) {
			one, two := newShell(t, db), newShell(t, db)
			one.do("BEGIN IMMEDIATE;")
			two.do("BEGIN IMMEDIATE;")
			one.do("COMMIT;")
			givenUp()
			return two.pid(), fmt.Sprintf("(%d) held the lock, and did not try again", one.pid())
		}},
		"no busy_timeout for a reader": {"delete", "no-busy-timeout", func(t *testing.T, db string) (int, string) {
			one, two := newShell(t, db), newShell(t, db)
			one.do("BEGIN EXCLUSIVE;")
			two.do("SELECT * FROM t;")
			one.do("COMMIT;")
			givenUp()
			return two.pid(), "refused SHARED once"
		}},
		"a busy_timeout that is too short": {"delete", "timed-out", func(t *testing.T, db string) (int, string) {
			one, two := newShell(t, db), newShell(t, db)
			one.do("BEGIN IMMEDIATE;")
			two.do(".timeout 250", "INSERT INTO t VALUES (2);")
			one.do("COMMIT;")
			givenUp()
			return two.pid(), "tried to get RESERVED"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s seen
			var pid int
			var says string
			at := -1
			// A watch that gets no processor while somebody holds the lock cannot see what it does: it is done again.
			for try := 0; try < 3 && at < 0; try++ {
				db := database(t, c.journal)
				w := traced(t, db, "--slow", slow)
				pid, says = c.do(t, db)
				s = w.stop(t)
				at = slices.IndexFunc(s.Report.Findings, func(f watch.Finding) bool { return f.Rule == c.rule && f.Process.PID == pid })
			}
			if at < 0 || s.Code != exitSurprise {
				t.Fatalf("exit code %d; no %s of process %d in %+v", s.Code, c.rule, pid, s.Report)
			}
			f := s.Report.Findings[at]
			if text := f.Sentence + strings.Join(f.Evidence, "\n"); !strings.Contains(text, says) || !strings.Contains(text, "sqlite3 -batch") {
				t.Errorf("%+v does not say %q", f, says)
			}
			if c.rule == "stopped-process" && f.Command != fmt.Sprintf("kill -CONT %d", pid) {
				t.Errorf("command %q", f.Command)
			}
		})
	}
}

// The statements of an unmodified program stand beside its locks, without what is in their literals unless asked.
func TestWatchShowsStatements(t *testing.T) {
	for sql, want := range map[string]watch.SQL{
		"fingerprint": {First: "BEGIN IMMEDIATE", Last: "COMMIT", Steps: 3, After: "INSERT INTO t VALUES (?)"},
		"text":        {First: "BEGIN IMMEDIATE", Last: "COMMIT", Steps: 3, After: "INSERT INTO t VALUES ('secret')"},
		"off":         {},
	} {
		t.Run(sql, func(t *testing.T) {
			t.Parallel()
			db := database(t, "wal")
			one, two := newShell(t, db), newShell(t, db)
			one.do("SELECT * FROM t;")
			w := traced(t, db, "--slow", "20ms", "--sql", sql)
			one.do("BEGIN IMMEDIATE;", "INSERT INTO t VALUES ('secret');")
			two.do("DELETE FROM t WHERE v = 'secret';") // refused
			time.Sleep(300 * time.Millisecond)
			one.do("COMMIT;")
			time.Sleep(1200 * time.Millisecond)
			s := w.stop(t)
			at := slices.IndexFunc(s.Holds, func(h seenHold) bool { return h.Lock == "WAL_WRITE" && h.Ended && h.Process.PID == one.pid() })
			refused := slices.IndexFunc(s.Waits, func(w seenWait) bool { return w.Process.PID == two.pid() })
			if at < 0 || refused < 0 {
				t.Fatalf("%+v", s)
			}
			got, statement := s.Holds[at].SQL, s.Waits[refused].Statement
			if sql == "off" {
				if got != nil || statement != "" {
					t.Errorf("%+v, %q", got, statement)
				}
				return
			}
			if got == nil || got.PauseMS < 200 {
				t.Fatalf("%+v; not seen: %q; %+v", got, s.Report.Unseen, s.Holds)
			}
			if got.PauseMS = 0; *got != want {
				t.Errorf("%+v, want %+v", *got, want)
			}
			if !strings.HasPrefix(statement, "DELETE FROM t WHERE v = ") || strings.Contains(statement, "secret") != (sql == "text") {
				t.Errorf("refused in %q", statement)
			}
		})
	}
}

// Programs that share a database as they should give no finding.
func TestWatchFindsNothingInAHealthyLoad(t *testing.T) {
	for _, journal := range []string{"delete", "wal"} {
		t.Run(journal, func(t *testing.T) {
			t.Parallel()
			db := database(t, journal)
			w := traced(t, db, "--slow", "1s") // a busy disk is no fault of theirs
			var all sync.WaitGroup
			for range 3 {
				sh := newShell(t, db)
				all.Go(func() {
					sh.do(".timeout 10000", strings.Repeat("BEGIN IMMEDIATE;\nINSERT INTO t VALUES (2);\nCOMMIT;\nSELECT count(*) FROM t;\n", 10))
				})
			}
			all.Wait()
			if s := w.stop(t); s.Code != exitOK || len(s.Report.Findings) > 0 || s.Report.Events == 0 || s.Report.Lost > 0 {
				t.Errorf("exit code %d: %+v", s.Code, s.Report)
			}
		})
	}
}

// What the nodes write down of their own attempts agrees with what the kernel saw: every hold, and every refusal.
func TestWatchAgreesWithTheNodesTraces(t *testing.T) {
	for name, c := range map[string]struct {
		lock string
		args []string
	}{
		"WAL":                  {"WAL_WRITE", []string{"--journal", "WAL", "--busy-timeout", "5000"}},
		"DELETE":               {"RESERVED", []string{"--journal", "DELETE", "--busy-timeout", "5000"}},
		"WAL, no busy_timeout": {"WAL_WRITE", []string{"--journal", "WAL", "--busy-timeout", "0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const nodes, writes = 3, 20
			dir := t.TempDir()
			db := filepath.Join(dir, "shared.db")
			var addrs [nodes]string
			var pids [nodes]int
			trace := func(i int) string { return filepath.Join(dir, fmt.Sprintf("%d.trace.jsonl", i)) }
			for i := range nodes {
				addrs[i], pids[i] = served(t, append([]string{"node", "--db", db, "--name", fmt.Sprint("app-", i), "--trace", trace(i),
					"--transaction", "immediate", "--retries", "0", "--pool", "1"}, c.args...)...)
			}
			w := traced(t, db, "--slow", "0")
			var all sync.WaitGroup
			for _, addr := range addrs {
				all.Go(func() {
					for range writes {
						answer, err := http.Post("http://"+addr+"/api/increment", "application/json", strings.NewReader(`{"key":"k"}`))
						if err != nil {
							t.Error(err)
							return
						}
						answer.Body.Close()
					}
				})
			}
			all.Wait()
			time.Sleep(300 * time.Millisecond) // a node writes down its attempts within 100 ms
			s := w.stop(t)
			for i, pid := range pids {
				compareTraces(t, &s, pid, c.lock, trace(i))
			}
		})
	}
}

// compareTraces holds what watch saw of one process against its trace. A hold lies between the moments that the node
// knows: after it began to wait and before it knew that it had the lock, and likewise at its end.
func compareTraces(t *testing.T, s *seen, pid int, lock, path string) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	attempts, err := locktrace.Read(f)
	must(t, err)
	const apart = 2 * time.Millisecond // of the two clocks
	var holds []seenHold
	for _, h := range s.Holds {
		if h.Process.PID == pid && h.Lock == lock && h.Ended {
			holds = append(holds, h)
		}
	}
	refused, off := 0, []time.Duration{}
	for _, a := range attempts {
		if a.Kind != locktrace.Write || a.Began < s.Report.Began.UnixNano() {
			continue
		}
		if strings.HasPrefix(a.Code, "SQLITE_BUSY") {
			refused++
		}
		if a.Locked == 0 {
			continue
		}
		began, locked, ended := time.Unix(0, a.Began), time.Unix(0, a.Locked), time.Unix(0, a.Ended)
		at := slices.IndexFunc(holds, func(h seenHold) bool {
			return h.Began.After(began.Add(-apart)) && h.Began.Before(locked.Add(apart)) && h.end().After(locked.Add(-apart)) && h.end().Before(ended.Add(apart))
		})
		if at < 0 {
			t.Errorf("process %d: watch has no hold of %s for %+v", pid, lock, a)
			continue
		}
		off = append(off, locked.Sub(holds[at].Began).Abs(), ended.Sub(holds[at].end()).Abs())
		holds = slices.Delete(holds, at, at+1)
	}
	if len(off)+refused == 0 || len(holds) > 0 {
		t.Errorf("process %d: %d moments agree, %d holds of %s are in no trace: %+v", pid, len(off), len(holds), lock, holds)
		return
	}
	seen := 0
	for _, u := range s.Report.Usage {
		if u.Process.PID == pid {
			seen = u.Refusals
		}
	}
	if refused != seen && refused > 0 {
		t.Errorf("process %d: %d refusals in its trace, %d seen", pid, refused, seen)
	}
	if len(off) == 0 {
		return // all its attempts were refused
	}
	slices.Sort(off)
	t.Logf("process %d: %d holds, %d refusals; moments apart: p50 %s, p99 %s, max %s", pid, len(off)/2, refused, off[len(off)/2], off[len(off)*99/100], off[len(off)-1])
}

// Without the kernel's trace watch finds who holds a lock, says what it cannot see, and does not call that healthy.
func TestWatchByLists(t *testing.T) {
	t.Parallel()
	db := database(t, "wal")
	w := startWatch(t, db, "--list", "--slow", "200ms")
	if w.Start.Trace || len(w.Start.Unseen) == 0 {
		t.Errorf("%+v", w.Start)
	}
	sh := newShell(t, db)
	sh.do("BEGIN IMMEDIATE;")
	time.Sleep(1200 * time.Millisecond)
	s := w.stop(t)
	if s.Code != exitSurprise || len(s.Report.Findings) != 1 || s.Report.Findings[0].Rule != "idle-holder" || s.Report.Findings[0].Process.PID != sh.pid() {
		t.Errorf("exit code %d: %+v", s.Code, s.Report)
	}
	sh.do("COMMIT;")
	if s := startWatch(t, db, "--list").stop(t); s.Code != exitInconclusive || len(s.Report.Findings) != 0 {
		t.Errorf("nothing to see: exit code %d: %+v", s.Code, s.Report)
	}
}

// Who may not read the trace is told what it takes, and gets what lists show.
func TestWatchWithoutPermission(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("all other tests of watch run without permission here")
	}
	t.Parallel()
	db := database(t, "wal")
	for dir := filepath.Dir(db); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		must(t, os.Chmod(dir, 0o755))
	}
	must(t, os.Chmod(filepath.Dir(binary), 0o755))
	cmd := exec.Command(binary, "watch", db, "--once")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.Output()
	if _, is := err.(*os.PathError); is {
		testproc.Lacks(t, "a contend that another user may start: %v", err)
	}
	if err != nil || !strings.Contains(string(out), "not seen: Refusals, waits and short holds: ") || !strings.Contains(string(out), "takes root") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// The wal-index is deleted and made again, and its locks are seen all the same.
func TestWatchFollowsTheWALIndex(t *testing.T) {
	t.Parallel()
	db := database(t, "wal")
	w := traced(t, db, "--slow", "0")
	const times = 10
	for range times {
		sh := newShell(t, db)
		sh.do("INSERT INTO t VALUES (2);")
		sh.end()
		if _, err := os.Stat(db + "-shm"); err == nil {
			t.Fatal("the wal-index is still there")
		}
	}
	s := w.stop(t)
	writers := map[int]bool{}
	for _, h := range s.Holds {
		if h.Lock == "WAL_WRITE" && h.Ended {
			writers[h.Process.PID] = true
		}
	}
	if len(writers) != times || len(s.Report.Findings) > 0 || s.locks != 0 {
		t.Errorf("%d processes wrote, want %d; %d locks are left: %+v", len(writers), times, s.locks, s.Report.Findings)
	}
}
