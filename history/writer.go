package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// A Writer appends ops to a history, one line each. It buffers: what was
// written is in the file after [Writer.Flush]. It may be used by one goroutine
// at a time.
type Writer struct {
	out  *bufio.Writer
	op   Op // the last one
	line []byte
	n    int
	err  error
}

// NewWriter returns a Writer that appends to w. Closing w is the caller's work.
func NewWriter(w io.Writer) *Writer {
	return &Writer{out: bufio.NewWriterSize(w, 64<<10)}
}

// Write appends one op. It refuses an op that [Reader] would refuse, and one
// whose line would be longer than [MaxLine]; nothing is written then, and
// writing may go on. An error of the underlying writer is returned by every
// later Write and Flush.
func (w *Writer) Write(op Op) error {
	if w.err != nil {
		return w.err
	}
	w.op = op // where it costs no allocation
	if err := w.op.validate(); err != nil {
		return fmt.Errorf("write op %d: %w", w.n, err)
	}
	w.line = append(appendOp(w.line[:0], &w.op), '\n')
	if len(w.line) > MaxLine+1 {
		return fmt.Errorf("write op %d: %w", w.n, errLongLine)
	}
	w.n++
	if _, err := w.out.Write(w.line); err != nil {
		w.err = fmt.Errorf("write history: %w", err)
	}
	return w.err
}

// Flush hands everything written so far to the underlying writer.
func (w *Writer) Flush() error {
	if w.err == nil {
		if err := w.out.Flush(); err != nil {
			w.err = fmt.Errorf("write history: %w", err)
		}
	}
	return w.err
}

// MarshalJSON returns the op as a line of a history, without the line's end.
func (op Op) MarshalJSON() ([]byte, error) {
	if err := op.validate(); err != nil {
		return nil, err
	}
	return appendOp(nil, &op), nil
}

// appendOp appends op as one JSON object, without the fields that are not given.
func appendOp(b []byte, op *Op) []byte {
	b = append(b, '{')
	for f := range fieldUnknown {
		r := &fields[f]
		if r.text != nil {
			if s := r.text(op); s != "" || r.always {
				b = appendString(appendName(b, r.name), s)
			}
		} else if n, given := r.number(op); given || r.always {
			b = strconv.AppendInt(appendName(b, r.name), n, 10)
		}
	}
	return append(b, '}')
}

func appendName(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(append(append(b, '"'), name...), `":`...)
}

// appendString appends s as a JSON string (RFC 8259, section 7). JSON cannot
// hold bytes that are not UTF-8: each becomes U+FFFD, as in encoding/json.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			var escaped bytes.Buffer
			encoder := json.NewEncoder(&escaped)
			encoder.SetEscapeHTML(false)
			_ = encoder.Encode(string([]rune(s))) // into memory: it cannot fail
			return append(b, bytes.TrimSuffix(escaped.Bytes(), []byte("\n"))...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
