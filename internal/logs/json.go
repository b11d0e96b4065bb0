package logs

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// walk calls field for each member of the JSON object that text begins with, and
// of the objects within it, with the name of the object that a member is in.
// The value is raw: a string with its quotes and escapes, a number, or a word. It
// reports whether text is one whole object; members before a fault have been seen.
//
// Package json would decode all to look at a few: this takes a tenth of the time.
func walk(text []byte, field func(parent, name, value []byte, depth int)) bool {
	const deepest = 16 // what is nested deeper is only skipped
	var parents [deepest][]byte
	var inList [deepest + 1]bool
	depth, i := 0, 0
	var name []byte
	blank := func() {
		for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r') {
			i++
		}
	}
	for i < len(text) {
		blank()
		if i >= len(text) {
			return false
		}
		switch c := text[i]; c {
		case '{', '[':
			if depth++; depth > deepest {
				return false
			}
			parents[depth-1], inList[depth], name = name, c == '[', nil
			i++
		case '}', ']':
			if depth--; depth < 0 {
				return false
			}
			name = nil
			if i++; depth == 0 {
				blank()
				return i == len(text)
			}
		case ',':
			name = nil
			i++
		case ':':
			i++
		case '"':
			end := stringEnd(text, i)
			if end < 0 {
				return false
			}
			value := text[i:end]
			i = end
			if name == nil && depth > 0 && !inList[depth] {
				name = value[1 : len(value)-1]
			} else if depth > 0 {
				field(parents[depth-1], name, value, depth)
			}
		default:
			start := i
			for i < len(text) && isJSONWord(text[i]) {
				i++
			}
			if i == start || depth == 0 {
				return false
			}
			field(parents[depth-1], name, text[start:i], depth)
		}
	}
	return false
}

func isJSONWord(c byte) bool { return isWord(c) || c == '.' || c == '+' || c == '-' }

// stringEnd returns the end of the JSON string that begins at text[i], or -1.
func stringEnd(text []byte, i int) int {
	for i++; i < len(text); {
		quote := bytes.IndexByte(text[i:], '"')
		if quote < 0 {
			return -1
		}
		end := i + quote
		escapes := 0
		for text[end-1-escapes] == '\\' { // the quote that begins the string ends this
			escapes++
		}
		if i = end + 1; escapes%2 == 0 {
			return i
		}
	}
	return -1
}

