package logs

import (
	"bytes"
	"time"
)

// A layout is a form of time other than ISO 8601's, with what it lacks. Go's
// package time reads a fraction of the second after each.
type layout struct {
	form  string
	words int // that it takes up
	lacks lack
}

// layouts begin with the name of a month or a day. A new form goes here; those that
// begin with a digit go to digitLayouts.
var layouts = []layout{
	{"Jan _2 15:04:05", 3, noYear},                  // RFC 3164, journald
	{"Jan 2 2006 15:04:05", 4, noZone},              // Cisco, some syslogs
	{"Jan 2, 2006 15:04:05", 4, noZone},             // Plex
	{"Jan 2, 2006 3:04:05 PM", 5, noZone},           // java.util.logging
	{"Jan 2 03:04:05 PM", 4, noYear},                // Render
	{"Mon Jan _2 15:04:05 2006", 5, noZone},         // C's ctime, Apache
	{"Mon Jan _2 15:04:05 MST 2006", 6, whole},      // date(1)
	{"Mon, 02 Jan 2006 15:04:05 MST", 6, whole},     // RFC 1123
	{"Mon, 02 Jan 2006 15:04:05 -0700", 6, whole},   //
	{"Mon 2006-01-02 15:04:05 MST", 4, whole},       // journalctl -o short-full
	{"Mon Jan _2 2006 15:04:05", 5, noZone},         //
	{"Monday, January 2, 2006 15:04:05", 5, noZone}, //
	{"January 2, 2006 15:04:05", 4, noZone},         //
	{"Mon Jan 2 2006 15:04:05 GMT-0700", 6, whole},  // JavaScript's Date
	{"Mon Jan _2 15:04:05 -0700 2006", 6, whole},    // Ruby's
	{"Mon, 02 Jan 2006 15:04:05", 5, noZone},        //
	{"2 Jan 2006 15:04:05", 4, noZone},              // Redis
}

// digitLayouts begin with a digit and have a month's name or a day before the year.
var digitLayouts = []layout{
	{"02/Jan/2006:15:04:05 -0700", 2, whole}, // NCSA
	{"02-Jan-2006 15:04:05 MST", 3, whole},   // PHP
	{"02-Jan-2006 15:04:05", 2, noZone},      // Tomcat
	{"2 Jan 2006 15:04:05", 4, noZone},       // Redis
	{"02 Jan 2006 15:04:05", 4, noZone},      //
	{"02/Jan/2006 15:04:05", 2, noZone},      // Django's runserver
	{"02.01.2006 15:04:05", 2, noZone},       // day first, as all write who use dots
	{"01/02/2006, 3:04:05 PM", 3, noZone},    // NestJS; who writes PM writes the month first
	{"01/02/2006 3:04:05 PM", 3, noZone},     // Windows
}

// byLayout reads a time in one of the layouts.
func byLayout(text []byte, table []layout) (stamp, int) {
	text = text[:min(len(text), 48)]
	var ends [8]int // of the first words
	n := 0
	for i := 0; i < len(text) && n < len(ends); {
		for i < len(text) && text[i] == ' ' {
			i++
		}
		for i < len(text) && text[i] != ' ' && text[i] != ']' && text[i] != '|' && text[i] != '\t' {
			i++
		}
		ends[n] = i
		n++
		if i < len(text) && text[i] != ' ' {
			break
		}
	}
	best, length := stamp{}, 0
	for _, l := range table {
		if l.words > n {
			continue
		}
		words := bytes.TrimRight(text[:ends[l.words-1]], ":,;")
		if len(words) <= length || !sameShape(l.form, words) {
			continue
		}
		at, err := time.Parse(l.form, string(words))
		if err != nil {
			continue
		}
		s := stamp{at.UTC(), l.lacks}
		zone, offset := at.Zone()
		if l.lacks == whole && offset == 0 && zone != "UTC" && zone != "" { // an abbreviation
			if ahead, known := zones[zone]; known {
				s.at = at.UTC().Add(-time.Duration(ahead) * time.Second)
			} else {
				s.lacks = noZone
			}
		}
		end := len(words)
		if s.lacks == noZone {
			if offset, n := zoneAt(text[end:]); n > 0 {
				s, end = stamp{s.at.Add(-time.Duration(offset) * time.Second), whole}, end+n
			} else if at, n := placeAt(text[end:], s.at); n > 0 {
				s, end = stamp{at, whole}, end+n
			}
		}
		if s.lacks >= noZone && (s.at.Year() < 1970 || s.at.Year() > 9998) {
			continue
		}
		best, length = s, end
	}
	return best, length
}

// sameShape reports whether letters, digits and marks follow each other in text
// as they do in a layout's form, runs of any length: a quick no, where time.Parse would make an error.
func sameShape(form string, text []byte) bool {
	kind := func(c byte) byte {
		switch {
		case c == ' ' || c == '_':
			return ' '
		case '0' <= c && c <= '9':
			return '0'
		case isWord(c):
			return 'a'
		case c == '+':
			return '-'
		}
		return c
	}
	i, j := 0, 0
	for i < len(form) && j < len(text) {
		want, got := kind(form[i]), kind(text[j])
		if want != got {
			if got != '.' && got != ',' || digitsFrom(text, j+1) == 0 {
				return false
			}
			j += 1 + digitsFrom(text, j+1) // a fraction
			continue
		}
		i, j = i+1, j+1
		if want != ' ' && want != '0' && want != 'a' {
			continue
		}
		for i < len(form) && kind(form[i]) == want {
			i++
		}
		for j < len(text) && kind(text[j]) == want {
			j++
		}
	}
	if i == len(form) && j < len(text) && (text[j] == '.' || text[j] == ',') {
		j += 1 + digitsFrom(text, j+1)
	}
	return i == len(form) && j == len(text)
}
