package postgres

import (
	"context"
	"strconv"
	"time"

	"example.com/contend/internal/store"
)

// probePatience bounds a question about the node itself, so that health and
// metrics do not hang behind a server that does not answer.
const probePatience = time.Second

func probeSettings(d store.Discipline) settings { return settingsOf(d).patient(probePatience) }

// Check asks the server a question whose answer needs the tables, on a
// connection that no request uses, and returns what went wrong. It waits at most
// a second.
func (db *DB) Check(ctx context.Context) error {
	_, err := db.ask(ctx, "check", "SELECT count(*) FROM (SELECT 1 FROM counters LIMIT 1) AS any_row")
	return err
}

// Stats counts rows, on the same terms as Check. It reads whole tables.
func (db *DB) Stats(ctx context.Context) (store.Stats, error) {
	n, err := db.ask(ctx, "count rows", "SELECT (SELECT count(*) FROM data), (SELECT count(*) FROM counters)")
	if err != nil {
		return store.Stats{}, err
	}
	return store.Stats{Records: n[0], Counters: n[1]}, nil
}

// ask runs a query that returns one row of numbers. A connection that broke is
// opened again by the next question.
func (db *DB) ask(ctx context.Context, op, query string) (answers []int64, err error) {
	if db.isClosing() {
		return nil, store.ErrClosed
	}
	var c *conn
	select {
	case c = <-db.probe:
	case <-db.closing:
		return nil, store.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { db.probe <- c }()
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	start := time.Now()
	if c == nil || !c.alive() {
		c.discard()
		if c, err = dial(ctx, db.target, probeSettings(db.d)); err != nil {
			return nil, newError(op, err, time.Since(start), true)
		}
	}
	answers, err = c.numbers(ctx, query)
	if err != nil {
		return nil, newError(op, err, time.Since(start), true)
	}
	return answers, nil
}

// numbers runs a query that returns one row of numbers.
func (c *conn) numbers(ctx context.Context, query string) (all []int64, err error) {
	err = c.query(ctx, query, func(row [][]byte) error {
		for _, text := range row {
			n, err := strconv.ParseInt(string(text), 10, 64)
			if err != nil {
				return err
			}
			all = append(all, n)
		}
		return nil
	})
	return all, err
}

// Pragmas asks a connection of the pool which settings it has now, by the names
// that pg_settings has for them, times in ms. "pool" is the number of connections.
func (db *DB) Pragmas(ctx context.Context) (map[string]string, error) {
	c, err := db.take(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if c.fit() {
			db.pool <- c
		} else {
			db.lose(c, err)
		}
	}()
	got, err := c.settings(always)
	if err != nil {
		return nil, err
	}
	got["pool"] = strconv.Itoa(db.size)
	return got, nil
}
