package locktap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"example.com/contend/internal/lockstate"
)

// A Layout says where the values of events lie in the kernel's ring buffer.
type Layout struct {
	PageSize int // of a page of the ring buffer with its header, in bytes

	commit, data int // in a page: where its length stands, and where its events begin
	lock         format
	steps        []format // of the probes on sqlite3_step
}

// A format is where the fields of one kind of event lie.
type format struct {
	id     uint16
	fields []field
}

type field struct{ offset, size int }

// The fields of posix_lock_inode (include/trace/events/filelock.h).
const (
	fieldTID = iota
	fieldInode
	fieldDevice
	fieldOwner
	fieldPID
	fieldFlags
	fieldType
	fieldStart
	fieldEnd
	fieldRet
	fieldCount
)

// lockFields are what the kernel calls the fields; up to Linux 6.8 some began with fl_.
var lockFields = [][]string{
	fieldTID: {"common_pid"}, fieldInode: {"i_ino"}, fieldDevice: {"s_dev"}, fieldOwner: {"owner", "fl_owner"}, fieldPID: {"pid", "fl_pid"},
	fieldFlags: {"flags", "fl_flags"}, fieldType: {"type", "fl_type"}, fieldStart: {"fl_start"}, fieldEnd: {"fl_end"}, fieldRet: {"ret"},
}

// The fields of a probe on sqlite3_step, as Tap.Probe makes it.
const (
	stepTID = iota
	stepStatement
	stepConnection
	stepSQL
)

var stepFields = [][]string{stepTID: {"common_pid"}, stepStatement: {"statement"}, stepConnection: {"connection"}, stepSQL: {"sql"}}

var (
	formatField = regexp.MustCompile(`(?m)^\s*field:[^;]*?(\w+)(?:\[\d*\])?;\s*offset:(\d+);\s*size:(\d+);`)
	formatID    = regexp.MustCompile(`(?m)^ID: (\d+)$`)
)

// ParseLayout reads the file format of the tracepoint posix_lock_inode, and the file events/header_page of tracefs.
func ParseLayout(lock, headerPage []byte) (l *Layout, err error) {
	l = new(Layout)
	if l.lock, err = parseFormat(lock, lockFields); err != nil {
		return nil, err
	}
	page, err := parseFields(headerPage)
	if err != nil {
		return nil, err
	}
	data := page["data"]
	l.commit, l.data, l.PageSize = page["commit"].offset, data.offset, data.offset+data.size
	if l.commit < 8 || l.data < l.commit+4 || data.size < 8 || l.PageSize > maxPage {
		return nil, errors.New("the header of the ring buffer's pages is of a form that is not known")
	}
	return l, nil
}

// parseFormat reads the format file of an event with these fields.
func parseFormat(text []byte, names [][]string) (f format, err error) {
	id := formatID.FindSubmatch(text)
	if id == nil {
		return f, errors.New("the event's format has no ID")
	}
	n, err := strconv.ParseUint(string(id[1]), 10, 16)
	if err != nil {
		return f, fmt.Errorf("the event's ID: %w", err)
	}
	f.id = uint16(n)
	found, err := parseFields(text)
	if err != nil {
		return f, err
	}
	for _, known := range names {
		at := slices.IndexFunc(known, func(name string) bool { return found[name].size > 0 })
		if at < 0 {
			return f, fmt.Errorf("the event has no field %s", known[0])
		}
		one := found[known[at]]
		if !slices.Contains([]int{1, 2, 4, 8}, one.size) {
			return f, fmt.Errorf("the event's field %s has %d bytes", known[at], one.size)
		}
		f.fields = append(f.fields, one)
	}
	return f, nil
}

// maxPage is the most bytes of a page that are believed. A page is one of the machine's, at most 64 KiB, unless
// buffer_subbuf_size_kb says otherwise.
const maxPage = 1 << 20

// parseFields returns the fields of a format file. None lies beyond maxPage.
func parseFields(text []byte) (map[string]field, error) {
	all := map[string]field{}
	for _, m := range formatField.FindAllSubmatch(text, -1) {
		offset, errOffset := strconv.ParseUint(string(m[2]), 10, 32)
		size, errSize := strconv.ParseUint(string(m[3]), 10, 32)
		if err := errors.Join(errOffset, errSize); err != nil || offset+size > maxPage {
			return nil, fmt.Errorf("field %s of a format lies at %s and has %s bytes", m[1], m[2], m[3])
		}
		all[string(m[1])] = field{int(offset), int(size)}
	}
	return all, nil
}

// values reads the fields of an event; ok is false if it is too short.
func (f *format) values(p []byte, into []uint64) (ok bool) {
	for i, at := range f.fields {
		if at.offset+at.size > len(p) {
			return false
		}
		switch b := p[at.offset:]; at.size {
		case 1:
			into[i] = uint64(b[0])
		case 2:
			into[i] = uint64(binary.NativeEndian.Uint16(b))
		case 4:
			into[i] = uint64(binary.NativeEndian.Uint32(b))
		case 8:
			into[i] = binary.NativeEndian.Uint64(b)
		}
	}
	return true
}

