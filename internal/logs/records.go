package logs

import (
	"bytes"
	"hash/maphash"
	"time"
)

// A record is what a program wrote of one event: a line, or one with those that go on
// with it. It holds the most extended code of the first family that its lines name.
type record struct {
	stamp    stamp
	headed   bool
	bare     bool // its first line has a time and no level
	quiet    bool // its first line has the level of information
	code     code
	perhaps  code
	failed   bool // something went wrong, in SQLite or not
	timedOut bool
	byNumber bool // only a number says its code
	own      string
	text     string // what the first line that tells of the failure says
	told     []byte // that line, without what its logger puts before it, cut short
	shape    uint64 // of that line, without digits
	again    uint64 // of the last that told of the same failure
	retry    bool   // told is of an attempt
	thread   uint64 // 0: none
	logger   uint64 // 0: none
	first    int64  // lines of the stream
	last     int64

	awaits  bool // its message follows on the next line
	traced  bool // a traceback has begun
	printed bool // it begins with one
	alone   bool
}

// maxTold bounds what is compared of a line that tells of a failure, in bytes.
const maxTold = 256

// A stream is the lines of one container, or of one log where lines name none.
type stream struct {
	open    record // the record that the last line belongs to
	begun   bool   // there is one
	waiting record // the failure before it, of which the open record may tell as well
	waits   bool   // there is one
	partial bool   // the last line is the first piece of a longer one
	lines   int64
	name    string          // what its lines are counted under, where they name no container
	counts  *ContainerCount // the counts of those lines; nil before the first
}

var seed = maphash.MakeSeed()

// read adds a line to the stream, and counts by count what is over.
func (s *stream) read(l *line, t *telling, count func(*record)) {
	s.lines++
	m := markOf(l)
	if !s.begun || !s.partial && !s.open.takes(l, m, t) {
		next := record{stamp: l.at, headed: l.headed, bare: l.dated && l.level == noLevel, quiet: l.level == levelQuiet, first: s.lines, alone: l.alone}
		if len(l.thread) > 0 {
			next.thread = maphash.Bytes(seed, l.thread)
		}
		if logger := l.loggerName(); len(logger) > 0 {
			next.logger = maphash.Bytes(seed, logger)
		}
		next.printed = m == traceback
		s.close(count)
		next.told = s.open.told[:0] // its room
		s.begun, s.open = true, next
	}
	s.partial = l.partial
	s.open.add(l, m, t, s.lines)
}

// close ends the open record. One that tells of the failure before it is the same failure.
func (s *stream) close(count func(*record)) {
	if !s.begun {
		return
	}
	s.begun = false
	r := &s.open
	if !r.failed {
		if r.perhaps != 0 {
			count(r)
		}
		return
	}
	if s.waits {
		if s.waiting.same(r) {
			s.waiting.merge(r)
			return
		}
		count(&s.waiting)
	}
	room := s.waiting.told
	s.waiting, s.waits = *r, true
	r.told = room
}

// flush counts all that has been read.
func (s *stream) flush(count func(*record)) {
	s.close(count)
	if s.waits {
		count(&s.waiting)
		s.waits = false
	}
	s.partial = false
}

// loggerName returns the logger or class that a message begins with, up to a
// colon ("o.h.engine.SqlExceptionHelper : "), or what the line names as its own; empty where there is none.
func (l *line) loggerName() []byte {
	if len(l.logger) > 0 || len(l.thread) == 0 {
		return l.logger
	}
	end := 0
	for end < len(l.core) && l.core[end] > ' ' && l.core[end] != ':' {
		end++
	}
	name, rest := l.core[:end], bytes.TrimLeft(l.core[end:], " ")
	if bytes.IndexByte(name, '.') < 0 || len(rest) == 0 || rest[0] != ':' {
		return nil
	}
	return name
}

// A mark is what the begin of a line says of its place in a record.
type mark uint8

const (
	noMark    mark = iota
	goesOn         // it belongs to the line before it
	chains         // so do it and the traceback that follows
	traceback      // a traceback begins, whose last line is the message
	announces      // the message follows on the next line
	begins         // an uncaught failure begins
)

