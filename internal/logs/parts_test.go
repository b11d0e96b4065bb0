package logs

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTimes(t *testing.T) {
	when := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	half := when.Add(500 * time.Millisecond)
	clock := time.Date(0, 1, 1, 3, 2, 1, 0, time.UTC)
	noYearAt := time.Date(0, 5, 4, 3, 2, 1, 0, time.UTC)
	for _, test := range []struct {
		text  string
		at    time.Time
		lacks lack
		rest  string
	}{
		{"2026-05-04T03:02:01Z x", when, whole, " x"},
		{"2026-05-04T03:02:01.5Z", half, whole, ""},
		{"2026-05-04T05:02:01+02:00", when, whole, ""},
		{"2026-05-04T05:02:01+0200 x", when, whole, " x"},
		{"2026-05-04T05:02:01+02 x", when, whole, " x"},
		{"2026-05-03T20:02:01-07:00", when, whole, ""},
		{"2026-05-04 05:02:01 +0200] x", when, whole, "] x"},
		{"2026-05-04 03:02:01 UTC x", when, whole, " x"},
		{"2026-05-04 05:02:01 CEST x", when, whole, " x"},
		{"2026-05-04 03:02:01 ABC x", when, noZone, " ABC x"},
		{"2026-05-04 03:02:01 -12 items", when, noZone, " -12 items"},
		{"2026-05-04 03:02:01,500 x", half, noZone, " x"},
		{"2026/05/04 03:02:01 x", when, noZone, " x"},
		{"2026-05-04 03:02:01.5|Error", half, noZone, "|Error"},
		{"20260504T030201Z", when, whole, ""},
		{"20260504 03:02:01 x", when, noZone, " x"},
		{"05-04 03:02:01.000  45", noYearAt, noYear, "  45"},
		{"03:02:01 x", clock, noDate, " x"},
		{"25/05/2026 03:02:01 x", when.AddDate(0, 0, 21), noZone, " x"},
		{"05/25/2026 03:02:01 x", when.AddDate(0, 0, 21), noZone, " x"},
		{"04/05/2026 03:02:01 x", clock, noDate, " x"},
		{"05:02:01+02:00 x", clock, noDate, " x"},
		{"01:02:01 -0200 x", clock, noDate, " x"},
		{"1777863721.5 x", half, whole, " x"},
		{"1777863721500 x", half, whole, " x"},
		{"May  4 03:02:01 host", noYearAt, noYear, " host"},
		{"May 04 03:02:01 host", noYearAt, noYear, " host"},
		{"May 04, 2026 03:02:01.500 x", half, noZone, " x"},
		{"May 04, 2026 3:02:01 AM x", when, noZone, " x"},
		{"Mon May  4 03:02:01 2026] x", when, noZone, "] x"},
		{"Mon May  4 05:02:01 CEST 2026 x", when, whole, " x"},
		{"Mon, 04 May 2026 03:02:01 GMT x", when, whole, " x"},
		{"Mon 2026-05-04 05:02:01 CEST host", when, whole, " host"},
		{"04/May/2026:05:02:01 +0200] x", when, whole, "] x"},
		{"04-May-2026 03:02:01 UTC] x", when, whole, "] x"},
		{"04-May-2026 03:02:01.500 SEVERE", half, noZone, " SEVERE"},
		{"04.05.2026 03:02:01 x", when, noZone, " x"},
		{"05/04/2026, 3:02:01 AM x", when, noZone, " x"},
		{"2026 requests", time.Time{}, noTime, "2026 requests"},
		{"2026-13-04T03:02:01Z", time.Time{}, noTime, "2026-13-04T03:02:01Z"},
		{"03:02 x", time.Time{}, noTime, "03:02 x"},
		{"10.0.0.7 - -", time.Time{}, noTime, "10.0.0.7 - -"},
		{"Monday came", time.Time{}, noTime, "Monday came"},
		{"1234567890123456789012", time.Time{}, noTime, "1234567890123456789012"},
		{"", time.Time{}, noTime, ""},
	} {
		t.Run(test.text, func(t *testing.T) {
			s, n := timeAt([]byte(test.text))
			if !s.at.Equal(test.at) || s.lacks != test.lacks || test.text[n:] != test.rest {
				t.Errorf("%s, lacks %d, before %q; want %s, %d, %q", s.at, s.lacks, test.text[n:], test.at, test.lacks, test.rest)
			}
		})
	}
}

