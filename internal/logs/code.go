package logs

import (
	"bytes"
	"strings"
)

// timeout is the end of SQLITE_TIMEOUT, a node's answer where the refusal came
// only after the whole busy_timeout. It is contend's word and not SQLite's.
const timeout = "TIMEOUT"

// primary are SQLite's primary result codes that are errors, and whether each
// is a refusal (https://sqlite.org/rescode.html). An extended code's name
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
		name := string(rest[:nameLength(rest)])
		rest = rest[len(name):]
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

// refused reports whether a code means that the same attempt may succeed later.
func refused(code string) bool { return primary[primaryOf(code)] }

func nameLength(text []byte) int {
	n := 0
	for n < len(text) && isNameByte(text[n]) {
		n++
	}
	return n
}

func isNameByte(c byte) bool { return c == '_' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' }

// isKey reports whether what a name was followed by makes it the name of a
// value: a node's closing line counts {"SQLITE_BUSY":25}, and an environment
// has SQLITE_BUSY_TIMEOUT=5000. Neither is an event.
func isKey(after []byte) bool {
	if bytes.HasPrefix(after, []byte("=")) {
		return true
	}
	after, quoted := bytes.CutPrefix(bytes.TrimPrefix(after, []byte(`\`)), []byte(`"`))
	return quoted && bytes.HasPrefix(bytes.TrimLeft(after, " "), []byte(":"))
}

// texts are what sqlite3_errstr says for codes that tell of a shared file
// (https://sqlite.org/c3ref/errcode.html), and how it names what is locked.
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
