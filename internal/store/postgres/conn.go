package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/contend/internal/store"
)

// A conn is one connection to the server. It serves one attempt at a time.
type conn struct {
	pg    *pgconn.PgConn
	raw   syscall.RawConn // of its socket
	plain bool            // the socket carries the protocol itself, not TLS
	stmts [statements]*pgconn.StatementDescription
}

// always is the context of every statement of an attempt: an attempt once
// begun is never cut short. A context that can end would also cost pgconn a
// goroutine's work for each statement.
var always = context.Background()

// settings are what a connection is given and has to have, by their names in
// pg_settings and in its units.
type settings map[string]string

// settingsOf returns the settings that d asks for. lock_timeout is for each
// wait for a lock, and 0 waits for ever
// (https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-LOCK-TIMEOUT).
func settingsOf(d store.Discipline) settings {
	commit := "on" // https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-SYNCHRONOUS-COMMIT
	if d.Synchronous == store.Off {
		commit = "off"
	}
	return settings{"lock_timeout": strconv.FormatInt(int64(d.BusyTimeout), 10), "synchronous_commit": commit}
}

// patient returns s with another lock_timeout.
func (s settings) patient(d time.Duration) settings {
	return settings{"lock_timeout": strconv.FormatInt(d.Milliseconds(), 10), "synchronous_commit": s["synchronous_commit"]}
}

// A SettingError is a connection that did not get a setting it asked for.
type SettingError struct {
	Setting string // "lock_timeout" or "synchronous_commit"
	Wanted  string
	Got     string
}

// Error says what was asked for and what there is.
func (e *SettingError) Error() string {
	return fmt.Sprintf("%s: asked for %s, got %s", e.Setting, e.Wanted, e.Got)
}

// dialPatiently dials again until patience is over where the server only says
// that it is not ready, or has too many clients just now. A server that cannot
// be reached is an error at once.
func dialPatiently(ctx context.Context, to *target, s settings, patience time.Duration) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		c, err := dial(ctx, to, s)
		var refused *pgconn.PgError
		if err == nil || !errors.As(err, &refused) || !notNow(refused.Code) {
			return c, err
		}
		if !pause(ctx) {
			return nil, err
		}
	}
}

// pause waits 5 to 50 ms and reports whether it waited to the end. Chance only
// keeps nodes that start together out of step.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(time.Duration(5+rand.IntN(45)) * time.Millisecond):
		return true
	}
}

// dial opens one connection and gives it its settings.
func dial(ctx context.Context, to *target, s settings) (*conn, error) {
	c, err := greet(ctx, to)
	if err != nil {
		return nil, err
	}
	if err := c.set(ctx, s); err != nil {
		c.discard()
		return nil, err
	}
	return c, nil
}

// greet opens one connection with whatever settings the server gives it.
func greet(ctx context.Context, to *target) (*conn, error) {
	pg, err := pgconn.ConnectConfig(ctx, to.config)
	if err != nil {
		return nil, err
	}
	c := &conn{pg: pg}
	if err := c.findSocket(); err != nil {
		c.discard()
		return nil, err
	}
	return c, nil
}

// findSocket finds what alive looks at.
func (c *conn) findSocket() error {
	socket := c.pg.Conn()
	c.plain = true
	if secure, ok := socket.(*tls.Conn); ok {
		socket, c.plain = secure.NetConn(), false
	}
	sc, ok := socket.(syscall.Conn)
	if !ok {
		return fmt.Errorf("a connection of type %T has no socket", socket)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return fmt.Errorf("find the socket: %w", err)
	}
	c.raw = raw
	return nil
}

// set gives the connection its settings and reads them back. Values are never
// anything but our own words and numbers.
//
// Transactions say which isolation they want. Statements outside one have the
// default, which a server or a role may have made another than PostgreSQL's. An
// engine without READ COMMITTED may answer with something stricter, so that is
// not read back.
func (c *conn) set(ctx context.Context, s settings) error {
	var text strings.Builder
	text.WriteString("SET default_transaction_isolation = 'read committed'")
	for name, value := range s {
		fmt.Fprintf(&text, "; SET %s = %s", name, value)
	}
	if err := c.run(ctx, text.String()); err != nil {
		return fmt.Errorf("give the connection its settings: %w", err)
	}
	got, err := c.settings(ctx)
	if err != nil {
		return err
	}
	for name, wanted := range s {
		if got[name] != wanted {
			return &SettingError{Setting: name, Wanted: wanted, Got: got[name]}
		}
	}
	return nil
}

// shown are the settings that decide what a run means.
const shown = `SELECT name, setting FROM pg_settings WHERE name IN ('server_version', 'default_transaction_isolation',
'lock_timeout', 'deadlock_timeout', 'synchronous_commit', 'fsync', 'full_page_writes', 'wal_sync_method', 'max_connections')`

