package dbfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	. "example.com/contend/internal/dbfile"
)

const (
	mostBytes = 64 << 20
	mostPages = 1 << 16
)

// image reads the database at path with its WAL, where there is one.
func image(t testing.TB, path string) (*Image, Freelist, Trees) {
	t.Helper()
	f, size := opened(t, path)
	h, err := ReadHeader(f, size)
	if err != nil {
		t.Fatal(err)
	}
	var w *WAL
	var log io.ReaderAt
	if _, err := os.Stat(path + "-wal"); err == nil {
		read := readWAL(t, path)
		w = &read
		log, _ = opened(t, path+"-wal")
	}
	im, err := NewImage(f, size, h, log, w)
	if err != nil {
		t.Fatal(err)
	}
	free, err := im.Freelist(mostPages)
	if err != nil {
		t.Fatal(err)
	}
	trees, err := im.Trees(free, mostPages)
	if err != nil {
		t.Fatal(err)
	}
	return im, free, trees
}

func readWAL(t testing.TB, path string) WAL {
	t.Helper()
	f, size := opened(t, path+"-wal")
	w, err := ReadWAL(f, size, mostBytes)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func header(t testing.TB, path string) Header {
	t.Helper()
	f, size := opened(t, path)
	h, err := ReadHeader(f, size)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

var schema = []string{
	"CREATE TABLE t(id INTEGER PRIMARY KEY, x)",
	"CREATE INDEX tx ON t(x)",
	"CREATE TABLE w(a TEXT PRIMARY KEY, b) WITHOUT ROWID",
	"CREATE VIEW v AS SELECT * FROM t",
	"INSERT INTO t(x) VALUES (zeroblob(100000))", // pages of zeros that are no damage
}

// Everything that is read here, SQLite says too.
func TestAgreesWithSQLite(t *testing.T) {
	for name, first := range map[string][]string{
		"pages of 512":     {"PRAGMA page_size=512"},
		"pages of 65536":   {"PRAGMA page_size=65536"},
		"auto_vacuum":      {"PRAGMA auto_vacuum=FULL"},
		"incremental":      {"PRAGMA auto_vacuum=INCREMENTAL"},
		"UTF-16":           {"PRAGMA encoding='UTF-16le'"},
		"versions of user": {"PRAGMA user_version=-7", "PRAGMA application_id=12345"},
		"WAL":              {"PRAGMA journal_mode=WAL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := made(t, slices.Concat(first, schema, []string{rows(300, 700), "DELETE FROM t WHERE id % 3 = 0"})...)
			h := header(t, path)
			im, free, trees := image(t, path)
			c := connect(t, path)
			defer c.close()
			encoding := map[string]uint32{"UTF-8": 1, "UTF-16le": 2}[c.do("PRAGMA encoding")]
			journal := map[bool]string{true: "wal", false: "delete"}[h.WAL()]
			vacuum := 0
			if h.LargestRoot != 0 {
				vacuum = 1
			}
			if h.Incremental != 0 {
				vacuum = 2
			}
			for pragma, got := range map[string]any{
				"page_size": h.PageSize, "page_count": h.Pages, "freelist_count": h.FreePages, "schema_version": h.SchemaCookie,
				"user_version": h.UserVersion, "application_id": h.ApplicationID, "journal_mode": journal, "auto_vacuum": vacuum,
			} {
				if want := c.do("PRAGMA " + pragma); fmt.Sprint(got) != want {
					t.Errorf("%s is %v, and SQLite says %s", pragma, got, want)
				}
			}
			if h.Encoding != encoding || !h.Sized() || h.Contradictions() != nil {
				t.Errorf("encoding %d, sized %t, contradictions %q", h.Encoding, h.Sized(), h.Contradictions())
			}
			if version := strings.TrimSpace(c.do("SELECT sqlite_version()")); h.LibraryVersion() != version {
				t.Errorf("written by %s, and SQLite is %s", h.LibraryVersion(), version)
			}
			if fmt.Sprint(free.Count) != c.do("PRAGMA freelist_count") || free.Fault != "" || free.Cut {
				t.Errorf("freelist %d pages, fault %q", free.Count, free.Fault)
			}
			if want := c.do("SELECT count(*) FROM dbstat WHERE pagetype<>'overflow'"); fmt.Sprint(trees.Looked) != want || trees.Damages != nil || trees.Cut {
				t.Errorf("%d pages of trees, %v; dbstat has %s", trees.Looked, trees.Damages, want)
			}
			if _, n := im.Missing(free, mostPages); n != 0 {
				t.Errorf("%d pages are missing", n)
			}
		})
	}
}

func TestHeaderContradictions(t *testing.T) {
	t.Parallel()
	whole := content(t, made(t, slices.Concat(schema, []string{rows(20, 100), "DELETE FROM t"})...))
	for _, c := range []struct {
		at   int
		put  []byte
		want string
	}{
		{16, []byte{3, 232}, "the page size is 1000"},
		{18, []byte{2}, "the format's version is 2 to write and 1 to read"},
		{18, []byte{3, 3}, "the format's versions are 3 to write and 3 to read"},
		{20, []byte{255}, ""}, // 3841 bytes are left
		{21, []byte{63}, "the payload fractions are 63, 32 and 32"},
		{32, []byte{0, 0, 0, 0}, "the freelist begins at page 0"},
		{36, []byte{1, 0, 0, 0}, "the freelist begins at page"},
		{47, []byte{5}, "the schema format is 5"},
		{59, []byte{4}, "the text encoding is 4"},
		{67, []byte{1}, "auto_vacuum is incremental and off"},
		{80, []byte{1}, "bytes 72 to 91 are not zero"},
	} {
		b := bytes.Clone(whole)
		copy(b[c.at:], c.put)
		h, err := ParseHeader(b)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(h.Contradictions(), "; "); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%x at %d: %q, want %q", c.put, c.at, got, c.want)
		}
	}
	for _, c := range []struct {
		b    []byte
		want error
	}{{nil, ErrEmpty}, {[]byte("SQLite"), ErrNotDatabase}, {whole[:60], io.ErrUnexpectedEOF}, {bytes.Repeat([]byte("x"), 200), ErrNotDatabase}} {
		if _, err := ReadHeader(bytes.NewReader(c.b), int64(len(c.b))); !errors.Is(err, c.want) {
			t.Errorf("%d bytes: %v, want %v", len(c.b), err, c.want)
		}
	}
}

