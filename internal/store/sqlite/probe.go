package sqlite

import (
	"context"
	"strconv"
	"time"

	"example.com/contend/internal/store"
)

// Check asks the database a question whose answer needs the file, on a
// connection that no request uses, and returns what went wrong. It waits at
// most a quarter of a second for a lock.
func (db *DB) Check(ctx context.Context) error {
	_, err := db.ask(ctx, "check", "SELECT count(*) FROM (SELECT 1 FROM counters LIMIT 1)")
	return err
}

// Stats counts rows, on the same terms as Check. It reads whole tables.
func (db *DB) Stats(ctx context.Context) (store.Stats, error) {
	n, err := db.ask(ctx, "count rows", "SELECT count(*) FROM data", "SELECT count(*) FROM counters")
	if err != nil {
		return store.Stats{}, err
	}
	return store.Stats{Records: n[0], Counters: n[1]}, nil
}

func (db *DB) ask(ctx context.Context, op string, queries ...string) ([]int64, error) {
	c, err := db.take(ctx, db.probe)
	if err != nil {
		return nil, err
	}
	defer db.probe.put(c)
	answers := make([]int64, len(queries))
	for i, query := range queries {
		start := time.Now()
		if err := c.ask(query, &answers[i]); err != nil {
			return nil, newError(op, err, time.Since(start), probePatience)
		}
	}
	return answers, nil
}

// Pragmas asks a connection which settings it has now, as SQLite spells them:
// journal_mode, synchronous and the busy_timeout of the discipline, which under
// [store.Random] is not SQLite's to answer.
func (db *DB) Pragmas(ctx context.Context) (map[string]string, error) {
	c, err := db.take(ctx, db.pool)
	if err != nil {
		return nil, err
	}
	defer db.pool.put(c)
	settings := make(map[string]string)
	for _, pragma := range []string{"journal_mode", "synchronous", "busy_timeout"} {
		if settings[pragma], err = c.get(always, pragma); err != nil {
			return nil, err
		}
	}
	if db.d.Busy == store.Random {
		settings["busy_timeout"] = strconv.FormatInt(c.waits.timeout.Milliseconds(), 10)
	}
	return settings, nil
}