// marks are begins of lines, in lower case, and what they mean, by first byte. A
// language's or a library's own go here.
var marks = func() (byByte [256][]beginning) {
	for _, b := range []beginning{
		{"traceback (most recent call last)", traceback},                              // Python
		{"the above exception was", chains}, {"during handling of the above", chains}, //
		{"future:", goesOn}, {"(background on this error", goesOn}, {"[sql:", goesOn}, {"[parameters:", goesOn}, {"[sql parameters", goesOn}, // SQLAlchemy
		{"at ", goesOn}, {"caused by", goesOn}, {"[cause]", goesOn}, {"cause:", goesOn}, {"... ", goesOn}, {"suppressed:", goesOn}, {"wrapped by", goesOn}, // Java, JavaScript
		{"--->", goesOn}, {"-->", goesOn}, {"--- end of", goesOn}, {"---- ", goesOn}, {"inner exception", goesOn}, // .NET
		{"stack trace:", goesOn}, {"stacktrace:", goesOn}, {"stack:", goesOn}, {"stack backtrace", goesOn}, {"[stacktrace]", goesOn}, {"backtrace:", goesOn},
		{"[previous exception]", goesOn}, {"#", goesOn}, {"thrown in", goesOn}, {"next ", goesOn}, // PHP
		{"from ", goesOn},                                                                                  // Ruby
		{"goroutine ", goesOn}, {"created by ", goesOn}, {"[recovered]", goesOn}, {"exit status ", goesOn}, // Go
		{"note: run with", goesOn}, {"location:", goesOn}, // Rust
		{"code:", goesOn}, {"code =", goesOn}, {"errno", goesOn}, {"errcode", goesOn}, {"errstr", goesOn}, {"error code", goesOn}, {"rawcode", goesOn}, {"syscall:", goesOn},
		{"extended", goesOn}, {"sqlite_error", goesOn}, {"sqliteerrorcode", goesOn}, {"driver error", goesOn}, {"drivererror", goesOn}, {"byteoffset", goesOn}, {"query:", goesOn}, {"sql:", goesOn},
		{"params:", goesOn}, {"parameters:", goesOn}, {"meta:", goesOn}, {"clientversion", goesOn}, {"statement:", goesOn}, {"original:", goesOn}, {"parent:", goesOn}, {"details:", goesOn},
		{"detail:", goesOn}, {"reason:", goesOn}, {"context:", goesOn}, {"invalid `", goesOn}, {"→", goesOn}, // Prisma
		{"exception in thread", begins}, {"uncaught ", begins}, {"unhandled ", begins}, {"panic:", begins},
		{"fatal exception", announces}, {"process:", goesOn}, // Android
		{"php fatal error", begins}, {"fatal error:", begins},
		{"thread '", begins}, {"thread \"", begins},
	} {
		byByte[b.text[0]] = append(byByte[b.text[0]], b)
	}
	return byByte
}()

type beginning struct {
	text string
	mark mark
}

// markOf reads the begin of a line's message.
func markOf(l *line) mark {
	text := l.core
	if len(text) == 0 {
		if l.isEntry {
			return noMark
		}
		return goesOn
	}
	indented := false
	switch c := text[0]; c {
	case ' ', '\t':
		text, indented = bytes.TrimLeft(text, " \t"), true
		if len(text) == 0 {
			return goesOn
		}
	case '}', ']', ')', '^', '|':
		return goesOn
	}
	c := text[0]
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	for _, b := range marks[c] {
		if len(text) >= len(b.text) && equalFold(text[:len(b.text)], b.text) {
			if b.mark == traceback && indented {
				return goesOn
			}
			return b.mark
		}
	}
	if indented {
		return goesOn
	}
	if isPlace(text) {
		return announces
	}
	return noMark
}

