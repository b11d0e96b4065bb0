package dbfile

import (
	"io"
	"unicode/utf8"
)

// journalMagic begins the header of a rollback journal whose pages may have to be rolled back.
const journalMagic = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"

// Bounds of what a journal's header may say, from SQLite's source (src/pager.c, MAX_SECTOR_SIZE), and of a
// super-journal's name (a path).
const (
	smallestSector = 32
	largestSector  = 65536
	longestSuper   = 4096
)

// A Journal is what a rollback journal says of itself (https://sqlite.org/fileformat2.html#the_rollback_journal).
type Journal struct {
	Size    int64 // bytes
	Started bool  // its first byte is not 0: not one that PERSIST left behind, nor one whose transaction has not yet touched the database
	Header  bool  // magic and sizes are a journal's; the fields below hold only then

	Records  int64  // page records behind the first header; where that says to count them, as many as fit
	Nonce    uint32 // begins the records' checksums
	Pages    uint32 // the database's size before the transaction: a rollback cuts the file to it
	Sector   int    // bytes of the header
	PageSize int    // bytes
	Good     int64  // records from the first on whose checksum is right
	Cut      bool   // the bound was reached: Good is of those that were looked at

	Super string // name of the super-journal, "" for none: a transaction over several databases
}

// ReadJournal reads a rollback journal of size bytes; most bounds the bytes of records that it reads. A
// journal without a valid header is no error: SQLite passes it over.
func ReadJournal(r io.ReaderAt, size, most int64) (Journal, error) {
	j := Journal{Size: size}
	if size == 0 {
		return j, nil
	}
	var head [28]byte
	if err := readAt(r, head[:min(size, int64(len(head)))], 0); err != nil {
		return j, err
	}
	j.Started = head[0] != 0
	if size < int64(len(head)) || string(head[:8]) != journalMagic {
		return j, nil
	}
	count := be32(head[8:])
	j.Nonce, j.Pages = be32(head[12:]), be32(head[16:])
	sector, page := int64(be32(head[20:])), int64(be32(head[24:]))
	if sector < smallestSector || sector > largestSector || sector&(sector-1) != 0 || !goodPageSize(page) {
		return j, nil
	}
	j.Header, j.Sector, j.PageSize = true, int(sector), int(page)
	if fit := max(0, size-sector) / (page + 8); count == 0xffffffff || int64(count) > fit {
		j.Records = fit
	} else {
		j.Records = int64(count)
	}
	if err := j.readRecords(r, most); err != nil {
		return j, err
	}
	super, err := readSuper(r, size)
	j.Super = super
	return j, err
}

// readRecords counts the good records: number of the page, page, checksum, which is made of every 200th byte.
func (j *Journal) readRecords(r io.ReaderAt, most int64) error {
	record := make([]byte, j.PageSize+8)
	for ; j.Good < j.Records; j.Good++ {
		if j.Cut = (j.Good+1)*int64(len(record)) > most; j.Cut {
			return nil
		}
		if err := readAt(r, record, int64(j.Sector)+j.Good*int64(len(record))); err != nil {
			return err
		}
		sum := j.Nonce
		for i := j.PageSize - 200; i > 0; i -= 200 {
			sum += uint32(record[4+i])
		}
		if be32(record) == 0 || be32(record[4+j.PageSize:]) != sum {
			return nil
		}
	}
	return nil
}

// readSuper returns the name at the end of a journal, "" where there is none or its checksum is wrong, in
// which case SQLite rolls back as if there were none.
func readSuper(r io.ReaderAt, size int64) (string, error) {
	var end [16]byte
	if size < int64(len(end)) {
		return "", nil
	}
	if err := readAt(r, end[:], size-int64(len(end))); err != nil {
		return "", err
	}
	length := int64(be32(end[:]))
	if string(end[8:]) != journalMagic || length == 0 || length > longestSuper || length > size-int64(len(end)) {
		return "", nil
	}
	name := make([]byte, length)
	if err := readAt(r, name, size-int64(len(end))-length); err != nil {
		return "", err
	}
	sum := be32(end[4:])
	for _, c := range name {
		sum -= uint32(int32(int8(c))) // the bytes are signed
	}
	if sum != 0 || !utf8.Valid(name) {
		return "", nil
	}
	return string(name), nil
}

// Hot reports whether the next process that reads the database will roll this journal back
// (https://sqlite.org/lockingv3.html#hot_journals). databaseSize is the database file's, in bytes; reserved says that a process
// holds RESERVED or a stronger lock on it, which makes the journal a transaction under way; superExists
// says that there is a file of the name Super.
func (j Journal) Hot(databaseSize int64, reserved, superExists bool) bool {
	return j.Started && !reserved && databaseSize > 0 && (j.Super == "" || superExists)
}
