// Package logs counts what programs wrote about SQLite: which statements it
// refused and what else went wrong, by code, by container and over time.
//
// A log is read in stages, each in a file of its own. [Text] unpacks and decodes
// it (text.go). A line loses what collectors put around it (wrap.go, json.go), then
// what its program's logger put before its message (header.go, times.go).
// One pass finds all words that speak of a failure (words.go), and they
// give a code (codes.go). The lines of one container make up records (records.go):
// a failure counts once, whatever lines tell of it. A [Tally] adds records up
// in bounded memory (tally.go); [Tally.Summary] is the answer, and its advice says
// what the pattern speaks for (advice.go).
package logs

import (
	"bufio"
	"bytes"
	"io"
)

// Bounds of what is kept, in bytes but for maxNames.
const (
	MaxLine    = 64 << 10 // the rest of a longer line is not looked at
	maxName    = 100      // of a container
	maxText    = 160      // of an example
	maxNames   = 500      // containers that are told apart
	maxMatches = 256      // words of one line that are looked at
)

// Read adds every line of r to t. Source is the name that lines are counted
// under which name no container. An error of r is returned as it is, with
// what came before it counted. What has been read last may go on in what is read
// next of the same source; Summary counts it as it is.
func (t *Tally) Read(r io.Reader, source string) error {
	t.logs++
	in := bufio.NewReaderSize(r, MaxLine)
	for {
		raw, err := in.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			t.cut++
		}
		if len(raw) > 0 {
			t.add(raw, source)
		}
		for err == bufio.ErrBufferFull {
			_, err = in.ReadSlice('\n')
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// add reads a line of any program, with or without its end.
func (t *Tally) add(raw []byte, source string) {
	t.scratch = t.scratch[:0]
	if raw = bytes.TrimRight(raw, "\r\n"); bytes.IndexByte(raw, csi[0]) >= 0 {
		t.plain = uncolored(t.plain[:0], raw)
		raw = t.plain
	}
	l := &t.line
	l.unwrap(raw, &t.scratch)
	if cap(t.matches) == 0 {
		t.matches = make([]match, 0, maxMatches)
	}
	t.matches = words.find(l.text, t.matches[:0])
	var said telling
	if len(t.matches) > 0 {
		said = tell(l.text, t.matches)
	}
	t.count(l, &said, source)
}
