package dbfile_test

import (
	"bufio"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"example.com/contend/internal/testproc"
)

func TestMain(m *testing.M) {
	testproc.Main(map[string]testproc.Role{"sqlite": serveSQL})
	os.Exit(m.Run())
}

// serveSQL runs each line of stdin as a statement on one connection, and answers with the values of the
// first row, or the error, on one line.
func serveSQL(args []string) error {
	db, err := sql.Open("sqlite", args[0])
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fmt.Println(answer(db, lines.Text()))
	}
	return db.Close()
}

func answer(db *sql.DB, statement string) string {
	rows, err := db.Query(statement)
	if err != nil {
		return "error: " + strings.ReplaceAll(err.Error(), "\n", " ")
	}
	defer rows.Close()
	columns, _ := rows.Columns()
	values := make([]any, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	var words []string
	if rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return "error: " + err.Error()
		}
		for _, v := range values {
			words = append(words, fmt.Sprint(v))
		}
	}
	for rows.Next() { // to the end, so that the statement is over
	}
	if err := rows.Err(); err != nil {
		return "error: " + strings.ReplaceAll(err.Error(), "\n", " ")
	}
	return strings.Join(words, "|")
}

// A connection is SQLite in a process of its own: this process opens the files by hand, and to close
// them would drop its locks.
type connection struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func connect(t testing.TB, path string) *connection {
	t.Helper()
	c := &connection{t: t, cmd: testproc.Command("sqlite", path)}
	c.cmd.Stderr = os.Stderr
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	return c
}

// try runs a statement and returns the first row, or the error.
func (c *connection) try(statement string) string {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.in, strings.ReplaceAll(statement, "\n", " ")); err != nil {
		c.t.Fatal(err)
	}
	line, err := c.out.ReadString('\n')
	if err != nil {
		c.t.Fatalf("%s: %v", statement, err)
	}
	return strings.TrimSuffix(line, "\n")
}

// do runs statements that must succeed, and returns what the last one did.
func (c *connection) do(statements ...string) (got string) {
	c.t.Helper()
	for _, s := range statements {
		if got = c.try(s); strings.HasPrefix(got, "error: ") {
			c.t.Fatalf("%s: %s", s, got)
		}
	}
	return got
}

// close ends the process in order: SQLite closes the database.
func (c *connection) close() {
	_ = c.in.Close()
	_ = c.cmd.Wait()
}

// kill ends it as kill -9 does.
func (c *connection) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// made returns the path of a database that the statements have made, at rest.
func made(t testing.TB, statements ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.db")
	c := connect(t, path)
	c.do(statements...)
	c.close()
	return path
}

// asked returns what SQLite answers about the database at path.
func asked(t testing.TB, path, query string) string {
	t.Helper()
	c := connect(t, path)
	defer c.close()
	return c.try(query)
}

// opened opens a file for reading, and returns its size.
func opened(t testing.TB, path string) (*os.File, int64) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return f, info.Size()
}

func content(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// rows returns a statement that makes n rows of so many random bytes in table t.
func rows(n, size int) string {
	return fmt.Sprintf("INSERT INTO t(x) WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<%d) SELECT randomblob(%d) FROM c", n, size)
}
