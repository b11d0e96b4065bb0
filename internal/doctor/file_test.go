package doctor

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/contend/internal/testproc"
)

// serveSQL runs each line of stdin as a statement on one connection, and answers with the first row or the error. The line
// "touch FILE" opens a file, reads a byte of it and closes it, as a program does that copies its own database.
func serveSQL(args []string) error {
	db, err := sql.Open("sqlite", args[0])
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		answer := ""
		if name, is := strings.CutPrefix(lines.Text(), "touch "); is {
			f, err := os.Open(name)
			if err != nil {
				return err
			}
			_, _ = f.Read(make([]byte, 1))
			f.Close()
			fmt.Println()
			continue
		}
		err := each(context.Background(), db, lines.Text(), func(values []any) {
			if answer == "" {
				answer = fmt.Sprint(values...)
			}
		})
		if err != nil {
			answer = "error: " + err.Error()
		}
		fmt.Println(strings.ReplaceAll(answer, "\n", " "))
	}
	return db.Close()
}

// A connection is SQLite in a process of its own, as those that doctor examines are.
type connection struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func connect(t testing.TB, path string) *connection {
	t.Helper()
	c := &connection{t: t, cmd: testproc.Command("sqlite", path)}
	c.start()
	return c
}

func (c *connection) start() {
	c.t.Helper()
	c.cmd.Stderr = os.Stderr
	c.in, _ = c.cmd.StdinPipe()
	out, _ := c.cmd.StdoutPipe()
	c.out = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(c.kill)
}

func (c *connection) try(statement string) string {
	c.t.Helper()
	fmt.Fprintln(c.in, statement)
	line, err := c.out.ReadString('\n')
	if err != nil {
		c.t.Fatalf("%s: %v", statement, err)
	}
	return strings.TrimSuffix(line, "\n")
}

func (c *connection) do(statements ...string) (got string) {
	c.t.Helper()
	for _, s := range statements {
		if got = c.try(s); strings.HasPrefix(got, "error: ") {
			c.t.Fatalf("%s: %s", s, got)
		}
	}
	return got
}

func (c *connection) close() { _ = c.in.Close(); _ = c.cmd.Wait() }
func (c *connection) kill()  { _ = c.cmd.Process.Kill(); _ = c.cmd.Wait() }

// rows makes n rows of so many random bytes in table t.
func rows(n, size int) string {
	return fmt.Sprintf("INSERT INTO t(x) WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<%d) SELECT randomblob(%d) FROM c", n, size)
}

// opened opens the files of the database at path, by role.
func opened(t testing.TB, path string) map[string]*os.File {
	t.Helper()
	files := map[string]*os.File{}
	for _, role := range []string{Database, WALFile, SHMFile, Journal} {
		f, err := os.Open(path + strings.TrimPrefix(role, Database))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		files[role] = f
	}
	return files
}

// examined returns the rules that find something in the files at path, and what was not seen.
func examined(t testing.TB, path string) (found []string, unseen []string) {
	t.Helper()
	files := opened(t, path)
	f := &Facts{Path: path, Header: readHeader(files[Database]), Index: readIndex(files[SHMFile])}
	c := readContents(files, "")
	for _, finding := range inFile(f, c) {
		for name, text := range map[string]string{"sentence": finding.Sentence, "consequence": finding.Consequence, "source": finding.Source, "rule": finding.Rule} {
			if text == "" || strings.Contains(text, "%!") {
				t.Errorf("%s: %s is %q", finding.Rule, name, text)
			}
		}
		if strings.Contains(strings.Join(finding.Evidence, ""), "%!") {
			t.Errorf("%s: evidence %q", finding.Rule, finding.Evidence)
		}
		found = append(found, finding.Rule+": "+finding.Severity.String())
	}
	return found, unseenInFile(c)
}

// settled waits until a change shows in the time of a file.
func settled() { time.Sleep(2 * settle) }

var table = "CREATE TABLE t(id INTEGER PRIMARY KEY, x)"

