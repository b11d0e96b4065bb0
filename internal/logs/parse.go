package logs

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"time"
)

// Parse says what a line means. It takes a line of any program, with or
// without its end.
func Parse(line []byte) Line {
	var l Line
	rest := bytes.TrimRight(uncolored(line), "\r\n")
	l.Prefix, rest = cutPrefix(rest)
	l.Time, rest = cutTime(rest)
	var e entry
	isEntry := bytes.HasPrefix(rest, []byte("{")) && e.decode(rest)
	if isEntry {
		l.Container = harmless(e.Container, maxName)
		if at, ok := parseTime(e.Time); ok {
			l.Time = at // when it happened, not when Docker heard of it
		}
	}
	lower := bytes.ToLower(rest)
	code, timedOut := findCode(rest)
	l.Code = cmp.Or(code, codeOfText(lower))
	switch {
	case refused(l.Code):
		l.Kind = Refusal
		l.TimedOut = timedOut || e.TimedOut
	case l.Code != "":
		l.Kind = Error
	case isEntry && e.isError(), !isEntry && namesError(lower):
		l.Kind, l.Code = Error, Other
	}
	if l.Kind != Silent {
		l.Text = harmless(e.text(rest), maxText)
	}
	return l
}

// An entry is a line of package log/slog's JSON handler, as far as it matters
// here. Other programs' entries share some of the names.
type entry struct {
	Time      string `json:"time"`
	Level     string `json:"level"`
	Msg       string `json:"msg"`
	Container string `json:"container"`
	Error     string `json:"error"`
	TimedOut  bool   `json:"timed_out"`
}

// decode reports whether text is a JSON object, and takes from it the fields
// that are what is expected of them: another program may mean something else
// by their names, and package json then leaves that one field out.
func (e *entry) decode(text []byte) bool {
	err := json.Unmarshal(text, e)
	var other *json.UnmarshalTypeError
	return err == nil || errors.As(err, &other)
}

// isError reports whether the entry's level is ERROR or worse, as slog and
// others spell it.
func (e *entry) isError() bool {
	level := strings.ToUpper(e.Level)
	for _, bad := range []string{"ERR", "FATAL", "PANIC", "CRIT"} {
		if strings.HasPrefix(level, bad) {
			return true
		}
	}
	return false
}

// text is what the entry says to people; a line that is no entry, or one
// without a message, speaks for itself.
func (e *entry) text(line []byte) string {
	switch {
	case e.Msg == "":
		return string(line)
	case e.Error == "":
		return e.Msg
	default:
		return e.Msg + ": " + e.Error
	}
}

// prefix is what docker-compose and docker compose put before a line: the
// container's name, filled up to the longest, two spaces at least, and a bar.
var prefix = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9_.-]*) {2,}\| ?`)

// cutPrefix cuts the name of a container off the line.
func cutPrefix(line []byte) (name string, rest []byte) {
	m := prefix.FindSubmatchIndex(line[:min(len(line), 2*maxName)])
	if m == nil {
		return "", line
	}
	return harmless(string(line[m[2]:m[3]]), maxName), line[m[1]:]
}

// failures are words for an error, also as the end of one: TypeError.
var failures = [][]byte{[]byte("error"), []byte("fatal"), []byte("panic"), []byte("exception")}

// namesError reports whether a line of plain text, in lower case, says that
// something failed.
func namesError(lower []byte) bool {
	for _, word := range failures {
		for _, rest, found := bytes.Cut(lower, word); found; _, rest, found = bytes.Cut(rest, word) {
			if len(rest) == 0 || !isWordByte(rest[0]) {
				return true
			}
		}
	}
	return false
}

func isWordByte(c byte) bool { return c == '_' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

// layouts are the times that lines begin with: RFC 3339, with a blank for the
// T, without a zone, and with slashes as nginx and package log write them. A
// fraction of a second may follow in each.
var layouts = []string{
	time.RFC3339,
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05",
	"2006/01/02 15:04:05",
}

// parseTime reads a time, and takes one without a zone for UTC. No log was
// written before 1970, and JSON has no year after 9999.
func parseTime(s string) (at time.Time, ok bool) {
	for _, layout := range layouts {
		if at, err := time.Parse(layout, s); err == nil {
			at = at.UTC()
			return at, 1970 <= at.Year() && at.Year() <= 9999
		}
	}
	return time.Time{}, false
}

// cutTime cuts the time off a line that begins with one, and the brackets
// that may stand around it.
func cutTime(line []byte) (at time.Time, rest []byte) {
	text := bytes.TrimPrefix(line, []byte("["))
	if len(text) == 0 || text[0] < '0' || text[0] > '9' {
		return time.Time{}, line
	}
	end := 0
	for range 2 { // the time may be one word or two
		end += wordEnd(text[end:])
		word := string(bytes.TrimRight(text[:end], "],: "))
		if at, ok := parseTime(word); ok {
			return at, bytes.TrimLeft(text[len(word):], "],: ")
		}
	}
	return time.Time{}, line
}

// wordEnd returns how long the first word of text is, with the blank behind it.
func wordEnd(text []byte) int {
	const longest = 40 // of a word in a time
	for i, c := range text[:min(len(text), longest)] {
		if c == ' ' {
			return i + 1
		}
	}
	return min(len(text), longest)
}
