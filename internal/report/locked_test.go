package report

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"example.com/contend/internal/units"
)

// A lockedArm is a line of docs/locked.json, which scripts/locked.jq takes from the run that scripts/readme.sh has made.
type lockedArm struct {
	Experiment string   `json:"experiment"`
	Arm        string   `json:"arm"`
	Requests   int64    `json:"requests"`
	OK         int64    `json:"ok"`
	Refused    int64    `json:"refused"`
	Unknown    int64    `json:"unknown"`
	Lost       *int64   `json:"lost"`
	P50        float64  `json:"p50_ms"`
	Max        float64  `json:"max_ms"`
	WAL        *float64 `json:"wal_bytes"`
}

// lockedPages are the pages with such figures, and the heads of their tables.
var lockedPages = []struct{ file, head, sizes, again string }{
	{"database-is-locked.md", "| | requests | acknowledged | refused | lost | median wait | longest wait |", "| | WAL at its largest |", "Try it: "},
	{"database-is-locked.ja.md", "| | リクエスト | 受理 | 拒否 | 喪失 | 待ち時間の中央値 | 最長の待ち時間 |", "| | WAL の最大サイズ |", "試すには: "},
}

// effect matches a marker and what stands below it: <!-- effect: EXPERIMENT ARM = LABEL; EXPERIMENT ARM = LABEL -->.
var effect = regexp.MustCompile(`(?s)<!-- effect: (.*?) -->\n(.*?)<!-- end -->`)

// TestLockedPages holds the figures of docs/database-is-locked.md to docs/locked.json, and writes them with -update.
func TestLockedPages(t *testing.T) {
	data, err := os.ReadFile("../../docs/locked.json")
	if err != nil {
		t.Fatal(err)
	}
	var stored struct{ Arms []lockedArm }
	if err := json.Unmarshal(data, &stored); err != nil {
		t.Fatal(err)
	}
	const causes = 10
	for _, page := range lockedPages {
		path := "../../docs/" + page.file
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		blocks := 0
		got := effect.ReplaceAllStringFunc(string(text), func(block string) string {
			blocks++
			marker := effect.FindStringSubmatch(block)[1]
			return fmt.Sprintf("<!-- effect: %s -->\n%s<!-- end -->", marker, effectTable(t, stored.Arms, marker, page.head, page.sizes, page.again))
		})
		if blocks == 0 || strings.Count(string(text), "\n## ") < causes {
			t.Errorf("%s has %d blocks of figures", page.file, blocks)
		}
		if got == string(text) {
			continue
		}
		if !*update {
			t.Errorf("%s shows other figures than docs/locked.json has: go test ./internal/report -run Locked -update", page.file)
		} else if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	pageHeading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	pageLink    = regexp.MustCompile(`\]\(#([^)]*)\)`)
	unlinked    = regexp.MustCompile(`[^\p{L}\p{M}\p{Nd}\p{Pc}\- ]`) // what GitHub leaves out of a heading's anchor
)

// TestLockedPagesLinks holds links within the pages to their headings.
func TestLockedPagesLinks(t *testing.T) {
	for _, page := range lockedPages {
		text, err := os.ReadFile("../../docs/" + page.file)
		if err != nil {
			t.Fatal(err)
		}
		anchors := map[string]bool{}
		for _, m := range pageHeading.FindAllStringSubmatch(string(text), -1) {
			anchors[strings.ReplaceAll(unlinked.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
		}
		for _, m := range pageLink.FindAllStringSubmatch(string(text), -1) {
			if !anchors[m[1]] {
				t.Errorf("%s has no heading for #%s", page.file, m[1])
			}
		}
	}
}

// effectTable is the table of the arms that a marker names, and the command that runs them.
func effectTable(t *testing.T, all []lockedArm, marker, head, sizes, again string) string {
	var rows, command strings.Builder
	experiment := ""
	for _, entry := range strings.Split(marker, "; ") {
		name, label, named := strings.Cut(entry, " = ")
		wanted, arm, _ := strings.Cut(name, " ")
		found := lockedArm{}
		for _, a := range all {
			if a.Experiment == wanted && a.Arm == arm {
				found = a
			}
		}
		if !named || found.Arm == "" {
			t.Errorf("%q: docs/locked.json has no such arm", entry)
			continue
		}
		if found.WAL != nil {
			head = sizes
			fmt.Fprintf(&rows, "| %s | %s MiB |\n", label, units.Number(*found.WAL/(1<<20)))
		} else {
			lost := "?"
			if found.Lost != nil {
				lost = units.Count(*found.Lost)
			}
			fmt.Fprintf(&rows, "| %s | %s | %s | %s | %s | %s | %s |\n", label, units.Count(found.Requests), units.Count(found.OK), units.Count(found.Refused), lost,
				units.Milliseconds(found.P50), units.Milliseconds(found.Max))
		}
		if wanted != experiment {
			fmt.Fprintf(&command, " %s", wanted)
			experiment = wanted
		}
		fmt.Fprintf(&command, " --arm '%s'", arm)
	}
	columns := strings.Count(head, "|") - 1
	return fmt.Sprintf("%s\n|%s\n%s\n%s`contend run%s`\n", head, strings.Repeat("---|", columns), rows.String(), again, command.String())
}
