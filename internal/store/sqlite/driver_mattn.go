//go:build cgo_sqlite && cgo

package sqlite

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"

	sqlite3 "github.com/mattn/go-sqlite3"

	"example.com/contend/internal/store"
	_ "example.com/contend/internal/store/sqlite/nameless" // or this and ncruces want the same name
)

// mattn is SQLite's own C code, with POSIX locks and the stock busy handler.
var mattn = []*driver{{
	name:        store.Mattn,
	longestPath: 512,
	open: func(uri string) (*sql.DB, error) {
		return sql.OpenDB(connector{&sqlite3.SQLiteDriver{}, uri}), nil
	},
	code: func(err error) (int, bool) {
		var e sqlite3.Error
		if !errors.As(err, &e) {
			return 0, false
		}
		return int(e.ExtendedCode), true
	},
	autocommit: func(raw any) bool {
		c, ok := raw.(*sqlite3.SQLiteConn)
		return ok && c.AutoCommit()
	},
}}

// A connector opens connections with a driver that database/sql knows by no name.
type connector struct {
	driver sqldriver.Driver
	uri    string
}

// Connect opens a connection. mattn takes no context for that, though it sets
// synchronous and so reads the schema, with its own patience of 5 s.
func (c connector) Connect(context.Context) (sqldriver.Conn, error) { return c.driver.Open(c.uri) }

// Driver returns the driver.
func (c connector) Driver() sqldriver.Driver { return c.driver }
