// Package layers holds the test that keeps the imports pointing downward.
package layers

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "example.com/contend/"

// layers lists every package from the top down. A package may import only
// packages of lower layers: never its own layer, never one above.
var layers = [][]string{
	{"cmd/contend"},
	{"internal/cli"},
	{"internal/archive", "internal/place"},
	{"internal/report", "internal/catalogue", "internal/ladder", "internal/record"},
	{"internal/experiment", "internal/fault"},
	{"internal/cluster/remote", "internal/cluster/compose"},
	{"internal/cluster/local"},
	{"internal/cluster"},
	{"internal/docker", "deploy", "internal/load", "internal/balance", "internal/node", "internal/script", "internal/nodeclient", "internal/server/postgres", "internal/server/rqlite"},
	{"internal/app", "internal/run", "internal/store/sqlite", "internal/store/postgres", "internal/store/rqlite"},
	{"internal/workload", "internal/measure", "internal/store", "check"},
	{"internal/tagged", "internal/proc", "internal/quiet", "internal/api", "internal/trace", "internal/chart", "internal/logs", "internal/http1", "history"},
	{"internal/units"},
}

// apart lists packages that stand beside the tree: nothing imports them. So do
// the services in exhibits/ladder, of which the product uses only line counts.
var apart = []string{"internal/layers", "internal/testbin", "internal/testproc", "bench"}

// pure lists packages that only take and return values. They may read and
// write what they are handed, but reach no file, process or network by themselves.
var pure = map[string][]string{
	"check":            {"os", "os/exec", "net", "net/http", "syscall"},
	"history":          {"os", "os/exec", "net", "net/http", "syscall"},
	"internal/measure": {"os", "os/exec", "net", "net/http", "syscall"},
	"internal/report":  {"os", "os/exec", "net", "net/http", "syscall"},
	"internal/api":     {"os", "os/exec", "net", "syscall"},
	"internal/chart":   {"os", "os/exec", "net", "net/http", "syscall"},
	"internal/logs":    {"os", "os/exec", "net", "net/http", "syscall"},
	"internal/trace":   {"os", "os/exec", "net", "net/http", "syscall"},
	"internal/units":   {"os", "os/exec", "net", "net/http", "syscall"},
}

func TestImportsPointDownward(t *testing.T) {
	level := map[string]int{}
	for i, layer := range layers {
		for _, name := range layer {
			level[name] = i
		}
	}
	for name, imports := range packages(t) {
		if slices.Contains(apart, name) || strings.HasPrefix(name, "exhibits/") {
			continue
		}
		own, known := level[name]
		if !known {
			t.Errorf("%s stands in no layer: add it to this test and to docs/design.md", name)
			continue
		}
		for _, imported := range imports {
			rest, ours := strings.CutPrefix(imported, module)
			if ours && level[rest] <= own {
				t.Errorf("%s imports %s, which is not below it", name, rest)
			}
			if slices.Contains(pure[name], imported) {
				t.Errorf("%s imports %s, but it is to stay pure", name, imported)
			}
		}
	}
}

// clock is what reads the clock or waits for it. Package time itself is also
// where Duration lives, so an import says too little.
var clock = regexp.MustCompile(`\btime\.(Now|Since|Until|Sleep|After|AfterFunc|Tick|NewTimer|NewTicker)\b`)

func TestPurePackagesReadNoClock(t *testing.T) {
	for name := range pure {
		files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(name), "*.go"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s: no files (%v)", name, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if at := clock.Find(text); at != nil {
				t.Errorf("%s uses %s, but %s reads no clock", file, at, name)
			}
		}
	}
}

// packages returns the imports of every package of the module, tests left out.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("list packages: %v", err)
	}
	found := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if name, ours := strings.CutPrefix(fields[0], module); ours {
			found[name] = fields[1:]
		}
	}
	if len(found) < len(layers) {
		t.Fatalf("found only %d packages", len(found))
	}
	return found
}
