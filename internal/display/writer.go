package display

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"unicode/utf8"
)

// A Writer passes text on with what a terminal would obey written out, but for line feeds
// and tabs: "\u001b" for the escape character, as JSON has it, so that a JSON document stays
// the same document; "\x9b" for a byte that is no UTF-8. It may be used by any goroutine.
type Writer struct {
	mu     sync.Mutex
	to     io.Writer
	redact bool
	rest   []byte // begins a character that the next write ends
	err    error  // the first of to
}

// NewWriter returns a Writer to w. With redact it leaves out passwords, too, of text that
// comes in one write.
func NewWriter(w io.Writer, redact bool) *Writer { return &Writer{to: w, redact: redact} }

// Write writes p. After an error it writes nothing more, and returns the error again.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := p
	if len(w.rest) > 0 {
		text = append(w.rest, p...)
	}
	whole := len(text) - cut(text)
	w.rest = bytes.Clone(text[whole:])
	w.write(text[:whole])
	if w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// Flush writes the beginning of a character whose end never came, and returns the first
// error of all writes.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.write(w.rest)
	w.rest = nil
	return w.err
}

// Unwrap returns what w writes to: for what has made its text harmless itself, and colours it.
func (w *Writer) Unwrap() io.Writer { return w.to }

func (w *Writer) write(text []byte) {
	if w.err != nil || len(text) == 0 {
		return
	}
	if w.redact {
		text = []byte(Redact(string(text)))
	}
	_, w.err = w.to.Write(escape(text))
}

// cut returns how many bytes at the end of text begin a character that is not over.
func cut(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if last := text[len(text)-n:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return n
		}
	}
	return 0
}

// escape returns text itself where nothing in it has to be written out.
func escape(text []byte) []byte {
	var safe []byte
	kept := 0 // up to where text is in safe
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c < 0x7f || c == '\n' || c == '\t' {
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			safe = fmt.Appendf(append(safe, text[kept:i]...), `\x%02x`, c)
			kept = i + 1
		case Obeyed(r):
			safe = fmt.Appendf(append(safe, text[kept:i]...), `\u%04x`, r)
			kept = i + size
		}
		i += size
	}
	if kept == 0 {
		return text
	}
	return append(safe, text[kept:]...)
}