// unquoted appends what a raw JSON string says to buf; a number or a word is as it is.
func unquoted(buf, raw []byte) []byte {
	if len(raw) < 2 || raw[0] != '"' {
		return append(buf, raw...)
	}
	raw = raw[1 : len(raw)-1]
	for {
		before, rest, escaped := bytes.Cut(raw, []byte(`\`))
		buf = append(buf, before...)
		if !escaped || len(rest) == 0 {
			return buf
		}
		raw = rest[1:]
		switch c := rest[0]; c {
		case 'n':
			buf = append(buf, '\n')
		case 't':
			buf = append(buf, '\t')
		case 'r':
			buf = append(buf, '\r')
		case 'b', 'f':
			buf = append(buf, ' ')
		case 'u':
			if len(rest) >= 5 {
				if r, err := strconv.ParseUint(string(rest[1:5]), 16, 32); err == nil {
					buf, raw = utf8.AppendRune(buf, rune(r)), rest[5:]
				}
			}
		default:
			buf = append(buf, c)
		}
	}
}

// An entry is what a JSON object of a logger or collector says. All are raw.
type entry struct {
	text       []byte // a line that a collector put into the object
	message    []byte // a program's own message
	err        []byte // its field error
	time       stamp
	level      []byte
	container  []byte // the field container, by which a program names its own
	pod, inPod []byte // Kubernetes' names
	collected  []byte // the container's name as a collector writes it
	host       []byte // a name that may be a container's: hostname, service, unit
	thread     []byte
	logger     []byte
	timedOut   bool
	partial    bool
	hasTrace   bool // it has a stack or an error: it is no part of something else
}

// readEntry reads the JSON object that is text, in one of the forms that loggers
// and collectors write. A new form's names go here.
func readEntry(text []byte) (e entry, ok bool) {
	ok = walk(text, func(parent, name, value []byte, depth int) {
		isString := value[0] == '"'
		full := isString && len(value) > 2
		switch string(name) {
		// Docker's json-file, Fluent Bit; journald; Google Cloud; Loki; Azure Container Apps.
		case "log", "MESSAGE", "textPayload", "line", "Log", "LogEntry", "LogMessage", "Log_s":
			if isString && depth == 1 {
				e.text = value
				// Docker splits what is longer than 16 KiB, and only the last piece has the end.
				e.partial = string(name) == "log" && !bytes.HasSuffix(value, []byte(`\n"`)) && len(value) > 16<<10
			}
		case "msg", "message", "@m", "short_message", "event", "Message":
			if full && (depth == 1 || e.message == nil && string(parent) == "jsonPayload") {
				e.message = value
			}
		case "error", "err":
			if full && depth <= 2 {
				e.err = value
			}
			e.hasTrace = true
		case "stack", "stacktrace", "stack_trace", "exception", "exc_info", "traceback", "Exception", "code":
			e.hasTrace = true
		case "time", "t", "ts", "@t", "@timestamp", "timestamp", "date", "datetime", "TimeStamp", "Timestamp", "asctime", "eventTime", "timeMillis", "time_local", "TimeGenerated":
			if depth == 1 {
				s := parseStamp(bytes.Trim(value, `"`))
				if s.lacks > e.time.lacks {
					e.time = s
				}
			}
		case "$date": // MongoDB
			if string(parent) == "t" {
				e.time = parseStamp(bytes.Trim(value, `"`))
			}
		case "__REALTIME_TIMESTAMP":
			e.time = parseStamp(bytes.Trim(value, `"`))
		case "epochSecond": // log4j
			if string(parent) == "instant" {
				e.time = parseStamp(value)
			}
		case "level", "severity", "lvl", "levelname", "log.level", "@l", "PRIORITY", "Level", "severityText", "loglevel", "level_name", "LogLevel":
			if depth <= 2 && !bytes.HasPrefix(value, []byte("{")) {
				e.level = bytes.Trim(value, `"`)
			}
		case "container":
			if full && depth == 1 {
				e.container = value
			} else if full && string(parent) == "labels" { // Loki
				e.inPod = value
			}
		case "com.docker.compose.service", "CONTAINER_NAME", "_container_name", "ContainerAppName_s", "io.kubernetes.container.name", "container.name", "logStreamName", "logStream":
			if full {
				e.collected = value
			}
		case "container_name", "containerName", "ContainerName":
			if full {
				e.inPod = value
			}
		case "pod_name", "podName", "PodName", "pod":
			if full {
				e.pod = value
			}
		case "tag":
			if full && string(parent) == "attrs" {
				e.collected = value
			}
		case "name":
			if full && string(parent) == "pod" {
				e.pod = value
			} else if full && string(parent) == "container" {
				e.inPod = value
			}
		case "hostname", "service", "SYSLOG_IDENTIFIER", "host", "_SYSTEMD_UNIT":
			if full && depth == 1 && (e.host == nil || string(name) == "hostname" || string(name) == "SYSLOG_IDENTIFIER") {
				e.host = value
			}
		case "thread", "threadName", "thread_name", "requestId", "request_id", "reqId", "req_id", "traceId", "trace_id", "correlation_id", "goroutine":
			if depth <= 2 {
				e.thread = value
			}
		case "logger", "logger_name", "loggerName", "SourceContext", "Category":
			e.logger = value
		case "timed_out":
			e.timedOut = string(value) == "true"
		}
	})
	return e, ok
}

// named returns the container that the object names, each part of it by say, which
// unquotes; empty where it names none.
func (e *entry) named(say func([]byte) []byte) []byte {
	switch {
	case e.collected != nil:
		return bytes.TrimPrefix(say(e.collected), []byte("/")) // Docker's own names have a slash
	case e.pod != nil && e.inPod != nil:
		pod, container := e.pod[1:len(e.pod)-1], e.inPod[1:len(e.inPod)-1]
		joined := append(append(append([]byte{'"'}, pod...), '/'), container...)
		return say(append(joined, '"'))
	case e.inPod != nil:
		return bytes.TrimPrefix(say(e.inPod), []byte("/"))
	case e.pod != nil:
		return say(e.pod)
	case e.host != nil:
		return bytes.TrimSuffix(say(e.host), []byte(".service"))
	}
	return nil
}

// failed reports whether the entry's level is that of an error: by name as slog and others spell it,
// or by number: 3 and less of syslog and journald, 3 of Nextcloud, 50 and 60 of pino and bunyan.
func (e *entry) failed() bool {
	if allDigits(e.level) {
		n, _ := digits(e.level, 0)
		return n == 3 || n >= 50 && n <= 60
	}
	return levelOf(e.level) == levelError
}
