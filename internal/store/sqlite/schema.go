package sqlite

import "context"

// The tables counters and data are the seed's, letter for letter.
//
// No CHECK (stock >= 0) or CHECK (balance >= 0) guards the others, though an
// application should have them: overselling is what the experiments look for,
// and a constraint that turned it into an error would hide whether the
// transaction style had let it happen.
var tables = []string{
	`CREATE TABLE IF NOT EXISTS counters (
  key TEXT PRIMARY KEY,
  value INTEGER DEFAULT 0
)`,
	`CREATE TABLE IF NOT EXISTS data (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  content TEXT,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP
)`,
	`CREATE TABLE IF NOT EXISTS inventory (
  item TEXT PRIMARY KEY,
  stock INTEGER NOT NULL
)`,
	`CREATE TABLE IF NOT EXISTS accounts (
  name TEXT PRIMARY KEY,
  balance INTEGER NOT NULL
)`,
	`CREATE TABLE IF NOT EXISTS payments (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sender TEXT NOT NULL,
  recipient TEXT NOT NULL,
  amount INTEGER NOT NULL,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP
)`,
}

const countTables = `SELECT count(*) FROM sqlite_schema
WHERE type = 'table' AND name IN ('counters', 'data', 'inventory', 'accounts', 'payments')`

// createTables makes the tables that are not there yet. It takes the write
// lock only if there is something to make, so that a node which joins a busy
// cluster does not have to win it first.
func (c *conn) createTables(ctx context.Context) error {
	var have int
	if err := c.sc.QueryRowContext(ctx, countTables).Scan(&have); err != nil || have == len(tables) {
		return err
	}
	if _, err := c.sc.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, table := range tables {
		if _, err := c.sc.ExecContext(ctx, table); err != nil {
			return err // whoever called throws the connection away, and the transaction with it
		}
	}
	_, err := c.sc.ExecContext(ctx, "COMMIT")
	return err
}

// A statement is one of the texts that every connection has ready. Values
// reach them as bound parameters and in no other way.
type statement int

const (
	beginDeferred statement = iota
	beginImmediate
	beginExclusive
	commit
	rollback
	savepoint
	rollbackTo
	release
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
	statements // how many there are
)

var texts = [statements]string{
	beginDeferred:  "BEGIN DEFERRED",
	beginImmediate: "BEGIN IMMEDIATE",
	beginExclusive: "BEGIN EXCLUSIVE",
	commit:         "COMMIT",
	rollback:       "ROLLBACK",
	savepoint:      "SAVEPOINT request",
	rollbackTo:     "ROLLBACK TO request",
	release:        "RELEASE request",
	getCounter:     "SELECT value FROM counters WHERE key = ?",
	setCounter:     "INSERT OR REPLACE INTO counters (key, value) VALUES (?, ?)",
	addCounter: `INSERT INTO counters (key, value) VALUES (?, ?)
ON CONFLICT (key) DO UPDATE SET value = value + excluded.value RETURNING value`,
	insertData: "INSERT INTO data (content) VALUES (?) RETURNING id",
	getStock:   "SELECT stock FROM inventory WHERE item = ?",
	setStock:   "INSERT OR REPLACE INTO inventory (item, stock) VALUES (?, ?)",
	takeStock:  "UPDATE inventory SET stock = stock - ?2 WHERE item = ?1 AND stock >= ?2 RETURNING stock",
	getBalance: "SELECT balance FROM accounts WHERE name = ?",
	setBalance: "INSERT OR REPLACE INTO accounts (name, balance) VALUES (?, ?)",
	// The subqueries do not depend on the row, so SQLite evaluates them once,
	// before it changes anything. It returns the sender's new balance.
	moveBalance: `UPDATE accounts SET balance = balance + CASE name WHEN ?1 THEN -?3 ELSE ?3 END
WHERE name IN (?1, ?2) AND ?1 <> ?2
AND (SELECT balance FROM accounts WHERE name = ?1) >= ?3
AND EXISTS (SELECT 1 FROM accounts WHERE name = ?2)
RETURNING balance`,
	insertPayment: "INSERT INTO payments (sender, recipient, amount) VALUES (?, ?, ?) RETURNING id",
	getTotal:      "SELECT coalesce(sum(balance), 0), count(*) FROM accounts",
}
