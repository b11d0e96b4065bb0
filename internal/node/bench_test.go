package node

import (
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"example.com/contend/internal/app"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store/sqlite"
)

// BenchmarkIncrement is one client's increment over HTTP: a node's, and the
// least that could answer it, to show what the node itself costs.
func BenchmarkIncrement(b *testing.B) {
	b.Run("node", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "b.db")
		db, err := app.Open(b.Context(), sqlite.At(path), quick(nil), app.Options{})
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		post(b, New(Config{Name: "app-1", DBPath: path, Discipline: quick(nil)}, db))
	})
	b.Run("bare", func(b *testing.B) {
		db, err := sql.Open("sqlite", filepath.Join(b.TempDir(), "b.db"))
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		db.SetMaxOpenConns(1)
		for _, query := range []string{"PRAGMA journal_mode = WAL", "PRAGMA synchronous = OFF",
			"CREATE TABLE counters (key TEXT PRIMARY KEY, value INTEGER DEFAULT 0)"} {
			if _, err := db.Exec(query); err != nil {
				b.Fatal(err)
			}
		}
		post(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			var value int64
			_, _ = db.Exec("BEGIN IMMEDIATE")
			_ = db.QueryRow("SELECT value FROM counters WHERE key = ?", "k").Scan(&value)
			_, _ = db.Exec("INSERT OR REPLACE INTO counters (key, value) VALUES (?, ?)", "k", value+1)
			_, _ = db.Exec("COMMIT")
			fmt.Fprintf(w, `{"success":true,"value":%d}`, value+1)
		}))
	})
}

func post(b *testing.B, handler http.Handler) {
	server := httptest.NewServer(handler)
	defer server.Close()
	b.ReportAllocs()
	for b.Loop() {
		resp, err := server.Client().Post(server.URL+nodeapi.PathIncrement, asJSON, strings.NewReader(`{"key":"k"}`))
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			b.Fatal(resp.Status)
		}
	}
}
