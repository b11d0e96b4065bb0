package node

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"example.com/contend/internal/app"
	"example.com/contend/internal/dbfile"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

// files returns what lies in dir: names, kinds and every byte.
func files(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var all strings.Builder
	for _, e := range entries {
		var text []byte
		if e.Type().IsRegular() {
			text, err = os.ReadFile(filepath.Join(dir, e.Name()))
			must(t, err)
		}
		fmt.Fprintf(&all, "%s %s %d %x\n", e.Name(), e.Type(), len(text), text)
	}
	return all.String()
}

// What a node did not make for the lab it neither opens, changes nor removes, whatever
// its name is.
func TestTheLabTakesNoFileThatItDidNotMake(t *testing.T) {
	put := func(t *testing.T, path, text string) { must(t, os.WriteFile(path, []byte(text), 0o600)) }
	database := func(t *testing.T, path string) {
		db, err := app.Open(t.Context(), sqlite.At(path), quick(func(d *store.Discipline) { d.Journal = store.Delete }), app.Options{})
		must(t, err)
		must(t, db.Close())
	}
	for name, place := range map[string]func(t *testing.T, dir string){
		"a database of the same application": func(t *testing.T, dir string) { database(t, filepath.Join(dir, "lab-1.db")) },
		"another program's database": func(t *testing.T, dir string) {
			db, err := sql.Open("sqlite", filepath.Join(dir, "lab-1.db"))
			must(t, err)
			defer db.Close()
			_, err = db.Exec("PRAGMA application_id=1; CREATE TABLE t(x); INSERT INTO t VALUES('precious')")
			must(t, err)
		},
		"a text":        func(t *testing.T, dir string) { put(t, filepath.Join(dir, "lab-1.db"), strings.Repeat("a text ", 100)) },
		"an empty file": func(t *testing.T, dir string) { put(t, filepath.Join(dir, "lab-1.db"), "") },
		"a directory":   func(t *testing.T, dir string) { must(t, os.Mkdir(filepath.Join(dir, "lab-1.db"), 0o700)) },
		"the copy of a lab's database": func(t *testing.T, dir string) {
			put(t, filepath.Join(dir, "lab-1.db"), string(emptyDatabase("lab-2.db")))
		},
		"a link to somebody's database": func(t *testing.T, dir string) {
			database(t, filepath.Join(dir, "precious.db"))
			must(t, os.Symlink("precious.db", filepath.Join(dir, "lab-1.db")))
		},
		"a link to a file of the lab's name": func(t *testing.T, dir string) {
			must(t, os.Mkdir(filepath.Join(dir, "kept"), 0o700))
			put(t, filepath.Join(dir, "kept", "lab-1.db"), string(emptyDatabase("lab-1.db")))
			must(t, os.Symlink("kept/lab-1.db", filepath.Join(dir, "lab-1.db")))
		},
		"a link to nowhere": func(t *testing.T, dir string) { must(t, os.Symlink("nowhere", filepath.Join(dir, "lab-1.db"))) },
		"a journal alone":   func(t *testing.T, dir string) { put(t, filepath.Join(dir, "lab-1.db-journal"), "a journal") },
		"a WAL alone":       func(t *testing.T, dir string) { put(t, filepath.Join(dir, "lab-1.db-wal"), "a WAL") },
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, quick(func(d *store.Discipline) { d.Journal = store.Delete }), nil)
			dir := filepath.Dir(s.path)
			place(t, dir)
			asks(t, s.url, nodeapi.PathClose, `{}`, 200)
			before := files(t, dir)
			e := asks(t, s.url, nodeapi.PathOpen, openingBody(t, "lab-1.db", quick(nil)), 409).failure(t)
			if e.Code != nodeapi.CodeConflict || !strings.Contains(e.Error, "lab-1.db") {
				t.Errorf("open: %+v", e)
			}
			if got := asks(t, s.url, nodeapi.PathClose, `{"remove":true}`, 200); !strings.Contains(got.body, `"removed":false`) {
				t.Errorf("close said %s", got.body)
			}
			if after := files(t, dir); after != before {
				t.Errorf("the directory held\n%.2000s\nand holds\n%.2000s", before, after)
			}
			asks(t, s.url, nodeapi.PathOpen, `{"database":"lab-2.db"}`, 200)
			asks(t, s.url, nodeapi.PathClose, `{"remove":true}`, 200)
			if after := files(t, dir); after != before {
				t.Errorf("after another database the directory holds\n%.2000s", after)
			}
		})
	}
}

