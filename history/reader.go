package history

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

// What a [Reader] takes at most: so much can be judged in less than 3 GB of memory,
// whatever it says.
const (
	MaxLine  = 1 << 20   // bytes of a line without its end
	MaxOps   = 5_000_000 // of a history
	MaxBytes = 1 << 30   // of a history
)

// ErrTruncated is in the error of a history whose last line was cut off, as a
// recorder that was killed leaves it. The ops before that line are sound.
var ErrTruncated = errors.New("the last line is cut off")

var (
	errLongLine = fmt.Errorf("line is longer than %d bytes", MaxLine)
	errManyOps  = fmt.Errorf("a history has at most %d operations: judge it key by key, or a shorter time", MaxOps)
	errLong     = fmt.Errorf("a history has at most %d bytes: judge it key by key, or a shorter time", MaxBytes)
)

// An Error says where a history cannot be read, and why.
type Error struct {
	Name   string // of the history, as given to NewReader
	Line   int    // from 1
	Column int    // in bytes from 1, where the line is not JSON; else 0
	Field  string // the field at fault; empty where it is the line as a whole
	Err    error
}

// Error returns "name:line: field: cause", as editors and compilers write places.
func (e *Error) Error() string {
	place := fmt.Sprintf("%s:%d", e.Name, e.Line)
	if e.Column > 0 {
		place = fmt.Sprintf("%s:%d", place, e.Column)
	}
	if e.Field != "" {
		place += ": " + e.Field
	}
	return place + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// A Reader reads a history op by op, in constant memory. It may be used by one
// goroutine at a time.
type Reader struct {
	in    *bufio.Reader
	name  string
	line  int   // lines read
	bytes int64 // in these lines
	n     int   // ops read
	names names
	op    Op    // the last one read
	err   error // the first error, for ever; io.EOF at the end

	maxOps   int
	maxBytes int64
}

// NewReader returns a Reader of r. The name, usually a path, is only for
// errors. The Reader reads ahead; closing r is the caller's work.
func NewReader(r io.Reader, name string) *Reader {
	// A buffer of one line makes a line that does not fit a line that is too long.
	return &Reader{in: bufio.NewReaderSize(r, MaxLine+len("\r\n")), name: name, names: names{}, maxOps: MaxOps, maxBytes: MaxBytes}
}

// Next returns the next op, or [io.EOF] after the last. A line that is no op
// is an [*Error], one that was cut off at the end of the file is [ErrTruncated]
// as well, and an error of the underlying reader is that error with the name
// in front. After an error, Next returns the same error again.
func (r *Reader) Next() (Op, error) {
	if r.err == nil {
		r.err = r.next()
	}
	if r.err != nil {
		return Op{}, r.err
	}
	return r.op, nil
}

// Ops returns the ops that are left. It ends early at an error; see [Reader.Err].
func (r *Reader) Ops() iter.Seq[Op] {
	return func(yield func(Op) bool) {
		for {
			op, err := r.Next()
			if err != nil || !yield(op) {
				return
			}
		}
	}
}

// Err returns the error that ended the reading, or nil where all went well so far.
func (r *Reader) Err() error {
	if r.err == io.EOF {
		return nil
	}
	return r.err
}

func (r *Reader) next() error {
	for {
		line, whole, err := r.readLine()
		if err != nil {
			return err
		}
		if len(bytes.TrimLeft(line, " \t\r")) == 0 {
			continue
		}
		// What the quick parser does not know is for the thorough one, which also words the errors.
		r.op = Op{}
		given, ok := parseQuick(&r.op, line, r.names)
		if !ok {
			r.op = Op{}
			given, err = parseThorough(&r.op, line)
		}
		if err == nil {
			err = complete(&r.op, given, r.n)
		}
		if err != nil {
			return r.place(err, whole)
		}
		if r.n++; r.n > r.maxOps {
			return r.place(errManyOps, whole)
		}
		return nil
	}
}

// readLine returns the next line without its end, valid until the next call,
// and whether it had an end.
func (r *Reader) readLine() (line []byte, whole bool, err error) {
	line, err = r.in.ReadSlice('\n')
	switch {
	case err == nil:
		line, whole = line[:len(line)-1], true
	case err == io.EOF && len(line) > 0: // the last line need not end
	case err == bufio.ErrBufferFull:
		return nil, false, &Error{Name: r.name, Line: r.line + 1, Err: errLongLine}
	case err == io.EOF:
		return nil, false, io.EOF
	default:
		return nil, false, fmt.Errorf("read %s: %w", r.name, err)
	}
	r.line++
	if r.bytes += int64(len(line)) + 1; r.bytes > r.maxBytes {
		return nil, false, &Error{Name: r.name, Line: r.line, Err: errLong}
	}
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) > MaxLine {
		return nil, false, &Error{Name: r.name, Line: r.line, Err: errLongLine}
	}
	return line, whole, nil
}

// place turns an error of parse into one that says where.
func (r *Reader) place(err error, whole bool) error {
	e := &Error{Name: r.name, Line: r.line, Err: err}
	if f, is := errors.AsType[*fieldError](err); is {
		e.Field, e.Err = f.field.String(), f.err
	} else if s, is := errors.AsType[*syntaxError](err); is {
		e.Column, e.Err = s.column, s.err
	} else if errors.Is(err, io.ErrUnexpectedEOF) && !whole {
		e.Err = ErrTruncated
	}
	return e
}
