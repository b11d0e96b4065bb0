package dbfile

import (
	"bufio"
	"encoding/binary"
	"io"
)

// Sizes in a WAL, in bytes, and what its header begins with. The lowest bit of the magic number says whether
// checksums are of big-endian numbers.
const (
	walHeaderSize   = 32
	frameHeaderSize = 24
	walMagic        = 0x377f0682
	walVersion      = 3007000
)

// A WAL is what a write-ahead log holds (https://sqlite.org/walformat.html#the_wal_file_format). Its frames are
// numbered from 1.
type WAL struct {
	Size      int64 // bytes
	Header    bool  // magic, page size and checksum of the header are right; else SQLite passes the whole WAL over
	Version   uint32
	BigEndian bool      // checksums are of big-endian numbers
	PageSize  int       // bytes
	Sequence  uint32    // checkpoint sequence number
	Salt      [2]uint32 // new with each generation: a WAL that is begun again from its first frame

	Slots  int64  // whole frames that fit into the file
	Frames int64  // valid frames: from the first on, with the header's salts and the right running checksum
	Last   int64  // the last valid frame that ends a transaction, 0 for none. What is behind it is no part of the database
	Pages  uint32 // the database's size in pages after frame Last
	// Beyond counts frames behind the first invalid one that end a transaction of this generation. SQLite
	// cannot reach them, and only a commit writes one.
	Beyond int64
	Cut    bool // the bound was reached: everything above is of the frames before it

	// Counters are the change counters in the first and the last copy of page 1 up to frame Last; Counted
	// says that there is one.
	Counters [2]uint32
	Counted  bool

	latest map[uint32]int64 // the last frame up to Last for each page
}

// ReadWAL reads a WAL of size bytes; most bounds the bytes of frames whose checksums it computes. A WAL
// without a valid header is no error.
func ReadWAL(r io.ReaderAt, size, most int64) (WAL, error) {
	w := WAL{Size: size}
	var head [walHeaderSize]byte
	if size < walHeaderSize {
		return w, nil
	}
	if err := readAt(r, head[:], 0); err != nil {
		return w, err
	}
	page := int64(be32(head[8:]))
	if be32(head[:])&^1 != walMagic || !goodPageSize(page) {
		return w, nil
	}
	w.BigEndian = head[3]&1 == 1
	var sum checksum
	sum.add(head[:24], w.BigEndian)
	if sum != (checksum{be32(head[24:]), be32(head[28:])}) {
		return w, nil
	}
	w.Header, w.PageSize = true, int(page)
	w.Version, w.Sequence = be32(head[4:]), be32(head[12:])
	w.Salt = [2]uint32{be32(head[16:]), be32(head[20:])}
	w.Slots = (size - walHeaderSize) / (frameHeaderSize + page)
	return w, w.readFrames(r, sum, most)
}

// readFrames reads the frames in their order; sum is the checksum of the WAL's header.
func (w *WAL) readFrames(r io.ReaderAt, sum checksum, most int64) error {
	in := bufio.NewReaderSize(io.NewSectionReader(r, walHeaderSize, w.Size-walHeaderSize), 256<<10)
	frame := make([]byte, frameHeaderSize+w.PageSize)
	valid := true
	var pending transaction
	w.latest = map[uint32]int64{}
	for n := int64(1); n <= w.Slots; n++ {
		if w.Cut = n*int64(len(frame)) > most; w.Cut {
			break
		}
		if _, err := io.ReadFull(in, frame); err != nil {
			return err
		}
		page, commit := be32(frame), be32(frame[4:])
		ours := w.Salt == [2]uint32{be32(frame[8:]), be32(frame[12:])}
		if valid {
			sum.add(frame[:8], w.BigEndian)
			sum.add(frame[frameHeaderSize:], w.BigEndian)
			valid = ours && page != 0 && sum == (checksum{be32(frame[16:]), be32(frame[20:])})
		}
		switch {
		case valid:
			w.Frames = n
			pending.add(page, n, frame[frameHeaderSize:])
			if commit != 0 {
				w.Last, w.Pages = n, commit
				w.commit(&pending)
			}
		case ours && page != 0 && commit != 0 && n > w.Frames+1:
			w.Beyond++
		}
	}
	return nil
}

