package logs

import (
	"bytes"
	"strconv"
	"strings"
)

// Other is the code of an error that names none of SQLite's.
const Other = "OTHER"

// primary are SQLite's primary result codes that are errors
// (https://sqlite.org/rescode.html), the names of their extended codes by the
// second byte of their numbers, and whether each is a refusal: the same attempt
// may succeed later.
var primary = []struct {
	number   int
	name     string
	refusal  bool
	extended []string
}{
	{1, "ERROR", false, []string{"MISSING_COLLSEQ", "RETRY", "SNAPSHOT", "RESERVESIZE", "KEY", "UNABLE"}},
	{2, "INTERNAL", false, nil},
	{3, "PERM", false, nil},
	{4, "ABORT", false, []string{"", "ROLLBACK"}},
	{5, "BUSY", true, []string{"RECOVERY", "SNAPSHOT", "TIMEOUT"}},
	{6, "LOCKED", true, []string{"SHAREDCACHE", "VTAB"}},
	{7, "NOMEM", false, nil},
	{8, "READONLY", false, []string{"RECOVERY", "CANTLOCK", "ROLLBACK", "DBMOVED", "CANTINIT", "DIRECTORY"}},
	{9, "INTERRUPT", false, nil},
	{10, "IOERR", false, []string{"READ", "SHORT_READ", "WRITE", "FSYNC", "DIR_FSYNC", "TRUNCATE", "FSTAT", "UNLOCK", "RDLOCK", "DELETE", "BLOCKED",
		"NOMEM", "ACCESS", "CHECKRESERVEDLOCK", "LOCK", "CLOSE", "DIR_CLOSE", "SHMOPEN", "SHMSIZE", "SHMLOCK", "SHMMAP", "SEEK", "DELETE_NOENT", "MMAP",
		"GETTEMPPATH", "CONVPATH", "VNODE", "AUTH", "BEGIN_ATOMIC", "COMMIT_ATOMIC", "ROLLBACK_ATOMIC", "DATA", "CORRUPTFS", "IN_PAGE", "BADKEY", "CODEC"}},
	{11, "CORRUPT", false, []string{"VTAB", "SEQUENCE", "INDEX"}},
	{12, "NOTFOUND", false, nil},
	{13, "FULL", false, nil},
	{14, "CANTOPEN", false, []string{"NOTEMPDIR", "ISDIR", "FULLPATH", "CONVPATH", "DIRTYWAL", "SYMLINK"}},
	{15, "PROTOCOL", true, nil},
	{16, "EMPTY", false, nil},
	{17, "SCHEMA", false, nil},
	{18, "TOOBIG", false, nil},
	{19, "CONSTRAINT", false, []string{"CHECK", "COMMITHOOK", "FOREIGNKEY", "FUNCTION", "NOTNULL", "PRIMARYKEY", "TRIGGER", "UNIQUE", "VTAB", "ROWID", "PINNED", "DATATYPE"}},
	{20, "MISMATCH", false, nil},
	{21, "MISUSE", false, nil},
	{22, "NOLFS", false, nil},
	{23, "AUTH", false, []string{"USER"}},
	{24, "FORMAT", false, nil},
	{25, "RANGE", false, nil},
	{26, "NOTADB", false, nil},
}

// A code is a result code of SQLite by its number; 0 is none.
type code int

func (c code) primary() code { return c & 0xff }

func (c code) refusal() bool { return c != 0 && primary[c.primary()-1].refusal }

// String returns the code's name, or Other.
func (c code) String() string {
	if c == 0 {
		return Other
	}
	return codeNames[c]
}

// codeNames and codeOf hold every code of the table, by number and by name.
var codeNames, codeOf = func() (map[code]string, map[string]code) {
	names, codes := map[code]string{}, map[string]code{}
	for _, p := range primary {
		names[code(p.number)] = "SQLITE_" + p.name
		for i, x := range p.extended {
			if x != "" {
				names[code((i+1)<<8|p.number)] = "SQLITE_" + p.name + "_" + x
			}
		}
	}
	for c, name := range names {
		codes[name] = c
	}
	return names, codes
}()

