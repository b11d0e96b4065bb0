package history_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/history"
)

func ExampleReader() {
	const recorded = `{"op":"increment","key":"hits","value":1,"outcome":"ok"}
{"op":"increment","key":"hits","outcome":"failed","code":"SQLITE_BUSY"}
`
	r := history.NewReader(strings.NewReader(recorded), "history.jsonl")
	for op := range r.Ops() {
		fmt.Printf("%d %s %s: %s\n", op.Index, op.Func, op.Key, op.Outcome)
	}
	if err := r.Err(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 0 increment hits: ok
	// 1 increment hits: failed
}

func ExampleWriter() {
	w := history.NewWriter(os.Stdout)
	op := history.Op{
		Process: 3, Node: "app-1", Func: history.Increment, Key: "hits", Value: history.Some(12),
		Intended: 10 * time.Millisecond, Invoked: 10 * time.Millisecond, Returned: 14 * time.Millisecond,
		Attempts: 1, Outcome: history.OK, Status: 200,
	}
	if err := errors.Join(w.Write(op), w.Flush()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"index":0,"process":3,"node":"app-1","op":"increment","key":"hits","value":12,"intended":10000000,"invoked":10000000,"returned":14000000,"attempts":1,"outcome":"ok","status":200}
}

func read(text string) ([]history.Op, error) {
	r := history.NewReader(strings.NewReader(text), "h.jsonl")
	return slices.Collect(r.Ops()), r.Err()
}

// few are the required fields.
const few = `"op":"increment","key":"k","outcome":"ok"`

func TestReaderTakes(t *testing.T) {
	plain := history.Op{Func: history.Increment, Key: "k", Outcome: history.OK}
	with := func(change func(*history.Op)) history.Op {
		op := plain
		change(&op)
		return op
	}
	for _, c := range []struct {
		name, text string
		want       []history.Op
	}{
		{"nothing", "", nil},
		{"blank lines only", "\n \t\r\n\n", nil},
		{"no end of the last line", "{" + few + "}", []history.Op{plain}},
		{"CRLF and a blank line", "\r\n{" + few + "}\r\n", []history.Op{plain}},
		{"blanks between tokens", `{ "op" : "increment" , "key" : "k" , "outcome" : "ok" }`, []history.Op{plain}},
		{"tabs between tokens", "{\"op\":\t\"increment\",\"key\":\"k\",\"outcome\":\"ok\"}\t", []history.Op{plain}},
		{"unknown fields, nested", `{"x":{"op":[1,{"key":2}]},` + few + `}`, []history.Op{plain}},
		{"a known field in other letters is unknown", `{"Key":"no","OP":1,` + few + `}`, []history.Op{plain}},
		{"an unknown field twice", `{"x":1,"x":2,` + few + `}`, []history.Op{plain}},
		{"an escaped name", `{"\u006fp":"increment","key":"k","outcome":"ok"}`, []history.Op{plain}},
		{"null says nothing", `{"value":null,"node":null,` + few + `}`, []history.Op{plain}},
		{"value 0 is a value", `{"value":0,` + few + `}`, []history.Op{with(func(op *history.Op) { op.Value = history.Some(0) })}},
		{"the smallest number", `{"amount":-9223372036854775808,` + few + `}`, []history.Op{with(func(op *history.Op) { op.Amount = -1 << 63 })}},
		{"a key with an escape", `{"op":"increment","key":"a\"\u00e9","outcome":"ok"}`, []history.Op{with(func(op *history.Op) { op.Key = `a"é` })}},
		{"a key in UTF-8", `{"op":"increment","key":"在庫","outcome":"ok"}`, []history.Op{with(func(op *history.Op) { op.Key = "在庫" })}},
		{"index is the position without blank lines", "{" + few + "}\n\n{" + few + "}\n", []history.Op{plain, with(func(op *history.Op) { op.Index = 1 })}},
		{"intended is invoked", `{"invoked":5,"returned":7,` + few + `}`, []history.Op{with(func(op *history.Op) { op.Intended, op.Invoked, op.Returned = 5, 5, 7 })}},
		{"the recorder's process", `{"process":-1,` + few + `}`, []history.Op{with(func(op *history.Op) { op.Process = -1 })}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := read(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestReaderRefuses(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"a misspelt op", `{"op":"incremnt","key":"k","outcome":"ok"}`,
			`h.jsonl:2: op: "incremnt" is none of increment, write, read, purchase, reserve, cancel, transfer, total, reset, final-read, final-order, final-row, crash, recovered`},
		{"an unknown outcome", `{"op":"read","key":"k","outcome":"fine"}`, `h.jsonl:2: outcome: "fine" is none of ok, failed, unknown`},
		{"no op", `{"key":"k","outcome":"ok"}`, `h.jsonl:2: op: missing`},
		{"no key", `{"op":"read","outcome":"ok"}`, `h.jsonl:2: key: missing`},
		{"a null key", `{"op":"read","key":null,"outcome":"ok"}`, `h.jsonl:2: key: missing`},
		{"no outcome", `{"op":"read","key":"k"}`, `h.jsonl:2: outcome: missing`},
		{"a field twice", `{"key":"a",` + few + `}`, `h.jsonl:2: key: given twice`},
		{"a field twice, once null", `{"value":1,"value":null,` + few + `}`, `h.jsonl:2: value: given twice`},
		{"a number for a string", `{"op":"read","key":7,"outcome":"ok"}`, `h.jsonl:2: key: 7 is not a string`},
		{"a string for a number", `{"value":"7",` + few + `}`, `h.jsonl:2: value: "7" is not a whole number`},
		{"a fraction", `{"intended":1.5,` + few + `}`, `h.jsonl:2: intended: 1.5 is not a whole number`},
		{"an exponent", `{"value":1e3,` + few + `}`, `h.jsonl:2: value: 1e3 is not a whole number`},
		{"too great", `{"value":9223372036854775808,` + few + `}`, `h.jsonl:2: value: 9223372036854775808 is out of range`},
		{"a negative time", `{"intended":-1,` + few + `}`, `h.jsonl:2: intended: -1 is not between 0 and 9223372036854775807`},
		{"a negative index", `{"index":-1,` + few + `}`, `h.jsonl:2: index: -1 is not between 0 and 9223372036854775807`},
		{"invoked alone", `{"invoked":5,` + few + `}`, `h.jsonl:2: returned: want both invoked and returned, or neither`},
		{"returned first", `{"invoked":5,"returned":4,` + few + `}`, `h.jsonl:2: returned: 4 is before invoked, 5`},
		{"not JSON", `{"op":"read",key:"k"}`, `h.jsonl:2:14: invalid character 'k' looking for beginning of object key string`},
		{"a leading zero", `{"value":01,` + few + `}`, `h.jsonl:2:11: invalid character '1' after object key:value pair`},
		{"not an object", `["op"]`, `h.jsonl:2:1: want a JSON object`},
		{"two objects", `{` + few + `} {}`, `h.jsonl:2:45: more than one JSON value on the line`},
		{"ends early", `{"op":"read"`, `h.jsonl:2: unexpected EOF`},
	} {
		t.Run(c.name, func(t *testing.T) {
			ops, err := read("{" + few + "}\n" + c.line + "\n{" + few + "}\n")
			if len(ops) != 1 || err == nil {
				t.Fatalf("read %d ops and %v, want 1 and an error", len(ops), err)
			}
			if err.Error() != c.want {
				t.Errorf("error\n%s, want\n%s", err, c.want)
			}
			var where *history.Error
			if !errors.As(err, &where) || where.Line != 2 || errors.Is(err, history.ErrTruncated) {
				t.Errorf("%#v names no line 2, or says truncated", err)
			}
		})
	}
}

// Wherever a history is cut, Reader gives the ops before the cut and says that
// it was cut, unless the cut is between two lines.
func TestReaderTruncated(t *testing.T) {
	line := `{"op":"increment","key":"é","value":12,"outcome":"ok","status":200}`
	for cut := range len(line) {
		ops, err := read(line + "\n" + line[:cut])
		if len(ops) != 1 {
			t.Fatalf("cut at %d: %d ops, want 1", cut, len(ops))
		}
		if got, want := errors.Is(err, history.ErrTruncated), cut > 0; got != want {
			t.Fatalf("cut at %d: truncated is %v: %v", cut, got, err)
		}
	}
	if _, err := read(line + "\n{"); err.Error() != "h.jsonl:2: the last line is cut off" {
		t.Error(err)
	}
}

func TestReaderLongLines(t *testing.T) {
	line := func(n int) string {
		start, end := `{"op":"increment","outcome":"ok","key":"`, `"}`
		return start + strings.Repeat("x", n-len(start)-len(end)) + end
	}
	for _, end := range []string{"", "\n", "\r\n"} {
		if ops, err := read(line(history.MaxLine) + end); len(ops) != 1 || err != nil {
			t.Errorf("longest line, end %q: %d ops, %v", end, len(ops), err)
		}
		for _, more := range []int{1, 2, 3, 100_000} {
			_, err := read("\n" + line(history.MaxLine+more) + end)
			if err == nil || err.Error() != "h.jsonl:2: line is longer than 1048576 bytes" {
				t.Errorf("%d bytes too long, end %q: %v", more, end, err)
			}
		}
	}
}

func TestReaderErrorOfTheSource(t *testing.T) {
	broken := errors.New("the disk is on fire")
	r := history.NewReader(io.MultiReader(strings.NewReader("{"+few+"}\n{"), iotest.ErrReader(broken)), "h.jsonl")
	if ops := slices.Collect(r.Ops()); len(ops) != 1 {
		t.Errorf("%d ops before the error, want 1", len(ops))
	}
	for range 2 {
		if _, err := r.Next(); !errors.Is(err, broken) || err.Error() != "read h.jsonl: the disk is on fire" {
			t.Errorf("error %v, want the source's", err)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	good := history.Op{Func: history.Read, Key: "k", Invoked: 5, Returned: 7}
	for _, c := range []struct {
		want   string
		change func(*history.Op)
	}{
		{`write op 1: op: "" is none of increment, write, read, purchase, reserve, cancel, transfer, total, reset, final-read, final-order, final-row, crash, recovered`, func(op *history.Op) { op.Func = "" }},
		{"write op 1: outcome: 3 is none of ok, failed, unknown", func(op *history.Op) { op.Outcome = 3 }},
		{"write op 1: index: -1 is not between 0 and 9223372036854775807", func(op *history.Op) { op.Index = -1 }},
		{"write op 1: returned: 4 is before invoked, 5", func(op *history.Op) { op.Returned = 4 }},
		{"write op 1: line is longer than 1048576 bytes", func(op *history.Op) { op.Key = strings.Repeat("k", history.MaxLine) }},
	} {
		var out bytes.Buffer
		w := history.NewWriter(&out)
		bad := good
		c.change(&bad)
		if err := w.Write(good); err != nil {
			t.Fatal(err)
		}
		if err := w.Write(bad); err == nil || err.Error() != c.want {
			t.Errorf("error\n%v, want\n%s", err, c.want)
		}
		if err := errors.Join(w.Write(good), w.Flush()); err != nil {
			t.Errorf("after a refused op: %v", err)
		}
		if ops, err := read(out.String()); len(ops) != 2 || err != nil {
			t.Errorf("%d ops in the history, %v; want the 2 good ones", len(ops), err)
		}
	}
}

func TestWriterErrorOfTheTarget(t *testing.T) {
	w := history.NewWriter(fullDisk{})
	op := history.Op{Func: history.Read, Key: "k"}
	if err := w.Write(op); err != nil {
		t.Fatalf("a buffered write: %v", err)
	}
	for range 2 {
		if err := w.Flush(); !errors.Is(err, errFull) {
			t.Errorf("Flush: %v, want %v", err, errFull)
		}
	}
	if err := w.Write(op); !errors.Is(err, errFull) {
		t.Errorf("Write: %v, want %v", err, errFull)
	}
}

var errFull = errors.New("no space left")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestOutcomeText(t *testing.T) {
	for _, o := range []history.Outcome{history.Unknown, history.OK, history.Failed} {
		text, err := o.MarshalText()
		var back history.Outcome
		if err != nil || back.UnmarshalText(text) != nil || back != o {
			t.Errorf("%v became %q and then %v", o, text, back)
		}
	}
	if o := history.Outcome(9); o.String() != "unknown" {
		t.Errorf("an outcome out of range is %q, want unknown", o)
	}
}
