package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// names holds one copy of each string: a history of a million ops has a handful
// of nodes, keys and codes.
type names map[string]string

// of returns b as a string, the same one for the same bytes. The limit bounds
// the memory for a history whose strings are all different.
func (n names) of(b []byte) string {
	if s, ok := n[string(b)]; ok {
		return s
	}
	if len(n) >= 4096 {
		clear(n)
	}
	s := string(b)
	n[s] = s
	return s
}

// parseQuick reads a line as [Writer] and most others write it: a flat object
// of known fields, none twice, strings without escapes, whole numbers of at
// most 18 digits. It returns false for any other line, right or wrong.
//
// It is ours for its speed: judging a history with the jsontext decoder of
// github.com/go-json-experiment/json takes 2.3 times the processor time, and
// misses the bound that bench/history_test.go sets.
func parseQuick(op *Op, line []byte, names names) (given fieldSet, ok bool) {
	q := quick{rest: line}
	if !q.take('{') {
		return 0, false
	}
	for next := field(0); ; {
		name, ok := q.text()
		f := fieldNamed(name, next)
		if !ok || f == fieldUnknown || given.has(f) || !q.take(':') {
			return 0, false
		}
		given.add(f)
		next = (f + 1) % fieldUnknown
		if r := &fields[f]; r.setText != nil {
			s, ok := q.text()
			if !ok || r.setText(op, names.of(s)) != nil {
				return 0, false
			}
		} else {
			n, ok := q.number()
			if !ok || f.check(n) != nil {
				return 0, false
			}
			r.setNumber(op, n)
		}
		if q.take(',') {
			continue
		}
		return given, q.take('}') && len(q.rest) == 0
	}
}

// quick is a line that parseQuick is in the middle of.
type quick struct{ rest []byte }

// take skips the byte c and the blanks around it. It returns false where
// something else comes first.
func (q *quick) take(c byte) bool {
	q.blanks()
	if len(q.rest) == 0 || q.rest[0] != c {
		return false
	}
	q.rest = q.rest[1:]
	q.blanks()
	return true
}

func (q *quick) blanks() {
	for len(q.rest) > 0 && q.rest[0] == ' ' {
		q.rest = q.rest[1:]
	}
}

// text reads a string without escapes, and returns its bytes.
func (q *quick) text() ([]byte, bool) {
	if len(q.rest) == 0 || q.rest[0] != '"' {
		return nil, false
	}
	s := q.rest[1:]
	ascii := true
	for i, c := range s {
		switch {
		case c == '"':
			q.rest = s[i+1:]
			return s[:i], ascii || utf8.Valid(s[:i])
		case c == '\\' || c < ' ':
			return nil, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, false
}

// number reads a whole number. What follows it is for take to judge, which
// knows no fraction and no exponent.
func (q *quick) number() (n int64, ok bool) {
	b := q.rest
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	digits := 0
	for digits < len(b) && b[digits]-'0' <= 9 {
		n = n*10 + int64(b[digits]-'0')
		digits++
		if digits > 18 {
			return 0, false
		}
	}
	if digits == 0 || digits > 1 && b[0] == '0' {
		return 0, false
	}
	q.rest = b[digits:]
	if negative {
		n = -n
	}
	return n, true
}

// A syntaxError is a place where a line is not one JSON object.
type syntaxError struct {
	column int // from 1
	err    error
}

func (e *syntaxError) Error() string { return e.err.Error() }

// parseThorough reads any line with encoding/json. It returns
// [io.ErrUnexpectedEOF] for a line that ends too early, a syntaxError or a
// fieldError. Unknown fields are skipped, and null counts as not given.
func parseThorough(op *Op, line []byte) (given fieldSet, err error) {
	object, err := oneObject(line)
	if err != nil {
		return 0, err
	}
	in := json.NewDecoder(bytes.NewReader(object))
	if _, err := in.Token(); err != nil {
		return 0, err
	}
	var seen fieldSet // also the nulls
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return 0, err
		}
		var raw json.RawMessage
		if err := in.Decode(&raw); err != nil {
			return 0, err
		}
		f := fieldNamed([]byte(name.(string)), 0)
		if f == fieldUnknown {
			continue
		}
		if seen.has(f) {
			return 0, &fieldError{f, errTwice}
		}
		seen.add(f)
		if string(raw) == "null" {
			continue
		}
		given.add(f)
		if err := f.setRaw(op, raw); err != nil {
			return 0, err
		}
	}
	return given, nil
}

// oneObject returns the JSON object that a line consists of.
func oneObject(line []byte) ([]byte, error) {
	in := json.NewDecoder(bytes.NewReader(line))
	var object json.RawMessage
	err := in.Decode(&object)
	if syntax, is := errors.AsType[*json.SyntaxError](err); is {
		return nil, &syntaxError{int(syntax.Offset), syntax}
	} else if err != nil {
		return nil, err
	}
	rest := bytes.TrimLeft(line[in.InputOffset():], " \t\r")
	if len(rest) > 0 {
		return nil, &syntaxError{len(line) - len(rest) + 1, errors.New("more than one JSON value on the line")}
	}
	if object[0] != '{' {
		return nil, &syntaxError{1, errors.New("want a JSON object")}
	}
	return object, nil
}

// setRaw stores a JSON value in the field f of op.
func (f field) setRaw(op *Op, raw []byte) error {
	if r := &fields[f]; r.setText != nil {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return wrong(f, "%.40s is not a string", raw)
		}
		if err := r.setText(op, s); err != nil {
			return &fieldError{f, err}
		}
		return nil
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return wrong(f, "%.40s is out of range", raw)
	case err != nil:
		return wrong(f, "%.40s is not a whole number", raw)
	}
	fields[f].setNumber(op, n)
	return f.check(n)
}

// UnmarshalJSON reads what [Op.MarshalJSON] returns, by the rules of [Reader].
func (op *Op) UnmarshalJSON(text []byte) error {
	*op = Op{}
	given, err := parseThorough(op, text)
	if err == nil {
		err = complete(op, given, 0)
	}
	if err != nil {
		return fmt.Errorf("op: %w", err)
	}
	return nil
}

// MarshalJSON returns the number, or null where there is none.
func (v Value) MarshalJSON() ([]byte, error) {
	if !v.Valid {
		return []byte("null"), nil
	}
	return strconv.AppendInt(nil, v.Int64, 10), nil
}

// UnmarshalJSON accepts a whole number or null.
func (v *Value) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*v = Value{}
		return nil
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return fmt.Errorf("value %.40s is not a whole number", text)
	}
	*v = Some(n)
	return nil
}