func TestCodes(t *testing.T) {
	for _, test := range []struct {
		text    string
		code    string // empty: none
		perhaps string
	}{
		{"SQLITE_BUSY: database is locked", "SQLITE_BUSY", ""},
		{"sqlite3.OperationalError: Database Is Locked", "SQLITE_BUSY", ""},
		{"SQLITE_BUSY (SQLITE_BUSY_RECOVERY)", "SQLITE_BUSY_RECOVERY", ""},
		{"SQLITE_BUSY_", "SQLITE_BUSY", ""},
		{"SQLITE_IOERR after SQLITE_BUSY", "SQLITE_IOERR", ""},
		{"database is locked (517)", "SQLITE_BUSY_SNAPSHOT", ""},
		{"(517) database is locked", "SQLITE_BUSY_SNAPSHOT", ""},
		{"database is locked (261 ms)", "SQLITE_BUSY", ""},
		{"database is locked, code: 517", "SQLITE_BUSY_SNAPSHOT", ""},
		{`SqliteFailure(Error { code: DatabaseBusy, extended_code: 517 }, Some("database is locked"))`, "SQLITE_BUSY_SNAPSHOT", ""},
		{"disk I/O error (code 4874 SQLITE_IOERR_SHMSIZE)", "SQLITE_IOERR_SHMSIZE", ""},
		{"SQLite Error 6: 'database table is locked: t'", "SQLITE_LOCKED", ""},
		{"SQLite error code 5", "SQLITE_BUSY", ""},
		{"SQL query failed with code 5: END", "SQLITE_BUSY", ""},
		{"SQLite error 2026", "", ""},
		{"HRESULT 0x87AF0205", "SQLITE_BUSY_SNAPSHOT", ""},
		{"code 5", "", ""},
		{"sqlite3_step() returned 5", "SQLITE_BUSY", ""},
		{"sqlite3.IntegrityError: UNIQUE constraint failed: users.email", "SQLITE_CONSTRAINT_UNIQUE", ""},
		{"malformed database schema (x)", "SQLITE_CORRUPT", ""},
		{`SQLSTATE[HY000]: General error: 10 disk I\/O error`, "SQLITE_IOERR", ""},

		{"SQLITE_BUSY_TIMEOUT=5000", "", ""},
		{`{"SQLITE_BUSY": 25, "SQLITE_TIMEOUT":3}`, "", ""},
		{`{"msg":"{\"SQLITE_BUSY\":25}"}`, "", ""},
		{"SQLITE_OPEN_READWRITE SQLITE_OK SQLITE_NOTICE_RECOVER_WAL XSQLITE_BUSY", "", ""},
		{"SQLITE_BUSY_RETRIES", "", "SQLITE_BUSY"},
		{"the database is locked, please close it", "", "SQLITE_BUSY"},
		{`busy_timeout set, so that "database is locked" errors should not occur`, "", "SQLITE_BUSY"},
		{"see docs if you get SQLITE_BUSY", "", "SQLITE_BUSY"},
		{"retry 1/3 after SQLITE_BUSY", "SQLITE_BUSY", ""},
	} {
		t.Run(test.text, func(t *testing.T) {
			ms := words.find([]byte(test.text), make([]match, 0, maxMatches))
			said := tell([]byte(test.text), ms)
			name := func(c code) string {
				if c == 0 {
					return ""
				}
				return c.String()
			}
			if name(said.code) != test.code || name(said.perhaps) != test.perhaps {
				t.Errorf("code %s, perhaps %s; want %s, %s", said.code, said.perhaps, test.code, test.perhaps)
			}
		})
	}
}

