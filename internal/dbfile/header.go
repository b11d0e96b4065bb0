package dbfile

import (
	"errors"
	"fmt"
	"io"
)

// Magic is what every database file begins with. An encrypted one does not.
const Magic = "SQLite format 3\x00"

// HeaderSize is the size of a database's header in bytes.
const HeaderSize = 100

// Where fields of the header stand that others write.
const (
	UserVersionAt   = 60
	ApplicationIDAt = 68
)

// ErrNotDatabase says that a file does not begin as a database does: it is something else, or encrypted.
var ErrNotDatabase = errors.New("the file does not begin with “SQLite format 3”")

// Versions of the file format, in a header's WriteVersion and ReadVersion.
const (
	VersionRollback = 1
	VersionWAL      = 2
)

// A Header is the first 100 bytes of a database file (https://sqlite.org/fileformat2.html#the_database_header).
type Header struct {
	PageSize      int // bytes: a power of two from 512 to 65536, or what stands there
	WriteVersion  int // VersionRollback or VersionWAL; SQLite only reads a file with a higher one
	ReadVersion   int // likewise; SQLite refuses a file with a higher one
	Reserved      int // bytes that each page keeps free at its end
	Payload       [3]int
	ChangeCounter uint32 // grows with each transaction, in WAL mode with fewer
	Pages         uint32 // the database's size; means something only where ValidFor is ChangeCounter
	FreeTrunk     uint32 // first page of the freelist, 0 for none
	FreePages     uint32 // pages of the freelist
	SchemaCookie  uint32
	SchemaFormat  uint32 // 1 to 4, 0 in a database without a table
	CacheSize     int32  // suggested, in pages
	LargestRoot   uint32 // not 0 where auto_vacuum is on
	Encoding      uint32 // 1 UTF-8, 2 UTF-16le, 3 UTF-16be, 0 in a database without a table
	UserVersion   int32
	Incremental   uint32 // not 0 where auto_vacuum is incremental
	ApplicationID uint32
	Unused        bool   // the 20 bytes that must be zero are
	ValidFor      uint32 // the change counter for which Pages and Library hold
	Library       uint32 // version of the SQLite that wrote last, as 3045001
}

// ReadHeader reads the header of a database file of size bytes. It returns ErrEmpty or ErrNotDatabase
// where there is none, and io.ErrUnexpectedEOF where the file ends within it.
func ReadHeader(r io.ReaderAt, size int64) (Header, error) {
	if size == 0 {
		return Header{}, ErrEmpty
	}
	b := make([]byte, min(size, HeaderSize))
	if err := readAt(r, b, 0); err != nil {
		return Header{}, err
	}
	return ParseHeader(b)
}

// ParseHeader reads a header from the first bytes of a database or of its first page.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < len(Magic) || string(b[:len(Magic)]) != Magic {
		return Header{}, ErrNotDatabase
	}
	if len(b) < HeaderSize {
		return Header{}, io.ErrUnexpectedEOF
	}
	h := Header{
		PageSize:     be16(b[16:]),
		WriteVersion: int(b[18]), ReadVersion: int(b[19]),
		Reserved:      int(b[20]),
		Payload:       [3]int{int(b[21]), int(b[22]), int(b[23])},
		ChangeCounter: be32(b[24:]),
		Pages:         be32(b[28:]),
		FreeTrunk:     be32(b[32:]), FreePages: be32(b[36:]),
		SchemaCookie: be32(b[40:]), SchemaFormat: be32(b[44:]),
		CacheSize:     int32(be32(b[48:])),
		LargestRoot:   be32(b[52:]),
		Encoding:      be32(b[56:]),
		UserVersion:   int32(be32(b[UserVersionAt:])),
		Incremental:   be32(b[64:]),
		ApplicationID: be32(b[ApplicationIDAt:]),
		Unused:        zeros(b[72:92]),
		ValidFor:      be32(b[92:]), Library: be32(b[96:]),
	}
	if h.PageSize == 1 { // 65536 does not fit into two bytes
		h.PageSize = 65536
	}
	return h, nil
}

// WAL reports whether the database is in WAL mode.
func (h Header) WAL() bool { return h.ReadVersion == VersionWAL }

// Sized reports whether Pages holds. SQLite takes the file's size where it does not: before 3.7.0, SQLite wrote
// the change counter and not the size.
func (h Header) Sized() bool { return h.Pages > 0 && h.ChangeCounter == h.ValidFor }

// Readable reports whether pages can be read at all: whether their size is one.
func (h Header) Readable() bool { return goodPageSize(int64(h.PageSize)) && h.usable() >= 480 }

// usable returns how many bytes of a page hold data.
func (h Header) usable() int { return h.PageSize - h.Reserved }

// LockPage returns the number of the page that holds the bytes which SQLite locks. It is never used.
func (h Header) LockPage() uint32 { return uint32(PendingByte/h.PageSize) + 1 }

// LibraryVersion returns Library as SQLite writes its version, "3.45.1".
func (h Header) LibraryVersion() string {
	return fmt.Sprintf("%d.%d.%d", h.Library/1000000, h.Library/1000%1000, h.Library%1000)
}

// Contradictions returns what no SQLite writes, a sentence each: SQLite refuses the file for most of it.
// An empty list proves nothing.
func (h Header) Contradictions() (all []string) {
	say := func(wrong bool, format string, args ...any) {
		if wrong {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	good := goodPageSize(int64(h.PageSize))
	say(!good, "the page size is %d, and a page has 512 to 65536 bytes, a power of two", h.PageSize)
	say(good && h.usable() < 480, "%d of the %d bytes of a page are reserved, and 480 must be left", h.Reserved, h.PageSize)
	say(h.Payload != [3]int{64, 32, 32}, "the payload fractions are %d, %d and %d, and must be 64, 32 and 32", h.Payload[0], h.Payload[1], h.Payload[2])
	known := func(v int) bool { return v == VersionRollback || v == VersionWAL }
	say(!known(h.ReadVersion) || !known(h.WriteVersion), "the format's versions are %d to write and %d to read, and SQLite knows 1 (rollback journal) and 2 (WAL)", h.WriteVersion, h.ReadVersion)
	say(known(h.ReadVersion) && known(h.WriteVersion) && h.ReadVersion != h.WriteVersion, "the format's version is %d to write and %d to read, and SQLite sets both together", h.WriteVersion, h.ReadVersion)
	say(h.SchemaFormat > 4, "the schema format is %d, and SQLite knows 1 to 4", h.SchemaFormat)
	say(h.Encoding > 3, "the text encoding is %d, and SQLite knows 1 to 3", h.Encoding)
	say((h.FreeTrunk == 0) != (h.FreePages == 0), "the freelist begins at page %d and has %d pages", h.FreeTrunk, h.FreePages)
	say(h.Sized() && (h.FreePages >= h.Pages || h.FreeTrunk > h.Pages), "the freelist begins at page %d and has %d pages, and the database has %d", h.FreeTrunk, h.FreePages, h.Pages)
	say(!h.Unused, "bytes 72 to 91 are not zero, and no version of SQLite uses them")
	say(h.Incremental != 0 && h.LargestRoot == 0, "auto_vacuum is incremental and off")
	return all
}
