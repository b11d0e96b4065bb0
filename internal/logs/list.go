package logs

import (
	"bufio"
	"regexp"
)

// startsList matches the begin of a JSON list of objects, or of an object around
// one, that is set over several lines: gcloud logging read --format json,
// aws logs filter-log-events, az.
var startsList = regexp.MustCompile(`^\s*(\[|\{\s*\n\s*"[A-Za-z]+"\s*:\s*\[)\s*\{\s*"`)

// A listReader turns such a list into a line for each of its objects. What follows
// the list and is no other is read as it is.
type listReader struct {
	in       *bufio.Reader
	depth    int // of lists and objects
	list     int // the depth of the list's objects; 0 outside one
	inString bool
	escaped  bool
	plain    bool // no list any more
}

func (l *listReader) Read(p []byte) (int, error) {
	n := 0
	for n+2 <= len(p) {
		if l.plain {
			if n > 0 {
				return n, nil
			}
			return l.in.Read(p)
		}
		if n > 0 && l.in.Buffered() == 0 { // do not wait with what is there
			return n, nil
		}
		c, err := l.in.ReadByte()
		if err != nil {
			return n, err
		}
		keep, end := l.step(c)
		if keep {
			p[n] = c
			n++
		}
		if end {
			p[n] = '\n'
			n++
		}
	}
	return n, nil
}

// step reads a byte, and reports whether it belongs to an object of the list, and
// whether the object ends with it.
func (l *listReader) step(c byte) (keep, end bool) {
	inside := l.list > 0 && l.depth > l.list
	if l.inString {
		switch {
		case l.escaped:
			l.escaped = false
		case c == '\\':
			l.escaped = true
		case c == '"':
			l.inString = false
		}
		return inside, false
	}
	switch c {
	case ' ', '\t', '\r', '\n':
		return false, false
	case '"':
		l.inString = true
	case '[', '{':
		if l.depth++; l.list == 0 {
			if c == '[' {
				l.list = l.depth
			}
			return false, false
		}
		return true, false
	case ']', '}':
		l.depth--
		if l.depth < l.list {
			l.list = 0
			return false, false
		}
		return inside, l.depth == l.list && inside
	default:
		if l.depth == 0 {
			l.plain = true
			return true, false
		}
	}
	return inside, false
}
