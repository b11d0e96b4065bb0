// Package rqlite is the engine on an rqlite cluster: SQLite, replicated by Raft
// and spoken to over HTTP (https://rqlite.io/docs/api/api/).
//
// Two ideas carry it. A request is all there is: rqlite has no session, so a
// read and a write that depends on it are either one statement (store.Atomic) or
// two requests with others in between (store.Separate); a transaction of the lab is
// sent as one request at its end. And every error states what it proves. A node that
// is not the leader must redirect instead of passing the request on, because
// rqlite's own forwarding sends a request again when the connection to the leader
// breaks, even with retries=0: a write could be done twice, and no
// answer that went through it proves that a write was not done.
//
// It never retries what a leader has seen: that is the application's decision. It
// starts no server; internal/cluster/server does.
package rqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/contend/internal/store"
)

// probePatience bounds a question about the node itself, so that health and
// metrics do not hang behind a cluster that has no leader.
const probePatience = time.Second

// A cluster is a database in the tables of one prefix. It sends requests to
// whichever node is the leader.
type cluster struct {
	address  Address
	d        store.Discipline
	program  *store.Program
	dialect  store.Dialect
	texts    []string // of the statements
	patience time.Duration
	http     *http.Client

	mu      sync.Mutex
	first   string // the node that is tried first: the leader, as far as we know
	version string // of the latest answer: "10"
}

// At is the database in the tables of the prefix that url, written as [Parse]
// takes it, names. A connection here is the right to have one request under way,
// which net/http gives a connection of its own when it is first needed. The busy
// timeout of a discipline has no meaning: rqlite lines writers up and refuses none
// for a lock.
func At(url string) store.Source {
	return func(d store.Discipline, p *store.Program, patience time.Duration) (store.Database, error) {
		if d != (store.Discipline{}) {
			if err := d.Need(store.Rqlite); err != nil {
				return nil, fmt.Errorf("open %s: %w", url, err)
			}
		}
		a, err := Parse(url)
		if err != nil {
			return nil, fmt.Errorf("open: %w", err)
		}
		return newCluster(a, d, p, patience), nil
	}
}

