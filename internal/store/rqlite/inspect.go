package rqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"example.com/contend/internal/store"
)

// rowPrefix is how much of a row's content is read, in bytes.
const rowPrefix = 64

// Facts reads what the database says of itself while others use it: one
// linearizable request, answered from one snapshot of the leader's. Without
// withRows it leaves the rows out.
func (db *DB) Facts(ctx context.Context, withRows bool) (facts store.Facts, err error) {
	db.gate.RLock()
	defer db.gate.RUnlock()
	if db.isClosing() {
		return facts, store.ErrClosed
	}
	queries := []query{
		{"PRAGMA integrity_check"}, {"PRAGMA journal_mode"}, {"SELECT sqlite_version()"},
		db.sql.query(allCounters), db.sql.query(allStock), db.sql.query(allBalances), db.sql.query(countRows),
	}
	if withRows {
		queries = append(queries, db.sql.query(allRows, rowPrefix))
	}
	start := time.Now()
	results, f := db.client.query(ctx, Linearizable, queries...)
	if f != nil {
		return facts, f.storeError("read facts", false, time.Since(start))
	}
	return readFacts(results)
}

// readFacts reads the answers to the statements of Facts, in their order.
func readFacts(results []result) (facts store.Facts, err error) {
	if facts.Integrity, err = text(results[0]); err != nil {
		return facts, err
	}
	mode, err := text(results[1])
	if err != nil {
		return facts, err
	}
	facts.Journal = store.Journal(strings.ToUpper(mode))
	version, err := text(results[2])
	if err != nil {
		return facts, err
	}
	facts.Engine = "rqlite with SQLite " + version
	for i, into := range []*map[string]int64{&facts.Counters, &facts.Stock, &facts.Balances} {
		if *into, err = numbers(results[3+i]); err != nil {
			return facts, err
		}
	}
	var counters int64
	if err := scan(firstRow(results[6]), &facts.Records, &facts.Payments, &counters); err != nil {
		return facts, err
	}
	if len(results) > 7 {
		facts.Rows, err = rows(results[7])
	}
	return facts, err
}

// text returns the first column of all rows, line by line.
func text(r result) (string, error) {
	var lines []string
	for _, row := range r.Values {
		var line string
		if err := scan(row, &line); err != nil {
			return "", err
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n"), nil
}

func numbers(r result) (map[string]int64, error) {
	all := make(map[string]int64)
	for _, row := range r.Values {
		var key string
		var n int64
		if err := scan(row, &key, &n); err != nil {
			return nil, err
		}
		all[key] = n
	}
	return all, nil
}

func rows(r result) ([]store.Row, error) {
	var all []store.Row
	for _, row := range r.Values {
		var x store.Row
		if err := scan(row, &x.ID, &x.Content); err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}

// Check asks the leader a question whose answer needs the table, and returns
// what went wrong. It waits at most a second, and for no attempt.
func (db *DB) Check(ctx context.Context) error {
	_, err := db.probe(ctx, "check", checkCounters)
	return err
}

// Stats counts rows, on the same terms as Check.
func (db *DB) Stats(ctx context.Context) (store.Stats, error) {
	row, err := db.probe(ctx, "count rows", countRows)
	if err != nil {
		return store.Stats{}, err
	}
	var stats store.Stats
	var payments int64
	if err := scan(row, &stats.Records, &payments, &stats.Counters); err != nil {
		return store.Stats{}, fmt.Errorf("count rows: %w", err)
	}
	return stats, nil
}

func (db *DB) probe(ctx context.Context, op string, s statement) ([]json.RawMessage, error) {
	db.gate.RLock()
	defer db.gate.RUnlock()
	if db.isClosing() {
		return nil, store.ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	start := time.Now()
	results, f := db.client.query(ctx, Weak, db.sql.query(s))
	if f != nil {
		return nil, f.storeError(op, false, time.Since(start))
	}
	return firstRow(results[0]), nil
}

// Pragmas asks the leader which settings its SQLite has: journal_mode,
// synchronous and busy_timeout. What makes a write durable is not among them: it
// is the Raft log, which is synced (https://rqlite.io/docs/guides/performance/).
func (db *DB) Pragmas(ctx context.Context) (map[string]string, error) {
	db.gate.RLock()
	defer db.gate.RUnlock()
	if db.isClosing() {
		return nil, store.ErrClosed
	}
	results, f := db.client.query(ctx, Weak,
		query{"SELECT * FROM pragma_journal_mode"}, query{"SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous"},
		query{"SELECT CAST(timeout AS TEXT) FROM pragma_busy_timeout"})
	if f != nil {
		return nil, f.storeError("read settings", false, 0)
	}
	settings := make(map[string]string)
	for i, name := range []string{"journal_mode", "synchronous", "busy_timeout"} {
		value, err := text(results[i])
		if err != nil {
			return nil, fmt.Errorf("read settings: %s: %w", name, err)
		}
		settings[name] = value
	}
	return settings, nil
}

// Reset runs fn, whose calls are requests of their own, to lay down what an
// experiment starts from.
func (db *DB) Reset(ctx context.Context, fn func(store.Tx) error) error {
	return db.Update(ctx, fn)
}

// Clear empties every table of the prefix in one transaction.
func (db *DB) Clear(ctx context.Context) error {
	return db.all(ctx, "clear", db.sql.empty)
}

// Drop removes every table of the prefix in one transaction. The DB is of no
// use after that.
func (db *DB) Drop(ctx context.Context) error {
	return db.all(ctx, "drop tables", db.sql.drop)
}

func (db *DB) all(ctx context.Context, op string, queries []query) error {
	db.gate.RLock()
	defer db.gate.RUnlock()
	if db.isClosing() {
		return store.ErrClosed
	}
	start := time.Now()
	if _, f := db.client.execute(ctx, queries...); f != nil {
		return f.storeError(op, true, time.Since(start))
	}
	return nil
}
