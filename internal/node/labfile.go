package node

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"syscall"

	"example.com/contend/internal/dbfile"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
)

// A database that a node has made for the lab says so itself, in the header of the file
// (https://sqlite.org/fileformat2.html#the_database_header). So other nodes on it, and
// a node that is started again after a crash, know it; and a file that was there
// before is neither opened nor removed, whatever it is called. The mark stands there
// from the file's first moment, before any journal or WAL can.
//
// The functions of this file open a database's file by hand. To close it gives up
// SQLite's locks on it in this process (https://sqlite.org/howtocorrupt.html, section
// 2.2), so they are called only while the node has no database open.

// markOf returns what the header of the lab's database called name has as its user
// version. A copy or a file renamed has another name, and is somebody's who wants to keep it.
func markOf(name string) uint32 { return crc32.ChecksumIEEE([]byte(name)) }

// emptyDatabase returns the file of an empty database with the mark of name, as SQLite
// writes it after PRAGMA application_id and user_version.
func emptyDatabase(name string) []byte {
	const pageSize = 4096 // SQLite's own default
	page := make([]byte, pageSize)
	copy(page, dbfile.Magic)
	put16, put32 := binary.BigEndian.PutUint16, binary.BigEndian.PutUint32
	put16(page[16:], pageSize)
	page[18], page[19] = 1, 1                 // rollback journal, to write and to read
	page[21], page[22], page[23] = 64, 32, 32 // fractions of a payload
	put32(page[24:], 1)                       // file change counter
	put32(page[28:], 1)                       // pages
	put32(page[92:], 1)                       // the change counter for which the number of pages holds
	put32(page[dbfile.UserVersionAt:], markOf(name))
	put32(page[dbfile.ApplicationIDAt:], store.LabID)
	page[dbfile.HeaderSize] = 0x0d              // a leaf of a table: the schema, without a row
	put16(page[dbfile.HeaderSize+5:], pageSize) // where the rows begin
	return page
}

// beside are the endings of the files that SQLite keeps beside a database.
var beside = []string{"-journal", "-wal", "-shm"}

// makeLabDatabase makes an empty database for the lab at path, unless a node has made it
// already. Any other file there, or one that SQLite would take for the new database's, is
// left alone, and is a refusal.
func makeLabDatabase(path string) error {
	for {
		switch made, err := madeForLab(path); {
		case err == nil && made:
			return nil
		case err == nil:
			return notTheLabs(path)
		case !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("look at the lab's database: %w", err)
		}
		for _, suffix := range beside {
			if _, err := os.Lstat(path + suffix); err == nil {
				if _, err := os.Lstat(path); err == nil {
					break // another node has just made it, and has it open
				}
				return notTheLabs(path + suffix)
			}
		}
		if err := putDatabase(path); !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
}

func notTheLabs(path string) error {
	return &refusal{http.StatusConflict, nodeapi.CodeConflict,
		path + " is there, and no node has made it for the lab: it is left as it is, choose another name"}
}

// putDatabase puts an empty database at path, whole and with its mark from the first
// moment, or returns an [fs.ErrExist] where something is there.
func putDatabase(path string) error {
	name := filepath.Base(path)
	draft := filepath.Join(filepath.Dir(path), "."+name+"-"+rand.Text())
	err := os.WriteFile(draft, emptyDatabase(name), 0o644) // as SQLite would make it
	if err == nil {
		err = os.Link(draft, path)
	}
	if errRemove := os.Remove(draft); !errors.Is(errRemove, fs.ErrNotExist) {
		err = errors.Join(err, errRemove)
	}
	if err != nil {
		return fmt.Errorf("make the lab's database: %w", err)
	}
	return nil
}

// madeForLab reports whether a node has made the database at path for the lab. It
// follows no link: whose file it leads to is not the lab's to say.
func madeForLab(path string) (bool, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0) // a FIFO must not hold it up
	if errors.Is(err, syscall.ELOOP) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	h, err := dbfile.ReadHeader(f, dbfile.HeaderSize)
	if err != nil {
		return false, nil // too short, or nothing to read, such as a directory
	}
	return uint32(h.UserVersion) == markOf(filepath.Base(path)) && h.ApplicationID == store.LabID, nil
}

// removeLabDatabase removes the files of the lab's database at path, which no node has
// open. It is false where somebody else's file has taken its place. The database goes
// first: without it, what lies beside it is rubbish, but it without a hot journal
// would be damaged.
func removeLabDatabase(path string) (bool, error) {
	if made, err := madeForLab(path); err == nil && !made {
		return false, nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("look at the lab's database: %w", err)
	}
	for _, suffix := range append([]string{""}, beside...) {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("remove the lab's database: %w", err)
		}
	}
	return true, nil
}
