package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/owner"
	"example.com/contend/internal/store"
	pgstore "example.com/contend/internal/store/postgres"
	"example.com/contend/internal/testproc"
)

// parent starts a server, keeps connections to it open, says what there is, and
// waits to be killed.
func parent(args []string) error {
	s, err := StartPostgres(context.Background(), args[0])
	if err != nil {
		return err
	}
	link, err := s.Fresh(context.Background())
	if err != nil {
		return err
	}
	d := store.Green().With(store.Pgx)
	d.Pool = 3
	if _, err := app.Open(context.Background(), pgstore.At(link), d, app.Options{}); err != nil {
		return err
	}
	fmt.Println(s.daemons[0].process.PID(), portOf(s), s.Dir())
	select {}
}

// need skips a test where there is no PostgreSQL, but not in CI, which can have it.
func need(t *testing.T) {
	t.Helper()
	_, err := FindPostgres()
	if errors.Is(err, ErrNoPostgres) && os.Getenv("CI") != "true" {
		t.Skipf("not tested against PostgreSQL: %v", err)
	}
	must(t, err)
}

func startPostgres(t *testing.T) *Postgres {
	t.Helper()
	need(t)
	s, err := StartPostgres(t.Context(), os.TempDir())
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// portOf is the port that a server listens on.
func portOf(s *Postgres) string {
	u, _ := url.Parse(s.url) // it is our own
	return u.Port()
}

func TestLifeOfPostgres(t *testing.T) {
	s := startPostgres(t)
	if name, version, _ := strings.Cut(s.Label(), " "); name != "PostgreSQL" || version == "" || strings.Contains(version, " ") {
		t.Errorf("label %q", s.Label())
	}
	if want := "default isolation read committed, no replicas connected."; s.Says() != want {
		t.Errorf("it says %q, want %q", s.Says(), want)
	}
	link, err := s.Fresh(t.Context())
	must(t, err)
	db, err := app.Open(t.Context(), pgstore.At(link), store.Green().With(store.Pgx), app.Options{})
	must(t, err)
	must(t, db.Reset(t.Context(), func(tx *app.Tx) error { return tx.SetCounter("k", 7) }))
	must(t, db.Close())
	before, err := s.CPU()
	must(t, err)
	must(t, s.Kill(t.Context()))
	if _, err := s.Inspect(t.Context(), link); err == nil {
		t.Error("a server that was killed answers")
	}
	must(t, s.Restart(t.Context()))
	if err := s.Restart(t.Context()); err == nil {
		t.Error("a server that runs was started again")
	}
	facts, err := s.Inspect(t.Context(), link)
	if err != nil || facts.Counters["k"] != 7 || facts.Engine != s.Label() {
		t.Errorf("after the crash: %+v, %v", facts, err)
	}
	if after, err := s.CPU(); err != nil || after < before || before <= 0 {
		t.Errorf("processor time %s, later %s, %v", before, after, err)
	}
	must(t, s.Drop(t.Context(), link))
	if _, err := s.Inspect(t.Context(), link); err == nil {
		t.Error("a schema that was dropped is there")
	}
}

// Nothing is left of a server that was closed: no process, file or segment,
// also where it had been killed before.
func TestCloseLeavesNothing(t *testing.T) {
	for _, killed := range []bool{false, true} {
		need(t)
		s, err := StartPostgres(t.Context(), t.TempDir())
		must(t, err)
		pid, segment := s.daemons[0].process.PID(), segmentOf(t, s)
		if killed {
			must(t, s.Kill(t.Context()))
		}
		must(t, s.Close())
		must(t, s.Close())
		if syscall.Kill(pid, 0) == nil {
			t.Errorf("killed %t: process %d is there", killed, pid)
		}
		if _, err := os.Stat(s.Dir()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("killed %t: %s is there: %v", killed, s.Dir(), err)
		}
		within(t, "shared memory is gone", func() bool {
			listed, err := exec.Command("ipcs", "-m").Output()
			return err != nil || !strings.Contains(string(listed), " "+segment+" ")
		})
	}
}

func segmentOf(t *testing.T, s *Postgres) string {
	t.Helper()
	left := LeftSegments(s.Dir())
	if len(left) != 1 {
		t.Fatalf("the server has the segments %+v, want one", left)
	}
	return strconv.Itoa(left[0].ID)
}

// A segment that somebody else has made since, under the same number, is not removed.
func TestOthersSegmentStays(t *testing.T) {
	s := startPostgres(t)
	lock := filepath.Join(s.Dir(), inner, data, "postmaster.pid")
	text, err := os.ReadFile(lock)
	must(t, err)
	lines := strings.Split(string(text), "\n")
	for _, test := range []struct {
		name string
		line int
		text string
	}{
		{"another key", 6, "1 " + segmentOf(t, s)},
		{"another maker", 0, "1"},
		{"no segment yet", 6, ""},
	} {
		copied := t.TempDir()
		must(t, os.MkdirAll(filepath.Join(copied, inner, data), 0o700))
		other := append([]string{}, lines...)
		other[test.line] = test.text
		must(t, os.WriteFile(filepath.Join(copied, inner, data, "postmaster.pid"), []byte(strings.Join(other, "\n")), 0o600))
		if left := LeftSegments(copied); len(left) > 0 {
			t.Errorf("%s: %+v counts", test.name, left)
		}
	}
}

func FuzzParseLock(f *testing.F) {
	f.Add("123\n/data\n1700000000\n5432\n\n127.0.0.1\n  2228229     32769\nready   \n")
	f.Add("-7\n\n\n\n\n\n1 2")
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := parseLock(text); err != nil && s != (Segment{}) {
			t.Errorf("%+v beside the error %v", s, err)
		}
	})
}

