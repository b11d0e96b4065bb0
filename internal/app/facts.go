package app

import (
	"fmt"

	"example.com/contend/internal/store"
)

// rowPrefix is how much of a row's content is read, in bytes.
const rowPrefix = 64

// The statements of the lab, and of the node's questions about itself.
var (
	checkTables = &store.Statement{Op: "check", Text: "SELECT count(*) FROM (SELECT 1 FROM {counters} LIMIT 1) AS any_row", Cold: true}
	countRows   = &store.Statement{Op: "count rows", Text: "SELECT (SELECT count(*) FROM {data}), (SELECT count(*) FROM {payments}), (SELECT count(*) FROM {counters})", Cold: true}

	allCounters = &store.Statement{Op: "read counters", Text: "SELECT key, value FROM {counters}", Cold: true}
	allStock    = &store.Statement{Op: "read stock", Text: "SELECT item, stock FROM {inventory}", Cold: true}
	allBalances = &store.Statement{Op: "read balances", Text: "SELECT name, balance FROM {accounts}", Cold: true}
	allRows     = &store.Statement{Op: "read rows", Text: fmt.Sprintf("SELECT id, substr(coalesce(content, ''), 1, %d) FROM {data} ORDER BY id", rowPrefix), Cold: true}

	allOrders = &store.Statement{Op: "read orders", Text: "SELECT id, item, quantity, cancelled FROM {orders} ORDER BY id", Cold: true}

	countPayments = &store.Statement{Op: "count payments", Text: "SELECT count(*) FROM {payments}", Cold: true}
	countData     = &store.Statement{Op: "count rows", Text: "SELECT count(*) FROM {data}", Cold: true}
	// Of a scene: 2 KiB each, marked so that no ledger takes them for a client's.
	sceneRows = &store.Statement{Op: "write rows", Text: `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
INSERT INTO {data} (content) SELECT 'scene:' || hex(zeroblob(1021)) FROM n`, Cold: true}
	// Of a crash: 1 MiB.
	spillRows = &store.Statement{Op: "write rows", Text: `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 256)
INSERT INTO {data} (content) SELECT 'never committed ' || hex(zeroblob(2048)) FROM n`, Cold: true}

	labStatements = []*store.Statement{
		checkTables, countRows, allCounters, allStock, allBalances, allOrders, allRows, countPayments, countData, sceneRows, spillRows,
	}
	clearTables = forTables("clear", "DELETE FROM {%s}")
	dropTables  = forTables("drop tables", "DROP TABLE IF EXISTS {%s}")
)

func forTables(op, format string) (all []*store.Statement) {
	for _, t := range tables {
		all = append(all, &store.Statement{Op: op, Text: fmt.Sprintf(format, t.Name), Cold: true})
	}
	return all
}

// readFacts asks c for what every table holds. What it asks may be answered only
// at the commit.
func readFacts(c store.Conn, facts *store.Facts, withRows bool) error {
	facts.Counters, facts.Stock, facts.Balances = map[string]int64{}, map[string]int64{}, map[string]int64{}
	for _, table := range []struct {
		statement *store.Statement
		into      map[string]int64
	}{{allCounters, facts.Counters}, {allStock, facts.Stock}, {allBalances, facts.Balances}} {
		err := c.Run(table.statement.Index, nil, func(row []any) error {
			n, err := numbers(nil, row[1])
			if err == nil {
				table.into[text(row[0])] = n[0]
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	err := c.Run(allOrders.Index, nil, func(row []any) error {
		n, err := numbers(nil, row[0], row[2], row[3])
		if err == nil {
			facts.Orders = append(facts.Orders, store.Order{ID: n[0], Item: text(row[1]), Quantity: n[1], Cancelled: n[2]})
		}
		return err
	})
	if err != nil {
		return err
	}
	err = c.Run(countRows.Index, nil, func(row []any) error {
		n, err := numbers(nil, row...)
		if err == nil {
			facts.Records, facts.Payments = n[0], n[1]
		}
		return err
	})
	if err != nil || !withRows {
		return err
	}
	return c.Run(allRows.Index, nil, func(row []any) error {
		id, err := numbers(nil, row[0])
		if err == nil {
			content := text(row[1])
			facts.Rows = append(facts.Rows, store.Row{ID: id[0], Content: content[:min(rowPrefix, len(content))]}) // substr counts characters
		}
		return err
	})
}

// text returns a value as a string; drivers differ in whether they give bytes.
func text(value any) string {
	if bytes, ok := value.([]byte); ok {
		return string(bytes)
	}
	return fmt.Sprint(value)
}

// numbers appends values to all, if they are whole numbers.
func numbers(all []int64, values ...any) ([]int64, error) {
	for _, value := range values {
		n, ok := value.(int64)
		if !ok {
			return all, fmt.Errorf("%v (%T) is not a whole number", value, value)
		}
		all = append(all, n)
	}
	return all, nil
}
