package history

import (
	"bufio"
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
	if err := op.validate(); err != nil {
		return fmt.Errorf("write op %d: %w", w.n, err)
	}
	w.line = append(appendOp(w.line[:0], &op), '\n')
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

// appendOp appends op as one JSON object, without the fields that say nothing.
func appendOp(b []byte, op *Op) []byte {
	b = strconv.AppendInt(append(b, `{"index":`...), int64(op.Index), 10)
	b = strconv.AppendInt(append(b, `,"process":`...), int64(op.Process), 10)
	b = appendText(b, `,"node":`, op.Node)
	b = appendString(append(b, `,"op":`...), op.Func)
	b = appendString(append(b, `,"key":`...), op.Key)
	b = appendText(b, `,"to":`, op.To)
	b = appendNumber(b, `,"amount":`, op.Amount)
	if op.Value.Valid {
		b = strconv.AppendInt(append(b, `,"value":`...), op.Value.Int64, 10)
	}
	b = strconv.AppendInt(append(b, `,"intended":`...), int64(op.Intended), 10)
	b = strconv.AppendInt(append(b, `,"invoked":`...), int64(op.Invoked), 10)
	b = strconv.AppendInt(append(b, `,"returned":`...), int64(op.Returned), 10)
	b = appendNumber(b, `,"attempts":`, int64(op.Attempts))
	b = appendString(append(b, `,"outcome":`...), op.Outcome.String())
	b = appendNumber(b, `,"status":`, int64(op.Status))
	b = appendText(b, `,"code":`, op.Code)
	b = appendText(b, `,"extended":`, op.Extended)
	return append(b, '}')
}

func appendNumber(b []byte, name string, n int64) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendInt(append(b, name...), n, 10)
}

func appendText(b []byte, name, s string) []byte {
	if s == "" {
		return b
	}
	return appendString(append(b, name...), s)
}

// appendString appends s as a JSON string (RFC 8259, section 7). JSON cannot
// hold bytes that are not UTF-8: each becomes U+FFFD, as in encoding/json.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	done := 0 // s[:done] has been appended
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			if r, size := utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		b = appendEscape(append(b, s[done:i]...), c)
		i++
		done = i
	}
	return append(append(b, s[done:]...), '"')
}

// appendEscape appends a byte that may not stand in a JSON string as it is.
func appendEscape(b []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch {
	case c >= utf8.RuneSelf:
		return append(b, "\uFFFD"...)
	case c == '"' || c == '\\':
		return append(b, '\\', c)
	case c == '\n':
		return append(b, `\n`...)
	case c == '\r':
		return append(b, `\r`...)
	case c == '\t':
		return append(b, `\t`...)
	default:
		return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
	}
}
