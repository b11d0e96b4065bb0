package store

import (
	"fmt"
	"strings"

	"example.com/contend/internal/units"
)

// grouped says how the read and the write that depends on it are grouped.
var grouped = map[Transaction]string{
	Separate: "read and write apart", Deferred: "BEGIN DEFERRED", Immediate: "BEGIN IMMEDIATE", Exclusive: "BEGIN EXCLUSIVE",
	Atomic: "one statement", ReadCommitted: "READ COMMITTED", ForUpdate: "SELECT FOR UPDATE", Serializable: "SERIALIZABLE",
}

// Words says d in words and leaves out what is as nobody has set it: "read and write
// apart, 5 s of patience, WAL". The driver and the pool are not in it.
func (d Discipline) Words() string {
	var all []string
	add := func(is bool, format string, args ...any) {
		if is {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	how, engine := grouped[d.Transaction], d.Engine()
	add(engine == Postgres, "PostgreSQL")
	add(engine == Rqlite, "rqlite")
	add(how != "", "%s", how)
	add(d.BusyTimeout > 0, "%s of patience", units.Milliseconds(float64(d.BusyTimeout)))
	add(d.BusyTimeout == 0 && engine == SQLite, "no patience")
	add(d.Journal == WAL, "WAL")
	add(d.Journal == Delete, "rollback journal")
	add(d.Journal == Truncate || d.Journal == Persist, "%s journal", d.Journal)
	add(d.Synchronous != "" && d.Synchronous != Full, "synchronous %s", d.Synchronous)
	add(d.Think > 0, "%s between read and write", units.Milliseconds(float64(d.Think)))
	add(d.Retries > 0, "%s", units.PluralOf(d.Retries, "retry", "retries"))
	add(d.Busy == Random, "random waits for the lock")
	add(d.Writer == Queue, "a queue of writers")
	return strings.Join(all, ", ")
}
