package dbfile_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "example.com/contend/internal/dbfile"
)

func readJournal(t testing.TB, path string) Journal {
	t.Helper()
	f, size := opened(t, path+"-journal")
	j, err := ReadJournal(f, size, mostBytes)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// A writer that is killed after it has changed the file leaves a hot journal, and SQLite rolls it back.
func TestHotJournal(t *testing.T) {
	t.Parallel()
	path := made(t, "CREATE TABLE t(id INTEGER PRIMARY KEY, x)", rows(100, 900))
	c := connect(t, path)
	c.do("PRAGMA cache_size=5", "BEGIN IMMEDIATE", "UPDATE t SET x = randomblob(900)", rows(100, 900))
	under := readJournal(t, path)
	c.kill()
	j := readJournal(t, path)
	size := int64(len(content(t, path)))
	if !j.Header || !j.Started || j.Records == 0 || j.Good != j.Records || j.Cut || j.PageSize != 4096 || j.Super != "" {
		t.Errorf("journal %+v", j)
	}
	if under.Hot(size, true, false) || !j.Hot(size, false, false) || j.Hot(0, false, false) {
		t.Errorf("hot: under way %t, killed %t, beside an empty file %t", under.Hot(size, true, false), j.Hot(size, false, false), j.Hot(0, false, false))
	}
	if int64(j.Pages)*4096 >= size {
		t.Errorf("the database had %d pages and has %d bytes now", j.Pages, size)
	}
	if got := asked(t, path, "SELECT count(*) FROM t"); got != "100" {
		t.Errorf("SQLite reads %s rows", got)
	}
	if got := header(t, path).Pages; got != j.Pages {
		t.Errorf("rolled back to %d pages, want %d", got, j.Pages)
	}
	if _, err := os.Stat(path + "-journal"); err == nil {
		t.Error("the journal is still there")
	}
}

// What PERSIST leaves behind is not hot, nor is a journal before the file was touched.
func TestColdJournals(t *testing.T) {
	t.Parallel()
	path := made(t, "PRAGMA journal_mode=PERSIST", "CREATE TABLE t(id INTEGER PRIMARY KEY, x)", rows(10, 900))
	if j := readJournal(t, path); j.Started || j.Header || j.Size == 0 || j.Hot(4096, false, false) {
		t.Errorf("left by PERSIST: %+v", j)
	}
	path = made(t, "CREATE TABLE t(id INTEGER PRIMARY KEY, x)", rows(10, 900))
	c := connect(t, path)
	c.do("BEGIN IMMEDIATE", "UPDATE t SET x = 1")
	c.kill()
	if j := readJournal(t, path); j.Started || j.Header || j.Size == 0 {
		t.Errorf("before the file was touched: %+v", j)
	}
	if got := asked(t, path, "SELECT count(*) FROM t WHERE x = 1"); got != "0" {
		t.Errorf("SQLite reads %s rows", got)
	}
}

// A bad record ends the journal.
func TestDamagedJournal(t *testing.T) {
	t.Parallel()
	path := made(t, "CREATE TABLE t(id INTEGER PRIMARY KEY, x)", rows(100, 900))
	c := connect(t, path)
	c.do("PRAGMA cache_size=20", "BEGIN IMMEDIATE", "UPDATE t SET x = randomblob(900)")
	c.kill()
	b := content(t, path+"-journal")
	j := readJournal(t, path)
	at := j.Sector + 3*(4096+8)
	b[at+4+4096-200] ^= 1 // of the bytes that the checksum is made of
	if got, err := ReadJournal(bytes.NewReader(b), int64(len(b)), mostBytes); err != nil || got.Good != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := ReadJournal(bytes.NewReader(b), int64(len(b)), 2*(4096+8)); err != nil || got.Good != 2 || !got.Cut {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := ReadJournal(bytes.NewReader(b), int64(at), mostBytes); err != nil || got.Records != 3 || got.Good != 3 {
		t.Errorf("cut off: %+v, %v", got, err)
	}
}

// A transaction over two databases names its super-journal at the journal's end. It is so short a time there that no
// test meets it, so the end is written here as SQLite's source says (src/pager.c, writeSuperJournal).
func TestSuperJournal(t *testing.T) {
	t.Parallel()
	path := made(t, "CREATE TABLE t(id INTEGER PRIMARY KEY, x)", rows(100, 900))
	c := connect(t, path)
	c.do("PRAGMA cache_size=5", "BEGIN IMMEDIATE", "UPDATE t SET x = randomblob(900)")
	c.kill()
	name := filepath.Join(filepath.Dir(path), "é.db-mjABCDEF9A0")
	b := content(t, path+"-journal")
	magic := bytes.Clone(b[:8])
	sum := uint32(0)
	for _, c := range []byte(name) {
		sum += uint32(int32(int8(c)))
	}
	b = binary.BigEndian.AppendUint32(b, 262145)
	b = append(b, name...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(name)))
	b = binary.BigEndian.AppendUint32(b, sum)
	b = append(b, magic...)
	put(t, path+"-journal", b)
	j := readJournal(t, path)
	if j.Super != name || j.Hot(4096, false, false) || !j.Hot(4096, false, true) {
		t.Errorf("super-journal %q, want %q", j.Super, name)
	}
	// SQLite agrees: without the super-journal the transaction counts as committed, and the journal goes.
	before := content(t, path)
	if got := asked(t, path, "SELECT count(*) FROM t"); strings.HasPrefix(got, "error") || !bytes.Equal(before, content(t, path)) {
		t.Errorf("SQLite reads %s rows, or has rolled the journal back", got)
	}
}
