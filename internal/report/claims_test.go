package report

import (
	"bytes"
	"strings"
	"testing"

	"example.com/contend/internal/run"
)

func claimed(t testing.TB, doc *run.Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := Claims(&b, doc); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestClaims(t *testing.T) { golden(t, "claims", claimed(t, labRun())) }

// Every row of a table has as many cells as its head, whatever a file says.
func TestClaimsTablesAreWhole(t *testing.T) {
	for _, line := range strings.Split(claimed(t, labRun()), "\n") {
		if strings.HasPrefix(line, "|") {
			if n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); n != 5 {
				t.Errorf("%d bars, want 5: %s", n, line)
			}
		}
	}
}

func TestMarkdown(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"SQLITE_BUSY after 5000 ms", "SQLITE_BUSY after 5000 ms"},
		{"07_container_shared_filedb.md:122", "07_container_shared_filedb.md:122"},
		{"a|b", `a\|b`},
		{`a\|b`, `a\\\|b`},
		{"_emphasis_ and **more**", `\_emphasis\_ and \*\*more\*\*`},
		{"<b>&amp;</b>", "&lt;b&gt;&amp;amp;&lt;/b&gt;"},
		{"[a](http://evil.example)", `\[a\](http\://evil.example)`},
		{"www.evil.example", `www\.evil.example`},
		{"two\nlines `code`", "two lines \\`code\\`"},
		{"大量のBUSYエラー", "大量のBUSYエラー"},
	} {
		if got := markdown(tt.in); got != tt.want {
			t.Errorf("markdown(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}
