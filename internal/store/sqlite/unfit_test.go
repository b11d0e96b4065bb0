package sqlite

import (
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/internal/store"
	"example.com/contend/internal/testproc"
)

func TestMain(m *testing.M) {
	testproc.Main(map[string]testproc.Role{
		"dial": func(args []string) error { return dialOnce(args[0], args[1]) },
		"dial-read-only": func(args []string) error {
			dir := filepath.Dir(args[1])
			if err := testproc.MountDisk(dir, 1<<20); err != nil {
				return err
			}
			if err := os.WriteFile(args[1], nil, 0o600); err != nil {
				return err
			}
			if err := testproc.RemountReadOnly(dir); err != nil {
				return err
			}
			return dialOnce(args[0], args[1])
		},
	})
	os.Exit(m.Run())
}

// dialOnce opens the database at path as a node does, and closes it. Who waits longer than the
// test's own patience waits for what will not change.
func dialOnce(driver, path string) (err error) {
	d := quick(store.Stock, 0)
	d.Driver = driver
	f, err := At(path)(d, program(), time.Hour)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	c, err := f.Dial(always, store.Probe)
	if err != nil {
		return err
	}
	return c.Close()
}

// snapshot is every file in dir: what it is, and its contents.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			files[path] = d.Type().String()
			return err
		}
		content, err := os.ReadFile(path)
		files[path] = fmt.Sprintf("%d bytes, %x", len(content), sha256.Sum256(content))
		return err
	}))
	return files
}

// makeDatabase runs SQL on a new database at path, and returns it open.
func makeDatabase(t *testing.T, path string, statements ...string) *sql.Conn {
	t.Helper()
	pool, err := modernc.open(uriOf(path, "mode=rwc"))
	must(t, err)
	c, err := pool.Conn(t.Context())
	must(t, err)
	for _, s := range statements {
		_, err := c.ExecContext(t.Context(), s)
		must(t, err)
	}
	t.Cleanup(func() { _ = c.Close(); must(t, pool.Close()) })
	return c
}

// made is makeDatabase, closed.
func made(statements ...string) func(*testing.T, string) string {
	return func(t *testing.T, dir string) string {
		path := filepath.Join(dir, "x.db")
		t.Run("make", func(t *testing.T) { makeDatabase(t, path, statements...) })
		return path
	}
}

// crashed is a database as it lies there when its only process has been killed: with the suffixed files.
func crashed(suffixes []string, statements ...string) func(*testing.T, string) string {
	return func(t *testing.T, dir string) string {
		from, to := filepath.Join(t.TempDir(), "x.db"), filepath.Join(dir, "x.db")
		makeDatabase(t, from, statements...)
		for _, suffix := range append([]string{""}, suffixes...) {
			content, err := os.ReadFile(from + suffix)
			must(t, err)
			if len(content) < 512 {
				t.Fatalf("x.db%s has only %d bytes", suffix, len(content))
			}
			must(t, os.WriteFile(to+suffix, content, 0o600))
		}
		return to
	}
}

func written(content []byte) func(*testing.T, string) string {
	return func(t *testing.T, dir string) string {
		path := filepath.Join(dir, "x.db")
		must(t, os.WriteFile(path, content, 0o600))
		return path
	}
}

// changed is a database of ours after a change to its bytes.
func changed(change func([]byte) []byte) func(*testing.T, string) string {
	return func(t *testing.T, dir string) string {
		path := made(ours)(t, dir)
		content, err := os.ReadFile(path)
		must(t, err)
		must(t, os.WriteFile(path, change(content), 0o600))
		return path
	}
}

// noise is what an encrypted file looks like.
func noise() []byte {
	var all []byte
	for i := range 256 {
		sum := sha256.Sum256([]byte{byte(i)})
		all = append(all, sum[:]...)
	}
	return all
}

var (
	theirs  = "CREATE TABLE t (id INTEGER PRIMARY KEY, foo TEXT)"
	ours    = "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER, created_at DATETIME DEFAULT CURRENT_TIMESTAMP)"
	spilled = []string{ // a hot journal: most of the transaction has left the cache
		"PRAGMA journal_mode = DELETE", theirs, "PRAGMA cache_size = 2", "BEGIN",
		"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO t (foo) SELECT hex(zeroblob(500)) FROM n",
	}
	inWAL = []string{"PRAGMA journal_mode = WAL", "PRAGMA wal_autocheckpoint = 0"}
)

