package logs

import "bytes"

// A line is one line of a log, read: its message, and what collectors and
// loggers put around it.
type line struct {
	text     []byte // the message, or the whole where the line is a program's own JSON object
	core     []byte // the message without what a logger puts before it, or an object's field for it
	prefix   []byte // the container by its collector; may be empty
	own      []byte // the container by the program itself; may be empty
	thread   []byte // of the program, or a request's name; may be empty
	logger   []byte // Android's tag, or an object's logger; may be empty
	err      []byte // an object's field error
	at       stamp
	outer    stamp // of the collector; at is never worse
	level    level
	headed   bool // the program's own time or level begins it
	dated    bool // a time is in that
	isEntry  bool // it is a program's own JSON object
	alone    bool // it is no part of another record
	partial  bool // the stream's next line goes on with it
	timedOut bool
}

// A wrapper takes off what one collector puts before or around a line, and
// reports whether it did.
type wrapper struct {
	name string
	take func(l *line, scratch *[]byte) bool
}

// wrappers are tried in order until none fits. A new collector goes here.
var wrappers = []wrapper{
	{"Docker's json-file, Fluent Bit, journald -o json, Google Cloud, Filebeat, Loki, Azure", takeJSON},
	{"docker-compose, docker compose, docker service logs, podman-compose, pm2", takeBar},
	{"kubectl logs --prefix, kubetail, Dozzle, Portainer", takeBracket},
	{"syslog, RFC 5424 and RFC 3164", takeSyslog},
	{"what begins with a time: CRI, docker logs --timestamps, journald, AWS, Azure, Cloud Foundry, Fly, foreman, Heroku, Loki, NAS", takeTimed},
	{"stern, DigitalOcean", takeStern},
}

// unwrap reads a line without its end. The slices of l are of raw and scratch.
func (l *line) unwrap(raw []byte, scratch *[]byte) {
	*l = line{text: raw}
	for range 5 { // as deep as collectors are seen nested, and one
		taken := false
		if len(l.text) > 20 && l.text[0] == ' ' { // Rust's pretty lines and Cloud Foundry's are indented
			if inner := bytes.TrimLeft(l.text, " "); len(inner) > 0 && '0' <= inner[0] && inner[0] <= '9' {
				if s, _ := timeAt(inner); s.lacks >= noZone {
					l.text = inner
				}
			}
		}
		for i := range wrappers {
			if len(l.text) > 0 && !l.isEntry && wrappers[i].take(l, scratch) {
				taken = true
				break
			}
		}
		if !taken {
			break
		}
	}
	if l.at = l.outer; !l.isEntry {
		readHeader(l)
	}
}

// call names the container by its collector; the outermost name stays.
func (l *line) call(name []byte) {
	if len(l.prefix) == 0 {
		l.prefix = name
	}
}

// takeJSON takes a line out of a collector's object, and reads a program's own.
func takeJSON(l *line, scratch *[]byte) bool {
	if l.text[0] != '{' {
		return false
	}
	e, ok := readEntry(l.text)
	if !ok {
		return false
	}
	say := func(raw []byte) []byte { // its slices stay whole when scratch grows
		begin := len(*scratch)
		*scratch = unquoted(*scratch, raw)
		return (*scratch)[begin:len(*scratch):len(*scratch)]
	}
	l.call(e.named(say))
	l.outer = better(e.time, l.outer)
	if e.text != nil {
		l.partial = e.partial
		l.text = bytes.TrimRight(say(e.text), "\r\n")
		return true
	}
	l.isEntry = true
	l.own, l.core, l.err, l.thread = say(e.container), say(e.message), say(e.err), e.thread
	l.logger = e.logger
	l.timedOut = e.timedOut
	if l.level = levelOf(e.level); e.failed() {
		l.level = levelError
	}
	l.alone = e.hasTrace || len(e.level) > 0
	return true
}

// takeBar takes "app-1  | ", with two blanks at least before the bar, or one
// behind a container's number; swarm's "web_app.1.x4k2j9d0q1zr@node-1    | ", of
// which web_app.1 is the task; and podman-compose's "[app] | ".
func takeBar(l *line, _ *[]byte) bool {
	if len(l.prefix) > 0 {
		return false
	}
	name, rest, ok := cutBar(l.text)
	if ok {
		l.call(name)
		l.text = rest
	}
	return ok
}

