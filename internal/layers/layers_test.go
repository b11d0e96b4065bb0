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
	{"cmd/contend", "cmd/man"},
	{"internal/cli"},
	{"internal/archive", "internal/place"},
	{"internal/report", "internal/catalogue", "internal/ladder", "internal/record"},
	{"internal/experiment", "internal/chart", "internal/fault", "internal/scene", "internal/clean", "internal/doctor", "internal/watch"},
	{"internal/cluster/remote", "internal/cluster/compose", "internal/cluster/server"},
	{"internal/cluster/local"},
	{"internal/cluster"},
	{"internal/docker", "deploy", "internal/load", "internal/balance", "internal/node", "internal/nodeclient", "internal/locktap"},
	{"internal/app", "internal/run", "internal/store/sqlite", "internal/store/postgres", "internal/store/rqlite"},
	{"internal/workload", "internal/measure", "internal/store", "check"},
	{"internal/tagged", "internal/memory", "internal/proc", "internal/owner", "internal/quiet", "internal/locktrace", "internal/lockstate", "internal/logs", "internal/lint", "internal/http1", "history"},
	{"internal/display", "internal/jsonlimit"},
	{"internal/units", "internal/nodeapi", "internal/dbfile"},
}

// apart lists packages that stand beside the tree: nothing imports them. So do
// the services in exhibits/ladder, of which the product uses only line counts.
var apart = []string{"internal/layers", "internal/testbin", "internal/testproc", "bench", "attack"}

// pure lists packages that only take and return values. They may read and
// write what they get, but reach no file, process, network or database by themselves,
// and depend on no package that does. The value is what stands among the
// dependencies all the same.
var pure = map[string][]string{
	"check":               nil,
	"history":             nil,
	"internal/measure":    nil,
	"internal/logs":       nil,
	"internal/lint":       nil,
	"internal/locktrace":  nil,
	"internal/lockstate":  nil,
	"internal/units":      nil,
	"internal/dbfile":     nil,
	"internal/display":    nil,
	"internal/jsonlimit":  nil,
	"internal/store":      nil,
	"internal/nodeapi":    {"net", "net/http"}, // status codes, and the request that a handler reads
	"internal/run":        {"net", "net/http"}, // of internal/nodeapi; so in those below
	"internal/chart":      {"net", "net/http"},
	"internal/experiment": {"net", "net/http"},
	"internal/catalogue":  {"net", "net/http"},
	"internal/ladder":     {"net", "net/http"},
	"internal/report":     {"net", "net/http"},
}

// world matches packages that reach files, processes, networks or databases.
// Packages os and syscall are not among them, because package fmt depends on
// both: only importing them is forbidden.
var world = regexp.MustCompile(`^(os/exec|net|net/http|database/sql|(modernc\.org|github\.com/(ncruces|jackc))/.*|github\.com/mattn/go-sqlite3.*|` +
	module + `internal/(app|balance|clean|cluster|docker|doctor|fault|node|nodeclient|owner|place|proc|record|server|store/.*)(/.*)?)$`)

func TestImportsPointDownward(t *testing.T) {
	level := map[string]int{}
	for i, layer := range layers {
		for _, name := range layer {
			level[name] = i
		}
	}
	for name, p := range packages(t) {
		if slices.Contains(apart, name) || strings.HasPrefix(name, "exhibits/") {
			continue
		}
		own, known := level[name]
		if !known {
			t.Errorf("%s stands in no layer: add it to this test and to docs/design.md", name)
			continue
		}
		for _, imported := range p.imports {
			rest, ours := strings.CutPrefix(imported, module)
			if ours && level[rest] <= own {
				t.Errorf("%s imports %s, which is not below it", name, rest)
			}
		}
	}
}

func TestPurePackagesReachNothing(t *testing.T) {
	all := packages(t)
	for name, but := range pure {
		p, known := all[name]
		if !known {
			t.Errorf("%s is to be pure, and does not exist", name)
		}
		for _, imported := range p.imports {
			if imported == "os" || imported == "syscall" || imported == "os/exec" || imported == "net" {
				t.Errorf("%s imports %s, but must stay pure", name, imported)
			}
		}
		for _, dep := range p.deps {
			if world.MatchString(dep) && !slices.Contains(but, dep) {
				t.Errorf("%s depends on %s, but must stay pure", name, dep)
			}
		}
	}
	// What links the drivers must be seen to, or the pattern matches nothing.
	for _, driver := range []string{"modernc.org/sqlite", "github.com/jackc/pgx/v5/pgconn", "os/exec", module + "internal/docker", module + "internal/store/sqlite"} {
		if !slices.Contains(all["internal/cli"].deps, driver) || !world.MatchString(driver) {
			t.Errorf("internal/cli does not depend on %s, or the pattern does not match it", driver)
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

// A pkg is what a package needs, tests left out.
type pkg struct {
	imports []string
	deps    []string // imports, what those import, and so on
}

// packages returns every package of the module by its path within it.
func packages(t *testing.T) map[string]pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}|{{join .Imports " "}}|{{join .Deps " "}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("list packages: %v", err)
	}
	found := map[string]pkg{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), "|")
		if name, ours := strings.CutPrefix(fields[0], module); ours {
			found[name] = pkg{strings.Fields(fields[1]), strings.Fields(fields[2])}
		}
	}
	if len(found) < len(layers) {
		t.Fatalf("found only %d packages", len(found))
	}
	return found
}
