// Package jsonlimit bounds JSON that somebody else may have written before it is decoded,
// so that what it decodes to is bounded, too.
package jsonlimit

import (
	"fmt"
	"io"

	"example.com/contend/internal/units"
)

// Limits are the most that a document may have.
type Limits struct {
	Bytes  int64
	Depth  int // of objects and lists in one another
	String int // bytes of a string or a name, as they are written
	Values int // in all; an empty object or list may count as two
}

// Read reads r to its end, and returns an error where the document has more than l allows.
// Whether it is JSON at all is for the decoder to say.
func (l Limits) Read(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, l.Bytes+1))
	if err != nil {
		return nil, err
	}
	return data, l.Check(data)
}

// Check returns an error that names the first limit that data exceeds. Data that is no JSON
// it need not judge: the decoder refuses it.
func (l Limits) Check(data []byte) error {
	if int64(len(data)) > l.Bytes {
		return fmt.Errorf("it is longer than %s bytes, which is the most", units.Count(l.Bytes))
	}
	depth, values := 0, 1
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			n := stringLength(data[i+1:])
			if n > l.String {
				return fmt.Errorf("it has a string of %s bytes, and %s are the most", units.Count(int64(n)), units.Count(int64(l.String)))
			}
			i += n + 1
		case '{', '[':
			depth++
			values++
		case '}', ']':
			depth--
		case ',':
			values++
		}
		if depth > l.Depth {
			return fmt.Errorf("its objects and lists are more than %d deep, which is the most", l.Depth)
		}
		if values > l.Values {
			return fmt.Errorf("it has more than %s values, which is the most", units.Count(int64(l.Values)))
		}
	}
	return nil
}

// stringLength returns the bytes of text up to the quotation mark that ends a string.
func stringLength(text []byte) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i
		case '\\':
			i++ // what is escaped ends no string
		}
	}
	return len(text)
}