// unfitFiles are files that cannot be a node's database, and what is said of them.
var unfitFiles = map[string]struct {
	make func(t *testing.T, dir string) (path string)
	why  string
}{
	"a directory": {func(_ *testing.T, dir string) string { return dir }, "it is a directory, and a database is a regular file"},
	"a device":    {func(*testing.T, string) string { return "/dev/null" }, "it is a device"},
	"a named pipe": {func(t *testing.T, dir string) string {
		path := filepath.Join(dir, "x.db")
		must(t, syscall.Mkfifo(path, 0o600))
		return path
	}, "it is a named pipe"},
	"a long name": {func(_ *testing.T, dir string) string { return filepath.Join(dir, strings.Repeat("x", 248)) },
		"its name has 248 bytes: SQLite adds -journal to it, and a file's name has at most 255"},
	"a long path": {func(t *testing.T, dir string) string {
		dir = filepath.Join(dir, strings.Repeat(strings.Repeat("d", 200)+"/", 6))
		must(t, os.MkdirAll(dir, 0o755))
		return filepath.Join(dir, "x.db")
	}, "bytes, and SQLite takes at most"},
	"below a file":         {func(t *testing.T, dir string) string { return filepath.Join(written([]byte("x"))(t, dir), "y.db") }, "not a directory"},
	"a text":               {written([]byte("not a database")), "it is no SQLite database, or an encrypted one"},
	"encrypted":            {written(noise()), "it is no SQLite database, or an encrypted one"},
	"of an application":    {made(ours, "PRAGMA application_id = 0x47504b47"), "another program's database: its application_id is 0x47504b47"},
	"other columns":        {made(theirs), `another program's database: its table t has the columns "id" "foo" and no n`},
	"other columns, WAL":   {made("PRAGMA journal_mode = WAL", theirs), `another program's database: its table t`},
	"a view of our name":   {made("CREATE TABLE u (id)", "CREATE VIEW t AS SELECT id FROM u"), `its table t has the columns "id" and no n`},
	"other tables":         {made("CREATE TABLE users (id)", "CREATE TABLE \"a\x1b[2J\" (id)"), `it has the tables "a\x1b[2J" "users" and none of contend's`},
	"a WAL after a crash":  {crashed([]string{"-wal", "-shm"}, append(inWAL, theirs)...), "another program's database: its table t"},
	"a WAL that was moved": {crashed([]string{"-wal"}, append(inWAL, theirs)...), "another program's database: its table t"},
	"a hot journal":        {crashed([]string{"-journal"}, spilled...), "another program's database: its table t"},
	"damaged":              {changed(func(content []byte) []byte { content[100] = 77; return content }), "it is damaged: "}, // the kind of page 1
	"cut off":              {changed(func(content []byte) []byte { return content[:len(content)-4096] }), "it is damaged: "},
	"of the future":        {changed(func(content []byte) []byte { content[47] = 9; return content }), "it is no database of a kind that this SQLite knows: "},
}

// Each has words of its own, at once: nothing is waited for. And nothing changes.
func TestUnfitFilesStayAsTheyAre(t *testing.T) {
	for name, c := range unfitFiles {
		for _, driver := range Drivers() {
			t.Run(name+"/"+driver, func(t *testing.T) {
				dir := t.TempDir()
				path := c.make(t, dir)
				before := snapshot(t, dir)
				err := dialOnce(driver, path)
				if unfit, ok := errors.AsType[*UnfitError](err); !ok || !strings.Contains(err.Error(), c.why) || unfit.Hint == "" {
					t.Errorf("error is %v, want one that says %q", err, c.why)
				}
				if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
					t.Errorf("it was changed (-before +after):\n%s", diff)
				}
			})
		}
	}
}

// What contend made is taken again, whatever state a crash has left it in.
func TestFilesThatAreFit(t *testing.T) {
	for name, create := range map[string]func(*testing.T, string) string{
		"none":                  func(_ *testing.T, dir string) string { return filepath.Join(dir, "x.db") },
		"a name of 247 bytes":   func(_ *testing.T, dir string) string { return filepath.Join(dir, strings.Repeat("x", 247)) },
		"empty":                 written(nil),
		"no table yet":          made("CREATE TABLE gone (id)", "DROP TABLE gone", "VACUUM"),
		"ours":                  made(ours),
		"the lab's":             made(fmt.Sprint("PRAGMA application_id = ", store.LabID)),
		"ours and others":       made(ours, "CREATE TABLE users (id)"),
		"ours, with a column":   made("CREATE TABLE T (ID INTEGER PRIMARY KEY, N INTEGER, created_at TEXT, more TEXT)"),
		"ours, only in the WAL": crashed([]string{"-wal", "-shm"}, append(inWAL, ours)...),
		"empty, with a WAL":     crashed([]string{"-wal"}, append(inWAL, "CREATE TABLE gone (id)", "DROP TABLE gone")...),
		"ours, a hot journal": crashed([]string{"-journal"}, append([]string{"PRAGMA journal_mode = DELETE", ours, "PRAGMA cache_size = 2", "BEGIN"},
			"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) INSERT INTO t (n) SELECT i FROM n")...),
		"a link": func(t *testing.T, dir string) string {
			link := filepath.Join(dir, "link.db")
			must(t, os.Symlink(made(ours)(t, dir), link))
			return link
		},
	} {
		for _, driver := range Drivers() {
			t.Run(name+"/"+driver, func(t *testing.T) { must(t, dialOnce(driver, create(t, t.TempDir()))) })
		}
	}
}

