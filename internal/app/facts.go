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
	levels := func(of map[string]int64) func([]int64, []any) {
		return func(n []int64, row []any) { of[text(row[0])] = n[0] }
	}
	reads := []struct {
		statement *store.Statement
		numbers   []int // its columns of whole numbers
		take      func(n []int64, row []any)
	}{
		{allCounters, []int{1}, levels(facts.Counters)},
		{allStock, []int{1}, levels(facts.Stock)},
		{allBalances, []int{1}, levels(facts.Balances)},
		{allOrders, []int{0, 2, 3}, func(n []int64, row []any) {
			facts.Orders = append(facts.Orders, store.Order{ID: n[0], Item: text(row[1]), Quantity: n[1], Cancelled: n[2]})
		}},
		{countRows, []int{0, 1}, func(n []int64, _ []any) { facts.Records, facts.Payments = n[0], n[1] }},
		{allRows, []int{0}, func(n []int64, row []any) {
			content := text(row[1])
			facts.Rows = append(facts.Rows, store.Row{ID: n[0], Content: content[:min(rowPrefix, len(content))]}) // substr counts characters
		}},
	}
	if !withRows {
		reads = reads[:len(reads)-1]
	}
	for _, read := range reads {
		err := c.Run(read.statement.Index, nil, func(row []any) (err error) {
			var n []int64
			for _, column := range read.numbers {
				if n, err = numbers(n, row[column]); err != nil {
					return err
				}
			}
			read.take(n, row)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
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
