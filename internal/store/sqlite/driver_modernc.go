package sqlite

import (
	"database/sql"
	"errors"

	sqlite3 "modernc.org/sqlite"

	"example.com/contend/internal/store"
)

// modernc has POSIX locks and the stock busy handler. It does not pass
// sqlite3_get_autocommit on.
var modernc = &driver{
	name:        store.Modernc,
	longestPath: 512,
	open:        func(uri string) (*sql.DB, error) { return sql.Open("sqlite", uri) },
	code: func(err error) (int, bool) {
		var e *sqlite3.Error
		if !errors.As(err, &e) {
			return 0, false
		}
		return e.Code(), true
	},
}
