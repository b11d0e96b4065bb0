package app

import (
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDifference(t *testing.T) {
	for _, tt := range []struct {
		name string
		a, b string
		want int
	}{
		{"nothing", "", "", 0},
		{"the same", "a b c", "a b c", 0},
		{"added at the end", "a b", "a b c", 1},
		{"added at the start", "b c", "a b c", 1},
		{"removed within", "a b c", "a c", 1},
		{"rewritten: one out, one in", "a b c", "a x c", 2},
		{"moved: one out, one in", "a b c", "b c a", 2},
		{"repeated lines match once each", "a a a", "a a", 1},
		{"nothing in common", "a b", "x y z", 5},
		{"from nothing", "", "x y", 2},
		{"several places", "a b c d e f", "a x c e y z f", 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := strings.Fields(tt.a), strings.Fields(tt.b)
			if got := difference(a, b); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
			if got := difference(b, a); got != tt.want {
				t.Errorf("the other way round it is %d, want %d", got, tt.want)
			}
		})
	}
}

// The figures are pinned: whoever changes a service sees what the ladder will say.
func TestLines(t *testing.T) {
	got := map[string]int{}
	for _, rung := range rungs(t) {
		changed, of, ok := Lines(rung)
		if want := 57; !ok || of != want {
			t.Errorf("%s: %d of %d, %v; want them of the %d lines of red", rung, changed, of, ok, want)
		}
		got[rung] = changed
	}
	want := map[string]int{
		"red": 0, "busy-timeout": 2, "wal": 2, "immediate": 14, "fair": 44, "queue": 134,
		"postgres-naive": 12, "postgres-read-committed": 20, "postgres-update": 20, "postgres-for-update": 28, "postgres-serializable": 42,
		"rqlite-naive": 66, "rqlite-update": 70,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("want -, got +\n" + diff)
	}
	if changed, of, ok := BalancerLines(); changed != 11 || of != 15 || !ok {
		t.Errorf("single-writer: %d of %d, %v; want 11 of 15 lines of nginx's", changed, of, ok)
	}
}

func TestLinesOfNoRung(t *testing.T) {
	for _, rung := range []string{"", "purple", "balancer", "../app", "/red", "red/", "single-writer/x"} {
		if changed, of, ok := Lines(rung); ok || changed != 0 || of != 0 {
			t.Errorf("Lines(%q) = %d, %d, %v; want nothing", rung, changed, of, ok)
		}
	}
}

// What is cut off as a comment is one: Go's own parser finds the same code.
func TestCodeAgreesWithParser(t *testing.T) {
	for _, rung := range rungs(t) {
		name := path.Join(rung, "app.go")
		text, err := fs.ReadFile(sources, name)
		if err != nil {
			t.Fatal(err)
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, text, parser.SkipObjectResolution) // without comments
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err := printer.Fprint(&out, files, file); err != nil {
			t.Fatal(err)
		}
		var want []string
		for line := range strings.Lines(out.String()) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "package ") {
				want = append(want, strings.Join(strings.Fields(line), " "))
			}
		}
		got, err := code(name)
		for i := range got {
			got[i] = strings.Join(strings.Fields(got[i]), " ") // gofmt aligns with comments in mind
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v: want -, got +\n%s", name, err, diff)
		}
	}
}

// The services are text here: a program that counts their lines has neither
// their drivers nor themselves in it.
func TestServicesAreNotLinked(t *testing.T) {
	size := 0
	for _, rung := range rungs(t) {
		text, err := fs.ReadFile(sources, path.Join(rung, "app.go"))
		if err != nil {
			t.Fatal(err)
		}
		size += len(text)
	}
	if size > 40<<10 {
		t.Errorf("the services are %d bytes of every program that imports this, want at most 40 KiB", size)
	}
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatalf("list dependencies: %v", err)
	}
	for name := range strings.Lines(string(out)) {
		if name = strings.TrimSpace(name); strings.Contains(name, ".") && !strings.HasSuffix(name, "internal/ladder/app") {
			t.Errorf("the package depends on %s, want the standard library alone", name)
		}
	}
}

// rungs returns the name of every rung that has a service.
func rungs(t *testing.T) []string {
	t.Helper()
	names, err := fs.Glob(sources, "*/app.go")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d services, %v", len(names), err)
	}
	for i := range names {
		names[i] = path.Dir(names[i])
	}
	return slices.Sorted(slices.Values(names))
}
