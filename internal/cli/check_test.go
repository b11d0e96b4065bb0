package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// worked matches an example of docs/history.md: a history, the checker, the
// exit code and what it prints.
var worked = regexp.MustCompile("(?s)```jsonl\n([^`]*)```\n.*?`contend check ([a-z]+) mine.jsonl` exits with ([0-9]) and says:\n\n```text\n([^`]*)```")

// The examples of docs/history.md are judged as the document says, and there
// is one for each checker.
func TestCheckDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/history.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, example := range worked.FindAllStringSubmatch(string(text), -1) {
		recorded, name, exit, says := example[1], example[2], example[3], example[4]
		shown[name] = true
		path := filepath.Join(t.TempDir(), "mine.jsonl")
		if err := os.WriteFile(path, []byte(recorded), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs strings.Builder
		code := execute(t.Context(), []string{"check", name, path}, streams{strings.NewReader(""), &out, &errs})
		if fmt.Sprint(code) != exit || errs.String() != "" {
			t.Errorf("%s: exit code %d, want %s; stderr %q", name, code, exit, errs.String())
		}
		if diff := cmp.Diff(says, out.String()); diff != "" {
			t.Errorf("%s: (-docs +printed)\n%s", name, diff)
		}
	}
	for _, c := range checkers {
		if !shown[c.name] {
			t.Errorf("%s has no worked example", c.name)
		}
	}
}
