// Package logs counts what programs wrote about SQLite: which requests it
// refused and what else went wrong, by code, by container and over time.
//
// It reads one line at a time. [Parse] reads a line of any program: a node of
// contend, one behind the prefix that docker-compose puts before it, or a program
// that only prints "database is locked". A [Tally] adds lines up in a bounded
// amount of memory, and [Tally.Summary] is the answer.
//
// A line counts once, whatever it names. An error that a program writes over
// several lines counts as often as it is named in them.
package logs

import (
	"bufio"
	"bytes"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Kind is the kind of a line. The zero Kind is Silent.
type Kind uint8

const (
	Silent  Kind = iota // neither of the others
	Refusal             // SQLite refused for now: BUSY, LOCKED or PROTOCOL
	Error               // something else failed, in SQLite or not
)

// Other is the code of an error that names none of SQLite's.
const Other = "OTHER"

// A Line is one line of a log. Its strings hold valid UTF-8 and nothing that a
// terminal would obey.
type Line struct {
	Kind      Kind
	Code      string    // the most extended result code in it, or Other; empty where Silent
	TimedOut  bool      // a refusal after a node had waited its whole busy_timeout
	Time      time.Time // when, in UTC; zero where it has no time
	Container string    // in the line itself; may be empty
	Prefix    string    // the container in docker-compose's prefix; may be empty
	Text      string    // its message, cut short; empty where Silent
}

// Bounds of what is kept, in bytes but for maxNames.
const (
	MaxLine  = 64 << 10 // the rest of a longer line is not looked at
	maxName  = 100      // of a container
	maxText  = 160
	maxNames = 500 // containers and codes that are told apart
)

// Read adds every line of r to t. Source is the name that lines are counted
// under which name no container. An error of r is returned as it is, with
// what came before it counted.
func (t *Tally) Read(r io.Reader, source string) error {
	source = harmless(source, maxName)
	t.logs++
	in := bufio.NewReaderSize(r, MaxLine)
	for {
		line, err := in.ReadSlice('\n')
		cut := err == bufio.ErrBufferFull
		if cut {
			t.cut++
		}
		if len(line) > 0 {
			t.Add(Parse(line), source)
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

// harmless returns at most limit bytes of s as valid UTF-8, without what a
// terminal would obey: control characters, and marks that turn the direction
// of writing.
func harmless(s string, limit int) string {
	s = s[:min(len(s), limit+utf8.UTFMax)] // the loop ends sooner
	var b strings.Builder
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			r = unicode.ReplacementChar
		}
		if b.Len()+utf8.RuneLen(r) > limit {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

// uncolored returns line without ANSI's control sequences (ESC [ … letter),
// which docker-compose 1.29 writes even into a pipe.
func uncolored(line []byte) []byte {
	before, rest, found := bytes.Cut(line, csi)
	if !found {
		return line
	}
	plain := slices.Clone(before)
	for found {
		end := 0
		for end < len(rest) && 0x20 <= rest[end] && rest[end] < 0x40 {
			end++
		}
		before, rest, found = bytes.Cut(rest[min(end+1, len(rest)):], csi)
		plain = append(plain, before...)
	}
	return plain
}

// csi introduces a control sequence (ECMA-48).
var csi = []byte("\x1b[")
