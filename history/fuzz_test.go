package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func addLines(f *testing.F) {
	for _, line := range []string{
		`{"index":4,"process":3,"node":"app-1","op":"increment","key":"hits","value":12,"intended":1,"invoked":2,"returned":3,"attempts":1,"outcome":"ok","status":200}`,
		`{"op":"transfer","key":"a","to":"b","amount":-7,"outcome":"failed","code":"SQLITE_BUSY","extended":"SQLITE_BUSY_SNAPSHOT"}`,
		`{"op":"read","key":"k","outcome":"ok","value":null}`,
		`{"op":"read","key":"k","outcome":"ok","value":-0}`,
		`{"op":"read","key":"k","outcome":"ok","value":01}`,
		`{"op":"read","key":"k","outcome":"ok","value":1.0,}`,
		`{"op":"read","key":"k\u00e9\ud800","outcome":"ok","value":999999999999999999}`,
		`{"op":"read","key":"` + "\xff" + `","outcome":"ok","value":9223372036854775807}`,
		`{"op":"read" , "key": "k","outcome":"ok","KEY":"x"} `,
		`{"op":"read","key":"a","key":"b","outcome":"ok"}`,
		"{\"op\":\"read\",\"key\":\"a\tb\",\"outcome\":\"ok\"}", `{}`, `{`, `[]`, `null`, `{"a":{}}`, ``, "{}{}",
	} {
		f.Add([]byte(line))
	}
}

// What the quick parser takes, the thorough one takes too and reads alike. And
// what the thorough one takes or refuses, encoding/json would.
func FuzzParse(f *testing.F) {
	addLines(f)
	f.Fuzz(func(t *testing.T, line []byte) {
		var quick, thorough Op
		quickGiven, ok := parseQuick(&quick, line, names{})
		given, err := parseThorough(&thorough, line)
		if ok {
			if err != nil {
				t.Fatalf("%q: the quick parser takes it, the thorough one: %v", line, err)
			}
			if diff := cmp.Diff(thorough, quick); diff != "" || given != quickGiven {
				t.Fatalf("%q: given %b and %b (-thorough +quick)\n%s", line, given, quickGiven, diff)
			}
		}
		compareWithJSON(t, line, thorough, err)
	})
}

// plainOp is the obvious way to read a line, which is slow, takes "KEY" for
// "key" and the last of two.
type plainOp struct {
	Index, Process          *int64
	Node, Op, Key, To       *string
	Amount, Value, Intended *int64
	Invoked, Returned       *int64
	Attempts, Status        *int64
	Outcome, Code, Extended *string
}

func compareWithJSON(t *testing.T, line []byte, op Op, err error) {
	t.Helper()
	var plain plainOp
	jsonErr := json.Unmarshal(line, &plain)
	if err != nil {
		var f *fieldError
		if jsonErr == nil && !errors.As(err, &f) && bytes.TrimSpace(line)[0] == '{' {
			t.Fatalf("%q: refused without naming a field, %v; encoding/json takes it", line, err)
		}
		return
	}
	exact := map[string]json.RawMessage{}
	if json.Unmarshal(line, &exact) != nil {
		t.Fatalf("%q: taken, but it is no JSON object", line)
	}
	for name := range exact {
		if f := fieldNamed([]byte(strings.ToLower(name)), 0); f != fieldUnknown && f.String() != name {
			return // encoding/json would mix the two
		}
		if strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf }) {
			return // there, ſ counts as s
		}
	}
	if jsonErr != nil {
		t.Fatalf("%q: taken; encoding/json: %v", line, jsonErr)
	}
	if diff := cmp.Diff(plain.op(), op); diff != "" {
		t.Fatalf("%q: (-encoding/json +ours)\n%s", line, diff)
	}
}

