package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Left is what lies beside a database that no process has open.
type Left struct {
	Journal int64 // size of the rollback journal, in bytes; 0 where there is none
	Hot     bool  // the journal has to be rolled back (https://sqlite.org/lockingv3.html#hot_journals)
	WAL     int64 // size of the WAL, in bytes; 0 where there is none
}

// journalMagic begins the header of a rollback journal that is in force
// (https://sqlite.org/fileformat2.html#the_rollback_journal). A journal that was
// finished with is deleted, truncated or has zeros there.
var journalMagic = []byte{0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7}

// LeftBeside returns what lies beside the database at path. No process may have
// it open: then none can hold the RESERVED lock, and a journal whose header is
// in force is hot.
func LeftBeside(path string) (Left, error) {
	var left Left
	journal, err := os.Open(path + "-journal")
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return left, fmt.Errorf("open journal: %w", err)
	default:
		defer journal.Close()
		head := make([]byte, len(journalMagic))
		_, err := io.ReadFull(journal, head)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return left, fmt.Errorf("read journal: %w", err)
		}
		info, err := journal.Stat()
		if err != nil {
			return left, err
		}
		left.Journal, left.Hot = info.Size(), bytes.Equal(head, journalMagic)
	}
	info, err := os.Stat(path + "-wal")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return left, nil
	case err != nil:
		return left, err
	}
	left.WAL = info.Size()
	return left, nil
}
