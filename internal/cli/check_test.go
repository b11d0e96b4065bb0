package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The example of docs/history.md is judged as the document says.
func TestCheckDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/history.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string) string {
		_, rest, _ := strings.Cut(string(text), "```"+kind+"\n")
		block, _, _ := strings.Cut(rest, "```")
		return block
	}
	path := filepath.Join(t.TempDir(), "mine.jsonl")
	if err := os.WriteFile(path, []byte(block("jsonl")), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	code := run(t.Context(), []string{"check", "counter", path}, streams{strings.NewReader(""), &out, &errs})
	if code != exitSurprise || errs.String() != "" {
		t.Errorf("exit code %d, want %d; stderr %q", code, exitSurprise, errs.String())
	}
	if diff := cmp.Diff(block("text"), out.String()); diff != "" {
		t.Errorf("(-docs +printed)\n%s", diff)
	}
}
