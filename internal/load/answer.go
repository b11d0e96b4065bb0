package load

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"

	"example.com/contend/internal/api"
)

// Bounds of an answer, in bytes.
const (
	maxLine = 4 << 10  // one line of a head or a chunk's size
	maxHead = 32 << 10 // all lines of an answer but the body, 1xx answers included
	maxBody = 1 << 20
)

// errBadAnswer is what is wrong with an answer that is not HTTP/1.x as this
// package understands it, or out of bounds.
var errBadAnswer = errors.New("answer is not HTTP")

// An answer is an HTTP answer, read whole.
type answer struct {
	status   int
	attempts int // [api.HeaderAttempts], 0 where it is missing or no number
	body     []byte
	keep     bool // the server keeps the connection open
}

// readAnswer reads one answer to a GET or POST
// (https://www.rfc-editor.org/rfc/rfc9112). It is strict where two readers
// might disagree on where the answer ends: folded headers, repeated or
// combined lengths, other transfer codings. It uses body's room for the body.
// The error is errBadAnswer or what reading gave; an answer that breaks off is
// io.ErrUnexpectedEOF.
func readAnswer(in *bufio.Reader, body []byte) (answer, error) {
	r := answerReader{in: in, left: maxHead}
	var h head
	for h.status < 200 { // a 1xx answer comes before the answer
		var err error
		if h, err = r.head(); err != nil {
			return answer{}, whole(err)
		}
	}
	body, err := r.body(h, body[:0])
	if err != nil {
		return answer{}, whole(err)
	}
	return answer{status: h.status, attempts: h.attempts, body: body, keep: !h.close && !h.untilEOF()}, nil
}

// whole makes of an end of file what it is in the middle of an answer.
func whole(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// A head is what matters of an answer's status line and headers.
type head struct {
	status   int
	attempts int
	length   int // of the body; -1 where it was not told
	chunked  bool
	close    bool
	old      bool // HTTP/1.0
}

// empty reports whether the status forbids a body.
func (h *head) empty() bool { return h.status == 204 || h.status == 304 }

// untilEOF reports whether the body ends where the connection does.
func (h *head) untilEOF() bool { return h.length < 0 && !h.chunked && !h.empty() }

// An answerReader reads the parts of one answer.
type answerReader struct {
	in   *bufio.Reader
	left int // bytes that lines may still have
}

// line returns the next line without its end, valid until the next read.
func (r *answerReader) line() ([]byte, error) {
	line, err := r.in.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		return nil, errBadAnswer
	}
	if err != nil {
		return nil, err
	}
	if r.left -= len(line); r.left < 0 {
		return nil, errBadAnswer
	}
	line, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return nil, errBadAnswer
	}
	return line, nil
}

// head reads a status line and the headers after it.
func (r *answerReader) head() (head, error) {
	line, err := r.line()
	if err != nil {
		return head{}, err
	}
	h := head{length: -1}
	if err := h.statusLine(line); err != nil {
		return head{}, err
	}
	for {
		line, err := r.line()
		if err != nil {
			return head{}, err
		}
		if len(line) == 0 {
			break
		}
		if err := h.header(line); err != nil {
			return head{}, err
		}
	}
	if h.chunked && (h.old || h.length >= 0) {
		return head{}, errBadAnswer
	}
	return h, nil
}

// statusLine reads "HTTP/1.1 200 OK".
func (h *head) statusLine(line []byte) error {
	const proto = "HTTP/1."
	const digits = len(proto) + 2
	if len(line) < digits+3 || string(line[:len(proto)]) != proto || line[digits-1] != ' ' ||
		len(line) > digits+3 && line[digits+3] != ' ' {
		return errBadAnswer
	}
	switch line[len(proto)] {
	case '0':
		h.old, h.close = true, true
	case '1':
	default:
		return errBadAnswer
	}
	h.status = number(line[digits:digits+3], 10)
	if h.status < 100 || h.status == 101 { // nobody asked to switch protocols
		return errBadAnswer
	}
	return nil
}

// field cuts "Name: value".
func field(line []byte) (name, value []byte, err error) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || !isToken(name) || hasControl(value) {
		return nil, nil, errBadAnswer
	}
	return name, trim(value), nil
}

