package cli

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A password in a URL comes out nowhere: not in an error, and not in what a run keeps. That
// right URLs of servers show none is tested where servers are: [TestCompareOnAGivenServer].
func TestNoPasswordIsShown(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no PostgreSQL and no rqlited of our own
	for _, secret := range []string{"s3cret", "s3cret/with:@and?#&=%", `s3cret "quoted' and \ spaced`, "s3cret\nin two lines"} {
		form := func(scheme string) (urls []string) {
			return []string{
				scheme + "u:" + secret + "@127.0.0.1:1/x",
				(&url.URL{Scheme: strings.TrimSuffix(scheme, "://"), User: url.UserPassword("u", secret), Host: "127.0.0.1:1", Path: "/x"}).String(),
				scheme + "127.0.0.1:1/x?password=" + url.QueryEscape(secret),
				scheme + "u:" + secret + "@127.0.0.1:notaport",
				scheme + "u:" + secret + "@[::1",
				"u:" + secret + "@127.0.0.1:1",
				"host=127.0.0.1 port=1 password='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(secret) + "'",
			}
		}
		var lines [][]string
		for _, u := range form("postgres://") {
			lines = append(lines, []string{"compare", "--rung", "given/*", "--postgres", u}, []string{"compare", "--rung", "queue", "--postgres", u},
				[]string{"node", "--driver", "pgx", "--listen", "127.0.0.1:0", "--db", u})
			if strings.Contains(u, "://") { // else it is the name of a file
				lines = append(lines, []string{"node", "--listen", "127.0.0.1:0", "--db", u})
			}
		}
		for _, u := range form("rqlite://") {
			lines = append(lines, []string{"node", "--driver", "rqlite", "--listen", "127.0.0.1:0", "--db", u})
			if strings.Contains(u, "\n") {
				continue // what follows is one line of CSV
			}
			lines = append(lines, []string{"compare", "--rung", "rqlite/*", "--rqlite=" + u}, []string{"compare", "--rung", "rqlite/*", "--rqlite=" + strings.TrimPrefix(u, "rqlite://")})
		}
		for _, u := range append(form("http://"), form("https://")...) {
			lines = append(lines, []string{"healthcheck", "--timeout", "100ms", "--url", u})
			if !strings.Contains(u, "\n") {
				lines = append(lines, []string{"run", "busy", "--arm", "red/burst", "--on=" + u})
			}
			if !strings.ContainsAny(u, " \n") && strings.Contains(u, "://") { // who names a file by a URL
				lines = append(lines, []string{"report", u}, []string{"check", "counter", u}, []string{"logs", u})
			}
		}
		for _, args := range lines {
			dir := t.TempDir()
			t.Chdir(dir)
			code, out, said := contend("", args...)
			if code == exitOK {
				t.Errorf("contend %q succeeded", args)
			}
			for where, text := range map[string]string{"stdout": out, "stderr": said} {
				if strings.Contains(text, "s3cret") {
					t.Errorf("contend %q shows it on %s: %s", args, where, text)
				}
			}
			if where := filesWith(t, dir, "s3cret"); len(where) > 0 {
				t.Errorf("contend %q keeps it in %q", args, where)
			}
		}
	}
}

// Nobody else on the machine reads what a run keeps.
func TestRunsAreTheirOwnersAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "runs")
	if out, err := program(t.TempDir(), "run", "busy", "--arm", "red/sequence", "--seed", "1", "-q", "--dir", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files := 0
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		switch {
		case err != nil:
			return err
		case info.IsDir() && info.Mode().Perm() != 0o700:
			t.Errorf("directory %s has mode %v", path, info.Mode())
		case strings.HasPrefix(info.Name(), "shared.db"): // SQLite made it, in such a directory
		case info.Mode().IsRegular() && info.Mode().Perm() != 0o600:
			t.Errorf("%s has mode %v", path, info.Mode())
		case info.Mode().IsRegular():
			files++
		}
		return nil
	})
	if err != nil || files < 5 {
		t.Errorf("%d files, %v; want run.json, report.html, a recording and logs", files, err)
	}
}
