package store

import "testing"

func TestWords(t *testing.T) {
	queue := Green()
	queue.Transaction, queue.Writer, queue.Busy, queue.Synchronous, queue.Retries, queue.Think = Immediate, Queue, Random, Off, 1, 0
	for want, d := range map[string]Discipline{
		"read and write apart, no patience, rollback journal, 10 ms between read and write":                              Red(),
		"BEGIN EXCLUSIVE, 5 s of patience, WAL, 10 ms between read and write, 3 retries":                                 Green(),
		"BEGIN IMMEDIATE, 5 s of patience, WAL, synchronous OFF, 1 retry, random waits for the lock, a queue of writers": queue,
		"PostgreSQL, SELECT FOR UPDATE, 5 s of patience, 10 ms between read and write, 3 retries":                        Green().With(Pgx),
		"rqlite, one statement, 10 ms between read and write":                                                            Red().With(RqliteHTTP),
		"no setting is known": {},
	} {
		if got := d.Words(); got != want && (d != Discipline{} || got != "") {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
