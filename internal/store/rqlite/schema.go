package rqlite

import (
	"context"
	"strings"
)

// The tables are those of store/sqlite, but for two columns: created_at is
// missing from data and payments, because every node would fill in its own
// clock's time (https://rqlite.io/docs/api/non-deterministic/). P stands for
// the prefix.
var tables = []string{
	`CREATE TABLE IF NOT EXISTS P_counters (key TEXT PRIMARY KEY, value INTEGER DEFAULT 0)`,
	`CREATE TABLE IF NOT EXISTS P_data (id INTEGER PRIMARY KEY AUTOINCREMENT, content TEXT)`,
	`CREATE TABLE IF NOT EXISTS P_inventory (item TEXT PRIMARY KEY, stock INTEGER NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS P_accounts (name TEXT PRIMARY KEY, balance INTEGER NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS P_payments (id INTEGER PRIMARY KEY AUTOINCREMENT,
sender TEXT NOT NULL, recipient TEXT NOT NULL, amount INTEGER NOT NULL)`,
}

// tableNames are what tables makes, without the prefix.
var tableNames = []string{"counters", "data", "inventory", "accounts", "payments"}

// A statement is one of the texts of a [schema]. Values reach them as
// parameters and in no other way.
type statement int

const (
	countTables statement = iota
	getCounter
	setCounter
	addCounter
	insertData
	getStock
	setStock
	takeStock
	getBalance
	setBalance
	moveBalance
	insertPayment
	getTotal
	allCounters
	allStock
	allBalances
	countRows
	allRows
	checkCounters
	statements // how many there are
)

// The blank behind RETURNING is rqlite's, which looks for "returning " to learn
// that there are rows to send back.
var texts = [statements]string{
	countTables: "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('P_counters', 'P_data', 'P_inventory', 'P_accounts', 'P_payments')",
	getCounter:  "SELECT value FROM P_counters WHERE key = ?",
	setCounter:  "INSERT OR REPLACE INTO P_counters (key, value) VALUES (?, ?)",
	addCounter: "INSERT INTO P_counters (key, value) VALUES (?, ?) " +
		"ON CONFLICT (key) DO UPDATE SET value = value + excluded.value RETURNING value",
	insertData: "INSERT INTO P_data (content) VALUES (?) RETURNING id",
	getStock:   "SELECT stock FROM P_inventory WHERE item = ?",
	setStock:   "INSERT OR REPLACE INTO P_inventory (item, stock) VALUES (?, ?)",
	takeStock:  "UPDATE P_inventory SET stock = stock - ?2 WHERE item = ?1 AND stock >= ?2 RETURNING stock",
	getBalance: "SELECT balance FROM P_accounts WHERE name = ?",
	setBalance: "INSERT OR REPLACE INTO P_accounts (name, balance) VALUES (?, ?)",
	// The subqueries do not depend on the row, so SQLite evaluates them once,
	// before it changes anything.
	moveBalance: "UPDATE P_accounts SET balance = balance + CASE name WHEN ?1 THEN -?3 ELSE ?3 END " +
		"WHERE name IN (?1, ?2) AND ?1 <> ?2 " +
		"AND (SELECT balance FROM P_accounts WHERE name = ?1) >= ?3 " +
		"AND EXISTS (SELECT 1 FROM P_accounts WHERE name = ?2) RETURNING balance",
	insertPayment: "INSERT INTO P_payments (sender, recipient, amount) VALUES (?, ?, ?) RETURNING id",
	getTotal:      "SELECT coalesce(sum(balance), 0), count(*) FROM P_accounts",
	allCounters:   "SELECT key, value FROM P_counters",
	allStock:      "SELECT item, stock FROM P_inventory",
	allBalances:   "SELECT name, balance FROM P_accounts",
	countRows:     "SELECT (SELECT count(*) FROM P_data), (SELECT count(*) FROM P_payments), (SELECT count(*) FROM P_counters)",
	allRows:       "SELECT id, CAST(substr(CAST(content AS BLOB), 1, ?) AS TEXT) FROM P_data ORDER BY id",
	checkCounters: "SELECT count(*) FROM (SELECT 1 FROM P_counters LIMIT 1)",
}

// A schema is every text with one prefix in it.
type schema struct {
	texts  [statements]string
	create []query
	empty  []query
	drop   []query
}

// newSchema puts the prefix, which [Parse] has checked, into the texts.
func newSchema(prefix string) (s schema) {
	for i, text := range texts {
		s.texts[i] = strings.ReplaceAll(text, "P_", prefix+"_")
	}
	for i, name := range tableNames {
		s.create = append(s.create, query{strings.ReplaceAll(tables[i], "P_", prefix+"_")})
		s.empty = append(s.empty, query{"DELETE FROM " + prefix + "_" + name})
		s.drop = append(s.drop, query{"DROP TABLE IF EXISTS " + prefix + "_" + name})
	}
	return s
}

func (s *schema) query(which statement, args ...any) query {
	return append(query{s.texts[which]}, args...)
}

// createTables makes the tables that are not there yet. It writes only if there
// is something to make, so that a node which joins does not burden the log.
func (db *DB) createTables(ctx context.Context) error {
	results, f := db.client.query(ctx, Linearizable, db.sql.query(countTables))
	if f != nil {
		return f.storeError("look for tables", false, 0)
	}
	have, _, err := number(results[0])
	if err != nil || have == int64(len(tables)) {
		return err
	}
	if _, f := db.client.execute(ctx, db.sql.create...); f != nil {
		return f.storeError("create tables", true, 0)
	}
	return nil
}
