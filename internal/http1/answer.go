package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"
	"slices"
	"strconv"
)

// MaxHead is the most bytes of the lines of one answer, those of 1xx answers
// before it and of trailers included.
const MaxHead = 32 << 10

// ErrBad is the error of an answer that is not HTTP/1.x as this package reads
// it, or that exceeds its limits.
var ErrBad = errors.New("answer is not HTTP/1.x or is too large")

// An Answer reads one answer after another: first [Answer.ReadHead], then the
// body, either through Read or with ReadAll. It is strict where two readers might
// disagree about where an answer ends: folded headers, line feeds alone, repeated
// or combined lengths, other transfer codings
// (https://www.rfc-editor.org/rfc/rfc9112).
type Answer struct {
	Status int
	Length int64 // of the body in bytes, by the header; -1 without a Content-Length. HEAD, 204, 304: of the body that is not sent
	Close  bool  // the connection takes no request after this answer

	in      *bufio.Reader
	fields  []byte // "name:value\n" for each header field
	lines   int    // bytes that lines may still have
	http10  bool
	chunked bool
	left    int64 // bytes of the body, or of the current chunk, still to be read; -1: up to the end of the stream
}

// ReadHead reads the head of the next answer in in, which answers a request of
// the method. Answers with a 1xx status before it are skipped. A line must fit in
// in's buffer. The error is ErrBad, the error of in, or io.ErrUnexpectedEOF if
// the stream ends too early.
func (a *Answer) ReadHead(in *bufio.Reader, method string) error {
	*a = Answer{in: in, fields: a.fields, lines: MaxHead}
	for a.Status < 200 {
		a.fields, a.Length, a.chunked = a.fields[:0], -1, false
		line, err := a.line()
		if err == nil {
			err = a.statusLine(line)
		}
		for err == nil {
			if line, err = a.line(); len(line) == 0 {
				break
			}
			err = a.field(line)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case a.chunked && (a.http10 || a.Length >= 0):
		return ErrBad
	case method == "HEAD" || a.Status == 204 || a.Status == 304:
		a.chunked = false
	case a.chunked:
	case a.Length < 0:
		a.left, a.Close = -1, true
	default:
		a.left = a.Length
	}
	return nil
}

// line returns the next line without its end. It is valid until the next read.
func (a *Answer) line() ([]byte, error) {
	line, err := a.in.ReadSlice('\n')
	switch err {
	case nil:
	case bufio.ErrBufferFull:
		return nil, ErrBad
	default:
		return nil, whole(err)
	}
	a.lines -= len(line)
	line, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok || a.lines < 0 {
		return nil, ErrBad
	}
	return line, nil
}

// whole turns the end of the stream into an error: it came within an answer.
func whole(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// statusLine reads "HTTP/1.1 200 OK".
func (a *Answer) statusLine(line []byte) error {
	const version = len("HTTP/1.")
	const digits = version + 2
	if len(line) < digits+3 || string(line[:version]) != "HTTP/1." || line[digits-1] != ' ' ||
		len(line) > digits+3 && line[digits+3] != ' ' || line[version] != '0' && line[version] != '1' {
		return ErrBad
	}
	a.http10 = line[version] == '0'
	a.Close = a.http10
	a.Status = int(number(line[digits:digits+3], 10))
	if a.Status < 100 || a.Status == 101 { // no request asks to switch protocols
		return ErrBad
	}
	return nil
}

// field notes a line of the header.
func (a *Answer) field(line []byte) error {
	name, value, err := cutField(line)
	if err != nil {
		return err
	}
	switch {
	case is(name, "Content-Length"):
		n := number(value, 10)
		if n < 0 || a.Length >= 0 {
			return ErrBad
		}
		a.Length = n
	case is(name, "Transfer-Encoding"):
		if a.chunked || !is(value, "chunked") {
			return ErrBad
		}
		a.chunked = true
	case is(name, "Connection"):
		for option := range bytes.SplitSeq(value, []byte(",")) {
			a.Close = a.Close || is(trim(option), "close")
		}
	}
	a.fields = append(append(append(append(a.fields, name...), ':'), value...), '\n')
	return nil
}

// cutField cuts "Name: value".
func cutField(line []byte) (name, value []byte, err error) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || !isToken(name) || hasControl(value) {
		return nil, nil, ErrBad
	}
	return name, trim(value), nil
}

// trim returns s without the blanks around it. bytes.Trim takes ten times as long.
func trim(s []byte) []byte {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for len(s) > 0 && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// Fields yields the name and the value of each header field as the server wrote
// them. They are valid until the next ReadHead.
func (a *Answer) Fields() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for rest := a.fields; len(rest) > 0; {
			colon, end := bytes.IndexByte(rest, ':'), bytes.IndexByte(rest, '\n')
			if !yield(rest[:colon], rest[colon+1:end]) {
				return
			}
			rest = rest[end+1:]
		}
	}
}

