package history

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// docs/history.md lists every field, and its example can be read.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/history.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```jsonl\n")
	example, _, _ = strings.Cut(example, "```")
	r := NewReader(strings.NewReader(example), "docs/history.md")
	n := 0
	for range r.Ops() {
		n++
	}
	if r.Err() != nil || n != 7 {
		t.Errorf("%d ops, want the 7 of the example: %v", n, r.Err())
	}

	_, table, _ := strings.Cut(string(text), "## Fields\n")
	table, _, _ = strings.Cut(table, "## ")
	var rows []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|").FindAllStringSubmatch(table, -1) {
		rows = append(rows, row[1])
	}
	var names []string
	for f := range fieldUnknown {
		names = append(names, f.String())
	}
	if got, want := strings.Join(rows, " "), strings.Join(names, " "); got != want {
		t.Errorf("the table has %s, want %s", got, want)
	}
}
