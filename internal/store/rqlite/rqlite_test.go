package rqlite_test

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/contend/internal/app"
	"example.com/contend/internal/cluster/server"
	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/rqlite"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// cluster starts a real one. rqlite is no Go module that could be built for the
// tests, so they also skip in CI where nobody has installed it.
func cluster(t *testing.T) *server.Rqlite {
	t.Helper()
	bin, err := exec.LookPath("rqlited")
	if err != nil {
		t.Skip(err)
	}
	s, err := server.StartRqlite(t.Context(), bin, filepath.Join(t.TempDir(), "rqlite"))
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func open(t *testing.T, s *server.Rqlite, style store.Transaction, o app.Options) (db *app.DB, url string) {
	t.Helper()
	url, err := s.Fresh(t.Context())
	must(t, err)
	d := store.Green().With(store.RqliteHTTP)
	d.Transaction, d.Pool = style, 4
	db, err = app.Open(t.Context(), rqlite.At(url), d, o)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db, url
}

// Everything that an application can ask, with values that would not survive as
// text in a statement.
func TestApplication(t *testing.T) {
	s := cluster(t)
	for _, style := range []store.Transaction{store.Separate, store.Atomic} {
		t.Run(string(style), func(t *testing.T) {
			db, url := open(t, s, style, app.Options{})
			name := `'; DROP TABLE x; -- "ü` + "\n"
			const large = 1<<62 + 1
			update := func(fn func(*app.Tx) error) error { return db.Update(t.Context(), fn) }
			must(t, update(func(tx *app.Tx) error { return tx.SetCounter(name, large) }))
			must(t, update(func(tx *app.Tx) error { return tx.SetStock(name, 5) }))
			must(t, update(func(tx *app.Tx) error { return tx.SetBalance("a", 10) }))
			must(t, update(func(tx *app.Tx) error { return tx.SetBalance("b", 0) }))
			must(t, update(func(tx *app.Tx) error { return tx.Move("a", "b", 4) }))
			must(t, update(func(tx *app.Tx) error { return tx.RecordPayment("a", "b", 4) }))
			for _, data := range []string{name, strings.Repeat("x", 100)} {
				must(t, update(func(tx *app.Tx) error { _, err := tx.Insert(data); return err }))
			}
			must(t, update(func(tx *app.Tx) error {
				n, err := tx.AddCounter(name, -1)
				if n != large-1 {
					t.Errorf("the counter is %d, want %d", n, large-1)
				}
				return err
			}))
			must(t, update(func(tx *app.Tx) error {
				left, err := tx.TakeStock(name, 2)
				if left != 3 {
					t.Errorf("%d are left, want 3", left)
				}
				return err
			}))
			for want, fn := range map[error]func(*app.Tx) error{
				store.ErrShort:  func(tx *app.Tx) error { _, err := tx.TakeStock(name, 4); return err },
				store.ErrNoSuch: func(tx *app.Tx) error { _, err := tx.TakeStock("none", 1); return err },
			} {
				if err := update(fn); !errors.Is(err, want) {
					t.Errorf("take stock: %v, want %v", err, want)
				}
			}
			if err := update(func(tx *app.Tx) error { return tx.Move("a", "b", 7) }); !errors.Is(err, store.ErrShort) {
				t.Errorf("move more than there is: %v", err)
			}
			for _, to := range [][2]string{{"none", "b"}, {"a", "none"}} {
				if err := update(func(tx *app.Tx) error { return tx.Move(to[0], to[1], 1) }); !errors.Is(err, store.ErrNoSuch) {
					t.Errorf("move %v: %v", to, err)
				}
			}
			must(t, db.View(t.Context(), func(tx *app.Tx) error {
				sum, accounts, err := tx.Total()
				if sum != 10 || accounts != 2 {
					t.Errorf("%d in %d accounts, want 10 in 2", sum, accounts)
				}
				if _, err := tx.Stock("none"); !errors.Is(err, store.ErrNoSuch) {
					t.Errorf("stock of nothing: %v", err)
				}
				if n, err := tx.Counter("none"); n != 0 || err != nil {
					t.Errorf("a counter that is not there is %d, %v", n, err)
				}
				return err
			}))
			checkFacts(t, db, name, large-1)
			inspected, err := s.Inspect(t.Context(), url)
			must(t, err)
			if inspected.Records != 2 || len(inspected.Rows) != 2 {
				t.Errorf("inspected: %+v", inspected)
			}
			must(t, db.Clear(t.Context()))
			if stats, err := db.Stats(t.Context()); err != nil || stats != (store.Stats{}) {
				t.Errorf("after Clear: %+v, %v", stats, err)
			}
		})
	}
}

func checkFacts(t *testing.T, db *app.DB, name string, counter int64) {
	t.Helper()
	must(t, db.Check(t.Context()))
	stats, err := db.Stats(t.Context())
	must(t, err)
	if stats != (store.Stats{Records: 2, Counters: 1}) {
		t.Errorf("stats are %+v", stats)
	}
	facts, err := db.Facts(t.Context(), true)
	must(t, err)
	if facts.Counters[name] != counter || facts.Stock[name] != 3 || facts.Balances["a"] != 6 || facts.Balances["b"] != 4 ||
		facts.Records != 2 || facts.Payments != 1 || facts.Integrity != "ok" || facts.Journal != store.WAL || !strings.HasPrefix(facts.Engine, "rqlite") {
		t.Errorf("facts are %+v", facts)
	}
	if len(facts.Rows) != 2 || facts.Rows[0].Content != name || facts.Rows[1].Content != strings.Repeat("x", 64) {
		t.Errorf("rows are %+v", facts.Rows)
	}
	pragmas, err := db.Settings(t.Context())
	must(t, err)
	if pragmas["journal_mode"] != "wal" || pragmas["synchronous"] == "" || pragmas["busy_timeout"] == "" {
		t.Errorf("settings are %v", pragmas)
	}
}

func TestViewOnlyReads(t *testing.T) {
	s := cluster(t)
	var told []locktrace.Attempt
	db, _ := open(t, s, store.Atomic, app.Options{Trace: func(a locktrace.Attempt) { told = append(told, a) }})
	err := db.View(t.Context(), func(tx *app.Tx) error { return tx.SetCounter("k", 1) })
	if err == nil || !strings.Contains(err.Error(), "write inside View") {
		t.Errorf("error is %v", err)
	}
	mine := errors.New("mine")
	if err := db.Update(t.Context(), func(tx *app.Tx) error { return errors.Join(tx.SetCounter("k", 2), mine) }); !errors.Is(err, mine) {
		t.Errorf("error is %v, want the application's own", err)
	}
	if len(told) != 2 || told[0].Kind != locktrace.ReadOnly || told[0].Locked != 0 || told[1].Kind != locktrace.Write || told[1].Locked < told[1].Began {
		t.Errorf("the trace is %+v", told)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	d := store.Green().With(store.RqliteHTTP)
	if _, err := app.Open(t.Context(), rqlite.At("rqlite://127.0.0.1:1?prefix=p"), d, app.Options{}); err == nil || !strings.Contains(err.Error(), rqlite.CodeUnreachable) {
		t.Errorf("nobody listens: %v", err)
	}
	if _, err := app.Open(t.Context(), rqlite.At("rqlite://127.0.0.1:1"), d, app.Options{}); err == nil || !strings.Contains(err.Error(), "prefix") {
		t.Errorf("no prefix: %v", err)
	}
	if _, err := app.Open(t.Context(), rqlite.At("rqlite://127.0.0.1:1?prefix=p"), store.Green(), app.Options{}); err == nil || !strings.Contains(err.Error(), "modernc") {
		t.Errorf("SQLite's driver: %v", err)
	}
	d.Pool = 0
	if _, err := app.Open(t.Context(), rqlite.At("rqlite://127.0.0.1:1?prefix=p"), d, app.Options{}); err == nil || !strings.Contains(err.Error(), "pool") {
		t.Errorf("no connection: %v", err)
	}
}
