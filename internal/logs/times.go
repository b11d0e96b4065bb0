package logs

import (
	"bytes"
	"strconv"
	"sync"
	"time"
)

// A stamp is when a line says that it was written.
type stamp struct {
	at    time.Time // UTC; its year is 0 where lacks says so
	lacks lack
}

// A lack is what a time does not say, the worst of it.
type lack uint8

const (
	noTime lack = iota // there is none: the zero stamp
	noDate             // "03:02:01": at is on the first of January of the year 0
	noYear             // "May  4 03:02:01"
	noZone             // read as UTC
	whole
)

// better returns the stamp that says more, the inner one where both say as
// much: a program knows better than its collector when something happened,
// but a collector's zone is better than none.
func better(inner, outer stamp) stamp {
	if outer.lacks > inner.lacks {
		return outer
	}
	return inner
}

// zones are the offsets of abbreviations in seconds: RFC 5322's, and those that
// stand for one offset only. Package time knows no other than the machine's own.
var zones = map[string]int{
	"UTC": 0, "GMT": 0, "UT": 0, "EST": -5 * hour, "EDT": -4 * hour, "CST": -6 * hour, "CDT": -5 * hour, "MST": -7 * hour, "MDT": -6 * hour, "PST": -8 * hour, "PDT": -7 * hour,
	"CET": 1 * hour, "CEST": 2 * hour, "EET": 2 * hour, "EEST": 3 * hour, "WEST": 1 * hour, "BST": 1 * hour, "MSK": 3 * hour, "JST": 9 * hour, "KST": 9 * hour,
	"AEST": 10 * hour, "AEDT": 11 * hour, "NZST": 12 * hour, "NZDT": 13 * hour,
}

// timeAt reads a time at the begin of text, and returns its length.
func timeAt(text []byte) (stamp, int) {
	if len(text) == 0 {
		return stamp{}, 0
	}
	switch c := text[0]; {
	case '0' <= c && c <= '9':
		if s, n := isoTime(text); n > 0 {
			return s, n
		}
		if dayFirst(text) {
			if s, n := byLayout(text, digitLayouts); n > 0 {
				return s, n
			}
			return slashDate(text)
		}
	case 'A' <= c && c <= 'Z':
		n := 0
		for n < len(text) && n < 10 && isWord(text[n]) {
			n++
		}
		if !calendar[string(text[:n])] {
			return stamp{}, 0
		}
		if s, end := syslogTime(text, n); end > 0 {
			return s, end
		}
		return byLayout(text, layouts)
	}
	return stamp{}, 0
}

// syslogTime reads "May  4 03:02:01", which most lines of a syslog begin with; its
// month is text[:n]. The layouts have it too, with what may follow.
func syslogTime(text []byte, n int) (stamp, int) {
	i := n
	for i < len(text) && text[i] == ' ' {
		i++
	}
	day, end := digits(text, i)
	if end == i || end-i > 2 || end == len(text) || text[end] != ' ' {
		return stamp{}, 0
	}
	for m := time.January; m <= time.December; m++ {
		if m.String()[:3] != string(text[:n]) {
			continue
		}
		s, end := clock(text, end+1, 0, int(m), day, noYear)
		if rest := text[end:]; bytes.HasPrefix(rest, []byte(" AM")) || bytes.HasPrefix(rest, []byte(" PM")) || len(rest) > 4 && digitsFrom(rest, 1) == 4 {
			return stamp{}, 0
		}
		return s, end
	}
	return stamp{}, 0
}

// dayFirst reports whether a text begins as digitLayouts do: most lines that begin with a digit do not.
func dayFirst(text []byte) bool {
	n := digitsFrom(text, 0)
	if n < 1 || n > 2 || len(text) < n+8 {
		return false
	}
	switch c := text[n]; c {
	case '/', '-', ' ':
		if calendar[string(text[n+1:n+4])] {
			return true
		}
		return c == '/' && (text[n+2] == '/' || text[n+3] == '/')
	case '.':
		return text[n+3] == '.' && digitsFrom(text, n+4) == 4
	}
	return false
}

// slashDate reads "25/05/2026 03:02:01" and "05/25/2026 03:02:01". Where both may be the
// month, the time has no date.
func slashDate(text []byte) (stamp, int) {
	a, ok := number(text, 0, 2)
	b, ok2 := number(text, 3, 2)
	year, ok3 := number(text, 6, 4)
	if !ok || !ok2 || !ok3 || text[2] != '/' || text[5] != '/' || len(text) < 12 || text[10] != ' ' {
		return stamp{}, 0
	}
	switch {
	case a > 12:
		return clock(text, 11, year, b, a, noZone)
	case b > 12:
		return clock(text, 11, year, a, b, noZone)
	}
	return clock(text, 11, 0, 1, 1, noDate)
}

