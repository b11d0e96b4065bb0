package lockstate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestSteps(t *testing.T) {
	for name, c := range map[string]struct {
		steps string // connection, statement and text, each a second after the one before
		want  string
	}{
		"one statement":                       {"1 1 INSERT", "INSERT…INSERT 1"},
		"rows of one statement":               {"1 1 SELECT;1 1 SELECT;1 1 SELECT", "SELECT…SELECT 3, 1 s after SELECT"},
		"two statements are two":              {"1 1 INSERT;1 2 DELETE", "INSERT…INSERT 1, DELETE…DELETE 1"},
		"a transaction":                       {"1 1 BEGIN;1 2 INSERT;1 3 COMMIT;1 2 INSERT", "BEGIN…COMMIT 3, 1 s after BEGIN, INSERT…INSERT 1"},
		"rolled back":                         {"1 1 begin immediate;1 2 INSERT;1 3 rollback;1 4 SELECT", "begin immediate…rollback 3, 1 s after begin immediate, SELECT…SELECT 1"},
		"back to a savepoint":                 {"1 1 SAVEPOINT a;1 2 INSERT;1 3 ROLLBACK TO a;1 4 END", "SAVEPOINT a…END 4, 1 s after SAVEPOINT a"},
		"a savepoint within":                  {"1 1 BEGIN;1 2 SAVEPOINT a;1 3 COMMIT", "BEGIN…COMMIT 3, 1 s after BEGIN"},
		"one statement's memory is another's": {"1 1 INSERT;1 1 DELETE", "INSERT…INSERT 1, DELETE…DELETE 1"},
		"SQLite's own statements":             {"1 1 BEGIN;1 7 ;1 3 COMMIT", "BEGIN…COMMIT 2, 2 s after BEGIN"},
		"connections do not mix":              {"1 1 BEGIN;2 9 SELECT;1 2 COMMIT", "BEGIN…COMMIT 2, 2 s after BEGIN, SELECT…SELECT 1"},
		"comments come first":                 {"1 1 /* a */ -- b", "/* a */ -- b…/* a */ -- b 1"},
		"a comment before BEGIN":              {"1 1 /* a */ BEGIN;1 2 COMMIT", "/* a */ BEGIN…COMMIT 2, 1 s after /* a */ BEGIN"},
		"BEGIN again was refused the one":     {"1 1 BEGIN IMMEDIATE;1 1 BEGIN IMMEDIATE", "BEGIN IMMEDIATE…BEGIN IMMEDIATE 1, BEGIN IMMEDIATE…BEGIN IMMEDIATE 1"},
	} {
		s := NewSteps()
		var all []*Transaction
		for i, step := range strings.Split(c.steps, ";") {
			e := Step{At: Time(i) * 1e9, TID: 1, PID: 1}
			f := strings.SplitN(step, " ", 3)
			_, err := fmt.Sscan(f[0]+" "+f[1], &e.Connection, &e.Statement)
			if err != nil {
				t.Fatal(err)
			}
			e.SQL = f[2]
			s.Apply(e)
			if tx, _ := s.Of(1); !slices.Contains(all, tx) {
				all = append(all, tx)
			}
		}
		var got []string
		for _, tx := range all {
			line := fmt.Sprintf("%s…%s %d", tx.First, tx.Last, tx.Steps)
			if tx.Pause > 0 {
				line += fmt.Sprintf(", %d s after %s", tx.Pause/1e9, tx.After)
			}
			got = append(got, line)
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %s, want %s", name, strings.Join(got, ", "), c.want)
		}
	}
	s := NewSteps()
	if tx, sql := s.Of(1); tx != nil || sql != "" {
		t.Error("a thread without a step has a transaction")
	}
	// One prepared statement is executed twice: its locks tell.
	s.Apply(Step{At: 1, TID: 1, Statement: 1, SQL: "INSERT"})
	one, _ := s.Of(1)
	one.Released()
	s.Apply(Step{At: 2, TID: 1, Statement: 1, SQL: "INSERT"})
	if two, _ := s.Of(1); two == one || two.Steps != 1 {
		t.Errorf("%+v", two)
	}
}

func TestFingerprint(t *testing.T) {
	for _, c := range []struct{ sql, want string }{
		{"INSERT INTO t VALUES (1, 'it''s', 2.5e-3, x'00ff', ?1, :name, @a)", "INSERT INTO t VALUES (?, ?, ?, ?, ??, :name, @a)"},
		{"select *\n\tfrom t1 -- all\n where a=-0x1F/* why */and`b c`=[d e]", "select * from t1 where a=-? and`b c`=[d e]"},
		{`SELECT "a" FROM t WHERE b = "secret"`, `SELECT ? FROM t WHERE b = ?`},
		{"UPDATE t SET v = 'cut of", "UPDATE t SET v = ?"},
		{"SELECT .5, 1.e5, t.a, t2.b", "SELECT ?, ?, t.a, t2.b"},
		{"  BEGIN IMMEDIATE ;", "BEGIN IMMEDIATE ;"},
		{"SELECT [cut", "SELECT ?"},
		{"", ""},
	} {
		if got := Fingerprint(c.sql); got != c.want {
			t.Errorf("%q: %q, want %q", c.sql, got, c.want)
		}
	}
}

// No fingerprint shows what stands in a literal, wherever the text was cut off.
func FuzzFingerprint(f *testing.F) {
	f.Add("INSERT INTO t VALUES ('", "', 5)", "it is a secret")
	f.Fuzz(func(t *testing.T, before, after, secret string) {
		_ = Fingerprint(before + after)
		_ = keyword(before)
		const sql = "INSERT INTO t VALUES (%s) -- and so on"
		if len(secret) < 4 || strings.Contains(sql, secret) || strings.Contains("INSERT INTO t VALUES (?)", secret) {
			return
		}
		literal := "'" + strings.ReplaceAll(secret, "'", "''") + "'"
		whole := fmt.Sprintf(sql, literal)
		for n := range len(whole) + 1 {
			if got := Fingerprint(whole[:n]); strings.Contains(got, secret) {
				t.Fatalf("%q of %q", got, whole[:n])
			}
		}
	})
}