func cutBar(text []byte) (name, rest []byte, ok bool) {
	head := text[:min(len(text), 2*maxName)]
	if n := digitsFrom(head, 0); n > 0 && n < len(head) && head[n] == '|' { // pm2: "0|app  | "
		text, head = text[n+1:], head[n+1:]
	}
	bar := bytes.IndexByte(head, '|')
	if bar < 2 {
		return nil, nil, false
	}
	name = bytes.TrimRight(head[:bar], " ")
	blanks := bar - len(name)
	if inner, cut := bytes.CutPrefix(name, []byte("[")); cut {
		name = bytes.TrimSuffix(inner, []byte("]"))
		blanks++
	}
	if !isNamed(name) || levelOf(name) != noLevel || blanks < 1 || blanks == 1 && !endsInNumber(name) {
		return nil, nil, false
	}
	if task, _, swarm := bytes.Cut(name, []byte("@")); swarm {
		if name = task; bytes.Count(task, []byte(".")) >= 2 {
			name = task[:bytes.LastIndexByte(task, '.')]
		}
	}
	return name, bytes.TrimPrefix(text[bar+1:], []byte(" ")), true
}

// isNamed reports whether s may be the name of a container.
func isNamed(s []byte) bool {
	if len(s) == 0 || !isWord(s[0]) {
		return false
	}
	for _, c := range s {
		if !isWord(c) && c != '.' && c != '-' && c != '@' {
			return false
		}
	}
	return true
}

func endsInNumber(name []byte) bool {
	i := len(name)
	for i > 0 && '0' <= name[i-1] && name[i-1] <= '9' {
		i--
	}
	return i < len(name) && i > 1 && (name[i-1] == '-' || name[i-1] == '_' || name[i-1] == '.') || bytes.IndexByte(name, '@') > 0
}

// takeBracket takes "[pod/orders-7c9d-abcde/api] ", and "[app-1] " where a time follows.
func takeBracket(l *line, scratch *[]byte) bool {
	if l.text[0] != '[' || len(l.prefix) > 0 {
		return false
	}
	end := bytes.IndexByte(l.text[:min(len(l.text), 2*maxName)], ']')
	if end < 2 {
		return false
	}
	name, rest := l.text[1:end], bytes.TrimPrefix(l.text[end+1:], []byte(" "))
	if pod, cut := bytes.CutPrefix(name, []byte("pod/")); cut {
		l.call(pod)
		l.text = rest
		return true
	}
	pod, container, two := bytes.Cut(name, []byte(" "))
	if isPod(pod) && (!two || isNamed(container)) { // kubetail
		begin := len(*scratch)
		if *scratch = append(*scratch, pod...); two {
			*scratch = append(append(*scratch, '/'), container...)
		}
		l.call((*scratch)[begin:len(*scratch):len(*scratch)])
		l.text = rest
		return true
	}
	if s, n := timeAt(rest); n == 0 || s.lacks < whole || !isNamed(name) || levelOf(name) != noLevel || allDigits(name) || rest[0] == ' ' {
		return false
	}
	l.call(name)
	l.text = rest
	return true
}

// takeSyslog takes "<11>1 2026-05-04T03:02:01Z host app 812 - - ", and
// "<11>" before what takeTimed knows.
func takeSyslog(l *line, _ *[]byte) bool {
	if l.text[0] != '<' {
		return false
	}
	end := bytes.IndexByte(l.text[:min(len(l.text), 5)], '>')
	if end < 2 || !allDigits(l.text[1:end]) {
		return false
	}
	rest, version1 := bytes.CutPrefix(l.text[end+1:], []byte("1 "))
	if !version1 {
		l.text = rest
		return true
	}
	var fields [5][]byte // time, host, program, process, message's kind
	for i := range fields {
		var ok bool
		if fields[i], rest, ok = bytes.Cut(rest, []byte(" ")); !ok {
			return false
		}
	}
	for bytes.HasPrefix(rest, []byte("[")) { // structured data
		end := bytes.IndexByte(rest, ']')
		if end < 0 {
			break
		}
		rest = rest[end+1:]
	}
	rest = bytes.TrimPrefix(bytes.TrimPrefix(bytes.TrimPrefix(rest, []byte("-")), []byte(" ")), []byte("\ufeff"))
	l.outer = better(parseStamp(fields[0]), l.outer)
	if name := fields[2]; string(name) != "-" {
		l.call(name[bytes.LastIndexByte(name, '/')+1:])
	}
	l.text = rest
	return true
}