// A file that takes the place of the lab's database is not the lab's.
func TestTheLabRemovesNoFileThatTookTheOnesPlace(t *testing.T) {
	s := serve(t, quick(nil), nil)
	asks(t, s.url, nodeapi.PathClose, `{}`, 200)
	asks(t, s.url, nodeapi.PathOpen, `{"database":"lab-1.db"}`, 200)
	asks(t, s.url, nodeapi.PathClose, `{}`, 200)
	path := filepath.Join(filepath.Dir(s.path), "lab-1.db")
	must(t, os.WriteFile(path, []byte("precious"), 0o600))
	if got := asks(t, s.url, nodeapi.PathClose, `{"remove":true}`, 200); !strings.Contains(got.body, `"removed":false`) {
		t.Errorf("close said %s", got.body)
	}
	if text, err := os.ReadFile(path); string(text) != "precious" {
		t.Errorf("the file holds %q, %v", text, err)
	}
}

// A node that was killed may have left a database of the lab's. The next one knows it,
// by the file alone: in WAL mode too, where the latest pages are not in the file.
func TestTheNextNodeKnowsTheLabsDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shared.db")
	d := quick(nil)
	first := startProcess(t, "app-1", path, d)
	asks(t, first.url, nodeapi.PathClose, `{}`, 200)
	asks(t, first.url, nodeapi.PathOpen, openingBody(t, "lab-1.db", d), 200)
	asks(t, first.url, nodeapi.PathIncrement, `{"key":"k"}`, 200)
	must(t, first.cmd.Process.Kill())
	_ = first.cmd.Wait()

	next := startProcess(t, "app-1", path, d)
	if got := asks(t, next.url, nodeapi.PathClose, `{"remove":true}`, 200); !strings.Contains(got.body, `"removed":false`) {
		t.Errorf("what it has not had open is removed: %s", got.body)
	}
	asks(t, next.url, nodeapi.PathOpen, openingBody(t, "lab-1.db", d), 200)
	counterIs(t, next.url, 1)
	if got := asks(t, next.url, nodeapi.PathClose, `{"remove":true}`, 200); !strings.Contains(got.body, `"removed":true`) {
		t.Errorf("close said %s", got.body)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "lab-*")); err != nil || len(left) > 0 {
		t.Errorf("%v are left (%v)", left, err)
	}
}

// Of several that make one database at once, one makes it and the others find it.
func TestOneOfManyMakesTheLabsDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lab-1.db")
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if err := makeLabDatabase(path); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("%v lie in the directory", left)
	}
}

// The file made by hand is what SQLite writes, but for its own version in it.
func TestTheLabsFileIsAsSQLiteWritesIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer db.Close()
	_, err = db.Exec(fmt.Sprintf("BEGIN; PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", store.LabID, int32(markOf("lab-1.db"))))
	must(t, err)
	want, err := os.ReadFile(path)
	must(t, err)
	got := emptyDatabase("lab-1.db")
	const version = 96 // of the SQLite that wrote last
	copy(got[version:dbfile.HeaderSize], want[version:dbfile.HeaderSize])
	if !bytes.Equal(got, want) {
		t.Errorf("the header is\n%x\nSQLite's is\n%x", got[:dbfile.HeaderSize+8], want[:dbfile.HeaderSize+8])
	}
}
