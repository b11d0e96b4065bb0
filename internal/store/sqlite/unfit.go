package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"example.com/contend/internal/owner"
	"example.com/contend/internal/store"
)

// An UnfitError says why a file cannot be a node's database. Nothing has then been written to
// the file, nor beside it.
type UnfitError struct {
	Why  string // follows the file's name: "it is a directory"
	Hint string // one line that says what to do
}

// Error returns Why.
func (e *UnfitError) Error() string { return e.Why }

func unfit(hint, format string, args ...any) error {
	return &UnfitError{Why: fmt.Sprintf(format, args...), Hint: hint}
}

// examined counts the databases of this process that were examined and are not closed, by
// real path. Their files are examined no second time: that may open a file otherwise than
// through SQLite, and to close it would drop the locks that this process has on it
// (https://sqlite.org/howtocorrupt.html, section 2.2).
var examined = struct {
	sync.Mutex
	files map[string]int
}{files: map[string]int{}}

// admit examines the file before the first connection that may write, once.
func (f *file) admit(ctx context.Context) error {
	examined.Lock()
	defer examined.Unlock()
	if f.admitted != "" {
		return nil
	}
	at := realPath(f.path)
	if examined.files[at] == 0 {
		if err := f.examine(ctx, at); err != nil {
			return err
		}
	}
	examined.files[at]++
	f.admitted = at
	return nil
}

// dismiss forgets the file, whose connections are closed.
func (f *file) dismiss() {
	examined.Lock()
	defer examined.Unlock()
	if f.admitted == "" {
		return
	}
	if examined.files[f.admitted]--; examined.files[f.admitted] == 0 {
		delete(examined.files, f.admitted)
	}
	f.admitted = ""
}

// realPath returns path without symbolic links, as SQLite opens it, as far as that can be known.
func realPath(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if at, err := filepath.EvalSymlinks(path); err == nil {
		return at
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path))
	}
	return path
}

// examine returns why the file at cannot be a node's database. One that is missing or empty
// can. It changes nothing: SQLite itself would roll back a hot journal, or move a WAL into the
// file, of whoever left it.
func (f *file) examine(ctx context.Context, at string) error {
	if err := checkPath(at, f.driver.longestPath); err != nil {
		return err
	}
	if size(at) == 0 {
		return nil
	}
	// immutable: SQLite takes no lock and looks at no file beside this one (https://sqlite.org/uri.html#uriimmutable).
	found, err := f.contents(ctx, at, "mode=ro&immutable=1")
	if err == nil && found.empty() && size(at+"-wal") > 0 {
		found = f.withWAL(ctx, at)
	}
	switch code := resultCode(err) & 0xff; {
	case err == nil:
		return found.foreign(f.program)
	case code == codeNotADB:
		return unfit("name a file that does not exist yet, or one that contend made", "it is no SQLite database, or an encrypted one")
	case code == codeCorrupt && size(at+"-journal") == 0 && size(at+"-wal") == 0:
		return unfit("restore it, or save what can be saved with sqlite3's .recover", "it is damaged: %v", err)
	case code == codeError: // such as "unsupported file format"
		return unfit("name a file that does not exist yet, or one that contend made", "it is no database of a kind that this SQLite knows: %v", err)
	case code == codeCorrupt:
		return nil // somebody may be writing it: SQLite will judge it under its locks
	}
	return describe("examine", err)
}

// Bounds of a database's path, in bytes. SQLite adds up to 8 for the files beside it.
const (
	longestName   = 255 // NAME_MAX, of every file system that is common
	longestSuffix = len("-journal")
)

// checkPath returns what the file system has against a database at path, without opening it.
func checkPath(path string, longest int) error {
	dir, name := filepath.Dir(path), filepath.Base(path)
	switch {
	case len(name)+longestSuffix > longestName:
		return unfit(fmt.Sprintf("choose a name of at most %d bytes", longestName-longestSuffix),
			"its name has %d bytes: SQLite adds -journal to it, and a file's name has at most %d", len(name), longestName)
	case len(path)+longestSuffix > longest:
		return unfit("choose a directory nearer to the root", "its path has %d bytes, and SQLite takes at most %d", len(path), longest-longestSuffix)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist): // SQLite makes it
	case errors.Is(err, fs.ErrPermission):
		return forbidden(unix.EACCES, "enter the directory "+dir)
	case err != nil:
		return unfit("name a file in a directory", "%v", err)
	case !info.Mode().IsRegular():
		return unfit("name a file", "it is %s, and a database is a regular file", kind(info.Mode()))
	}
	for _, suffix := range []string{"", "-journal", "-wal", "-shm"} {
		if err := may(path+suffix, unix.R_OK|unix.W_OK); err != nil {
			return forbidden(err, "read and write "+path+suffix)
		}
	}
	if err := may(dir, unix.W_OK|unix.X_OK); err != nil {
		return forbidden(err, "make files in "+dir+", as SQLite does beside the database")
	}
	return nil
}

// may returns what keeps this process's user from what mode says of path; nil where that is no
// permission, or where there is nothing at path.
func may(path string, mode uint32) error {
	err := unix.Faccessat(unix.AT_FDCWD, path, mode, unix.AT_EACCESS)
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EROFS) {
		return err
	}
	return nil
}

func forbidden(cause error, what string) error {
	if errors.Is(cause, unix.EROFS) {
		return unfit("choose a file on another file system, or mount this one writable", "its file system is read-only")
	}
	return unfit("give that permission, or choose another file", "user %d may not %s", os.Geteuid(), what)
}

// kind names what is no regular file.
func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeDevice != 0:
		return "a device"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a special file"
}