// However this program ends, the server and its backends end with it.
func TestDiesWithItsParent(t *testing.T) {
	need(t)
	cmd := testproc.Command("parent", os.TempDir())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	var pid, port int
	var dir string
	_, errScan := fmt.Fscan(out, &pid, &port, &dir)
	backends := childrenOf(pid)
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	must(t, errScan)
	t.Cleanup(func() {
		for _, left := range LeftSegments(dir) {
			must(t, left.Remove())
		}
		must(t, os.RemoveAll(dir))
	})
	if len(backends) < 4 {
		t.Fatalf("the server has the processes %v, want at least one for each of 4 connections", backends)
	}
	for _, pid := range append(backends, pid) {
		for deadline := time.Now().Add(10 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("process %d has outlived its parent", pid)
			}
		}
	}
}

// childrenOf lists the processes that pid has started.
func childrenOf(pid int) (all []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, word := range strings.Fields(string(text)) {
			if n, err := strconv.Atoi(word); err == nil {
				all = append(all, n)
			}
		}
	}
	return all
}

// Somebody else's server is used, and neither killed nor stopped, and nothing
// but what Fresh has made is dropped.
func TestRemotePostgres(t *testing.T) {
	own := startPostgres(t)
	given, err := UsePostgres(t.Context(), own.url)
	must(t, err)
	_, errCPU := given.CPU()
	for _, err := range []error{given.Kill(t.Context()), given.Restart(t.Context()), errCPU} {
		if !errors.Is(err, errRemote) {
			t.Errorf("error is %v", err)
		}
	}
	if given.Label() != own.Label() || given.Dir() != "" {
		t.Errorf("label %q, directory %q", given.Label(), given.Dir())
	}
	link, err := given.Fresh(t.Context())
	must(t, err)
	for _, schema := range []string{"public", "", "contend_x; DROP TABLE y", "pg_catalog"} {
		if given.Drop(t.Context(), own.url+"&search_path="+url.QueryEscape(schema)) == nil {
			t.Errorf("schema %q was dropped", schema)
		}
	}
	must(t, given.Drop(t.Context(), link))
	must(t, given.Close())
	if _, err := own.Fresh(t.Context()); err != nil {
		t.Errorf("the server is gone: %v", err)
	}
}

func TestUsePostgresOfNobody(t *testing.T) {
	_, err := UsePostgres(t.Context(), "postgres://me:s3cret@127.0.0.1:1/db")
	if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error is %v", err)
	}
}

// Other users of the machine get nothing from the server without its password.
func TestNobodyElseIsLetIn(t *testing.T) {
	s := startPostgres(t)
	u, err := url.Parse(s.url)
	must(t, err)
	u.User = url.UserPassword(role, "guess")
	if _, err := UsePostgres(t.Context(), u.String()); err == nil || !strings.Contains(err.Error(), "28P01") {
		t.Errorf("with another password: %v", err)
	}
}

func TestPortIsTaken(t *testing.T) {
	s := startPostgres(t)
	must(t, s.Kill(t.Context()))
	var ln net.Listener
	var err error
	for range 100 { // a process of the server that is still dying has the port, too
		if ln, err = net.Listen("tcp", "127.0.0.1:"+portOf(s)); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := s.Restart(ctx); err == nil {
		t.Error("a server came back at a port that another has")
	}
	must(t, ln.Close())
	must(t, s.Restart(t.Context()))
}

func TestStartPostgresErrors(t *testing.T) {
	need(t)
	if _, err := StartPostgres(t.Context(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if _, err := StartPostgres(ctx, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestReachable(t *testing.T) {
	closed := t.TempDir()
	inside := filepath.Join(closed, "inside")
	must(t, os.Mkdir(inside, 0o755))
	stranger := &syscall.Credential{Uid: 54321, Gid: 54321}
	must(t, os.Chmod(closed, 0o700))
	if os.Geteuid() != 0 {
		t.Skip("a directory for another user is not tested: only root can give one away")
	}
	if reachable(inside, stranger) || !reachable(inside, nil) || !reachable("/", stranger) {
		t.Error("who may enter is wrong")
	}
	dir, err := makeDir(inside, stranger)
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	if m, err := owner.Of(dir); err != nil || m.PID != os.Getpid() {
		t.Errorf("%s was made by %s, %v", dir, m, err)
	}
	info, err := os.Stat(filepath.Join(dir, inner))
	must(t, err)
	if !reachable(filepath.Join(dir, inner), stranger) || filepath.Dir(dir) != filepath.Clean(os.TempDir()) || info.Mode().Perm() != 0o700 || info.Sys().(*syscall.Stat_t).Uid != stranger.Uid {
		t.Errorf("made %s with mode %s", dir, info.Mode())
	}
}

func TestFindTakesTheNewest(t *testing.T) {
	dir := t.TempDir()
	if _, err := firstOf(installed(dir)); !errors.Is(err, ErrNoPostgres) || !strings.Contains(err.Error(), "apt-get install postgresql") {
		t.Errorf("in an empty directory: %v", err)
	}
	for version, programs := range map[string][]string{
		"9.6": {"initdb", "postgres"}, "15": {"initdb", "postgres"}, "17": {"initdb"}, "odd": {"initdb", "postgres"},
	} {
		bin := filepath.Join(dir, version, "bin")
		must(t, os.MkdirAll(bin, 0o755))
		for _, program := range programs {
			must(t, os.WriteFile(filepath.Join(bin, program), nil, 0o755))
		}
	}
	if bin, err := firstOf(installed(dir)); err != nil || bin != filepath.Join(dir, "15", "bin") {
		t.Errorf("found %s, %v: want 15, since 17 is not complete", bin, err)
	}
}