func newCluster(a Address, d store.Discipline, p *store.Program, patience time.Duration) *cluster {
	dialect := store.Dialect{Parameter: "?", Prefix: a.Prefix + "_", Words: map[string]string{
		"integer": "INTEGER", "id": "INTEGER PRIMARY KEY AUTOINCREMENT", "created": "", "lock": "",
	}}
	dialer := net.Dialer{Timeout: dialPatience}
	return &cluster{
		address: a, d: d, program: p, dialect: dialect, texts: p.Texts(dialect), patience: patience, first: a.Hosts[0],
		http: &http.Client{
			// No proxy: the nodes are where the address says.
			Transport: &http.Transport{
				DialContext: dialer.DialContext, MaxIdleConnsPerHost: d.Pool + 1,
				IdleConnTimeout: time.Minute, DisableCompression: true,
			},
			// net/http would follow a redirected POST with a GET.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Dial makes the right to a request. Of use Probe it creates the tables that are
// missing.
func (cl *cluster) Dial(ctx context.Context, use store.Use) (store.Conn, error) {
	c := &conn{cluster: cl, ctx: ctx, level: Linearizable}
	switch use {
	case store.Probe:
		if err := c.createTables(); err != nil {
			return nil, err
		}
		c.ctx, c.limit, c.level = context.Background(), probePatience, Weak
	case store.Requests, store.Session:
		c.ctx, c.level = context.Background(), cl.address.Level
	}
	return c, nil
}

// createTables makes the tables that are not there yet. It writes only if there
// is something to make, so that a node which joins does not burden the log.
func (c *conn) createTables() error {
	var have string
	tables, names := c.cluster.program.Tables, c.cluster.program.QuotedTables(c.cluster.dialect) // Parse has checked the prefix
	err := c.text("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ("+names+")", func(s string) { have = s })
	if err != nil {
		return c.Explain("look for tables", err, 0, false)
	}
	if have == strconv.Itoa(len(tables)) {
		return nil
	}
	var creates []query
	for _, table := range tables {
		creates = append(creates, query{c.cluster.dialect.Spell(table.Create)})
	}
	if _, err := c.send(true, true, creates...); err != nil {
		return c.Explain("create tables", err, 0, true)
	}
	return nil
}

// Pool returns what the discipline asks for.
func (cl *cluster) Pool() int { return cl.d.Pool }

// Absent returns nil: the right to a request is never away.
func (cl *cluster) Absent(error) error { return nil }

// Engine returns the engine and its version, as the cluster reports it: "rqlite 10".
func (cl *cluster) Engine() string {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return strings.TrimSpace("rqlite " + cl.version)
}

// String returns the address.
func (cl *cluster) String() string { return cl.address.String() }

// Close closes the idle connections.
func (cl *cluster) Close() error {
	cl.http.CloseIdleConnections()
	return nil
}

// A conn is the right to one request at a time.
type conn struct {
	cluster *cluster
	ctx     context.Context // of its requests: of the one caller whose connection it is, or one that never ends
	limit   time.Duration   // of a request, beside the client's patience; 0 for none
	level   Level           // of its reads

	grouped bool // a transaction is open: its statements are sent together at the commit
	queries []query
	rows    []func(result) error // of each of queries
	writes  bool                 // one of them writes
}

// Begin begins a transaction whose statements are sent together at its commit, so
// that none can depend on what another returns.
func (c *conn) Begin(style store.Transaction) error {
	if style != store.Snapshot && style != store.Atomic {
		return fmt.Errorf("rqlite has no transaction %s over several requests", style)
	}
	c.reset()
	c.grouped = true
	return nil
}

func (c *conn) reset() { c.grouped, c.queries, c.rows, c.writes = false, nil, nil, false }

// Do ends the transaction.
func (c *conn) Do(which store.Control) error {
	defer c.reset()
	switch {
	case which == store.Rollback, which == store.Commit && len(c.queries) == 0:
		return nil
	case which != store.Commit:
		return errors.New("rqlite has no savepoints over several requests")
	}
	results, err := c.send(c.writes, true, c.queries...)
	if err != nil {
		return err
	}
	for i, read := range c.rows {
		if err := read(results[i]); err != nil {
			return err
		}
	}
	return nil
}

// errNoRow is how a server answers that does not know RETURNING on this path.
var errNoRow = errors.New("no row of RETURNING came back: is rqlite older than 8.23.0?")

// Run sends a statement, or within a transaction keeps it for the commit.
func (c *conn) Run(statement int, args []any, row func([]any) error) error {
	q, read := c.query(statement, args, row)
	return c.run(q, c.cluster.program.Statements[statement].Writes, read)
}

// query returns a statement as it is sent, and what reads its result.
func (c *conn) query(statement int, args []any, row func([]any) error) (q query, read func(result) error) {
	return append(query{c.cluster.texts[statement]}, args...), func(r result) error {
		switch {
		case r.Error != "":
			return &failure{code: CodeError, err: errors.New(r.Error)}
		case c.cluster.program.Statements[statement].Returns && r.Columns == nil:
			return errNoRow
		case row == nil:
			return nil
		}
		return r.each(row)
	}
}

// Alone returns true: statements that are sent together are one entry of the Raft
// log, and each is a transaction of its own, which fails alone.
func (c *conn) Alone() bool { return true }

// Send sends steps as one bulk request (https://rqlite.io/docs/api/bulk-api/). It is
// acknowledged once a majority has the entry and the leader has run the statements,
// and returns their rows. rqlite's own queue of writes returns neither rows nor the
// error of a statement (https://rqlite.io/docs/api/queued-writes/).
func (c *conn) Send(steps []*store.Step, _ bool) error {
	for _, writes := range []bool{true, false} { // an answer to writes has no rows of a SELECT
		var part []*store.Step
		var queries []query
		var reads []func(result) error
		for _, s := range steps {
			if c.cluster.program.Statements[s.Statement].Writes == writes {
				q, read := c.query(s.Statement, s.Args, s.Row)
				part, queries, reads = append(part, s), append(queries, q), append(reads, read)
			}
		}
		if len(part) == 0 {
			continue
		}
		results, err := c.send(writes, false, queries...)
		for i, s := range part {
			if s.Err = err; err == nil {
				s.Err = reads[i](results[i])
			}
		}
	}
	return nil
}

func (c *conn) run(q query, writes bool, read func(result) error) error {
	if c.grouped {
		c.queries, c.rows, c.writes = append(c.queries, q), append(c.rows, read), c.writes || writes
		return nil
	}
	results, err := c.send(writes, false, q)
	if err != nil {
		return err
	}
	return read(results[0])
}

func (c *conn) send(writes, together bool, queries ...query) ([]result, error) {
	ctx := c.ctx
	if c.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.limit)
		defer cancel()
	}
	path, params := pathExecute, url.Values{}
	if !writes {
		path, params = pathQuery, url.Values{"level": {string(c.level)}}
	}
	if together && len(queries) > 1 {
		params.Set("transaction", "") // several writes are one Raft entry, and several reads see one snapshot
	}
	return c.cluster.send(ctx, path, params, queries)
}

// Idle reports whether no transaction is open.
func (c *conn) Idle() bool { return !c.grouped }

// Alive returns true: only a request shows whether a node can be reached.
func (c *conn) Alive() bool { return true }

// Close returns nil.
func (c *conn) Close() error { return nil }

// Examine fills in integrity_check, the journal mode and the version of the
// leader's SQLite.
func (c *conn) Examine(facts *store.Facts) error {
	return cmp.Or(
		c.text("PRAGMA integrity_check", func(s string) { facts.Integrity = s }),
		c.text("PRAGMA journal_mode", func(s string) { facts.Journal = store.Journal(strings.ToUpper(s)) }),
		c.text("SELECT sqlite_version()", func(s string) { facts.Engine = "rqlite with SQLite " + s }),
	)
}

// text asks for the first column of all rows, line by line.
func (c *conn) text(pragma string, take func(string)) error {
	return c.run(query{pragma}, false, func(r result) error {
		var lines []string
		err := r.each(func(row []any) error {
			lines = append(lines, fmt.Sprint(row[0]))
			return nil
		})
		take(strings.Join(lines, "\n"))
		return err
	})
}

// Settings asks the leader which settings its SQLite has: journal_mode,
// synchronous and busy_timeout. What makes a write durable is not among them: it
// is the Raft log, which is synced (https://rqlite.io/docs/guides/performance/).
func (c *conn) Settings() (map[string]string, error) {
	settings := make(map[string]string)
	for name, text := range map[string]string{
		"journal_mode": "SELECT * FROM pragma_journal_mode", "synchronous": "SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous",
		"busy_timeout": "SELECT CAST(timeout AS TEXT) FROM pragma_busy_timeout",
	} {
		if err := c.text(text, func(s string) { settings[name] = s }); err != nil {
			return nil, c.Explain("read settings", err, 0, false)
		}
	}
	return settings, nil
}

// each calls row with every row. A whole number is an int64, everything else
// what encoding/json makes of it.
func (r result) each(row func([]any) error) error {
	values := make([]any, len(r.Columns))
	for _, texts := range r.Values {
		if len(texts) != len(values) {
			return fmt.Errorf("read answer: %d columns, want %d", len(texts), len(values))
		}
		for i, text := range texts {
			var n int64
			if values[i] = nil; json.Unmarshal(text, &n) == nil && string(text) != "null" {
				values[i] = n
			} else if err := json.Unmarshal(text, &values[i]); err != nil {
				return fmt.Errorf("read answer: column %d: %w", i+1, err)
			}
		}
		if err := row(values); err != nil {
			return err
		}
	}
	return nil
}