// Field returns the value of the first header field with the name, in any case;
// nil if there is none.
func (a *Answer) Field(name string) []byte {
	for n, value := range a.Fields() {
		if is(n, name) {
			return value
		}
	}
	return nil
}

// Read reads the body. io.EOF means that the whole answer has been read, and
// the connection is at the next one unless Close is set.
func (a *Answer) Read(p []byte) (int, error) {
	if a.left == 0 {
		if !a.chunked {
			return 0, io.EOF
		}
		if err := a.nextChunk(); err != nil {
			return 0, err
		}
	}
	if a.left < 0 { // up to the end of the stream
		return a.in.Read(p)
	}
	n, err := a.in.Read(p[:min(int64(len(p)), a.left)])
	a.left -= int64(n)
	if err == nil && a.left == 0 && a.chunked {
		var end []byte
		if end, err = a.line(); len(end) > 0 {
			err = ErrBad
		}
	}
	return n, whole(err)
}

// nextChunk reads the line before a chunk, and the trailers if it is the last
// one: then it returns io.EOF.
func (a *Answer) nextChunk() error {
	line, err := a.line()
	if err != nil {
		return err
	}
	digits, _, _ := bytes.Cut(line, []byte(";"))
	n := number(bytes.TrimRight(digits, " \t"), 16)
	if n < 0 {
		return ErrBad
	}
	if a.left = n; n > 0 {
		a.lines = int(min(MaxHead, int64(a.lines)+16+n)) // a long body may have many chunks, but not tiny ones with long lines
		return nil
	}
	for {
		line, err := a.line()
		if err != nil {
			return err
		}
		if len(line) == 0 {
			a.chunked = false
			return io.EOF
		}
		if _, _, err := cutField(line); err != nil {
			return err
		}
	}
}

// ReadUpTo appends the body to b, but stops after more than most bytes; the rest
// is for Read. Whole reports that it did not stop.
func (a *Answer) ReadUpTo(b []byte, most int) (_ []byte, whole bool, err error) {
	for end := len(b) + most; len(b) <= end; {
		b = slices.Grow(b, int(min(max(a.left, 512), int64(end+1-len(b)))))
		n, err := a.Read(b[len(b):min(cap(b), end+1)])
		b = b[:len(b)+n]
		switch {
		case err == io.EOF:
			return b, true, nil
		case err != nil:
			return b, false, err
		}
	}
	return b, false, nil
}

// ReadAll appends the whole body to b. A body above most bytes is ErrBad.
func (a *Answer) ReadAll(b []byte, most int) ([]byte, error) {
	if a.left > int64(most) {
		return b, ErrBad
	}
	b, whole, err := a.ReadUpTo(b, most)
	if err == nil && !whole {
		err = ErrBad
	}
	return b, err
}

// number returns the number that digits stand for, -1 if they are none or the
// number needs more than 63 bits. A sign is no digit.
func number(digits []byte, base int) int64 {
	n, err := strconv.ParseUint(string(digits), base, 63)
	if err != nil {
		return -1
	}
	return int64(n)
}

// is reports whether s is the word, in ASCII letters of either case.
func is(s []byte, word string) bool {
	return len(s) == len(word) && bytes.EqualFold(s, []byte(word))
}

// isToken reports whether s can be the name of a header field
// (https://www.rfc-editor.org/rfc/rfc9110#name-tokens).
func isToken(s []byte) bool {
	for _, c := range s {
		if !tokenChars[c] {
			return false
		}
	}
	return len(s) > 0
}

var tokenChars = func() (set [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		set[c] = true
	}
	return set
}()

// hasControl reports whether s has control characters, which no value of a
// field may have (https://www.rfc-editor.org/rfc/rfc9110#name-field-values).
func hasControl(s []byte) bool {
	for _, c := range s {
		if c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}
