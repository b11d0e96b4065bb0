package app

import (
	"time"

	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
)

var (
	getBalance = &store.Statement{Op: "read balance", Text: "SELECT balance FROM {accounts} WHERE name = ?1", Lock: true}
	setBalance = &store.Statement{Op: "set balance", Text: `INSERT INTO {accounts} (name, balance) VALUES (?1, ?2)
ON CONFLICT (name) DO UPDATE SET balance = excluded.balance`}
	// In SQLite the subqueries do not depend on the row, so it evaluates them once,
	// before it changes anything.
	//
	// In PostgreSQL a subquery sees the balance as it was when the statement began,
	// so the one that decides has to lock it first. Both rows are locked by name, so
	// that two that move money in opposite directions cannot deadlock.
	//
	// Both return the new balance of one account.
	moveBalance = &store.Statement{Op: "move balance", Rows: getBalance, Keys: 2, Text: `UPDATE {accounts} SET balance = balance + CASE name WHEN ?1 THEN -?3 ELSE ?3 END
WHERE name IN (?1, ?2) AND ?1 <> ?2
AND (SELECT balance FROM {accounts} WHERE name = ?1) >= ?3
AND EXISTS (SELECT 1 FROM {accounts} WHERE name = ?2)
RETURNING balance`, Postgres: `WITH locked AS (
  SELECT name, balance FROM {accounts} WHERE name IN (?1, ?2) ORDER BY name FOR UPDATE
)
UPDATE {accounts} SET balance = balance + CASE WHEN name = ?1 THEN -(?3::bigint) ELSE ?3::bigint END
WHERE name IN (?1, ?2) AND ?1 <> ?2
AND (SELECT balance FROM locked WHERE name = ?1) >= ?3::bigint
AND (SELECT count(*) FROM locked) = 2
RETURNING balance`}
	insertPayment = &store.Statement{Op: "record payment", Text: "INSERT INTO {payments} (sender, recipient, amount) VALUES (?1, ?2, ?3) RETURNING id"}
	getTotal      = &store.Statement{Op: "add up balances", Text: "SELECT CAST(coalesce(sum(balance), 0) AS BIGINT), count(*) FROM {accounts}"}

	accountStatements = []*store.Statement{getBalance, setBalance, moveBalance, insertPayment, getTotal}
)

// Balance returns the balance of account, or ErrNoSuch.
func (t *Tx) Balance(account string) (int64, error) { return t.Must(getBalance, account) }

// SetBalance makes the balance of account amount.
func (t *Tx) SetBalance(account string, amount int64) error {
	return t.Exec(setBalance, account, amount)
}

// Move takes amount from one account and gives it to another in a single
// statement, or returns ErrShort or ErrNoSuch.
func (t *Tx) Move(from, to string, amount int64) error {
	_, moved, err := t.Number(moveBalance, from, to, amount)
	if err != nil || moved {
		return err
	}
	for _, account := range []string{from, to} {
		if _, err := t.Balance(account); err != nil {
			return err
		}
	}
	return store.ErrShort
}

// RecordPayment adds one row to the payment history.
func (t *Tx) RecordPayment(from, to string, amount int64) error {
	_, err := t.Must(insertPayment, from, to, amount)
	return err
}

// Total returns the sum of all balances and the number of accounts, read in a
// single statement.
func (t *Tx) Total() (sum, accounts int64, err error) {
	row, err := t.row(getTotal, 2)
	if err != nil {
		return 0, 0, err
	}
	return row[0], row[1], nil
}

var transfer = Operation{Path: nodeapi.PathTransfer, New: func() Call { return new(transferCall) }}

type transferCall struct{ nodeapi.TransferRequest }

// Wrong returns the field that is wrong although each fits its rule.
func (c *transferCall) Wrong() (field, want string) {
	if c.From == c.To {
		return "to", "must be another account than from"
	}
	return "", ""
}

// Do changes two balances and adds a payment. Only a transaction makes the three
// writes one. Under store.Atomic the balances change in one statement and the
// payment is another; under store.Separate all three stand alone. Where a later one
// is refused there, the attempt is unsure.
func (c *transferCall) Do(t *Tx) error {
	if t.Atomic() {
		if err := t.Move(c.From, c.To, c.Amount); err != nil {
			return err
		}
		return t.Last().RecordPayment(c.From, c.To, c.Amount)
	}
	// Both are read in the order of their names: where reading takes a row's lock, as
	// SELECT … FOR UPDATE does, two transfers in opposite directions would otherwise
	// wait for each other.
	balances := map[string]int64{}
	for _, name := range []string{min(c.From, c.To), max(c.From, c.To)} {
		var err error
		if balances[name], err = t.Balance(name); err != nil {
			return err
		}
	}
	if balances[c.From] < c.Amount {
		return store.ErrShort
	}
	t.Think()
	if err := t.SetBalance(c.From, balances[c.From]-c.Amount); err != nil {
		return err
	}
	if err := t.SetBalance(c.To, balances[c.To]+c.Amount); err != nil {
		return err
	}
	return t.RecordPayment(c.From, c.To, c.Amount)
}

func (c *transferCall) Answer(node string, _ time.Duration) any {
	return nodeapi.TransferResponse{Success: true, From: c.From, To: c.To, Amount: c.Amount, Container: node}
}

// total is one statement, so even without a transaction around it, it sees the
// balances of one moment.
var total = Operation{Path: nodeapi.PathTotal, Reads: true, New: func() Call { return new(totalCall) }}

// A totalCall has no parameter. Its fields are exported because decoding refuses a
// struct that has none.
type totalCall struct {
	Sum, Accounts int64 `json:"-"`
}

func (c *totalCall) Do(t *Tx) (err error) {
	c.Sum, c.Accounts, err = t.Total()
	return err
}

func (c *totalCall) Answer(string, time.Duration) any {
	return nodeapi.TotalResponse{Total: c.Sum, Accounts: c.Accounts}
}
