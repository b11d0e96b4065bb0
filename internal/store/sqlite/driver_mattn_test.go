//go:build cgo_sqlite && cgo

package sqlite

import (
	"database/sql"
	"slices"
	"testing"

	sqlite3 "github.com/mattn/go-sqlite3"

	"example.com/contend/internal/store"
)

// That this program is running shows that ncruces and mattn did not both want
// the same name; this shows which of them went without.
func TestMattnRegistersNoName(t *testing.T) {
	if !slices.Contains(Drivers(), store.Mattn) {
		t.Errorf("drivers are %v, without mattn", Drivers())
	}
	for _, name := range sql.Drivers() {
		pool, err := sql.Open(name, "file::memory:")
		must(t, err)
		if _, ok := pool.Driver().(*sqlite3.SQLiteDriver); ok {
			t.Errorf("mattn has registered itself as %q", name)
		}
		must(t, pool.Close())
	}
}