// The automaton finds what a search for each word finds.
func FuzzWords(f *testing.F) {
	f.Add("SQLite3::BusyException: DATABASE is locked")
	f.Fuzz(func(t *testing.T, text string) {
		folded := strings.Map(func(r rune) rune {
			if 'A' <= r && r <= 'Z' {
				r += 'a' - 'A'
			}
			return r
		}, strings.ToValidUTF8(text, "?"))
		var want, got []string
		for i := range words.words {
			if strings.Contains(folded, words.words[i].text) {
				want = append(want, words.words[i].text)
			}
		}
		for _, m := range words.find([]byte(folded), make([]match, 0, 1<<16)) {
			got = append(got, m.word.text)
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
			t.Errorf("%q: want -, got +\n%s", text, diff)
		}
	})
}

// walk takes for an object what package json takes for one, and finds its members.
func FuzzWalk(f *testing.F) {
	f.Add([]byte(nodeRefused))
	f.Add([]byte(`{"a":{"b":[1,{"c":"\\\""}],"d":null}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		found := map[string]string{}
		whole := walk(b, func(_, name, value []byte, depth int) {
			if len(value) == 0 {
				t.Fatal("a member without a value")
			}
			if depth == 1 && name != nil {
				found[string(name)] = string(unquoted(nil, value))
			}
		})
		var object map[string]any
		if json.Unmarshal(b, &object) != nil || bytes.ContainsAny(b, "\\\xff") || bytes.Count(b, []byte("{"))+bytes.Count(b, []byte("[")) > 9 {
			return
		}
		if object != nil && !whole {
			t.Fatalf("%q is an object", b)
		}
		for name, value := range object {
			if text, ok := value.(string); ok && !strings.Contains(text, "\ufffd") && !strings.Contains(name, "\ufffd") && found[name] != text {
				t.Errorf("%q: %s is %q, want %q", b, name, found[name], text)
			}
		}
	})
}

func TestAdvice(t *testing.T) {
	from := time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)
	lines := func(n int, at func(i int) time.Time, text string) (log string) {
		for i := range n {
			log += strings.ReplaceAll(text, "TIME", at(i).Format(time.RFC3339)) + "\n"
		}
		return log
	}
	nightly := func(i int) time.Time {
		return from.AddDate(0, 0, i/3).Add(90*time.Minute + time.Duration(i%3)*time.Second)
	}
	each := func(d time.Duration) func(int) time.Time {
		return func(i int) time.Time { return from.Add(time.Duration(i) * d) }
	}
	for _, test := range []struct {
		name, log string
		want      []string
	}{
		{"nothing", "", []string{}},
		{"here and there", lines(12, each(7*time.Minute), "TIME database is locked"), []string{}},
		{"a snapshot", "database is locked (517)", []string{"snapshot"}},
		{"a backup at night", lines(12, nightly, "TIME database is locked"), []string{"regular"}},
		{"every hour", lines(6, each(time.Hour), "TIME database is locked"), []string{"regular"}},
		{"one container", lines(9, each(7*time.Minute), "a-1  | TIME database is locked\nb-1  | TIME hello"), []string{"one-container"}},
		{"both", lines(9, each(7*time.Minute), "a-1  | TIME database is locked\nb-1  | TIME database is locked"), []string{}},
		{"after another began", lines(200, each(time.Minute), "a-1  | TIME hello") + lines(9, func(i int) time.Time { return from.Add(201 * time.Minute) }, "b-1  | TIME hello") +
			lines(9, func(i int) time.Time { return from.Add(202*time.Minute + time.Duration(i*i)*13*time.Second) }, "a-1  | TIME database is locked\nb-1  | TIME database is locked"), []string{"began"}},
		{"corrupt", "database disk image is malformed", []string{"corrupt"}},
		{"shared memory", "disk I/O error (4618)", []string{"shared-memory"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := []string{}
			for _, a := range read(t, test.log).Advice {
				if got = append(got, a.About); a.Says == "" || a.Evidence == "" || !strings.HasPrefix(a.Command, "contend ") {
					t.Errorf("half an advice: %+v", a)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error("want -, got +\n" + diff)
			}
		})
	}
}
