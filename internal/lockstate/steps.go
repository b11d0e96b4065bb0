package lockstate

import (
	"strings"
	"unicode"
)

// A Step is one call of sqlite3_step: a statement that begins, or goes on to its next row.
type Step struct {
	At         Time
	TID, PID   int
	Statement  uint64 // tells prepared statements of one process apart
	Connection uint64 // tells connections of one process apart
	SQL        string // the statement's text, possibly cut off
}

// A Transaction is what one connection did from one BEGIN to the end, or in one statement without BEGIN.
type Transaction struct {
	First, Last string // its statements' texts
	Steps       int    // calls of sqlite3_step
	Pause       Time   // the longest time between two of them; the first of the two may have taken some of it
	After       string // the statement before that pause

	at       Time
	explicit bool // it began with BEGIN or SAVEPOINT
	over     bool // the next step begins another
	last     uint64
}

// Steps follows the transactions of all connections.
type Steps struct {
	connections map[connection]*Transaction
	threads     map[int]*Transaction // of a thread's last step
}

type connection struct {
	pid int
	of  uint64
}

// NewSteps returns Steps that has seen none.
func NewSteps() *Steps {
	return &Steps{map[connection]*Transaction{}, map[int]*Transaction{}}
}

// maxConnections bounds what is remembered. Beyond it, all transactions are forgotten, and those that go on seem to begin.
const maxConnections = 10_000

// Apply takes the next step. SQLite's own statements, as it reads the schema with, have no text, and are left out.
func (s *Steps) Apply(e Step) {
	if e.SQL == "" {
		return
	}
	if len(s.connections) >= maxConnections || len(s.threads) >= maxConnections {
		clear(s.connections)
		clear(s.threads)
	}
	key, word := connection{e.PID, e.Connection}, keyword(e.SQL)
	tx := s.connections[key]
	begins := word == "BEGIN" || word == "SAVEPOINT" && (tx == nil || !tx.explicit)
	if tx == nil || begins || tx.over || !tx.explicit && (tx.last != e.Statement || tx.Last != e.SQL) {
		tx = &Transaction{First: e.SQL, explicit: begins, at: e.At}
		s.connections[key] = tx
	}
	if pause := e.At - tx.at; pause > tx.Pause {
		tx.Pause, tx.After = pause, tx.Last
	}
	tx.Last, tx.last, tx.at = e.SQL, e.Statement, e.At
	tx.Steps++
	if word == "COMMIT" || word == "END" || word == "ROLLBACK" && !strings.Contains(strings.ToUpper(e.SQL), "TO") {
		tx.over = true
	}
	s.threads[e.TID] = tx
}

// Of returns the transaction of the thread's last step, and that step's text; nil where it has made none.
func (s *Steps) Of(tid int) (tx *Transaction, sql string) {
	if tx = s.threads[tid]; tx == nil {
		return nil, ""
	}
	return tx, tx.Last
}

// Released says that the locks of a transaction were given back: where it did not begin with BEGIN, it is over.
func (t *Transaction) Released() { t.over = t.over || !t.explicit }

// keyword returns the first word of a statement, behind comments.
func keyword(sql string) string {
	for {
		sql = strings.TrimLeftFunc(sql, unicode.IsSpace)
		switch {
		case strings.HasPrefix(sql, "--"):
			_, sql, _ = strings.Cut(sql, "\n")
		case strings.HasPrefix(sql, "/*"):
			_, sql, _ = strings.Cut(sql[2:], "*/")
		default:
			end := strings.IndexFunc(sql, func(r rune) bool { return !unicode.IsLetter(r) })
			if end < 0 {
				end = len(sql)
			}
			return strings.ToUpper(sql[:end])
		}
	}
}

// Fingerprint returns a statement with ? in the place of literals (strings, blobs, numbers), and with one blank where it has
// white space or comments, so that it names no data. Quoted names stay. What it cannot read to its end, as where a text was cut off within a
// string, ends with ?.
func Fingerprint(sql string) string {
	var b strings.Builder
	blank := false
	put := func(s string) {
		if blank && b.Len() > 0 {
			b.WriteByte(' ')
		}
		blank = false
		b.WriteString(s)
	}
	for len(sql) > 0 {
		c := sql[0]
		switch {
		case strings.HasPrefix(sql, "--"):
			_, sql, _ = strings.Cut(sql, "\n")
			blank = true
		case strings.HasPrefix(sql, "/*"):
			_, sql, _ = strings.Cut(sql[2:], "*/")
			blank = true
		case c == ' ' || c >= '\t' && c <= '\r':
			sql, blank = sql[1:], true
		case c == '\'':
			sql = sql[quoted(sql, '\''):]
			put("?")
		case (c == 'x' || c == 'X') && strings.HasPrefix(sql[1:], "'"):
			sql = sql[1+quoted(sql[1:], '\''):]
			put("?")
		case c == '"' || c == '`' || c == '[':
			end := c
			if c == '[' {
				end = ']'
			}
			n := quoted(sql, end)
			if n == len(sql) && (n == 1 || sql[n-1] != end) {
				put("?") // cut off: it may be a string, which SQLite allows in these quotes
			} else if c == '"' {
				put("?") // SQLite takes "x" for a string where no column has that name
			} else {
				put(sql[:n])
			}
			sql = sql[n:]
		case digit(c) || c == '.' && len(sql) > 1 && digit(sql[1]):
			n := 1
			for n < len(sql) && (word(sql[n]) || sql[n] == '.' || (sql[n] == '+' || sql[n] == '-') && (sql[n-1] == 'e' || sql[n-1] == 'E')) {
				n++
			}
			sql = sql[n:]
			put("?")
		case word(c):
			n := 1
			for n < len(sql) && word(sql[n]) {
				n++
			}
			put(sql[:n])
			sql = sql[n:]
		default:
			put(sql[:1])
			sql = sql[1:]
		}
	}
	return b.String()
}

// quoted returns the length of the quoted text that s begins with, where a doubled quote stands for one; that of s if it does not end.
func quoted(s string, end byte) int {
	for i := 1; i < len(s); i++ {
		if s[i] != end {
			continue
		}
		if end == ']' || i+1 == len(s) || s[i+1] != end {
			return i + 1
		}
		i++
	}
	return len(s)
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// word reports whether c may stand in a name or a keyword.
func word(c byte) bool {
	return digit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$' || c == '@' || c == ':' || c >= 0x80
}