// An Event is one attempt at a lock, of any file, or a step of a statement. File is not set yet: only who knows the files can tell.
type Event struct {
	lockstate.Event
	Device uint64 // major << 20 | minor, the kernel's dev_t

	Step *lockstate.Step // nil: an attempt at a lock
}

// Flags and results (include/linux/filelock.h).
const (
	flagClose = 64
	flagOFD   = 1024
)

// event reads an event; ok is false if it is too short or of another kind.
func (l *Layout) event(at int64, p []byte) (e Event, ok bool) {
	if len(p) < 2 {
		return e, false
	}
	id := binary.NativeEndian.Uint16(p)
	var v [fieldCount]uint64
	if id != l.lock.id {
		i := slices.IndexFunc(l.steps, func(f format) bool { return f.id == id })
		if i < 0 || !l.steps[i].values(p, v[:]) {
			return e, false
		}
		e.At = at
		e.Step = &lockstate.Step{At: at, TID: int(int32(v[stepTID])), Statement: v[stepStatement], Connection: v[stepConnection], SQL: text(p, v[stepSQL])}
		return e, true
	}
	if !l.lock.values(p, v[:]) {
		return e, false
	}
	e.Event = lockstate.Event{
		At: at, Inode: v[fieldInode], Owner: v[fieldOwner], PID: int(int32(v[fieldPID])), TID: int(int32(v[fieldTID])),
		First: int64(v[fieldStart]), Last: int64(v[fieldEnd]), Op: lockstate.Op(v[fieldType]),
		Refused: int32(v[fieldRet]) != 0, OFD: v[fieldFlags]&flagOFD != 0, Closed: v[fieldFlags]&flagClose != 0,
	}
	e.Device = v[fieldDevice]
	return e, true
}

// text reads a string of an event: where it lies is in the low half of a word, its length with a zero in the high one
// (__data_loc).
func text(p []byte, at uint64) string {
	begin, length := int(at&0xffff), int(at>>16&0xffff)
	if begin > len(p) || length > len(p)-begin {
		return ""
	}
	s, _, _ := bytes.Cut(p[begin:begin+length], []byte{0})
	return string(s)
}

// Types of entries in a page; 1 to 28 are events of four times as many bytes, 0 one whose length follows
// (include/linux/ring_buffer.h, enum ring_buffer_type).
const (
	entryPadding    = 29
	entryTimeExtend = 30
	entryTimeStamp  = 31
)

// Bits of a page's length (kernel/trace/ring_buffer.c).
const (
	missedEvents = 1 << 31
	missedStored = 1 << 30
	lengthMask   = 1<<20 - 1
)

// ErrPage is the error of a page that is not one of the kernel's.
var ErrPage = errors.New("a page of the kernel's ring buffer makes no sense")

// Page calls each with the events of a page, in order. It returns how many events were lost before the page: at least one if the kernel does
// not say how many.
func (l *Layout) Page(page []byte, each func(Event)) (lost int64, err error) {
	if len(page) < l.data {
		return 0, ErrPage
	}
	base := binary.NativeEndian.Uint64(page)
	commit := binary.NativeEndian.Uint32(page[l.commit:])
	length := int(commit & lengthMask)
	if l.data+length > len(page) {
		return 0, ErrPage
	}
	if commit&missedEvents != 0 {
		lost = 1
		if end := l.data + length; commit&missedStored != 0 && end+8 <= len(page) {
			lost = max(1, int64(binary.NativeEndian.Uint64(page[end:])))
		}
	}
	at, rest := base, page[l.data:l.data+length]
	for len(rest) >= 4 {
		head := binary.NativeEndian.Uint32(rest)
		kind, delta := head&31, uint64(head>>5)
		if kind == entryPadding && delta == 0 {
			return lost, nil // the rest of the page is empty
		}
		size := 4 + int(kind)*4 // of the entry
		if kind == 0 || kind >= entryPadding {
			if len(rest) < 8 {
				return lost, ErrPage
			}
			second := binary.NativeEndian.Uint32(rest[4:])
			switch kind {
			case 0, entryPadding:
				size = 4 + int(second&(lengthMask))
			case entryTimeExtend:
				at += delta + uint64(second)<<27
				rest = rest[8:]
				continue
			case entryTimeStamp: // of 59 bits; the others are those of the page
				at = base&^(1<<59-1) | uint64(second)<<27 | delta
				rest = rest[8:]
				continue
			}
		}
		at += delta
		if size < 8 || size > len(rest) {
			return lost, ErrPage
		}
		payload := rest[4:size]
		if kind == 0 {
			payload = rest[8:size]
		}
		if kind != entryPadding {
			if e, ok := l.event(int64(at), payload); ok {
				each(e)
			}
		}
		rest = rest[min(len(rest), (size+3)&^3):]
	}
	return lost, nil
}
