package dbfile_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	. "example.com/contend/internal/dbfile"
)

var inWAL = []string{"PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=0", "CREATE TABLE t(id INTEGER PRIMARY KEY, x)"}

// index reads the wal-index of the database at path.
func index(t testing.TB, path string) Index {
	t.Helper()
	f, size := opened(t, path+"-shm")
	x, err := ReadIndex(f, size)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// held returns which read marks somebody holds.
func held(t testing.TB, path string) (marks [ReadMarks]bool) {
	t.Helper()
	f, err := os.OpenFile(path+"-shm", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i := range marks {
		lock := unix.Flock_t{Type: unix.F_WRLCK, Start: int64(ReadByte + i), Len: 1}
		if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock); err != nil {
			t.Fatal(err)
		}
		marks[i] = lock.Type != unix.F_UNLCK
	}
	return marks
}

// What stands in the WAL and the wal-index is what PRAGMA wal_checkpoint answers.
func TestWALAgreesWithCheckpoint(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	writer, reader := connect(t, path), connect(t, path)
	writer.do(inWAL...)
	agree := func(when, mode string) {
		t.Helper()
		w, before := readWAL(t, path), index(t, path)
		limit, mark := before.Limit(held(t, path))
		if !w.Header || !before.Good || !before.Same || !before.Started || !before.Of(w) || before.PageSize != 4096 {
			t.Errorf("%s: WAL %+v, index %+v", when, w, before)
		}
		if w.Last != int64(before.Last) || w.Frames != w.Last || w.Pages != before.Pages || w.Beyond != 0 || w.Cut {
			t.Errorf("%s: the WAL's last commit is frame %d of %d, the index says %d", when, w.Last, w.Frames, before.Last)
		}
		answer := writer.do("PRAGMA wal_checkpoint(" + mode + ")")
		if got := fmt.Sprintf("0|%d|%d", w.Last, limit); answer != got {
			t.Errorf("%s: read %s, and SQLite answers %s (mark %d)", when, got, answer, mark)
		}
		if after := index(t, path); after.Backfill != limit || after.Behind() != before.Last-limit {
			t.Errorf("%s: backfill %d, behind %d; want %d and %d", when, after.Backfill, after.Behind(), limit, before.Last-limit)
		}
	}
	writer.do(rows(50, 900))
	agree("nobody reads", "PASSIVE")
	writer.do(rows(50, 900))
	reader.do("BEGIN", "SELECT count(*) FROM t")
	at := index(t, path).Last
	writer.do(rows(50, 900))
	agree("a reader stays", "PASSIVE")
	if frame, mark := index(t, path).Limit(held(t, path)); frame != at || mark < 1 {
		t.Errorf("the reader pins frame %d by mark %d, want %d", frame, mark, at)
	}
	reader.do("COMMIT")
	agree("the reader has gone", "PASSIVE")

	// A reader of the file alone: mark 0.
	reader.do("BEGIN", "SELECT count(*) FROM t")
	writer.do(rows(5, 900))
	if frame, mark := index(t, path).Limit(held(t, path)); mark != 0 || frame != index(t, path).Backfill {
		t.Errorf("the reader of the file pins frame %d by mark %d", frame, mark)
	}
	reader.do("COMMIT")
	agree("all have gone", "PASSIVE")

	before := readWAL(t, path)
	writer.do(rows(5, 900))
	if after := readWAL(t, path); after.Salt == before.Salt || after.Sequence != before.Sequence+1 {
		t.Errorf("begun again: %+v, before %+v", after, before)
	}
	agree("begun again", "PASSIVE")
}

// Frames behind the last commit: a transaction that has outgrown its cache, under way or killed.
func TestFramesBehindTheCommit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	c := connect(t, path)
	c.do(append(inWAL, "PRAGMA cache_size=5", rows(10, 900))...)
	before := readWAL(t, path)
	c.do("BEGIN", rows(200, 900))
	for _, when := range []string{"under way", "killed"} {
		if w := readWAL(t, path); w.Last != before.Last || w.Frames < w.Last+20 || w.Beyond != 0 {
			t.Errorf("%s: last commit %d, before %d; %d frames", when, w.Last, before.Last, w.Frames)
		}
		if _, _, trees := image(t, path); trees.Damages != nil {
			t.Errorf("%s: %v", when, trees.Damages)
		}
		c.kill()
	}
	if got := asked(t, path, "SELECT count(*) FROM t"); got != "10" {
		t.Errorf("SQLite reads %s rows, want 10", got)
	}
}