// header notes what a header says.
func (h *head) header(line []byte) error {
	name, value, err := field(line)
	if err != nil {
		return err
	}
	switch {
	case is(name, "Content-Length"):
		n := number(value, 10)
		if n < 0 || n > maxBody || h.length >= 0 {
			return errBadAnswer
		}
		h.length = n
	case is(name, "Transfer-Encoding"):
		if h.chunked || !is(value, "chunked") {
			return errBadAnswer
		}
		h.chunked = true
	case is(name, "Connection"):
		for option := range bytes.SplitSeq(value, []byte(",")) {
			h.close = h.close || is(trim(option), "close")
		}
	case is(name, api.HeaderAttempts):
		h.attempts = max(number(value, 10), 0)
	}
	return nil
}

// body reads the body that h announces and appends it to b.
func (r *answerReader) body(h head, b []byte) ([]byte, error) {
	switch {
	case h.empty():
		return b, nil
	case h.chunked:
		return r.chunks(b)
	case h.length >= 0:
		return r.append(b, h.length)
	default:
		return r.rest(b)
	}
}

// append appends the next n bytes to b.
func (r *answerReader) append(b []byte, n int) ([]byte, error) {
	if len(b)+n > maxBody {
		return nil, errBadAnswer
	}
	b = slices.Grow(b, n)
	b = b[:len(b)+n]
	_, err := io.ReadFull(r.in, b[len(b)-n:])
	return b, err
}

// rest appends all bytes up to the end of the connection to b.
func (r *answerReader) rest(b []byte) ([]byte, error) {
	buf := bytes.NewBuffer(b)
	n, err := buf.ReadFrom(io.LimitReader(r.in, maxBody+1))
	if err == nil && n > maxBody {
		err = errBadAnswer
	}
	return buf.Bytes(), err
}

// chunks appends the data of all chunks to b, and reads over the trailers.
func (r *answerReader) chunks(b []byte) ([]byte, error) {
	for {
		line, err := r.line()
		if err != nil {
			return nil, err
		}
		digits, _, _ := bytes.Cut(line, []byte(";"))
		n := number(bytes.TrimRight(digits, " \t"), 16)
		if n < 0 {
			return nil, errBadAnswer
		}
		if n == 0 {
			return b, r.trailers()
		}
		if b, err = r.append(b, n); err != nil {
			return nil, err
		}
		if end, err := r.line(); err != nil {
			return nil, err
		} else if len(end) > 0 {
			return nil, errBadAnswer
		}
	}
}

// trailers reads the fields after the last chunk, and heeds none.
func (r *answerReader) trailers() error {
	for {
		line, err := r.line()
		if err != nil || len(line) == 0 {
			return err
		}
		if _, _, err := field(line); err != nil {
			return err
		}
	}
}

// number returns the number that digits say, -1 where they say none or one of
// more than 31 bits. Unlike package strconv it takes no sign.
func number(digits []byte, base int) int {
	if len(digits) == 0 || digits[0] == '+' || digits[0] == '-' {
		return -1
	}
	n, err := strconv.ParseInt(string(digits), base, 32)
	if err != nil {
		return -1
	}
	return int(n)
}

// trim returns s without the blanks around it.
func trim(s []byte) []byte {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for len(s) > 0 && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// is reports whether s is word, in ASCII letters of either case.
func is(s []byte, word string) bool {
	return len(s) == len(word) && bytes.EqualFold(s, []byte(word))
}

// isToken reports whether s can be a header's name.
func isToken(s []byte) bool {
	for _, c := range s {
		if !tokenChars[c] {
			return false
		}
	}
	return len(s) > 0
}

// hasControl reports whether s has control characters, which no value of a
// header may have (https://www.rfc-editor.org/rfc/rfc9110#name-field-values).
func hasControl(s []byte) bool {
	for _, c := range s {
		if c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

// tokenChars are the characters of a token (https://www.rfc-editor.org/rfc/rfc9110#name-tokens).
var tokenChars = func() (set [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		set[c] = true
	}
	return set
}()
