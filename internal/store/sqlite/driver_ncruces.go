//go:build !no_ncruces

package sqlite

import (
	"database/sql"
	"errors"

	sqlite3 "github.com/ncruces/go-sqlite3"
	sqlite3driver "github.com/ncruces/go-sqlite3/driver"

	"example.com/contend/internal/store"
)

// ncruces has a VFS written in Go, with OFD locks on Linux, which exclude the
// POSIX locks of the others and also each other within a process. Its busy
// handler sleeps a random while of at most 2 ms. It is 6 MB of a program.
var ncruces = []*driver{{
	name:        store.Ncruces,
	longestPath: 1024,
	open:        func(uri string) (*sql.DB, error) { return sqlite3driver.Open(uri) },
	code: func(err error) (int, bool) {
		var code sqlite3.ExtendedErrorCode // which its errors with a text turn into as well
		if !errors.As(err, &code) {
			return 0, false
		}
		return int(code), true
	},
	autocommit: func(raw any) bool {
		c, ok := raw.(sqlite3driver.Conn)
		return ok && c.Raw().GetAutocommit()
	},
}}