// equalFold compares with a text in lower case.
func equalFold(text []byte, lower string) bool {
	for i := range len(lower) {
		c := text[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// isPlace reports whether a line is only a place in source, which JavaScript's
// engines print before an exception: "/app/db.js:12", "12 |   db.run(…)".
func isPlace(text []byte) bool {
	if n := digitsFrom(text, 0); n > 0 {
		return bytes.HasPrefix(text[n:], []byte(" | "))
	}
	colon := bytes.LastIndexByte(text, ':')
	return colon > 0 && (text[0] == '/' || bytes.HasPrefix(text, []byte("file:")) || bytes.HasPrefix(text, []byte("node:"))) &&
		allDigits(text[colon+1:]) && bytes.IndexByte(text, ' ') < 0
}

// together is how far apart lines of one record may be where their collector says when.
const together = 2 * time.Second

// atOnce is how far apart a program's lines may be that it writes without waiting.
const atOnce = 100 * time.Millisecond

// takes reports whether a line belongs to the record. In a program whose lines
// have a header, all lines without one belong to the last that has; else a
// line must look like one that goes on, or be awaited.
func (r *record) takes(l *line, m mark, t *telling) bool {
	if apart(r.stamp, l.at) > together {
		return false
	}
	if l.isEntry && (l.alone || m != goesOn && m != chains && !r.awaits) || r.alone {
		return false
	}
	switch {
	case r.awaits && !l.headed:
		return true
	case m == goesOn || m == chains:
		return true
	case l.headed && !l.dated && r.bare && r.first == r.last: // java.util.logging writes its level on a second line
		return true
	case l.headed:
		return r.awaits && r.headed && (m == traceback || m == noMark && apart(r.stamp, l.at) <= atOnce &&
			(t.code != 0 || len(l.thread) > 0 && r.thread == maphash.Bytes(seed, l.thread)))
	case m == traceback:
		return r.headed && !r.traced
	case m == announces:
		return r.headed || r.failed && r.code == 0
	case m == begins:
		return r.headed && r.code == 0
	case r.quiet && (t.code != 0 || t.failed): // printed past the logger, at a time that nobody knows
		return false
	case r.headed && r.code != 0 && t.code != 0: // another exception that no words chain to the first is another failure
		return t.code.primary() == r.code.primary() && r.shape != shapeOf(l.text)
	}
	return r.headed
}

// apart returns how far apart two times are; 0 where one is none, or they cannot be compared.
func apart(a, b stamp) time.Duration {
	if a.lacks == noTime || b.lacks == noTime || (a.lacks < noZone) != (b.lacks < noZone) {
		return 0
	}
	return a.at.Sub(b.at).Abs()
}

// add takes what a line says into the record.
func (r *record) add(l *line, m mark, t *telling, number int64) {
	r.last = number
	if r.stamp.lacks == noTime {
		r.stamp = l.at
	}
	switch {
	case m == chains, m == traceback, m == announces:
		r.awaits, r.traced = true, true
	case r.awaits && m == goesOn && (r.traced || t.code == 0): // frames stand before the message
	case !l.isEntry:
		r.awaits = bytes.HasSuffix(bytes.TrimRight(l.text, " "), []byte(":"))
	}
	r.timedOut = r.timedOut || t.timedOut || l.timedOut && t.code != 0
	if r.code != 0 {
		r.code = refine(r.code, l.text)
		if t.code.primary() == r.code.primary() {
			r.code, r.byNumber = max(r.code, t.code), r.byNumber && t.byNumber
		}
		return
	}
	failed := t.code != 0 || l.level == levelError || t.failed && !l.isEntry && l.level == noLevel
	if failed && t.code == 0 && (len(l.core) == 0 || (l.level == noLevel && findLevel(l.text) == levelQuiet)) {
		failed = false
	}
	if t.perhaps != 0 && t.code == 0 {
		if r.perhaps == 0 && !r.failed {
			r.perhaps, r.text = t.perhaps, l.says()
		}
		return
	}
	if !failed || r.failed && t.code == 0 {
		return
	}
	r.failed, r.code, r.byNumber = true, t.code, t.byNumber
	r.own = string(l.own[:min(len(l.own), 2*maxName)])
	r.text = l.says()
	if r.told == nil {
		r.told = make([]byte, 0, maxTold)
	}
	r.told, r.shape = oneBlank(r.told[:0], l.core), shapeOf(l.text)
	r.retry = t.retry
}

// oneBlank appends the begin of a text to buf, with one blank for several.
func oneBlank(buf, text []byte) []byte {
	for i, c := range text[:min(len(text), maxTold)] {
		if c != ' ' || i > 0 && text[i-1] != ' ' {
			buf = append(buf, c)
		}
	}
	return buf
}

// says is what a line tells a person, cut short.
func (l *line) says() string {
	text, err := l.text, []byte(nil)
	if l.isEntry && len(l.core) > 0 {
		text, err = l.core, l.err
	}
	text, err = text[:min(len(text), 2*maxText)], err[:min(len(err), 2*maxText)]
	if len(err) == 0 {
		return string(text)
	}
	return string(text) + ": " + string(err)
}

// shapeOf is a hash of a text without its digits (FNV-1a): two attempts of one statement have one.
func shapeOf(text []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range text[:min(len(text), maxTold)] {
		if c < '0' || c > '9' {
			h = (h ^ uint64(c)) * 1099511628211
		}
	}
	return h
}

// near is how many lines may stand between two tellings of one failure.
const near = 8

// same reports whether a later record tells of the failure that r tells of:
// driver, framework and program each log what they pass on. Two lines of one shape are two attempts.
func (r *record) same(later *record) bool {
	d := apart(r.stamp, later.stamp)
	if r.alone && later.alone && (r.thread == 0 || r.thread != later.thread) || d > time.Second || later.first-r.last > near {
		return false
	}
	if r.code != 0 && later.code != 0 && r.code.primary() != later.code.primary() || r.code == 0 && later.code == 0 {
		return false
	}
	if r.own != later.own {
		return false
	}
	if r.shape == later.shape {
		return r.echo(later)
	}
	if r.again == later.shape || r.retry && later.retry {
		return false
	}
	timed := r.stamp.lacks > noTime && later.stamp.lacks > noTime
	sameThread := r.thread != 0 && r.thread == later.thread && (timed && d <= atOnce || !timed && later.first == r.last+1)
	switch {
	case r.code == 0 || later.code == 0:
		return sameThread
	case sameThread && r.logger != later.logger: // one part of a program passed it on to another
		return true
	case later.printed && !r.printed && !r.headed && later.first == r.last+1: // a message, and then its traceback
		return true
	case r.byNumber != later.byNumber && d <= atOnce: // one has the number, one the words
		return true
	}
	a, b := bytes.TrimSpace(r.told), bytes.TrimSpace(later.told)
	return contains(b, a) || contains(a, b)
}

// contains reports whether a message repeats another, from the begin of a word.
func contains(whole, part []byte) bool {
	i := bytes.Index(whole, part)
	return i >= 0 && len(part) > 12 && (i == 0 || !isWord(whole[i-1]))
}

// echo reports whether the same words come of one failure: perl's DBI prints its
// warning, and then perl the same as it dies. No other program says where it died in these words.
func (r *record) echo(later *record) bool {
	if r.traced || !bytes.Equal(r.told, later.told) || later.first != r.last+1 || !bytes.HasPrefix(r.told, []byte("DBD::")) || !bytes.Contains(r.told, []byte(" line ")) {
		return false
	}
	r.traced = true // and once only
	return true
}

// merge takes in what a later record tells of the same failure.
func (r *record) merge(later *record) {
	defer func() { r.again = later.shape }()
	if r.code == 0 {
		stamp, first := r.stamp, r.first
		traced, told := r.traced, append(r.told[:0], later.told...)
		*r = *later
		r.first, r.traced, r.told = first, traced, told
		if stamp.lacks >= r.stamp.lacks {
			r.stamp = stamp
		}
		return
	}
	r.code = max(r.code, later.code)
	r.byNumber = r.byNumber && later.byNumber
	r.timedOut = r.timedOut || later.timedOut
	r.last = later.last
}