// takeTimed takes a time that a collector puts before a line, with what stands
// behind it. A time alone is the program's own, but one with nine digits
// of a second is Docker's.
func takeTimed(l *line, _ *[]byte) bool {
	s, n := timeAt(l.text)
	if n == 0 || n == len(l.text) {
		return false
	}
	rest := l.text[n:]
	if s.lacks == noDate {
		name, text, ok := cutBar(bytes.TrimPrefix(rest, []byte(" ")))
		if ok && len(l.prefix) == 0 { // foreman: "03:02:01 web.1  | "
			l.call(name)
			l.outer, l.text = better(s, l.outer), text
			return true
		}
		return false
	}
	take := func(name, text []byte) bool {
		l.call(name)
		l.outer = better(s, l.outer)
		l.text = text
		return true
	}
	// Azure App Service: "…Z: [INFO]  "
	if inner, ok := bytes.CutPrefix(rest, []byte(": [")); ok && s.lacks == whole {
		if end := bytes.IndexByte(inner[:min(len(inner), 12)], ']'); end > 0 {
			return take(nil, bytes.TrimPrefix(inner[end+1:], []byte("  ")))
		}
	}
	if rest[0] == '\t' { // Fluentd's files: time, tag, object
		if tag, object, ok := bytes.Cut(rest[1:], []byte("\t")); ok && bytes.HasPrefix(object, []byte("{")) {
			return take(tag[:0], object)
		}
		return false
	}
	if rest[0] != ' ' {
		return false
	}
	rest = rest[1:]
	word, after, _ := bytes.Cut(rest, []byte(" "))
	switch string(word) {
	case "stdout", "stderr": // CRI: "stderr F "
		if len(after) >= 1 && (after[0] == 'F' || after[0] == 'P') && (len(after) == 1 || after[1] == ' ') {
			l.partial = after[0] == 'P'
			return take(nil, bytes.TrimPrefix(after[1:], []byte(" ")))
		}
	case "|": // Synology, QNAP: "| stderr | "
		if stream, text, ok := bytes.Cut(after, []byte(" | ")); ok && (string(stream) == "stderr" || string(stream) == "stdout") {
			return take(nil, text)
		}
	}
	if open := bytes.IndexByte(word, '['); open > 0 && s.lacks >= noYear {
		id, tail, closed := bytes.Cut(word[open+1:], []byte("]"))
		switch {
		case closed && string(tail) == ":" && isNamed(word[:open]) && !allDigits(id) && s.lacks == whole: // Heroku: "app[web.1]: "
			return take(id, after)
		case closed && string(tail) == ":" && allDigits(id) && isPath(word[:open]): // syslog without a host: "orders[812]: "
			return take(word[bytes.LastIndexByte(word[:open], '/')+1:open], after)
		case closed && len(tail) == 0 && isNamed(word[:open]) && s.lacks == whole: // Fly: "app[148e2d] fra [info]"
			region, text, _ := bytes.Cut(after, []byte(" "))
			if end := bytes.IndexByte(text, ']'); len(region) == 3 && bytes.HasPrefix(text, []byte("[")) && end > 0 {
				return take(id, bytes.TrimPrefix(text[end+1:], []byte(" ")))
			}
		}
	}
	if len(word) > 0 && word[0] == '{' && bytes.Contains(word, []byte(`="`)) { // logcli
		if end := bytes.Index(rest, []byte("} ")); end > 0 {
			return take(label(rest[:end]), rest[end+2:])
		}
	}
	if name, text, ok := cutBar(rest); ok && s.lacks == whole && len(l.prefix) == 0 { // docker service logs --timestamps
		return take(name, text)
	}
	if bytes.HasPrefix(word, []byte("[APP/")) || bytes.HasPrefix(word, []byte("[CELL/")) { // Cloud Foundry: "[APP/PROC/WEB/0] ERR "
		if _, text, ok := bytes.Cut(after, []byte(" ")); ok {
			return take(bytes.Trim(word, "[]"), text)
		}
	}
	// The log's stream: aws logs tail.
	if s.lacks == whole && bytes.HasSuffix(l.text[:n], []byte("+00:00")) && bytes.IndexByte(word, '/') > 0 && len(after) > 0 && isPath(word) {
		return take(word, after)
	}
	// journald and syslog: "host program[pid]: "
	if tag, text, ok := bytes.Cut(after, []byte(": ")); ok && isNamed(word) && len(tag) <= maxName && bytes.IndexByte(tag, ' ') < 0 {
		name, pid, hasPID := bytes.Cut(tag, []byte("["))
		if (hasPID && allDigits(bytes.TrimSuffix(pid, []byte("]"))) || !hasPID && s.lacks == noYear) && isPath(name) && levelOf(word) == noLevel {
			name = name[bytes.LastIndexByte(name, '/')+1:] // Docker's tag may be docker/orders
			return take(bytes.TrimSuffix(name, []byte(".service")), text)
		}
	}
	if dot := bytes.LastIndexByte(l.text[:n], '.'); dot > 0 && s.lacks == whole && digitsFrom(l.text, dot+1) == 9 {
		return take(nil, rest)
	}
	return false
}

