package dbfile_test

import (
	"bytes"
	"path/filepath"
	"testing"

	. "example.com/contend/internal/dbfile"
)

// seeds are real files, small ones.
func seeds(f *testing.F) (file, log, shm, journal []byte) {
	path := filepath.Join(f.TempDir(), "app.db")
	c := connect(f, path)
	c.do("PRAGMA page_size=512")
	c.do(inWAL...)
	c.do("CREATE INDEX tx ON t(x)", rows(20, 200), "PRAGMA wal_checkpoint", rows(10, 200), "DELETE FROM t WHERE id % 2")
	file, log, shm = content(f, path), content(f, path+"-wal"), content(f, path+"-shm")
	c.kill()
	path = filepath.Join(f.TempDir(), "app.db")
	c = connect(f, path)
	c.do("PRAGMA page_size=512", "CREATE TABLE t(id INTEGER PRIMARY KEY, x)", rows(20, 200), "PRAGMA cache_size=5", "BEGIN IMMEDIATE", "UPDATE t SET x = randomblob(200)")
	journal = content(f, path+"-journal")
	c.kill()
	return file, log, shm, journal
}

func FuzzDatabase(f *testing.F) {
	file, log, _, _ := seeds(f)
	f.Add(file, log)
	f.Add(file, []byte(nil))
	f.Add(file[:700], log[:900])
	f.Fuzz(func(t *testing.T, file, log []byte) {
		h, err := ReadHeader(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return
		}
		_, _ = h.Contradictions(), h.LibraryVersion()
		w, err := ReadWAL(bytes.NewReader(log), int64(len(log)), 1<<16)
		if err != nil {
			t.Fatal(err)
		}
		w.Fits(h)
		im, err := NewImage(bytes.NewReader(file), int64(len(file)), h, bytes.NewReader(log), &w)
		if err != nil {
			return
		}
		const most = 20
		free, err := im.Freelist(most)
		if err != nil || free.Count > most*16384 {
			t.Fatalf("%+v, %v", free.Count, err)
		}
		if _, n := im.Missing(free, most); n > most {
			t.Fatal(n)
		}
		if trees, err := im.Trees(free, most); err != nil || trees.Looked > most || len(trees.Damages) > most {
			t.Fatalf("%+v, %v", trees, err)
		}
	})
}

func FuzzWAL(f *testing.F) {
	_, log, _, _ := seeds(f)
	f.Add(log)
	f.Add(log[:32+3*(512+24)+7])
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := ReadWAL(bytes.NewReader(b), int64(len(b)), 1<<16)
		if err != nil || w.Last > w.Frames || w.Frames > w.Slots || w.Frames+w.Beyond > w.Slots {
			t.Fatalf("%+v, %v", w, err)
		}
	})
}

func FuzzIndex(f *testing.F) {
	_, _, shm, _ := seeds(f)
	f.Add(shm[:136], byte(0))
	f.Add(shm, byte(3))
	f.Fuzz(func(t *testing.T, b []byte, locks byte) {
		x, err := ReadIndex(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		var held [ReadMarks]bool
		for i := range held {
			held[i] = locks>>i&1 == 1
		}
		if frame, mark := x.Limit(held); frame > x.Last || mark >= 0 && !held[mark] || x.Behind() > x.Last {
			t.Fatalf("%+v: frame %d, mark %d", x, frame, mark)
		}
	})
}

func FuzzJournal(f *testing.F) {
	_, _, _, journal := seeds(f)
	f.Add(journal)
	f.Add(append(bytes.Clone(journal), journal[:8]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		j, err := ReadJournal(bytes.NewReader(b), int64(len(b)), 1<<16)
		if err != nil || j.Good > j.Records || j.Records*512 > int64(len(b)) {
			t.Fatalf("%+v, %v", j, err)
		}
		if j.Hot(1, false, false) && !j.Started {
			t.Fatalf("%+v is hot", j)
		}
	})
}
