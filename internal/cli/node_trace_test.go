package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/contend/internal/locktrace"
)

// A node that is started again goes on where the one before it, killed in the
// middle of a line, has left off.
func TestTraceGoesOnAfterATornLine(t *testing.T) {
	const whole = `{"node":"app-1","kind":"write","began":1,"locked":2,"ended":3}` + "\n"
	for name, c := range map[string]struct {
		before string
		kept   int
	}{
		"no file":            {"", 0},
		"whole lines":        {whole + whole, 2},
		"a torn line":        {whole + whole[:30], 1},
		"nothing but a part": {whole[:30], 0},
		"much before it":     {strings.Repeat(whole, 200) + whole[:len(whole)-1], 200},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app-1.trace.jsonl")
			if c.before != "" {
				if err := os.WriteFile(path, []byte(c.before), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			write, stop, err := openTrace(path, "app-1")
			if err != nil {
				t.Fatal(err)
			}
			write(locktrace.Attempt{Kind: locktrace.Hold, Began: 7})
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			all, err := locktrace.Read(f)
			if err != nil || len(all) != c.kept+1 || all[c.kept].Began != 7 {
				t.Errorf("read %d attempts, %v; want %d and the new one", len(all), err, c.kept)
			}
		})
	}
}

func TestTraceThatCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	code, _, errs := runLine(t.Context(), "node", "--db", filepath.Join(dir, "x.db"), "--listen", "127.0.0.1:0", "--trace", dir)
	if code != exitCannotRun || !strings.Contains(errs, "open trace") {
		t.Errorf("exit %d:\n%s", code, errs)
	}
}
