package dbfile

import (
	"encoding/binary"
	"errors"
	"io"
)

// indexHeaderSize is how much of a -shm file is not its hash tables.
const indexHeaderSize = 136

// MarkUnused is the value of a read mark that no reader may use.
const MarkUnused = 0xffffffff

// ErrNoIndex says that a -shm file holds no wal-index: it is empty, zeroed, or was made by something else.
// SQLite builds it anew from the WAL.
var ErrNoIndex = errors.New("the file holds no wal-index")

// An Index is the head of a wal-index, the -shm file (https://sqlite.org/walformat.html#the_wal_index_file_format). Its
// numbers are in the byte order of the machine that wrote them.
type Index struct {
	BigEndian bool
	Version   uint32
	Change    uint32 // grows with each transaction
	Started   bool   // the header was filled in
	PageSize  int    // bytes
	Last      uint32 // mxFrame: the last frame of the WAL that is committed
	Pages     uint32 // the database's size after it
	Salt      [2]uint32
	Same      bool // the two copies of the header agree; they do not while one is written
	Good      bool // the checksum of the first copy is right

	Backfill  uint32            // nBackfill: frames from the first on that a checkpoint has copied into the database
	Attempted uint32            // nBackfillAttempted: frames that a checkpoint has perhaps begun to copy
	Marks     [ReadMarks]uint32 // the frame that readers of each mark see at most; MarkUnused. Mark 0 is that of readers of the file alone
}

// ReadIndex reads a -shm file of size bytes.
func ReadIndex(r io.ReaderAt, size int64) (Index, error) {
	if size < indexHeaderSize {
		return Index{}, ErrNoIndex
	}
	var b [indexHeaderSize]byte
	if err := readAt(r, b[:], 0); err != nil {
		return Index{}, err
	}
	var order binary.ByteOrder = binary.LittleEndian
	if order.Uint32(b[:]) != walVersion {
		order = binary.BigEndian
	}
	if order.Uint32(b[:]) != walVersion {
		return Index{}, ErrNoIndex
	}
	x := Index{
		BigEndian: order == binary.BigEndian,
		Version:   order.Uint32(b[:]),
		Change:    order.Uint32(b[8:]),
		Started:   b[12] != 0,
		PageSize:  int(order.Uint16(b[14:])),
		Last:      order.Uint32(b[16:]),
		Pages:     order.Uint32(b[20:]),
		// Salts are copied from the WAL byte by byte.
		Salt:      [2]uint32{be32(b[32:]), be32(b[36:])},
		Same:      string(b[:48]) == string(b[48:96]),
		Backfill:  order.Uint32(b[96:]),
		Attempted: order.Uint32(b[128:]),
	}
	if x.PageSize == 1 {
		x.PageSize = 65536
	}
	for i := range x.Marks {
		x.Marks[i] = order.Uint32(b[100+4*i:])
	}
	var sum checksum
	sum.add(b[:40], x.BigEndian)
	x.Good = sum == checksum{order.Uint32(b[40:]), order.Uint32(b[44:])}
	return x, nil
}

// Of reports whether the index was made for this generation of the WAL.
func (x Index) Of(w WAL) bool {
	return x.Good && w.Header && x.Salt == w.Salt && x.PageSize == w.PageSize
}

// Behind returns how many committed frames no checkpoint has copied yet.
func (x Index) Behind() uint32 {
	if x.Backfill >= x.Last {
		return 0
	}
	return x.Last - x.Backfill
}

// Limit returns the last frame that a checkpoint may copy while the read marks held are locked by readers, and the
// mark that keeps it there, -1 where none does (src/wal.c, walCheckpoint). A reader of mark 0 reads the file
// alone, so a checkpoint copies nothing beside it. Marks at the last frame keep a checkpoint from nothing but
// beginning the WAL again.
func (x Index) Limit(held [ReadMarks]bool) (frame uint32, mark int) {
	frame, mark = x.Last, -1
	for i := 1; i < ReadMarks; i++ {
		if held[i] && x.Marks[i] < frame {
			frame, mark = x.Marks[i], i
		}
	}
	if held[0] && x.Backfill < frame {
		frame, mark = x.Backfill, 0
	}
	return max(frame, min(x.Backfill, x.Last)), mark
}