// size returns the size of the file at path, 0 where there is none.
func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// A content is what a database says of whose it is.
type content struct {
	application int64    // its application_id; 0 where that is contend's
	tables      []string // and views, without SQLite's own
	other       string   // how a table of the program's name differs from the program's; "" where none does
}

func (c *content) empty() bool { return c.application == 0 && len(c.tables) == 0 }

// foreign returns why a database with this content is not one of p's, nil where it is, or where it is empty.
func (c *content) foreign(p *store.Program) error {
	const most = 4
	hint := "name a file that does not exist yet, or one that contend made"
	ours := func(table string) bool {
		return slices.ContainsFunc(p.Tables, func(t store.Table) bool { return strings.EqualFold(t.Name, table) })
	}
	switch {
	case c.application != 0:
		return unfit(hint, "it is another program's database: its application_id is %#x", c.application)
	case c.other != "":
		return unfit(hint, "it is another program's database: %s", c.other)
	case len(c.tables) > 0 && !slices.ContainsFunc(c.tables, ours):
		shown := fmt.Sprintf("%q", c.tables[:min(most, len(c.tables))])
		return unfit(hint, "it is another program's database: it has the tables %s and none of contend's", strings.Trim(shown, "[]"))
	}
	return nil
}

// contents reads the database at path, which is opened as query says. It reads a few times
// where the file looks damaged: without locks, it may come upon a writer half way.
func (f *file) contents(ctx context.Context, path, query string) (found content, err error) {
	const tries, pause = 3, 20 * time.Millisecond
	for range tries {
		if found, err = f.content(ctx, path, query); err == nil || !damaged(err) || ctx.Err() != nil {
			break
		}
		time.Sleep(pause)
	}
	return found, err
}

func damaged(err error) bool {
	code := resultCode(err) & 0xff
	return code == codeCorrupt || code == codeNotADB
}

func (f *file) content(ctx context.Context, path, query string) (found content, err error) {
	pool, err := f.driver.open(uriOf(path, query))
	if err != nil {
		return found, err
	}
	defer pool.Close()
	c, err := pool.Conn(ctx)
	if err != nil {
		return found, err
	}
	defer c.Close()
	pragmas := "PRAGMA temp_store = MEMORY; PRAGMA synchronous = OFF"
	if size(path+"-journal")+size(path+"-wal") > 0 { // a header that counts more pages than the file has yet is no damage
		pragmas += "; PRAGMA writable_schema = ON"
	}
	if _, err := c.ExecContext(ctx, pragmas); err != nil {
		return found, err
	}
	if err := c.QueryRowContext(ctx, "PRAGMA application_id").Scan(&found.application); err != nil {
		return found, err
	}
	if found.application == store.LabID {
		found.application = 0
	}
	found.tables, err = words(ctx, c, `SELECT name FROM main.sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`)
	for _, t := range f.program.Tables {
		if err == nil && found.other == "" {
			found.other, err = differs(ctx, c, t)
		}
	}
	return found, err
}

// differs says how a table of the database differs from the one of its name in the program; "" where
// it has every column of that, or where there is none of its name.
func differs(ctx context.Context, c *sql.Conn, t store.Table) (string, error) {
	theirs, err := words(ctx, c, "SELECT name FROM pragma_table_info('"+t.Name+"', 'main')")
	if err != nil || len(theirs) == 0 {
		return "", err
	}
	// Made where it goes with the connection.
	if _, err := c.ExecContext(ctx, strings.Replace(dialect.Spell(t.Create), "CREATE TABLE", "CREATE TEMP TABLE", 1)); err != nil {
		return "", err
	}
	ours, err := words(ctx, c, "SELECT name FROM pragma_table_info('"+t.Name+"', 'temp')")
	for _, column := range ours {
		if !slices.ContainsFunc(theirs, func(name string) bool { return strings.EqualFold(name, column) }) {
			shown := fmt.Sprintf("%q", theirs)
			return fmt.Sprintf("its table %s has the columns %s and no %s", t.Name, strings.Trim(shown, "[]"), column), err
		}
	}
	return "", err
}

// words returns the first column of the rows that a query returns.
func words(ctx context.Context, c *sql.Conn, query string) (all []string, err error) {
	rows, err := c.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var word string
		if err := rows.Scan(&word); err != nil {
			return nil, err
		}
		all = append(all, word)
	}
	return all, rows.Err()
}

// mostCopied bounds what withWAL copies, in bytes. SQLite moves a WAL into its file from 4 MiB on.
const mostCopied = 16 << 20

// withWAL reads the database at path with what stands only in its WAL, from a copy: whoever
// opens the file itself, and closes it last, moves the WAL into it. What cannot be copied, or was
// copied from under a writer, counts as empty: others have it open then, who have examined it too.
func (f *file) withWAL(ctx context.Context, path string) (found content) {
	if size(path)+size(path+"-wal") > mostCopied {
		return content{}
	}
	dir, err := owner.MakeDir(os.TempDir(), owner.Prefix+"examine-")
	if err != nil { // an image may have no directory for temporary files, but has memory (Linux)
		dir, err = owner.MakeDir("/dev/shm", owner.Prefix+"examine-")
	}
	if err != nil {
		return content{}
	}
	defer func() { _ = owner.RemoveDir(dir) }() // a node that is killed meanwhile leaves it to contend clean
	to := filepath.Join(dir, "copy.db")
	if copyFile(to, path) != nil || copyFile(to+"-wal", path+"-wal") != nil {
		return content{}
	}
	if found, err = f.content(ctx, to, "mode=rw"); err != nil {
		return content{}
	}
	return found
}

// copyFile copies the file at from to a new file.
func copyFile(to, from string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// uriOf returns the URI of the file at path, an absolute one, in which no character of the path can be
// taken for a parameter (https://sqlite.org/uri.html).
func uriOf(path, query string) string {
	uri := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: query}
	return uri.String()
}
