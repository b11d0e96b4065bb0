package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"example.com/contend/internal/store"
)

// disciplineFlags adds --preset and one flag for each setting of a discipline.
// The function it returns reads them after parsing: the preset, with the
// settings that were given in place of its own.
func disciplineFlags(fs *pflag.FlagSet) func() (store.Discipline, error) {
	green := store.Green()
	preset := fs.String("preset", "green", "the settings to start from: red (no WAL, no patience) or green (the mitigation)")
	driver := fs.String("driver", green.Driver, "modernc, ncruces or mattn for SQLite, pgx for PostgreSQL, rqlite")
	journal := fs.String("journal", string(green.Journal), "journal_mode: DELETE, TRUNCATE, PERSIST or WAL")
	synchronous := fs.String("synchronous", string(green.Synchronous), "synchronous: OFF, NORMAL, FULL or EXTRA")
	busyTimeout := fs.Int64("busy-timeout", int64(green.BusyTimeout), "busy_timeout in `ms`; 0 refuses at once")
	busyPolicy := fs.String("busy-policy", string(green.Busy), "how to wait for a lock: stock (SQLite's own schedule) or random (up to 2 ms)")
	transaction := fs.String("transaction", string(green.Transaction), "read and write as separate, deferred, immediate, exclusive or atomic;\nof PostgreSQL separate, read-committed, for-update, serializable or atomic")
	think := fs.Int64("think", int64(green.Think), "`ms` between the read and the write")
	retries := fs.Int("retries", green.Retries, "further attempts after a refused one")
	backoff := fs.String("backoff", green.Backoff.String(), `wait before a retry: none, "1s..5s" or "1s..5s+jitter"`)
	writer := fs.String("writer", string(green.Writer), "who writes: direct (every request) or queue (one connection, requests grouped)")
	pool := fs.Int("pool", green.Pool, "connections a node opens, at start")
	// Help must not show green's settings as defaults: the default is the preset's.
	for _, name := range []string{"driver", "journal", "synchronous", "busy-policy", "transaction", "backoff", "writer"} {
		fs.Lookup(name).DefValue = ""
	}
	for _, name := range []string{"busy-timeout", "think", "retries", "pool"} {
		fs.Lookup(name).DefValue = "0"
	}
	return func() (store.Discipline, error) {
		d, err := store.Preset(*preset)
		if err != nil {
			return d, fmt.Errorf("--preset: %w", err)
		}
		if fs.Changed("driver") {
			d = d.With(*driver)
		}
		given(fs, "journal", &d.Journal, store.Journal(strings.ToUpper(*journal)))
		given(fs, "synchronous", &d.Synchronous, store.Synchronous(strings.ToUpper(*synchronous)))
		given(fs, "busy-timeout", &d.BusyTimeout, store.Milliseconds(*busyTimeout))
		given(fs, "busy-policy", &d.Busy, store.BusyPolicy(*busyPolicy))
		given(fs, "transaction", &d.Transaction, store.Transaction(strings.ToLower(*transaction)))
		given(fs, "think", &d.Think, store.Milliseconds(*think))
		given(fs, "retries", &d.Retries, *retries)
		given(fs, "writer", &d.Writer, store.Writer(*writer))
		given(fs, "pool", &d.Pool, *pool)
		if fs.Changed("backoff") {
			if err := d.Backoff.UnmarshalText([]byte(*backoff)); err != nil {
				return d, fmt.Errorf("--backoff: %w", err)
			}
		}
		return d, d.Validate()
	}
}

// given puts value into to where the flag called name was on the command line.
func given[T any](fs *pflag.FlagSet, name string, to *T, value T) {
	if fs.Changed(name) {
		*to = value
	}
}