func (p *plainOp) op() Op {
	number := func(n *int64) int64 {
		if n == nil {
			return 0
		}
		return *n
	}
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	op := Op{
		Index: int(number(p.Index)), Process: int(number(p.Process)), Node: text(p.Node),
		Func: text(p.Op), Key: text(p.Key), To: text(p.To), Amount: number(p.Amount),
		Intended: time.Duration(number(p.Intended)), Invoked: time.Duration(number(p.Invoked)),
		Returned: time.Duration(number(p.Returned)), Attempts: int(number(p.Attempts)),
		Status: int(number(p.Status)), Code: text(p.Code), Extended: text(p.Extended),
	}
	if p.Outcome != nil {
		_ = op.Outcome.UnmarshalText([]byte(*p.Outcome))
	}
	if p.Value != nil {
		op.Value = Some(*p.Value)
	}
	return op
}

// Reader never panics, names a line that exists, and goes on returning its
// last error; what it takes can be written and read again.
func FuzzReader(f *testing.F) {
	addLines(f)
	f.Add([]byte("\r\n\n{\"op\":\"read\",\"key\":\"k\",\"outcome\":\"ok\"}\r\n{\"op\":"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := NewReader(bytes.NewReader(text), "h")
		for op := range r.Ops() {
			again(t, op)
		}
		_, err := r.Next()
		if err != io.EOF && err != r.Err() || err == nil {
			t.Fatalf("after the end: %v and %v", err, r.Err())
		}
		var where *Error
		if errors.As(err, &where) && (where.Line < 1 || where.Line > bytes.Count(text, []byte("\n"))+1) {
			t.Fatalf("line %d of %q", where.Line, text)
		}
	})
}

func again(t *testing.T, op Op) {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out)
	if err := errors.Join(w.Write(op), w.Flush()); err != nil {
		t.Fatalf("write %+v: %v", op, err)
	}
	line := bytes.TrimSuffix(out.Bytes(), []byte("\n"))
	if !json.Valid(line) || bytes.Contains(line, []byte("\n")) {
		t.Fatalf("%q is not one line of JSON", line)
	}
	back, err := NewReader(&out, "h").Next()
	if err != nil || back != op {
		t.Fatalf("%q: %v (-want +got)\n%s", line, err, cmp.Diff(op, back))
	}
	if err := json.Unmarshal(line, &back); err != nil || back != op {
		t.Fatalf("%q by json.Unmarshal: %v", line, err)
	}
	if marshalled, err := json.Marshal(op); err != nil || !json.Valid(marshalled) {
		t.Fatalf("json.Marshal: %q, %v", marshalled, err)
	}
}

// Whatever Writer takes, Reader gives back, but for bytes that JSON cannot hold.
func FuzzWriter(f *testing.F) {
	f.Add(0, "app-1", Increment, "hits", "", int64(0), int64(12), true, int64(1), int64(2), int64(3), 1, uint8(1), 200, "", "")
	f.Add(7, "\x00\"\\\n", Transfer, "é\xff\u2028", "</b>", int64(-1), int64(math.MinInt64), true, int64(0), int64(0), int64(math.MaxInt64), 0, uint8(2), 0, "A", "B")
	f.Fuzz(func(t *testing.T, index int, node, fn, key, to string, amount, value int64, valid bool,
		intended, invoked, returned int64, attempts int, outcome uint8, status int, code, extended string) {
		clean := func(s string) string { return strings.Map(func(r rune) rune { return r }, s) }
		op := Op{
			Index: index, Node: clean(node), Func: fn, Key: clean(key), To: clean(to), Amount: amount,
			Intended: time.Duration(intended), Invoked: time.Duration(invoked), Returned: time.Duration(returned),
			Attempts: attempts, Outcome: Outcome(outcome), Status: status, Code: clean(code), Extended: clean(extended),
		}
		if valid {
			op.Value = Some(value)
		}
		if NewWriter(io.Discard).Write(op) == nil {
			again(t, op)
		}
		dirty, clean1 := appendString(nil, key), appendString(nil, op.Key)
		if !bytes.Equal(dirty, clean1) {
			t.Fatalf("key %q is written as %s, its clean form as %s", key, dirty, clean1)
		}
	})
}