// A telling is what one line says of failures.
type telling struct {
	code     code
	perhaps  code // what its words may mean, where they cannot decide; 0 where code is not
	timedOut bool // a node waited its whole busy_timeout
	byNumber bool // only a number says it
	retry    bool // it speaks of attempts
	failed   bool // it has a word for an error
}

// tell reads what a text says; ms are the words in it.
func tell(text []byte, ms []match) (t telling) {
	if isMetric(text) {
		return t
	}
	const ( // what is surer wins, and the first of those that are as sure
		nothing = iota
		byText
		byAlias
		byName
	)
	sure := nothing
	settle := func(c code, by int) {
		switch {
		case sure == nothing || by > sure && c.primary() != t.code.primary():
			t.code, sure = c, by
		case c.primary() == t.code.primary():
			t.code, sure = max(t.code, c), max(sure, by)
		}
	}
	for _, m := range ms {
		start := m.end - len(m.word.text)
		found, by := code(0), byAlias
		switch m.word.mean {
		case isError:
			t.failed = t.failed || wordEnds(text, m) && !takenFrom(text[:start])
			continue
		case isRetry:
			t.retry = true
			continue
		case isSQLite, isSupposed, isTakenBack:
			continue
		case isName:
			c, timedOut, doubt := nameAt(text, start)
			if t.timedOut = t.timedOut || timedOut; doubt {
				t.perhaps = orCode(t.perhaps, c)
				continue
			}
			found, by = c, byName
		case isNumber:
			if found = numberAfter(text[m.end:]); found != 0 && sure == nothing {
				t.byNumber = true
			}
		case isHex:
			if n, err := strconv.ParseUint(string(text[m.end:min(len(text), m.end+4)]), 16, 16); err == nil && codeNames[code(n)] != "" {
				found = code(n)
			}
		case isAlias:
			found = m.word.code
		case isText:
			found, by = m.word.code, byText
		}
		if found == 0 {
			continue
		}
		if m.word.mean != isNumber {
			t.byNumber = false
		}
		if hypothetical(text, ms, start, m.end) {
			t.perhaps = orCode(t.perhaps, found)
			continue
		}
		settle(found, by)
	}
	if t.code != 0 {
		t.code, t.perhaps = refine(t.code, text), 0
	}
	t.failed = t.failed || t.code != 0
	return t
}

// isMetric reports whether a text is a line of Prometheus' format: name{label="SQLITE_BUSY"} 25.
func isMetric(text []byte) bool {
	n := 0
	for n < len(text) && (isWord(text[n]) || text[n] == ':') {
		n++
	}
	if n == 0 || n == len(text) || text[n] != '{' {
		return false
	}
	end := bytes.LastIndex(text, []byte("} "))
	return end > n && allDigits(bytes.Replace(text[end+2:], []byte("."), nil, 1))
}

func orCode(a, b code) code {
	if a != 0 {
		return a
	}
	return b
}

// wordEnds reports whether a word for an error ends a word of the line, as in
// TypeError.
func wordEnds(text []byte, m match) bool {
	if last := m.word.text[len(m.word.text)-1]; isWord(last) && m.end < len(text) && isWord(text[m.end]) {
		return false
	}
	if m.word.text == "severe" || m.word.text == "critical" { // levels, and adjectives in small letters
		start := m.end - len(m.word.text)
		return text[start] < 'a' && (start == 0 || !isWord(text[start-1]))
	}
	return true
}

// takenFrom reports whether what stands before a word for an error makes it none.
func takenFrom(before []byte) bool {
	for _, s := range []string{"without ", " 0 ", "nternal Server "} {
		if bytes.HasSuffix(before, []byte(s)) {
			return true
		}
	}
	return false
}

