package app_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"example.com/contend/internal/app"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

// BenchmarkUpdate is one increment without contention, to be compared with the
// same statements on a bare driver in BenchmarkDriver.
func BenchmarkUpdate(b *testing.B) {
	d := discipline(nil)
	db, err := app.Open(b.Context(), sqlite.At(filepath.Join(b.TempDir(), "b.db")), d, app.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	b.ReportAllocs()
	for b.Loop() {
		if err := db.Update(b.Context(), func(tx *app.Tx) error { return increment(tx, d) }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDriver(b *testing.B) {
	if underTest != store.Modernc {
		b.Skip("measured on the default driver")
	}
	pool, err := sql.Open("sqlite", filepath.Join(b.TempDir(), "b.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	pool.SetMaxIdleConns(1)
	pool.SetMaxOpenConns(1)
	run := func(query string, args ...any) {
		if _, err := pool.Exec(query, args...); err != nil {
			b.Fatal(err)
		}
	}
	run("PRAGMA journal_mode = WAL")
	run("PRAGMA synchronous = OFF")
	run("CREATE TABLE counters (key TEXT PRIMARY KEY, value INTEGER DEFAULT 0)")
	b.ReportAllocs()
	for b.Loop() {
		run("BEGIN IMMEDIATE")
		var n int64
		_ = pool.QueryRow("SELECT value FROM counters WHERE key = ?", "k").Scan(&n)
		run("INSERT OR REPLACE INTO counters (key, value) VALUES (?, ?)", "k", n+1)
		run("COMMIT")
	}
}

// BenchmarkOpen is a node's start, with the pool of a preset.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "b.db")
	for b.Loop() {
		db, err := app.Open(b.Context(), sqlite.At(path), store.Green().With(underTest), app.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
