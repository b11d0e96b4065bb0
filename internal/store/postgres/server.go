package postgres

import (
	"context"
	"errors"
	"fmt"

	"example.com/contend/internal/store"
)

// About is what a server reports of itself.
type About struct {
	Engine    string // "PostgreSQL 15.18", or what another engine says: "CockroachDB CCL v23.1.11"
	Isolation string // that transactions have by default: "read committed"
	Replicas  string // in words: "no replicas", "2 replicas", "itself a replica", or that it cannot say
}

// Ask asks the server at url what it is. The URL need not name a schema. The
// context bounds how long it waits, as long as store.DefaultPatience at most.
func Ask(ctx context.Context, url string) (about About, err error) {
	err = visit(ctx, url, func(ctx context.Context, c *conn) (err error) {
		if about.Engine, err = c.engine(ctx); err != nil {
			return err
		}
		if about.Isolation, err = c.word(ctx, "SHOW default_transaction_isolation"); err != nil {
			return fmt.Errorf("ask for the default isolation: %w", err)
		}
		about.Replicas = c.replicas(ctx)
		return nil
	})
	return about, err
}

// replicas counts the standbys that are connected now
// (https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-REPLICATION-VIEW).
// A distributed engine keeps copies in ways that these views do not tell.
func (c *conn) replicas(ctx context.Context) string {
	const unknown = "replicas not known: it does not answer as PostgreSQL would"
	standby, err := c.word(ctx, "SELECT pg_is_in_recovery()")
	if err != nil {
		return unknown
	}
	if standby == "t" || standby == "true" {
		return "itself a replica"
	}
	n, err := c.word(ctx, "SELECT count(*) FROM pg_stat_replication")
	switch {
	case err != nil:
		return unknown
	case n == "0":
		return "no replicas connected"
	case n == "1":
		return "1 replica connected"
	}
	return n + " replicas connected"
}

// MakeSchema makes a schema of that name on the server at url. It must not be
// there yet.
func MakeSchema(ctx context.Context, url, schema string) error {
	return alter(ctx, url, schema, "CREATE SCHEMA "+schema)
}

// DropSchema removes a schema and everything in it.
func DropSchema(ctx context.Context, url, schema string) error {
	return alter(ctx, url, schema, "DROP SCHEMA IF EXISTS "+schema+" CASCADE")
}

func alter(ctx context.Context, url, schema, statement string) error {
	if !plainName.MatchString(schema) {
		return errors.New("a schema's name must be at most 63 small letters, digits and _")
	}
	return visit(ctx, url, func(ctx context.Context, c *conn) error {
		if err := c.exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
		return nil
	})
}

// visit connects, runs fn and disconnects.
func visit(ctx context.Context, url string, fn func(context.Context, *conn) error) error {
	to, err := parse(url)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, store.DefaultPatience)
	defer cancel()
	c, err := greet(ctx, to)
	if err == nil {
		defer c.Close()
		err = fn(ctx, c)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", to, err)
	}
	return nil
}