func digitsFrom(text []byte, i int) (n int) {
	for i+n < len(text) && '0' <= text[i+n] && text[i+n] <= '9' {
		n++
	}
	return n
}

// isPath reports whether s may be a path of names.
func isPath(s []byte) bool {
	for _, c := range s {
		if !isWord(c) && c != '.' && c != '-' && c != '/' && c != '[' && c != ']' && c != '$' {
			return false
		}
	}
	return len(s) > 0
}

// label returns the container that Loki's labels name.
func label(labels []byte) []byte {
	for _, key := range []string{`container="`, `container_name="`, `pod="`, `service_name="`, `job="`} {
		if _, rest, ok := bytes.Cut(labels, []byte(key)); ok {
			name, _, _ := bytes.Cut(rest, []byte(`"`))
			return name
		}
	}
	return nil
}

// takeStern takes "orders-7c9d5b6f8-x2x4z api ", and a name before Docker's own time.
func takeStern(l *line, scratch *[]byte) bool {
	if len(l.prefix) > 0 {
		return false
	}
	pod, rest, ok := bytes.Cut(l.text[:min(len(l.text), 3*maxName)], []byte(" "))
	if !ok {
		return false
	}
	if isNamed(pod) && len(rest) > 30 && rest[0] == '2' { // DigitalOcean's App Platform
		if s, n := timeAt(rest); s.lacks == whole && bytes.IndexByte(rest[:n], '.') >= 0 && digitsFrom(rest, bytes.IndexByte(rest[:n], '.')+1) == 9 {
			l.call(pod)
			l.text = l.text[len(pod)+1:]
			return true
		}
	}
	if !isPod(pod) {
		return false
	}
	container, _, ok := bytes.Cut(rest, []byte(" "))
	if !ok || len(container) < 2 || !isNamed(container) || container[0] < 'a' || container[len(container)-1] == '.' {
		return false
	}
	begin := len(*scratch)
	*scratch = append(append(append(*scratch, pod...), '/'), container...)
	l.call((*scratch)[begin:len(*scratch):len(*scratch)])
	l.text = l.text[len(pod)+1+len(container)+1:]
	return true
}

// isPod reports whether s is a name that Kubernetes gives to a deployment's pod: name, five
// to ten letters and digits with a digit among them, and five more.
func isPod(s []byte) bool {
	last := bytes.LastIndexByte(s, '-')
	if last < 0 || len(s)-last-1 != 5 {
		return false
	}
	hash := s[bytes.LastIndexByte(s[:last], '-')+1 : last]
	if len(hash) < 4 || len(hash) > 10 || len(hash)+1 >= last || !bytes.ContainsAny(hash, "0123456789") {
		return false
	}
	for _, c := range s {
		if c != '-' && c != '.' && (c == '_' || c < '0' || !isWord(c) || 'A' <= c && c <= 'Z') {
			return false
		}
	}
	return true
}
