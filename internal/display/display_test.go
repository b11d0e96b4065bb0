package display

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestRedact(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"plain words: 5 % of http://127.0.0.1:8080/app-1, see docs", "plain words: 5 % of http://127.0.0.1:8080/app-1, see docs"},
		{"postgres://me@db:5432/lab?search_path=app", "postgres://me@db:5432/lab?search_path=app"},
		{"rqlite://u:PW@h:4001", "rqlite://u:xxxxx@h:4001"},
		{"open postgres://u:PW@h/db: refused", "open postgres://u:xxxxx@h/db: refused"},
		{`parse "postgres://u:P/W@x:y@h/db": bad`, `parse "postgres://u:xxxxx@h/db": bad`},
		{`parse "http://u:P\"W@h": bad`, `parse "http://u:xxxxx@h": bad`},
		{`{"db":"postgres://h:5432/lab","by":"a@b"}`, `{"db":"postgres://h:5432/lab","by":"a@b"}`},
		{"http://:PW@h", "http://:xxxxx@h"},
		{"postgres://h/db?password=PW&user=u", "postgres://h/db?password=xxxxx&user=u"},
		{"postgres://h/db?user=u&sslpassword=P%20W", "postgres://h/db?user=u&sslpassword=xxxxx"},
		{"host=h password=PW dbname=lab", "host=h password=xxxxx dbname=lab"},
		{`host=h password = 'P W\'s' dbname=lab`, `host=h password = xxxxx dbname=lab`},
		{"PGPASSWORD=PW psql", "PGPASSWORD=xxxxx psql"},
		{"put a password into DB_PATH", "put a password into DB_PATH"},
	} {
		if got := Redact(c.text); got != c.want {
			t.Errorf("Redact(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}

func TestURL(t *testing.T) {
	for _, c := range []struct{ given, want string }{
		{"http://127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"10.0.0.7:4001", "10.0.0.7:4001"},
		{"postgres://me@h:5432/lab", "postgres://me@h:5432/lab"},
		{"u:PW@h:4001", "u:xxxxx@h:4001"},
		{"rqlite://u:P W@h:4001,v:PW@i:4001?prefix=p", "rqlite://u:xxxxx@i:4001?prefix=p"},
		{"postgres://u:P/W?#\n@h", "postgres://u:xxxxx@h"},
		{" http://u:PW@h", " http://u:xxxxx@h"},
		{"rqlite://rqlite://u:PW@h", "rqlite://rqlite:xxxxx@h"},
		{"host=h password='P W'", "host=h password=xxxxx"},
		{"http://h/?token=PW", "http://h/?token=xxxxx"},
	} {
		if got := URL(c.given); got != c.want {
			t.Errorf("URL(%q) = %q, want %q", c.given, got, c.want)
		}
	}
}

// Whatever a password is, a URL or DSN with it does not show it, escaped or not.
func FuzzPasswordIsNeverShown(f *testing.F) {
	f.Add("s3cret")
	f.Add("p@ss:w/rd")
	f.Add(`it's "quoted" \ and & more`)
	f.Fuzz(func(t *testing.T, secret string) {
		if len(secret) < 4 || strings.Contains(hidden+"postgres://u:@h/db?password=&user='", secret) {
			return // it stands in the text anyway
		}
		quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(secret)
		escaped := &url.URL{Scheme: "postgres", User: url.UserPassword("u", secret), Host: "h"}
		for _, c := range []struct{ given, secret string }{
			{"postgres://u:" + secret + "@h/db", secret},
			{escaped.String() + "/db", secret},
			{escaped.String() + "/db", escaped.User.String()},
			{"postgres://h/db?password=" + url.QueryEscape(secret) + "&user=u", url.QueryEscape(secret)},
			{"host=h password='" + quoted + "' user=u", quoted},
		} {
			if got := URL(c.given); strings.Contains(got, c.secret) && !strings.Contains("postgres://u:xxxxx@h/db?password=xxxxx&user=u host='", c.secret) {
				t.Errorf("URL(%q) = %q", c.given, got)
			}
		}
	})
}

func TestWriter(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out, true)
	for _, part := range []string{"tab\tand feed\n", "日", "本"[:1], "本"[1:], " \x1b[31m\r\x7f\u009b\u202e \xff\n", "http://u:PW@h\n", "\xe6"} {
		if n, err := io.WriteString(w, part); n != len(part) || err != nil {
			t.Errorf("%q: wrote %d, %v", part, n, err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Error(err)
	}
	const want = "tab\tand feed\n日本 \\u001b[31m\\u000d\\u007f\\u009b\\u202e \\xff\nhttp://u:xxxxx@h\n\\xe6"
	if out.String() != want {
		t.Errorf("wrote\n%q, want\n%q", out.String(), want)
	}
}

// A JSON document stays the same document.
func TestWriterKeepsJSON(t *testing.T) {
	const text = "a\x1b\u009b\u202e\x7f\n日本"
	var out bytes.Buffer
	if err := json.NewEncoder(NewWriter(&out, false)).Encode(text); err != nil {
		t.Fatal(err)
	}
	var got string
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got != text {
		t.Errorf("%s is %q, %v; want %q", &out, got, err, text)
	}
	if strings.ContainsFunc(strings.TrimSpace(out.String()), Obeyed) {
		t.Errorf("%q has what a terminal obeys", out.String())
	}
}

var errFull = errors.New("no space left on device")

type full struct{ writes int }

func (f *full) Write([]byte) (int, error) { f.writes++; return 0, errFull }

func TestWriterKeepsItsFirstError(t *testing.T) {
	to := &full{}
	w := NewWriter(to, false)
	for range 3 {
		fmt.Fprintln(w, "words")
	}
	if err := w.Flush(); err != errFull || to.writes != 1 {
		t.Errorf("%d writes and error %v, want 1 and %v", to.writes, err, errFull)
	}
}

// In whatever pieces a text comes, it comes out the same, and harmless.
func FuzzWriter(f *testing.F) {
	f.Add([]byte("a\x1b[31m日本\xff\u202e"), 5)
	f.Fuzz(func(t *testing.T, text []byte, at int) {
		at = min(max(at, 0), len(text))
		var whole, parts bytes.Buffer
		for _, c := range []struct {
			to     *bytes.Buffer
			pieces [][]byte
		}{{&whole, [][]byte{text}}, {&parts, [][]byte{text[:at], text[at:]}}} {
			w := NewWriter(c.to, false)
			for _, p := range c.pieces {
				w.Write(p)
			}
			w.Flush()
		}
		if whole.String() != parts.String() {
			t.Errorf("%q in two pieces is %q, and whole %q", text, parts.String(), whole.String())
		}
		if !utf8.Valid(whole.Bytes()) || strings.ContainsFunc(whole.String(), func(r rune) bool {
			return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r))
		}) {
			t.Errorf("%q came out as %q", text, whole.String())
		}
	})
}
