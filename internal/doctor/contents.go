package doctor

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"example.com/contend/internal/dbfile"
)

// How much of the files is read: enough to see whether they are sound at all, and little enough for an answer at
// once. [Deep] reads everything.
const (
	mostLog   = 64 << 20 // bytes of a WAL or a journal
	mostPages = 2000     // pages of tables and indexes
	mostTrunk = 250      // pages of the freelist, each of which names up to 16,382 others
	mostTail  = 1 << 20  // pages behind the end of the file
)

// Contents are what stands in the database's files.
type Contents struct {
	Size     int64           // of the database file in bytes
	Begins   error           // why the database file is none; nil where it is one
	Zeros    bool            // the database file begins with zeros
	Journal  *dbfile.Journal // nil where there is none
	Super    bool            // the journal's super-journal is there
	UnderWay bool            // somebody held the lock to write when journal and WAL had been read, or has deleted the journal: a transaction under way
	WAL      *dbfile.WAL     // nil where there is none

	Pages   bool // the fields below were read
	Free    dbfile.Freelist
	Trees   dbfile.Trees
	Missing uint32 // pages that the database has and neither the file nor the WAL
	First   uint32 // the first of them

	// Moving says that somebody wrote to the files while they were read, so that nothing is known which follows from
	// two of them, or from two places in one.
	Moving bool
	Broken []string // what could not be read, a sentence each
}

// settle is how long a file must not have changed before it is read, so that a later change shows in its time:
// the kernel's clock for files has steps of up to 10 ms.
const settle = 20 * time.Millisecond

// readContents reads the files, which are open by role. It tries a few times where somebody writes them meanwhile. root is
// the directory below which the journal's super-journal is looked for, "" for this process's own.
func readContents(files map[string]*os.File, root string) *Contents {
	const tries = 3
	var c *Contents
	for range tries {
		before, start := states(files), time.Now()
		c = readOnce(files, root)
		c.Moving = before != states(files) || before.touched(start) || anyDeleted(files)
		if !c.Moving {
			break
		}
		time.Sleep(settle)
	}
	return c
}

// A state is what changes when somebody writes to the files.
type state struct {
	size [4]int64
	time [4]time.Time
	wal  dbfile.Index // its transactions and checkpoints
}

func states(files map[string]*os.File) (s state) {
	for i, role := range append([]string{Database}, companions...) {
		if f := files[role]; f != nil && role != SHMFile {
			if info, err := f.Stat(); err == nil {
				s.size[i], s.time[i] = info.Size(), info.ModTime()
			}
		}
	}
	if x := readIndex(files[SHMFile]); x != nil {
		s.wal = *x
	}
	s.wal.Marks = [dbfile.ReadMarks]uint32{} // readers change nothing else
	return s
}

// touched reports whether a file has changed just before the start.
func (s state) touched(start time.Time) bool {
	for _, t := range s.time {
		if since := start.Sub(t); since >= 0 && since < settle {
			return true
		}
	}
	return false
}

func readOnce(files map[string]*os.File, root string) *Contents {
	c := &Contents{}
	broken := func(role string, err error) {
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) { // it was cut off meanwhile
			c.Broken = append(c.Broken, "The "+role+" file could not be read: "+err.Error()+".")
		}
		c.Moving = c.Moving || err != nil
	}
	size := func(f *os.File) int64 {
		info, err := f.Stat()
		if err != nil {
			return 0
		}
		return info.Size()
	}
	db := files[Database]
	c.Size = size(db)
	header, err := dbfile.ReadHeader(db, c.Size)
	if errors.Is(err, dbfile.ErrNotDatabase) {
		var begin [16]byte
		_, err := db.ReadAt(begin[:min(int64(len(begin)), c.Size)], 0)
		c.Zeros = err == nil && begin == [16]byte{}
	}
	c.Begins = err
	if f := files[Journal]; f != nil {
		j, err := dbfile.ReadJournal(f, size(f), mostLog)
		broken(Journal, err)
		c.Journal = &j
		if j.Super != "" {
			_, err := os.Lstat(filepath.Join(root+"/", j.Super))
			c.Super = !errors.Is(err, fs.ErrNotExist) // in doubt it is there, and the journal hot
		}
	}
	if f := files[WALFile]; f != nil {
		w, err := dbfile.ReadWAL(f, size(f), mostLog)
		broken(WALFile, err)
		c.WAL = &w
	}
	c.UnderWay = underWay(files)
	if c.Begins != nil || c.Journal != nil && c.Journal.Started || c.WAL != nil && !c.WAL.Whole() {
		return c // there is none, half of a transaction stands in it, or half of it in the WAL
	}
	image, err := dbfile.NewImage(db, c.Size, header, files[WALFile], c.WAL)
	if err != nil {
		return c // the header contradicts itself, which is a finding
	}
	c.Pages = true
	c.Free, err = image.Freelist(mostTrunk)
	broken(Database, err)
	c.Trees, err = image.Trees(c.Free, mostPages)
	broken(Database, err)
	if !c.Free.Cut {
		c.First, c.Missing = image.Missing(c.Free, mostTail)
	}
	return c
}

// underWay reports whether another process holds a lock with which a transaction writes, or has deleted the journal: then the
// journal is no hot one, and what is behind the WAL's last commit may still be committed. F_GETLK takes no lock.
func underWay(files map[string]*os.File) bool {
	for _, p := range []probe{{Database, dbfile.PendingByte, 2}, {SHMFile, dbfile.WriteByte, 1}} { // RESERVED stands behind PENDING
		l := unix.Flock_t{Type: unix.F_WRLCK, Start: p.first, Len: p.length}
		if f := files[p.role]; f != nil && unix.FcntlFlock(f.Fd(), unix.F_GETLK, &l) == nil && l.Type != unix.F_UNLCK {
			return true
		}
	}
	return files[Journal] != nil && anyDeleted(map[string]*os.File{Journal: files[Journal]})
}

// anyDeleted reports whether one of the files has lost its name since it was opened: others may have made a new one.
func anyDeleted(files map[string]*os.File) bool {
	for _, f := range files {
		var stat unix.Stat_t
		if unix.Fstat(int(f.Fd()), &stat) == nil && stat.Nlink == 0 {
			return true
		}
	}
	return false
}
