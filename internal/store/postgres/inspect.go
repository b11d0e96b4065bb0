package postgres

import (
	"context"
	"fmt"
	"strconv"

	"example.com/contend/internal/store"
)

// rowPrefix is how much of a row's content is read, in bytes.
const rowPrefix = 64

// Inspect reads what the schema that url names holds, in one snapshot, on a
// connection of its own. It is for the end of a run, when no node uses the
// schema any more.
//
// Journal and Integrity stay empty: PostgreSQL has no rollback journal, and no
// check of everything that needs no extension. DefaultBusyTimeout stays 0,
// PostgreSQL's default lock_timeout, where it means to wait for ever.
func Inspect(ctx context.Context, url string) (facts store.Facts, err error) {
	to, err := parse(url)
	if err != nil {
		return facts, fmt.Errorf("inspect PostgreSQL: %w", err)
	}
	if err := to.needSchema(); err != nil {
		return facts, fmt.Errorf("inspect %s: %w", to, err)
	}
	if facts, err = inspect(ctx, to); err != nil {
		return facts, fmt.Errorf("inspect %s: %w", to, err)
	}
	return facts, nil
}

func inspect(ctx context.Context, to *target) (facts store.Facts, err error) {
	c, err := dialPatiently(ctx, to, settings{}, DefaultPatience)
	if err != nil {
		return facts, err
	}
	defer c.discard()
	engine, err := c.engine(ctx)
	if err != nil {
		return facts, err
	}
	if err := c.run(ctx, beginSnapshot); err != nil {
		return facts, fmt.Errorf("begin: %w", err)
	}
	facts, err = c.facts(ctx, true)
	facts.Engine = engine
	return facts, err
}

// facts reads every table.
func (c *conn) facts(ctx context.Context, withRows bool) (facts store.Facts, err error) {
	if facts.Counters, err = c.table(ctx, "SELECT key, value FROM counters"); err != nil {
		return facts, err
	}
	if facts.Stock, err = c.table(ctx, "SELECT item, stock FROM inventory"); err != nil {
		return facts, err
	}
	if facts.Balances, err = c.table(ctx, "SELECT name, balance FROM accounts"); err != nil {
		return facts, err
	}
	n, err := c.numbers(ctx, "SELECT (SELECT count(*) FROM data), (SELECT count(*) FROM payments)")
	if err != nil {
		return facts, fmt.Errorf("count rows: %w", err)
	}
	facts.Records, facts.Payments = n[0], n[1]
	if withRows {
		facts.Rows, err = c.rows(ctx)
	}
	return facts, err
}

// table reads names and their numbers.
func (c *conn) table(ctx context.Context, query string) (map[string]int64, error) {
	all := make(map[string]int64)
	err := c.query(ctx, query, func(row [][]byte) (err error) {
		all[string(row[0])], err = strconv.ParseInt(string(row[1]), 10, 64)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read table: %w", err)
	}
	return all, nil
}

// rows reads every row of table data.
func (c *conn) rows(ctx context.Context) ([]store.Row, error) {
	var all []store.Row
	query := fmt.Sprintf("SELECT id, substr(coalesce(content, ''), 1, %d) FROM data ORDER BY id", rowPrefix)
	err := c.query(ctx, query, func(row [][]byte) error {
		id, err := strconv.ParseInt(string(row[0]), 10, 64)
		content := row[1][:min(rowPrefix, len(row[1]))] // substr counts characters
		all = append(all, store.Row{ID: id, Content: string(content)})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	return all, nil
}