// A WAL that is damaged or cut off ends where SQLite ends it.
func TestDamagedWAL(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	c := connect(t, path)
	c.do(inWAL...)
	var last []int64 // the WAL's last frame after each row
	for range 20 {
		c.do("INSERT INTO t(x) VALUES (randomblob(1000))")
		last = append(last, readWAL(t, path).Last)
	}
	c.kill()
	file, log := content(t, path), content(t, path+"-wal")
	frame := int64(4096 + 24)
	ends := func(n int64) int64 { return 32 + n*frame }
	for name, b := range map[string][]byte{
		"whole":        log,
		"cut":          log[:ends(last[9])+100],
		"a bad byte":   flipped(log, ends(last[9])+1000),
		"zeros":        append(bytes.Clone(log[:ends(last[9])]), make([]byte, len(log)-int(ends(last[9])))...),
		"a bad header": flipped(log, 17),
		"only a part":  log[:20],
		"nothing":      nil,
	} {
		t.Run(name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "app.db")
			put(t, copied, file)
			put(t, copied+"-wal", b)
			w := readWAL(t, copied)
			want := "10"
			switch name {
			case "whole":
				want = "20"
			case "a bad header", "only a part", "nothing":
				want = "error"
			}
			if want != "error" && w.Last != last[len(last)-1] && w.Last != last[9] || want == "10" && w.Last != last[9] || w.Header == (want == "error") {
				t.Errorf("the last commit is frame %d, want %d: %+v", w.Last, last[9], w)
			}
			if (w.Beyond > 0) != (name == "a bad byte") {
				t.Errorf("%d commits lie behind the bad frame", w.Beyond)
			}
			got := asked(t, copied, "SELECT count(*) FROM t") // what was in the WAL alone, also the table, is gone
			if want == "error" && !strings.HasPrefix(got, "error: ") || want != "error" && got != want {
				t.Errorf("SQLite reads %s rows, want %s", got, want)
			}
		})
	}
}

func flipped(b []byte, at int64) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// A WAL and a wal-index of a machine of the other byte order are read alike: SQLite opens that WAL, too.
func TestOtherByteOrder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	c := connect(t, path)
	c.do(append(inWAL, rows(50, 900))...)
	want, wantIndex := readWAL(t, path), index(t, path)
	file, log, shm := content(t, path), content(t, path+"-wal"), content(t, path+"-shm")[:136]
	c.kill()

	var order binary.ByteOrder = binary.BigEndian
	if want.BigEndian {
		order = binary.LittleEndian
	}
	log[3] ^= 1
	sum := func(s0, s1 uint32, b []byte) (uint32, uint32) {
		for ; len(b) > 0; b = b[8:] {
			s0 += order.Uint32(b) + s1
			s1 += order.Uint32(b[4:]) + s0
		}
		return s0, s1
	}
	set := func(b []byte, order binary.ByteOrder, s0, s1 uint32) {
		order.PutUint32(b, s0)
		order.PutUint32(b[4:], s1)
	}
	s0, s1 := sum(0, 0, log[:24])
	set(log[24:], binary.BigEndian, s0, s1)
	for at := 32; at+24+4096 <= len(log); at += 24 + 4096 {
		s0, s1 = sum(s0, s1, log[at:at+8])
		s0, s1 = sum(s0, s1, log[at+24:at+24+4096])
		set(log[at+16:], binary.BigEndian, s0, s1)
	}
	other := filepath.Join(t.TempDir(), "app.db")
	put(t, other, file)
	put(t, other+"-wal", log)
	if got := readWAL(t, other); got.BigEndian == want.BigEndian || got.Last != want.Last || got.Frames != want.Frames {
		t.Errorf("%+v, want %+v", got, want)
	}

	swap := func(at, size int) {
		for i, j := at, at+size-1; i < j; i, j = i+1, j-1 {
			shm[i], shm[j] = shm[j], shm[i]
		}
	}
	for copied := 0; copied < 96; copied += 48 {
		for _, at := range []int{0, 4, 8, 16, 20, 24, 28} {
			swap(copied+at, 4)
		}
		swap(copied+14, 2)
		s0, s1 := sum(0, 0, shm[copied:copied+40])
		set(shm[copied+40:], order, s0, s1)
	}
	for at := 96; at < 120; at += 4 {
		swap(at, 4)
	}
	swap(128, 4)
	got, err := ReadIndex(bytes.NewReader(shm), int64(len(shm)))
	if got.BigEndian = wantIndex.BigEndian; err != nil || got != wantIndex {
		t.Errorf("index %+v, %v; want %+v", got, err, wantIndex)
	}
	if got := asked(t, other, "SELECT count(*) FROM t"); got != "50" {
		t.Errorf("SQLite reads %s rows", got)
	}
}

// pair copies a database and its WAL as they are now, or as they were.
type pair struct{ file, log []byte }

func copyOf(t testing.TB, path string) pair {
	return pair{content(t, path), content(t, path+"-wal")}
}

func (p pair) fit(t testing.TB) Fit {
	t.Helper()
	h, err := ParseHeader(p.file)
	if err != nil {
		t.Fatal(err)
	}
	w, err := ReadWAL(bytes.NewReader(p.log), int64(len(p.log)), mostBytes)
	if err != nil {
		t.Fatal(err)
	}
	return w.Fits(h)
}

