package dbfile

import (
	"errors"
	"io"
)

// An Image is a database as a reader sees it now: the pages of its file, and in their place those of the
// WAL's committed frames.
type Image struct {
	Header Header // of page 1, which may stand in the WAL
	Pages  uint32 // the database's size

	file   io.ReaderAt
	size   int64
	wal    io.ReaderAt
	frames *WAL
}

// NewImage returns the image of a database file of size bytes whose header is h, and its WAL, which may be nil
// and must be [WAL.Whole]. It returns an error where the header does not allow to read pages.
func NewImage(file io.ReaderAt, size int64, h Header, wal io.ReaderAt, w *WAL) (*Image, error) {
	im := &Image{Header: h, file: file, size: size}
	if !h.Readable() {
		return nil, errors.New("the header does not say how large a page is")
	}
	if w != nil && w.Last > 0 && w.PageSize == h.PageSize {
		im.wal, im.frames = wal, w
		first := make([]byte, h.PageSize)
		if err := im.page(1, first); err != nil {
			return nil, err
		}
		inWAL, err := ParseHeader(first)
		if err != nil {
			return nil, err
		}
		im.Header, im.Pages = inWAL, w.Pages
		return im, nil
	}
	im.Pages = uint32(min(size/int64(h.PageSize), 1<<32-1))
	if h.Sized() {
		im.Pages = h.Pages
	}
	return im, nil
}

// errBeyond says that a page stands neither in the file nor in the WAL.
var errBeyond = errors.New("it lies beyond the end of the file")

// page reads the page of number n, from 1, into b, which is as large as a page.
func (im *Image) page(n uint32, b []byte) error {
	if im.frames != nil {
		if frame, ok := im.frames.latest[n]; ok {
			return readAt(im.wal, b, im.frames.frameAt(frame))
		}
	}
	off := int64(n-1) * int64(len(b))
	if off+int64(len(b)) > im.size {
		return errBeyond
	}
	return readAt(im.file, b, off)
}

// Missing returns the first page of the database, and how many there are, that stand neither in the file nor
// in the WAL. The page with the lock bytes may be missing, and so may pages of the freelist. It looks at most
// pages behind the end of the file.
func (im *Image) Missing(free Freelist, most int) (first, count uint32) {
	inFile := im.size / int64(im.Header.PageSize)
	for n := inFile + 1; n <= int64(im.Pages) && n-inFile <= int64(most); n++ {
		page := uint32(n)
		inWAL := false
		if im.frames != nil {
			_, inWAL = im.frames.latest[page]
		}
		if inWAL || page == im.Header.LockPage() || free.Has(page) {
			continue
		}
		if count++; first == 0 {
			first = page
		}
	}
	return first, count
}

// A Freelist is the list of a database's unused pages (https://sqlite.org/fileformat2.html#the_freelist).
type Freelist struct {
	Count uint32 // pages found
	Fault string // what is wrong with it; "" for nothing that was seen
	Cut   bool   // the bound was reached: Count is too small

	pages map[uint32]bool
}

// Has reports whether the page was found on the freelist. An unused page may hold anything, also zeros.
func (f Freelist) Has(page uint32) bool { return f.pages[page] }

// Freelist walks the freelist; most bounds the trunk pages that it reads, each of which names up to 16,382
// pages.
func (im *Image) Freelist(most int) (Freelist, error) {
	f := Freelist{pages: map[uint32]bool{}}
	b := make([]byte, im.Header.PageSize)
	add := func(page uint32) bool {
		switch {
		case page < 2 || page > im.Pages:
			f.Fault = "it names a page that the database does not have"
		case f.pages[page]:
			f.Fault = "it names a page twice"
		}
		if f.Fault == "" {
			f.pages[page] = true
			f.Count++
		}
		return f.Fault == ""
	}
	for trunk := im.Header.FreeTrunk; trunk != 0; trunk = be32(b) {
		if f.Cut = most == 0; f.Cut {
			return f, nil
		}
		most--
		if !add(trunk) {
			return f, nil
		}
		if err := im.page(trunk, b); err == errBeyond {
			f.Fault = "it names a page beyond the end of the file"
			return f, nil
		} else if err != nil {
			return f, err
		}
		leaves := int64(be32(b[4:]))
		if leaves > int64(im.Header.usable()/4-2) {
			f.Fault = "a page of it names more pages than fit"
			return f, nil
		}
		for i := range leaves {
			if !add(be32(b[8+4*i:])) {
				return f, nil
			}
		}
	}
	if f.Count != im.Header.FreePages {
		f.Fault = "it has another number of pages than the header says"
	}
	return f, nil
}
