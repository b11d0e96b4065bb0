package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
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

// A flag that is taken has the value that it says, for its key or for the only one.
func FuzzKnownValues(f *testing.F) {
	f.Add("k=7", "j=8")
	f.Add("7", "8")
	f.Add("a=b=-9", "=1")
	f.Fuzz(func(t *testing.T, first, second string) {
		var k knownValues
		for _, text := range []string{first, second} {
			if k.Set(text) != nil {
				return
			}
			key, number := "", text
			if cut := strings.LastIndexByte(text, '='); cut >= 0 {
				key, number = text[:cut], text[cut+1:]
			}
			want, err := strconv.ParseInt(number, 10, 64)
			if n, ok := k.of(key); err != nil || n != want || !ok || !k.given() {
				t.Errorf("%q is taken, and %q has %d, %t", text, key, n, ok)
			}
		}
	})
}
