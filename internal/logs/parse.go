package logs

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// Parse reads a line of any program, with or without its end.
func Parse(line []byte) Line {
	var l Line
	rest := bytes.TrimRight(uncolored(line), "\r\n")
	if m := prefix.FindSubmatchIndex(rest[:min(len(rest), 2*maxName)]); m != nil {
		l.Prefix, rest = harmless(string(rest[m[2]:m[3]]), maxName), rest[m[1]:]
	}
	l.Time, rest = cutTime(rest)
	var e entry
	isEntry := bytes.HasPrefix(rest, []byte("{"))
	if isEntry {
		// Another program may mean something else by a name: package json leaves a field of
		// another type out.
		err := json.Unmarshal(rest, &e)
		_, other := errors.AsType[*json.UnmarshalTypeError](err)
		isEntry = err == nil || other
	}
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
	case primary[primaryOf(l.Code)]:
		l.Kind = Refusal
		l.TimedOut = timedOut || e.TimedOut
	case l.Code != "":
		l.Kind = Error
	case isEntry && errorLevel.MatchString(e.Level), !isEntry && namesError(lower):
		l.Kind, l.Code = Error, Other
	}
	if l.Kind != Silent {
		text := string(rest)
		if e.Msg != "" {
			text = strings.TrimSuffix(e.Msg+": "+e.Error, ": ")
		}
		l.Text = harmless(text, maxText)
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

// errorLevel matches the level ERROR and worse, as slog and others spell it.
var errorLevel = regexp.MustCompile(`(?i)^(err|fatal|panic|crit)`)

// prefix is what docker-compose and docker compose put before a line: the
// container's name, filled up to the longest, two spaces at least, and a bar.
var prefix = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9_.-]*) {2,}\| ?`)

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
	for range 2 { // the time may be one word or two, of at most 40 bytes
		word := text[end:min(len(text), end+40)]
		if blank := bytes.IndexByte(word, ' '); blank >= 0 {
			word = word[:blank+1]
		}
		end += len(word)
		begins := string(bytes.TrimRight(text[:end], "],: "))
		if at, ok := parseTime(begins); ok {
			return at, bytes.TrimLeft(text[len(begins):], "],: ")
		}
	}
	return time.Time{}, line
}

// timeout is the end of SQLITE_TIMEOUT, a node's answer where the refusal came
// only after the whole busy_timeout. It is contend's word and not SQLite's.
const timeout = "TIMEOUT"

// primary are SQLite's primary result codes that are errors, and whether each
// is a refusal: the same attempt may succeed later (https://sqlite.org/rescode.html). An extended code's name
// begins with its primary code's.
var primary = map[string]bool{
	"BUSY": true, "LOCKED": true, "PROTOCOL": true,
	"ABORT": false, "AUTH": false, "CANTOPEN": false, "CONSTRAINT": false, "CORRUPT": false, "EMPTY": false, "ERROR": false,
	"FORMAT": false, "FULL": false, "INTERNAL": false, "INTERRUPT": false, "IOERR": false, "MISMATCH": false, "MISUSE": false,
	"NOLFS": false, "NOMEM": false, "NOTADB": false, "NOTFOUND": false, "PERM": false, "RANGE": false, "READONLY": false,
	"SCHEMA": false, "TOOBIG": false,
}

// findCode returns the result code that a line names, the extended one where
// it names both; empty where it names none.
func findCode(line []byte) (found string, timedOut bool) {
	for before, rest, ok := bytes.Cut(line, sqlite); ok; before, rest, ok = bytes.Cut(rest, sqlite) {
		end := bytes.IndexFunc(rest, func(r rune) bool { return r >= utf8.RuneSelf || !isNameByte(byte(r)) })
		if end < 0 {
			end = len(rest)
		}
		name := string(rest[:end])
		rest = rest[end:]
		inWord := len(before) > 0 && isNameByte(before[len(before)-1])
		code := resultCode(name)
		if code == "" || inWord || isKey(rest) {
			continue
		}
		timedOut = timedOut || name == timeout
		if found == "" || strings.HasPrefix(code, found+"_") {
			found = code
		}
	}
	return found, timedOut
}

// sqlite begins the name of each result code.
var sqlite = []byte("SQLITE_")

// resultCode returns the result code whose name goes on like this behind
// SQLITE_, or nothing where none does.
func resultCode(name string) string {
	if name == timeout {
		return "SQLITE_BUSY"
	}
	code := strings.TrimRight("SQLITE_"+name[:min(len(name), maxName)], "_")
	if _, known := primary[primaryOf(code)]; !known {
		return ""
	}
	return code
}

// primaryOf returns BUSY for SQLITE_BUSY_SNAPSHOT.
func primaryOf(code string) string {
	word, _, _ := strings.Cut(strings.TrimPrefix(code, "SQLITE_"), "_")
	return word
}

func isNameByte(c byte) bool { return c == '_' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' }

// isKey reports whether the text after a name makes it the name of a value: a
// node's closing line counts {"SQLITE_BUSY":25}, and an environment
// has SQLITE_BUSY_TIMEOUT=5000. Neither is an event.
func isKey(after []byte) bool {
	if bytes.HasPrefix(after, []byte("=")) {
		return true
	}
	after, quoted := bytes.CutPrefix(bytes.TrimPrefix(after, []byte(`\`)), []byte(`"`))
	return quoted && bytes.HasPrefix(bytes.TrimLeft(after, " "), []byte(":"))
}

// texts are those of sqlite3_errstr for codes that a shared file may cause
// (https://sqlite.org/c3ref/errcode.html), and its words for locked things.
var texts = []struct{ text, code string }{
	{"database is locked", "SQLITE_BUSY"},
	{"database file is locked", "SQLITE_BUSY"}, // sqlite-jdbc
	{"database table is locked", "SQLITE_LOCKED"},
	{"database schema is locked", "SQLITE_LOCKED"},
	{"locking protocol", "SQLITE_PROTOCOL"},
	{"database disk image is malformed", "SQLITE_CORRUPT"},
	{"file is not a database", "SQLITE_NOTADB"},
	{"disk i/o error", "SQLITE_IOERR"},
	{"database or disk is full", "SQLITE_FULL"},
	{"unable to open database file", "SQLITE_CANTOPEN"},
	{"attempt to write a readonly database", "SQLITE_READONLY"},
	{"database schema has changed", "SQLITE_SCHEMA"},
}

// codeOfText returns the code whose text a line has, in lower case.
func codeOfText(lower []byte) string {
	for _, t := range texts {
		if bytes.Contains(lower, []byte(t.text)) {
			return t.code
		}
	}
	return ""
}
