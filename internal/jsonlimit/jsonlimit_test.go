package jsonlimit

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
)

var few = Limits{Bytes: 100, Depth: 3, String: 5, Values: 10}

func TestCheck(t *testing.T) {
	for _, c := range []struct{ name, text, wrong string }{
		{"nothing", "", ""},
		{"as much as may be", `{"a":["12345",{"b":1}]}`, ""},
		{"brackets in a string", `["[[[[["]`, ""},
		{"what is escaped", `["\"[\\","["]`, ""},
		{"too deep", `[[[[]]]]`, "more than 3 deep"},
		{"a long string", `{"a":"123456"}`, "a string of 6 bytes, and 5 are the most"},
		{"a long name", `{"abcdef":1}`, "a string of 6 bytes"},
		{"a string without an end", `["abcdefgh`, "a string of 8 bytes"},
		{"many values", "[" + strings.Repeat("1,", 10) + "1]", "more than 10 values"},
		{"long", strings.Repeat(" ", 101), "longer than 100 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := few.Check([]byte(c.text))
			if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%q: %v, want %q", c.text, err, c.wrong)
			}
		})
	}
}

// endless is a file like /dev/zero: it never ends.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	clear(p)
	return len(p), nil
}

func TestReadEnds(t *testing.T) {
	e := &endless{}
	if _, err := few.Read(e); err == nil || !strings.Contains(err.Error(), "longer than 100 bytes") {
		t.Errorf("error %v, want the limit", err)
	}
	if e.read > 4096 {
		t.Errorf("it read %d bytes, and may have 100", e.read)
	}
	if _, err := few.Read(io.MultiReader(strings.NewReader("[]"))); err != nil {
		t.Error(err)
	}
}

// measured is what a decoded value has.
func measured(v any, depth int, m *Limits) {
	m.Values++
	switch v := v.(type) {
	case string:
		m.String = max(m.String, len(v))
	case []any:
		m.Depth = max(m.Depth, depth+1)
		for _, e := range v {
			measured(e, depth+1, m)
		}
	case map[string]any:
		m.Depth = max(m.Depth, depth+1)
		for name, e := range v {
			m.String = max(m.String, len(name))
			measured(e, depth+1, m)
		}
	}
}

// What passes decodes to no more than the limits say.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(`{"a":["12345",{"b":1}]}`))
	f.Add([]byte(`["\u0041\"\\",[[]],{},null,1e5]`))
	f.Add([]byte("[\"\xff\xff\"]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var v any
		if few.Check(data) != nil || json.Unmarshal(data, &v) != nil {
			return
		}
		var m Limits
		measured(v, 0, &m)
		const replaced = 3 // a byte that is no UTF-8 becomes a character of three
		if m.Depth > few.Depth || m.Values > few.Values || m.String > replaced*few.String {
			t.Errorf("%q passes %+v, and has %+v", data, few, m)
		}
	})
}
