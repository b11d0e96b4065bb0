package logs

import "bytes"

// A level is how bad a program says a line is.
type level uint8

const (
	noLevel level = iota
	levelQuiet
	levelWarn
	levelError
)

// levelOf returns the level that a word names as loggers do, in letters of any case, or noLevel.
func levelOf(word []byte) level {
	if len(word) < 3 || len(word) > 11 {
		return noLevel
	}
	var upper [11]byte
	for i, c := range word {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper[i] = c
	}
	switch string(upper[:len(word)]) {
	case "ERROR", "ERR", "EROR", "FATAL", "CRITICAL", "CRIT", "PANIC", "DPANIC", "SEVERE", "ALERT", "EMERG",
		"EMERGENCY", "FAIL", "FTL", "CRT", "FAILURE", "ERRO", "FATA", "PANI":
		return levelError
	case "WARN", "WARNING", "WRN":
		return levelWarn
	case "INFO", "INF", "NOTICE", "DEBUG", "DBG", "DBUG", "DEBU",
		"TRACE", "TRC", "TRCE", "VERBOSE", "FINE", "FINER", "FINEST", "CONFIG", "LOG", "INFORMATION":
		return levelQuiet
	}
	return noLevel
}

// readHeader reads what a program's own logger puts before a message: a time,
// and before or behind it a level. A line with neither is a part of something, or has no logger.
func readHeader(l *line) {
	text, before := l.text, noLevel // the level before the time
	for i, words := 0, 0; i < len(text) && words < 5; words++ {
		begin := i
		if c := text[i]; c == '[' || c == '(' {
			begin++
		}
		if s, n := timeAt(text[begin:]); n > 0 && !(s.lacks == noDate && begin+n < len(text) && text[begin+n] == '-') {
			l.at, l.headed, l.dated, l.level = better(s, l.outer), true, true, before
			rest := bytes.TrimLeft(text[begin+n:], "]),: |\t")
			if s.lacks == noYear && logcat(l, rest) {
				return
			}
			if i == 0 {
				l.text = rest
			}
			l.cutHeader(rest)
			if gap := len(text) - begin - n - len(rest); len(l.core) == len(rest) && len(rest) > 0 && gap >= 2 && blankBefore(text, len(text)-len(rest)) {
				l.core = text[len(text)-len(rest)-1:] // indented behind its time: a part of something
			}
			return
		}
		n := headerWord(text[i:])
		if n == 0 {
			break
		}
		if found := levelOf(bytes.Trim(text[i:i+n], "[] ")); found != noLevel {
			before = found
		}
		for i += n; i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == ':' || text[i] == '-'); i++ {
		}
	}
	if l.core = text; len(text) == 0 || klog(l) || logfmt(l) {
		return
	}
	if logcatBrief(l) {
		return
	}
	n := headerWord(text)
	if l.headed = n > 0 && !allDigits(text[:n]) && (text[0] != '[' || levelOf(text[1:n-1]) != noLevel); l.headed {
		l.cutHeader(text)
	}
}

// blankBefore reports whether two blanks or a tab stand before text[i].
func blankBefore(text []byte, i int) bool {
	return text[i-1] == '\t' && text[i-2] == ' ' || text[i-1] == ' ' && text[i-2] == ' '
}

// cutHeader cuts off what stands between a time and a message: levels, numbers and
// brackets, of which the first that is no level names the thread or the request.
func (l *line) cutHeader(text []byte) {
	for len(text) > 0 {
		n := 0
		switch c := text[0]; {
		case c == ' ', c == '-', c == ':', c == '|', c == ',', c == '#', c == '\t' && len(text) > 1 && text[1] >= 'A':
			n = 1
		case c == '[':
			if end := bytes.IndexByte(text[:min(len(text), 60)], ']'); end > 1 && !bytes.ContainsAny(text[1:end], "_ \"'") {
				if in := text[1:end]; levelOf(in) != noLevel {
					l.level = levelOf(in)
				} else if len(l.thread) == 0 && bytes.ContainsAny(in, "0123456789") { // else a logger's name
					l.thread = in
				}
				n = end + 1
			}
		default:
			end := 0
			for end < len(text) && isWord(text[end]) {
				end++
			}
			word := text[:end]
			switch next := byte(' '); {
			case end == 0:
			case end < len(text) && bytes.IndexByte([]byte(" ]|:/\t"), text[end]) < 0:
			case levelOf(word) != noLevel && (len(word) < 2 || word[1] < 'a' || end < len(text) && text[end] == '|'):
				if end < len(text) {
					next = text[end]
				}
				if l.level = levelOf(word); next == '/' { // Celery's "ERROR/ForkPoolWorker-2] "
					if close := bytes.IndexByte(text[:min(len(text), 60)], ']'); close > 0 {
						l.thread, end = text[end+1:close], close+1
					}
				}
				n = end
			case allDigits(word) && end < len(text) && (text[end] == ' ' || text[end] == ']'):
				if n = end; text[end] == ']' {
					if n++; len(l.thread) == 0 {
						l.thread = word
					}
				}
			}
		}
		if n == 0 {
			break
		}
		text = text[n:]
	}
	l.core = text
}

