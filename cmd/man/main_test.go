package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every verb has a page, with its flags and its examples.
func TestPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man")
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	for page, want := range map[string]string{
		"contend.1": "SQLite file", "contend-compare.1": "repeats", "contend-check-counter.1": "history", "contend-up.1": "balancer",
	} {
		text, err := os.ReadFile(filepath.Join(dir, page))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s lacks %q: %v", page, want, err)
		}
	}
}