// A file that this process has open is not read otherwise: to close it again would drop the locks that
// this process has on it.
func TestOpenFilesAreExaminedOnce(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux lists locks")
	}
	path := filepath.Join(t.TempDir(), "x.db")
	f, err := At(path)(quick(store.Stock, 0), program(), time.Second)
	must(t, err)
	c, err := f.Dial(t.Context(), store.Requests) // its tables are only in the WAL
	must(t, err)
	before := locksOn(t, path, func(locks []string) bool { return len(locks) > 0 })
	second, err := At(path)(quick(store.Stock, 0), program(), time.Second)
	must(t, err)
	must(t, second.(*file).admit(t.Context()))
	after := locksOn(t, path, func(locks []string) bool { return slices.Equal(locks, before) })
	if len(before) == 0 || !slices.Equal(before, after) {
		t.Errorf("locks %q became %q", before, after)
	}
	must(t, errors.Join(c.Close(), f.Close(), second.Close()))
	if len(examined.files) > 0 {
		t.Errorf("they count as open: %v", examined.files)
	}
}

// locksOn returns the kinds and the bytes of the locks on the file at path (proc_locks(5)), as they are awaited
// or, after a second, as they are. The kernel lists locks page by page: where other programs change theirs
// meanwhile, one may be missing from a list.
func locksOn(t *testing.T, path string, awaited func(locks []string) bool) (locks []string) {
	t.Helper()
	for range 100 {
		if locks = listLocks(t, path); awaited(locks) {
			return locks
		}
		time.Sleep(10 * time.Millisecond)
	}
	return locks
}

func listLocks(t *testing.T, path string) (locks []string) {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	inode := fmt.Sprint(":", info.Sys().(*syscall.Stat_t).Ino)
	text, err := os.ReadFile("/proc/locks")
	must(t, err)
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 8 && strings.HasSuffix(fields[5], inode) {
			locks = append(locks, strings.Join(append(fields[1:4:4], fields[6:]...), " "))
		}
	}
	return locks
}

// A user who is not root meets permissions.
func TestPermissions(t *testing.T) {
	const nobody = 65534
	uid := os.Getuid()
	if uid == 0 {
		uid = nobody
	}
	for name, c := range map[string]struct {
		make func(t *testing.T, dir, path string)
		why  string
	}{
		"the file":      {func(t *testing.T, _, path string) { must(t, os.Chmod(path, 0o444)) }, "may not read and write "},
		"the directory": {func(t *testing.T, dir, _ string) { must(t, os.Chmod(dir, 0o555)) }, "may not make files in "},
		"not to enter":  {func(t *testing.T, dir, _ string) { must(t, os.Chmod(dir, 0o644)) }, "may not enter the directory "},
		"no file":       {func(t *testing.T, dir, path string) { must(t, os.Remove(path)); must(t, os.Chmod(dir, 0o555)) }, "may not make files in "},
		"the WAL":       {func(t *testing.T, _, path string) { must(t, os.WriteFile(path+"-wal", nil, 0o444)) }, ".db-wal"},
		"the wal-index": {func(t *testing.T, _, path string) { must(t, os.WriteFile(path+"-shm", nil, 0o444)) }, ".db-shm"},
		"the journal":   {func(t *testing.T, _, path string) { must(t, os.WriteFile(path+"-journal", nil, 0o444)) }, ".db-journal"},
		"none is wrong": {func(*testing.T, string, string) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "of")
			must(t, os.Mkdir(dir, 0o700))
			path := filepath.Join(dir, "x.db")
			must(t, os.WriteFile(path, nil, 0o666))
			for ; dir != os.TempDir(); dir = filepath.Dir(dir) { // so that another user comes that far
				must(t, os.Chmod(dir, 0o777))
			}
			dir = filepath.Dir(path)
			must(t, os.Chmod(path, 0o666))
			c.make(t, dir, path)
			t.Cleanup(func() { must(t, os.Chmod(dir, 0o700)) })
			cmd := testproc.Command("dial", store.Modernc, path)
			cmd.Path = "/proc/self/exe" // where another user may not go
			if os.Getuid() != uid {
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: nobody}}
			}
			out, err := cmd.CombinedOutput()
			if refused := c.why != ""; refused != (err != nil) || !strings.Contains(string(out), c.why) || refused && !strings.Contains(string(out), fmt.Sprintf("user %d may not ", uid)) {
				t.Errorf("%v: it says %q, want %q", err, out, c.why)
			}
		})
	}
}

func TestReadOnlyFileSystem(t *testing.T) {
	cmd := testproc.Command("dial-read-only", store.Modernc, filepath.Join(t.TempDir(), "x.db"))
	cmd.SysProcAttr = testproc.OwnMounts(t)
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "its file system is read-only") {
		t.Errorf("it says %q, %v", out, err)
	}
}