// Each finding is made for real, and not found in what is sound.
func TestInFile(t *testing.T) {
	t.Parallel()
	wal := []string{"PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=0", table, rows(50, 900)}
	read := func(t *testing.T, path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	write := func(t *testing.T, path string, b []byte) {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	change := func(suffix string, how func(b []byte) []byte) func(*testing.T, string, *connection) {
		return func(t *testing.T, path string, c *connection) {
			c.kill()
			write(t, path+suffix, how(read(t, path+suffix)))
		}
	}
	rollback := []string{table, rows(200, 900)}
	for name, c := range map[string]struct {
		first  []string
		then   func(t *testing.T, path string, c *connection)
		want   string
		unseen string
	}{
		"sound, at rest":      {rollback, func(t *testing.T, _ string, c *connection) { c.close() }, "", ""},
		"sound, in use":       {rollback, func(t *testing.T, _ string, c *connection) { c.do("BEGIN", "SELECT count(*) FROM t") }, "", ""},
		"sound, WAL in use":   {wal, func(t *testing.T, _ string, c *connection) {}, "", ""},
		"sound, WAL left":     {wal, func(t *testing.T, _ string, c *connection) { c.kill() }, "", ""},
		"sound, PERSIST":      {append([]string{"PRAGMA journal_mode=PERSIST"}, rollback...), func(t *testing.T, _ string, c *connection) { c.close() }, "", ""},
		"sound, zeros":        {[]string{table, "INSERT INTO t(x) VALUES (zeroblob(1000000))", "DELETE FROM t", "INSERT INTO t(x) VALUES (zeroblob(500000))"}, func(t *testing.T, _ string, c *connection) {}, "", ""},
		"sound, new":          {[]string{table}, func(t *testing.T, _ string, c *connection) {}, "", ""},
		"encrypted":           {rollback, change("", func(b []byte) []byte { copy(b, "\x17\x9a\x01key"); return b }), "not-a-database: cannot tell", ""},
		"empty":               {rollback, change("", func(b []byte) []byte { return nil }), "empty-file: note", ""},
		"begin of zeros":      {rollback, change("", func(b []byte) []byte { clear(b[:4096]); return b }), "begins-with-zeros: danger", ""},
		"only a begin":        {rollback, change("", func(b []byte) []byte { return b[:60] }), "cut-off-header: danger", ""},
		"contradictory":       {rollback, change("", func(b []byte) []byte { b[21] = 1; return b }), "contradictory-header: danger", ""},
		"no page size":        {rollback, change("", func(b []byte) []byte { b[16] = 3; return b }), "contradictory-header: danger", "a transaction"},
		"cut off":             {rollback, change("", func(b []byte) []byte { return b[:len(b)/4096/2*4096] }), "short-file: danger", "All pages but"},
		"ends within a page":  {rollback, change("", func(b []byte) []byte { return append(b, 1, 2, 3) }), "ragged-file: attention", ""},
		"a page of zeros":     {rollback, change("", func(b []byte) []byte { clear(b[len(b)-4096:]); return b }), "damaged-pages: danger", ""},
		"freelist":            {[]string{table, rows(200, 900), "DELETE FROM t WHERE id > 100"}, change("", func(b []byte) []byte { b[39]++; return b }), "damaged-freelist: danger", ""},
		"killed in rollback":  {append(rollback, "PRAGMA cache_size=5", "BEGIN IMMEDIATE", "UPDATE t SET x = randomblob(900)"), func(t *testing.T, _ string, c *connection) { c.kill() }, "hot-journal: attention", "a transaction"},
		"bad header of a WAL": {wal, change("-wal", func(b []byte) []byte { b[9]++; return b }), "unreadable-wal: danger", ""},
		"bad frame":           {append(wal, rows(1, 9), rows(1, 9), rows(1, 9)), change("-wal", func(b []byte) []byte { b[32+24+50]++; return b }), "broken-wal: danger", ""},
		"killed in a WAL":     {append(wal, "PRAGMA cache_size=5", "BEGIN", rows(200, 900)), func(t *testing.T, _ string, c *connection) { c.kill() }, "unended-transaction: note", ""},
		"copied, file first": {wal, func(t *testing.T, path string, c *connection) {
			file, d := read(t, path), connect(t, path)
			for range 3 {
				c.do("PRAGMA wal_checkpoint(RESTART)", rows(50, 900))
				d.do(rows(50, 900))
			}
			c.kill()
			d.kill()
			write(t, path, file)
		}, "foreign-wal: danger", "All pages but"},
		"copied, WAL first": {wal, func(t *testing.T, path string, c *connection) {
			log, d := read(t, path+"-wal"), connect(t, path)
			for range 3 {
				c.do("PRAGMA wal_checkpoint(RESTART)", rows(50, 900))
				d.do(rows(50, 900))
			}
			c.do("PRAGMA wal_checkpoint(TRUNCATE)")
			c.kill()
			d.kill()
			write(t, path+"-wal", log)
		}, "foreign-wal: danger", ""},
		"WAL of another": {rollback, func(t *testing.T, path string, c *connection) {
			c.close()
			other := filepath.Join(t.TempDir(), "other.db")
			o := connect(t, other)
			o.do(wal...)
			o.kill()
			write(t, path+"-wal", read(t, other+"-wal"))
		}, "foreign-wal: danger", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "app.db")
			conn := connect(t, path)
			conn.do(c.first...)
			c.then(t, path, conn)
			settled()
			found, unseen := examined(t, path)
			for _, want := range strings.Split(c.want, "; ") {
				if want != "" && !slices.Contains(found, want) {
					t.Errorf("found %q, want %s", found, want)
				}
			}
			if wanted := len(strings.Split(c.want, "; ")); len(found) > wanted || c.want == "" && len(found) > 0 {
				t.Errorf("found %q, want only %q", found, c.want)
			}
			if text := strings.Join(unseen, " "); c.unseen == "" && text != "" || !strings.Contains(text, c.unseen) {
				t.Errorf("not seen: %q, want %q", text, c.unseen)
			}
		})
	}
}

