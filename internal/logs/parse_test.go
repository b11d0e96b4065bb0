package logs

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func at(t *testing.T, s string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

// A node's own lines, and what docker-compose makes of them.
const (
	nodeRefused  = `{"time":"2026-05-04T03:02:01.5Z","level":"WARN","msg":"refused","container":"app-1","path":"/api/increment","attempt":1,"code":"SQLITE_BUSY","extended":"SQLITE_BUSY_SNAPSHOT","op":"set counter","waited_ms":0.045,"timed_out":false,"unsure":false,"error":"database is locked (517) (SQLITE_BUSY_SNAPSHOT)"}`
	nodeTimedOut = `{"time":"2026-05-04T12:02:01+09:00","level":"WARN","msg":"refused","container":"app-1","code":"SQLITE_BUSY","extended":"SQLITE_BUSY","waited_ms":5001,"timed_out":true,"error":"database is locked (5) (SQLITE_BUSY)"}`
	nodeClosed   = `{"time":"2026-05-04T03:02:09Z","level":"INFO","msg":"database closed","container":"app-1","requests":27,"retries":0,"refusals":{"SQLITE_BUSY":25}}`
)

func TestParse(t *testing.T) {
	const refusedText = "refused: database is locked (517) (SQLITE_BUSY_SNAPSHOT)"
	when := at(t, "2026-05-04T03:02:01.5Z")
	second := at(t, "2026-05-04T03:02:01Z")
	refusal := Line{Kind: Refusal, Code: "SQLITE_BUSY_SNAPSHOT", Time: when, Container: "app-1", Text: refusedText}
	behind := func(prefix string) Line {
		l := refusal
		l.Prefix = prefix
		return l
	}
	busy := func(text string) Line { return Line{Kind: Refusal, Code: "SQLITE_BUSY", Text: text} }
	for _, test := range []struct {
		name, line string
		want       Line
	}{
		{"node", nodeRefused + "\n", refusal},
		{"node that waited", nodeTimedOut, Line{
			Kind: Refusal, Code: "SQLITE_BUSY", TimedOut: true, Time: second, Container: "app-1", Text: "refused: database is locked (5) (SQLITE_BUSY)",
		}},
		{"node's closing count", nodeClosed, Line{Time: at(t, "2026-05-04T03:02:09Z"), Container: "app-1"}},
		{"node's own error", `{"time":"2026-05-04T03:02:01Z","level":"ERROR","msg":"panic","container":"app-1"}`,
			Line{Kind: Error, Code: Other, Time: second, Container: "app-1", Text: "panic"}},
		{"node's error of SQLite", `{"level":"ERROR","msg":"database error","code":"SQLITE_IOERR","extended":"SQLITE_IOERR_FSYNC","error":"disk I/O error"}`,
			Line{Kind: Error, Code: "SQLITE_IOERR_FSYNC", Text: "database error: disk I/O error"}},
		{"balancer", `{"time":"2026-05-04T03:02:01Z","level":"WARN","msg":"node ejected","node":"app-2","cause":"connection error"}`, Line{Time: second}},

		{"compose v2", "app-1-1  | " + nodeRefused, behind("app-1-1")},
		{"compose v2 with a project", "lab-app-1-1     | " + nodeRefused, behind("lab-app-1-1")},
		{"docker-compose 1.29 in colour", "\x1b[36mapp-1_1  |\x1b[0m " + nodeRefused + "\r\n", behind("app-1_1")},
		{"with --timestamps", "app-1_1  | 2026-11-22T22:39:25.929962845Z " + nodeRefused, behind("app-1_1")},
		{"only Docker's time", "app-2_1  | 2026-05-04T03:02:01.5Z Increment error: SqliteError: database is locked",
			Line{Kind: Refusal, Code: "SQLITE_BUSY", Prefix: "app-2_1", Time: when, Text: "Increment error: SqliteError: database is locked"}},
		{"docker logs --timestamps", "2026-11-22T22:39:25Z " + nodeRefused, refusal},
		{"compose's own line", "Attaching to lab_app-2_1, lab_app-1_1", Line{}},
		{"empty line of a container", "app-1-1  |", Line{Prefix: "app-1-1"}},
		{"a bar that is no prefix", "id | name", Line{}},

		{"the source's application", "Increment error: Error: SQLITE_BUSY: database is locked", busy("Increment error: Error: SQLITE_BUSY: database is locked")},
		{"Python", "sqlite3.OperationalError: database is locked", busy("sqlite3.OperationalError: database is locked")},
		{"Java", "[SQLITE_BUSY] The database file is locked (database is locked)", busy("[SQLITE_BUSY] The database file is locked (database is locked)")},
		{"in capitals", "ERROR: Database Is Locked", busy("ERROR: Database Is Locked")},
		{"extended after primary", "SQLITE_BUSY (SQLITE_BUSY_RECOVERY)", Line{Kind: Refusal, Code: "SQLITE_BUSY_RECOVERY", Text: "SQLITE_BUSY (SQLITE_BUSY_RECOVERY)"}},
		{"a dash behind the name", "SQLITE_BUSY_", busy("SQLITE_BUSY_")},
		{"two codes", "SQLITE_IOERR after SQLITE_BUSY", Line{Kind: Error, Code: "SQLITE_IOERR", Text: "SQLITE_IOERR after SQLITE_BUSY"}},
		{"table locked", "database table is locked: t", Line{Kind: Refusal, Code: "SQLITE_LOCKED", Text: "database table is locked: t"}},
		{"WAL's races", "locking protocol", Line{Kind: Refusal, Code: "SQLITE_PROTOCOL", Text: "locking protocol"}},
		{"malformed", "database disk image is malformed", Line{Kind: Error, Code: "SQLITE_CORRUPT", Text: "database disk image is malformed"}},
		{"disk full", "13: database or disk is full", Line{Kind: Error, Code: "SQLITE_FULL", Text: "13: database or disk is full"}},
		{"a node's answer", `{"error":"refused","code":"SQLITE_TIMEOUT","extended":"SQLITE_BUSY"}`,
			Line{Kind: Refusal, Code: "SQLITE_BUSY", TimedOut: true, Text: `{"error":"refused","code":"SQLITE_TIMEOUT","extended":"SQLITE_BUSY"}`}},
		{"a logger with numbers for levels", `{"level":50,"time":1531171074631,"err":{"code":"SQLITE_BUSY"},"msg":"no"}`, busy("no")},
		{"half an entry", `{"level":"ERROR","msg":"database is loc`, Line{Kind: Error, Code: Other, Text: `{"level":"ERROR","msg":"database is loc`}},
		{"half an entry with a code", `{"code":"SQLITE_BUSY","msg":"da`, busy(`{"code":"SQLITE_BUSY","msg":"da`)},

		{"a setting", "SQLITE_BUSY_TIMEOUT=5000", Line{}},
		{"a count", `{"SQLITE_BUSY": 25, "SQLITE_TIMEOUT":3}`, Line{}},
		{"a count within a string", `{"msg":"{\"SQLITE_BUSY\":25}"}`, Line{}},
		{"no code", "SQLITE_OPEN_READWRITE SQLITE_OK SQLITE_NOTICE_RECOVER_WAL XSQLITE_BUSY", Line{}},
		{"nginx", "2026/05/04 03:02:01 [error] 30#30: *1 connect() failed", Line{Kind: Error, Code: Other, Time: second, Text: "[error] 30#30: *1 connect() failed"}},
		{"a type of error", "Uncaught TypeError: x", Line{Kind: Error, Code: Other, Text: "Uncaught TypeError: x"}},
		{"an error at the end", "no error, 2 errors, then an ERROR", Line{Kind: Error, Code: Other, Text: "no error, 2 errors, then an ERROR"}},
		{"words that are none", "errors=0 error_count 0 terrors", Line{}},
		{"an entry that is none", `{"level":"INFO","msg":"no error"}`, Line{}},

		{"Python's time", "2026-05-04 03:02:01,500 ERROR database is locked", Line{Kind: Refusal, Code: "SQLITE_BUSY", Time: when, Text: "ERROR database is locked"}},
		{"time in brackets", "[2026-05-04T03:02:01Z] database is locked", Line{Kind: Refusal, Code: "SQLITE_BUSY", Time: second, Text: "database is locked"}},
		{"time alone", "2026-05-04 03:02:01", Line{Time: second}},
		{"no time", "2026 requests, 05 errors", Line{}},
		{"a year that JSON lacks", "9999-12-31T23:59:59-23:59 x", Line{}},

		{"control characters", "panic: \x1b]0;x\x07 \x9b\u202e\u009b",
			Line{Kind: Error, Code: Other, Text: "panic: \ufffd]0;x\ufffd \ufffd\ufffd\ufffd"}},
		{"a name to beware of", `{"level":"ERROR","msg":"x","container":"a\u001b[2Jb"}`, Line{Kind: Error, Code: Other, Container: "a\ufffd[2Jb", Text: "x"}},
		{"nothing", "", Line{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Parse([]byte(test.line))); diff != "" {
				t.Errorf("%s\nwant -, got +\n%s", test.line, diff)
			}
		})
	}
}

