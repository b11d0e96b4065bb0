package history

import (
	"strings"
	"testing"
)

// A history has an end, and so has each of its parts.
func TestReaderIsBounded(t *testing.T) {
	const line = `{"op":"read","key":"k","outcome":"ok"}` + "\n"
	for name, c := range map[string]struct {
		text string
		want string // "" where it is read
	}{
		"as many as may be":      {strings.Repeat(line, 3), ""},
		"one more":               {strings.Repeat(line, 4), "h:4: a history has at most 5000000 operations"},
		"bytes that are no ops":  {strings.Repeat("\n", 1000), "h:201: a history has at most 1073741824 bytes"},
		"bytes that one op has":  {strings.Repeat(" ", 500), "h:1: a history has at most"},
		"a line that has no end": {strings.Repeat("x", MaxLine+3), "h:1: line is longer than 1048576 bytes"},
	} {
		r := NewReader(strings.NewReader(c.text), "h")
		r.maxOps, r.maxBytes = 3, 200
		for range r.Ops() {
		}
		if err := r.Err(); (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if r := NewReader(strings.NewReader(""), "h"); r.maxOps != MaxOps || r.maxBytes != MaxBytes {
		t.Errorf("a reader is bounded by %d ops and %d bytes", r.maxOps, r.maxBytes)
	}
}
