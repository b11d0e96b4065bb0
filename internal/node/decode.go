package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of what a request may say.
const (
	maxBody     = 64 << 10  // bytes of a body
	maxName     = 256       // bytes of a key, an item or an account
	maxData     = 32 << 10  // bytes of the data of a write
	maxQuantity = 1e12      // of a purchase or a transfer
	maxLevel    = 1e15      // of a counter, stock or balance that the lab sets: far from overflow
	maxLabWait  = 60 * 1000 // ms of a hold, or before a crash
	maxRows     = 10_000    // that a session writes in one statement
)

// An invalid argument says which field is wrong and what is wanted of it.
type invalid struct {
	field string // "body" or "query" where no single field is at fault
	want  string // "must be …"
}

func (e *invalid) Error() string { return e.field + " " + e.want }

// A field is one member of a request's JSON object, and where its value goes.
// Exactly one of text, number, flag and members is set.
type field struct {
	name     string
	text     *string
	number   *int64
	flag     *bool
	members  []field // of an object
	min, max int64   // bytes of a text, or bounds of a number
	optional bool
}

func text(name string, to *string, most int64) field {
	return field{name: name, text: to, min: 1, max: most}
}

func whole(name string, to *int64, least, most int64) field {
	return field{name: name, number: to, min: least, max: most}
}

// want says what the field's value has to be.
func (f *field) want() string {
	switch {
	case f.text != nil:
		return fmt.Sprintf("must be a string of %d to %d bytes of UTF-8 without NUL", f.min, f.max)
	case f.number != nil:
		return fmt.Sprintf("must be a whole number from %d to %d, written in digits alone", f.min, f.max)
	case f.members != nil:
		return "must be an object"
	default:
		return "must be true or false"
	}
}

// set takes a JSON token as the field's value and reports whether it fits.
func (f *field) set(token json.Token) bool {
	switch value := token.(type) {
	case string:
		return f.text != nil && f.setText(value)
	case json.Number:
		n, err := strconv.ParseInt(string(value), 10, 64)
		if f.number == nil || err != nil || n < f.min || n > f.max {
			return false
		}
		*f.number = n
		return true
	case bool:
		if f.flag == nil {
			return false
		}
		*f.flag = value
		return true
	}
	return false // null, or the start of an array or an object that is not wanted
}

func (f *field) setText(value string) bool {
	size := int64(len(value))
	if size < f.min || size > f.max || strings.ContainsRune(value, 0) || !utf8.ValidString(value) {
		return false
	}
	*f.text = value
	return true
}

// decode reads a body that must be one JSON object with exactly the fields
// given: each at most once, spelled in this case, of this type and size. It is
// stricter than encoding/json, which takes the last of two equal names, matches
// names in any case and makes U+FFFD of what is not UTF-8: a node that guesses
// what was meant cannot say afterwards what it was asked.
func decode(body []byte, fields ...field) error {
	if !utf8.Valid(body) || !json.Valid(body) || loneSurrogate(body) {
		return &invalid{"body", "must be one JSON object in UTF-8"}
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return &invalid{"body", "must be a JSON object"}
	}
	if bad := decodeMembers(d, fields); bad != nil {
		return bad
	}
	return nil
}

// decodeMembers reads an object from behind its opening brace to its closing
// one. What is wrong within an inner object is named as in "discipline.pool".
func decodeMembers(d *json.Decoder, fields []field) *invalid {
	seen := make([]bool, len(fields))
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return &invalid{"body", "must be one JSON object"}
		}
		i, bad := claim(fields, seen, name.(string))
		if bad != nil {
			return bad
		}
		if bad := decodeValue(d, &fields[i]); bad != nil {
			return bad
		}
	}
	_, _ = d.Token() // the closing brace: the body is valid JSON
	return missing(fields, seen)
}

func decodeValue(d *json.Decoder, f *field) *invalid {
	value, err := d.Token()
	if err == nil && f.members != nil && value == json.Delim('{') {
		if bad := decodeMembers(d, f.members); bad != nil {
			return &invalid{f.name + "." + bad.field, bad.want}
		}
		return nil
	}
	if err != nil || !f.set(value) {
		return &invalid{f.name, f.want()}
	}
	return nil
}

// decodeQuery reads a URL's query by the same rules. Its values are all text.
func decodeQuery(query string, fields ...field) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return &invalid{"query", "must be name=value, percent-encoded"}
	}
	seen := make([]bool, len(fields))
	for name, all := range values {
		i, bad := claim(fields, seen, name)
		if bad != nil {
			return bad
		}
		if len(all) > 1 {
			return &invalid{shown(name), "must be given once"}
		}
		if !fields[i].setText(all[0]) {
			return &invalid{fields[i].name, fields[i].want()}
		}
	}
	if bad := missing(fields, seen); bad != nil {
		return bad
	}
	return nil
}

// claim finds the field called name and marks it as seen.
func claim(fields []field, seen []bool, name string) (int, *invalid) {
	for i := range fields {
		if fields[i].name != name {
			continue
		}
		if seen[i] {
			return 0, &invalid{name, "must be given once"}
		}
		seen[i] = true
		return i, nil
	}
	return 0, &invalid{shown(name), "is not a field of this request"}
}

// shown cuts a name that came from outside to what an error may repeat.
func shown(name string) string {
	const most = 64
	if len(name) <= most {
		return name
	}
	return strings.ToValidUTF8(name[:most], "") + "…"
}

func missing(fields []field, seen []bool) *invalid {
	for i := range fields {
		if !seen[i] && !fields[i].optional {
			return &invalid{fields[i].name, fields[i].want()}
		}
	}
	return nil
}

// loneSurrogate reports whether valid JSON escapes half of a surrogate pair,
// which stands for no character (RFC 8259, section 8.2).
func loneSurrogate(body []byte) bool {
	for i := 0; i+1 < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		i++ // past the escaped character: "\\" escapes nothing that follows
		if body[i] != 'u' {
			continue
		}
		unit := hex4(body, i+1)
		i += 4
		switch {
		case unit >= 0xdc00 && unit <= 0xdfff:
			return true
		case unit >= 0xd800 && unit <= 0xdbff:
			if low := escapedUnit(body, i+1); low < 0xdc00 || low > 0xdfff {
				return true
			}
			i += 6
		}
	}
	return false
}

// escapedUnit returns the unit that \uXXXX stands for at i, 0 where there is none.
func escapedUnit(body []byte, i int) uint64 {
	if i+1 >= len(body) || body[i] != '\\' || body[i+1] != 'u' {
		return 0
	}
	return hex4(body, i+2)
}

func hex4(body []byte, i int) uint64 {
	if i+4 > len(body) {
		return 0
	}
	n, _ := strconv.ParseUint(string(body[i:i+4]), 16, 16) // valid JSON has four digits there
	return n
}
