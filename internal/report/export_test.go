package report

import (
	"encoding/csv"
	"strings"
	"testing"
)

// Every table of a page is written, and a spreadsheet and Markdown read it as it is.
func TestTablesAreExported(t *testing.T) {
	for _, doc := range []struct {
		name string
		want []string // tables
	}{
		{"compare", []string{"the ladder", "rates, survival and lines changed", "counter, 100 clients", "counter", "mixed, 100 clients", "pools tried", "rates tried"}},
		{"lab", []string{"busy"}},
	} {
		run := labRun()
		if doc.name == "compare" {
			run = compareRun()
		}
		var sheet, text strings.Builder
		if err := CSV(&sheet, run); err != nil {
			t.Fatal(err)
		}
		if err := Tables(&text, run); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for part := range strings.SplitSeq(sheet.String(), "\n\n") {
			rows, err := csv.NewReader(strings.NewReader(part)).ReadAll() // as many fields in each
			if err != nil || len(rows) < 2 || rows[0][0] != "table" {
				t.Fatalf("%s: %v in\n%s", doc.name, err, part)
			}
			seen[rows[1][0]] = true
		}
		for _, name := range doc.want {
			if !seen[name] {
				t.Errorf("%s: no table is called %q: %v", doc.name, name, seen)
			}
			if !strings.Contains(text.String(), "## "+name+"\n\n| ") {
				t.Errorf("%s: Markdown has no table %q", doc.name, name)
			}
		}
	}
	var sheet strings.Builder
	if err := CSV(&sheet, compareRun()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"PostgreSQL 15.18: one UPDATE,", "'+ queue,", ",10938,"} {
		if !strings.Contains(sheet.String(), want) {
			t.Errorf("the sheet lacks %q:\n%s", want, sheet.String())
		}
	}
}

func TestValuesForASpreadsheet(t *testing.T) {
	for text, want := range map[string]string{
		"1,441": "1441", "0.5": "0.5", "": "", "–": "–", "-": "-", "~ 1,543": "~ 1,543", "+ queue": "'+ queue", "=1+1": "'=1+1", "@x": "'@x", "a,b": "a,b", "a\x1b[31m": "a\ufffd[31m",
	} {
		if got := value(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
