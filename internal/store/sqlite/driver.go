package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"example.com/contend/internal/store"
)

// A driver is one way to SQLite. Whatever a driver's own defaults are (mattn
// waits 5 s for a lock and ncruces a minute, and both lower synchronous),
// [conn.setUp] sets what matters and reads it back.
type driver struct {
	name        string
	longestPath int // of a file beside the database, in bytes: mxPathname of its VFS
	// open makes a pool of connections to the database that uri names. It opens none.
	open func(uri string) (*sql.DB, error)
	// code returns the extended result code that err carries, and whether it
	// is an error of this driver.
	code func(err error) (int, bool)
	// autocommit reports whether no transaction is open on a connection, as
	// sqlite3_get_autocommit does (https://sqlite.org/c3ref/get_autocommit.html).
	// It is nil where the driver does not pass that on.
	autocommit func(raw any) bool
}

// drivers are those that are built in, the default first.
var drivers = slices.Concat([]*driver{modernc}, ncruces, mattn)

// ErrNotBuiltIn is why a driver of SQLite's cannot be had. What wraps it says how
// to build a program that can.
var ErrNotBuiltIn = errors.New("not built in")

// missing says how to build a program that has a driver.
var missing = map[string]string{
	store.Ncruces: "build without -tags no_ncruces",
	store.Mattn:   "build with CGO_ENABLED=1 and -tags cgo_sqlite",
}

// Drivers returns the names of the drivers that are built in, the default first.
func Drivers() []string {
	var all []string
	for _, d := range drivers {
		all = append(all, d.name)
	}
	return all
}

// driverNamed returns a driver that is built in, or an error that says how to
// get it.
func driverNamed(name string) (*driver, error) {
	for _, d := range drivers {
		if d.name == name {
			return d, nil
		}
	}
	if how, ok := missing[name]; ok {
		return nil, fmt.Errorf("driver %s is %w: %s", name, ErrNotBuiltIn, how)
	}
	return nil, fmt.Errorf("driver %q is not one of SQLite's", name)
}