func isWord(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func isNameByte(c byte) bool { return c == '_' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' }

// timeout is the end of SQLITE_TIMEOUT, a node's answer where the refusal came
// only after the whole busy_timeout. It is contend's word and not SQLite's.
const timeout = "SQLITE_TIMEOUT"

// nameAt reads the code whose name stands at start; 0 where none does. In doubt
// is a name that SQLite does not have, made of a refusal's: SQLITE_BUSY_RETRIES is a setting.
func nameAt(text []byte, start int) (c code, timedOut, doubt bool) {
	end := start
	for end < len(text) && isNameByte(text[end]) {
		end++
	}
	if start > 0 && (isNameByte(text[start-1]) || text[start-1] == '/' || text[start-1] == '#') || end-start > maxName || isKey(text[end:]) {
		return 0, false, false
	}
	name := strings.TrimRight(string(text[start:end]), "_")
	if name == timeout {
		return 5, true, false
	}
	if c := codeOf[name]; c != 0 {
		return c, false, false
	}
	short, rest, more := strings.Cut(strings.TrimPrefix(name, "SQLITE_"), "_")
	c = codeOf["SQLITE_"+short]
	if !more || rest == "" || c == 0 {
		return 0, false, false
	}
	return c, false, c.refusal()
}

// isKey reports whether the text after a name makes it the name of a value: a
// node's closing line counts {"SQLITE_BUSY":25}, and an environment
// has SQLITE_BUSY_TIMEOUT=5000. Neither is an event.
func isKey(after []byte) bool {
	if bytes.HasPrefix(after, []byte("=")) {
		return true
	}
	if number, colon := bytes.CutPrefix(after, []byte(":")); colon { // "SQLITE_BUSY: 25, "
		number = bytes.TrimLeft(number, " ")
		if n := digitsFrom(number, 0); n > 0 && (n == len(number) || bytes.IndexByte([]byte(",;} "), number[n]) >= 0 && digitsOnly(number[n:])) {
			return true
		}
	}
	after, quoted := bytes.CutPrefix(bytes.TrimPrefix(after, []byte(`\`)), []byte(`"`))
	return quoted && bytes.HasPrefix(bytes.TrimLeft(after, " "), []byte(":"))
}

// digitsOnly reports whether what follows a number is the end, or the next of a list.
func digitsOnly(rest []byte) bool {
	rest = bytes.TrimRight(rest, " }")
	return len(rest) == 0 || rest[0] == ',' || rest[0] == ';'
}

func allDigits(s []byte) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(s) > 0
}

// numberAfter reads the code that a number says right behind words such as
// "SQLite error"; 0 where none does.
func numberAfter(rest []byte) code {
	i := 0
	for _, between := range []string{" code", "code", " number", ""} {
		if bytes.HasPrefix(rest, []byte(between)) {
			i = len(between)
			break
		}
	}
	for i < len(rest) && strings.IndexByte(" :=(#\"'", rest[i]) >= 0 {
		i++
	}
	n, end := digits(rest, i)
	if end == i || end < len(rest) && (isWord(rest[end]) || rest[end] == '.' && end+1 < len(rest) && '0' <= rest[end+1] && rest[end+1] <= '9') {
		return 0
	}
	if codeNames[code(n)] == "" {
		return 0
	}
	return code(n)
}

// digits reads at most five digits at i and returns their value and end.
func digits(s []byte, i int) (n, end int) {
	for end = i; end < len(s) && end < i+5 && '0' <= s[end] && s[end] <= '9'; end++ {
		n = 10*n + int(s[end]-'0')
	}
	return n, end
}

// keys end the names of fields that hold a result code, in lower case.
var keys = []string{"code", "errno", "errorno", "error", "err", "rc", "result", "domain", "status", "extended"}

// refine returns the extended code of c's family that a number in the text
// says: "(517)", "extended_code: 517", "errcode: 517", "code 517". The family must agree, so that no line number or port is taken.
func refine(c code, text []byte) code {
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			continue
		}
		n, end := digits(text, i)
		begins := i == 0 || !isWord(text[i-1]) && text[i-1] != '.' && text[i-1] != '-'
		ends := end == len(text) || !isWord(text[end]) && text[end] != '.'
		if begins && ends && code(n) > c && code(n).primary() == c.primary() && codeNames[code(n)] != "" && isCodeField(text, i, end) {
			c = code(n)
		}
		for end < len(text) && isWord(text[end]) {
			end++
		}
		i = max(i, end-1)
	}
	return c
}

// isCodeField reports whether the number text[start:end] stands where a code does.
func isCodeField(text []byte, start, end int) bool {
	if start > 0 && text[start-1] == '(' && end < len(text) && (text[end] == ')' || text[end] == ':') {
		return true
	}
	before := bytes.TrimRight(text[max(0, start-32):start], " :=(\"'\\")
	if len(before) > 0 && before[len(before)-1] == ',' { // SqliteFailure(5, 517
		before = bytes.TrimRight(before, ", 0123456789(")
	}
	lower := bytes.ToLower(before)
	for _, key := range keys {
		if bytes.HasSuffix(lower, []byte(key)) {
			return true
		}
	}
	return false
}

// hypothetical reports whether the words for a failure at text[start:end] may
// speak of none: advice, a comment, a statement's data, source, a request, or a
// database that is not SQLite's. ms are all words of the text.
func hypothetical(text []byte, ms []match, start, end int) bool {
	supposed, takenBack, sqlite, failed := false, false, false, false
	for _, m := range ms {
		switch begin := m.end - len(m.word.text); m.word.mean {
		case isSupposed:
			supposed = supposed || m.end <= start
		case isTakenBack:
			takenBack = takenBack || end <= begin && begin < end+40
		case isError: // "To avoid it, … Error: …"
			if m.end <= start && wordEnds(text, m) {
				failed = true
				supposed = supposed && (m.end == len(text) || text[m.end] != ':')
			}
		case isSQLite, isName, isAlias, isNumber, isHex:
			sqlite = true
		}
	}
	for _, comment := range []string{"# ", "// ", "-- "} {
		if bytes.HasPrefix(text, []byte(comment)) {
			return true
		}
	}
	source := bytes.TrimRight(text[max(0, start-16):start], "'\"`")
	for _, end := range []string{"== ", "!= ", "case "} {
		if bytes.HasSuffix(source, []byte(end)) {
			return true
		}
	}
	// BoltDB's and KeePassXC's sentence has an article, SQLite's has none.
	if !sqlite && start >= 4 && bytes.EqualFold(text[start-4:start], []byte("the ")) {
		return true
	}
	if !sqlite && !failed && text[start] == 'D' { // SQLite begins in small letters, a person's sentence does not
		return true
	}
	return supposed || !failed && (takenBack || isRequest(text, start, end) || isData(text, start, end)) || inLiteral(text[max(0, start-512):start])
}

// isRequest reports whether the words stand in the first line of an HTTP request.
func isRequest(text []byte, start, end int) bool {
	if !bytes.Contains(text[end:min(len(text), end+200)], []byte(" HTTP/")) {
		return false
	}
	before := text[max(0, start-200):start]
	for _, method := range []string{"GET /", "POST /", "PUT /", "HEAD /", "DELETE /", "PATCH /"} {
		if bytes.Contains(before, []byte(method)) {
			return true
		}
	}
	return false
}

// isData reports whether the words are one whole value in quotes, behind a
// statement or in a list of parameters.
func isData(text []byte, start, end int) bool {
	if start < 2 || end >= len(text) || text[start-1] != text[end] || text[end] != '\'' && text[end] != '"' {
		return false
	}
	if c := text[start-2]; (c == '(' || c == '[') && (start < 3 || !isWord(text[start-3])) {
		return true
	}
	before := bytes.ToLower(text[max(0, start-512):start])
	for _, verb := range verbs {
		if bytes.Contains(before, []byte(verb)) {
			return true
		}
	}
	return false
}

// verbs begin statements.
var verbs = []string{"insert into ", "select ", "update ", "delete from ", " like "}

// inLiteral reports whether a statement's string literal is open at the end of the text.
func inLiteral(before []byte) bool {
	if bytes.IndexByte(before, '\'') < 0 {
		return false
	}
	before = bytes.ToLower(before)
	for _, verb := range verbs {
		if i := bytes.LastIndex(before, []byte(verb)); i >= 0 && bytes.Count(before[i:], []byte("'"))%2 == 1 {
			return true
		}
	}
	return false
}