// calendar has the names of months and days, whole and in three letters.
var calendar = func() map[string]bool {
	names := map[string]bool{}
	for i := range 12 {
		name := time.Month(i + 1).String()
		names[name], names[name[:3]] = true, true
	}
	for i := range 7 {
		name := time.Weekday(i).String()
		names[name], names[name[:3]] = true, true
	}
	return names
}()

// number reads exactly n digits at text[i:].
func number(text []byte, i, n int) (v int, ok bool) {
	if i < 0 || i+n > len(text) {
		return 0, false
	}
	for _, c := range text[i : i+n] {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = 10*v + int(c-'0')
	}
	return v, true
}

// isoTime reads a date and a time of day as in ISO 8601 and RFC 3339, with a
// blank for the T, with slashes or dots, without dashes, without a year
// ("05-04 03:02:01") or a date, and seconds or milliseconds since 1970.
func isoTime(text []byte) (stamp, int) {
	at := func(i int) byte {
		if i < len(text) {
			return text[i]
		}
		return 0
	}
	var year, month, day, i int
	lacks := noZone
	if c := at(4); c == '-' || c == '/' || c == '.' { // 2026-05-04
		y, ok := number(text, 0, 4)
		mo, ok2 := number(text, 5, 2)
		d, ok3 := number(text, 8, 2)
		if !ok || !ok2 || !ok3 || at(7) != c {
			return stamp{}, 0
		}
		year, month, day, i = y, mo, d, 10
	} else if at(2) == ':' { // 03:02:01
		month, day, lacks = 1, 1, noDate
	} else if at(2) == '-' && at(5) == ' ' { // 05-04
		mo, ok := number(text, 0, 2)
		d, ok2 := number(text, 3, 2)
		if !ok || !ok2 {
			return stamp{}, 0
		}
		month, day, i, lacks = mo, d, 5, noYear
	} else if c := at(8); c == 'T' || c == ' ' || c == '-' { // 20260504
		y, ok := number(text, 0, 4)
		mo, ok2 := number(text, 4, 2)
		d, ok3 := number(text, 6, 2)
		if !ok || !ok2 || !ok3 {
			return stamp{}, 0
		}
		year, month, day, i = y, mo, d, 8
	} else {
		return epoch(text)
	}
	if lacks != noDate {
		switch c := at(i); c {
		case 'T', 't', '_', '-', ' ':
			for i++; c == ' ' && at(i) == ' '; i++ {
			}
		default:
			return stamp{}, 0
		}
	}
	return clock(text, i, year, month, day, lacks)
}

// clock reads a time of day at text[i:], with or without seconds' fraction and
// zone, and puts it on the day.
func clock(text []byte, i, year, month, day int, lacks lack) (stamp, int) {
	byteAt := func(i int) byte {
		if i < len(text) {
			return text[i]
		}
		return 0
	}
	h, ok := number(text, i, 2)
	colon := 0
	if byteAt(i+2) == ':' {
		colon = 1
	}
	m, ok2 := number(text, i+2+colon, 2)
	s, nanos := 0, 0
	if i += 4 + colon; colon == 0 || byteAt(i) == ':' {
		var ok3 bool
		s, ok3 = number(text, i+colon, 2)
		i, ok = i+colon+2, ok && ok3
	} else if lacks == noDate {
		return stamp{}, 0 // "03:02" may be anything
	}
	if !ok || !ok2 || lacks == noDate && colon == 0 {
		return stamp{}, 0
	}
	if c := byteAt(i); (c == '.' || c == ',' || c == ':') && '0' <= byteAt(i+1) && byteAt(i+1) <= '9' {
		unit := 100_000_000
		for i++; i < len(text) && '0' <= text[i] && text[i] <= '9'; i++ {
			nanos += unit * int(text[i]-'0')
			unit /= 10
		}
	}
	if month < 1 || month > 12 || day < 1 || day > 31 || h > 23 || m > 59 || s > 60 || lacks == noZone && (year < 1970 || year > 9998) {
		return stamp{}, 0
	}
	offset, n := zoneAt(text[i:])
	if i += n; i < len(text) && isWord(text[i]) {
		return stamp{}, 0
	}
	at := time.Date(year, time.Month(month), day, h, m, s, nanos, time.UTC).Add(-time.Duration(offset) * time.Second)
	switch {
	case lacks == noZone && n > 0:
		lacks = whole
	case lacks == noYear: // and it stays in the year 0, also where the offset leads out of it
		at = time.Date(0, at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC)
	case lacks == noDate:
		at = time.Date(0, 1, 1, at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC)
	}
	return stamp{at, lacks}, i
}

