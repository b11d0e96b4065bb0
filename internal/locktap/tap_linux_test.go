package locktap

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/contend/internal/lockstate"
	"example.com/contend/internal/owner"
	"example.com/contend/internal/testproc"
)

func TestMain(m *testing.M) {
	testproc.Main(map[string]testproc.Role{"tap": func([]string) error {
		tap, err := Open()
		if err != nil {
			return err
		}
		if found, _ := filepath.Glob("/usr/lib/*-linux-gnu/libsqlite3.so.0"); len(found) > 0 {
			f, err := os.Open(found[0])
			if err != nil {
				return err
			}
			p, err := FindProbe(f)
			if err == nil {
				err = tap.Probe(p, found[0])
			}
			if err != nil {
				return err
			}
		}
		_, err = testproc.Listen("127.0.0.1:0") // says that it is ready
		if err == nil {
			select {}
		}
		return err
	}})
	os.Exit(m.Run())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T) *Tap {
	t.Helper()
	tap, err := Open()
	if err != nil {
		testproc.Lacks(t, "%v", err)
	}
	t.Cleanup(func() {
		if err := tap.Close(); err != nil {
			t.Error(err)
		}
	})
	return tap
}

func file(t *testing.T) (path string, id Identity) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "x.db")
	must(t, os.WriteFile(path, nil, 0o600))
	id, err := Identify(path)
	must(t, err)
	return path, id
}

// lock tries to lock a byte of an open file, by OFD, so that two files of this process exclude each other.
func lock(t *testing.T, f *os.File, op int16, at int64) error {
	t.Helper()
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: op, Start: at, Len: 1})
}

func TestTapSeesWhatHappens(t *testing.T) {
	path, id := file(t)
	other, otherID := file(t)
	tap := open(t)
	must(t, tap.Watch(id.Device, []uint64{id.Inode}))
	var files []*os.File
	for _, name := range []string{path, path, other} {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		must(t, err)
		defer f.Close()
		files = append(files, f)
	}
	must(t, lock(t, files[0], unix.F_WRLCK, 1<<30))
	if err := lock(t, files[1], unix.F_RDLCK, 1<<30); err == nil {
		t.Fatal("two writers")
	}
	must(t, lock(t, files[0], unix.F_UNLCK, 1<<30))
	must(t, lock(t, files[1], unix.F_RDLCK, 1<<30))
	must(t, lock(t, files[2], unix.F_WRLCK, 1<<30)) // of another file: not seen
	must(t, lock(t, files[2], unix.F_WRLCK, 120))   // but this may be a wal-index
	var got []string
	before := Now()
	lost, err := tap.Read(true, func(e Event) {
		if e.PID != os.Getpid() || !e.OFD || e.At > before || before-e.At > int64(time.Minute) || e.Device != id.Device {
			t.Errorf("%+v", e)
		}
		name := map[uint64]string{id.Inode: "x", otherID.Inode: "y"}[e.Inode]
		got = append(got, fmt.Sprintf("%s %d-%d op %d refused %t", name, e.First, e.Last, e.Op, e.Refused))
	})
	must(t, err)
	want := []string{
		fmt.Sprintf("x %d-%d op %d refused false", 1<<30, 1<<30, lockstate.LockExclusive),
		fmt.Sprintf("x %d-%d op %d refused true", 1<<30, 1<<30, lockstate.LockShared),
		fmt.Sprintf("x %d-%d op %d refused false", 1<<30, 1<<30, lockstate.Unlock),
		fmt.Sprintf("x %d-%d op %d refused false", 1<<30, 1<<30, lockstate.LockShared),
		fmt.Sprintf("y 120-120 op %d refused false", lockstate.LockExclusive),
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || lost != 0 {
		t.Errorf("%d lost:\n%s\nwant\n%s", lost, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Where events come faster than they are read, the kernel overwrites the oldest, and says how many.
func TestTapCountsWhatIsLost(t *testing.T) {
	path, id := file(t)
	tap := open(t)
	must(t, tap.write("buffer_size_kb", "64"))
	must(t, tap.Watch(id.Device, []uint64{id.Inode}))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	const pairs = 20_000
	for range pairs {
		must(t, lock(t, f, unix.F_WRLCK, 5))
		must(t, lock(t, f, unix.F_UNLCK, 5))
	}
	var seen, last int64
	lost, err := tap.Read(true, func(e Event) {
		if e.At < last {
			t.Error("events are out of order")
		}
		seen, last = seen+1, e.At
	})
	must(t, err)
	// The kernel's count is not exact: it has some, too, of other files, which its filter has thrown away.
	if lost == 0 || seen == 0 || seen+lost < 2*pairs || seen+lost > 2*pairs*21/20 {
		t.Errorf("%d seen and %d lost, of %d", seen, lost, 2*pairs)
	}
}

// A process that is killed leaves its instance and its probes; the next Tap removes them, and leaves alone those of who lives.
func TestInstancesOfTheDeadAreRemoved(t *testing.T) {
	tap := open(t)
	dead := testproc.Start(t, "tap")
	exists := func() (found bool) {
		all, err := os.ReadDir(filepath.Dir(tap.dir))
		must(t, err)
		for _, e := range all {
			found = found || strings.HasPrefix(e.Name(), fmt.Sprintf("%s%d.", prefix, dead.PID()))
		}
		probes, err := os.ReadFile(filepath.Join(tap.root, "uprobe_events"))
		must(t, err)
		return found || strings.Contains(string(probes), fmt.Sprintf("%s%d_", groupPrefix, dead.PID()))
	}
	open(t)
	if !exists() {
		t.Fatal("the instance of a process that lives is not there")
	}
	dead.Kill()
	if !exists() {
		t.Fatal("the instance ended with its process")
	}
	open(t)
	if exists() {
		t.Error("the instance of a dead process is still there")
	}
	if _, err := os.Stat(tap.dir); err != nil || !strings.Contains(tap.dir, owner.Self().String()) {
		t.Errorf("our own: %v", err)
	}
}

// To identify a file drops no lock of another process, and leaves none.
func TestIdentify(t *testing.T) {
	path, id := file(t)
	again, err := Identify(path)
	must(t, err)
	if again.Device != id.Device || again.Inode != id.Inode || again.Byte == id.Byte {
		t.Errorf("%+v, then %+v", id, again)
	}
	held, err := Locks()
	must(t, err)
	for _, h := range held {
		if h.Inode == id.Inode && h.Device == id.Device {
			t.Errorf("a lock is left: %+v", h)
		}
	}
	if _, err := Identify(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("no file: %v", err)
	}
}
