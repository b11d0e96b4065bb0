package sqlite

import (
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	sqlite3 "modernc.org/sqlite"

	"example.com/contend/internal/store"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// SQLite may also answer the mode that it kept with no error at all.
func TestAnotherJournalModeWithoutAnError(t *testing.T) {
	pool, err := sql.Open("sqlite", ":memory:")
	must(t, err)
	defer pool.Close()
	sc, err := pool.Conn(t.Context())
	must(t, err)
	defer sc.Close()
	err = (&conn{sc: sc}).setJournal(t.Context(), store.WAL)
	if err == nil || err.Error() != "journal_mode: asked for WAL, got MEMORY" {
		t.Errorf("error is %v", err)
	}
}

func TestCodeNames(t *testing.T) {
	for code, want := range map[int]string{
		5: "SQLITE_BUSY", 517: "SQLITE_BUSY_SNAPSHOT", 261: "SQLITE_BUSY_RECOVERY", 5898: "SQLITE_IOERR_DELETE_NOENT",
		5386: "SQLITE_IOERR_SHMMAP", 3850: "SQLITE_IOERR_LOCK", 15: "SQLITE_PROTOCOL", 99999: "SQLITE_(99999)",
	} {
		if got := CodeName(code); got != want {
			t.Errorf("code %d is %s, want %s", code, got, want)
		}
	}
	for code, text := range sqlite3.ErrorCodeString { // the default driver's own, shorter list
		if name := CodeName(code); !strings.HasSuffix(text, "("+name+")") {
			t.Errorf("code %d is %s, and %q to the driver", code, name, text)
		}
	}
	for code, name := range names {
		primary := names[code&0xff]
		if code > 255 && !strings.HasPrefix(name, primary+"_") {
			t.Errorf("code %d is %s, but its primary code is %s", code, name, primary)
		}
	}
}

func TestRefusalIsAboutLocksOnly(t *testing.T) {
	for code, name := range names {
		family := strings.HasPrefix(name, "SQLITE_BUSY") || strings.HasPrefix(name, "SQLITE_LOCKED") || name == "SQLITE_PROTOCOL"
		if refusal(code) != family {
			t.Errorf("refusal(%s) is %t", name, refusal(code))
		}
	}
}
func TestDriversThatAreBuiltIn(t *testing.T) {
	for _, name := range Drivers() {
		version, err := VersionOf(name)
		if err != nil || !strings.HasPrefix(version, "3.") {
			t.Errorf("driver %s has SQLite %q, %v", name, version, err)
		}
		t.Logf("driver %s has SQLite %s", name, version)
	}
	if Version() != first(VersionOf(store.Modernc)) {
		t.Errorf("Version is %s, and not the default driver's", Version())
	}
}

func first[T any](x T, _ error) T { return x }

func TestDriverThatIsNotBuiltIn(t *testing.T) {
	for name, want := range map[string]string{
		store.Mattn:   "driver mattn is not built in: build with CGO_ENABLED=1 and -tags cgo_sqlite",
		store.Ncruces: "driver ncruces is not built in: build without -tags no_ncruces",
		store.Pgx:     `driver "pgx" is not one of SQLite's`,
	} {
		if slices.Contains(Drivers(), name) {
			continue
		}
		_, err := driverNamed(name)
		if err == nil || err.Error() != want || errors.Is(err, ErrNotBuiltIn) != (name != store.Pgx) {
			t.Errorf("error is %v, want %s", err, want)
		}
		if _, err := At(filepath.Join(t.TempDir(), "x.db"))(store.Green().With(name), new(store.Program), time.Second); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("error is %v, want one that ends in %q", err, want)
		}
	}
}