// zoneAt reads a zone, right behind a time or after one blank: Z, +02:00, +0200,
// +02, UTC, CEST, Europe/Berlin. It returns its offset in seconds and its length, 0 where none is.
func zoneAt(text []byte) (offset, n int) {
	i := 0
	if i < len(text) && text[i] == ' ' {
		i++
	}
	if i >= len(text) {
		return 0, 0
	}
	switch c := text[i]; {
	case (c == 'Z' || c == 'z') && i == 0:
		return 0, 1
	case c == '+' || c == '-':
		h, ok := number(text, i+1, 2)
		if !ok || h > 14 {
			return 0, 0
		}
		end := i + 3
		m, ok := number(text, end, 2)
		if end < len(text) && text[end] == ':' {
			if m, ok = number(text, end+1, 2); ok {
				end++
			}
		}
		if ok && m < 60 {
			end += 2
		} else if m = 0; i > 0 {
			return 0, 0 // "03:02:01 -12 items"
		}
		if end < len(text) && isWord(text[end]) {
			return 0, 0
		}
		if offset = h*hour + m*60; c == '-' {
			offset = -offset
		}
		return offset, end
	case 'A' <= c && c <= 'Z':
		end := i
		for end < len(text) && end < i+5 && 'A' <= text[end] && text[end] <= 'Z' {
			end++
		}
		if offset, known := zones[string(text[i:end])]; known && (end == len(text) || !isWord(text[end])) {
			return offset, end
		}
	}
	return 0, 0
}

// epoch reads seconds since 1970 with a fraction, or milliseconds,
// microseconds or nanoseconds, from September 2001 on.
func epoch(text []byte) (stamp, int) {
	n := 0
	for n < len(text) && n < 20 && '0' <= text[n] && text[n] <= '9' {
		n++
	}
	fraction := n
	if n == 10 && n+1 < len(text) && text[n] == '.' {
		for fraction++; fraction < len(text) && '0' <= text[fraction] && text[fraction] <= '9'; fraction++ {
		}
	}
	if n == 10 && fraction == n || n != 10 && n != 13 && n != 16 && n != 19 || fraction < len(text) && isWord(text[fraction]) {
		return stamp{}, 0
	}
	return epochOf(text[:fraction]), fraction
}

// epochOf reads a number of seconds since 1970, or of milli-, micro- or
// nanoseconds, which its size tells; a stamp with no time where it is none of them.
func epochOf(text []byte) stamp {
	seconds, fraction, _ := bytes.Cut(text, []byte("."))
	v, err := strconv.ParseInt(string(seconds), 10, 64)
	if err != nil {
		return stamp{}
	}
	var at time.Time
	switch {
	case v < 100_000_000 || v > 5_000_000_000_000_000_000:
		return stamp{}
	case v < 100_000_000_000:
		nanos, _ := strconv.ParseInt((string(fraction[:min(len(fraction), 9)]) + "000000000")[:9], 10, 64)
		at = time.Unix(v, nanos)
	case v < 100_000_000_000_000:
		at = time.UnixMilli(v)
	case v < 100_000_000_000_000_000:
		at = time.UnixMicro(v)
	default:
		at = time.Unix(0, v)
	}
	return stamp{at.UTC(), whole}
}

// placeAt reads a zone by its place, as PHP writes it ("Europe/Berlin") behind a blank, and returns what local is in UTC.
func placeAt(text []byte, local time.Time) (time.Time, int) {
	if len(text) < 2 || text[0] != ' ' || bytes.IndexByte(text, '/') < 0 {
		return time.Time{}, 0
	}
	end := 1
	for end < len(text) && (isWord(text[end]) || text[end] == '/' || text[end] == '-' || text[end] == '+') {
		end++
	}
	zone := place(string(text[1:end]))
	if zone == nil {
		return time.Time{}, 0
	}
	y, mo, d := local.Date()
	return time.Date(y, mo, d, local.Hour(), local.Minute(), local.Second(), local.Nanosecond(), zone).UTC(), end
}

// place returns the zone of a place, or nil where this machine does not know it.
func place(name string) *time.Location {
	if known, ok := places.Load(name); ok {
		return known.(*time.Location)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	places.Store(name, zone)
	return zone
}

var places sync.Map // by name; as many as the machine knows

// parseStamp reads a field that holds nothing but a time.
func parseStamp(field []byte) stamp {
	field = bytes.TrimSpace(field)
	if s, n := timeAt(field); n == len(field) && n > 0 {
		return s
	}
	if allDigits(bytes.Replace(field, []byte("."), nil, 1)) {
		return epochOf(field)
	}
	return stamp{}
}