// A database and a WAL that were copied one after the other, with commits and checkpoints in between.
func TestMiscopied(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	c, d := connect(t, path), connect(t, path) // in turns: the change counter of one that writes alone stays
	c.do(append(inWAL, rows(20, 900))...)
	first := copyOf(t, path)
	for range 3 { // generations of the WAL
		c.do("PRAGMA wal_checkpoint(RESTART)", rows(20, 900))
		d.do(rows(20, 900))
	}
	second := copyOf(t, path)
	c.do("PRAGMA wal_checkpoint(FULL)")
	third := copyOf(t, path)
	other := made(t, "PRAGMA page_size=8192", "PRAGMA journal_mode=WAL", "CREATE TABLE t(x)")
	rollback := made(t, "CREATE TABLE t(x)")
	for _, c := range []struct {
		name string
		pair
		want Fit
	}{
		{"as they were", first, FitUnrefuted},
		{"as they were later", second, FitUnrefuted},
		{"after a checkpoint", third, FitUnrefuted},
		{"the file before the checkpoint, the WAL after it", pair{second.file, third.log}, FitUnrefuted},
		{"file first, WAL generations later", pair{first.file, second.log}, FitOlderFile},
		{"WAL first, file later", pair{third.file, first.log}, FitNewerFile},
		{"another database's WAL", pair{content(t, other), first.log}, FitPageSize},
		{"a WAL beside a database in rollback mode", pair{content(t, rollback), first.log}, FitRollback},
		{"no WAL", pair{first.file, nil}, FitUnrefuted},
	} {
		if got := c.fit(t); got != c.want {
			t.Errorf("%s: fit %d, want %d", c.name, got, c.want)
		}
	}
}

// Whatever processes do in turns, a database at rest is not called wrong.
func TestNothingIsFoundInSoundFiles(t *testing.T) {
	t.Parallel()
	const seed = 1
	random := rand.New(rand.NewPCG(seed, seed))
	path := filepath.Join(t.TempDir(), "app.db")
	all := []*connection{connect(t, path), connect(t, path), connect(t, path)}
	all[0].do(append([]string{"PRAGMA page_size=512", "PRAGMA auto_vacuum=INCREMENTAL"}, inWAL...)...)
	for _, c := range all {
		c.do("PRAGMA wal_autocheckpoint=0", "PRAGMA synchronous=OFF")
	}
	for step := range 60 {
		c := all[random.IntN(len(all))]
		what := [...]string{
			rows(1+random.IntN(20), 1+random.IntN(900)),
			fmt.Sprintf("DELETE FROM t WHERE id %% %d = 0", 2+random.IntN(5)),
			fmt.Sprintf("UPDATE t SET x = randomblob(%d) WHERE id %% 3 = 0", 1+random.IntN(2000)),
			"PRAGMA wal_checkpoint(PASSIVE)", "PRAGMA wal_checkpoint(RESTART)", "PRAGMA wal_checkpoint(TRUNCATE)",
			"PRAGMA incremental_vacuum(5)", "VACUUM",
			fmt.Sprintf("CREATE TABLE n%d AS SELECT * FROM t", step),
			"BEGIN", "SELECT count(*) FROM t", "COMMIT", "ROLLBACK",
		}[random.IntN(13)]
		c.try(what) // it may be refused: another has a transaction
		h, w := header(t, path), readWAL(t, path)
		im, free, trees := image(t, path)
		_, missing := im.Missing(free, mostPages)
		if w.Fits(h) != FitUnrefuted || w.Beyond != 0 || h.Contradictions() != nil || free.Fault != "" || trees.Damages != nil || missing != 0 {
			t.Fatalf("seed %d, step %d, after %s: fit %d, beyond %d, %q, %q, %v, %d missing", seed, step, what, w.Fits(h), w.Beyond, h.Contradictions(), free.Fault, trees.Damages, missing)
		}
	}
	for _, c := range all {
		c.try("COMMIT")
	}
	if got := all[0].try("PRAGMA integrity_check"); got != "ok" {
		t.Errorf("SQLite says %s", got)
	}
}

// A bound is kept, and said.
func TestBounds(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	c := connect(t, path)
	c.do(append(inWAL, rows(200, 900))...)
	f, size := opened(t, path+"-wal")
	w, err := ReadWAL(f, size, 10*(4096+24))
	if err != nil || !w.Cut || w.Frames != 10 || w.Slots < 40 {
		t.Errorf("%+v, %v", w, err)
	}
	c.close()
	b := content(t, path)
	h, _ := ParseHeader(b)
	im, err := NewImage(bytes.NewReader(b), int64(len(b)), h, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if trees, err := im.Trees(Freelist{}, 7); err != nil || !trees.Cut || trees.Looked > 7 {
		t.Errorf("%+v, %v", trees, err)
	}
}
