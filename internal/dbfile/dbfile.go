// Package dbfile reads SQLite's files as they lie on the disk, without SQLite: the database
// (https://sqlite.org/fileformat2.html), the rollback journal, the WAL and the wal-index
// (https://sqlite.org/walformat.html). A reader gets an io.ReaderAt and a size, and returns what
// stands there; it takes no lock, changes nothing, and judges nothing that it cannot know.
//
// Two ideas. First, bytes may be anybody's: every walk has a bound that the caller gives, and a
// result says when it was cut off there. Second, a file that is in use changes while it is read,
// and no reader here can notice that: whoever reads such a file compares the files' sizes and times before
// and after, and believes what contradicts itself only where nothing has changed.
package dbfile

import (
	"encoding/binary"
	"errors"
	"io"
)

// The bytes that SQLite locks. They lie beyond the data of most databases, and the page that holds
// them is never used (https://sqlite.org/fileformat2.html#the_lock_byte_page).
const (
	PendingByte  = 1 << 30
	ReservedByte = PendingByte + 1
	SharedFirst  = PendingByte + 2
	SharedSize   = 510
)

// The locks on the wal-index: bytes of the -shm file (https://sqlite.org/walformat.html#wal_locks).
// A reader of mark i holds ReadByte+i.
const (
	WriteByte      = 120
	CheckpointByte = 121
	RecoverByte    = 122
	ReadByte       = 123 // the first of ReadMarks
	ReadMarks      = 5
	// AttachedByte is held, shared, as long as a connection uses the wal-index: SQLite's source calls it
	// the dead man's switch (src/os_unix.c, UNIX_SHM_DMS).
	AttachedByte = 128
)

// ErrEmpty says that a file has no byte. SQLite takes such a database for one without a table.
var ErrEmpty = errors.New("the file is empty")

// readAt reads all of b at off, and returns io.ErrUnexpectedEOF where the file ends before.
func readAt(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	}
	return err
}

func be16(b []byte) int    { return int(binary.BigEndian.Uint16(b)) }
func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }

// goodPageSize reports whether a page may have n bytes.
func goodPageSize(n int64) bool { return n >= 512 && n <= 65536 && n&(n-1) == 0 }

func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
