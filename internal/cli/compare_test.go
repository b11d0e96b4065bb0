package cli

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/contend/internal/cluster/server"
	"example.com/contend/internal/ladder"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// A PostgreSQL that somebody else runs: the rungs are there, what was found is
// told, nothing of ours is left on it, and its password is nowhere in the run.
func TestCompareOnAGivenServer(t *testing.T) {
	started, err := server.StartPostgres(t.Context(), t.TempDir())
	if errors.Is(err, server.ErrNoPostgres) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := started.Close(); err != nil {
			t.Error(err)
		}
	}()
	fresh, err := started.Fresh(t.Context()) // only to know where the server is
	if err != nil {
		t.Fatal(err)
	}
	if err := started.Drop(t.Context(), fresh); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(fresh)
	if err != nil {
		t.Fatal(err)
	}
	at.RawQuery = "sslmode=disable" // without our schema
	password, _ := at.User.Password()

	runs := t.TempDir()
	cmd := exec.Command(binary, "compare", "--quick", "--rung", "given/naive", "--rung", "given/serializable", "--steps", "1", "--for", "300ms", "--rate", "50",
		"--postgres", at.String(), "--json", "-q", "--dir", runs)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, cmd.Stderr)
	}
	var doc run.Run
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatal(err)
	}
	c := doc.Comparison
	if len(c.Rungs) != 2 || len(c.Servers) != 1 || !strings.Contains(c.Servers[0].Says, "isolation") || !strings.HasPrefix(c.Servers[0].Label, "PostgreSQL ") {
		t.Errorf("%d rungs on %+v; want two on a PostgreSQL that says how it is set", len(c.Rungs), c.Servers)
	}
	for i := range c.Rungs {
		r := &c.Rungs[i]
		lost := r.Figures[0].Lost
		if naive := r.Name == "given/naive"; lost == nil || naive != (*lost > 0) {
			t.Errorf("%s lost %v", r.Name, lost)
		}
	}
	if left := schemas(t, at.String()); len(left) > 0 {
		t.Errorf("left on the server: %q", left)
	}
	if where := filesWith(t, runs, password); len(where) > 0 {
		t.Errorf("the password stands in %q", where)
	}
}

// schemas returns those on a server that contend has made.
func schemas(t *testing.T, at string) (names []string) {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	results, err := conn.Exec(t.Context(), `SELECT nspname FROM pg_namespace WHERE nspname LIKE 'contend%'`).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range results[0].Rows {
		names = append(names, string(row[0]))
	}
	return names
}

// filesWith returns the files under dir in which text stands.
func filesWith(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		body, err := os.ReadFile(path)
		if strings.Contains(string(body), text) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// The help names every rung that there can be.
func TestHelpNamesEveryRung(t *testing.T) {
	help := newCompareCommand(streams{}).Long
	x, err := ladder.New(run.Ladder{
		Nodes: 4, Driver: store.Modernc, Mixed: []string{"a", "b"}, Workloads: ladder.Workloads(), Clients: []int{1},
		Lasts: time.Second, Expect: ladder.DefaultExpect,
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, arm := range x.Arms {
		all = append(all, arm.Name)
	}
	for _, server := range []string{ladder.Postgres, ladder.Given, ladder.Rqlite} {
		all = append(all, ladder.Of(server)...)
	}
	for _, name := range all {
		for _, word := range strings.Split(name, "/") {
			if !strings.Contains(help, word) {
				t.Errorf("the help does not name %s of the rung %s", word, name)
			}
		}
	}
}
