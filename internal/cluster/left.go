package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// journalMagic begins the header of a rollback journal that is in force
// (https://sqlite.org/fileformat2.html#the_rollback_journal). A journal that was
// finished with is deleted, truncated or has zeros there.
var journalMagic = []byte{0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7}

// Left says what the nodes left beside the database. It is for a moment in
// which none of them runs.
func (c *Processes) Left() (Left, error) { return leftBeside(filepath.Join(c.dir, Database)) }

// leftBeside says what lies beside the database at path.
func leftBeside(path string) (left Left, err error) {
	if left.Journal, err = size(path + "-journal"); err != nil {
		return left, err
	}
	if left.WAL, err = size(path + "-wal"); err != nil {
		return left, err
	}
	if left.Journal > 0 {
		left.Hot, err = isHot(path + "-journal")
	}
	return left, err
}

// size is that of the file at path, 0 where there is none.
func size(path string) (int64, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, err
	}
	return info.Size(), nil
}

// isHot reports whether the journal at path begins with a header in force. No
// process has the database open, so nobody can hold its RESERVED lock.
func isHot(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("open journal: %w", err)
	}
	defer f.Close()
	head := make([]byte, len(journalMagic))
	switch _, err := io.ReadFull(f, head); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("read journal: %w", err)
	}
	return bytes.Equal(head, journalMagic), nil
}