// A transaction is made of frames that no commit has ended yet.
type transaction struct {
	pages    []uint32
	first    int64 // number of the first frame
	counters []uint32
}

func (t *transaction) add(page uint32, frame int64, content []byte) {
	if len(t.pages) == 0 {
		t.first = frame
	}
	t.pages = append(t.pages, page)
	if page == 1 {
		t.counters = append(t.counters, be32(content[24:]))
	}
}

func (w *WAL) commit(t *transaction) {
	for i, page := range t.pages {
		w.latest[page] = t.first + int64(i)
	}
	if len(t.counters) > 0 {
		if !w.Counted {
			w.Counters[0] = t.counters[0]
		}
		w.Counted, w.Counters[1] = true, t.counters[len(t.counters)-1]
	}
	t.pages, t.counters = t.pages[:0], t.counters[:0]
}

// frameAt returns where the content of a frame begins.
func (w *WAL) frameAt(frame int64) int64 {
	return walHeaderSize + (frame-1)*int64(frameHeaderSize+w.PageSize) + frameHeaderSize
}

// Whole reports whether the WAL was read to its end, so that an [Image] can be made with it.
func (w WAL) Whole() bool { return !w.Cut }

// A Fit says how a WAL and a database file go together.
type Fit int

// How they go together. The zero Fit is no proof that they belong together: only that nothing contradicts it.
const (
	FitUnrefuted Fit = iota
	FitPageSize      // their pages differ in size: the WAL is another database's
	FitRollback      // the file is in rollback mode, and SQLite would apply the WAL's transactions all the same
	FitOlderFile     // the file is older than the begin of the WAL: what an earlier generation of the WAL held is missing
	FitNewerFile     // the file is newer than the end of the WAL: SQLite would overwrite it with older pages
)

// Fits compares a WAL with the header of the database file beside it, both read while nobody wrote.
//
// The change counter decides about age. Whoever writes page 1 into the WAL sets the counter there to that which its connection has
// read plus one (src/pager.c, pager_write_changecounter). A WAL is begun again only when all of it stands
// in the file. So the first copy of page 1 has the file's counter or one more, and what a checkpoint copies later lies
// between the WAL's first and last. A connection that writes alone reads page 1 only once, so that its counter
// stays: then nothing is known of age.
func (w WAL) Fits(h Header) Fit {
	switch {
	case !w.Header || w.Last == 0:
		return FitUnrefuted
	case w.PageSize != h.PageSize:
		return FitPageSize
	case !h.WAL():
		return FitRollback
	case w.Counted && int32(w.Counters[0]-h.ChangeCounter) > 1:
		return FitOlderFile
	case w.Counted && !w.Cut && int32(h.ChangeCounter-w.Counters[1]) > 0:
		return FitNewerFile
	}
	return FitUnrefuted
}

// A checksum is that of WAL and wal-index (https://sqlite.org/walformat.html#checksum_algorithm).
type checksum [2]uint32

// add adds bytes, a multiple of 8 of them.
func (s *checksum) add(b []byte, bigEndian bool) {
	s0, s1 := s[0], s[1]
	if bigEndian {
		for ; len(b) >= 8; b = b[8:] {
			s0 += binary.BigEndian.Uint32(b) + s1
			s1 += binary.BigEndian.Uint32(b[4:]) + s0
		}
	} else {
		for ; len(b) >= 8; b = b[8:] {
			s0 += binary.LittleEndian.Uint32(b) + s1
			s1 += binary.LittleEndian.Uint32(b[4:]) + s0
		}
	}
	s[0], s[1] = s0, s1
}