func TestParseCutsTexts(t *testing.T) {
	l := Parse([]byte("panic: " + strings.Repeat("ä", maxText)))
	if len(l.Text) < maxText-1 || len(l.Text) > maxText || !utf8.ValidString(l.Text) {
		t.Errorf("text is %d bytes: %q", len(l.Text), l.Text)
	}
	l = Parse([]byte(`{"container":"` + strings.Repeat("x", 9*maxName) + `"}`))
	if len(l.Container) != maxName {
		t.Errorf("container has %d bytes, want %d", len(l.Container), maxName)
	}
}

// Whatever a line is, what comes of it is safe to print and to put in JSON,
// and a prefix, colours or a line's end change nothing of what it says.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		nodeRefused, nodeTimedOut, nodeClosed, "\x1b[36mapp-1_1  |\x1b[0m 2026-11-22T22:39:25.9Z x", "SQLITE_BUSY_SNAPSHOT", "[2026-05-04 03:02:01,5] database is locked",
		"app  | \x1b[", "SQLITE_\xff", `{"SQLITE_BUSY":1}`, "9999-12-31T23:59:59-23:59", "a\x9b error",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l := Parse([]byte(s))
		for _, text := range []string{l.Code, l.Container, l.Prefix, l.Text} {
			if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || len(text) > maxText {
				t.Errorf("unsafe: %q", text)
			}
		}
		if (l.Kind == Silent) != (l.Code == "") || l.Kind == Silent && l.Text != "" || l.TimedOut && l.Kind != Refusal {
			t.Errorf("contradicts itself: %+v", l)
		}
		if _, err := l.Time.MarshalJSON(); err != nil || l.Time.Location() != time.UTC {
			t.Errorf("time %s: %v", l.Time, err)
		}
		if strings.ContainsAny(s, "\r\n\x1b") || l.Prefix != "" {
			return
		}
		want := l
		want.Prefix = "app-1_1"
		if diff := cmp.Diff(want, Parse([]byte("\x1b[36mapp-1_1  |\x1b[0m "+s+"\r\n"))); diff != "" {
			t.Errorf("behind a prefix, -without +with\n%s", diff)
		}
	})
}
