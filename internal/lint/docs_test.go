package lint

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

//go:generate go test . -run TestDocs -update

var update = flag.Bool("update", false, "write the tables of docs/lint.md")

// The tables of docs/lint.md are those of the code.
func TestDocs(t *testing.T) {
	const page = "../../docs/lint.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	rules := "| rule | what happens | experiment | which shows |\n|---|---|---|---|\n"
	for _, r := range Rules {
		rules += fmt.Sprintf("| `%s` | %s | `%s` | %s |\n", r.ID, r.Why, strings.Join(append([]string{r.Proof.Experiment}, r.Proof.Arms...), "` `"), r.Proof.Shows)
	}
	kept := "| image | file |\n|---|---|\n"
	for _, i := range images {
		if i.file != "" {
			kept += fmt.Sprintf("| %s | `%s` |\n", strings.Join(strings.Fields(i.names), ", "), i.file)
		}
	}
	systems := "| words | file system | which are |\n|---|---|---|\n"
	for _, row := range networkWords {
		systems += fmt.Sprintf("| %s | %s | %s |\n", row.words, row.is.Name, row.why)
	}
	want := string(text)
	for name, table := range map[string]string{"rules": rules, "images": kept, "networks": systems} {
		part := regexp.MustCompile(`(?s)<!-- ` + name + ` -->\n.*?<!-- end -->`)
		if !part.MatchString(want) {
			t.Fatalf("%s has no table %s", page, name)
		}
		want = part.ReplaceAllLiteralString(want, "<!-- "+name+" -->\n"+table+"<!-- end -->")
	}
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatalf("%s is stale: go generate ./internal/lint", page)
	}
	if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
