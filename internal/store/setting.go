package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Setting is one field of a [Discipline]: its names, and how to read and write it
// as text. Flags, command lines, JSON, log lines and sentences follow from the one
// table [Settings].
type Setting struct {
	Name   string   // in JSON and in logs: "busy_timeout_ms"
	Flag   string   // on the command line, without its dashes: "busy-timeout"
	Title  string   // in sentences: "busy_timeout"
	Usage  string   // of the flag, one line of help or two
	Number bool     // its text is a whole number
	Values []string // that it may have, on some engine; none where it is not one of a few words

	Get func(Discipline) string         // as JSON and the command line have it: "5000"
	Set func(*Discipline, string) error // takes what Get returns
	// Fold spells a word that a person wrote in any case as Set takes it.
	Fold func(string) string
	// Value is the value for a sentence, after Title: "5s".
	Value func(Discipline) string
}

// Words returns the setting of d for a sentence: "busy_timeout 5s".
func (s Setting) Words(d Discipline) string { return s.Title + " " + s.Value(d) }

// Settings lists every setting of a Discipline, in the order of its fields.
var Settings = []Setting{
	word("driver", "driver", "driver", "modernc, ncruces or mattn (SQLite), pgx (PostgreSQL) or rqlite", drivers,
		func(d *Discipline) *string { return &d.Driver }, strings.ToLower),
	word("journal", "journal", "journal", "journal_mode: DELETE, TRUNCATE, PERSIST or WAL", words(ofSQLite.journals),
		func(d *Discipline) *Journal { return &d.Journal }, strings.ToUpper),
	word("synchronous", "synchronous", "synchronous", "synchronous: OFF, NORMAL, FULL or EXTRA", words(ofSQLite.synchronouses),
		func(d *Discipline) *Synchronous { return &d.Synchronous }, strings.ToUpper),
	milliseconds("busy_timeout_ms", "busy-timeout", "busy_timeout", "busy_timeout in `ms` (0 = refuse at once)",
		func(d *Discipline) *Milliseconds { return &d.BusyTimeout }),
	word("busy_policy", "busy-policy", "busy policy", "how to wait for a lock: stock (SQLite's own schedule) or random (up to 2 ms)", words(ofSQLite.busyPolicies),
		func(d *Discipline) *BusyPolicy { return &d.Busy }, strings.ToLower),
	word("transaction", "transaction", "transaction", "read and write as: separate, deferred, immediate, exclusive or atomic;\non PostgreSQL: separate, read-committed, for-update, serializable or atomic",
		words(append(slices.Clip(ofSQLite.transactions), ReadCommitted, ForUpdate, Serializable)),
		func(d *Discipline) *Transaction { return &d.Transaction }, strings.ToLower),
	milliseconds("think_ms", "think", "think time", "pause between the read and the write, in `ms`",
		func(d *Discipline) *Milliseconds { return &d.Think }),
	number("retries", "retries", "retries", "how often to retry a refused attempt",
		func(d *Discipline) *int { return &d.Retries }),
	{
		Name: "backoff", Flag: "backoff", Title: "backoff", Usage: `wait before a retry: none, "1s..5s" or "1s..5s+jitter"`,
		Fold:  strings.ToLower,
		Get:   func(d Discipline) string { return d.Backoff.String() },
		Set:   func(d *Discipline, text string) error { return d.Backoff.UnmarshalText([]byte(text)) },
		Value: func(d Discipline) string { return d.Backoff.String() },
	},
	word("writer", "writer", "writer", "direct (each request writes) or queue (one connection writes requests in batches)", words([]Writer{Direct, Queue}),
		func(d *Discipline) *Writer { return &d.Writer }, strings.ToLower),
	number("pool", "pool", "pool", "connections that a node opens at start",
		func(d *Discipline) *int { return &d.Pool }),
}

// Args returns the flags of a command line that asks for d.
func (d Discipline) Args() (args []string) {
	for _, s := range Settings {
		args = append(args, "--"+s.Flag, s.Get(d))
	}
	return args
}

func word[T ~string](name, flag, title, usage string, values []string, field func(*Discipline) *T, fold func(string) string) Setting {
	get := func(d Discipline) string { return string(*field(&d)) }
	return Setting{
		Name: name, Flag: flag, Title: title, Usage: usage, Values: values, Fold: fold, Get: get, Value: get,
		Set: func(d *Discipline, text string) error {
			*field(d) = T(text)
			return nil
		},
	}
}

func number[T ~int | ~int64](name, flag, title, usage string, field func(*Discipline) *T) Setting {
	get := func(d Discipline) string { return strconv.FormatInt(int64(*field(&d)), 10) }
	return Setting{
		Name: name, Flag: flag, Title: title, Usage: usage, Number: true, Fold: strings.TrimSpace, Get: get, Value: get,
		Set: func(d *Discipline, text string) error {
			n, err := strconv.ParseInt(text, 10, strconv.IntSize)
			if err != nil {
				return fmt.Errorf("%q is not a whole number", text)
			}
			*field(d) = T(n)
			return nil
		},
	}
}

func milliseconds(name, flag, title, usage string, field func(*Discipline) *Milliseconds) Setting {
	s := number(name, flag, title, usage, field)
	s.Value = func(d Discipline) string { return field(&d).Duration().String() }
	return s
}
