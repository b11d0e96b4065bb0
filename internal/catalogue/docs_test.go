package catalogue

import (
	"os"
	"strings"
	"testing"
)

// The worked example of docs/experiments.md is code that compiles and an
// experiment that is whole.
func TestTheDocumentedExperimentIsReal(t *testing.T) {
	x := patienceNeeded(Options{})
	if err := x.Validate(); err != nil {
		t.Error(err)
	}
	code, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/experiments.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```go\n")
	documented, _, _ := strings.Cut(rest, "```\n")
	if documented != string(code) {
		t.Error("the example in docs/experiments.md is not the one in example_test.go: put the file there as it is")
	}
}