// logcat reads what follows the time in Android's logs: process, thread, level and tag.
func logcat(l *line, rest []byte) bool {
	ids, _, ok := bytes.Cut(rest[:min(len(rest), 100)], []byte(": "))
	fields := bytes.Fields(ids)
	if !ok || len(fields) < 4 || !allDigits(fields[0]) || !allDigits(fields[1]) || len(fields[2]) != 1 {
		return false
	}
	l.text, l.core = rest, rest[len(ids)+2:]
	l.thread, l.logger = rest[:bytes.Index(rest, fields[2])], fields[3]
	l.level = letterLevel(fields[2][0])
	return true
}

// logcatBrief reads Android's "E/SQLiteLog( 1234): ".
func logcatBrief(l *line) bool {
	if len(l.text) < 2 || l.text[1] != '/' || bytes.IndexByte([]byte("VDIWEF"), l.text[0]) < 0 {
		return false
	}
	head, message, ok := bytes.Cut(l.text, []byte("): "))
	tag, pid, ok2 := bytes.Cut(head[2:], []byte("("))
	if !ok || !ok2 || !allDigits(bytes.TrimLeft(pid, " ")) {
		return false
	}
	l.headed, l.core, l.logger, l.thread, l.level = true, message, tag, pid, letterLevel(l.text[0])
	return true
}

func letterLevel(c byte) level {
	switch c {
	case 'E', 'F':
		return levelError
	case 'W':
		return levelWarn
	}
	return levelQuiet
}

// headerWord returns the length of a word that may stand before a time: a level, a
// number, something short in brackets, or Ruby's "F,".
func headerWord(text []byte) int {
	if text[0] == '[' {
		if end := bytes.IndexByte(text[:min(len(text), 40)], ']'); end > 1 {
			return end + 1
		}
		return 0
	}
	n := 0
	for n < len(text) && n < 12 && isWord(text[n]) {
		n++
	}
	switch {
	case n == 0 || n == len(text):
		return 0
	case n == 1 && text[1] == ',' && len(text) > 3 && text[3] == '[': // "F, ["
		return 2
	case n == 1 && text[1] == '/' && bytes.IndexByte([]byte("VDIWEF"), text[0]) >= 0: // logcat's "E/Tag"
		return 1
	case levelOf(text[:n]) != noLevel && bytes.IndexByte([]byte(": \t|["), text[n]) >= 0:
		capitals := text[0] < 'a' && text[1] < 'a'
		if capitals || n == 4 && text[n] == ':' { // ERROR, and .NET's "fail:"; "Error:" begins a message
			return n
		}
	case allDigits(text[:n]) && text[n] == ' ':
		return n
	}
	return 0
}

// klog reads "E0504 03:02:01.954900    6017 status.go:71] ", which has no year.
func klog(l *line) bool {
	text := l.text
	if len(text) < 14 || bytes.IndexByte([]byte("IWEF"), text[0]) < 0 || text[5] != ' ' {
		return false
	}
	month, ok := number(text, 1, 2)
	day, ok2 := number(text, 3, 2)
	if !ok || !ok2 {
		return false
	}
	s, n := clock(text, 6, 0, month, day, noYear)
	if n == 0 {
		return false
	}
	if l.at, l.headed, l.dated = better(s, l.outer), true, true; text[0] == 'E' || text[0] == 'F' {
		l.level = levelError
	}
	return true
}

// logfmt reads a line of key=value, whose time, level and names may stand anywhere.
func logfmt(l *line) bool {
	text := l.text[:min(len(l.text), 4<<10)]
	equals := bytes.IndexByte(text[:min(len(text), 24)], '=')
	if equals < 1 || bytes.IndexByte(text[:equals], ' ') >= 0 {
		return false
	}
	for len(text) > 0 {
		equals := bytes.IndexByte(text, '=')
		if equals < 0 {
			break
		}
		key := text[bytes.LastIndexByte(text[:equals], ' ')+1 : equals]
		value := text[equals+1:]
		end := 0
		if len(value) > 0 && value[0] == '"' {
			if end = stringEnd(value, 0); end < 0 {
				break
			}
		} else if end = bytes.IndexByte(value, ' '); end < 0 {
			end = len(value)
		}
		text, value = value[end:], bytes.Trim(value[:end], `"`)
		switch string(key) {
		case "time", "t", "ts", "timestamp", "@timestamp", "date", "datetime", "at":
			if s := parseStamp(value); s.lacks > noTime {
				l.at, l.headed, l.dated = better(s, l.outer), true, true
			}
		case "level", "lvl", "severity":
			l.level, l.headed = levelOf(value), true
		case "container", "container_name":
			l.own = value
		case "thread", "traceID", "trace_id", "request_id", "req_id", "requestID":
			l.thread = value
		}
	}
	return l.headed
}

// findLevel returns the level that stands in the first words of a message: in
// capitals, or in brackets, bars or tabs in any letters.
func findLevel(text []byte) level {
	text = text[:min(len(text), 100)]
	for i := 0; i < len(text); {
		end := i
		for end < len(text) && isWord(text[end]) {
			end++
		}
		if end == i {
			i++
			continue
		}
		if found := levelOf(text[i:end]); found != noLevel {
			enclosed := i > 0 && end < len(text) && (text[i-1] == '[' && text[end] == ']' || text[i-1] == '|' && text[end] == '|' || text[i-1] == '<' && text[end] == '>')
			capitals := 'A' <= text[i] && text[i] <= 'Z' && 'A' <= text[i+1] && text[i+1] <= 'Z'
			if enclosed || capitals {
				return found
			}
		}
		i = end
	}
	return noLevel
}
