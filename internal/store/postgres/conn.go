package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/contend/internal/store"
)

// A conn is one connection to the server.
type conn struct {
	schema *schema
	pg     *pgconn.PgConn
	raw    syscall.RawConn                // of its socket
	plain  bool                           // the socket carries the protocol itself, not TLS
	stmts  []*pgconn.StatementDescription // by number; nil where it is not prepared
	row    []any

	ctx   context.Context // of its statements: of the one caller whose connection it is, or always
	limit time.Duration   // of a statement; 0 for none
}

// always is the context of every statement of an attempt: an attempt once
// begun is never cut short. A context that can end would also cost pgconn a
// goroutine's work for each statement.
var always = context.Background()

// dial opens one connection and gives it its settings, by their names in pg_settings
// and in its units. It tries again until patience is over while the server answers
// that it is not ready, or has too many clients. A server that cannot be reached is
// an error at once.
func (s *schema) dial(ctx context.Context, want map[string]string) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	for {
		c, err := greet(ctx, s.target)
		if err == nil {
			c.schema = s
			if err = c.set(ctx, want); err == nil {
				return c, nil
			}
			_ = c.Close()
		}
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || !notNow(refused.Code) || !pause(ctx) {
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

// greet opens one connection with whatever settings the server gives it.
func greet(ctx context.Context, to *target) (*conn, error) {
	pg, err := pgconn.ConnectConfig(ctx, to.config)
	if err != nil {
		return nil, err
	}
	c := &conn{pg: pg, ctx: always, plain: true}
	socket := pg.Conn() // Alive looks at it
	if secure, ok := socket.(*tls.Conn); ok {
		socket, c.plain = secure.NetConn(), false
	}
	if sc, ok := socket.(syscall.Conn); ok {
		c.raw, err = sc.SyscallConn()
	} else {
		err = fmt.Errorf("a connection of type %T has none", socket)
	}
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("find the socket: %w", err)
	}
	return c, nil
}

// set gives the connection its settings and reads them back. Values are never
// anything but our own words and numbers.
//
// Transactions say which isolation they want. Statements outside one have the
// default, which a server or a role may have made another than PostgreSQL's. An
// engine without READ COMMITTED may answer with something stricter, so that is
// not read back.
func (c *conn) set(ctx context.Context, want map[string]string) error {
	var text strings.Builder
	text.WriteString("SET default_transaction_isolation = 'read committed'")
	for name, value := range want {
		fmt.Fprintf(&text, "; SET %s = %s", name, value)
	}
	if err := c.exec(ctx, text.String()); err != nil {
		return fmt.Errorf("give the connection its settings: %w", err)
	}
	got, err := c.settings(ctx)
	if err != nil {
		return err
	}
	for name, wanted := range want {
		if got[name] != wanted {
			return &store.SettingError{Setting: name, Wanted: wanted, Got: got[name]}
		}
	}
	return nil
}

// shown are the settings that decide what a run means.
const shown = `SELECT name, setting FROM pg_settings WHERE name IN ('server_version', 'default_transaction_isolation',
'lock_timeout', 'deadlock_timeout', 'synchronous_commit', 'fsync', 'full_page_writes', 'wal_sync_method', 'max_connections')`

// settings reads the settings that the connection has now
// (https://www.postgresql.org/docs/current/view-pg-settings.html).
func (c *conn) settings(ctx context.Context) (map[string]string, error) {
	got := map[string]string{}
	err := c.query(ctx, shown, func(row []any) error {
		got[fmt.Sprint(row[0])] = fmt.Sprint(row[1])
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	return got, nil
}

// prepare gets the statements of an attempt ready, so that it sends only
// parameters.
func (c *conn) prepare(ctx context.Context) error {
	c.stmts = make([]*pgconn.StatementDescription, len(c.schema.texts))
	for i, s := range c.schema.program.Statements {
		if s.Cold {
			continue
		}
		description, err := c.pg.Prepare(ctx, "contend_"+strconv.Itoa(i), c.schema.texts[i], nil)
		if err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
		c.stmts[i] = description
	}
	return nil
}

// begins are how transactions begin. Each names its isolation level, whatever the
// server's default is. A snapshot sees one moment's data
// (https://www.postgresql.org/docs/current/transaction-iso.html#XACT-REPEATABLE-READ).
var begins = map[store.Transaction]string{
	store.Snapshot:      "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
	store.ReadCommitted: "BEGIN ISOLATION LEVEL READ COMMITTED",
	store.ForUpdate:     "BEGIN ISOLATION LEVEL READ COMMITTED",
	store.Atomic:        "BEGIN ISOLATION LEVEL READ COMMITTED",
	store.Serializable:  "BEGIN ISOLATION LEVEL SERIALIZABLE",
}

// Begin begins a transaction.
func (c *conn) Begin(style store.Transaction) error {
	begin, known := begins[style]
	if !known {
		return fmt.Errorf("no BEGIN makes a transaction %s", style)
	}
	ctx, cancel := c.bound()
	defer cancel()
	return c.exec(ctx, begin)
}

var controls = [...]string{
	store.Commit: "COMMIT", store.Rollback: "ROLLBACK",
	store.Savepoint: "SAVEPOINT request", store.RollbackTo: "ROLLBACK TO request", store.Release: "RELEASE request",
}

// Do controls the open transaction. Under SERIALIZABLE a COMMIT can be refused,
// and the server has then rolled back. A rollback always succeeds: where it cannot
// be sent, the connection is broken, and the server rolls back by itself.
func (c *conn) Do(which store.Control) error {
	if which != store.Rollback {
		return c.exec(always, controls[which])
	}
	if !c.pg.IsClosed() && c.pg.TxStatus() != 'I' {
		_ = c.exec(always, controls[which])
	}
	return nil
}

// bound returns the context of a statement.
func (c *conn) bound() (context.Context, context.CancelFunc) {
	if c.limit == 0 {
		return c.ctx, func() {}
	}
	return context.WithTimeout(c.ctx, c.limit)
}

// exec runs statements without parameters, mostly one.
func (c *conn) exec(ctx context.Context, text string) error {
	return c.pg.Exec(ctx, text).Close()
}

// Run runs a statement. One that is not prepared it sends as text.
func (c *conn) Run(statement int, args []any, row func([]any) error) error {
	ctx, cancel := c.bound()
	defer cancel()
	if c.stmts != nil && c.stmts[statement] != nil {
		return c.read(c.pg.ExecStatement(ctx, c.stmts[statement], parameters(args), nil, nil), row)
	}
	return c.read(c.pg.ExecParams(ctx, c.schema.texts[statement], parameters(args), nil, nil, nil), row)
}

// Alone returns false: statements that are sent together are one transaction.
func (c *conn) Alone() bool { return false }

// Send runs steps in one round trip. Outside BEGIN and COMMIT, what is sent together
// is one transaction
// (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING).
func (c *conn) Send(steps []*store.Step, whole bool) error {
	var batch pgconn.Batch
	closed := c.pg.IsClosed()
	open := !closed && c.pg.TxStatus() != 'I'
	begin := !open && !whole
	if begin {
		batch.ExecParams(begins[store.Atomic], nil, nil, nil, nil)
	}
	for _, s := range steps {
		if prepared := c.stmts[s.Statement]; prepared != nil {
			batch.ExecStatement(prepared, parameters(s.Args), nil, nil)
		} else {
			batch.ExecParams(c.schema.texts[s.Statement], parameters(s.Args), nil, nil, nil)
		}
	}
	if open && whole {
		batch.ExecParams(controls[store.Commit], nil, nil, nil, nil)
	}
	results := c.pg.ExecBatch(always, &batch)
	if begin {
		results.NextResult()
	}
	for _, s := range steps {
		if !results.NextResult() {
			break
		}
		s.Err = c.read(results.ResultReader(), s.Row)
	}
	err := results.Close()
	if pgconn.SafeToRetry(err) && !closed {
		// pgconn says of a connection that breaks between two results that it was closed
		// before anything was sent.
		err = fmt.Errorf("read results: %v", err)
	}
	return err
}

// query runs a text of ours and calls row for every row it returns.
func (c *conn) query(ctx context.Context, text string, row func([]any) error) error {
	return c.read(c.pg.ExecParams(ctx, text, nil, nil, nil, nil), row)
}

// read reads to the end, whatever row returns: outside a transaction a statement
// has returned its rows and its tag before it commits, and the refusal of that
// commit must not be missed
// (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY).
func (c *conn) read(reader *pgconn.ResultReader, row func([]any) error) error {
	var mine error
	for reader.NextRow() {
		if mine == nil && row != nil {
			if mine = c.values(reader); mine == nil {
				mine = row(c.row)
			}
		}
	}
	if _, err := reader.Close(); err != nil {
		return err
	}
	return mine
}

// values reads a row, which is in PostgreSQL's text format. Whole numbers are
// int2, int4 and int8 by their object identifiers
// (https://github.com/postgres/postgres/blob/REL_18_0/src/include/catalog/pg_type.dat).
func (c *conn) values(reader *pgconn.ResultReader) (err error) {
	const int8, int2, int4 = 20, 21, 23
	c.row = c.row[:0]
	for i, text := range reader.Values() {
		switch kind := reader.FieldDescriptions()[i].DataTypeOID; {
		case text == nil:
			c.row = append(c.row, nil)
		case kind == int8 || kind == int4 || kind == int2:
			n, err := strconv.ParseInt(string(text), 10, 64)
			if err != nil {
				return fmt.Errorf("read a number: %w", err)
			}
			c.row = append(c.row, n)
		default:
			c.row = append(c.row, string(text))
		}
	}
	return nil
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

// Alive reports whether the server may still be listening, at the price of one
// system call. A connection that has broken while it was idle would take a
// statement as if it could be sent, and leave a write Unsure that nobody has
// seen. A server that ends a connection says why first, with an ErrorResponse,
// an 'E' (https://www.postgresql.org/docs/current/protocol-message-formats.html).
//
// It must not be RawConn.Read: that waits for whoever else reads from the
// socket, and after a slow write pgconn leaves a goroutine of its own in a read.
func (c *conn) Alive() bool {
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

// Idle reports whether another attempt may have the connection.
func (c *conn) Idle() bool { return !c.pg.IsClosed() && c.pg.TxStatus() == 'I' }

// Examine fills in the engine. Journal and Integrity stay empty: PostgreSQL has
// no rollback journal, and no check of everything that needs no extension.
// DefaultBusyTimeout stays 0, PostgreSQL's default lock_timeout, where it means to
// wait for ever.
func (c *conn) Examine(facts *store.Facts) (err error) {
	facts.Engine, err = c.engine(c.ctx)
	return err
}

// Settings returns the settings that decide what a run means, by their names in
// pg_settings, times in ms. "pool" is the number of connections for requests.
func (c *conn) Settings() (map[string]string, error) {
	got, err := c.settings(c.ctx)
	if err == nil {
		got["pool"] = strconv.Itoa(c.schema.Pool())
	}
	return got, err
}

// engine asks the server what it is and keeps the words that tell: "PostgreSQL
// 15.18" of "PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu, …".
func (c *conn) engine(ctx context.Context) (string, error) {
	said, err := c.word(ctx, "SELECT version()")
	if err != nil {
		return "", fmt.Errorf("ask for the version: %w", err)
	}
	return shortVersion(said), nil
}

func shortVersion(said string) string {
	for _, end := range []string{" (", " on ", ","} {
		said, _, _ = strings.Cut(said, end)
	}
	return strings.TrimSpace(said)
}

// word runs a query that returns one word or number.
func (c *conn) word(ctx context.Context, query string) (word string, err error) {
	err = c.query(ctx, query, func(row []any) error {
		word = fmt.Sprint(row[0])
		return nil
	})
	return word, err
}

// farewell bounds how long closing a connection may take.
const farewell = time.Second

// Close ends the connection whatever state it is in; the server rolls back what
// was open. One that is broken already is no error.
func (c *conn) Close() error {
	err := error(nil)
	if !c.pg.IsClosed() {
		ctx, cancel := context.WithTimeout(context.Background(), farewell)
		defer cancel()
		err = c.pg.Close(ctx)
	}
	select {
	case <-c.pg.CleanupDone():
	case <-time.After(farewell): // pgconn goes on by itself, for 15 s at most
	}
	return err
}