// A page of a tree that is cut off, zeroed or overwritten is found, and so is a broken freelist.
func TestDamages(t *testing.T) {
	t.Parallel()
	path := made(t, slices.Concat([]string{"PRAGMA page_size=1024"}, schema, []string{"DROP TABLE w", rows(300, 300), "DELETE FROM t WHERE id BETWEEN 50 AND 120"})...)
	whole := content(t, path)
	im, free, trees := image(t, path)
	if free.Count < 10 || trees.Looked < 50 {
		t.Fatalf("%d unused pages, %d of trees: too few for this test", free.Count, trees.Looked)
	}
	victim := uint32(0) // a page of a tree that is not the first of one
	for n := im.Pages; n > 20 && victim == 0; n-- {
		if kind := whole[(n-1)*1024]; !free.Has(n) && kind == 13 {
			victim = n
		}
	}
	at := int(victim-1) * 1024
	trunk := int(im.Header.FreeTrunk-1) * 1024
	for name, c := range map[string]struct {
		change func(b []byte) []byte
		why    Why
		fault  string
	}{
		"zeroed":                 {func(b []byte) []byte { clear(b[at : at+1024]); return b }, Zeros, ""},
		"another type":           {func(b []byte) []byte { b[at] = 7; return b }, NotATree, ""},
		"cut off":                {func(b []byte) []byte { return b[:at] }, Missing, ""},
		"unused page of a tree":  {func(b []byte) []byte { binary.BigEndian.PutUint32(b[trunk+8:], victim); return b }, OnFreelist, ""},
		"the same page twice":    {func(b []byte) []byte { copy(b[trunk+8:trunk+12], b[trunk+12:trunk+16]); return b }, "", "it names a page twice"},
		"a page that is not":     {func(b []byte) []byte { binary.BigEndian.PutUint32(b[trunk+8:], 1<<30); return b }, "", "it names a page that the database does not have"},
		"too many leaves":        {func(b []byte) []byte { binary.BigEndian.PutUint32(b[trunk+4:], 1<<30); return b }, "", "a page of it names more pages than fit"},
		"another number":         {func(b []byte) []byte { b[39]++; return b }, "", "it has another number of pages than the header says"},
		"itself":                 {func(b []byte) []byte { binary.BigEndian.PutUint32(b[trunk:], im.Header.FreeTrunk); return b }, "", "it names a page twice"},
		"unused page of zeros":   {func(b []byte) []byte { clear(b[trunk : trunk+1024]); return b }, "", "it has another number of pages than the header says"},
		"as it was":              {func(b []byte) []byte { return b }, "", ""},
		"bytes behind the pages": {func(b []byte) []byte { return append(b, make([]byte, 10000)...) }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := c.change(bytes.Clone(whole))
			h, err := ReadHeader(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			im, err := NewImage(bytes.NewReader(b), int64(len(b)), h, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			free, err := im.Freelist(mostPages)
			if err != nil || free.Fault != c.fault {
				t.Errorf("freelist %q, %v; want %q", free.Fault, err, c.fault)
			}
			trees, err := im.Trees(free, mostPages)
			if err != nil {
				t.Fatal(err)
			}
			hit := slices.ContainsFunc(trees.Damages, func(d Damage) bool {
				return d.Why == c.why && d.Page == victim && (d.Name == "t" || d.Name == "tx") && d.Parent != 0
			})
			if c.why != "" && !hit || c.why == "" && c.fault == "" && trees.Damages != nil {
				t.Errorf("page %d: %+v, want %q", victim, trees.Damages, c.why)
			}
		})
	}
}

// The page with the lock bytes is never used, so it may be missing.
func TestLockPage(t *testing.T) {
	t.Parallel()
	path := made(t, "PRAGMA page_size=65536", "CREATE TABLE t(x)")
	b := content(t, path)
	h, _ := ParseHeader(b)
	if h.LockPage() != 16385 {
		t.Errorf("page %d, want 16385", h.LockPage())
	}
	h.Pages = h.LockPage() + 1
	for pages, want := range map[int64]uint32{16384: 1, 16383: 2, 16386: 0} {
		im, err := NewImage(bytes.NewReader(b), pages*65536, h, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, n := im.Missing(Freelist{}, 10); n != want {
			t.Errorf("a file of %d pages lacks %d, want %d", pages, n, want)
		}
	}
}