// settings reads the settings that the connection has now
// (https://www.postgresql.org/docs/current/view-pg-settings.html).
func (c *conn) settings(ctx context.Context) (settings, error) {
	got := settings{}
	err := c.query(ctx, shown, func(row [][]byte) error {
		got[string(row[0])] = string(row[1])
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	return got, nil
}

// sharers is how many nodes a server's connections are to be enough for, and
// spare how many are left to others: to the lab, to whoever looks on, and to
// superuser_reserved_connections.
const (
	sharers = 4
	spare   = 10
)

// share returns how many connections a node's pool may have. An engine without
// max_connections, or with more than can be counted, sets no bound.
func (c *conn) share(ctx context.Context) int {
	got, err := c.settings(ctx)
	if err != nil {
		return math.MaxInt
	}
	most, err := strconv.Atoi(got["max_connections"])
	if err != nil || most < 1 {
		return math.MaxInt
	}
	return max(1, (most-spare)/sharers-1) // one is the probe's
}

// prepare gets every statement ready, so that an attempt sends only parameters.
func (c *conn) prepare(ctx context.Context) error {
	for s, text := range texts {
		description, err := c.pg.Prepare(ctx, "contend_"+strconv.Itoa(s), text, nil)
		if err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
		c.stmts[s] = description
	}
	return nil
}

// run runs statements without parameters, mostly one.
func (c *conn) run(ctx context.Context, text string) error {
	return c.pg.Exec(ctx, text).Close()
}

// query runs one statement and calls row for every row it returns. The row is
// the callee's only until it returns.
func (c *conn) query(ctx context.Context, text string, row func([][]byte) error, args ...any) error {
	return read(c.pg.ExecParams(ctx, text, parameters(args), nil, nil, nil), row)
}

// row runs a prepared statement that returns at most one row of numbers and
// reports whether there was one.
func (c *conn) row(s statement, args []any, to ...*int64) (found bool, err error) {
	reader := c.pg.ExecStatement(always, c.stmts[s], parameters(args), nil, nil)
	err = read(reader, func(row [][]byte) (err error) {
		found = true
		for i := range to {
			if *to[i], err = strconv.ParseInt(string(row[i]), 10, 64); err != nil {
				return fmt.Errorf("read a number: %w", err)
			}
		}
		return nil
	})
	return found, err
}

// read reads to the end, whatever row says: outside a transaction a statement
// has returned its rows and its tag before it commits, and the refusal of that
// commit must not be missed
// (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY).
func read(reader *pgconn.ResultReader, row func([][]byte) error) error {
	var mine error
	for reader.NextRow() {
		if mine == nil {
			mine = row(reader.Values())
		}
	}
	if _, err := reader.Close(); err != nil {
		return err
	}
	return mine
}

// parameters returns args in PostgreSQL's text format.
func parameters(args []any) [][]byte {
	all := make([][]byte, len(args))
	for i, arg := range args {
		switch arg := arg.(type) {
		case int64:
			all[i] = strconv.AppendInt(nil, arg, 10)
		case string:
			all[i] = append([]byte{}, arg...) // not nil, which would be NULL
		}
	}
	return all
}

// alive reports whether the server may still be listening, at the price of one
// system call. A connection that has broken while it was idle would take a
// statement as if it could be sent, and leave a write Unsure that nobody has
// seen. A server that ends a connection says why first, with an ErrorResponse,
// an 'E' (https://www.postgresql.org/docs/current/protocol-message-formats.html).
//
// It must not be RawConn.Read: that waits for whoever else reads from the
// socket, and after a slow write pgconn leaves a goroutine of its own in a read.
func (c *conn) alive() bool {
	if c.pg.IsClosed() {
		return false
	}
	var first [1]byte
	n, err := 0, error(nil)
	errRaw := c.raw.Control(func(fd uintptr) {
		n, _, err = syscall.Recvfrom(int(fd), first[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	switch {
	case errRaw != nil:
		return false
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return true
	}
	return err == nil && n > 0 && (!c.plain || first[0] != 'E')
}

// fit reports whether another attempt may have the connection: it is open, and
// outside any transaction.
func (c *conn) fit() bool { return !c.pg.IsClosed() && c.pg.TxStatus() == 'I' }

// farewell bounds how long a connection is told that it is over.
const farewell = time.Second

// close ends the connection in good order. One that is broken already is no error.
func (c *conn) close() error {
	if c == nil || c.pg.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	return c.pg.Close(ctx)
}

// discard closes the connection whatever state it is in; the server rolls back
// what was open.
func (c *conn) discard() {
	if c == nil {
		return
	}
	_ = c.close() // its errors are those that made it unfit
	select {
	case <-c.pg.CleanupDone():
	case <-time.After(farewell): // pgconn goes on by itself, for 15 s at most
	}
}
