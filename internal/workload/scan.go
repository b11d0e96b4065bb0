package workload

import (
	"bytes"
	"strconv"
)

// scan reads the flat JSON object that a node writes, several times faster
// than encoding/json and without garbage: a load driver reads one for every
// op. It returns false, and leaves a in any state, for whatever is unusual,
// right or wrong: unknown names, escapes, spaces, fractions where integers
// belong. What it takes, encoding/json reads the same.
func (a *answer) scan(b []byte) bool {
	b, open := bytes.CutPrefix(bytes.TrimSuffix(b, []byte("\n")), []byte("{"))
	b, end := bytes.CutSuffix(b, []byte("}"))
	if !open || !end {
		return false
	}
	for {
		name, rest, ok := cutString(b)
		if !ok || len(rest) == 0 || rest[0] != ':' {
			return false
		}
		if b, ok = a.scanField(name, rest[1:]); !ok {
			return false
		}
		if len(b) == 0 {
			return true
		}
		if b[0] != ',' {
			return false
		}
		b = b[1:]
	}
}

// scanField reads the value of the field name at the start of b.
func (a *answer) scanField(name, b []byte) (rest []byte, ok bool) {
	switch string(name) {
	case "success":
		a.Success = true
		return bytes.CutPrefix(b, []byte("true"))
	case "value":
		return scanInt(&a.Value, b)
	case "id":
		return scanInt(&a.ID, b)
	case "left":
		return scanInt(&a.Left, b)
	case "amount":
		return scanInt(&a.Amount, b)
	case "total":
		return scanInt(&a.Total, b)
	case "accounts":
		return scanInt(&a.Accounts, b)
	case "key":
		return scanString(&a.Key, b)
	case "item":
		return scanString(&a.Item, b)
	case "from":
		return scanString(&a.From, b)
	case "to":
		return scanString(&a.To, b)
	case "container":
		return scanString(&a.Container, b)
	case "code":
		return scanString(&a.Code, b)
	case "extended":
		return scanString(&a.Extended, b)
	case "error":
		_, rest, ok = cutString(b)
		return rest, ok
	case "duration":
		return cutDecimal(b)
	default:
		return nil, false
	}
}

func scanString(to *string, b []byte) (rest []byte, ok bool) {
	s, rest, ok := cutString(b)
	*to = string(s)
	return rest, ok
}

// cutString cuts a string in plain ASCII, without escapes, from the start of b.
func cutString(b []byte) (s, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, false
	}
	for i, c := range b[1:] {
		switch {
		case c == '"':
			return b[1 : 1+i], b[2+i:], true
		case c < ' ' || c > '~' || c == '\\':
			return nil, nil, false
		}
	}
	return nil, nil, false
}

// scanInt reads an integer of up to 18 digits, which always fits.
func scanInt(to *int64, b []byte) (rest []byte, ok bool) {
	start := 0
	if len(b) > 0 && b[0] == '-' {
		start = 1
	}
	n := digits(b[start:])
	if n == 0 || n > 18 {
		return nil, false
	}
	var err error
	*to, err = strconv.ParseInt(string(b[:start+n]), 10, 64)
	return b[start+n:], err == nil
}

// cutDecimal cuts a number like 12 or 0.25 from the start of b.
func cutDecimal(b []byte) (rest []byte, ok bool) {
	n := digits(b)
	if n == 0 || n > 18 {
		return nil, false
	}
	b = b[n:]
	if len(b) > 0 && b[0] == '.' {
		n = 0
		for n+1 < len(b) && isDigit(b[n+1]) {
			n++
		}
		if n == 0 {
			return nil, false
		}
		b = b[1+n:]
	}
	return b, true
}

// digits returns how many digits at the start of b make a JSON integer: 0
// where there is none or it begins with a superfluous 0.
func digits(b []byte) int {
	n := 0
	for n < len(b) && isDigit(b[n]) {
		n++
	}
	if n > 1 && b[0] == '0' {
		return 0
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
