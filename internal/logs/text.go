package logs

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// A NoLogError says that what was read is no log, and what to do.
type NoLogError struct {
	Is   string // what it is: "a SQLite database"
	Hint string // may be empty
}

func (e *NoLogError) Error() string { return "not a log: it is " + e.Is }

// Text returns what r holds as lines of text: gzip is unpacked, and UTF-16 that
// begins with its byte order mark becomes UTF-8. It refuses what is no text with a
// NoLogError, so that nobody takes the silence of a binary for a log without refusals.
func Text(r io.Reader) (io.Reader, error) {
	in := bufio.NewReaderSize(r, sniffed)
	if _, err := in.Peek(2); err != nil && err != io.EOF {
		return nil, err
	}
	head, _ := in.Peek(min(in.Buffered(), sniffed)) // what has come: a pipe may not go on for long
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.begin)) {
			return nil, &NoLogError{m.is, m.hint}
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("unpack log: %w", err)
		}
		if _, again := r.(*gzip.Reader); again {
			return nil, &NoLogError{"gzip within gzip", "unpack it with: zcat FILE | zcat | contend logs -"}
		}
		return Text(unpacked)
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		return &utf16Reader{in: in, order: binary.LittleEndian}, nil
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		return &utf16Reader{in: in, order: binary.BigEndian}, nil
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, err := in.Discard(3)
		return in, err
	case startsList.Match(head):
		return &listReader{in: in}, nil
	}
	return in, suspect(bytes.TrimLeft(head, "\x00")) // a log that was cut off while it was written begins with a hole
}

// sniffed is how many bytes tell what a file is.
const sniffed = 4 << 10

// magics are begins of files that are no logs.
var magics = []struct{ begin, is, hint string }{
	{"SQLite format 3\x00", "a SQLite database", "give the log of a program that uses it"},
	{"LPKSHHRH", "a journal of systemd", "read it with: journalctl --file FILE -o short-iso | contend logs -"},
	{"\x28\xb5\x2f\xfd", "packed by zstd", "unpack it with: zstd -dc FILE | contend logs -"},
	{"\xfd7zXZ", "packed by xz", "unpack it with: xz -dc FILE | contend logs -"},
	{"BZh", "packed by bzip2", "unpack it with: bzip2 -dc FILE | contend logs -"},
	{"PK\x03\x04", "a zip archive", "unpack it with: unzip -p FILE | contend logs -"},
	{"\xff\xfe\x00\x00", "UTF-32", "convert it with: iconv -f UTF-32 -t UTF-8 FILE | contend logs -"},
	{"\x00\x00\xfe\xff", "UTF-32", "convert it with: iconv -f UTF-32 -t UTF-8 FILE | contend logs -"},
}

// suspect returns an error where the begin of a file cannot be a log's.
func suspect(head []byte) error {
	var zeros [2]int // at even places, at odd ones
	controls := 0
	for i, c := range head {
		if c == 0 {
			zeros[i%2]++
		} else if c < ' ' && !bytes.ContainsRune([]byte("\t\n\r\b\f\a\x1b"), rune(c)) {
			controls++
		}
	}
	if half := len(head) / 2; half >= 8 && max(zeros[0], zeros[1]) > half*3/4 && min(zeros[0], zeros[1]) < half/4 {
		from := "UTF-16LE"
		if zeros[0] > zeros[1] {
			from = "UTF-16BE"
		}
		return &NoLogError{"UTF-16 without a byte order mark", "convert it with: iconv -f " + from + " -t UTF-8 FILE | contend logs -"}
	}
	if 20*(zeros[0]+zeros[1]+controls) > len(head) { // a twentieth: even a log with some dirt has less
		return &NoLogError{"binary", "give a log in text"}
	}
	return nil
}

// A utf16Reader turns UTF-16 into UTF-8.
type utf16Reader struct {
	in    *bufio.Reader
	order binary.ByteOrder
	high  rune // half of a pair
	rest  []byte
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.rest) == 0 {
		u.rest = u.rest[:0]
		var unit [2]byte
		if _, err := io.ReadFull(u.in, unit[:]); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = io.EOF // half a unit at the end says nothing
			}
			return 0, err
		}
		r := rune(u.order.Uint16(unit[:]))
		switch {
		case r == 0xfeff: // the mark
			continue
		case u.high != 0:
			r, u.high = utf16.DecodeRune(u.high, r), 0
		case utf16.IsSurrogate(r):
			u.high = r
			continue
		}
		u.rest = utf8.AppendRune(u.rest, r)
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	for n+utf8.UTFMax <= len(p) && u.in.Buffered() >= 2 && u.high == 0 { // what is there already
		unit, _ := u.in.Peek(2)
		r := rune(u.order.Uint16(unit))
		if utf16.IsSurrogate(r) || r == 0xfeff {
			break
		}
		_, _ = u.in.Discard(2)
		n += utf8.EncodeRune(p[n:], r)
	}
	return n, nil
}

// harmless returns at most limit bytes of s as valid UTF-8, without what a
// terminal would obey: control characters, and marks that turn the direction
// of writing.
func harmless(s string, limit int) string {
	s = s[:min(len(s), limit+utf8.UTFMax)] // the loop ends sooner
	var b []byte
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			r = unicode.ReplacementChar
		}
		if len(b)+utf8.RuneLen(r) > limit {
			break
		}
		b = utf8.AppendRune(b, r)
	}
	return string(b)
}

// uncolored appends line to buf, without ANSI's control sequences (ESC [ … letter),
// which docker-compose 1.29 writes even into a pipe.
func uncolored(buf, line []byte) []byte {
	before, rest, found := bytes.Cut(line, csi)
	buf = append(buf, before...)
	for found {
		end := 0
		for end < len(rest) && 0x20 <= rest[end] && rest[end] < 0x40 {
			end++
		}
		before, rest, found = bytes.Cut(rest[min(end+1, len(rest)):], csi)
		buf = append(buf, before...)
	}
	return buf
}

// csi introduces a control sequence (ECMA-48).
var csi = []byte("\x1b[")