// The command against damage gets back what can be read, and leaves the files as they are.
func TestRecovered(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("sqlite3"); err != nil {
		testproc.Lacks(t, "the command of a finding: %v", err)
	}
	path := filepath.Join(t.TempDir(), "it's app.db")
	c := connect(t, path)
	c.do("PRAGMA journal_mode=WAL", table, rows(200, 900))
	c.close()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(b[len(b)-4096:])
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	settled()
	report, err := Examine(t.Context(), Target{Path: path}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	findings := report.Findings
	at := slices.IndexFunc(findings, func(f Finding) bool { return f.Rule == "damaged-pages" })
	if at < 0 {
		t.Fatalf("%+v", findings)
	}
	cmd := exec.Command("sh", "-ec", findings[at].Command)
	cmd.Dir = t.TempDir()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s\n%v\n%s", findings[at].Command, err, out)
	}
	if got := connect(t, filepath.Join(cmd.Dir, "recovered.db")).do("SELECT count(*) BETWEEN 150 AND 199 FROM t"); got != "1" {
		t.Errorf("the rows are not back: %s", got)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(b, after) {
		t.Error("the damaged file has changed")
	}
}

// A database under load is never called wrong, and a copy of it is sound.
func TestInFileUnderLoad(t *testing.T) {
	t.Parallel()
	for _, journal := range []string{"WAL", "DELETE"} {
		t.Run(journal, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "app.db")
			c := connect(t, path)
			c.do("PRAGMA journal_mode="+journal, "PRAGMA synchronous=OFF", table, rows(500, 900))
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				for i := 0; ctx.Err() == nil; i++ {
					fmt.Fprintln(c.in, [...]string{rows(20, 500), "UPDATE t SET x = randomblob(700) WHERE id % 7 = 0", "DELETE FROM t WHERE id % 5 = 0", "PRAGMA wal_checkpoint(PASSIVE)"}[i%4])
					if _, err := c.out.ReadString('\n'); err != nil {
						return
					}
				}
			}()
			defer func() { cancel(); <-done }()
			for range 15 {
				if found, _ := examined(t, path); len(found) > 0 {
					t.Errorf("found %q under load", found)
				}
			}
			for range 5 {
				files := opened(t, path)
				all, err := Deep(t.Context(), &Facts{Path: path}, files)
				if errors.Is(err, errInMotion) {
					continue
				}
				if err != nil || len(all) != 1 || all[0].Severity != Note {
					t.Errorf("%+v, %v", all, err)
				}
			}
		})
	}
}

// What SQLite finds in a copy is said, and the original stays as it is, byte for byte.
func TestDeep(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first  []string
		change func(b []byte)
		want   string
	}{
		"sound":        {[]string{table, rows(200, 900)}, nil, "integrity: note"},
		"in a WAL":     {[]string{"PRAGMA journal_mode=WAL", table, rows(200, 900)}, nil, "integrity: note"},
		"hot journal":  {[]string{table, rows(200, 900), "PRAGMA cache_size=5", "BEGIN IMMEDIATE", "UPDATE t SET x = randomblob(900)"}, nil, "integrity: note"},
		"a bad page":   {[]string{table, rows(200, 900)}, func(b []byte) { binary.BigEndian.PutUint16(b[5*4096+3:], 900) }, "integrity: danger"},
		"no database":  {[]string{table}, func(b []byte) { b[0] = 0 }, "integrity: danger"},
		"foreign keys": {[]string{table, "CREATE TABLE o(id INTEGER PRIMARY KEY, t REFERENCES t)", "INSERT INTO o(t) VALUES (77)"}, nil, "foreign-keys: attention"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "app.db")
			conn := connect(t, path)
			conn.do(c.first...)
			conn.kill()
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if c.change != nil {
				c.change(b)
				if err := os.WriteFile(path, b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			settled()
			names, _ := os.ReadDir(filepath.Dir(path))
			all, err := Deep(t.Context(), &Facts{Path: path}, opened(t, path))
			if err != nil || len(all) != 1 || all[0].Rule+": "+all[0].Severity.String() != c.want {
				t.Errorf("%+v, %v; want %s", all, err, c.want)
			}
			after, _ := os.ReadFile(path)
			if again, _ := os.ReadDir(filepath.Dir(path)); !bytes.Equal(b, after) || len(again) != len(names) {
				t.Error("the original has changed")
			}
		})
	}
}
